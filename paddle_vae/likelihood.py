"""The likelihoods p(x|z) that a decoder can be measured by, in nats an image.

A number belongs to one likelihood, whose name it carries. Numbers of different ones cannot be
compared: the probability of black-and-white pixels and the density of grey ones are different
things, and a density changes with the unit of its pixels. Introduced in notebook 10.
"""

import math

import numpy as np
import paddle

from . import data
from .errors import InputError, interval, number

LOG_2PI = math.log(2 * math.pi)


class _Likelihood:
    """A p(x|z) whose logarithm is linear in the pixels: log p(x|z) = x . w(z) + a(z) + b(x).

    That makes it cheap: many images against many z are one matrix product.
    """

    def log_prob(self, model, x, z, label=None):
        """log p(x|z) of images x [B, D] for K latents each, z [B, K, L], label [B] -> [B, K]."""
        batch, count, latent_dim = z.shape
        label = None if label is None else np.repeat(label, count)
        w, a = self.decode(model, z.reshape(batch * count, latent_dim), label)
        fit = w.reshape(batch, count, -1) @ x[:, :, None]  # [B, K, 1]
        return fit[:, :, 0] + a.reshape(batch, count) + self.base(x)[:, None]


class Bernoulli(_Likelihood):
    """Black-and-white pixels, 0 or 1, each 1 with the probability that the decoder gives.

    Grey images are binarized by one seeded draw, 1 with a probability of their grey value (dynamic
    binarization: Salakhutdinov and Murray 2008). log p(x|z) = -losses.binary_cross_entropy.
    """

    name = "Bernoulli, pixels binarized by a draw"

    def pixels(self, images, streams):
        """uint8 [B, 1, H, W] and a numpy Generator for each -> float32, 0 or 1."""
        draws = np.stack([stream.random(images.shape[1:], "float32") for stream in streams])
        return (255 * draws < images).astype("float32")

    def decode(self, model, z, label=None):
        """z [M, L] -> w [M, D], the decoder's logits, and a [M] = -sum of log(1 + exp(logits))."""
        if model.logits:
            w = model.decoder_output(paddle.to_tensor(z), label).flatten(1).numpy()
        else:
            p = model.decode(paddle.to_tensor(z), label).flatten(1).numpy()
            if not (p.min() >= 0 and p.max() <= 1):
                raise InputError(
                    f"the decoder puts out {p.min():.2g} to {p.max():.2g}, no probabilities: "
                    "measure this model by Gaussian(0.5), as it was trained"
                )
            p = p.clip(1e-6, 1 - 1e-6)
            w = np.log(p) - np.log1p(-p)
        # log(1 + exp(w)) without overflow; NumPy is faster here than Paddle's softplus
        return w, -(np.maximum(w, 0) + np.log1p(np.exp(-np.abs(w)))).sum(1)

    def base(self, x):
        return np.zeros(len(x), "float32")


class Gaussian(_Likelihood):
    """Grey pixels in value_range with independent noise of one variance around the decoded image.

    With variance 1/2, log p(x|z) is -losses.squared_error up to a constant.
    """

    def __init__(self, variance=0.5, value_range=(-1.0, 1.0)):
        self.variance = number("variance", variance, 1e-12, 1e12)
        self.value_range = low, high = interval("value_range", value_range)
        self.name = f"Gaussian, variance {variance:.4g}, pixels in [{low:g}, {high:g}]"

    def pixels(self, images, streams):
        """uint8 [B, 1, H, W] -> float32 in value_range; nothing is drawn."""
        return data.scale(images, self.value_range).numpy()

    def decode(self, model, z, label=None):
        """z [M, L] -> w [M, D] = image / variance, and a [M] = -|image|^2 / (2 variance)."""
        image = model.decode(paddle.to_tensor(z), label).flatten(1).numpy()
        return image / np.float32(self.variance), -(image**2).sum(1) / (2 * self.variance)

    def base(self, x):
        constant = x.shape[1] / 2 * (LOG_2PI + math.log(self.variance))
        return -(x**2).sum(1) / (2 * self.variance) - constant
