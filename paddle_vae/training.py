"""fit: the training loop, with its progress bar and its history. Introduced in notebook 01."""

from dataclasses import dataclass

import numpy as np
import paddle
from tqdm import tqdm

from . import data, losses, metrics
from .errors import InputError


@dataclass
class History:
    """Losses of a training run; the columns are total, reconstruction and KL."""

    steps: np.ndarray  # [steps, 3]: every batch, before its update
    epochs: np.ndarray  # [epochs, 3]: mean over the batches of each epoch
    test: np.ndarray | None  # [epochs, 3]: after each epoch, where a test set was given

    def curve(self, points=200):
        """The run in at most `points` points: batches seen [P], mean losses until there [P, 3]."""
        chunks = np.array_split(self.steps, min(points, len(self.steps)))
        seen = np.cumsum([len(chunk) for chunk in chunks])
        return seen, np.array([chunk.mean(0) for chunk in chunks])

    def plot(self, ax=None):
        """Draw the losses against the number of batches seen (dots: test); returns the axes."""
        from matplotlib import pyplot as plt

        if ax is None:
            ax = plt.subplots(figsize=(6, 3.2))[1]
        x, smooth = self.curve()
        # Without a KL term, total and reconstruction are one curve.
        names = ("total", "reconstruction", "KL") if self.steps[:, 2].any() else ("total",)
        for column, name in enumerate(names):
            ax.plot(x, smooth[:, column], label=name, color=f"C{column}")
            if self.test is not None:
                at = np.linspace(0, len(self.steps), len(self.test) + 1)[1:]
                ax.plot(at, self.test[:, column], "o", ms=4, color=f"C{column}")
        ax.set(xlabel="batches seen", ylabel="loss an image", ylim=(0, None))
        ax.legend(frameon=False)
        return ax


def seeded(seed):
    """Seed Paddle (initial weights, noise), and return a numpy Generator (shuffling) of that seed.

    Raises InputError for anything but a whole number from 0 to 2^32 - 1.
    """
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed}: give a whole number from 0 to 2^32 - 1")
    paddle.seed(int(seed))
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
    """Train a model in place by Adam and return its History.

    dataset, test: data.Dataset. learning_rate: the peak of a one-cycle schedule (Smith 2018) that
    rises for the first 30 % of the batches and falls to almost nothing, or, with one_cycle=False,
    a constant. beta1, beta2: Adam's. binarize: as in data.batches, for the test set too. seed fixes
    shuffling and noise; initial weights are the model's own. callbacks: functions that are called
    after every epoch, as callback(model, history so far), with the model in eval mode and without
    gradients; what they draw from Paddle's random state does not change the training. The model is
    left in eval mode.
    Raises InputError for an empty dataset, epochs or batch_size < 1 and a bad seed, and
    FloatingPointError where the loss stops being a number.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"{name} is {value}: give a whole number of at least 1")
    if len(dataset.images) == 0:
        raise InputError("dataset is empty: give at least one image")
    rng = seeded(seed)
    batches_per_epoch = -(-len(dataset.images) // batch_size)
    rate = learning_rate
    if one_cycle:
        rate = paddle.optimizer.lr.OneCycleLR(
            learning_rate, epochs * batches_per_epoch, end_learning_rate=learning_rate / 1000
        )
    optimizer = paddle.optimizer.Adam(
        rate, beta1, beta2, parameters=model.parameters(), use_multi_tensor=True
    )
    model.train()
    steps, tests = [], []
    with tqdm(total=epochs * batches_per_epoch, disable=not progress, unit="batch") as bar:
        for epoch in range(epochs):
            bar.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
            for image, label in data.batches(dataset, batch_size, value_range, rng, binarize):
                loss = losses.parts(model(image, label), image, reconstruction, beta)
                loss.total.backward()
                optimizer.step()
                optimizer.clear_grad()
                if one_cycle:
                    rate.step()
                steps.append([part.item() for part in loss])
                bar.set_postfix_str("loss {:.1f} = {:.1f} + KL {:.2f}".format(*steps[-1]), False)
                bar.update()
            if not np.isfinite(steps[-1][0]):
                raise FloatingPointError(
                    f"the loss is {steps[-1][0]} after epoch {epoch + 1}: lower the learning rate"
                )
            if test is not None:
                tests.append(
                    metrics.evaluate(model, test, reconstruction, beta, value_range, binarize, seed)
                )
            losses_so_far = np.array(steps)
            epoch_means = losses_so_far.reshape(epoch + 1, batches_per_epoch, 3).mean(1)
            history = History(losses_so_far, epoch_means, np.array(tests) if tests else None)
            _call(callbacks, model, history)
    model.eval()
    return history


@paddle.no_grad()
def _call(callbacks, model, history):
    """Call each in eval mode; afterwards mode and random state are as if nothing had happened."""
    state = paddle.get_rng_state()
    model.eval()
    for callback in callbacks:
        callback(model, history)
    model.train()
    paddle.set_rng_state(state)
