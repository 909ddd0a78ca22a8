"""Notebook 08, codes of 100 numbers: what its exercises announce, with other test images."""

from paddle_vae import classifier, data, metrics, recipes

import numpy as np
import paddle

NAME = "conv_vae_100d"


@paddle.no_grad()
def past_the_end(seed):
    """200 walks between means, from t = -0.5 to 1.5: the share of pictures with the digit of the
    nearer end, at the ends and half a way beyond them."""
    images, labels = drawn(seed, 400)
    model, judge = recipes.load(NAME), classifier.load()
    a, b = model.encode(images)[0].split(2)
    found = {"ends": [], "beyond": []}
    for t, which, digits in (
        (0.0, "ends", labels[:200]),
        (1.0, "ends", labels[200:]),
        (-0.5, "beyond", labels[:200]),
        (1.5, "beyond", labels[200:]),
    ):
        pictures = model.decode((1 - t) * a + t * b).numpy()
        found[which].append((judge.predict(2 * pictures[:, :, 2:-2, 2:-2] - 1) == digits).mean())
    return {which: np.mean(shares) for which, shares in found.items()}


@paddle.no_grad()
def looking(seed):
    """How much the loss of 500 test images rises by twenty passes in train mode: over mixed
    batches of 32 others, and over one batch of 32 ones."""
    recipe, order = recipes.get(NAME), np.random.default_rng(seed).permutation(10_000)
    images, labels = drawn(seed, 2500)
    ones = images[np.flatnonzero(labels == 1)[:32]]
    mixed, found = images[:640].split(20), {}
    few = recipe.dataset("test")[order[2500:3000]]
    for name, batches in (("mixed", mixed), ("ones", [ones] * 20)):
        model = recipes.load(NAME)
        before = metrics.evaluate(model, few, **recipe.objective).total
        model.train()
        for batch in batches:
            model(batch)
        model.eval()
        found[name] = metrics.evaluate(model, few, **recipe.objective).total - before
    return found


def drawn(seed, count):
    """So many test images as the model takes them, and their labels."""
    recipe, order = recipes.get(NAME), np.random.default_rng(seed).permutation(10_000)
    some = recipe.dataset("test")[order[:count]]
    return data.scale(some.images, recipe.value_range), some.labels
