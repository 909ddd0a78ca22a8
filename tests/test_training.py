"""fit, History, recipes: what a user relies on, with models small enough to train in a test."""

import signal
import warnings
from functools import partial

from paddle_vae import (
    VAE,
    Autoencoder,
    Dataset,
    Decoder,
    Encoder,
    InputError,
    data,
    fit,
    losses,
    metrics,
    recipes,
    training,
)
from paddle_vae.callbacks import LiveView
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
import pytest
from matplotlib import pyplot as plt
from paddle.autograd import PyLayer
from refusal import refused


@pytest.fixture(scope="module")
def digits():
    """Sixty-four small blobs at random places: images that a VAE can learn something about."""
    rng = np.random.default_rng(0)
    images = np.zeros((64, 1, 28, 28), "uint8")
    for image, (row, column) in zip(images, rng.integers(2, 20, (64, 2)), strict=True):
        image[0, row : row + 6, column : column + 6] = 255
    return Dataset(images, rng.integers(0, 10, 64))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


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


GOOD = {"epochs": 1, "progress": False}
HUGE = 10**26
NAN = float("nan")
WRONG = {
    "epochs": (0, -1, 1.5, True, "3", None, NAN, HUGE, paddle.to_tensor([[1], [2]])),
    "batch_size": (0, -1, 1.5, True, "64", NAN, HUGE),
    "learning_rate": (0, -1e-3, NAN, float("inf"), HUGE, True, "0.001", None),
    "beta": (-1, NAN, HUGE, True, "1", None),
    "beta1": (-0.1, 1, NAN, True, "0.9"),
    "beta2": (-0.1, 1, HUGE, NAN, True),
    "value_range": ((1, 0), (0, 0), (0, NAN), (-HUGE, HUGE), (False, True), ("0", "1"), 1, "01"),
    "seed": (-1, 0.5, True, "0", 2**32),
    "reconstruction": (None, "squared_error", 1.0),
    "callbacks": (None, 1, "abc", [print, None], print, LiveView, [LiveView], ["LiveView"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_impossible_arguments_are_refused_before_the_first_step(digits, name):
    model = small_vae()
    before = parameters(model)
    for value in WRONG[name]:
        refused(lambda value=value: fit(model, digits, **{**GOOD, name: value}), name)
    assert parameters(model) == before


def test_numpys_numbers_are_numbers(digits):
    numbers = {"epochs": 3, "batch_size": 20, "beta1": 0.5, "beta2": 0.5, "beta": 2, "seed": 3}
    taken = {name: np.array(value)[()] for name, value in numbers.items()}
    ours, theirs = {}, {}
    for found, arguments in ((ours, numbers), (theirs, taken)):
        paddle.seed(0)
        model = small_vae()
        how = {"learning_rate": np.float64(1e-3), "value_range": [np.float32(-1), np.int64(1)]}
        fit(model, digits, progress=False, **how, **arguments)
        found["weights"] = parameters(model)
    assert ours == theirs


def test_what_is_no_model_is_refused(digits):
    for model in (VAE, None, "vae_2d", lambda image, label: image):
        refused(lambda model=model: fit(model, digits, **GOOD), "model is")


def test_a_test_set_that_does_not_fit_is_refused_before_the_first_step(digits):
    empty = Dataset(digits.images[:0], digits.labels[:0])
    padded = Dataset(np.pad(digits.images, ((0, 0), (0, 0), (2, 2), (2, 2))), digits.labels)
    refused(lambda: fit(small_vae(), digits, test=empty, **GOOD), "test is empty")
    refused(lambda: fit(small_vae(), digits, test=padded, **GOOD), "(1, 32, 32)", "(1, 28, 28)")


# A loss that does not fit the decoder


def mlp_vae(logits):
    return VAE(MLPEncoder(2, (4,)), MLPDecoder(2, (4,), logits=logits))


ENTROPY = {"reconstruction": losses.binary_cross_entropy}
PARTIAL = {"reconstruction": partial(losses.binary_cross_entropy)}
UNIT = {"value_range": (0, 1)}


@pytest.mark.parametrize(
    "make, arguments, words",
    [
        (lambda: mlp_vae(True), ENTROPY, ("value_range is (-1.0, 1.0)", "value_range=(0, 1)")),
        (lambda: mlp_vae(True), PARTIAL, ("value_range is (-1.0, 1.0)", "value_range=(0, 1)")),
        (lambda: mlp_vae(False), ENTROPY | UNIT, ("puts out images", "logits=True")),
        (lambda: mlp_vae(True), UNIT, ("puts out logits", "losses.binary_cross_entropy")),
        (lambda: mlp_vae(False), {}, ("from 0 to 1", "value_range=(0, 1)")),
        (small_vae, {"value_range": (0, 255)}, ("from -1 to 1", "value_range=(-1, 1)")),
    ],
)
def test_a_loss_that_does_not_fit_the_decoder_is_refused(digits, make, arguments, words):
    model = make()
    before = parameters(model)
    refused(lambda: fit(model, digits, **GOOD, **arguments), *words)
    assert parameters(model) == before
    refused(lambda: metrics.evaluate(model, digits, **arguments), words[1])


def test_losses_that_fit_are_not_refused(digits):
    fit(mlp_vae(True), digits, **GOOD, **ENTROPY, **UNIT)
    fit(mlp_vae(False), digits, **GOOD, **UNIT)
    own = lambda image, target: (image - target).abs().flatten(1).sum(1)  # noqa: E731
    fit(mlp_vae(True), digits, **GOOD, **UNIT, reconstruction=own)


def test_a_mean_over_the_batch_is_refused_at_the_first_step(digits):
    """paddle.nn.functional.mse_loss: the KL would fall to 0."""
    model = small_vae()
    before = parameters(model)
    scalar = paddle.nn.functional.mse_loss
    refused(lambda: fit(model, digits, **GOOD, reconstruction=scalar), "reconstruction", "shape []")
    assert parameters(model) == before and not model.training


# Training that ends early


class Interrupt(PyLayer):
    """Ctrl-C in the middle of a backward pass, where Paddle makes an OSError of it."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, dy):
        raise KeyboardInterrupt


def interrupted_at(step):
    """A reconstruction term that is interrupted at that step, in the backward pass."""
    count = iter(range(1, 1_000_000))

    def term(image, target):
        error = losses.squared_error(image, target)
        return Interrupt.apply(error) if next(count) == step else error

    return term


def is_tidy(model):
    return not model.training and all(weight.grad is None for weight in model.parameters())


def test_ctrl_c_in_a_backward_pass(digits):
    """64 images in batches of 20, and the term once more for `test`: in the second epoch."""
    paddle.seed(0)
    model = small_vae()
    how = {"epochs": 3, "batch_size": 20, "progress": False, "test": digits}
    with pytest.raises(KeyboardInterrupt):
        fit(model, digits, reconstruction=interrupted_at(7), **how)
    assert is_tidy(model)
    history = model.history
    assert (history.steps.shape, history.epochs.shape) == ((5, 3), (1, 3))
    assert history.test.shape == (1, 3)
    history.plot()
    again = fit(model, digits, **how)  # and the model can be used and trained
    assert model.history is again and len(again.epochs) == 3


def test_ctrl_c_at_any_moment(digits):
    if not hasattr(signal, "setitimer"):
        pytest.skip("no timers here")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for delay in (0.15, 0.27, 0.4):
            model = small_vae()
            signal.setitimer(signal.ITIMER_REAL, delay)
            with pytest.raises(KeyboardInterrupt):
                fit(model, digits, epochs=100_000, batch_size=20, progress=False)
            assert is_tidy(model) and len(model.history.steps) >= 4 * len(model.history.epochs)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [StopIteration, RuntimeError, KeyboardInterrupt, OSError])
def test_a_callback_that_raises(digits, error):
    def fail(model, history):
        paddle.seed(5)
        if len(history.epochs) == 2:
            raise error("by the callback")

    model = small_vae()
    with pytest.raises(error, match="by the callback"):
        fit(model, digits, epochs=3, batch_size=20, progress=False, callbacks=[fail])
    assert is_tidy(model)
    assert (len(model.history.steps), len(model.history.epochs)) == (8, 2)


def test_gradients_are_on_again_after_an_interrupted_callback(digits):
    def stop(model, history):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(small_vae(), digits, callbacks=[stop], **GOOD)
    assert paddle.is_grad_enabled()


def test_gradients_are_on_again_after_a_callback_that_trains(digits):
    def train(model, history):
        fit(small_vae(), digits, **GOOD)

    fit(small_vae(), digits, callbacks=[train], **GOOD)
    assert paddle.is_grad_enabled()


@pytest.mark.parametrize("value", [float("inf"), NAN])
def test_a_loss_that_is_no_number_stops_at_its_step(digits, value):
    """Also where the next one would be finite again."""
    count = iter(range(1, 100))

    def term(image, target):
        error = losses.squared_error(image, target)
        return error + value if next(count) == 3 else error

    model = small_vae()
    with pytest.raises(FloatingPointError, match=r"loss is (inf|nan) at step 3.*learning_rate"):
        fit(model, digits, epochs=3, batch_size=20, progress=False, reconstruction=term)
    assert is_tidy(model) and len(model.history.steps) == 3


@pytest.mark.parametrize("look", [[], [lambda *_: pytest.fail("a callback saw it")]])
def test_weights_that_the_last_update_made_no_numbers(digits, look):
    """The loss is finite, and its gradient is not: that of the root of 0."""

    def term(image, target):
        nothing = (image - image).square().flatten(1).sum(1).sqrt()
        return losses.squared_error(image, target) + nothing

    model = small_vae()
    with pytest.raises(FloatingPointError, match="weight is no finite number at step 1"):
        fit(model, digits, batch_size=64, reconstruction=term, callbacks=look, **GOOD)
    assert is_tidy(model) and np.isfinite(model.history.steps).all()


class Pairs(paddle.io.Dataset):
    """Images, each its own target, as paddle.Model takes them."""

    def __init__(self, dataset):
        self.images = data.scale(dataset.images).numpy()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.images[i]


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
def test_paddles_own_loop_trains_the_models(digits, kind):
    """paddle.Model, where `inputs` says that the label is not for the network. Its evaluate is for
    a VAE only: of an autoencoder's output it stumbles over the logvar, which is None."""
    paddle.seed(0)
    autoencoder = Autoencoder(Encoder(channel=4, variational=False), Decoder(channel=4))
    model = small_vae() if kind is VAE else autoencoder
    own = paddle.Model(model, paddle.static.InputSpec([None, 1, 28, 28], "float32", "image"))
    adam = paddle.optimizer.Adam(3e-3, parameters=model.parameters())
    own.prepare(adam, lambda *given: losses.parts(given[:-1], given[-1]).total)
    before = metrics.evaluate(model, digits).total
    own.fit(Pairs(digits), batch_size=16, epochs=3, verbose=0)
    after = metrics.evaluate(model, digits).total
    assert after < 0.9 * before
    if kind is VAE:
        (found,) = own.evaluate(Pairs(digits), batch_size=64, verbose=0)["loss"]
        assert found == pytest.approx(after, rel=0.05)  # other noise
    count = sum(weight.size for weight in model.parameters())
    assert own.summary((1, 1, 28, 28))["total_params"] == count


def test_an_empty_dataset():
    empty = Dataset(np.zeros((0, 1, 28, 28), "uint8"), np.zeros(0, "int64"))
    with pytest.raises(InputError, match="dataset"):
        fit(small_vae(), empty, epochs=1)


def test_history_plots_itself(digits):
    ax = trained(digits)[1].plot()
    assert [line.get_label() for line in ax.lines] == ["total", "reconstruction", "KL"]
    assert ax.get_ylim()[0] == 0


def test_history_plots_the_test_at_the_ends_of_epochs(digits):
    steps, test = np.ones((10, 3)), np.ones((2, 3))
    ax = training.History(steps, test, test, 4).plot()  # stopped in the third epoch
    assert [list(line.get_xdata()) for line in ax.lines[1::2]] == [[4, 8]] * 3


def test_history_plots_negative_losses():
    """Those of a density, say: an axis from 0 would hide them."""
    steps = np.linspace(5, -5, 30).reshape(10, 3)
    for history in (
        training.History(steps, steps[:1], None),
        training.History(abs(steps), steps[:1], steps[-1:]),
    ):
        ax = history.plot()
        assert ax.get_ylim()[0] < steps[-1].min()


def test_history_plots_a_single_step():
    steps = np.array([[3.0, 2.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = training.History(steps, steps, steps).plot()
        ax.figure.canvas.draw()
    assert all(line.get_marker() in ".o" for line in ax.lines)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 30])
def test_history_counts_batches_in_whole_numbers(count):
    steps = np.ones((count, 3))
    ax = training.History(steps, steps[:1], None).plot()
    ticks = ax.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_history_of_no_steps_is_refused():
    empty = np.zeros((0, 3))
    refused(training.History(empty, empty, None).plot, "no steps")
    refused(lambda: training.History(np.ones((2, 3)), empty, None).curve(0), "points")


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
