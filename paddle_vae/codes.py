"""What the codes of a model hold, in numbers: KL, active units, mutual information, the digit.

Introduced in notebook 11, where metrics.py has the same names.
"""

from typing import NamedTuple

import numpy as np
import paddle

from .errors import InputError, number, whole
from .evidence import Estimate, batches, evaluating, log_sum_exp
from .likelihood import LOG_2PI
from .models import VAE


def encode(model, dataset, likelihood, images=None, seed=0):
    """Mean and logvar of q(z|x) for the images of a dataset, float32 arrays [N, L].

    dataset, images: as for `elbo`. likelihood: makes the pixels, as there. For an autoencoder: its
    codes and None.
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
    threshold, (mean,) = number("threshold", threshold, 0, 1e6), _codes(mean=mean)
    return int((np.var(mean, axis=0, dtype="float64") > threshold).sum())


def kl_per_dimension(mean, logvar):
    """KL(q(z|x) || p(z)) of each latent dimension, averaged over images: [N, L] twice -> [L].

    Dimensions that the model does not use have 0; the sum is the KL of the ELBO.
    """
    mean, logvar = (array.astype("float64") for array in _codes(mean=mean, logvar=logvar))
    return -0.5 * (1 + logvar - mean**2 - np.exp(logvar)).mean(0)


class SplitKL(NamedTuple):
    """The mean KL(q(z|x) || p(z)) in two parts, which add up to it."""

    mutual_information: Estimate  # of z and which of the N images it is the code of; <= ln N
    marginal_kl: Estimate  # KL(q(z) || p(z)), q(z) the mean of the N q(z|x): holes in the prior


def split_kl(mean, logvar, seed=0):
    """Split the mean KL of N images, mean and logvar [N, L], as Hoffman and Johnson (2016) do.

    One z is drawn from each q(z|x), and its density taken under all N of them.
    """
    mean, logvar = (array.astype("float64") for array in _codes(mean=mean, logvar=logvar))
    seed = whole("seed", seed, 0, 2**32 - 1)
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

    _codes(codes_train=codes_train)
    k = whole("k", k, 1, len(codes_train))
    return _accuracy(KNeighborsClassifier(k), codes_train, labels_train, codes_test, labels_test)


def linear_accuracy(codes_train, labels_train, codes_test, labels_test):
    """Share of test codes [M, L] whose label a logistic regression on the training codes [N, L]
    (standardized) tells -> Estimate."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels_train)) < 2:
        raise InputError("labels_train has one label only: give codes of at least two digits")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return _accuracy(model, codes_train, labels_train, codes_test, labels_test)


def _accuracy(model, codes_train, labels_train, codes_test, labels_test):
    (known,), (asked,) = _codes(codes_train=codes_train), _codes(codes_test=codes_test)
    labels_train, labels_test = np.asarray(labels_train), np.asarray(labels_test)
    for name, codes, labels in (("train", known, labels_train), ("test", asked, labels_test)):
        if labels.shape != (len(codes),):
            raise InputError(
                f"labels_{name} have shape {labels.shape}: give one for each of {len(codes)} codes"
            )
    if known.shape[1] != asked.shape[1]:
        raise InputError(f"codes have {known.shape[1]} and {asked.shape[1]} numbers: give as many")
    model.fit(known, labels_train)
    # the mean of zeros and ones, whose standard error is that of a share: sqrt(p (1 - p) / M)
    return Estimate((model.predict(asked) == labels_test).astype("float64"))


def _codes(**arrays):
    """The arrays; InputError unless all are [N, L] of one shape, finite, not empty."""
    found = []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "fiu":
            shown = f"{array.dtype} {list(array.shape)}"
            raise InputError(f"{name} is {shown}: give an array of numbers [N, L]")
        if not np.isfinite(array).all():
            raise InputError(f"{name} is not finite everywhere: train the model again")
        found.append(array)
    if len({array.shape for array in found}) > 1:
        shapes = " and ".join(str(list(array.shape)) for array in found)
        raise InputError(f"{' and '.join(arrays)} have shapes {shapes}: give both the same")
    return found
