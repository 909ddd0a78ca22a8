"""The models: an encoder and a decoder make an autoencoder, or a VAE, with labels or without.

Introduced in notebooks 01 (autoencoder), 02 (VAE) and 06 (labels). What a network of one's own must
take and give stands in the README.
"""

from typing import NamedTuple

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from .data import LABELS
from .errors import InputError, whole
from .losses import same_shape
from .networks import Decoder, Encoder

PART = 500  # images that go through a network at once where nothing is learned


class Output(NamedTuple):
    """What a model makes of a batch; logvar is None for an autoencoder, whose mean is its code."""

    image: paddle.Tensor  # [N, 1, H, W]: what the decoder puts out, an image or its logits
    mean: paddle.Tensor  # [N, latent_dim]
    logvar: paddle.Tensor | None  # [N, latent_dim]


class _Model(nn.Layer):
    """An encoder and a decoder that fit together, and what both models read of them."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            if isinstance(network, type):
                kind = network.__name__
                raise InputError(f"{name} is the class {kind}: give one of its kind, as {kind}()")
            if not isinstance(network, nn.Layer):
                raise InputError(f"{name} is a {type(network).__name__}: give a paddle.nn.Layer")
        dims = [getattr(network, "latent_dim", None) for network in (encoder, decoder)]
        if None not in dims and dims[0] != dims[1]:
            raise InputError(
                f"encoder has latent_dim {dims[0]} and decoder {dims[1]}: give both the same"
            )

    @property
    def latent_dim(self):
        """How many numbers a code has; raises InputError where neither network says it."""
        for network in (self.encoder, self.decoder):
            if getattr(network, "latent_dim", None) is not None:
                return network.latent_dim
        raise InputError("encoder has no latent_dim: set it, as in encoder.latent_dim = 10")

    @property
    def conditional(self):
        """Whether the decoder takes labels."""
        return getattr(self.decoder, "conditional", False)

    @property
    def logits(self):
        """Whether the decoder puts out logits, whose sigmoid is the image, not the image itself."""
        return getattr(self.decoder, "logits", False)

    def decoder_output(self, z, label=None):
        """z [N, latent_dim] -> what the decoder puts out, an image or its logits [N, 1, H, W]."""
        known = getattr(self.decoder, "latent_dim", None)
        if z.ndim != 2 or known not in (None, z.shape[1]):
            raise InputError(f"z has shape {list(z.shape)}: give [N, {known or 'latent_dim'}]")
        count = z.shape[0]
        z = z.unsqueeze([2, 3])  # [N, latent_dim, 1, 1]
        if self.conditional:
            return _in_parts(self.decoder, z, one_hot(label, count))
        return _in_parts(self.decoder, z)


class Autoencoder(_Model):
    """Image -> code -> image; nothing is random (notebook 01)."""

    def __init__(self, encoder=None, decoder=None):
        encoder = Encoder(variational=False) if encoder is None else encoder
        super().__init__(encoder, Decoder() if decoder is None else decoder)
        if getattr(self.encoder, "variational", False):
            raise InputError(
                "encoder has a logvar head: give Encoder(variational=False), or use VAE"
            )
        if self.conditional or getattr(self.encoder, "conditional", False):
            raise InputError("a network takes labels: leave out conditional=True, or use VAE")

    def encode(self, image):
        """Image [N, 1, H, W] -> code [N, latent_dim]."""
        code = _in_parts(self.encoder, image)
        if isinstance(code, tuple | list):
            raise InputError(f"encoder gives {len(code)} tensors: give the code alone, or use VAE")
        return code.flatten(1)

    def decode(self, code):
        """Code [N, latent_dim] -> image [N, 1, H, W]."""
        image = self.decoder_output(code)
        return F.sigmoid(image) if self.logits else image

    def forward(self, image, label=None):
        code = self.encode(image)
        return Output(self.decoder_output(code), code, None)


class VAE(_Model):
    """Variational autoencoder (Kingma and Welling 2013), with labels where its networks take them.

    Labels are int64 [N] in 0..9; a conditional model needs them in every call (L1's model D).
    More than 500 images or latents go through the networks in parts, except in training mode with
    gradients, where batch norm must see all.
    """

    def __init__(self, encoder=None, decoder=None):
        encoder = Encoder() if encoder is None else encoder
        super().__init__(encoder, Decoder() if decoder is None else decoder)
        if not getattr(self.encoder, "variational", True):
            raise InputError("encoder has no logvar head: leave out variational=False")

    def encode(self, image, label=None):
        """Image [N, 1, H, W] -> mean and logvar of q(z|x), each [N, latent_dim]."""
        if getattr(self.encoder, "conditional", False):
            found = _in_parts(self.encoder, image, one_hot(label, image.shape[0]))
        else:
            found = _in_parts(self.encoder, image)
        if not (isinstance(found, tuple | list) and len(found) == 2):
            raise InputError("encoder gives no pair: give mean and logvar, or use Autoencoder")
        mean, logvar = found
        return mean.flatten(1), logvar.flatten(1)

    def decode(self, z, label=None):
        """z [N, latent_dim] -> mean image of p(x|z) [N, 1, H, W]."""
        image = self.decoder_output(z, label)
        return F.sigmoid(image) if self.logits else image

    def forward(self, image, label=None):
        mean, logvar = self.encode(image, label)
        z = reparameterize(mean, logvar)
        return Output(self.decoder_output(z, label), mean, logvar)

    @paddle.no_grad()
    def sample(self, count, label=None):
        """Decode `count` draws of z from N(0, I) -> images [count, 1, H, W].

        label: a digit for all of them, or int [count]; only for a conditional model.
        """
        count = whole("count", count)
        if label is not None and not self.conditional:
            raise InputError("label is given, but this model takes none: leave it out")
        if label is not None and np.ndim(label) == 0:
            label = np.full(count, label)
        return self.decode(paddle.randn([count, self.latent_dim]), label)


def reparameterize(mean, logvar):
    """One draw of z from N(mean, exp(logvar)), differentiable in both (Kingma and Welling 2013).

    Raises InputError where the two differ in shape.
    """
    same_shape("mean", mean, "logvar", logvar)
    noise = paddle.randn(mean.shape)
    return noise * paddle.exp(0.5 * logvar) + mean


def _in_parts(network, *inputs):
    """network(*inputs), PART rows at a time, so that the memory it takes is bounded.

    In training mode with gradients all at once: batch norm must see the whole batch, and the graph
    keeps what a part needs anyway.
    """
    count = inputs[0].shape[0]
    learning = network.training and paddle.is_grad_enabled()
    if not paddle.in_dynamic_mode() or learning or count <= PART:
        return network(*inputs)
    return _parts(network, inputs, count)


@paddle.jit.not_to_static  # Paddle 3.3 stumbles over what it would not run anyway
def _parts(network, inputs, count):
    starts = range(0, count, PART)
    found = [network(*(rows[start : start + PART] for rows in inputs)) for start in starts]
    if isinstance(found[0], tuple | list):
        return tuple(paddle.concat(part) for part in zip(*found, strict=True))
    return paddle.concat(found)


def one_hot(label, count):
    """Labels int [count] in 0..9 -> float32 [count, 10, 1, 1].

    Raises InputError for a missing label, a wrong number of labels or one outside 0..9.
    """
    if label is None:
        raise InputError("label is missing, and this model is conditional: give a digit 0..9 each")
    label = np.asarray(label)
    if label.shape != (count,):
        raise InputError(f"label has shape {label.shape}: give one digit for each of the {count}")
    if label.dtype.kind not in "iu" or label.min(initial=0) < 0 or label.max(initial=0) >= LABELS:
        raise InputError("label holds something other than whole numbers 0..9: pass digits only")
    return paddle.to_tensor(np.eye(LABELS, dtype="float32")[label]).unsqueeze([2, 3])
