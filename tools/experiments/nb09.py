"""What notebook 09 says of one training on clothes, repeated with other seeds."""

from paddle_vae import VAE, data, fit, metrics, recipes
from paddle_vae.networks import MLPDecoder, MLPEncoder

import paddle

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


def small(size, seed):
    """The recipe's network with a code of `size` numbers."""
    paddle.seed(seed)
    return VAE(MLPEncoder(size, (128,)), MLPDecoder(size, (128,), logits=True))
