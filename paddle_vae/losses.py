"""Reconstruction, KL and their sum: the one place where "sum or mean?" is settled.

Every term is summed over pixels and over latent dimensions, one number an image, and then averaged
over the batch. A mean over pixels instead would weigh the KL term 784 times as heavily.
Introduced in notebook 02.
"""

from typing import NamedTuple

import paddle
from paddle.nn import functional as F


class Loss(NamedTuple):
    """The parts of a loss, each a scalar: total = reconstruction + beta * kl."""

    total: paddle.Tensor
    reconstruction: paddle.Tensor
    kl: paddle.Tensor


def squared_error(image, target):
    """Sum of squared errors over the pixels of each image, [N, ...] -> [N] (L1).

    Up to a constant it is -log p(x|z) of a Gaussian with variance 1/2.
    """
    return (image - target).square().flatten(1).sum(1)


def binary_cross_entropy(logits, target):
    """Sum over the pixels of each image of the cross-entropy between target in [0, 1] and
    sigmoid(logits), in nats, [N, ...] -> [N] (L3, L5).

    For targets 0 and 1 it is -log p(x|z) of a Bernoulli. For grey targets it is no likelihood, and
    its lowest value is the entropy of the pixels, not 0 (notebook 06).
    """
    # -t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid; finite for logits of any size
    return (F.softplus(logits) - logits * target).flatten(1).sum(1)


def kl_divergence(mean, logvar):
    """KL(N(mean, exp(logvar)) || N(0, I)) of each image in nats, [N, latent_dim] -> [N].

    Source: Kingma and Welling 2013, appendix B.
    """
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1)


def parts(output, target, reconstruction=squared_error, beta=1.0):
    """Loss in parts, averaged over the batch, of a model's Output against the target images.

    An autoencoder's output has no logvar, and its KL is 0. With squared_error and beta = 1 the
    total is L1's loss; beta weighs the KL term (Higgins et al. 2017).
    """
    error = reconstruction(output.image, target).mean()
    if output.logvar is None:
        return Loss(error, error, paddle.zeros_like(error))
    kl = kl_divergence(output.mean, output.logvar).mean()
    return Loss(error + beta * kl, error, kl)
