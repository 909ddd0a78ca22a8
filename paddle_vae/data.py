"""The Dataset: loaded from any form that formats.py reads, scaled, and handed out in batches.

Introduced in notebook 01.
"""

import operator
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import paddle

from .errors import InputError, interval, number, whole
from .files import MAX_PIXELS, as_path, require_file
from .formats import KNOWN, LABELS, build, looks_transposed, read

__all__ = [
    "KNOWN",
    "LABELS",
    "Dataset",
    "as_dataset",
    "batches",
    "build",
    "folder",
    "load",
    "looks_transposed",
    "pad",
    "scale",
    "split",
]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and their labels: one split, to learn from or to test on.

    len() is the number of images; dataset[5] is (image uint8 [1, H, W], label), so that
    paddle.io.DataLoader takes it; a slice, a list of indices or a mask gives a Dataset.
    Images may come as [N, H, W], and labels as whole numbers of any kind.
    Raises InputError for other shapes and types, and for unequal lengths.
    """

    images: np.ndarray  # uint8 [N, 1, H, W], 0 is background
    labels: np.ndarray  # int64 [N], 0..9 in the course's data

    def __post_init__(self):
        images, labels = self.images, self.labels
        kind = getattr(images, "dtype", type(images).__name__)
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
            raise InputError(f"images are {kind}: give a NumPy array of uint8 pixels 0..255")
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4 or images.shape[1] != 1:
            raise InputError(f"images have shape {images.shape}: give [N, 1, H, W]")
        labels = np.asarray(labels)
        if labels.ndim != 1 or (labels.dtype.kind not in "ui" and labels.size):
            got = f"{labels.dtype} {list(labels.shape)}"
            raise InputError(f"labels are {got}: give a whole number for each image, [N]")
        if len(images) != len(labels):
            counts = f"{len(images)} images, {len(labels)} labels"
            raise InputError(f"dataset has {counts}: give as many")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Dataset(self.images[index], self.labels[index])
        try:
            index = operator.index(index)
        except TypeError:
            index = np.asarray(index)
            if index.ndim != 1 or index.dtype.kind not in "uib":
                what = "give a number, a slice, a list of numbers, or a mask"
                raise InputError(f"the index of a dataset is no such thing: {what}") from None
            return Dataset(self.images[index], self.labels[index])
        return self.images[index], self.labels[index]


def as_dataset(value):
    """A Dataset from what may stand in its place.

    value: a Dataset; a pair of arrays (images, labels), as Dataset takes them; or a map-style
    dataset, such as paddle.vision.datasets.MNIST without a transform, whose items are an image, as
    an array or PIL's, [H, W] or with an axis of 1, of whole numbers 0..255, and a label.
    Raises InputError for anything else.
    """
    if isinstance(value, Dataset):
        return value
    if isinstance(value, (tuple, list)) and len(value) == 2 and getattr(value[0], "ndim", 0) > 2:
        return Dataset(*value)
    remedy = "give a Dataset, a pair (images, labels), or a map-style dataset of uint8 images"
    try:
        count = len(value)
        if count * np.asarray(value[0][0]).size > MAX_PIXELS:
            raise ValueError("too large to be kept in memory")
        items = [value[i] for i in range(count)]
        images = np.stack([_plane(image) for image, _ in items])
        labels = np.array([np.asarray(label).item() for _, label in items])
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        raise InputError(f"dataset is a {type(value).__name__}: {remedy}") from error
    if images.dtype.kind == "f":  # as Paddle's own MNIST gives with the backend cv2
        with np.errstate(invalid="ignore"):
            pixels = images.astype(np.uint8)
        images = pixels if pixels.max() > 1 and (pixels == images).all() else images
    return Dataset(images, labels)


def _plane(image):
    """An image [H, W], [H, W, 1] or [1, H, W] of any kind -> array [H, W]."""
    image = np.asarray(image)
    if image.ndim == 3 and 1 in image.shape[::2]:
        image = image[0] if image.shape[0] == 1 else image[..., 0]
    if image.ndim != 2:
        raise ValueError("no grey image")
    return image


def folder():
    """The project's data folder, unless the environment variable PADDLE_VAE_DATA names another."""
    other = os.environ.get("PADDLE_VAE_DATA")
    if other:
        return as_path(other, "PADDLE_VAE_DATA")
    return Path(__file__).resolve().parents[1] / "data"


