"""fit, History, recipes: what a user relies on, with models small enough to train in a test."""

import numpy as np
import paddle
import pytest

from paddle_vae import VAE, Dataset, Decoder, Encoder, InputError, fit, metrics, recipes, training


@pytest.fixture(scope="module")
def digits():
    """Sixty-four small blobs at random places: images that a VAE can learn something about."""
    rng = np.random.default_rng(0)
    images = np.zeros((64, 1, 28, 28), "uint8")
    for image, (row, column) in zip(images, rng.integers(2, 20, (64, 2)), strict=True):
        image[0, row : row + 6, column : column + 6] = 255
    return Dataset(images, rng.integers(0, 10, 64))


def small_vae(**arguments):
    return VAE(Encoder(channel=4, **arguments), Decoder(channel=4, **arguments))


def trained(digits, seed=0, **arguments):
    paddle.seed(seed)
    model = small_vae()
    history = fit(model, digits, epochs=3, batch_size=20, seed=seed, progress=False, **arguments)
    return model, history


def parameters(model):
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def test_training_lowers_the_loss(digits):
    _, history = trained(digits, learning_rate=1e-2)
    assert history.epochs[-1, 0] < 0.7 * history.epochs[0, 0]


def test_history_has_every_batch_and_parts_that_add_up(digits):
    _, history = trained(digits, test=digits, beta=0.5)
    assert history.steps.shape == (12, 3)  # 64 images in batches of 20, 20, 20 and 4
    assert history.epochs.shape == history.test.shape == (3, 3)
    total, reconstruction, kl = history.steps.T
    np.testing.assert_allclose(total, reconstruction + 0.5 * kl, rtol=1e-5)


def test_the_same_seed_gives_the_same_bytes(digits):
    assert parameters(trained(digits)[0]) == parameters(trained(digits)[0])


def test_another_seed_gives_other_bytes(digits):
    assert parameters(trained(digits)[0]) != parameters(trained(digits, seed=1)[0])


def test_evaluating_during_training_does_not_change_it(digits):
    assert parameters(trained(digits)[0]) == parameters(trained(digits, test=digits)[0])


def test_callbacks_are_called_after_every_epoch(digits):
    """In eval mode, without gradients, one after the other, with the history so far."""
    seen = []

    def look(model, history):
        assert not model.training and not paddle.is_grad_enabled()
        seen.append(("look", len(history.epochs), len(history.steps), len(history.test)))

    _, history = trained(digits, test=digits, callbacks=[look, lambda *_: seen.append("next")])
    assert seen == [
        ("look", 1, 4, 1),
        "next",
        ("look", 2, 8, 2),
        "next",
        ("look", 3, 12, 3),
        "next",
    ]
    np.testing.assert_allclose(history.epochs[0], history.steps[:4].mean(0))


def test_a_callback_does_not_change_the_training(digits):
    """Whatever it draws, and although it leaves the model in eval mode."""

    def disturb(model, history):
        paddle.seed(5)
        model.sample(3)
        model.train()

    model, history = trained(digits, callbacks=[disturb])
    assert parameters(model) == parameters(trained(digits)[0])
    assert not model.training


def test_training_goes_on_in_train_mode_after_a_callback(digits):
    modes = []
    model = small_vae()
    model.encoder.register_forward_pre_hook(lambda layer, _: modes.append(layer.training))
    fit(model, digits, epochs=2, batch_size=64, callbacks=[lambda *_: None], progress=False)
    assert modes == [True, True]


def test_one_cycle_rises_and_falls_and_else_the_rate_is_constant(digits, monkeypatch):
    rates = []
    step = paddle.optimizer.Adam.step

    def watched(self):
        rates.append(self.get_lr())
        step(self)

    monkeypatch.setattr(paddle.optimizer.Adam, "step", watched)
    fit(small_vae(), digits, epochs=10, batch_size=16, progress=False)  # 40 batches
    assert rates[0] < 0.2 * 3e-3 and rates[-1] < 0.02 * 3e-3
    assert max(rates) == pytest.approx(3e-3, rel=1e-3)
    peak = int(np.argmax(rates))
    assert 10 <= peak <= 13  # after 30 %
    assert (np.diff(rates[: peak + 1]) > 0).all() and (np.diff(rates[peak:]) < 0).all()
    rates.clear()
    fit(small_vae(), digits, epochs=1, one_cycle=False, learning_rate=1e-4, progress=False)
    assert rates == [1e-4]


