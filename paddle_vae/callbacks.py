"""What fit calls to show a training: in the notebook, or in VisualDL.

Introduced in notebook 07; the idea is lesson L2's. Nothing here changes what is trained.
"""

import io
import os
import sys

import numpy as np
import paddle

from .data import LABELS
from .errors import InputError, interval, short, whole
from .models import Autoencoder


@paddle.no_grad()
def pictures(model, images, noise, labels=None):
    """What a model (in eval mode) makes of given images and noise, as a dictionary:
    "samples" [S, 1, H, W], decoded from noise [S, latent_dim]; an autoencoder has none;
    "reconstructions" [2 * N, 1, H, W], the images [N, 1, H, W] and then their reconstructions.

    labels: those of the images, int [N], for a conditional model; its samples are 0 to 9 in turn.
    """
    if isinstance(model, Autoencoder):
        return {"reconstructions": paddle.concat([images, model.decode(model.encode(images))])}
    mean, _ = model.encode(images, labels)
    return {
        "samples": model.decode(noise, np.arange(len(noise)) % LABELS),
        "reconstructions": paddle.concat([images, model.decode(mean, labels)]),
    }


class _Fixed:
    """The images and the noise that are the same every time; see LiveView."""

    def __init__(self, test_images, value_range=(0.0, 1.0), count=10, seed=0, labels=None):
        low, high = interval("value_range", value_range)
        shape = list(getattr(test_images, "shape", ()))
        if not isinstance(test_images, paddle.Tensor) or len(shape) != 4 or 0 in shape:
            shown = short(test_images) if not shape else f"{type(test_images).__name__} {shape}"
            raise InputError(f"test_images are {shown}: give data.scale(test.images[:10], ...)")
        if test_images.min().item() < low or test_images.max().item() > high:
            raise InputError(f"test_images leave value_range {value_range}: give that of the model")
        self.images, self.value_range, self.labels = test_images, (low, high), labels
        self.count, self.seed = whole("count", count, 1, 1000), seed

    def pictures(self, model):
        if isinstance(model, Autoencoder):
            return pictures(model, self.images, None)
        # NumPy's generator: Paddle's random state stays as it is
        rng = np.random.default_rng(self.seed)
        noise = rng.standard_normal((self.count, model.latent_dim)).astype("float32")
        return pictures(model, self.images, paddle.to_tensor(noise), self.labels)


class LiveView(_Fixed):
    """Callback of fit that redraws, in one place of a notebook's output, the loss in parts, `count`
    samples from the same noise, and test images above their reconstructions: before the training,
    so that its place is above the progress bar, after every 100 batches, and after every epoch.

    test_images: float tensor [N, 1, H, W] in value_range, which is the model's; labels: int [N],
    for a conditional model. Outside a notebook it does nothing.
    Raises InputError for images outside value_range.
    """

    handle = None  # IPython's, of the place in the output
    every = 100  # batches between two drawings inside an epoch; fit also asks before the first

    def __call__(self, model, history):
        ipython = sys.modules.get("IPython")  # a notebook's kernel has imported it
        if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
            return
        from IPython import display

        png = display.Image(self.draw(model, history))
        if self.handle is None or not len(history.steps):  # another run gets a place of its own
            self.handle = display.display(png, display_id=True)
        else:
            self.handle.update(png)

    def draw(self, model, history):
        """The figure as PNG bytes."""
        from matplotlib.figure import Figure  # not pyplot's, which keeps every figure it makes

        from . import plots

        found, cols = self.pictures(model), len(self.images)
        figure = Figure(figsize=(10, 2.8), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(2, 3))
        now, batches = left.subplots(), len(history.steps)
        if batches:
            history.plot(now)
        whole_epochs = batches == len(history.epochs) * (history.batches_per_epoch or 0)
        count = f"epoch {len(history.epochs)}" if whole_epochs else f"batch {batches}"
        now.set_title(f"after {count}" if batches else "before the training", fontsize=10)
        rows = [-(-len(images) // cols) for images in found.values()]
        axes = right.subplots(len(rows), height_ratios=rows, squeeze=False)[:, 0]
        titles = {"samples": "samples, always from the same noise"}
        for ax, (name, images) in zip(axes, found.items(), strict=True):
            title = titles.get(name, "test images, and their reconstructions below")
            plots.grid(images, cols, title, self.value_range, ax)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=80)
        return file.getvalue()


class VisualDLWriter(_Fixed):
    """Callback of fit that writes to a folder, for `visualdl --logdir`, the pictures of LiveView
    and the losses of each epoch: loss/total, loss/reconstruction, loss/kl, and the same as test/...
    where fit has a test set. The arguments after logdir are LiveView's.

    Raises InputError without visualdl, for an unwritable folder, and as LiveView does.
    """

    def __init__(self, logdir, test_images, *args, **kwargs):
        super().__init__(test_images, *args, **kwargs)
        try:
            from visualdl import LogWriter

            os.makedirs(logdir, exist_ok=True)  # visualdl would only print that it cannot write
            self.writer = LogWriter(logdir=str(logdir))
        except ImportError as error:
            remedy = "`pip install visualdl`, or leave this callback out"
            raise InputError(f"visualdl is not installed: {remedy}") from error
        except OSError as error:
            raise InputError(f"{logdir} cannot be written: choose another folder") from error

    def __call__(self, model, history):
        from . import plots

        epoch, cols, (low, high) = len(history.epochs), len(self.images), self.value_range
        for group, losses in (("loss", history.epochs), ("test", history.test)):
            for name, column in (("total", 0), ("reconstruction", 1), ("kl", 2)):
                if losses is not None:
                    self.writer.add_scalar(f"{group}/{name}", float(losses[-1, column]), epoch)
        for name, images in self.pictures(model).items():
            picture = plots.tile(images, -(-len(images) // cols), cols, low)
            grey = np.rint((picture - low) / (high - low) * 255).clip(0, 255).astype("uint8")
            self.writer.add_image(f"pictures/{name}", np.stack([grey] * 3, 2), epoch)  # [H, W, 3]
        self.writer.flush()
