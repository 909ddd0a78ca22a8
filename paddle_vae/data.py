"""The Dataset: loaded from any form that formats.py reads, scaled, and handed out in batches.

Introduced in notebook 01.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import paddle

from .errors import InputError
from .formats import KNOWN, LABELS, build, looks_transposed, read

__all__ = [
    "KNOWN",
    "LABELS",
    "Dataset",
    "batches",
    "build",
    "folder",
    "load",
    "looks_transposed",
    "pad",
    "scale",
]


class Dataset(NamedTuple):
    """One split: what to learn from, or what to test on."""

    images: np.ndarray  # uint8 [N, 1, H, W], 0 is background
    labels: np.ndarray  # int64 [N], 0..9


def folder():
    """The project's data folder, unless the environment variable PADDLE_VAE_DATA names another."""
    return Path(os.environ.get("PADDLE_VAE_DATA") or Path(__file__).resolve().parents[1] / "data")


def load(source="mnist", split="train"):
    """Read one split, "train" or "test", into a Dataset.

    source: "mnist" or "fashion_mnist" (NAME.h5 in `folder()`), or a path: an .h5 file that `build`
    made; a folder of IDX files, plain or gzipped; a MATLAB v7.3 .mat file as in L1; a zip or a
    folder that holds train.mat or test.mat. A .mat file holds one split, and its name says which:
    "test" in the name means the test split, any other name the training split.

    Raises InputError for anything missing, damaged, foreign or out of range.
    """
    if split not in ("train", "test"):
        raise InputError(f'split is {split!r}: give "train" or "test"')
    path = Path(source)
    remedy = f"give {', '.join(map(repr, KNOWN))}, or the path of a file or folder"
    if source in KNOWN:
        path = folder() / f"{source}.h5"
        remedy = "restore it with `git checkout`, or set PADDLE_VAE_DATA to the folder that has it"
    if not path.exists():
        raise InputError(f"{path} does not exist: {remedy}")
    return Dataset(*read(path, split))


def scale(images, value_range=(-1.0, 1.0)):
    """uint8 pixels of any shape -> float32 tensor of that shape, 0 -> low and 255 -> high.

    Both ends are exact for ranges such as (-1, 1) and (0, 1). Raises InputError for other than
    uint8, which catches images scaled twice, and for a range that does not rise.
    """
    low, high = value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"value_range is {value_range}: give two numbers, the lower one first")
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
    border = (width, width)
    return dataset._replace(images=np.pad(dataset.images, ((0, 0), (0, 0), border, border)))


def batches(dataset, batch_size, value_range=(-1.0, 1.0), rng=None, binarize=False):
    """Yield (image float32 [B, 1, H, W] in value_range, label int64 [B]), the last B maybe smaller.

    rng: a numpy Generator that shuffles; None keeps the order. binarize: every pixel is drawn anew,
    high with a probability of its grey value and else low, from Paddle's random state (dynamic
    binarization: Salakhutdinov and Murray 2008).
    Raises InputError for a batch size below 1, unequal lengths, and as `scale` does.
    """
    images, labels = dataset
    if batch_size != int(batch_size) or batch_size < 1:
        raise InputError(f"batch_size is {batch_size}: give a whole number of at least 1")
    if len(images) != len(labels):
        raise InputError(f"dataset has {len(images)} images, {len(labels)} labels: give as many")
    order = None if rng is None else rng.permutation(len(images))
    for start in range(0, len(images), int(batch_size)):
        rows = slice(start, start + int(batch_size))
        rows = rows if order is None else order[rows]
        if binarize:
            low, high = value_range
            image = paddle.bernoulli(scale(images[rows], (0, 1))) * (high - low) + low
        else:
            image = scale(images[rows], value_range)
        yield image, paddle.to_tensor(labels[rows])
