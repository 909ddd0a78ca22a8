"""The table of experiments: every row runs, and what is saved of a run comes back."""

import re

from paddle_vae import data, losses, metrics, recipes, runs, training, weights

import numpy as np
import pytest
from refusal import refused

SHIPPED = sorted((data.folder() / "weights").glob("*.safetensors"))


def arrays(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def run_of(batches):
    """A History as fit returns it, of that many batches."""
    steps = np.random.default_rng(0).random((batches, 3)) * 100
    return training.History(steps, steps[:1], None)


@pytest.fixture(scope="module")
def two():
    """The first two test images of every dataset, read once."""
    return {source: data.load(source, "test")[:2] for source in data.KNOWN}


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_runs_on_its_images(name, two, monkeypatch):
    monkeypatch.setattr(data, "load", lambda source, split: two[source])
    recipe, model = recipes.get(name), recipes.build(name)
    batch = data.batches(recipe.dataset("test"), 2, recipe.value_range, binarize=recipe.binarize)
    image, label = next(batch)
    loss = losses.parts(model(image, label), image, recipe.reconstruction, recipe.beta)
    assert all(np.isfinite(part.item()) for part in loss)
    assert loss.reconstruction.item() > 0
    model.eval()
    evaluated = recipes.evaluate(name, model)
    assert np.isfinite(evaluated.total)
    assert recipe.name == name and all(0 < epoch < recipe.epochs for epoch in recipe.checkpoints)


def test_the_seed_of_build_fixes_the_weights():
    one, same, other = (arrays(recipes.build("mlp_vae_10d", seed)) for seed in (None, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not all(np.array_equal(one[name], other[name]) for name in one)


def test_cross_entropy_only_of_logits_and_of_pixels_in_0_1():
    for name, recipe in recipes.RECIPES.items():
        if recipe.reconstruction is losses.binary_cross_entropy:
            assert recipe.value_range == (0, 1), name
            assert recipes.build(name).decoder.logits, name
        else:
            assert not recipes.build(name).decoder.logits, name


def test_train_follows_the_recipe(two, monkeypatch):
    """The row's schedule, or the lesson's own; callbacks reach fit."""
    found = []
    monkeypatch.setattr(data, "load", lambda source, split: two[source])
    monkeypatch.setattr(training, "fit", lambda model, dataset, **how: found.append(how))
    recipes.train("mlp_vae_10d", progress=False)
    recipes.train("mlp_vae_10d", lesson=True, callbacks=[print], seed=3)
    recipes.train("fashion_vae_10d", epochs=2)
    ours, lesson, fashion = found
    recipe = recipes.get("mlp_vae_10d")
    assert (ours["epochs"], ours["learning_rate"], ours["one_cycle"]) == (recipe.epochs, 3e-3, True)
    assert ours["seed"] == recipe.seed and ours["value_range"] == (0, 1)
    assert (lesson["batch_size"], lesson["learning_rate"], lesson["one_cycle"]) == (32, 1e-3, False)
    assert (lesson["callbacks"], lesson["seed"]) == ([print], 3)
    assert (fashion["epochs"], fashion["batch_size"]) == (2, 512)
    assert fashion["reconstruction"] is losses.binary_cross_entropy
    refused(lambda: recipes.train("cvae_2d", lesson=True), "cvae_2d", "lesson")


def test_the_lessons_own_schedule_of_vae_2d():
    """As the source has it: Adam 1e-4 with beta1 0.5, batches of 64, 100 epochs."""
    row = recipes.scheduled("vae_2d", lesson=True)
    assert (row.learning_rate, row.one_cycle, row.beta1, row.beta2) == (1e-4, False, 0.5, 0.999)
    assert (row.epochs, row.batch_size) == (100, 64)


def test_the_likelihood_that_a_loss_stands_for():
    assert isinstance(recipes.get("mlp_vae_20d").likelihood, metrics.Bernoulli)
    gaussian = recipes.get("conv_vae_100d").likelihood
    assert (gaussian.variance, gaussian.value_range) == (0.5, (0, 1))


def test_paths_of_weights(tmp_path):
    assert recipes.weights_path("vae_2d", tmp_path) == tmp_path / "vae_2d.safetensors"
    path = recipes.weights_path("fashion_vae_10d", tmp_path, 50)
    assert path == tmp_path / "fashion_vae_10d_epoch50.safetensors"
    assert recipes.weights_path("vae_2d").parent == data.folder() / "weights"
    refused(lambda: recipes.weights_path("fashion_vae_10d", epoch=2), "epoch is 2", "1, 50")
    refused(lambda: recipes.weights_path("vae_2d", epoch=1), "epoch is 1", "vae_2d")


@pytest.mark.parametrize("name", ["mlp_vae_10d", "mlp_vae_20d"])  # in 32 bits and in 16
def test_save_load_and_curve(tmp_path, name):
    model, history = recipes.build(name, seed=5), run_of(450)
    path = recipes.save(name, model, tmp_path / "new", history=history, loss=12.5)
    assert path.parent == tmp_path / "new"
    loaded = recipes.load(name, tmp_path / "new")
    assert not loaded.training
    half = recipes.get(name).half
    for key, array in arrays(model).items():
        expected = array.astype("float16").astype("float32") if half else array
        np.testing.assert_array_equal(arrays(loaded)[key], expected)
    seen, mean = recipes.curve(name, tmp_path / "new")
    assert mean.shape == (200, 3) and seen[-1] == 450
    np.testing.assert_array_equal(seen, history.curve()[0])
    np.testing.assert_allclose(mean, history.curve()[1], atol=1e-4)
    assert weights.load(loaded, path)["loss"] == "12.5"


def test_a_file_without_a_curve(tmp_path):
    model = recipes.build("mlp_vae_10d")
    path = recipes.save("mlp_vae_10d", model, tmp_path)
    refused(lambda: recipes.curve("mlp_vae_10d", tmp_path), path, "curve")
    for curve in ("[]", "no JSON", "[[1, 2], [3]]", "[[1], [[1, 2]]]", "3"):
        recipes.save("mlp_vae_10d", model, tmp_path, curve=curve)
        refused(lambda: recipes.curve("mlp_vae_10d", tmp_path), path, "curve")
    refused(lambda: recipes.curve("mlp_vae_20d", tmp_path), "mlp_vae_20d.safetensors")


def test_records_of_the_lessons_schedule(tmp_path):
    refused(lambda: recipes.lesson_record("mlp_vae_10d", tmp_path), "mlp_vae_10d", "--lesson")
    for name, total in (("mlp_vae_10d", 30.0), ("mlp_vae_20d", 110.0), ("mlp_vae_10d", 31.0)):
        row = recipes.scheduled(name, lesson=True)
        runs.record_lesson(row, losses.Loss(total, total - 5, 5.0), 20, tmp_path)
    record = recipes.lesson_record("mlp_vae_10d", tmp_path)
    assert (record["loss"], record["reconstruction"], record["kl"]) == (31.0, 26.0, 5.0)
    assert (record["epochs"], record["batch_size"], record["learning_rate"]) == (20, 32, 1e-3)
    assert recipes.lesson_record("mlp_vae_20d", tmp_path)["loss"] == 110.0


@pytest.mark.parametrize("text", ["{", "[]", '{"mlp_vae_10d": 1}', "\xff", "[" * 100_000])
def test_damaged_records(text, tmp_path):
    path = runs.lessons_path(tmp_path)
    path.write_text(text, "latin-1")
    row = recipes.scheduled("mlp_vae_10d", lesson=True)
    refused(lambda: recipes.lesson_record("mlp_vae_10d", tmp_path), path, "damaged")
    refused(lambda: runs.record_lesson(row, (3.0, 2.0, 1.0), 5, tmp_path), path, "damaged")
    assert path.read_text("latin-1") == text


def test_folders_of_runs(tmp_path, monkeypatch):
    assert runs.folder() == data.folder() / "weights"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    assert runs.folder("~/mine") == tmp_path / "mine"
    refused(lambda: runs.folder(""), "folder")


def test_prepare_leaves_what_is_there(tmp_path):
    path = tmp_path / "new" / "a.safetensors"
    runs.prepare(path, 3_000_000)
    assert list(path.parent.iterdir()) == []
    path.write_text("kept")
    runs.prepare(path, 10)
    assert path.read_text() == "kept" and list(path.parent.iterdir()) == [path]
    refused(lambda: runs.prepare(path / "b", 10), path, "cannot be made")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_weights_belong_to_a_recipe(path):
    """Checkpoints, too; what the trained ones are worth is tested in test_training.py."""
    if path.stem == "classifier":  # no recipe: test_metrics.py has it
        return
    name, epoch = re.fullmatch(r"(\w+?)(?:_epoch(\d+))?", path.stem).groups()
    epoch = epoch and int(epoch)
    assert recipes.weights_path(name, epoch=epoch) == path
    model = recipes.load(name, epoch=epoch)
    assert all(np.isfinite(array).all() for array in arrays(model).values())


def test_the_shipped_weights_are_small():
    assert sum(path.stat().st_size for path in SHIPPED) < 25_000_000
