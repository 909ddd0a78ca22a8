"""The loop of training.fit: batches, epochs, and the losses that they leave.

It knows nothing of checkpoints: it tells the moments at which a training may be saved or stopped.
"""

import math
import warnings
from dataclasses import dataclass, field

import numpy as np
import paddle
from paddle.utils import unique_name

from . import data, distributed, losses, metrics
from .history import History

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of missing ipywidgets: then the bar is text
    from tqdm.auto import tqdm


@dataclass
class Run:
    """A training: what it is made of, and how far it has come."""

    model: paddle.nn.Layer
    optimizer: paddle.optimizer.Optimizer
    schedule: paddle.optimizer.lr.LRScheduler | None  # of the learning rate
    learning_rate: float  # its peak, or the constant
    dataset: data.Dataset
    test: data.Dataset | None
    epochs: int
    batch_size: int
    patience: int | None
    objective: dict  # reconstruction, beta
    pixels: dict  # value_range, binarize
    callbacks: list
    seed: int
    rng: np.random.Generator  # it shuffles
    steps: list = field(default_factory=list)  # losses in parts, of each batch
    tests: list = field(default_factory=list)  # and on the test set, after each epoch
    epoch: int = 1
    order: dict = field(default_factory=dict)  # the state of rng before it shuffled for that epoch
    best: dict = field(default_factory=dict)  # the weights of the lowest test loss, with patience
    stop: bool = False  # whether a process was told to

    @property
    def batches(self):
        """How many batches an epoch has."""
        return -(-len(self.dataset.images) // self.batch_size)

    @property
    def finished(self):
        return len(self.steps) == self.epochs * self.batches

    @property
    def waited(self):
        """How many epochs ago the test loss was lowest; -1 before the first."""
        totals = [total for total, *_ in self.tests]
        return len(totals) - 1 - int(np.argmin(totals)) if totals else -1

    def loss(self, image, label):
        """Of a batch, in parts."""
        return losses.parts(self.model(image, label), image, **self.objective)

    def history(self):
        """The losses so far, as a History."""
        each = np.array(self.steps).reshape(-1, 3)
        whole_epochs = each[: len(each) - len(each) % self.batches]
        means = whole_epochs.reshape(-1, self.batches, 3).mean(1)
        return History(each, means, np.array(self.tests) if self.tests else None, self.batches)

    def check(self, what, fine):
        """Raise FloatingPointError unless all is fine."""
        if not fine:
            where = f"{what} at step {len(self.steps)}, in epoch {self.epoch}"
            raise FloatingPointError(
                f"{where}: lower learning_rate, which is {self.learning_rate:g}"
            )

    def check_weights(self):
        """The same unless all weights are finite numbers."""
        self.check("a weight is no finite number", finite(self.model))


def finite(model):
    """Whether all weights of a model, running statistics included, are finite numbers."""
    weights = (weight for weight in model.state_dict().values() if weight.is_floating_point())
    return all(paddle.isfinite(weight).all().item() for weight in weights)


def train(run, told, progress, reached):
    """Train run.model; call reached("batch") after each batch but an epoch's last one, "best" after
    an epoch with the lowest test loss so far, and "epoch" at the end of each.

    run: perhaps one that went some way already. told: a list, of which a member means to stop;
    run.stop then says so at the next moment, in all processes.
    """
    first = distributed.rank() == 0
    if distributed.processes() > 1:
        distributed.agree_on(run.model)
    within = [callback for callback in run.callbacks if getattr(callback, "every", None)]
    _call(within, run)
    run.model.train()
    shown = {"disable": not (progress and first), "unit": "batch"}
    with tqdm(total=run.epochs * run.batches, initial=len(run.steps), **shown) as bar:
        for run.epoch in range(run.epoch, run.epochs + 1):  # noqa: B020, from there
            if run.patience is not None and run.waited >= run.patience:
                break
            bar.set_description(f"epoch {run.epoch}/{run.epochs}", refresh=False)
            run.order, run.stop = run.rng.bit_generator.state, False
            done = len(run.steps) - (run.epoch - 1) * run.batches
            for image, label in data.batches(
                run.dataset, run.batch_size, rng=run.rng, first=done, **run.pixels
            ):
                _step(run, image, label, told)
                text = "loss {:.1f} = {:.1f} + KL {:.2f}".format(*run.steps[-1])
                bar.set_postfix_str(text, False)
                bar.update()
                if len(run.steps) % run.batches:  # else the epoch's end follows
                    _call([c for c in within if len(run.steps) % c.every == 0], run)
                    reached("batch")
            if run.test is not None or run.callbacks or run.epoch == run.epochs:
                run.check_weights()  # else the next loss tells
            if run.test is not None:
                _measure(run)
                if run.waited == 0:
                    reached("best")
            _call(run.callbacks, run)
            reached("epoch")


def _step(run, image, label, told):
    """One batch: its losses go into run.steps, and the weights are moved."""
    if distributed.processes() > 1:
        parts, run.stop = distributed.learn(run.model, image, label, told, run.loss)
    else:
        loss = run.loss(image, label)
        loss.total.backward()
        parts, run.stop = [part.item() for part in loss], bool(told)
    with unique_name.guard():  # for Checkpoint.load
        run.optimizer.step()
    run.optimizer.clear_grad()
    if run.schedule is not None:
        run.schedule.step()
    run.steps.append(parts)
    run.check(f"the loss is {parts[0]}", math.isfinite(parts[0]))


def _measure(run):
    """The loss on the test set goes into run.tests, and, with patience, the best weights aside."""
    found = (0.0, 0.0, 0.0)
    if distributed.rank() == 0:
        found = metrics.evaluate(run.model, run.test, **run.objective, **run.pixels, seed=run.seed)
    run.tests.append(distributed.total(found) if distributed.processes() > 1 else found)
    total = run.tests[-1][0]
    run.check(f"the test loss is {total}", math.isfinite(total))
    if run.waited == 0 and run.patience is not None:
        run.best = {name: weight.numpy() for name, weight in run.model.state_dict().items()}


def _call(callbacks, run):
    """Call each in eval mode; afterwards mode and random state are as if nothing had happened."""
    if not callbacks:
        return
    state, so_far = paddle.get_rng_state(), run.history()
    run.model.eval()
    try:
        with paddle.no_grad():
            for callback in callbacks:
                callback(run.model, so_far)
    finally:
        run.model.train()
        paddle.set_rng_state(state)
