"""What a VAE says of p(x), the evidence: the ELBO, the importance-weighted bound, quadrature.

Every image has a random stream of its own, numbered by the seed and the image's place in the
dataset. So a number depends neither on the batches nor on which other images are measured, and
Paddle's random state is left alone. Introduced in notebook 10.
"""

import math
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import paddle
from tqdm import tqdm

from . import data, losses
from .errors import InputError, whole
from .likelihood import LOG_2PI, Gaussian
from .models import VAE

ROWS = 400  # images decoded at once; L1's decoder then takes 0.25 GB
GRID_STD = 2.0  # of the grid of `quadrature`; wider than the prior, since codes reach out to 5


@dataclass(frozen=True, repr=False)
class Estimate:
    """A mean over images with its standard error, and the likelihood that it belongs to."""

    each: np.ndarray  # [N], one number an image
    likelihood: str | None = None

    @property
    def value(self):
        return float(self.each.mean())

    @property
    def standard_error(self):
        return float(self.each.std() / np.sqrt(len(self.each)))

    @property
    def images(self):
        return len(self.each)

    def __str__(self):
        error = self.standard_error  # shown to two digits
        places = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
        return f"{self.value:.{places}f} ± {error:.{places}f}"

    def __repr__(self):
        of = f", {self.likelihood}" if self.likelihood else ""
        return f"Estimate({self}, {self.images} images{of})"

    def summary(self):
        """{"value", "standard_error", "images", and "likelihood" where it has one}, for JSON."""
        names = ("value", "standard_error", "images", "likelihood")
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


class Elbo(NamedTuple):
    """elbo = log_likelihood - kl, image by image."""

    elbo: Estimate
    log_likelihood: Estimate  # log p(x|z) for one z ~ q(z|x)
    kl: Estimate  # KL(q(z|x) || p(z)), by its formula


def elbo(model, dataset, likelihood, images=None, seed=0):
    """The lower bound of log p(x) that a VAE is trained on with beta = 1, in parts -> Elbo.

    dataset, here and below: anything that data.as_dataset takes. images: how many of its images,
    spread evenly over it (the two halves of MNIST's test images are by different writers); None for
    all. A conditional model gives log p(x|label) here and below.
    Raises InputError for an autoencoder, which has no q(z|x), and for impossible numbers.
    """
    _require_vae(model)
    each = []
    with evaluating(model):
        for x, label, streams in batches(dataset, likelihood, images, seed, ROWS):
            mean, logvar = model.encode(paddle.to_tensor(x), label)
            kl = losses.kl_divergence(mean, logvar).numpy()
            z, _ = _draw(mean.numpy(), logvar.numpy(), streams, 1)  # [B, 1, L]
            log_p = likelihood.log_prob(model, x.reshape(len(x), -1), z, label)[:, 0]
            each.append([log_p.astype("float64"), kl.astype("float64")])
    log_p, kl = np.concatenate(each, axis=1)  # [N] each
    name = likelihood.name
    return Elbo(Estimate(log_p - kl, name), Estimate(log_p, name), Estimate(kl))


