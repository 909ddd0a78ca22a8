"""fit(checkpoint=...): what survives a kill, a stop, a full disk, and what is refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from paddle_vae import VAE, Dataset, Decoder, Encoder, checkpoints, fit, losses
from paddle_vae.training import Stopped

import numpy as np
import paddle
import pytest
from refusal import refused
from safetensors.numpy import load_file

same_bytes = pytest.mark.skipif(
    not checkpoints.COMPLETE, reason="Paddle 2 does not tell all of a CPU's random state"
)
HOW = {"epochs": 3, "batch_size": 10, "progress": False}


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(0)
    return Dataset(rng.integers(0, 256, (64, 1, 28, 28), "uint8"), rng.integers(0, 10, 64))


def small(seed=0):
    paddle.seed(seed)
    return VAE(Encoder(channel=2), Decoder(channel=2))


def everything(model):
    """All that a run leaves: its weights and its losses, as bytes."""
    found = [weight.numpy() for weight in model.state_dict().values()]
    history = model.history
    found += [history.steps, history.epochs]
    return [array.tobytes() for array in found]


class Kill(Exception):
    """Ends fit in the middle, as a kill does: nothing is saved after it."""


def killed_at(step):
    """A reconstruction term that ends the run at that batch."""
    count = iter(range(1, 1000))

    def squared_error(image, target):
        if next(count) == step:
            raise Kill
        return losses.squared_error(image, target)

    squared_error.__qualname__ = "squared_error"  # the settings name it
    return squared_error


def whole(digits, **how):
    """The run that nothing stopped."""
    model = small()
    fit(model, digits, **HOW | how)
    return model


@same_bytes
@pytest.mark.parametrize(
    "step, how",
    [
        (1, {}),
        (7, {"binarize": True}),
        (8, {"one_cycle": False}),
        (13, {}),
        (21, {"binarize": True}),
    ],
)
def test_a_run_goes_on_to_the_same_bytes(digits, tmp_path, step, how):
    """Killed at that batch, of 7 an epoch; saved after every second one. The random states of
    before, and the layers made meanwhile, do not matter."""
    how = how | {"checkpoint": tmp_path / "run", "save_every": 2}
    with pytest.raises(Kill):
        fit(small(), digits, **HOW | how, reconstruction=killed_at(step))
    model = small(seed=5 if step > 2 else 0)  # before the second batch, nothing is saved
    np.random.seed(step)
    history = fit(model, digits, **HOW | how)
    expected = whole(digits, **{key: how[key] for key in how.keys() - {"checkpoint", "save_every"}})
    assert len(history.steps) == 21
    assert everything(model) == everything(expected)


def test_a_finished_run_is_only_read(digits, tmp_path):
    model, again = small(), small(1)
    fit(model, digits, **HOW, checkpoint=tmp_path)
    before = (tmp_path / "last.safetensors").stat().st_mtime_ns
    fit(again, digits, **HOW, checkpoint=tmp_path)
    assert everything(again) == everything(model)
    assert (tmp_path / "last.safetensors").stat().st_mtime_ns == before


def test_saving_changes_nothing(digits, tmp_path):
    model = small()
    fit(model, digits, **HOW, checkpoint=tmp_path, save_every=1)
    assert everything(model) == everything(whole(digits))


def test_numpys_random_state_is_saved_too(digits, tmp_path):
    """For a callback, or a loss, that draws from it."""

    def run(kill, folder):
        drawn, count = [], iter(range(1, 100))

        def draw(model, history):
            if next(count) == kill:
                raise Kill
            drawn.append(np.random.normal())

        how = HOW | {"checkpoint": tmp_path / folder, "callbacks": [draw]}
        try:
            fit(small(), digits, **how)
        except Kill:
            drawn += run(0, folder)
        return drawn

    np.random.seed(3)
    expected = run(0, "whole")
    np.random.seed(3)
    assert run(3, "stopped") == expected and len(expected) == 3


@same_bytes
def test_batch_norm_goes_on_too(tmp_path):
    from paddle_vae.networks import ConvDecoder, ConvEncoder

    pixels = np.random.default_rng(0).integers(0, 256, (8, 1, 32, 32), "uint8")
    dataset = Dataset(pixels, np.arange(8))
    how = {"epochs": 2, "batch_size": 4, "value_range": (0, 1), "progress": False}

    def conv():
        paddle.seed(0)
        return VAE(ConvEncoder(2, (2, 2, 2)), ConvDecoder(2, (2, 2, 2)))

    expected, model, how["save_every"] = conv(), conv(), 1
    fit(expected, dataset, **how)
    with pytest.raises(Kill):
        fit(conv(), dataset, **how, checkpoint=tmp_path, reconstruction=killed_at(3))
    fit(model, dataset, **how, checkpoint=tmp_path)
    assert everything(model) == everything(expected)


# --- killed from outside ---

SCRIPT = """
import sys
import numpy as np
from paddle_vae import VAE, Dataset, fit, weights
from paddle_vae.networks import MLPDecoder, MLPEncoder
import paddle

