"""The latent plane under your hand: a notebook output that runs the networks in the page itself.

    explore(model, train.images[:300], train.labels[:300])

The output is one piece of HTML without a kernel, a server or a network behind it: a picture, and a
script that puts a living plane in its place wherever scripts may run. Introduced in notebook 01.
"""

import base64
import hashlib
import html
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import paddle
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from . import palette, plots
from .data import LABELS, scale
from .errors import InputError, whole
from .files import as_path, replacing
from .models import VAE, Autoencoder
from .networks import Decoder, Encoder

PARTS = "simd", "", "words", "look", "plane", "border", "marks", "pad", "panel", "hand", "element"
NAMES = [f"explorer_{part}.js" if part else "explorer.js" for part in PARTS]
SCRIPTS = [Path(__file__).with_name(name) for name in NAMES]  # one function in the page
MOST = 2000  # images: each takes about 100 bytes of the page
EXACT = 30  # up to so many images keep all their grey levels, which the border is drawn from
ALIVE = "This is a picture of an explorer: run this cell to bring it to life."
ALIVE_ZH = "这是交互图的静态图片：运行本单元格即可交互。"


class Explorer:
    """What `explore` returns: an HTML output in a notebook, or a page of its own by `save`."""

    def __init__(self, markup, title):
        self.html, self.title = markup, title

    def _repr_html_(self):
        return self.html

    def __repr__(self):
        return f"{self.title} ({len(self.html) // 1000} KB)"

    def save(self, path):
        """Write it as a page that opens in a browser from a disk; needs a path ending in .html."""
        if as_path(path).suffix != ".html":
            raise InputError(f"path is {str(path)!r}: give a file name that ends in .html")
        page = (
            '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(self.title)}</title>\n"
            "<style>:root { color-scheme: light dark; } body { margin: 1rem; }</style>\n"
        )
        with replacing(path) as temporary:
            temporary.write_text(page + self.html, encoding="utf-8")


@paddle.no_grad()
def explore(model, images, labels, count=300):
    """A plane to explore: what the decoder draws at every z, and where the encoder puts images.

    model: an Autoencoder or a VAE of networks.Encoder and Decoder with two latent dimensions, with
    labels or without. images: uint8 [N, 1, 28, 28], labels: int [N], of which the first `count`
    are shown. With two images the plane shows the border between them.
    Raises InputError for another model, other images, and labels that do not fit them.
    """
    _check(model)
    if not all(np.isfinite(weight.numpy()).all() for weight in model.parameters()):
        raise InputError("model has weights that are not finite: train it again")
    images, labels = _first(images, labels, whole("count", count, 1, MOST))
    was_training = model.training
    model.eval()
    x = scale(images)
    if isinstance(model, VAE):
        given = (labels,) if getattr(model.encoder, "conditional", False) else ()
        mean, logvar = (array.numpy() for array in model.encode(x, *given))
        std = np.exp(0.5 * logvar)
    else:
        mean, std = model.encode(x).numpy(), None
    view = _view(mean, 0 if std is None else std)
    about = {
        "conditional": model.conditional,
        "view": [round(float(v), 4) for v in view],
        "codes": mean.round(4).tolist(),
        "labels": labels.tolist(),
    }
    picture = _picture(model, mean, labels, view)
    if was_training:
        model.train()
    kind = "VAE" if std is not None else "autoencoder"
    kind = f"conditional {kind}" if model.conditional else kind
    title = f"The latent plane of this {kind}, with the codes of {len(images)} images"
    return Explorer(_markup(pack(model, images, about), picture, title), title)


def _check(model):
    """Raise InputError unless the page's networks can stand for the model's."""
    remedy = "give an Autoencoder or a VAE of networks.Encoder and Decoder, latent_dim 2"
    if not isinstance(model, Autoencoder | VAE):
        raise InputError(f"model is a {type(model).__name__}: {remedy}")
    for network, kind in ((model.encoder, Encoder), (model.decoder, Decoder)):
        if type(network) is not kind:
            raise InputError(f"model has a network {type(network).__name__}: {remedy}")
        if network.latent_dim != 2:
            raise InputError(f"model has {network.latent_dim} latent dimensions: {remedy}")


def _first(images, labels, count):
    """The first `count` images and labels as arrays; raises InputError where they do not fit."""
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (1, 28, 28):
        found = f"{images.dtype} {list(images.shape)}"
        raise InputError(f"images are {found}: give uint8 [N, 1, 28, 28], as train.images")
    if not len(images):
        raise InputError("images are none: give at least one")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        found = f"{labels.dtype} {list(labels.shape)}"
        raise InputError(f"labels are {found}: give a digit for each of the {len(images)} images")
    if labels.min() < 0 or labels.max() >= LABELS:
        raise InputError("labels hold something other than 0..9: give digits")
    return images[:count], labels[:count]


def _view(mean, std):
    """Centre and half the side of a square that holds most clouds to two sigma -> (x, y, half)."""
    low, high = np.quantile(mean - 2 * std, 0.02, 0), np.quantile(mean + 2 * std, 0.98, 0)
    half = max((high - low).max() / 2, 0.5) * 1.05
    return (*((low + high) / 2), half)


# ---- what the page computes with ---------------------------------------------


