"""Notebook 11, samples: what its exercises announce, for other draws of codes."""

from paddle_vae import classifier, data, metrics, recipes

import numpy as np
import paddle

from .nb10 import BERNOULLI, inside


@paddle.no_grad()
def samples(seed):
    """Pictures of binary_vae_50d and binary_vae_2d from the clouds of test images, and from N(0, I)
    times 1, 0.7 and 0.4: distance, precision and recall, of 2,000. seed: of the codes."""
    test, judge = data.load("mnist", "test"), classifier.load()
    order = np.random.default_rng(0).permutation(10_000)  # as the notebook draws its images
    real = judge.features(data.scale(test.images[order[:2000]]))
    found = {}
    for name in ("binary_vae_50d", "binary_vae_2d"):
        model = recipes.load(name)
        mean, logvar = metrics.encode(model, test[order[2000:4000]], BERNOULLI)
        noise = np.random.default_rng(seed).standard_normal((2, *mean.shape))
        codes = {"clouds": mean + np.exp(logvar / 2) * noise[0]}
        codes |= {f"{times} z": times * noise[1] for times in (1.0, 0.7, 0.4)}
        for what, z in codes.items():
            z = paddle.to_tensor(z.astype("float32"))
            at = judge.features(2 * model.decode(z) - 1)
            found[f"{name} {what} distance"] = metrics.frechet_distance(at, real)
            found[f"{name} {what} precision"] = inside(at, real)
            found[f"{name} {what} recall"] = inside(real, at)
    return found
