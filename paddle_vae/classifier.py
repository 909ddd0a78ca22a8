"""Judges of generated digits, trained on real ones: a small classifier, and two of another kind
(notebook 11).

Their accuracy on the test images is to be said beside every number that rests on them. Images are
float32 [N, 1, 28, 28] in [-1, 1], as in lesson L1; rescale others first.
"""

import math
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.utils import unique_name
from tqdm import tqdm

from . import data, metrics, runs, weights
from .checkpoints import Checkpoint, fingerprint
from .errors import InputError, number, whole
from .evidence import Estimate, evaluating
from .interrupts import Stopped, interruptible, noted
from .layers import Conv2D, leaky_relu
from .loop import finite
from .training import seeded

EPOCHS = 15
SHIFT = 2  # pixels: training images are moved at random, by at most this, across and down


class Classifier(nn.Layer):
    """Image [N, 1, 28, 28] in [-1, 1] -> logits of the ten digits [N, 10]; 0.44 million weights."""

    def __init__(self, channels=(32, 64, 128), width=128):
        super().__init__()
        halve = {"kernel_size": 4, "stride": 2, "padding": 1, "data_format": "NHWC"}
        self.convs = nn.LayerList(Conv2D(a, b, **halve) for a, b in pairwise((1, *channels)))
        self.norms = nn.LayerList(nn.BatchNorm2D(c, data_format="NHWC") for c in channels)
        self.hidden = nn.Linear(channels[-1] * 4 * 4, width)
        self.digits = nn.Linear(width, data.LABELS)

    def _features(self, image):
        if list(image.shape[1:]) != [1, 28, 28]:
            raise InputError(f"images have shape {list(image.shape)}: give [N, 1, 28, 28]")
        h = F.pad(image, [2, 2, 2, 2], value=-1.0).reshape([-1, 32, 32, 1])
        for i, conv in enumerate(self.convs):
            h = leaky_relu(self.norms[i](conv(h)))  # [N, 16, 16, 32], [N, 8, 8, 64], [N, 4, 4, 128]
        h = F.dropout(h.flatten(1), 0.3, training=self.training)
        return leaky_relu(self.hidden(h))  # [N, 128]

    def forward(self, image):
        h = F.dropout(self._features(image), 0.5, training=self.training)
        return self.digits(h)

    def features(self, images):
        """The last hidden layer, for any number of images -> float32 array [N, 128]."""
        return self._each_batch(self._features, images)

    def predict(self, images):
        """The most likely digit of each image -> int array [N]."""
        return self._each_batch(self, images).argmax(1)

    def _each_batch(self, function, images):
        images = np.asarray(images, "float32")
        with evaluating(self):
            return np.concatenate(
                [
                    function(paddle.to_tensor(images[start : start + 500])).numpy()
                    for start in range(0, len(images), 500)
                ]
            )


def accuracy(classifier, images, labels):
    """Share of images [N, 1, 28, 28] that a judge takes for their labels [N] -> Estimate.

    classifier: a Classifier or a Judge. Raises InputError for other than a label each.
    """
    labels = np.asarray(labels)
    if len(labels) == 0 or labels.shape != (len(images),):
        raise InputError(
            f"labels have shape {labels.shape}: give one for each of the {len(images)} images"
        )
    return Estimate((classifier.predict(images) == labels).astype("float64"))


class Judge(NamedTuple):
    """Who tells which digit an image shows, and how often it is right on real test images."""

    name: str
    predict: Callable  # images [N, 1, 28, 28] in [-1, 1] -> int array [N]
    accuracy: Estimate


def judges(train, test, folder=None, images=2000):
    """Three judges that err in different ways, each with its accuracy: the shipped classifier, or
    that in `folder`; the nearest training image, pixel by pixel; and a fully connected network.

    train, test: what data.as_dataset takes; from train the last two learn in some 20 seconds;
    accuracies are of `images` of the test images, evenly spread.
    """
    from sklearn.neural_network import MLPClassifier  # here, since it takes a second

    train, test = data.as_dataset(train), data.as_dataset(test)
    known = train.images.astype("float32")  # 0.2 GB for MNIST; data.scale takes two copies more
    known /= 127.5
    known -= 1  # [-1, 1]
    network = MLPClassifier((256,), batch_size=128, max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it could go on: five epochs are enough here
        network.fit(known.reshape(len(known), -1), train.labels)
    found = (
        ("convolutional classifier", load(folder).predict),
        ("nearest training image", lambda x: train.labels[metrics.nearest(x, known)[0]]),
        ("fully connected network", lambda x: network.predict(np.asarray(x).reshape(len(x), -1))),
    )
    count = min(whole("images", images), len(test.images))
    rows = np.arange(count) * len(test.images) // count
    real, labels = data.scale(test.images[rows]).numpy(), test.labels[rows]
    return [Judge(*one, accuracy(Judge(*one, None), real, labels)) for one in found]


def shifted(images, rng):
    """uint8 images [B, 1, H, W], each moved by up to SHIFT pixels over a black background."""
    count, _, height, width = images.shape
    border = (SHIFT, SHIFT)
    wide = np.pad(images[:, 0], ((0, 0), border, border))
    down, across = rng.integers(0, 2 * SHIFT + 1, (2, count, 1))
    rows, columns = down + np.arange(height), across + np.arange(width)  # [B, H], [B, W]
    return wide[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]][:, None]


