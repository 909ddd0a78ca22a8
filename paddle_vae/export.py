"""A trained model for programs that do not have this package: ONNX, or Paddle Inference.

An encoder (image -> mean and logvar, or an autoencoder's code) and a decoder (z -> image), each in
a file of its own, and model.json, which says what goes in and what comes out.
"""

import contextlib
import importlib.util
import io
import json
import os
import tempfile
from pathlib import Path
from unittest import mock

import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.static import InputSpec

from . import networks, recipes, runs
from .data import LABELS
from .errors import InputError, short
from .files import as_path, replacing

FORMATS = ("onnx", "paddle")
# Paddle 3.3.1's crashes on transposed convolutions, and misreads images with channels last.
ONEDNN = "Paddle Inference on a CPU: call config.disable_mkldnn() before the predictor is made"


class Encoder(nn.Layer):
    """Image [N, 1, H, W] in the model's range -> mean and logvar, or the code, [N, latent_dim]
    each; a conditional model also takes the label, one-hot [N, 10]."""

    def __init__(self, model):
        super().__init__()
        self.network = model.encoder

    def forward(self, image, label=None):
        if label is None:
            found = self.network(image)
        else:
            found = self.network(image, label.unsqueeze([2, 3]))
        if isinstance(found, (tuple, list)):
            return found[0].flatten(1), found[1].flatten(1)
        return found.flatten(1)


class Decoder(nn.Layer):
    """z [N, latent_dim] -> image [N, 1, H, W] in the model's range; labels as for Encoder."""

    def __init__(self, model):
        super().__init__()
        self.network, self.logits = model.decoder, model.logits

    def forward(self, z, label=None):
        z = z.unsqueeze([2, 3])  # [N, latent_dim, 1, 1]
        image = self.network(z) if label is None else self.network(z, label.unsqueeze([2, 3]))
        return F.sigmoid(image) if self.logits else image


class _ChannelsFirst(nn.Layer):
    """A layer of images [N, H, W, C] that computes on [N, C, H, W], which ONNX demands."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        x, layer = x.transpose([0, 3, 1, 2]), self.layer
        if isinstance(layer, nn.BatchNorm2D):
            statistics = layer._mean, layer._variance
            x = F.batch_norm(x, *statistics, layer.weight, layer.bias, epsilon=layer._epsilon)
        elif isinstance(layer, nn.Conv2DTranspose):
            x = F.conv2d_transpose(x, layer.weight, layer.bias, layer._stride, layer._padding)
        else:
            x = F.conv2d(x, layer.weight, layer.bias, layer._stride, layer._padding)
        return x.transpose([0, 2, 3, 1])


def _leaky_relu(x, slope=0.01):
    """layers.leaky_relu, of operations that paddle2onnx 2.1 writes right: it loses the slope."""
    return paddle.maximum(x, slope * x)


def _channels_first(network):
    """Wrap the layers inside a network that have their channels last."""
    for name, layer in list(network.named_children()):
        if getattr(layer, "_data_format", None) == "NHWC":
            network.add_sublayer(name, _ChannelsFirst(layer))
        else:
            _channels_first(layer)


def export(name, folder, format, weights=None):
    """Write a recipe's trained encoder and decoder into a folder -> the paths written.

    format: "onnx", which needs the package paddle2onnx, or "paddle", what paddle.inference and
    paddle.jit.load read. weights: as for recipes.load.
    Raises InputError for an unknown format or recipe, a missing package, an unwritable folder.
    """
    if format not in FORMATS:
        raise InputError(f"format is {short(format)}: give one of {', '.join(FORMATS)}")
    if format == "onnx" and importlib.util.find_spec("paddle2onnx") is None:
        raise InputError("paddle2onnx is not installed: `pip install paddle2onnx`, or give paddle")
    recipe, model, folder = recipes.get(name), recipes.load(name, weights), as_path(folder, "DIR")
    side = 28 + 2 * recipe.padding
    label = [InputSpec([None, LABELS], "float32", "label")]
    parts = {
        "encoder": (Encoder(model), [InputSpec([None, 1, side, side], "float32", "image")]),
        "decoder": (Decoder(model), [InputSpec([None, model.latent_dim], "float32", "z")]),
    }
    runs.make(folder)
    paths = []
    known = {"recipe": name, "format": format, "value_range": recipe.value_range}
    if format == "paddle":
        known["note"] = ONEDNN
    with tempfile.TemporaryDirectory() as made:
        for part, (network, inputs) in parts.items():
            if getattr(network.network, "conditional", False):
                inputs = inputs + label
            known[part] = {spec.name: ["N", *spec.shape[1:]] for spec in inputs}
            network.eval()
            with contextlib.redirect_stdout(io.StringIO()):  # converters chat
                if format == "onnx":
                    _channels_first(network)
                    with mock.patch.object(networks, "leaky_relu", _leaky_relu):
                        paddle.onnx.export(network, f"{made}/{part}", inputs, opset_version=13)
                else:
                    paddle.jit.save(network, f"{made}/{part}", inputs)
        Path(made, "model.json").write_text(json.dumps(known, indent=1) + "\n", "utf-8")
        for file in sorted(os.listdir(made)):
            paths.append(folder / file)
            with replacing(folder / file) as temporary:
                temporary.write_bytes(Path(made, file).read_bytes())
    return paths
