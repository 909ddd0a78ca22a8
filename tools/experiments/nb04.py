"""Notebook 04, two images: its trainings over seeds, and small ones at several prices."""

from paddle_vae import VAE, data, fit, losses, metrics
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle

D2 = 432.0  # the squared distance of the two images, pixels in [-1, 1]


def two():
    return data.load("mnist", "train")[[5, 25]]


@paddle.no_grad()
def convolutional(seed):
    """The notebook's convolutional network: loss in parts, and how its two codes lie."""
    paddle.seed(seed)
    model, how = VAE(), {"learning_rate": 1e-2, "beta2": 0.99, "progress": False}
    fit(model, two()[np.arange(8) % 2], epochs=800, batch_size=8, seed=seed, **how)
    loss = metrics.evaluate(model, two()[np.arange(1000) % 2])
    x = data.scale(two().images)
    mean, logvar = model.encode(x)
    way = np.abs((mean[1] - mean[0]).numpy())
    halfway = model.decode(mean.mean(0, keepdim=True)).flatten() - x[0].flatten()
    between = (x[1] - x[0]).flatten()
    found = {"loss": loss.total, "kl": loss.kl, "halfway": halfway @ between / D2}
    for name, axis in (("used", way.argmax()), ("other", way.argmin())):
        found[f"{name} axis"] = losses.kl_divergence(mean[:, [axis]], logvar[:, [axis]]).mean()
    return found | {"tilt": np.degrees(np.arctan2(way.min(), way.max()))}


@paddle.no_grad()
def prices(seed):
    """The KL of the small network's codes at several prices C, after 200 steps and after 600."""
    x = data.scale(two().images, (0.0, 1.0))
    return {
        f"C {C:g}, {steps} steps": losses.kl_divergence(*small(C, seed, steps).encode(x)).mean()
        for C in (1.6, 2.5, 10)
        for steps in (200, 600)
    }


def small(C, seed, steps):
    paddle.seed(seed)
    vae = VAE(MLPEncoder(2, [64]), MLPDecoder(2, [64]))
    how = {"batch_size": 60, "learning_rate": 0.02, "value_range": (0.0, 1.0), "progress": False}
    many = two()[np.arange(6000) % 2]  # 100 batches an epoch
    fit(vae, many, epochs=steps // 100, beta=D2 / 4 / C, seed=seed, **how)
    return vae
