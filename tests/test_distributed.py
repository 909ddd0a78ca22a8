"""Several processes that train one model: the losses and the weights of one process."""

import os
import subprocess
import sys
from pathlib import Path

from paddle_vae import VAE, Dataset, Encoder, checkpoints, distributed, fit
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
import pytest

SCRIPT = """
import os, signal, sys
import numpy as np
import test_distributed as test
from paddle_vae import distributed, fit
from paddle_vae.training import Stopped

def stop(model, history):
    if len(history.epochs) == 1:
        os.kill(os.getpid(), signal.SIGTERM)  # of one process alone

folder, stops = sys.argv[1], sys.argv[2] == "stop"
model, rank = test.model(), distributed.rank()
for weight in model.parameters():  # that of the first process counts
    weight.set_value(weight * (1 + rank))
try:
    fit(model, test.digits(), test=test.digits(), checkpoint=f"{folder}/run",
        callbacks=[stop] if stops else [], **test.HOW)
except Stopped:
    assert stops
else:
    assert not stops
weights = {name: weight.numpy() for name, weight in model.state_dict().items()}
np.savez(f"{folder}/{rank}.npz", steps=model.history.steps, test=model.history.test, **weights)
"""
ROOT = Path(distributed.__file__).parents[1]
PATHS = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))  # for a process that runs SCRIPT
# batches of 21, in parts of 12 and 9, and a last one of 1, which only one process can have
HOW = {"epochs": 3, "batch_size": 21, "value_range": (0, 1), "binarize": True, "progress": False}


def digits():
    rng = np.random.default_rng(0)
    return Dataset(rng.integers(0, 256, (64, 1, 28, 28), "uint8"), rng.integers(0, 10, 64))


class Transposed(paddle.nn.Layer):
    """A decoder whose gradient is a view, not whole in memory."""

    def __init__(self):
        super().__init__()
        self.weight = self.create_parameter([28 * 28, 2])

    def forward(self, z):
        return paddle.tanh(z.flatten(1) @ self.weight.t()).reshape([-1, 1, 28, 28])


def model():
    paddle.seed(0)
    return VAE(Encoder(channel=4), Transposed())


def launched(folder, word, count=2):
    """What each of the processes found: {name: array}."""
    more = {"PYTHONPATH": PATHS, "PYTHONWARNINGS": "ignore"}
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        command = [sys.executable, "-c", SCRIPT, str(folder), word]
        assert distributed.launch(count, command) == 0
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return found(folder, count)


def found(folder, count=2):
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(count)]


def one():
    """What one process finds."""
    alone = model()
    history = fit(alone, digits(), test=digits(), **HOW)
    weights = {name: weight.numpy() for name, weight in alone.state_dict().items()}
    return {"steps": history.steps, "test": history.test} | weights


def test_two_processes_take_the_steps_of_one(tmp_path):
    agree_with_one(*launched(tmp_path, "whole"))


def agree_with_one(first, second):
    for name, expected in one().items():
        np.testing.assert_allclose(first[name], expected, rtol=1e-3, atol=1e-4, err_msg=name)
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers at 127.0.0.2 unasked")
def test_two_hosts_take_the_steps_of_one(tmp_path):
    """By Paddle's launcher, started once on each host: here, at two addresses of the loopback."""
    environment = os.environ | {"PYTHONPATH": PATHS, "PADDLE_DISTRI_BACKEND": "gloo"}
    script, master = tmp_path / "script.py", f"127.0.0.1:{distributed._free_port()}"
    script.write_text(SCRIPT)
    launch = [sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "2"]
    launch += ["--master", master, "--nproc_per_node", "1"]
    hosts = []
    for rank in (0, 1):
        own = ["--rank", f"{rank}", "--host", f"127.0.0.{rank + 1}", "--log_dir", f"log{rank}"]
        command = [*launch, *own, str(script), str(tmp_path), "whole"]
        hosts.append(subprocess.Popen(command, env=environment, cwd=tmp_path))
    assert [host.wait(120) for host in hosts] == [0, 0]
    agree_with_one(*found(tmp_path))


@pytest.mark.skipif(not checkpoints.COMPLETE, reason="as in test_checkpoints.py")
def test_one_process_goes_on_where_two_were_stopped(tmp_path):
    """By a signal to one of them, in the second epoch."""
    first, second = launched(tmp_path, "stop")
    assert len(first["steps"]) == len(second["steps"]) == 5  # of 4 an epoch
    alone = model()
    fit(alone, digits(), test=digits(), checkpoint=tmp_path / "run", **HOW)
    expected = one()
    np.testing.assert_allclose(alone.history.steps, expected["steps"], rtol=1e-3)
    for name, weight in alone.state_dict().items():
        np.testing.assert_allclose(weight.numpy(), expected[name], rtol=1e-3, atol=1e-4)


def test_a_process_that_fails_ends_all(tmp_path, capfd):
    script = "import os, sys, time; rank = os.environ['PADDLE_TRAINER_ID']\n"
    script += "print('the reason'); sys.exit(5) if rank == '1' else None"
    assert distributed.launch(2, [sys.executable, "-c", script]) == 5
    assert "the reason" in capfd.readouterr().err


@pytest.mark.parametrize("count, parts", [(21, [12, 9]), (1, [1, 0]), (4, [2, 2]), (2, [2, 0])])
def test_every_row_counts_once(count, parts, monkeypatch):
    image, label = np.arange(count), np.arange(count)
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    seen = []
    for rank, size in enumerate(parts):
        monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
        rows, labels, share, first = distributed.part(image, label)
        assert share == size / count and len(rows) == len(labels) == max(1, size)
        assert rows[0] == first
        seen += list(rows) if share else []
    assert seen == list(range(count))


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_the_noise_of_the_parts_is_that_of_the_batch(latent_dim, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    vae = VAE(MLPEncoder(latent_dim, (4,)), MLPDecoder(latent_dim, (4,)))
    image, found, after = np.arange(21), [], []
    for rank in range(2):
        monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
        rows, _, _, first = distributed.part(image, image)
        paddle.seed(0)
        with distributed.noise_of(vae, first, len(image)):
            found.append(paddle.randn([len(rows), latent_dim]).numpy())
        after.append(paddle.randn([4]).numpy())
    paddle.seed(0)
    np.testing.assert_array_equal(np.concatenate(found), paddle.randn([21, latent_dim]).numpy())
    np.testing.assert_array_equal(after, [paddle.randn([4]).numpy()] * 2)
