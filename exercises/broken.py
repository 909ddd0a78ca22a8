"""Broken VAEs, the patients of the three labs in the clinic (notebook 12).

Do not read this file before your diagnosis: it says what is wrong with whom. Each patient is
trained on a few thousand digits, in seconds, from the same seed as the healthy one beside it. Names
that a learner can print, as those of the models' classes, say nothing of the fault.
"""

from typing import NamedTuple

from paddle_vae import VAE, data, fit, losses, metrics
from paddle_vae.models import Output
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
from paddle import nn

UNIT = (0.0, 1.0)
BERNOULLI = {"reconstruction": losses.binary_cross_entropy, "value_range": UNIT}
LATENT = 10


class Patient(NamedTuple):
    """A trained model, what its training reported, and its images to train and to test on."""

    model: VAE
    history: object
    train: data.Dataset
    test: data.Dataset


def digits(start=0, count=4_000):
    """Training images of MNIST from `start` on -> Dataset."""
    return data.load("mnist", "train")[start : start + count]


def fresh():
    """2,000 images that no patient should have been trained on -> Dataset."""
    return data.load("mnist", "test")[:2_000]


def loss(model, dataset):
    """The loss as it should be: cross-entropy summed over pixels, plus KL -> losses.Loss."""
    return metrics.evaluate(model, dataset, **BERNOULLI)


def _trained(make, dataset, test=None, **settings):
    paddle.seed(0)
    model = make()
    settings = BERNOULLI | {"epochs": 10, "progress": False} | settings
    return Patient(model, fit(model, dataset, **settings), dataset, test or fresh())


def _plain(model=VAE):
    return model(MLPEncoder(LATENT, (256,)), MLPDecoder(LATENT, (256,), logits=True))


# ---- lab 1: the loss -------------------------------------------------------


class _FirstC(VAE):
    """Takes the encoder's second answer for log sigma in the noise, log sigma squared in the KL."""

    def forward(self, image, label=None):
        mean, logvar = self.encode(image)
        z = mean + logvar.exp() * paddle.randn(mean.shape)
        return Output(self.decoder_output(z), mean, logvar)


def _mean_over_pixels(logits, target):
    return losses.binary_cross_entropy(logits, target) / 784


def lab1(name):
    """Patient "A", "B", "C" or "D" of the lab about the loss."""
    return {
        "A": lambda: _trained(_plain, digits(), reconstruction=_mean_over_pixels),
        "B": lambda: _trained(_plain, digits()),
        "C": lambda: _trained(lambda: _plain(_FirstC), digits()),
        "D": lambda: _trained(_plain, digits(), beta=784.0),
    }[name]()


# ---- lab 2: the data -------------------------------------------------------


class _LabelledEncoder(nn.Layer):
    """Image and one-hot label, side by side, to mean and logvar."""

    latent_dim, conditional = 2, True

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784 + 10, 256), nn.ReLU())
        self.mean, self.logvar = nn.Linear(256, self.latent_dim), nn.Linear(256, self.latent_dim)

    def forward(self, image, label):
        h = self.body(paddle.concat([image.flatten(1), label.flatten(1)], 1))
        return self.mean(h), self.logvar(h)


class _LabelledDecoder(nn.Layer):
    """z and one-hot label, side by side, to logits."""

    latent_dim, conditional, logits = 2, True, True

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(self.latent_dim + 10, 256), nn.ReLU(), nn.Linear(256, 784)
        )

    def forward(self, z, label):
        return self.body(paddle.concat([z.flatten(1), label.flatten(1)], 1)).reshape(
            [-1, 1, 28, 28]
        )


def _labelled():
    return VAE(_LabelledEncoder(), _LabelledDecoder())


def lab2(name):
    """Patient "A", "B", "C" or "D" of the lab about the data; all take labels."""
    seen, test = digits(), fresh()
    turned = [data.Dataset(d.images.transpose(0, 1, 3, 2), d.labels) for d in (seen, test)]
    shifted = [data.Dataset(d.images, (d.labels + 1) % 10) for d in (seen, test)]
    order = np.random.default_rng(0).permutation(len(seen.labels))
    mixed = data.Dataset(seen.images, seen.labels[order])
    seen, test = {"A": shifted, "B": turned, "C": (mixed, test), "D": (seen, test)}[name]
    return _trained(_labelled, seen, test, epochs=11, learning_rate=1e-2)


# ---- lab 3: the use --------------------------------------------------------


class _NormalizedDecoder(nn.Layer):
    """A decoder with batch normalization."""

    latent_dim, logits = LATENT, True

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LATENT, 256), nn.BatchNorm1D(256), nn.ReLU(), nn.Linear(256, 784)
        )

    def forward(self, z):
        return self.body(z.flatten(1)).reshape([-1, 1, 28, 28])


def _normalized(model=VAE):
    return model(MLPEncoder(LATENT, (256,)), _NormalizedDecoder())


class _ThirdC(VAE):
    """Stays in train mode, whatever it is told."""

    def eval(self):
        return self


def lab3(name):
    """Patient "A", "B" or "C" of the lab about the use of a model."""
    seen = digits()
    some, many = seen[:1_000], {"epochs": 50}
    return {
        "A": lambda: _trained(_normalized, seen),
        "B": lambda: _trained(_normalized, seen[:2_000], some, **many),
        "C": lambda: _trained(lambda: _normalized(_ThirdC), seen),
    }[name]()
