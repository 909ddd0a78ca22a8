"""Checkpoints: a training that was stopped at any moment goes on as if nothing had happened.

A folder holds `last.safetensors`, which is all that fit needs to go on: weights, Adam's averages,
random states, position, losses; `best.safetensors`, the weights with the lowest test loss; and
`lock`, held while a run writes here. Arrays are safetensors, the rest is JSON in their header, so
nothing here can run code from a file, and one file is one moment.
"""

import contextlib
import hashlib
import json
import os

import numpy as np
import paddle
from safetensors import safe_open
from safetensors.numpy import load_file
from safetensors.numpy import save as to_safetensors

from . import runs, weights
from .errors import InputError, short
from .files import as_path, reading, replacing, require_file

AVERAGES = ("moment1", "moment2", "beta1_pow_acc", "beta2_pow_acc")  # Adam's, as Paddle names them
# Paddle 2 does not tell all of a CPU's random state: there a run goes on with other noise.
COMPLETE = not paddle.__version__.startswith("2.") or runs.runtime.device() == "gpu"
REMEDY = "give another folder, or remove this one to begin anew"


class Checkpoint:
    """A folder of checkpoints, which one run at a time may use: `with Checkpoint(...) as kept`.

    settings: what fixes the run, as JSON takes it; a folder with a checkpoint of other settings is
    refused. writes: False for those of several processes that only read.
    Raises InputError for another run's folder, one in use, and one that cannot be written.
    """

    def __init__(self, path, settings, writes=True):
        self.path, self.writes = as_path(path, "checkpoint"), writes
        self.settings = json.loads(json.dumps(settings | runs.versions()))
        self.last, self.best = self.path / "last.safetensors", self.path / "best.safetensors"
        self.lock = None

    def __enter__(self):
        if self.writes:
            runs.make(self.path)
            self.lock = _lock(self.path)
            for left in self.path.glob(".*.tmp"):  # by a process that was killed while it wrote
                with contextlib.suppress(OSError):
                    left.unlink()
        return self

    def __exit__(self, *_):
        if self.lock is not None:
            self.lock.close()

    def load(self, model, optimizer):
        """Set weights, Adam's averages and random states -> what `save` was given, or None where
        there is no checkpoint yet.

        optimizer: a new one, whose steps are taken inside unique_name.guard().
        """
        if not os.path.lexists(self.last):
            return None
        path = require_file(self.last, REMEDY)
        with reading(path, REMEDY):
            with safe_open(path, framework="numpy") as file:
                header = {key: json.loads(text) for key, text in file.metadata().items()}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self._compare(header["settings"])
            own = {name: arrays[f"model/{name}"] for name in model.state_dict()}
            averages = _renamed(model, arrays)
            if "LR_Scheduler" in header["optimizer"]:
                averages["LR_Scheduler"] = header["optimizer"]["LR_Scheduler"]
            states = [
                (type(state), saved)
                for state, saved in zip(paddle.get_rng_state(), header["paddle"], strict=True)
            ]
            np.random.set_state(header["numpy"])
            model.set_state_dict(own)
            optimizer.set_state_dict(averages)
            if COMPLETE:
                paddle.set_rng_state([_state(*state) for state in states])
            else:
                paddle.seed(self.settings["seed"] + len(arrays["history/steps"]))
            found = header["position"]
            found |= {name: arrays[f"history/{name}"] for name in ("steps", "tests")}
        return found

    def _compare(self, found):
        for name in sorted(found.keys() | self.settings.keys()):
            here, now = found.get(name), self.settings.get(name)
            if here != now:
                raise InputError(
                    f"{self.path} holds a run with {name} {short(here)}, and this one has "
                    f"{short(now)}: {REMEDY}"
                )

    def save(self, model, optimizer, steps, tests, **position):
        """Write the moment whole, or leave the last one; position: as JSON takes it."""
        state = optimizer.state_dict()
        arrays = {f"model/{name}": value.numpy() for name, value in model.state_dict().items()}
        for name, weight in model.named_parameters():
            for average in AVERAGES:
                value = state.get(f"{weight.name}_{average}_0")
                if value is not None:  # a weight that the loss does not use has none
                    arrays[f"optimizer/{name}/{average}"] = value.numpy()
        arrays["history/steps"] = np.array(steps, "float64").reshape(-1, 3)
        arrays["history/tests"] = np.array(tests, "float64").reshape(-1, 3)
        header = {
            "settings": self.settings,
            "position": position,
            "optimizer": {key: state[key] for key in ("LR_Scheduler",) if key in state},
            "paddle": [generator.__getstate__() for generator in paddle.get_rng_state()],
            "numpy": np.random.get_state(legacy=False),
        }
        header = {
            key: json.dumps(value, default=np.ndarray.tolist) for key, value in header.items()
        }
        blob = to_safetensors(arrays, header)
        with replacing(self.last) as temporary, open(temporary, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it takes the last one's name

    def best_weights(self):
        """The weights that `save_best` kept -> {name: array}."""
        with reading(require_file(self.best, REMEDY), REMEDY):
            return load_file(self.best)

    def save_best(self, model, loss):
        """Keep the model's weights beside the last ones; loss: losses.Loss on the test set."""
        known = {key: json.dumps(value) for key, value in self.settings.items()}
        weights.save(model, self.best, known | {"loss": f"{loss[0]:.4f}"})

    def __str__(self):
        return str(self.path)


def fingerprint(dataset):
    """A short text that differs where a data.Dataset does; None for None."""
    if dataset is None:
        return None
    digest = hashlib.blake2b(digest_size=8)
    for array in (dataset.images, dataset.labels):
        digest.update(f"{array.shape} ".encode() + np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _renamed(model, arrays):
    """Adam's averages under the names that Paddle gives them in this process. They count how many
    layers were made before, so a checkpoint has them under the model's own names."""
    return {
        f"{weight.name}_{average}_0": arrays[f"optimizer/{name}/{average}"]
        for name, weight in model.named_parameters()
        for average in AVERAGES
        if f"optimizer/{name}/{average}" in arrays
    }


def _state(kind, saved):
    """A generator's state, of Paddle's kind, from the numbers that its __getstate__ gave."""
    state = kind.__new__(kind)
    state.__setstate__(tuple(saved))
    return state


def _lock(path):
    """Hold the folder until the file that is returned is closed, or the process ends in any way.

    Raises InputError where another run holds it.
    """
    try:
        file = open(path / "lock", "a+b")  # noqa: SIM115, it stays open
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else "no such place"
        raise InputError(f"{path} cannot be written ({reason}): choose another folder") from error
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise InputError(
            f"{path} is in use by another run: wait for its end, or give another folder"
        ) from error
    return file
