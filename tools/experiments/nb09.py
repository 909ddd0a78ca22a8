"""What notebook 09 says of one training on clothes, repeated with other seeds."""

from paddle_vae import VAE, data, fit, metrics, recipes
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
from sklearn.neighbors import KNeighborsClassifier

EPOCHS = 12


@paddle.no_grad()
def width(seed):
    """Codes of ten and of twenty numbers after 12 epochs: test loss and its KL, and how many axes
    have more than a tenth of a nat."""
    recipe, found = recipes.get("fashion_vae_10d"), {}
    train, test = recipe.dataset("train"), recipe.dataset("test")
    for size in (10, 20):
        model = small(size, seed)
        how = {"batch_size": recipe.batch_size, "seed": seed, "progress": False}
        fit(model, train, epochs=EPOCHS, **how, **recipe.objective)
        loss = metrics.evaluate(model, test, **recipe.objective)
        mean, logvar = model.encode(data.scale(test.images, recipe.value_range))
        each = metrics.kl_per_dimension(mean.numpy(), logvar.numpy())
        found |= {f"loss_{size}": loss.total, f"kl_{size}": loss.kl}
        found |= {f"used_{size}": (each > 0.1).sum(), f"least_{size}": each.min()}
    return found


@paddle.no_grad()
def nearer(seed):
    """1,000 draws from N(0, I), and the same draws times 0.7: their step from pixel to pixel, the
    distance to the nearest of 10,000 training images, and the agreement of the ten nearest."""
    train, model = data.load("fashion_mnist", "train"), recipes.load("fashion_vae_10d")
    known = np.random.default_rng(1).permutation(60_000)[:10_000]
    pool = train.images[known].reshape(10_000, 784) / np.float32(255)
    judge = KNeighborsClassifier(10).fit(pool, train.labels[known])
    paddle.seed(seed)
    normal, found = paddle.randn([1000, 10]), {}
    for times in (1.0, 0.7):
        x = model.decode(times * normal).numpy()[:, 0]
        steps = [np.abs(np.diff(x, axis=axis)).mean() for axis in (1, 2)]
        distance, near = judge.kneighbors(x.reshape(1000, 784))
        agreed = [np.bincount(classes).max() / 10 for classes in train.labels[known][near]]
        found |= {f"{times} step": np.mean(steps), f"{times} distance": distance[:, 0].mean() / 28}
        found[f"{times} agree"] = np.mean(agreed)
    return found


@paddle.no_grad()
def fewer(seed):
    """The notebook's training by heart, with 500 and with 100 images: the loss of 1,000 test images
    at its lowest and at the end, when it was lowest, and the loss of the training images."""
    recipe, found = recipes.get("fashion_vae_10d"), {}
    train, test = recipe.dataset("train"), recipe.dataset("test")
    rng = np.random.default_rng(seed)
    known, few = rng.permutation(60_000), test[rng.permutation(10_000)[:1000]]
    how = {"batch_size": 50, "one_cycle": False, "learning_rate": 2e-3, "progress": False}
    for count in (500, 100):
        model = small(10, seed)
        learned = fit(
            model, train[known[:count]], epochs=80, test=few, seed=seed, **how, **recipe.objective
        )
        curve = np.array(learned.test)[:, 0]
        found |= {f"{count} lowest": curve.min(), f"{count} epoch": curve.argmin() + 1}
        found |= {f"{count} end": curve[-1], f"{count} train": np.array(learned.epochs)[-1, 0]}
    return found


def small(size, seed):
    """The recipe's network with a code of `size` numbers."""
    paddle.seed(seed)
    return VAE(MLPEncoder(size, (128,)), MLPDecoder(size, (128,), logits=True))
