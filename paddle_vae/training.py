"""fit: train a model, from its arguments to its history. The loop itself is in loop.py.

Introduced in notebook 01.
"""

from contextlib import nullcontext
from functools import partial

import numpy as np
import paddle

from . import data, distributed, loop, losses, models
from .checkpoints import Checkpoint, fingerprint
from .errors import InputError, interval, number, short, whole
from .history import History
from .interrupts import Stopped, interruptible, noted
from .loop import Run

__all__ = ["History", "Stopped", "fit", "interruptible", "seeded"]


def seeded(seed):
    """Seed Paddle (initial weights, noise), and return a numpy Generator (shuffling) of that seed.

    Raises InputError for anything but a whole number from 0 to 2^32 - 1.
    """
    seed = whole("seed", seed, 0, 2**32 - 1)
    paddle.seed(seed)
    return np.random.default_rng(seed)


def fit(
    model,
    dataset,
    *,
    epochs,
    batch_size=128,
    learning_rate=3e-3,
    one_cycle=True,
    beta1=0.9,
    beta2=0.999,
    reconstruction=losses.squared_error,
    beta=1.0,
    value_range=(-1.0, 1.0),
    binarize=False,
    seed=0,
    test=None,
    patience=None,
    callbacks=(),
    progress=True,
    checkpoint=None,
    save_every=500,
):
    """Train a model in place by Adam and return its History, which is model.history as well.

    dataset, test: data.Dataset. learning_rate: the peak of a one-cycle schedule (Smith 2018) that
    rises for the first 30 % of the batches and falls to almost nothing, or, with one_cycle=False,
    a constant. beta1, beta2: Adam's. binarize: as in data.batches, for the test set too. seed fixes
    shuffling and noise; initial weights are the model's own. callbacks: functions that are called
    after every epoch, as callback(model, history so far), with the model in eval mode and without
    gradients; what they draw from Paddle's random state does not change the training. One with an
    attribute `every` is also called before the first batch, and after every so many.
    patience: stop after so many epochs without a lower loss on `test`, and take the weights of the
    epoch with the lowest. So as not to stop by the test set, give a part of the training images:
    data.split makes it.

    checkpoint: a folder, where the run is saved every `save_every` batches and after every epoch
    (checkpoints.py). The same call with the same folder goes on from there, to the same bytes, even
    after kill -9. Ctrl-C and SIGTERM then end the run after its batch, saved, with `Stopped`.
    In several processes (distributed.py), each trains on its part of every batch, and only the
    first one writes, calls the callbacks and shows its progress.

    However it ends, also by Ctrl-C, by a notebook's stop or by an error in a callback, the model is
    left in eval mode, without gradients, with the weights of the last whole step, and the losses so
    far are in model.history.
    Raises InputError before the first step for what cannot be trained (numbers out of range, an
    empty dataset, callbacks that cannot be called, a loss that does not fit the decoder, a folder
    with another run), and FloatingPointError at the step whose loss, or after which a weight, is no
    finite number.
    """
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    learning_rate = number("learning_rate", learning_rate, 1e-12, 1e6)
    beta1, beta2 = number("beta1", beta1, 0, 0.9999999), number("beta2", beta2, 0, 0.9999999)
    beta, value_range = number("beta", beta, 0, 1e6), interval("value_range", value_range)
    callbacks = _callables(callbacks)
    if not isinstance(model, paddle.nn.Layer):
        raise InputError(f"model is {short(model)}: give an instance, such as VAE()")
    if not model.parameters():
        raise InputError("model has no parameters: give one that can learn, such as VAE()")
    losses.check(model, reconstruction, value_range)
    dataset, test = _images(dataset, test)
    if patience is not None and test is None:
        raise InputError("patience needs a loss to watch: give test, such as a part by data.split")
    patience = None if patience is None else whole("patience", patience)
    save_every = whole("save_every", save_every)
    if getattr(model, "conditional", False):
        models.one_hot(dataset.labels, len(dataset))  # refuses all but 0..9
    kept = None
    if checkpoint is not None:
        settings = {
            "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate,
            "one_cycle": one_cycle, "beta1": beta1, "beta2": beta2, "beta": beta, "seed": seed,
            "reconstruction": _name(reconstruction), "value_range": value_range,
            "binarize": bool(binarize), "patience": patience, "dataset": fingerprint(dataset),
            "test": fingerprint(test), "model": type(model).__name__,
            "weights": {name: list(value.shape) for name, value in model.state_dict().items()},
        }  # fmt: skip
        kept = Checkpoint(checkpoint, settings, writes=distributed.rank() == 0)
    rng = seeded(seed)
    rate, schedule = learning_rate, None
    if one_cycle:
        total = epochs * -(-len(dataset.images) // batch_size)
        end = learning_rate / 1000
        rate = schedule = paddle.optimizer.lr.OneCycleLR(rate, total, end_learning_rate=end)
    optimizer = paddle.optimizer.Adam(
        rate, beta1, beta2, parameters=model.parameters(), use_multi_tensor=True
    )
    distributed.join()
    objective = {"reconstruction": reconstruction, "beta": beta}
    pixels = {"value_range": value_range, "binarize": binarize}
    callbacks = callbacks if distributed.rank() == 0 else []
    run = Run(
        model, optimizer, schedule, learning_rate, dataset, test, epochs, batch_size, patience,
        objective, pixels, callbacks, seed, rng,
    )  # fmt: skip
    try:
        with kept or nullcontext(), interruptible(), noted(kept is not None) as told:
            _resume(run, kept)

            def reached(moment):
                if kept:
                    _keep(run, kept, moment, save_every)
                if run.stop and moment != "best" and not run.finished:
                    raise _stopped(run, kept, told)

            # enable_grad as a decorator would forget the mode of before where a callback calls fit
            with paddle.enable_grad():
                loop.train(run, told, progress, reached)
            if patience is not None:
                model.set_state_dict(run.best)
    except FloatingPointError as error:
        if kept and kept.last.exists():
            error.args = (f"{error}; the last good checkpoint is {kept.last}",)
        raise
    finally:
        model.eval()
        optimizer.clear_grad(set_to_zero=False)
        model.history = run.history()
    return model.history


# --- what a checkpoint adds ---


def _resume(run, kept):
    """Go on where the folder's last run was, if there is one; all processes at the same step."""
    if kept and (found := kept.load(run.model, run.optimizer)):
        run.steps, run.tests = found["steps"].tolist(), found["tests"].tolist()
        run.epoch, run.rng.bit_generator.state = found["epoch"], found["order"]
        run.best = kept.best_weights() if run.tests and run.patience else {}
    if distributed.processes() > 1:
        distributed.agree(len(run.steps), kept)


def _keep(run, kept, moment, save_every):
    """Save what that moment of the loop asks for; the first of several processes does."""
    first = distributed.rank() == 0
    if moment == "best":
        if first:
            kept.save_best(run.model, run.tests[-1])
        return
    epoch, order = run.epoch, run.order
    if moment == "epoch":
        epoch, order = epoch + 1, run.rng.bit_generator.state
    elif not run.stop and len(run.steps) % save_every:
        return
    run.check_weights()
    if first:
        kept.save(run.model, run.optimizer, run.steps, run.tests, epoch=epoch, order=order)


def _stopped(run, kept, told):
    """What ends a run that was told to stop."""
    again = f", saved in {kept}: the same call goes on" if kept else ""
    return Stopped(f"after batch {len(run.steps)} of {run.epochs * run.batches}{again}", told)


# --- what fit is given ---


def _images(dataset, test):
    """Both as data.Dataset, test perhaps None; raises InputError for what cannot be trained on."""
    dataset = data.as_dataset(dataset)
    test = None if test is None else data.as_dataset(test)
    if len(dataset.images) == 0 or (test is not None and len(test.images) == 0):
        which = "dataset" if len(dataset.images) == 0 else "test"
        raise InputError(f"{which} is empty: give at least one image")
    if test is not None and test.images.shape[1:] != dataset.images.shape[1:]:
        sizes = f"{test.images.shape[1:]}, and those of dataset {dataset.images.shape[1:]}"
        raise InputError(f"images of test have shape {sizes}: prepare both the same way")
    return dataset, test


def _callables(callbacks):
    """The callbacks as a list; raises InputError for what cannot be called."""
    if callable(callbacks):
        raise InputError("callbacks is one function: give a list of them")
    try:
        callbacks = list(callbacks)
    except TypeError as error:
        raise InputError(f"callbacks is {short(callbacks)}: give a list of functions") from error
    for callback in callbacks:
        if isinstance(callback, type):
            kind = callback.__name__
            raise InputError(
                f"callbacks holds the class {kind}: give one of its kind, as {kind}(...)"
            )
        if not callable(callback):
            raise InputError(f"callbacks holds {short(callback)}: give functions of model, history")
    return callbacks


def _name(reconstruction):
    """A function's name, that of its inside where it is a partial."""
    while isinstance(reconstruction, partial):
        reconstruction = reconstruction.func
    return getattr(reconstruction, "__qualname__", type(reconstruction).__name__)