def layers(model):
    """The weights in the order in which explorer.js reads them -> {name: (weight, bias)}.

    The last axis of a weight is that of the outputs. Fully connected layers are [inputs, outputs];
    where 7 x 7 pixels go in or come out, their channels stand last, as everywhere in the page.
    """
    found = {}
    for name, part in model.named_sublayers():
        if not hasattr(part, "weight"):
            continue
        weight, bias = part.weight.numpy(), part.bias.numpy()
        if name in ("encoder.conv_mean", "encoder.conv_logvar"):
            weight = weight.reshape(len(weight), -1, 7, 7).transpose(2, 3, 1, 0)  # [7, 7, 64, 2]
            weight = weight.reshape(-1, len(bias))
        elif name == "decoder.conv1":
            weight = weight.reshape(-1, 7, 7, weight.shape[1])  # [32, 7, 7, 2]
            weight = weight.transpose(3, 1, 2, 0).reshape(weight.shape[3], -1)
            bias = bias.reshape(-1, 7, 7).transpose(1, 2, 0).ravel()
        elif name in ("decoder.conv2", "decoder.conv3"):
            # row 2 r + odd of the result is made of rows r + odd - 1 and r + odd of the input, by
            # the kernel's rows 3 - odd and 1 - odd; so for columns
            kernel = weight.transpose(2, 3, 0, 1)  # [4, 4, in, out]
            rows = [[3, 1], [2, 0]]
            weight = np.stack([[kernel[np.ix_(a, b)] for b in rows] for a in rows])
        else:
            weight = weight.transpose(2, 3, 1, 0)  # [k, k, in, out]
            weight = weight[0, 0] if name == "encoder.conv_label" else weight
        found[name] = weight, bias
    return found


def pack(model, images, about):
    """Weights, images and what is told about them as one text, which explorer.js unpacks.

    Weights become whole numbers of 16 bits with a scale for each output: that keeps images within
    1e-3 of Paddle's, which float16 does not.
    """
    parts, shapes = [], []
    for name, (weight, bias) in layers(model).items():
        top = np.abs(weight).max(tuple(range(weight.ndim - 1)))  # [outputs]
        power = np.ceil(np.log2(np.maximum(top, 1e-30) / 32767))
        numbers = np.rint(weight / 2**power).astype("<i2").ravel().view("u1").reshape(-1, 2)
        parts += [power.astype("i1").tobytes(), bias.astype("<f4").tobytes(), numbers.T.tobytes()]
        shapes.append([name, list(weight.shape)])
    if len(images) > EXACT:
        images = np.rint(images / 17) * 17  # 16 grey levels, half the size
    parts.append(images.astype("u1").tobytes())
    text = json.dumps(about | {"layers": shapes}).encode()
    blob = struct.pack("<I", len(text)) + text + b"".join(parts)
    return base64.b64encode(zlib.compress(blob, 9)).decode()


# ---- what the notebook shows -------------------------------------------------


def _picture(model, codes, labels, view, count=14):
    """The codes over the decoded map, for where no script runs, as the bytes of a PNG."""
    x, y, half = view
    steps = half * ((np.arange(count) + 0.5) / count * 2 - 1)
    z = paddle.to_tensor(plots.plane(x + steps, y + steps))
    given = (np.full(len(z), labels[0]),) if model.conditional else ()
    pixels = plots.tile(model.decode(z, *given).numpy(), count, count)
    figure = Figure(figsize=(5, 5), dpi=96, layout="constrained")
    ax = figure.subplots()
    extent = (x - half, x + half, y - half, y + half)
    ax.imshow(-pixels, cmap="gray", vmin=-4, vmax=1, extent=extent)
    plots.scatter(codes, labels, ax=ax).set_aspect("equal", "box")
    ax.set(xlim=extent[:2], ylim=extent[2:])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return palette.png(np.asarray(canvas.buffer_rgba())[..., :3])


def script():
    """The source of the page's script, without the comments that fill a line, and its digest."""
    lines = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS).splitlines()
    lines = (line.strip() for line in lines)
    source = "\n".join(line for line in lines if line and not line.startswith("//"))
    return source, hashlib.sha256(source.encode()).hexdigest()[:8]


def _markup(packed, picture, title):
    """The whole output: a custom element with the picture inside, and the script that wakes it.

    The element's name holds the digest of its source, so that outputs of two versions can live on
    one page; its id is the digest of what it shows, so that it is the same in every run. Its words
    are those of the page's language, and Chinese where the environment's PADDLE_VAE_LANG says zh.
    """
    source, version = script()
    name, mark = f"vae-explorer-{version}", hashlib.sha256(packed.encode()).hexdigest()[:12]
    image = base64.b64encode(picture).decode()
    alt = html.escape(f"{title}: digits in ten colours, over the images that the decoder draws.")
    language = ' data-lang="zh"' if os.environ.get("PADDLE_VAE_LANG", "").startswith("zh") else ""
    return (
        f'<{name} id="explorer-{mark}"{language}>\n'
        f'<img width="440" style="max-width: 100%" alt="{alt}" '
        f'src="data:image/png;base64,{image}">\n<p><em>{ALIVE} '
        f'<span lang="zh">{ALIVE_ZH}</span></em></p>\n</{name}>\n'
        f'<script>(function () {{\n"use strict";\nconst NAME = "{name}", ID = "explorer-{mark}";\n'
        f'const PACKED = "{packed}";\n{source}\n}})();</script>'
    )
