"""Notebook 05, many samples: its tables over three sets of images."""

from paddle_vae import VAE, Dataset, data, fit, metrics
from paddle_vae.models import reparameterize
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
from paddle.distribution import Normal
from paddle.nn import functional as F

HOW = {"batch_size": 60, "beta": 0.25, "value_range": (0.0, 1.0), "progress": False}


def order(seed):
    return np.random.default_rng(seed).permutation(60_000)


def network(seed):
    paddle.seed(seed)
    return VAE(MLPEncoder(2, [64]), MLPDecoder(2, [64]))


def repeated(images):
    """6,000 images, these over and over: 100 batches an epoch."""
    return Dataset(np.resize(images, (6000, 1, 28, 28)), np.zeros(6000, int))


def scaled(images):
    return data.scale(images, (0.0, 1.0))


@paddle.no_grad()
def sizes(seed):
    """Decoder, smoother and controls for 3 to 1,000 training images, 700 steps each."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    first = scaled(train.images[order(0)[:1000]]).flatten(1).numpy()
    unit = 2 * first.var(0, ddof=1).sum()  # squared distance of two images
    target = scaled(test.images[np.random.default_rng(0).permutation(10_000)[:500]])
    found = {}
    for n in (3, 10, 100, 300, 1000):
        images = train.images[order(seed)[:n]]
        vae = network(seed)
        fit(vae, repeated(images), epochs=7, learning_rate=0.02, seed=seed, **HOW)
        each = distances(vae, scaled(images), unit) | errors(vae, scaled(images), target)
        found |= {f"{n} {key}": value for key, value in each.items()}
    return found


def distances(vae, images, unit):
    pixels, (mean, logvar) = images.flatten(1), vae.encode(images)
    z = draw_codes(mean, logvar)
    w, prior = weights(z, mean, logvar), paddle.randn([500, 2])
    at_prior = weights(prior, mean, logvar) @ pixels
    return {
        "at codes": apart(vae.decode(z), w @ pixels) / unit,
        "at prior": apart(vae.decode(prior), at_prior) / unit,
        "sharing": (1 / w.square().sum(1)).mean(),
    }


def errors(vae, images, target):
    pixels, (mean, logvar) = images.flatten(1), vae.encode(images)
    z, goal = draw_codes(*vae.encode(target)), target.flatten(1)
    near = metrics.nearest_distance(goal, pixels)
    return {
        "smoother": apart(weights(z, mean, logvar) @ pixels, goal),
        "decoder": apart(vae.decode(z), goal),
        "average": apart(goal, pixels.mean(0)),
        "nearest": 784 * (near**2).mean(),
    }


def weights(z, mean, logvar):
    q = Normal(mean, paddle.exp(0.5 * logvar))
    return F.softmax(q.log_prob(z.unsqueeze(1)).sum(2), axis=1)


def apart(pictures, others):
    return (pictures.flatten(1) - others).square().sum(1).mean().item()


def draw_codes(mean, logvar):
    paddle.seed(1)
    turn = np.arange(500) % len(mean)
    return reparameterize(mean[turn], logvar[turn])


@paddle.no_grad()
def stop(seed):
    """2,000 steps at a constant rate on 100 and on 1,000 images: after how many the validation
    loss is lowest, and the losses there and at the end."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    asked = np.random.default_rng(0).permutation(10_000)[:500]
    held = Dataset(train.images[order(seed)[-500:]], np.zeros(500, int))
    found = {}
    for n in (100, 1000):
        vae, tests = network(seed), []
        how = {"beta": HOW["beta"], "value_range": HOW["value_range"]}

        def look(model, _, tests=tests, how=how):
            tests.append(metrics.evaluate(model, test[asked], **how).total)

        options = HOW | {"test": held, "callbacks": [look], "seed": seed, "one_cycle": False}
        learn = repeated(train.images[order(seed)[:n]])
        history = fit(vae, learn, epochs=20, learning_rate=3e-3, **options)
        curves = {"training": history.epochs, "validation": history.test}
        curves = {key: np.array(value)[:, 0] for key, value in curves.items()} | {"test": tests}
        best = curves["validation"].argmin()
        found[f"{n} steps"] = 100 * (best + 1)
        for key, curve in curves.items():
            found |= {f"{n} {key}": curve[best], f"{n} {key}, end": curve[-1]}
    return found