rng = np.random.default_rng(0)
digits = Dataset(rng.integers(0, 256, (256, 1, 28, 28), "uint8"), rng.integers(0, 10, 256))
paddle.seed(0)
model = VAE(MLPEncoder(2, (16,)), MLPDecoder(2, (16,)))
how = {"checkpoint": sys.argv[1] or None, "save_every": 3, "value_range": (0, 1), "progress": False}
print("training", flush=True)
history = fit(model, digits, epochs=int(sys.argv[3]), batch_size=8, test=digits[:50], **how)
curve = history.steps.tobytes().hex() + history.test.tobytes().hex()
weights.save(model, sys.argv[2], {"curve": curve})
"""


def process(*arguments, **more):
    root = str(Path(checkpoints.__file__).parents[1])
    env = os.environ | {"PYTHONPATH": root, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


@same_bytes
def test_killed_ten_times_at_random_moments(tmp_path):
    """kill -9, wherever it hits: between two batches, in one, while a checkpoint is written."""
    rng, last = np.random.default_rng(), tmp_path / "run" / "last.safetensors"
    for kill in range(10):
        run = process(tmp_path / "run", tmp_path / "killed", 15)
        assert run.stdout.readline() == b"training\n", run.communicate()
        before = last.stat().st_mtime_ns if last.exists() else 0
        while kill % 3 and (last.stat().st_mtime_ns if last.exists() else 0) == before:
            assert run.poll() is None, run.communicate()
            time.sleep(0.002)  # so that it gets on, however slow the machine is
        time.sleep(rng.uniform(0, 0.05))
        assert run.poll() is None, "it ended before it was killed ten times"
        run.kill()
        run.communicate()
        if last.exists():
            load_file(last)  # whole at every moment
    for folder, name in ((tmp_path / "run", "killed"), ("", "plain")):
        run = process(folder, tmp_path / name, 15)
        run.communicate()
        assert run.returncode == 0
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "plain").read_bytes()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best.safetensors",
        "last.safetensors",
        "lock",
    ]


# --- told to stop ---


@same_bytes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_its_batch_saved(digits, tmp_path, number):
    """As a notebook's stop does; the model can be used, and the same call goes on."""
    handler = signal.getsignal(number)
    model, count = small(), iter(range(1, 1000))

    def squared_error(image, target):
        if next(count) == 10:
            os.kill(os.getpid(), number)
        return losses.squared_error(image, target)

    squared_error.__qualname__ = "squared_error"
    with pytest.raises(Stopped, match=f"after batch 10 of 21, saved in {tmp_path}") as caught:
        fit(model, digits, **HOW, checkpoint=tmp_path, reconstruction=squared_error)
    assert caught.value.signal == number and isinstance(caught.value, KeyboardInterrupt)
    assert signal.getsignal(number) == handler
    assert len(model.history.steps) == 10 and not model.training
    model.sample(2)
    fit(model, digits, **HOW, checkpoint=tmp_path)
    assert everything(model) == everything(whole(digits))


def test_a_second_ctrl_c_does_not_wait(digits, tmp_path):
    def squared_error(image, target):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(small(), digits, **HOW, checkpoint=tmp_path, reconstruction=squared_error)
    assert not isinstance(caught.value, Stopped)


# --- refused ---


OTHER = {
    "seed": {"seed": 1},
    "learning_rate": {"learning_rate": 1e-4},
    "epochs": {"epochs": 4},
    "batch_size": {"batch_size": 32},
    "reconstruction": {"reconstruction": lambda a, b: (a - b).abs().flatten(1).sum(1)},
}


