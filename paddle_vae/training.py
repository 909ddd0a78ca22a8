"""fit: the training loop, with its progress bar and its history. Introduced in notebook 01."""

import math
import warnings
from contextlib import nullcontext
from functools import partial

import numpy as np
import paddle
from paddle.utils import unique_name

from . import data, distributed, losses, metrics, models
from .checkpoints import Checkpoint, fingerprint
from .errors import InputError, interval, number, short, whole
from .history import History
from .interrupts import Stopped, interruptible, noted

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of missing ipywidgets: then the bar is text
    from tqdm.auto import tqdm

__all__ = ["History", "Stopped", "fit", "interruptible", "seeded"]


def seeded(seed):
    """Seed Paddle (initial weights, noise), and return a numpy Generator (shuffling) of that seed.

    Raises InputError for anything but a whole number from 0 to 2^32 - 1.
    """
    seed = whole("seed", seed, 0, 2**32 - 1)
    paddle.seed(seed)
    return np.random.default_rng(seed)


@paddle.enable_grad()
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
    dataset = data.as_dataset(dataset)
    test = None if test is None else data.as_dataset(test)
    if len(dataset.images) == 0 or (test is not None and len(test.images) == 0):
        which = "dataset" if len(dataset.images) == 0 else "test"
        raise InputError(f"{which} is empty: give at least one image")
    if test is not None and test.images.shape[1:] != dataset.images.shape[1:]:
        sizes = f"{test.images.shape[1:]}, and those of dataset {dataset.images.shape[1:]}"
        raise InputError(f"images of test have shape {sizes}: prepare both the same way")
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
    batches_per_epoch = -(-len(dataset.images) // batch_size)
    total = epochs * batches_per_epoch
    rate = learning_rate
    if one_cycle:
        rate = paddle.optimizer.lr.OneCycleLR(
            learning_rate, total, end_learning_rate=learning_rate / 1000
        )
    optimizer = paddle.optimizer.Adam(
        rate, beta1, beta2, parameters=model.parameters(), use_multi_tensor=True
    )
    distributed.join()
    first, several = distributed.rank() == 0, distributed.processes() > 1
    callbacks = callbacks if first else []
    within = [callback for callback in callbacks if getattr(callback, "every", None)]
    objective = {"reconstruction": reconstruction, "beta": beta}
    pixels = {"value_range": value_range, "binarize": binarize}
    steps, tests, epoch = [], [], 1
    best = {}  # the weights with the lowest test loss

    def history():
        each = np.array(steps).reshape(-1, 3)
        whole_epochs = each[: len(each) - len(each) % batches_per_epoch]
        means = whole_epochs.reshape(-1, batches_per_epoch, 3).mean(1)
        return History(each, means, np.array(tests) if tests else None, batches_per_epoch)

    def check(what, fine):
        """Stop unless all is fine."""
        if fine:
            return
        remedy = f"lower learning_rate, which is {learning_rate:g}"
        if kept and kept.last.exists():
            remedy += f"; the last good checkpoint is {kept.last}"
        raise FloatingPointError(f"{what} at step {len(steps)}, in epoch {epoch}: {remedy}")

    def save(epoch, order):
        """order: the state of `rng` at the start of that epoch, before it shuffles."""
        check("a weight is no finite number", _finite(model))
        if first:
            kept.save(model, optimizer, steps, tests, epoch=epoch, order=order)

    def stopped():
        where = f"after batch {len(steps)} of {total}"
        again = f", saved in {kept}: the same call goes on" if kept else ""
        error = Stopped(where + again)
        error.signal = (told or [error.signal])[0]
        return error

    try:
        with kept or nullcontext(), interruptible(), noted(kept is not None) as told:
            if kept and (found := kept.load(model, optimizer)):
                steps, tests = found["steps"].tolist(), found["tests"].tolist()
                epoch, rng.bit_generator.state = found["epoch"], found["order"]
                best = kept.best_weights() if tests and patience else {}
            if several:
                distributed.agree(len(steps), kept)
            network = paddle.DataParallel(model) if several else model
            _call(within, model, history)
            model.train()
            shown = {"disable": not (progress and first), "unit": "batch"}
            with tqdm(total=total, initial=len(steps), **shown) as bar:
                for epoch in range(epoch, epochs + 1):  # noqa: B020, from there
                    if patience is not None and _since_best(tests) >= patience:
                        break
                    bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
                    order, stop = rng.bit_generator.state, False
                    done = len(steps) - (epoch - 1) * batches_per_epoch
                    batches = data.batches(dataset, batch_size, rng=rng, first=done, **pixels)
                    for image, label in batches:
                        if several:
                            parts, stop = distributed.learn(network, image, label, told, objective)
                        else:
                            loss = losses.parts(model(image, label), image, **objective)
                            loss.total.backward()
                            parts, stop = [part.item() for part in loss], bool(told)
                        with unique_name.guard():  # for Checkpoint.load
                            optimizer.step()
                        optimizer.clear_grad()
                        if one_cycle:
                            rate.step()
                        steps.append(parts)
                        check(f"the loss is {parts[0]}", math.isfinite(parts[0]))
                        text = "loss {:.1f} = {:.1f} + KL {:.2f}".format(*parts)
                        bar.set_postfix_str(text, False)
                        bar.update()
                        if len(steps) % batches_per_epoch == 0:
                            continue  # the epoch's end follows
                        _call([c for c in within if len(steps) % c.every == 0], model, history)
                        if kept and (stop or len(steps) % save_every == 0):
                            save(epoch, order)
                        if stop:
                            raise stopped()
                    if test is not None or callbacks or epoch == epochs:  # else the next loss tells
                        check("a weight is no finite number", _finite(model))
                    if test is not None:
                        found = (0.0, 0.0, 0.0)
                        if first:
                            found = metrics.evaluate(model, test, **objective, **pixels, seed=seed)
                        tests.append(distributed.total(found) if several else found)
                        check(f"the test loss is {tests[-1][0]}", math.isfinite(tests[-1][0]))
                        if _since_best(tests) == 0 and patience is not None:
                            best = {n: weight.numpy() for n, weight in model.state_dict().items()}
                        if _since_best(tests) == 0 and kept and first:
                            kept.save_best(model, tests[-1])
                    _call(callbacks, model, history)
                    if kept:
                        save(epoch + 1, rng.bit_generator.state)
                    if stop and epoch < epochs:
                        raise stopped()
            if patience is not None:
                model.set_state_dict(best)
    finally:
        model.eval()
        optimizer.clear_grad(set_to_zero=False)
        model.history = history()
    return model.history


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


def _finite(model):
    """Whether all weights of a model, running statistics included, are finite numbers."""
    weights = (weight for weight in model.state_dict().values() if weight.is_floating_point())
    return all(paddle.isfinite(weight).all().item() for weight in weights)


def _since_best(tests):
    """How many epochs ago the test loss was lowest; -1 before the first."""
    return len(tests) - 1 - int(np.argmin([total for total, *_ in tests])) if tests else -1


def _name(reconstruction):
    """A function's name, that of its inside where it is a partial."""
    while isinstance(reconstruction, partial):
        reconstruction = reconstruction.func
    return getattr(reconstruction, "__qualname__", type(reconstruction).__name__)


@paddle.no_grad()
def _call(callbacks, model, history):
    """Call each in eval mode, with the history that the function history gives; afterwards mode and
    random state are as if nothing had happened."""
    if not callbacks:
        return
    state, so_far = paddle.get_rng_state(), history()
    model.eval()
    try:
        for callback in callbacks:
            callback(model, so_far)
    finally:
        model.train()
        paddle.set_rng_state(state)
