"""What a trained model is worth, in numbers (notebooks 10 and 11).

What it says of p(x) is measured in evidence.py, with the likelihoods of likelihood.py, and its
codes in codes.py; their names are here as well. This file measures losses and samples, and all
together.
"""

import math
import time
from itertools import pairwise

import numpy as np
import paddle

from . import data, losses
from .codes import (
    SplitKL,
    active_units,
    encode,
    kl_per_dimension,
    knn_accuracy,
    linear_accuracy,
    split_kl,
)
from .errors import InputError, number, whole
from .evidence import Elbo, Estimate, elbo, evaluating, iwae, optimal_variance, quadrature
from .likelihood import Bernoulli, Gaussian
from .networks import MLPDecoder

__all__ = [
    "Bernoulli",
    "Elbo",
    "Estimate",
    "Gaussian",
    "SplitKL",
    "active_units",
    "climbed",
    "elbo",
    "encode",
    "evaluate",
    "frechet_distance",
    "iwae",
    "kl_per_dimension",
    "knn_accuracy",
    "linear_accuracy",
    "measure",
    "measuring_seconds",
    "nearest",
    "nearest_distance",
    "optimal_variance",
    "quadrature",
    "split_kl",
    "spread",
]

SAMPLES = (1, 50, 500, 5000)  # importance samples of the bounds that `measure` takes


def evaluate(
    model,
    dataset,
    reconstruction=losses.squared_error,
    beta=1.0,
    value_range=(-1.0, 1.0),
    binarize=False,
    seed=0,
):
    """Mean loss in parts over all images of the dataset, as floats; one noise draw per image.

    dataset: anything that data.as_dataset takes. Leaves Paddle's random state as it found it.
    Raises InputError for an empty dataset, impossible numbers and a loss that does not fit.
    """
    beta, seed = number("beta", beta, 0, 1e6), whole("seed", seed, 0, 2**32 - 1)
    losses.check(model, reconstruction, value_range)
    dataset = data.as_dataset(dataset)
    if len(dataset.images) == 0:
        raise InputError("dataset is empty: give at least one image")
    state = paddle.get_rng_state()
    total = np.zeros(3)
    try:
        paddle.seed(seed)
        with evaluating(model):
            for image, label in data.batches(dataset, 500, value_range, binarize=binarize):
                loss = losses.parts(model(image, label), image, reconstruction, beta)
                total += [part.item() * len(image) for part in loss]
    finally:
        paddle.set_rng_state(state)
    return losses.Loss(*(total / len(dataset.images)).tolist())


def spread(model, dataset, seeds=10, **objective):
    """`evaluate` under each of the seeds 0, 1, ... -> mean and standard deviation over them, as
    losses.Loss each: how far the draw of the noise, and of binarized pixels, moves a loss."""
    seeds = whole("seeds", seeds, 2, 1000)
    found = np.array([evaluate(model, dataset, seed=seed, **objective) for seed in range(seeds)])
    return losses.Loss(*found.mean(0).tolist()), losses.Loss(*found.std(0, ddof=1).tolist())


# --- all together ---


def measure(model, train, test, likelihood, images=None, k=5000, progress=False):
    """All that is known of a VAE, as a dictionary of numbers for JSON (`evaluate NAME --full`).

    train, test: what data.as_dataset takes. For the test images: the ELBO in parts and the bounds
    of 1, 50, 500 and 5,000 importance samples, as far as k; for two latent dimensions, log p(x) by
    quadrature; for a Gaussian likelihood, the same under the best variance for the training images.
    Of the codes: active units, KL, mutual information, and how well a code tells the digit.
    images: of the log-likelihoods; None: all of them for the ELBO and quadrature, and for k samples
    as many as minutes allow. `measuring_seconds` says how many minutes.
    Raises InputError for an autoencoder and for impossible numbers.
    """
    train, test = data.as_dataset(train), data.as_dataset(test)
    # The ELBO is that of beta = 1, and of binarized pixels also for a model trained on grey ones.
    how = {"images": images, "k": k, "progress": progress}
    result = {"conditional": model.conditional}  # then log p(x) is log p(x|label)
    result |= _evidence(model, test, likelihood, **how)
    if isinstance(likelihood, Gaussian):
        variance = optimal_variance(model, train, likelihood.value_range)
        best = Gaussian(variance, likelihood.value_range)
        result["optimal_variance"] = {"variance": variance} | _evidence(model, test, best, **how)
    mean, logvar = encode(model, test, likelihood)
    split = split_kl(mean, logvar)
    codes = encode(model, train, likelihood)[0], train.labels, mean, test.labels
    return result | {
        "active_units": {"value": active_units(mean), "latent_dim": mean.shape[1]},
        "kl_per_dimension": kl_per_dimension(mean, logvar).tolist(),
        "mutual_information": split.mutual_information.summary() | {"bound": math.log(len(mean))},
        "marginal_kl": split.marginal_kl.summary(),
        "knn_accuracy": knn_accuracy(*codes).summary() | {"k": 5, "codes": len(train.labels)},
        "linear_accuracy": linear_accuracy(*codes).summary(),
    }


def measuring_seconds(model, train, test, likelihood, images=None, k=5000):
    """About how long `measure` will take on this machine, from a small part of it."""
    train, test = data.as_dataset(train), data.as_dataset(test)
    few, points = min(8, len(test.images)), 20

    def seconds(function, *arguments, **more):
        function(model, test, likelihood, *arguments, **more)  # the first time takes longer
        start = time.perf_counter()
        function(model, test, likelihood, *arguments, **more)
        return time.perf_counter() - start

    each = seconds(iwae, 100, few) / (100 * few)  # a sample
    total = each * sum(j * count for j, count in _plan(model, test, images, k).items())
    if model.latent_dim == 2:
        block = seconds(quadrature, images, points=points)
        total += block * (_points(model) / points) ** 2
    total *= 2 if isinstance(likelihood, Gaussian) else 1
    some = min(400, len(test.images))
    return total + seconds(encode, some) / some * (len(train.images) + 4 * len(test.images))


