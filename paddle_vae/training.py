"""fit: the training loop, with its progress bar and its history. Introduced in notebook 01."""

import math
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import paddle
from tqdm import tqdm

from . import data, losses, metrics, models
from .errors import InputError, interval, number, short, whole


@dataclass
class History:
    """Losses of a training run; the columns are total, reconstruction and KL."""

    steps: np.ndarray  # [steps, 3]: every batch, before its update
    epochs: np.ndarray  # [epochs, 3]: mean over the batches of each whole epoch
    test: np.ndarray | None  # [epochs, 3]: after each epoch, where a test set was given
    batches_per_epoch: int | None = None  # None: the steps are those of whole epochs

    def curve(self, points=200):
        """The run in at most `points` points: batches seen [P], mean losses until there [P, 3].

        Raises InputError for a run that ended before its first batch.
        """
        if len(self.steps) == 0:
            raise InputError("history has no steps: train for at least one batch")
        chunks = np.array_split(self.steps, min(whole("points", points), len(self.steps)))
        seen = np.cumsum([len(chunk) for chunk in chunks])
        return seen, np.array([chunk.mean(0) for chunk in chunks])

    def plot(self, ax=None):
        """Draw the losses against the number of batches seen (dots: test); returns the axes.

        The axis of losses begins at 0, unless there are negative ones.
        """
        from matplotlib import pyplot as plt
        from matplotlib.ticker import MaxNLocator

        x, smooth = self.curve()
        if ax is None:
            ax = plt.subplots(figsize=(6, 3.2))[1]
        # Without a KL term, total and reconstruction are one curve.
        names = ("total", "reconstruction", "KL") if self.steps[:, 2].any() else ("total",)
        tests = np.zeros((0, 3)) if self.test is None else self.test
        at = (self.batches_per_epoch or len(self.steps) // max(1, len(self.epochs))) * (
            1 + np.arange(len(tests))
        )
        mark = "." if len(x) == 1 else None  # a line of one point would not be seen
        for column, name in enumerate(names):
            ax.plot(x, smooth[:, column], label=name, color=f"C{column}", marker=mark)
            if len(tests):
                ax.plot(at, tests[:, column], "o", ms=4, color=f"C{column}")
        ax.set(xlabel="batches seen", ylabel="loss an image")
        shown = np.concatenate([smooth, tests])[:, : len(names)]
        if not (shown < 0).any():
            ax.set_ylim(0, None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.legend(frameon=False)
        return ax


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
    callbacks=(),
    progress=True,
):
    """Train a model in place by Adam and return its History, which is model.history as well.

    dataset, test: data.Dataset. learning_rate: the peak of a one-cycle schedule (Smith 2018) that
    rises for the first 30 % of the batches and falls to almost nothing, or, with one_cycle=False,
    a constant. beta1, beta2: Adam's. binarize: as in data.batches, for the test set too. seed fixes
    shuffling and noise; initial weights are the model's own. callbacks: functions that are called
    after every epoch, as callback(model, history so far), with the model in eval mode and without
    gradients; what they draw from Paddle's random state does not change the training.

    However it ends, also by Ctrl-C, by a notebook's stop or by an error in a callback, the model is
    left in eval mode, without gradients, with the weights of the last whole step, and the losses so
    far are in model.history.
    Raises InputError before the first step for what cannot be trained (numbers out of range, an
    empty dataset, callbacks that cannot be called, a loss that does not fit the decoder), and
    FloatingPointError at the step whose loss, or after which a weight, is no finite number.
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
    if getattr(model, "conditional", False):
        models.one_hot(dataset.labels, len(dataset))  # refuses all but 0..9
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
    steps, tests = [], []

    def history():
        each = np.array(steps).reshape(-1, 3)
        whole_epochs = each[: len(each) - len(each) % batches_per_epoch]
        means = whole_epochs.reshape(-1, batches_per_epoch, 3).mean(1)
        return History(each, means, np.array(tests) if tests else None, batches_per_epoch)

    try:
        model.train()
        with interruptible(), tqdm(total=total, disable=not progress, unit="batch") as bar:
            for epoch in range(1, epochs + 1):
                bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
                for image, label in data.batches(dataset, batch_size, value_range, rng, binarize):
                    loss = losses.parts(model(image, label), image, reconstruction, beta)
                    loss.total.backward()
                    optimizer.step()
                    optimizer.clear_grad()
                    if one_cycle:
                        rate.step()
                    steps.append([part.item() for part in loss])
                    if not math.isfinite(steps[-1][0]):
                        _diverged(f"the loss is {steps[-1][0]}", len(steps), epoch, learning_rate)
                    text = "loss {:.1f} = {:.1f} + KL {:.2f}".format(*steps[-1])
                    bar.set_postfix_str(text, False)
                    bar.update()
                used = test is not None or callbacks or epoch == epochs
                if used and not _finite(model):  # else the next loss would tell
                    _diverged("a weight is no finite number", len(steps), epoch, learning_rate)
                if test is not None:
                    found = metrics.evaluate(
                        model, test, reconstruction, beta, value_range, binarize, seed
                    )
                    tests.append(found)
                if callbacks:
                    _call(callbacks, model, history())
    finally:
        model.eval()
        optimizer.clear_grad(set_to_zero=False)
        model.history = history()
    return model.history


@contextmanager
def interruptible():
    """Ctrl-C during a backward pass of our layers leaves Paddle as an OSError: inside this context
    it is a KeyboardInterrupt."""
    try:
        yield
    except OSError as error:
        if "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from None
        raise


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


def _diverged(what, step, epoch, learning_rate):
    remedy = f"lower learning_rate, which is {learning_rate:g}"
    raise FloatingPointError(f"{what} at step {step}, in epoch {epoch}: {remedy}")


@paddle.no_grad()
def _call(callbacks, model, history):
    """Call each in eval mode; afterwards mode and random state are as if nothing had happened."""
    state = paddle.get_rng_state()
    model.eval()
    try:
        for callback in callbacks:
            callback(model, history)
    finally:
        model.train()
        paddle.set_rng_state(state)