def load(source="mnist", split="train"):
    """Read one split, "train" or "test", into a Dataset.

    source: "mnist" or "fashion_mnist" (NAME.h5 in `folder()`), or a path, with ~ for the home:
    - an .h5 file that `build` made, or Keras' mnist.npz: they hold both splits;
    - a folder of IDX files, plain or gzipped; EMNIST's digits are turned upright;
    - a .csv file, a label and the pixels a line, with or without a line of names, as on Kaggle;
    - a MATLAB v7.3 .mat file as in L1, alone or in a zip;
    - a folder of such files.
    A .mat or .csv file holds one split, and its name says which: "test" in the name means the test
    split, any other name the training split.

    Raises InputError for anything missing, unreadable, damaged, foreign or out of range.
    """
    if split not in ("train", "test"):
        raise InputError(f'split is {split!r}: give "train" or "test"')
    remedy = f"give {', '.join(map(repr, KNOWN))}, or the path of a file or folder"
    if isinstance(source, str) and source in KNOWN:
        path = folder() / f"{source}.h5"
        remedy = "restore it with `git checkout`, or set PADDLE_VAE_DATA to the folder that has it"
    else:
        path = as_path(source, "source")
    return Dataset(*read(path if os.path.isdir(path) else require_file(path, remedy), split))


def scale(images, value_range=(-1.0, 1.0)):
    """uint8 pixels of any shape -> float32 tensor of that shape, 0 -> low and 255 -> high.

    Both ends are exact for ranges such as (-1, 1) and (0, 1). Raises InputError for other than
    uint8, which catches images scaled twice, and for a range that does not rise.
    """
    low, high = interval("value_range", value_range)
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise InputError(f"images are {images.dtype}: give uint8 pixels 0..255, scaled only once")
    # Divide first: 255/255 is exactly 1, so the ends are exact. Arithmetic in place, since looking
    # pixels up in a table of 256 takes twice as long and 8 bytes of index for every pixel.
    pixels = np.divide(images, np.float32(255), dtype=np.float32)
    pixels *= np.float32(high - low)
    pixels += np.float32(low)
    return paddle.to_tensor(pixels)


def pad(dataset, width):
    """The dataset with `width` rows and columns of background around each image (L4: 28 -> 32)."""
    dataset, width = as_dataset(dataset), whole("width", width, 0, 1000)
    border = (width, width)
    return replace(dataset, images=np.pad(dataset.images, ((0, 0), (0, 0), border, border)))


def split(dataset, fraction, seed=0):
    """A dataset in two, drawn at random, without a common image: (the rest, that fraction of it).

    So training, validation = data.split(train, 0.1). The same seed makes the same two, each in the
    order of the dataset. Raises InputError where one of them would be empty.
    """
    dataset, count = as_dataset(dataset), len(dataset)
    part = round(count * number("fraction", fraction, 0, 1))
    if not 0 < part < count:
        raise InputError(
            f"fraction is {fraction}, and of {count} images that leaves a part empty: give another"
        )
    order = np.random.default_rng(whole("seed", seed, 0, 2**32 - 1)).permutation(count)
    return dataset[np.sort(order[part:])], dataset[np.sort(order[:part])]


def batches(dataset, batch_size, value_range=(-1.0, 1.0), rng=None, binarize=False, first=0):
    """Yield (image float32 [B, 1, H, W] in value_range, label int64 [B]), the last B maybe smaller.

    dataset: anything that `as_dataset` takes.
    rng: a numpy Generator that shuffles; None keeps the order. binarize: every pixel is drawn anew,
    high with a probability of its grey value and else low, from Paddle's random state (dynamic
    binarization: Salakhutdinov and Murray 2008). first: of the batches, from
    0; those before it are left out.
    Raises InputError for a batch size below 1, and as `as_dataset` and `scale` do.
    """
    dataset, batch_size = as_dataset(dataset), whole("batch_size", batch_size)
    images, labels = dataset.images, dataset.labels
    low, high = interval("value_range", value_range)
    order = None if rng is None else rng.permutation(len(dataset))
    for start in range(first * batch_size, len(dataset), batch_size):
        rows = slice(start, start + batch_size)
        rows = rows if order is None else order[rows]
        if binarize:
            image = paddle.bernoulli(scale(images[rows], (0, 1))) * (high - low) + low
        else:
            image = scale(images[rows], value_range)
        yield image, paddle.to_tensor(labels[rows])
