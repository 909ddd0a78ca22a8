"""The table of named experiments: architecture, data, loss, schedule, seed.

`python -m paddle_vae train NAME` runs a row; data/README.md says how the shipped weights were made.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paddle

from . import data, losses, metrics, models, training, weights
from .errors import InputError


@dataclass(frozen=True)
class Recipe:
    """One row: everything that fixes a trained model."""

    name: str
    summary: str
    build: Callable[[], paddle.nn.Layer]
    source: str = "mnist"
    value_range: tuple[float, float] = (-1.0, 1.0)
    reconstruction: Callable = losses.squared_error
    beta: float = 1.0
    epochs: int = 15
    batch_size: int = 128
    learning_rate: float = 3e-3  # the peak of the one-cycle schedule
    seed: int = 0

    @property
    def objective(self):
        """The keyword arguments that fit and evaluate share."""
        return {
            "reconstruction": self.reconstruction,
            "beta": self.beta,
            "value_range": self.value_range,
        }


def _conditional_vae():
    return models.VAE(models.Encoder(conditional=True), models.Decoder(conditional=True))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("ae_2d", "autoencoder, 2-D code (notebook 01)", models.Autoencoder, epochs=10),
        Recipe("vae_2d", "L1's VAE, 2-D latent (notebook 02)", models.VAE, epochs=25),
        Recipe("cvae_2d", "L1's conditional VAE, 2-D latent (notebook 05)", _conditional_vae),
    )
}


def get(name):
    """The recipe of that name; raises InputError for a name that is not in the table."""
    if name not in RECIPES:
        raise InputError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def build(name, seed=None):
    """A recipe's untrained model; the seed fixes its initial weights."""
    recipe = get(name)
    training.seeded(recipe.seed if seed is None else seed)
    return recipe.build()


def train(name, epochs=None, seed=None, progress=True):
    """Run a recipe from nothing -> (model, History)."""
    recipe = get(name)
    seed = recipe.seed if seed is None else seed
    model = build(name, seed)
    history = training.fit(
        model,
        data.load(recipe.source),
        epochs=recipe.epochs if epochs is None else epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        seed=seed,
        progress=progress,
        **recipe.objective,
    )
    return model, history


def evaluate(name, model):
    """Loss in parts of a recipe's model on its 10,000 test images, one noise draw per image."""
    recipe = get(name)
    return metrics.evaluate(model, data.load(recipe.source, "test"), **recipe.objective)


def weights_path(name, folder=None):
    """Where a recipe's weights lie: `folder`, or the project's data/weights."""
    return Path(folder or data.folder() / "weights") / f"{get(name).name}.safetensors"


def save(name, model, folder=None, **metadata):
    """Write a trained model's weights with what is known about them -> the file's path."""
    path = weights_path(name, folder)
    try:
        os.makedirs(path.parent, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be made: choose another folder") from error
    weights.save(model, path, {key: str(value) for key, value in metadata.items()})
    return path


def load(name, folder=None):
    """A recipe's trained model, from the shipped weights or those in `folder`."""
    model = build(name)
    weights.load(model, weights_path(name, folder))
    model.eval()
    return model
