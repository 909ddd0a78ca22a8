"""Drawings of the models' structure: what goes in, what is computed, what the loss compares.

Introduced in notebooks 01 (autoencoder), 02 (VAE), 06 (labels), 07 and 09 (fully connected).
"""

import numpy as np
from matplotlib import pyplot as plt

from .errors import InputError, short, whole

NETWORK, VALUE, CHANCE = "#cfe2f3", "#f2f2f2", "#fde3c8"  # fills; their words say the same


def autoencoder():
    """Image, encoder, code, decoder, image, and the loss between the two; returns the axes."""
    ax = _sheet(10, 2.6)
    _value(ax, 0.7, 1.5, "image $x$\n28 x 28")
    _network(ax, 2.7, 1.5, "encoder", narrowing=True)
    _value(ax, 5.0, 1.5, "code $z$\n2 numbers")
    _network(ax, 7.3, 1.5, "decoder", narrowing=False)
    _value(ax, 9.3, 1.5, "image $\\hat{x}$\n28 x 28")
    for start, end in ((1.3, 1.9), (3.5, 4.4), (5.6, 6.5), (8.1, 8.7)):
        _arrow(ax, (start, 1.5), (end, 1.5))
    _compare(ax, 0.7, 9.3, "loss: squared error between $x$ and $\\hat{x}$")
    return ax


def vae():
    """The same with a cloud in place of the code: mean, log variance, noise; returns the axes."""
    ax = _sheet(10, 3.2)
    _draw_vae(ax)
    return ax


def cvae():
    """The VAE with a label that both networks are told; returns the axes."""
    ax = _sheet(10, 3.9)
    _draw_vae(ax)
    _value(ax, 4.75, 3.55, "label $y$, one of 10")
    _arrow(ax, (3.7, 3.55), (2.2, 2.15), bend=0.25)
    _arrow(ax, (5.8, 3.55), (7.75, 2.15), bend=-0.25)
    return ax


def fully_connected(sizes, names=None):
    """Layers as bars with their number of units, each connected to all of the next; returns the
    axes.

    sizes: units of each layer, from the image on, such as [784, 128, 10, 128, 784]. names: a text
    for each. Raises InputError for fewer than two layers and for another number of names.
    """
    sizes = [whole("sizes", size, 1) for size in sizes]
    names = [""] * len(sizes) if names is None else list(names)
    if len(sizes) < 2 or len(names) != len(sizes):
        raise InputError(f"names are {short(names)}: give one for each of two or more sizes")
    ax = _sheet(10, 3.4)
    x = np.linspace(0.8, 9.2, len(sizes))
    half = 0.25 + 1.05 * np.sqrt(np.array(sizes) / max(sizes))  # of each bar's height
    for left, right, low, high in zip(x[:-1], x[1:], half[:-1], half[1:], strict=True):
        corners = [
            (left, 1.95 - low),
            (left, 1.95 + low),
            (right, 1.95 + high),
            (right, 1.95 - high),
        ]
        ax.add_patch(plt.Polygon(corners, facecolor=NETWORK, edgecolor="none"))
    for at, size, name, reach in zip(x, sizes, names, half, strict=True):
        ax.plot([at, at], [1.95 - reach, 1.95 + reach], "k-", lw=5, solid_capstyle="butt")
        ax.text(at, 0.28, f"{size}\n{name}".strip(), ha="center", va="center", fontsize=10)
    return ax


def _draw_vae(ax):
    _value(ax, 0.6, 1.7, "image $x$\n28 x 28")
    _network(ax, 2.2, 1.7, "encoder", narrowing=True)
    _value(ax, 4.0, 2.3, "mean $\\mu$")
    _value(ax, 4.0, 1.1, "log variance\n$\\log\\,\\sigma^2$")
    _value(ax, 6.0, 1.7, "$z = \\mu + \\sigma\\,\\varepsilon$")
    _value(ax, 6.0, 2.7, "noise $\\varepsilon \\sim N(0, I)$", CHANCE)
    _network(ax, 7.75, 1.7, "decoder", narrowing=False)
    _value(ax, 9.4, 1.7, "image $\\hat{x}$\n28 x 28")
    arrows = [((1.15, 1.7), (1.55, 1.7)), ((2.85, 1.85), (3.4, 2.25)), ((2.85, 1.55), (3.3, 1.2))]
    arrows += [((4.6, 2.25), (5.25, 1.85)), ((4.7, 1.2), (5.25, 1.55)), ((6.0, 2.5), (6.0, 1.95))]
    arrows += [((6.8, 1.7), (7.1, 1.7)), ((8.4, 1.7), (8.85, 1.7))]
    for start, end in arrows:
        _arrow(ax, start, end)
    text = (
        "loss: squared error between $x$ and $\\hat{x}$  +  KL of $N(\\mu, \\sigma^2)$ to $N(0, I)$"
    )
    _compare(ax, 0.6, 9.4, text)


def _sheet(width, height):
    """Axes in inches, without frame, black on white in every theme."""
    figure = plt.figure(figsize=(width, height), facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return ax


def _value(ax, x, y, text, fill=VALUE):
    """A box for something that is computed or given."""
    box = {"boxstyle": "round,pad=0.35", "facecolor": fill, "edgecolor": "black"}
    ax.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box)


def _network(ax, x, y, text, narrowing):
    """A trapezium for a network: narrow on the side of the code."""
    left, right = (0.65, 0.3) if narrowing else (0.3, 0.65)
    corners = [(x - 0.65, y - left), (x - 0.65, y + left), (x + 0.65, y + right)]
    corners += [(x + 0.65, y - right)]
    ax.add_patch(plt.Polygon(corners, facecolor=NETWORK, edgecolor="black"))
    ax.text(x, y, text, ha="center", va="center", fontsize=10)


def _arrow(ax, start, end, bend=0.0):
    style = {"arrowstyle": "-|>", "color": "black", "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", end, start, arrowprops=style)


def _compare(ax, left, right, text):
    """A bracket under everything, from one image to the other, with what the loss is."""
    y = 0.45
    ax.plot([left, left, right, right], [y + 0.2, y, y, y + 0.2], "k--", lw=1)
    ax.text((left + right) / 2, y, text, ha="center", va="center", backgroundcolor="white")
