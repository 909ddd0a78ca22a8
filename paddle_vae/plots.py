"""Figures: image grids, scatters of codes, maps of the latent plane.

A grid is one image in one axes. Drawing one axes for every digit, as lesson L1 does, takes
some twenty times as long for the same picture (benchmarks/figures.py).
"""

from statistics import NormalDist

import numpy as np
import paddle
from matplotlib import pyplot as plt

from .errors import InputError, interval, short, whole
from .files import replacing

DIGITS = plt.get_cmap("tab10")
PIXELS = 16_000_000  # of one picture, 20,000 digits; drawing takes over 40 bytes for each


def _images(images):
    """Images [N, 1, H, W] as an array; raises InputError for every other shape and for NaN."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != 1 or images.size == 0:
        raise InputError(f"images have shape {list(images.shape)}: give grey ones, [N, 1, H, W]")
    if images.dtype.kind not in "buif" or not np.isfinite(images).all():
        raise InputError("images hold something other than finite numbers: look where they arise")
    return images


def _rows(images, cols):
    """How many rows the images fill; raises InputError for more pixels than a picture may have."""
    rows = -(-len(images) // whole("cols", cols))
    pixels = rows * cols * images[0].size
    if pixels > PIXELS:
        raise InputError(f"the picture has {pixels:,} pixels: draw fewer images, or fewer columns")
    return rows


def tile(images, rows, cols, background=-1.0):
    """Images [N, 1, H, W] -> one array [rows * H, cols * W], filled row by row, then background.

    Raises InputError for images of another shape, for NaN, and for more than rows * cols.
    """
    images = _images(images)
    height, width = images.shape[-2:]
    missing = rows * cols - len(images)
    if missing < 0:
        raise InputError(f"images are {len(images)}: give at most {rows} x {cols}, the places")
    if missing:
        filling = np.full((missing, 1, height, width), background, "float32")
        images = np.concatenate([images, filling])
    return (
        images.reshape(rows, cols, height, width)
        .transpose(0, 2, 1, 3)  # [rows, H, cols, W]
        .reshape(rows * height, cols * width)
    )


def grid(
    images,
    cols=10,
    title=None,
    value_range=(-1.0, 1.0),
    ax=None,
    size=0.45,
    row_labels=(),
    col_labels=(),
):
    """Draw images [N, 1, H, W] row by row in a grid with `cols` columns; returns the axes.

    size: inches that a digit takes. row_labels, col_labels: texts at the left and above, in equal
    distances: as many as rows, or one for every few of them. A last row that is short is filled
    with background.
    Raises InputError for images of another shape, for NaN, and for what would take over 1 GB.
    """
    low, high = interval("value_range", value_range)
    images = _images(images)
    rows = _rows(images, cols)
    picture = tile(images, rows, cols, low)
    if ax is None:
        ax = plt.subplots(figsize=(cols * size, rows * size + (0.3 if title else 0)))[1]
    ax.imshow(picture, cmap="gray", vmin=low, vmax=high)
    ax.xaxis.tick_top()
    for axis, labels, length in ((ax.xaxis, col_labels, 1), (ax.yaxis, row_labels, 0)):
        at = (np.arange(len(labels)) + 0.5) * picture.shape[length] / max(1, len(labels)) - 0.5
        axis.set_ticks(at, labels)
    ax.tick_params(length=0, labelsize=9)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def _plane_of(codes):
    """Codes [N, 2] as an array; raises InputError for another number of dimensions and for NaN."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) == 0:
        remedy = "give two columns, such as codes[:, :2]"
        raise InputError(
            f"codes have shape {list(codes.shape)}, and a plane needs [N, 2]: {remedy}"
        )
    if not np.isfinite(codes).all():
        raise InputError("codes hold something other than finite numbers: look where they arise")
    return codes


def scatter(codes, labels, title=None, ax=None, limits=None):
    """Scatter codes [N, 2], each as the numeral of its label, in a colour; returns the axes.

    Raises InputError for codes of other than two dimensions, and for other than a label each.
    """
    codes, labels = _plane_of(codes), np.asarray(labels)
    if labels.shape != (len(codes),):
        raise InputError(f"labels have shape {list(labels.shape)}: give one for each code")
    if ax is None:
        ax = plt.subplots(figsize=(5, 4.6))[1]
    for digit in np.unique(labels):
        style = {"marker": f"${digit}$", "s": 22, "linewidths": 0, "color": DIGITS(int(digit))}
        ax.scatter(*codes[labels == digit].T, **style)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    ax.set_aspect("equal", "datalim")
    if limits is not None:
        ax.set(xlim=limits[0], ylim=limits[1])
    return ax


