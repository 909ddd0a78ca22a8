"""The models: an encoder and a decoder make an autoencoder, or a VAE, with labels or without.

Introduced in notebooks 01 (autoencoder), 02 (VAE) and 05 (labels).
"""

from typing import NamedTuple

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from .data import LABELS
from .errors import InputError
from .networks import Decoder, Encoder


class Output(NamedTuple):
    """What a model makes of a batch; logvar is None for an autoencoder, whose mean is its code."""

    image: paddle.Tensor  # [N, 1, H, W]: what the decoder puts out, an image or its logits
    mean: paddle.Tensor  # [N, latent_dim]
    logvar: paddle.Tensor | None  # [N, latent_dim]


class Autoencoder(nn.Layer):
    """Image -> code -> image; nothing is random (notebook 01)."""

    def __init__(self, encoder=None, decoder=None):
        super().__init__()
        self.encoder = encoder or Encoder(variational=False)
        self.decoder = decoder or Decoder()
        if getattr(self.encoder, "variational", False):
            raise InputError(
                "encoder has a logvar head: give Encoder(variational=False), or use VAE"
            )

    def encode(self, image):
        """Image [N, 1, H, W] -> code [N, latent_dim]."""
        return self.encoder(image).flatten(1)

    def decode(self, code):
        """Code [N, latent_dim] -> image [N, 1, H, W]."""
        return self.decoder(code.unsqueeze([2, 3]))

    def forward(self, image, label=None):
        code = self.encode(image)
        return Output(self.decode(code), code, None)


class VAE(nn.Layer):
    """Variational autoencoder (Kingma and Welling 2013), with labels where its networks take them.

    Labels are int64 [N] in 0..9; a conditional model needs them in every call (L1's model D).
    """

    def __init__(self, encoder=None, decoder=None):
        super().__init__()
        self.encoder = encoder or Encoder()
        self.decoder = decoder or Decoder()
        if not getattr(self.encoder, "variational", True):
            raise InputError("encoder has no logvar head: leave out variational=False")

    def encode(self, image, label=None):
        """Image [N, 1, H, W] -> mean and logvar of q(z|x), each [N, latent_dim]."""
        if self.encoder.conditional:
            mean, logvar = self.encoder(image, one_hot(label, image.shape[0]))
        else:
            mean, logvar = self.encoder(image)
        return mean.flatten(1), logvar.flatten(1)

    def decode(self, z, label=None):
        """z [N, latent_dim] -> mean image of p(x|z) [N, 1, H, W]."""
        image = self._decoded(z, label)
        return F.sigmoid(image) if self.decoder.logits else image

    def _decoded(self, z, label):
        """What the decoder puts out, an image or its logits."""
        z = z.unsqueeze([2, 3])  # [N, latent_dim, 1, 1]
        if self.decoder.conditional:
            return self.decoder(z, one_hot(label, z.shape[0]))
        return self.decoder(z)

    def forward(self, image, label=None):
        mean, logvar = self.encode(image, label)
        return Output(self._decoded(reparameterize(mean, logvar), label), mean, logvar)

    @paddle.no_grad()
    def sample(self, count, label=None):
        """Decode `count` draws of z from N(0, I) -> images [count, 1, H, W].

        label: a digit for all of them, or int [count]; only for a conditional model.
        """
        if label is not None and not self.decoder.conditional:
            raise InputError("label is given, but this model takes none: leave it out")
        if label is not None and np.ndim(label) == 0:
            label = np.full(count, label)
        return self.decode(paddle.randn([count, self.encoder.latent_dim]), label)


def reparameterize(mean, logvar):
    """One draw of z from N(mean, exp(logvar)), differentiable in both (Kingma and Welling 2013)."""
    noise = paddle.randn(mean.shape)
    return noise * paddle.exp(0.5 * logvar) + mean


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