def test_another_run_in_the_folder_is_refused(digits, tmp_path, monkeypatch):
    fit(small(), digits, **HOW, checkpoint=tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()

    def again(model, dataset, *words, **how):
        how = HOW | {"checkpoint": tmp_path} | how
        refused(lambda: fit(model, dataset, **how), tmp_path, *words)
        assert (tmp_path / "last.safetensors").read_bytes() == before

    for name, how in OTHER.items():
        again(small(), digits, name, **how)
    pixels = digits.images.copy()
    pixels[3, 0, 5, 5] ^= 1
    again(small(), Dataset(pixels, digits.labels), "dataset")
    again(VAE(Encoder(channel=3), Decoder(channel=3)), digits, "weights")
    monkeypatch.setattr(checkpoints.runs, "VERSION", "9.9.9")
    again(small(), digits, "paddle_vae '0.1.0'", "9.9.9")


def test_two_runs_in_one_folder(digits, tmp_path):
    def second(model, history):
        refused(lambda: fit(small(), digits, **HOW, checkpoint=tmp_path), tmp_path, "in use")
        seen.append(len(history.epochs))

    seen = []
    fit(small(), digits, **HOW, checkpoint=tmp_path, callbacks=[second])
    assert seen == [1, 2, 3]


def test_a_place_that_cannot_be_written(digits, tmp_path):
    (tmp_path / "file").write_text("")
    refused(lambda: fit(small(), digits, **HOW, checkpoint=tmp_path / "file"), tmp_path / "file")
    refused(lambda: fit(small(), digits, **HOW, checkpoint="/proc/run"), "/proc/run")
    refused(lambda: fit(small(), digits, **HOW, checkpoint=3), "checkpoint")


@same_bytes
def test_a_full_disk_leaves_the_last_checkpoint(digits, tmp_path, monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, content):
            raise OSError(28, "No space left on device")

    with pytest.raises(Kill):
        fit(small(), digits, **HOW, checkpoint=tmp_path, reconstruction=killed_at(9))
    before = (tmp_path / "last.safetensors").read_bytes()
    real = open

    def full(path, mode="r"):
        return Full() if str(path).endswith(".tmp") else real(path, mode)

    monkeypatch.setattr(checkpoints, "open", full, raising=False)
    model = small()
    refused(lambda: fit(model, digits, **HOW, checkpoint=tmp_path), "last.safe", "disk is full")
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.safetensors", "lock"]
    monkeypatch.undo()
    fit(model, digits, **HOW, checkpoint=tmp_path)
    assert everything(model) == everything(whole(digits))


def test_a_damaged_checkpoint_is_refused(digits, tmp_path):
    fit(small(), digits, **HOW, checkpoint=tmp_path)
    path = tmp_path / "last.safetensors"
    blob = path.read_bytes()
    for damaged in (b"", blob[:-1], blob[:1000], b"\x80\x04" + blob):
        path.write_bytes(damaged)
        refused(lambda: fit(small(), digits, **HOW, checkpoint=tmp_path), path, "remove")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_names_the_last_good_checkpoint(digits, tmp_path, value):
    count = iter(range(1, 1000))

    def term(image, target):
        return losses.squared_error(image, target) + (value if next(count) == 12 else 0)

    model, how = small(), HOW | {"checkpoint": tmp_path, "save_every": 2}
    with pytest.raises(FloatingPointError, match=f"at step 12.*{tmp_path}/last.safetensors"):
        fit(model, digits, **how, reconstruction=term)
    kept = load_file(tmp_path / "last.safetensors")
    assert all(np.isfinite(array).all() for array in kept.values())
    assert kept["history/steps"].shape == (10, 3)


# --- patience ---


def test_patience_takes_the_best_weights_and_goes_on_to_the_same(digits, tmp_path):
    """A rate that is far too high soon makes the test loss rise."""
    training, test = digits[:40], digits[40:]
    how = {"batch_size": 10, "progress": False, "test": test, "patience": 2, "epochs": 60}
    how |= {"learning_rate": 0.05, "one_cycle": False}
    model, other, again = small(), small(), small()
    history = fit(model, training, **how)
    best = int(history.test[:, 0].argmin())
    assert len(history.test) == best + 3 < 60
    kept = {}

    def keep(model, history):
        kept[len(history.epochs) - 1] = [w.numpy() for w in model.state_dict().values()]

    fit(other, training, **how, checkpoint=tmp_path, callbacks=[keep])
    for weight, expected in zip(model.state_dict().values(), kept[best], strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)
    saved = load_file(tmp_path / "best.safetensors")
    assert all(np.array_equal(saved[name], w.numpy()) for name, w in model.state_dict().items())
    fit(again, training, **how, checkpoint=tmp_path)  # had ended: nothing more is trained
    assert everything(again) == everything(other) == everything(model)
    refused(lambda: fit(small(), training, epochs=3, patience=2), "patience", "test")
    refused(lambda: fit(small(), training, epochs=3, patience=0, test=test), "patience")


def test_the_version_is_that_of_the_package():
    text = (Path(checkpoints.__file__).parents[1] / "pyproject.toml").read_text()
    assert f'version = "{checkpoints.runs.VERSION}"' in text
