"""Notebook 07, fully connected models: its short trainings over seeds."""

from paddle_vae import VAE, Output, classifier, data, fit, losses, metrics, recipes
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
from paddle.nn import functional as F

UNIT = {"value_range": (0.0, 1.0)}
BRIEF = {"epochs": 1, "batch_size": 32, "learning_rate": 1e-3, "one_cycle": False}
BRIEF |= {"progress": False}


def images(first, last):
    return data.load("mnist", "train")[first:last]


@paddle.no_grad()
def divided(seed):
    """L2's network, one epoch of 20,000 images, with the loss divided in three ways."""
    ways = {"course": {}, "all": {"reconstruction": mean_square, "beta": 1 / 784}}
    ways["half"] = {"reconstruction": mean_square}
    return {
        f"{name} {part}": value
        for name, way in ways.items()
        for part, value in trained(images(0, 20_000), seed, **BRIEF, **way).items()
    }


@paddle.no_grad()
def larger(seed):
    """313 steps each: batch 32 of 10,000 images, batch 128 of 40,000, and a weight of 32/10,000."""
    wide = BRIEF | {"batch_size": 128}
    found = {
        "small": trained(images(0, 10_000), seed, **BRIEF),
        "large": trained(images(0, 40_000), seed, **wide),
        "batch/N": trained(images(0, 10_000), seed, **BRIEF, beta=32 / 10_000),
    }
    return {f"{name} {part}": v for name, parts in found.items() for part, v in parts.items()}


@paddle.no_grad()
def relu_heads(seed):
    """A ReLU on the mean, on the std, on both or none: loss, share of zeros, and one bad step."""
    test, found = data.load("mnist", "test"), {}
    x = data.scale(test.images, (0, 1))
    for name, (on_mean, on_std) in HEADS.items():
        paddle.seed(seed)
        model = ReluVAE(on_mean, on_std)
        fit(model, images(0, 20_000), seed=seed, **BRIEF, **UNIT)
        mean, std = ((part == 0).numpy().mean() for part in model.mean_and_std(x))
        found[f"{name} loss"] = metrics.evaluate(model, test, **UNIT).total
        found |= {f"{name} zero means": mean, f"{name} zero stds": std}
        if on_mean == on_std:
            which = model.mean_and_std(x)[1].mean(0).argmin().item()
            found[f"{name} std before"] = model.mean_and_std(x)[1][:, which].mean().item()
            bias = model.encoder.logvar.bias
            bias[which] = bias[which] - 10
            fit(model, images(20_000, 30_000), seed=seed, **BRIEF, **UNIT)
            found[f"{name} std afterwards"] = model.mean_and_std(x)[1][:, which].mean().item()
    return found


@paddle.no_grad()
def without_kl(seed):
    """L3's network for 3 epochs of 10,000 images, with a KL weight of 0 and of 1."""
    recipe, found = recipes.get("mlp_vae_20d"), {}
    x = data.scale(data.load("mnist", "test").images[::10], (0, 1))
    for beta in (0.0, 1.0):
        model = recipes.build("mlp_vae_20d", seed)
        how = {**recipe.objective, "beta": beta, "learning_rate": 1e-3, "one_cycle": False}
        fit(model, images(0, 10_000), epochs=3, seed=seed, progress=False, **how)
        mean, logvar = model.encode(x)
        found[f"{beta:.0f} std"] = paddle.exp(0.5 * logvar).mean().item()
        found[f"{beta:.0f} spread"] = mean.numpy().std(0).mean()
    return found


@paddle.no_grad()
def readable(seed):
    """L2's autoencoder by L2's schedule: digits that a classifier still reads, by epoch."""
    test, judge, found = data.load("mnist", "test"), classifier.load(), {}
    x, labels = data.scale(test.images[::5], (0, 1)), test.labels[::5]

    def read(model, history):
        back = model.decode(model.encode(x))
        right = classifier.accuracy(judge, 2 * back - 1, labels).value
        found[f"epoch {len(history.epochs)}"] = right
        found[f"error {len(history.epochs)}"] = losses.squared_error(back, x).mean().item()

    recipes.train("mlp_ae_20d", epochs=5, seed=seed, lesson=True, callbacks=[read], progress=False)
    return found


@paddle.no_grad()
def exercises(seed):
    """What the exercises announce: shuffled pixels, and a KL weight of a quarter."""
    order = np.random.default_rng(0).permutation(784)
    test = data.load("mnist", "test")
    small, mixed, found = images(0, 20_000), [], {}
    for part in (small, test):
        pixels = part.images.reshape(-1, 784)[:, order]
        mixed.append(data.Dataset(pixels.reshape(-1, 1, 28, 28), part.labels))
    for name, (learn, check) in {"as they are": (small, test), "shuffled": mixed}.items():
        model = recipes.build("mlp_vae_10d", seed)
        fit(model, learn, seed=seed, **BRIEF, **UNIT)
        found[name] = metrics.evaluate(model, check, **UNIT).total
    found |= {f"quarter {k}": v for k, v in trained(small, seed, **BRIEF, beta=0.25).items()}
    return found


HEADS = {"none": (False, False), "std": (False, True), "mean": (True, False), "both": (True, True)}


class ReluVAE(VAE):
    """L2's VAE with a ReLU on the mean, on the second head as a standard deviation, or on both."""

    def __init__(self, on_mean, on_std):
        super().__init__(MLPEncoder(10, (256, 64)), MLPDecoder(10, (64, 256)))
        self.on_mean, self.on_std = on_mean, on_std

    def mean_and_std(self, image):
        mean, second = self.encode(image)
        std = F.relu(second) if self.on_std else paddle.exp(0.5 * second)
        return F.relu(mean) if self.on_mean else mean, std

    def forward(self, image, label=None):
        mean, std = self.mean_and_std(image)
        z = mean + std * paddle.randn(std.shape)
        return Output(self.decoder_output(z), mean, paddle.log(std**2 + 1e-8))


def mean_square(image, target):
    return losses.squared_error(image, target) / 784


def trained(dataset, seed, **how):
    """L2's VAE trained so; its squared error and KL on the test images, in the course's units."""
    model = recipes.build("mlp_vae_10d", seed)
    fit(model, dataset, seed=seed, **how, **UNIT)
    loss = metrics.evaluate(model, data.load("mnist", "test"), **UNIT)
    return {"error": loss.reconstruction, "kl": loss.kl}
