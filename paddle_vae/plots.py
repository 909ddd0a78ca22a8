"""Figures: image grids, scatters of codes, maps of the latent plane.

A grid is one image in one axes. Drawing one axes for every digit, as lesson L1 does, takes
some twenty times as long for the same picture (benchmarks/figures.py).
"""

from statistics import NormalDist

import numpy as np
import paddle
from matplotlib import pyplot as plt

from .files import replacing

DIGITS = plt.get_cmap("tab10")


def tile(images, rows, cols, background=-1.0):
    """Images [N, 1, H, W] -> one array [rows * H, cols * W], filled row by row, then background."""
    images = np.asarray(images)
    height, width = images.shape[-2:]
    missing = rows * cols - len(images)
    images = np.concatenate([images, np.full((missing, 1, height, width), background)])
    return (
        images.reshape(rows, cols, height, width)
        .transpose(0, 2, 1, 3)  # [rows, H, cols, W]
        .reshape(rows * height, cols * width)
    )


def grid(images, cols=10, title=None, value_range=(-1.0, 1.0), ax=None, size=0.45):
    """Draw images [N, 1, H, W] row by row in a grid with `cols` columns; returns the axes.

    size: inches that a digit takes. A last row that is short is filled with background.
    """
    images = np.asarray(images)
    rows = -(-len(images) // cols)
    if ax is None:
        ax = plt.subplots(figsize=(cols * size, rows * size + (0.3 if title else 0)))[1]
    low, high = value_range
    ax.imshow(tile(images, rows, cols, low), cmap="gray", vmin=low, vmax=high)
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=10)
    return ax


def scatter(codes, labels, title=None, ax=None, limits=None):
    """Scatter codes [N, 2], coloured by digit, with a legend; returns the axes."""
    if ax is None:
        ax = plt.subplots(figsize=(5, 4.6))[1]
    codes, labels = np.asarray(codes), np.asarray(labels)
    for digit in np.unique(labels):
        ax.scatter(*codes[labels == digit].T, s=7, color=DIGITS(int(digit)), label=str(digit))
    ax.legend(title="digit", markerscale=2, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
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
    ticks at their true positions; others (quantiles, say) five ticks an axis, labelled in z.
    """
    images = np.asarray(decode(paddle.to_tensor(plane(x, y))))
    if ax is None:
        ax = plt.subplots(figsize=(5, 5))[1]
    picture = tile(images, len(y), len(x))
    even = np.allclose(np.diff(x, 2), 0, atol=1e-6 * np.ptp(x)) and np.allclose(
        np.diff(y, 2), 0, atol=1e-6 * np.ptp(y)
    )
    style = {"cmap": "gray", "vmin": value_range[0], "vmax": value_range[1]}
    if even:
        half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2  # a digit is centred on its z
        extent = (x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y)
        ax.imshow(picture, extent=extent, aspect="equal", **style)
    else:
        ax.imshow(picture, extent=(-0.5, len(x) - 0.5, -0.5, len(y) - 0.5), **style)
        for axis, values in ((ax.xaxis, x), (ax.yaxis, y)):
            at = np.linspace(0, len(values) - 1, 5).round().astype(int)
            axis.set_ticks(at, [f"{values[i]:.2f}" for i in at])
    ax.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
    return ax


def scatter_and_map(codes, labels, decode, count=20, value_range=(-1.0, 1.0), prior=False):
    """The scatter of codes and the decoded plane beside it, on the same axes (L1, figures 2 and 3).

    The plane spans the range of the codes. prior=True adds a third axes: the plane over the
    quantiles of N(0, I), where each picture stands for the same share of the draws.
    """
    codes = np.asarray(codes)
    x, y = (
        np.linspace(low, high, count) for low, high in zip(codes.min(0), codes.max(0), strict=True)
    )
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
    """Write images [N, 1, H, W] as one grey PNG, a pixel a pixel."""
    low, high = value_range
    picture = tile(images, -(-len(images) // cols), cols, low)
    with replacing(path) as temporary:
        plt.imsave(temporary, picture, cmap="gray", vmin=low, vmax=high, format="png")