def iwae(model, dataset, likelihood, k, images=None, seed=0, progress=False):
    """The bound of log p(x) by k importance samples, log mean_k p(x|z) p(z) / q(z|x) -> Estimate.

    In the mean it rises with k, from the ELBO at k = 1 to log p(x), but with too few samples it
    stays below (Burda, Grosse and Salakhutdinov 2016, equation 8). The samples for a smaller k are
    the first of those for a larger one. images, errors: as `elbo`.
    """
    _require_vae(model)
    dataset, k = data.as_dataset(dataset), whole("k", k)
    step = min(k, 100)  # samples of an image decoded at once
    each = []
    with evaluating(model):
        count = _count(dataset, images)
        bar = tqdm(total=count, desc=f"k = {k}", unit="image", disable=not progress, leave=False)
        for x, label, streams in batches(dataset, likelihood, images, seed, ROWS // step):
            mean, logvar = (t.numpy() for t in model.encode(paddle.to_tensor(x), label))
            pixels = x.reshape(len(x), -1)
            total = np.full(len(x), -np.inf)  # log of the sum of the weights so far
            for start in range(0, k, step):
                z, noise = _draw(mean, logvar, streams, min(step, k - start))  # [B, K, L]
                # log p(z) - log q(z|x): what both have of log(2 pi) cancels
                prior = 0.5 * (logvar[:, None] + noise**2 - z**2).sum(2, dtype="float64")
                weight = likelihood.log_prob(model, pixels, z, label) + prior  # [B, K]
                total = np.logaddexp(total, log_sum_exp(weight))
            each.append(total - np.log(k))
            bar.update(len(x))
        bar.close()
    return Estimate(np.concatenate(each), likelihood.name)


def quadrature(model, dataset, likelihood, images=None, seed=0, points=300, progress=False):
    """log p(x) = log of the integral of p(x|z) N(z; 0, I) over the plane of z -> Estimate.

    Nearly exact, but for two latent dimensions only. One grid, points x points, serves all images:
    along each axis, the midpoints of equal steps of probability of N(0, 2^2). They lie closest
    where most codes do, and reach out to 6. vae_2d has q(z|x) as narrow as 0.01; 300 points and
    450 give the same mean to 0.001. images, errors: as `elbo`.
    """
    _require_vae(model)
    if model.latent_dim != 2:
        dims = model.latent_dim
        raise InputError(f"model has {dims} latent dimensions, and a grid needs 2: use iwae")
    points = whole("points", points, 1, 5000)
    axis = [GRID_STD * NormalDist().inv_cdf((i + 0.5) / points) for i in range(points)]
    z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)  # [points^2, 2]
    # the share of p(z) in each cell: N(z; 0, I) / N(z; 0, GRID_STD^2 I) / points^2
    share = (0.5 / GRID_STD**2 - 0.5) * (z**2).sum(1) + 2 * math.log(GRID_STD / points)
    with evaluating(model):
        found = []
        for x, label, _ in batches(dataset, likelihood, images, seed, ROWS):
            x = x.reshape(len(x), -1)
            found.append((x, label, likelihood.base(x)))
        x, labels, base = (np.concatenate(part) for part in zip(*found, strict=True))
        del found
        # a decoder that takes labels needs the grid once for each of them
        groups = np.unique(labels) if model.conditional else [None]
        total = np.full(len(x), -np.inf)  # log of the integral so far
        for group in groups:
            rows = np.flatnonzero(labels == (labels if group is None else group))
            parts = np.array_split(rows, -(-len(rows) // 10_000))  # for their memory
            starts = range(0, len(z), ROWS)
            for start in tqdm(starts, "quadrature", disable=not progress, leave=False):
                block = slice(start, start + ROWS)
                label = None if group is None else np.full(len(z[block]), group)
                w, a = likelihood.decode(model, z[block].astype("float32"), label)
                for some in parts:
                    log_p = x[some] @ w.T + (a + share[block]).astype("float32")  # [N, ROWS]
                    total[some] = np.logaddexp(total[some], log_sum_exp(log_p))
    return Estimate(total + base, likelihood.name)


def optimal_variance(model, dataset, value_range=(-1.0, 1.0), images=10_000, seed=0):
    """The variance that makes the Gaussian ELBO of these images highest: the mean squared error a
    pixel (sigma-VAE: Rybkin, Daniilidis and Levine 2021). Give training images: it is a parameter.
    """
    dataset = data.as_dataset(dataset)
    images = min(whole("images", images), len(dataset.images))
    log_p = elbo(model, dataset, Gaussian(1.0, value_range), images, seed).log_likelihood.value
    return float(-2 * log_p / dataset.images[0].size - LOG_2PI)


# --- what they share ---


@contextmanager
def evaluating(model):
    """Eval mode without gradients; afterwards every layer is in the mode it was in."""
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    model.eval()
    try:
        with paddle.no_grad():
            yield
    finally:
        for layer, training in modes:
            layer.training = training


def log_sum_exp(values):
    """log of the sum of exp(values) over the last axis, whatever their size."""
    top = values.max(-1, keepdims=True)
    return top[..., 0] + np.log(np.exp(values - top).sum(-1))


def _require_vae(model):
    if not isinstance(model, VAE):
        raise InputError("model is an autoencoder, which has no q(z|x): give a VAE")


def _count(dataset, images):
    """How many of the dataset's images to measure: `images`, or all for None."""
    if len(dataset.images) == 0:
        raise InputError("dataset is empty: give at least one image")
    every = len(dataset.images)
    return every if images is None else whole("images", images, 1, every)


def batches(dataset, likelihood, images, seed, size):
    """Yield (x float32 [B, 1, H, W], label int64 [B], a numpy Generator for each image)."""
    dataset, seed = data.as_dataset(dataset), whole("seed", seed, 0, 2**32 - 1)
    count, images = len(dataset.images), _count(dataset, images)
    chosen = np.arange(images) * count // images
    for start in range(0, images, size):
        rows = chosen[start : start + size]
        streams = [np.random.default_rng([seed, row]) for row in rows]
        yield likelihood.pixels(dataset.images[rows], streams), dataset.labels[rows], streams


def _draw(mean, logvar, streams, count):
    """`count` draws of each q(z|x), mean and logvar [B, L] -> z and its noise, [B, count, L]."""
    shape = (count, mean.shape[1])
    noise = np.stack([stream.standard_normal(shape, "float32") for stream in streams])
    return mean[:, None] + np.exp(0.5 * logvar)[:, None] * noise, noise
