"""History: the losses of a training run, and their curve. Introduced in notebook 01."""

from dataclasses import dataclass

import numpy as np

from .errors import InputError, whole


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
