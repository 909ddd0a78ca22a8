"""What a trained model is worth, in numbers (notebook 09).

What it says of p(x) is measured in evidence.py, with the likelihoods of likelihood.py; their names
are here as well. This file measures codes and samples.
"""

from typing import NamedTuple

import numpy as np
import paddle

from . import data, losses
from .errors import InputError
from .evidence import (
    Elbo,
    Estimate,
    batches,
    elbo,
    evaluating,
    iwae,
    log_sum_exp,
    optimal_variance,
    quadrature,
)
from .likelihood import LOG_2PI, Bernoulli, Gaussian
from .models import VAE

__all__ = [
    "Bernoulli",
    "Elbo",
    "Estimate",
    "Gaussian",
    "SplitKL",
    "active_units",
    "elbo",
    "encode",
    "evaluate",
    "frechet_distance",
    "iwae",
    "kl_per_dimension",
    "knn_accuracy",
    "linear_accuracy",
    "nearest_distance",
    "optimal_variance",
    "quadrature",
    "split_kl",
]


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

    Leaves Paddle's random state as it found it.
    """
    state = paddle.get_rng_state()
    paddle.seed(seed)
    total = np.zeros(3)
    with evaluating(model):
        for image, label in data.batches(dataset, 500, value_range, binarize=binarize):
            loss = losses.parts(model(image, label), image, reconstruction, beta)
            total += [part.item() * len(image) for part in loss]
    paddle.set_rng_state(state)
    return losses.Loss(*(total / len(dataset.images)).tolist())


def nearest_distance(images, reference):
    """Distance of each image to the nearest reference image: root of the mean squared error over
    pixels, in pixel values (black and white are 2 apart in [-1, 1]); [N, ...] and [M, ...] -> [N].

    0 means that the image is a copy of one in the reference.
    """
    a = np.asarray(images, "float32").reshape(len(images), -1)
    b = np.asarray(reference, "float32").reshape(len(reference), -1)
    # |a - b|^2 = |a|^2 - 2ab + |b|^2: a matrix product, in blocks that bound the memory
    b_norm = (b * b).sum(1)
    nearest = np.concatenate(
        [(b_norm - 2 * block @ b.T).min(1) for block in np.array_split(a, len(a) // 256 + 1)]
    )
    squared = np.maximum(nearest + (a * a).sum(1), 0)
    return np.sqrt(squared / a.shape[1])


# --- codes ---


def encode(model, dataset, likelihood, images=None, seed=0):
    """Mean and logvar of q(z|x) for the images of a dataset, float32 arrays [N, L].

    likelihood: makes the pixels, as for `elbo`. For an autoencoder: its codes and None.
    """
    found = []
    with evaluating(model):
        for x, label, _ in batches(dataset, likelihood, images, seed, 400):
            x = paddle.to_tensor(x)
            found.append(model.encode(x, label) if isinstance(model, VAE) else (model.encode(x),))
    mean, *logvar = (paddle.concat(part).numpy() for part in zip(*found, strict=True))
    return mean, logvar[0] if logvar else None


def active_units(mean, threshold=0.01):
    """How many latent dimensions depend on the image: those where the mean of q(z|x), [N, L],
    varies over the images by more than the threshold (Burda et al. 2016, section 5.2)."""
    return int((np.var(mean, axis=0, dtype="float64") > threshold).sum())


def kl_per_dimension(mean, logvar):
    """KL(q(z|x) || p(z)) of each latent dimension, averaged over images: [N, L] twice -> [L].

    Dimensions that the model does not use have 0; the sum is the KL of the ELBO.
    """
    mean, logvar = np.asarray(mean, "float64"), np.asarray(logvar, "float64")
    return -0.5 * (1 + logvar - mean**2 - np.exp(logvar)).mean(0)


class SplitKL(NamedTuple):
    """The mean KL(q(z|x) || p(z)) in two parts, which add up to it."""

    mutual_information: Estimate  # of z and which of the N images it is the code of; <= ln N
    marginal_kl: Estimate  # KL(q(z) || p(z)), q(z) the mean of the N q(z|x): holes in the prior


def split_kl(mean, logvar, seed=0):
    """Split the mean KL of N images, mean and logvar [N, L], as Hoffman and Johnson (2016) do.

    One z is drawn from each q(z|x), and its density taken under all N of them.
    """
    mean, logvar = np.asarray(mean, "float64"), np.asarray(logvar, "float64")
    z = mean + np.exp(0.5 * logvar) * np.random.default_rng(seed).standard_normal(mean.shape)
    # log q(z|x) = [z^2, z] . w(x) + a(x): all N^2 pairs are one matrix product
    features = np.concatenate([z**2, z], axis=1)  # [N, 2 L]
    w = np.concatenate([-0.5 * np.exp(-logvar), mean * np.exp(-logvar)], axis=1)  # [N, 2 L]
    a = -0.5 * (mean**2 * np.exp(-logvar) + logvar + LOG_2PI).sum(1)  # [N]
    own = (features * w).sum(1) + a  # log q(z|x) of the x that z was drawn for
    blocks = np.array_split(features, len(z) // 200 + 1)  # [200, N] at a time
    q = np.concatenate([log_sum_exp(block @ w.T + a) for block in blocks]) - np.log(len(z))
    prior = -0.5 * (z**2 + LOG_2PI).sum(1)
    return SplitKL(Estimate(own - q), Estimate(q - prior))


def knn_accuracy(codes_train, labels_train, codes_test, labels_test, k=5):
    """Share of test codes [M, L] that their k nearest training codes [N, L] give the right label.

    Codes are means of q(z|x), distances Euclidean; the majority of the k decides.
    """
    from sklearn.neighbors import KNeighborsClassifier  # here, since it takes a second

    return _accuracy(KNeighborsClassifier(k), codes_train, labels_train, codes_test, labels_test)


def linear_accuracy(codes_train, labels_train, codes_test, labels_test):
    """Share of test codes [M, L] whose label a logistic regression on the training codes [N, L]
    (standardized) tells -> Estimate."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return _accuracy(model, codes_train, labels_train, codes_test, labels_test)


def _accuracy(model, codes_train, labels_train, codes_test, labels_test):
    model.fit(codes_train, labels_train)
    # the mean of zeros and ones, whose standard error is that of a share: sqrt(p (1 - p) / M)
    return Estimate((model.predict(codes_test) == labels_test).astype("float64"))


# --- samples ---


def frechet_distance(features_a, features_b):
    """Squared Fréchet distance of two sets of features, [N, F] and [M, F], taken as Gaussians:
    |mean_a - mean_b|^2 + trace(C_a + C_b - 2 (C_a C_b)^(1/2)) (Heusel et al. 2017, equation 6).

    It depends on N and M, more so for few: compare sets of equal sizes, and with the distance
    between two sets of real images, which is not 0 either.
    """
    a, b = np.asarray(features_a, "float64"), np.asarray(features_b, "float64")
    if a.ndim != 2 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise InputError(f"features are {a.shape}, {b.shape}: give [N, F] and [M, F], N and M >= 2")
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # C_a C_b has the eigenvalues of R C_b R, with R the root of C_a; this one is symmetric
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(shift + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)