def test_without_its_averages_adam_moves_every_weight_by_the_rate(digits):
    paddle.seed(0)
    model = small_vae()
    before = model.decoder.conv4.weight.numpy()
    how = {"epochs": 3, "batch_size": 64, "one_cycle": False, "learning_rate": 0.01}
    fit(model, digits, beta1=0.0, beta2=0.0, progress=False, **how)
    moved = np.abs(model.decoder.conv4.weight.numpy() - before) / 0.01  # by 1 up or down, thrice
    np.testing.assert_allclose(moved, np.where(moved > 2, 3, 1), atol=1e-2)


def test_the_curve_is_the_run_in_fewer_points():
    steps = np.arange(30.0).reshape(10, 3)
    history = training.History(steps, steps[:1], None)
    seen, mean = history.curve(4)
    assert list(seen) == [3, 6, 8, 10]
    np.testing.assert_allclose(mean[0], steps[:3].mean(0))
    np.testing.assert_allclose(mean[-1], steps[8:].mean(0))
    assert all(map(np.array_equal, history.curve(200), (np.arange(1, 11), steps)))


def test_a_conditional_model_trains(digits):
    history = fit(small_vae(conditional=True), digits, epochs=1, batch_size=64, progress=False)
    assert np.isfinite(history.steps).all()


def test_one_batch_is_a_training_run(digits):
    assert fit(small_vae(), digits, epochs=1, batch_size=64, progress=False).steps.shape == (1, 3)


def test_evaluate_is_the_mean_over_images_whatever_the_batches(digits):
    twice = Dataset(np.repeat(digits.images, 16, 0), np.repeat(digits.labels, 16))  # 1024 images
    model = trained(digits)[0]
    once, more = metrics.evaluate(model, digits), metrics.evaluate(model, twice)
    assert more.kl == pytest.approx(once.kl, rel=1e-5)
    assert more.total == pytest.approx(more.reconstruction + more.kl, rel=1e-6)


def test_nearest_distance_known_values():
    reference = np.stack([np.zeros((1, 4, 4)), np.ones((1, 4, 4))])
    images = np.stack([np.full((1, 4, 4), value) for value in (0.0, 0.25, 0.9, 3.0)])
    np.testing.assert_allclose(
        metrics.nearest_distance(images, reference), [0, 0.25, 0.1, 2], atol=1e-3
    )


def test_a_run_that_diverges_says_so(digits):
    with pytest.raises(FloatingPointError, match="loss"):
        trained(digits, learning_rate=1e6, one_cycle=False)


@pytest.mark.parametrize(
    "arguments", [{"epochs": 0}, {"epochs": 1, "batch_size": 0}, {"epochs": 1.5}]
)
def test_impossible_arguments(digits, arguments):
    with pytest.raises(InputError, match=list(arguments)[-1]):
        fit(small_vae(), digits, **arguments)


def test_an_empty_dataset():
    empty = Dataset(np.zeros((0, 1, 28, 28), "uint8"), np.zeros(0, "int64"))
    with pytest.raises(InputError, match="dataset"):
        fit(small_vae(), empty, epochs=1)


def test_history_plots_itself(digits):
    ax = trained(digits)[1].plot()
    assert [line.get_label() for line in ax.lines] == ["total", "reconstruction", "KL"]


def test_an_unknown_recipe():
    with pytest.raises(InputError, match="vae_3d.*choose one of.*vae_2d"):
        recipes.get("vae_3d")


AT_MOST = {"vae_2d": 130.0, "cvae_2d": 106.0}  # better than ten epochs of the same schedule


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_shipped_weights_give_the_recorded_loss(name):
    recipe = recipes.get(name)
    model = recipe.build()
    recorded = recipes.weights.load(model, recipes.weights_path(name))
    assert recorded["recipe"] == name
    assert int(recorded["epochs"]) == recipe.epochs
    assert int(recorded["seed"]) == recipe.seed
    loss = recipes.evaluate(name, model)
    assert loss.total == pytest.approx(float(recorded["loss"]), rel=1e-3)
    assert loss.total <= AT_MOST.get(name, np.inf)
    assert loss.kl == pytest.approx(float(recorded["kl"]), rel=1e-3)