def _evidence(model, test, likelihood, images, k, progress):
    """ELBO, importance-weighted bounds and, for two latent dimensions, quadrature."""
    parts = elbo(model, test, likelihood, images)
    bounds = {
        j: iwae(model, test, likelihood, j, count, progress=progress)
        for j, count in _plan(model, test, images, k).items()
    }
    result = {
        "elbo": parts.elbo.summary(),
        "elbo_log_likelihood": parts.log_likelihood.summary(),
        "elbo_kl": parts.kl.summary(),
        "iwae": {str(j): bound.summary() for j, bound in bounds.items()},
    }
    counts = [bound.images for bound in bounds.values()]
    nested = not any(before % after for before, after in pairwise(counts))
    if nested and counts[-1] < counts[0]:
        each = [bound.each for bound in bounds.values()]
        result["climbed"] = climbed(each) | {"images": counts[0]}
    if model.latent_dim == 2:
        how = {"points": _points(model), "progress": progress}
        result["quadrature"] = quadrature(model, test, likelihood, images, **how).summary()
    return result


def climbed(bounds):
    """What the last bound would be on as many images as the first: {"value", "standard_error"}.

    bounds: arrays of one number an image, each on as many images as the one before or on every
    second, third, ... of them. Each step up is measured on the images that both have: steps differ
    far less from image to image than bounds do. The error is that of not measuring all images, as
    if those measured were a draw; steps have few large values, so with few images it is too small
    more often than too large.
    """
    value, variance, steps = bounds[0].mean(), 0.0, []
    for before, after in pairwise(bounds):
        every, rest = divmod(len(before), len(after))
        if rest:
            raise InputError(f"bounds have {len(before)} and {len(after)} images: give a multiple")
        steps.append(after - before[::every])
        value += steps[-1].mean()
        for earlier in steps:  # the same images are in both means, so these vary together
            shared = earlier[:: len(earlier) // len(after)]
            covariance = np.mean((shared - shared.mean()) * (steps[-1] - steps[-1].mean()))
            twice = 1 if earlier is steps[-1] else 2
            variance += twice * covariance * (1 / len(earlier) - 1 / len(bounds[0]))
    return {"value": float(value), "standard_error": math.sqrt(max(variance, 0.0))}


def _plan(model, test, images, k):
    """{importance samples: images on which to take them}, up to k samples."""
    k = whole("k", k)
    # A convolutional decoder takes some 30 times as long: it decodes fewer images k times.
    decodes = 10_000_000 if isinstance(model.decoder, MLPDecoder) else 100_000
    steps, plan = [*(j for j in SAMPLES if j < k), k], {}
    count = len(test.images) if images is None else images
    for j in steps:
        least = 1 if images else -(-count * j // decodes)
        divisors = [d for d in range(least, 4 * least) if count % d == 0]  # for `climbed`
        plan[j] = count = max(1, count // (divisors or [least])[0])
    return plan


def _points(model):
    return 100 if model.conditional else 300


# --- samples ---


def nearest(images, reference):
    """Which reference image is nearest to each image, and its distance: [N, ...] and [M, ...] ->
    int64 [N] and float32 [N].

    The distance is the root of the mean squared error over pixels, in pixel values (black and white
    are 2 apart in [-1, 1]); 0 means that the image is a copy of one in the reference.
    Raises InputError for an empty reference and for images of another size.
    """
    a, b = np.asarray(images, "float32"), np.asarray(reference, "float32")
    if len(b) == 0 or a.shape[1:] != b.shape[1:]:
        shapes = f"{a.shape} and {b.shape}"
        raise InputError(f"images and reference have shapes {shapes}: give images of one size")
    a, b = (part.reshape(len(part), math.prod(part.shape[1:])) for part in (a, b))
    # |a - b|^2 = |a|^2 - 2ab + |b|^2: a matrix product, in blocks that bound the memory
    b_norm = np.einsum("md,md->m", b, b)
    index, distance = np.empty(len(a), "int64"), np.empty(len(a), "float32")
    for start in range(0, len(a), 200):
        block = a[start : start + 200]
        squared = block @ b.T  # [200, M]
        squared *= -2
        squared += b_norm
        rows = slice(start, start + len(block))
        index[rows] = squared.argmin(1)
        squared = squared.min(1) + np.einsum("nd,nd->n", block, block)
        distance[rows] = np.sqrt(np.maximum(squared, 0) / a.shape[1])
    return index, distance


def nearest_distance(images, reference):
    """The distance of each image to the nearest reference image -> float32 [N]; see `nearest`."""
    return nearest(images, reference)[1]


def frechet_distance(features_a, features_b):
    """Squared Fréchet distance of two sets of features, [N, F] and [M, F], taken as Gaussians:
    |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)) (Heusel et al. 2017, equation 6).

    It depends on N and M, more so for few: compare sets of equal sizes, and with the distance
    between two sets of real images, which is not 0 either.
    """
    a, b = np.asarray(features_a, "float64"), np.asarray(features_b, "float64")
    if a.ndim != 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise InputError(f"features are {a.shape}, {b.shape}: give [N, F] and [M, F], N and M >= 2")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("features are not all finite: look at the images that they come from")
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # C_a C_b has the eigenvalues of R C_b R, with R the root of C_a; this one is symmetric
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(shift + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)
