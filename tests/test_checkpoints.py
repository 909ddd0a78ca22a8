"""fit(checkpoint=...): what survives a kill, a stop, a full disk, and what is refused."""

import os
import subprocess
import sys
import time
from pathlib import Path

from paddle_vae import VAE, Dataset, Decoder, Encoder, checkpoints, fit, losses

import numpy as np
import paddle
import pytest
from safetensors.numpy import load_file

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