def train(
    dataset=None,
    epochs=EPOCHS,
    batch_size=128,
    learning_rate=3e-3,
    seed=0,
    progress=True,
    checkpoint=None,
):
    """A classifier trained by cross-entropy on MNIST's training images, or on `dataset`.

    Adam, with the one-cycle schedule of training.fit; the images of each batch are moved at random.
    checkpoint: a folder, where the run is saved after every epoch, and from where the same call
    goes on, to the same bytes. Ctrl-C and SIGTERM then end it after its batch, with `Stopped`.
    Raises InputError for impossible numbers and another run's folder, and FloatingPointError where
    the loss or a weight stops being a finite number.
    """
    epochs, batch_size = whole("epochs", epochs), whole("batch_size", batch_size)
    learning_rate = number("learning_rate", learning_rate, 1e-12, 1e6)
    dataset = data.as_dataset(data.load("mnist", "train") if dataset is None else dataset)
    rng = seeded(seed)
    classifier = Classifier()
    batches = -(-len(dataset.images) // batch_size)
    steps = epochs * batches
    rate = paddle.optimizer.lr.OneCycleLR(
        learning_rate, steps, end_learning_rate=learning_rate / 1000
    )
    optimizer = paddle.optimizer.Adam(
        rate, parameters=classifier.parameters(), use_multi_tensor=True
    )
    kept, first = None, 0
    if checkpoint is not None:
        settings = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
        settings |= {"seed": seed, "dataset": fingerprint(dataset), "model": "Classifier"}
        kept = Checkpoint(checkpoint, settings)
    with kept or nullcontext(), interruptible(), noted(kept is not None) as told:
        if kept and (found := kept.load(classifier, optimizer)):
            first, rng.bit_generator.state = found["epoch"], found["order"]
        shown = {"initial": first * batches, "disable": not progress, "unit": "batch"}
        with paddle.enable_grad(), tqdm(total=steps, **shown) as bar:
            for epoch in range(first, epochs):
                for image, label in _moved(dataset, batch_size, rng):
                    loss = F.cross_entropy(classifier(image), label)
                    loss.backward()
                    with unique_name.guard():  # for Checkpoint.load
                        optimizer.step()
                    optimizer.clear_grad()
                    rate.step()
                    _check(f"the loss is {loss.item()}", math.isfinite(loss.item()), learning_rate)
                    bar.set_postfix_str(f"loss {loss.item():.3f}", False)
                    bar.update()
                    if told:
                        where = f"in epoch {epoch + 1} of {epochs}, saved before it in {kept}"
                        raise Stopped(f"{where}: the same call goes on", told)
                if kept:
                    _check("a weight is no finite number", finite(classifier), learning_rate)
                    state = rng.bit_generator.state
                    kept.save(classifier, optimizer, [], [], epoch=epoch + 1, order=state)
    classifier.eval()
    return classifier


def _moved(dataset, batch_size, rng):
    """An epoch's batches in random order, images moved at random: tensors (image, label)."""
    order = rng.permutation(len(dataset.images))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        image = data.scale(shifted(dataset.images[rows], rng))
        yield image, paddle.to_tensor(dataset.labels[rows])


def _check(what, fine, learning_rate):
    if not fine:
        raise FloatingPointError(f"{what}: lower learning_rate, which is {learning_rate}")


def weights_path(folder=None):
    """Where the weights lie: `folder`, or the project's data/weights."""
    return runs.folder(folder) / "classifier.safetensors"


def load(folder=None):
    """The trained classifier, from the shipped weights or those in `folder`."""
    classifier = Classifier()
    weights.load(classifier, weights_path(folder))
    classifier.eval()
    return classifier
