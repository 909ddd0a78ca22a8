"""Reconstruction, KL and their sum: the one place where "sum or mean?" is settled.

Every term is summed over pixels and over latent dimensions, one number an image, and then averaged
over the batch. A mean over pixels instead would weigh the KL term 784 times as heavily.
Introduced in notebook 02.
"""

from functools import partial
from typing import NamedTuple

import paddle
from paddle.nn import functional as F

from .errors import InputError, short


class Loss(NamedTuple):
    """The parts of a loss, each a scalar: total = reconstruction + beta * kl."""

    total: paddle.Tensor
    reconstruction: paddle.Tensor
    kl: paddle.Tensor


def squared_error(image, target):
    """Sum of squared errors over the pixels of each image, [N, ...] -> [N] (L1).

    Up to a constant it is -log p(x|z) of a Gaussian with variance 1/2. One image [1, ...] may stand
    beside many; any other difference in shape is an InputError.
    """
    same_shape("image", image, "target", target, one_for_all=True)
    return (image - target).square().flatten(1).sum(1)


def binary_cross_entropy(logits, target):
    """Sum over the pixels of each image of the cross-entropy between target in [0, 1] and
    sigmoid(logits), in nats, [N, ...] -> [N] (L3, L5).

    For targets 0 and 1 it is -log p(x|z) of a Bernoulli. For grey targets it is no likelihood, and
    its lowest value is the entropy of the pixels, not 0 (notebook 07). Shapes as in squared_error.
    """
    same_shape("logits", logits, "target", target, one_for_all=True)
    # -t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid; finite for logits of any size
    return (F.softplus(logits) - logits * target).flatten(1).sum(1)


def kl_divergence(mean, logvar):
    """KL(N(mean, exp(logvar)) || N(0, I)) of each image in nats, [N, latent_dim] -> [N].

    Raises InputError where the two differ in shape. Source: Kingma and Welling 2013, appendix B.
    """
    same_shape("mean", mean, "logvar", logvar)
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1)


@paddle.jit.not_to_static  # nothing to translate: without it Paddle stumbles over the default
def parts(output, target, reconstruction=squared_error, beta=1.0):
    """Loss in parts, averaged over the batch, of a model's Output against the target images.

    An autoencoder's output has no logvar, and its KL is 0. With squared_error and beta = 1 the
    total is L1's loss; beta weighs the KL term (Higgins et al. 2017).
    Raises InputError where the decoder's images have another shape than the target, or where a term
    is not one number an image.
    """
    try:
        image, mean, logvar = output
    except (TypeError, ValueError) as error:
        raise InputError("output is no Output: let the model return models.Output(...)") from error
    same_shape("the decoder's output", image, "the target", target)
    error = _each("reconstruction", reconstruction(image, target), target).mean()
    if logvar is None:
        return Loss(error, error, paddle.zeros_like(error))
    kl = _each("KL", kl_divergence(mean, logvar), target).mean()
    # in this order: a static graph adds into the first of the two, and error is an output as well
    return Loss(beta * kl + error, error, kl)


def check(model, reconstruction, value_range):
    """Raise InputError where a reconstruction term or a range of pixels does not fit a model.

    What its decoder puts out is known from the decoder's attributes `logits` and `value_range`.
    """
    low, high = value_range
    while isinstance(reconstruction, partial):
        reconstruction = reconstruction.func
    decoder = getattr(model, "decoder", None)
    logits = getattr(decoder, "logits", False)
    if not callable(reconstruction):
        raise InputError(
            f"reconstruction is {short(reconstruction)}: give a function, as in losses"
        )
    if reconstruction is binary_cross_entropy and not 0 <= low < high <= 1:
        raise InputError(
            f"value_range is {value_range}, and binary_cross_entropy takes pixels in [0, 1]: "
            "give value_range=(0, 1)"
        )
    if reconstruction is binary_cross_entropy and decoder is not None and not logits:
        raise InputError(
            "decoder puts out images, and binary_cross_entropy takes the numbers before the "
            "sigmoid: give a decoder with logits=True, or reconstruction=losses.squared_error"
        )
    if reconstruction is squared_error and logits:
        raise InputError(
            "decoder puts out logits, and squared_error takes images: "
            "give reconstruction=losses.binary_cross_entropy, or a decoder with logits=False"
        )
    least, most = getattr(decoder, "value_range", None) or (low, high)
    if low < least or high > most:
        raise InputError(
            f"value_range is {value_range}, and the decoder puts out pixels from {least:g} to "
            f"{most:g} only: give value_range=({least:g}, {most:g})"
        )


@paddle.jit.not_to_static
def same_shape(name, tensor, other_name, other, one_for_all=False):
    """Raise InputError where two tensors differ in shape: Paddle would broadcast them in silence.

    one_for_all: a first axis of length 1 may stand beside any length. A length that a static graph
    does not know yet, -1, fits every other.
    """
    shape, wanted = list(tensor.shape), list(other.shape)
    if shape == wanted:
        return
    free = [{-1, 1} if one_for_all and axis == 0 else {-1} for axis in range(len(shape))]
    fits = [a == b or free & {a, b} for a, b, free in zip(shape, wanted, free, strict=False)]
    if len(shape) != len(wanted) or not all(fits):
        raise InputError(f"{name} has shape {shape} and {other_name} {wanted}: give both the same")


@paddle.jit.not_to_static
def _each(name, term, target):
    """The term, or an InputError where it is not one number for each image of the target."""
    shape, count = getattr(term, "shape", None), target.shape[0]
    if shape is None or len(shape) != 1 or (shape[0] != count and -1 not in (shape[0], count)):
        shown = short(term) if shape is None else f"a tensor of shape {list(shape)}"
        raise InputError(
            f"{name} is {shown}: give one number for each of the {count} images, summed over pixels"
        )
    return term