def plane(x, y):
    """Latents on a grid, top row first: x [C] left to right, y [R] bottom to top -> [R * C, 2]."""
    columns, rows = np.meshgrid(x, np.asarray(y)[::-1])
    return np.stack([columns, rows], -1).reshape(-1, 2).astype("float32")


def quantiles(count):
    """The (i + 0.5) / count quantiles of N(0, 1) -> [count]: equal steps of probability."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)])


@paddle.no_grad()
def latent_map(decode, x, y, title=None, value_range=(-1.0, 1.0), ax=None):
    """Decode the plane of latents x [C] by y [R] into one picture with axes in z; returns the axes.

    decode: a function from z [N, 2] to images, such as model.decode. Evenly spaced latents get
    ticks at their true positions; others (quantiles, say) up to five ticks an axis, labelled in z.
    Raises InputError for latents that do not rise, and for what would take over 1 GB.
    """
    x, y = _axis("x", x), _axis("y", y)
    low, high = interval("value_range", value_range)
    if len(x) * len(y) * 28 * 28 > PIXELS:  # before they are decoded; below, of their true size
        raise InputError(
            f"x and y span {len(x) * len(y):,} images: give at most {PIXELS // 784:,}, "
            "which take 1 GB"
        )
    images = _images(decode(paddle.to_tensor(plane(x, y))))
    picture = tile(images, _rows(images, len(x)), len(x), low)
    if ax is None:
        ax = plt.subplots(figsize=(5, 5))[1]
    even = all(np.allclose(np.diff(v, 2), 0, atol=1e-6 * np.ptp(v)) for v in (x, y))
    style = {"cmap": "gray", "vmin": low, "vmax": high}
    if even:
        # a digit is centred on its z; a single one takes a width of 1
        half_x, half_y = ((v[1] - v[0]) / 2 if len(v) > 1 else 0.5 for v in (x, y))
        extent = (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)
        ax.imshow(picture, extent=extent, aspect="equal", **style)
    else:
        ax.imshow(picture, extent=(-0.5, len(x) - 0.5, -0.5, len(y) - 0.5), **style)
        for axis, values in ((ax.xaxis, x), (ax.yaxis, y)):
            at = np.unique(np.linspace(0, len(values) - 1, 5).round().astype(int))
            axis.set_ticks(at, [f"{values[i]:.2f}" for i in at])
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax


def _axis(name, values):
    """Latents along an axis of a map as an array [C]; raises InputError where they do not rise."""
    values = np.asarray(values)
    usable = values.ndim == 1 and len(values) and values.dtype.kind in "iuf"
    if not usable or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise InputError(f"{name} is {short(values)}: give rising numbers [C], as of np.linspace")
    return values


def scatter_and_map(codes, labels, decode, count=20, value_range=(-1.0, 1.0), prior=False):
    """The scatter of codes and the decoded plane beside it, on the same axes (L1, figures 2 and 3).

    The plane spans the range of the codes. prior=True adds a third axes: the plane over the
    quantiles of N(0, I), where each picture stands for the same share of the draws.
    Raises InputError as `scatter` and `latent_map` do, and for codes that span no plane.
    """
    codes, count = _plane_of(codes), whole("count", count, 2, 140)
    ends = list(zip(codes.min(0), codes.max(0), strict=True))
    if any(low == high for low, high in ends):
        raise InputError("codes are all the same in one dimension: use `scatter` for them")
    x, y = (np.linspace(low, high, count) for low, high in ends)
    figure, axes = plt.subplots(1, 2 + prior, figsize=(11 + 5 * prior, 5), layout="constrained")
    latent_map(decode, x, y, "what comes back", value_range, axes[1])
    scatter(codes, labels, "where images go", axes[0], (axes[1].get_xlim(), axes[1].get_ylim()))
    for ax in axes[:2]:
        ax.set_aspect("auto")
    if prior:
        q = quantiles(count)
        latent_map(decode, q, q, "equal steps of probability", value_range, axes[2])
    return axes


def save_grid(images, path, cols=10, value_range=(-1.0, 1.0)):
    """Write images [N, 1, H, W] as one grey PNG, a pixel a pixel.

    Raises InputError for a path that does not end in .png, and as `grid` does.
    """
    if not str(path).lower().endswith(".png"):
        raise InputError(f"path is {short(str(path))}: give a file name that ends in .png")
    low, high = interval("value_range", value_range)
    images = _images(images)
    picture = tile(images, _rows(images, cols), cols, low)
    with replacing(path) as temporary:
        plt.imsave(temporary, picture, cmap="gray", vmin=low, vmax=high, format="png")
