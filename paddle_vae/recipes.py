"""The table of named experiments: architecture, data, loss, schedule, seed.

`python -m paddle_vae train NAME` runs a row; data/README.md says how the shipped weights were made.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import paddle

from . import data, losses, metrics, models, networks, runs, training, weights
from .errors import InputError, short
from .runs import lesson_record  # noqa: F401, its public place


@dataclass(frozen=True)
class Recipe:
    """One row: everything that fixes a trained model."""

    name: str
    summary: str
    build: Callable[[], paddle.nn.Layer]
    source: str = "mnist"
    padding: int = 0  # rows and columns of background around each image
    value_range: tuple[float, float] = (-1.0, 1.0)
    binarize: bool = False  # pixels drawn anew as 0 or 1 in every epoch
    reconstruction: Callable = losses.squared_error
    beta: float = 1.0
    epochs: int = 15
    batch_size: int = 128
    learning_rate: float = 3e-3  # the peak of the one-cycle schedule
    one_cycle: bool = True  # else the rate is constant
    beta1: float = 0.9  # of Adam
    beta2: float = 0.999
    seed: int = 0
    checkpoints: tuple[int, ...] = ()  # epochs whose weights are kept as well
    half: bool = False  # keep the weights in 16 bits
    lesson: dict | None = None  # the lesson's own schedule: what it changes of the above

    @property
    def objective(self):
        """The keyword arguments that fit and evaluate share."""
        return {
            "reconstruction": self.reconstruction,
            "beta": self.beta,
            "value_range": self.value_range,
            "binarize": self.binarize,
        }

    @property
    def likelihood(self):
        """The p(x|z) that the loss with beta = 1 stands for, of pixels as they were trained on."""
        if self.reconstruction is losses.binary_cross_entropy:
            return metrics.Bernoulli()
        return metrics.Gaussian(0.5, self.value_range)

    def dataset(self, split):
        """The recipe's images of a split, "train" or "test", as a data.Dataset."""
        dataset = data.load(self.source, split)
        return data.pad(dataset, self.padding) if self.padding else dataset


def _conditional_vae():
    return models.VAE(networks.Encoder(conditional=True), networks.Decoder(conditional=True))


def _mlp_autoencoder():
    encoder = networks.MLPEncoder(20, (256, 64), variational=False)
    return models.Autoencoder(encoder, networks.MLPDecoder(20, (64, 256)))


def _mlp_vae(latent_dim, hidden, logits=True):
    """A VAE of fully connected layers; the decoder mirrors the encoder."""
    decoder = networks.MLPDecoder(latent_dim, hidden[::-1], logits)
    return models.VAE(networks.MLPEncoder(latent_dim, hidden), decoder)


def _conv_vae():
    return models.VAE(networks.ConvEncoder(), networks.ConvDecoder())


# The lessons' own schedules, but for L2: of its 1,000 epochs, these are the first 20. L4 does not
# say how many epochs, nor rate nor batch.
CONSTANT = {"learning_rate": 1e-3, "one_cycle": False}
L1 = {"learning_rate": 1e-4, "one_cycle": False, "beta1": 0.5, "beta2": 0.999}
L1 |= {"epochs": 100, "batch_size": 64}
L2 = CONSTANT | {"epochs": 20, "batch_size": 32}

UNIT = {"value_range": (0.0, 1.0)}
BERNOULLI = {"value_range": (0.0, 1.0), "reconstruction": losses.binary_cross_entropy}

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "ae_2d",
            "autoencoder, 2-D code (notebook 01)",
            models.Autoencoder,
            epochs=10,
            beta1=0.5,  # L1's; with 0.9 it may never leave the answer "all black"
        ),
        Recipe(
            "vae_2d",
            "L1's VAE, 2-D latent (notebook 02)",
            models.VAE,
            epochs=25,
            learning_rate=5e-3,
            beta2=0.99,  # with 0.999, runs of 7 epochs ended 0.4 to 1.2 higher
            lesson=L1,
        ),
        Recipe("cvae_2d", "L1's conditional VAE, 2-D latent (notebook 06)", _conditional_vae),
        Recipe(
            "mlp_ae_20d",
            "L2's autoencoder (notebook 07)",
            _mlp_autoencoder,
            epochs=30,
            lesson=L2,
            **UNIT,
        ),
        Recipe(
            "mlp_vae_10d",
            "L2's VAE (notebook 07)",
            partial(_mlp_vae, 10, (256, 64), logits=False),
            epochs=30,
            lesson=L2,
            **UNIT,
        ),
        Recipe(
            "mlp_vae_20d",
            "L3's VAE, cross-entropy (notebook 07)",
            partial(_mlp_vae, 20, (512, 256)),
            epochs=20,
            half=True,
            lesson=CONSTANT | {"epochs": 20},
            **BERNOULLI,
        ),
        Recipe(
            "mlp_vae_400",
            "the VAE of PyTorch's example (notebook 07)",
            partial(_mlp_vae, 20, (400,)),
            epochs=10,
            learning_rate=1e-3,
            one_cycle=False,
            **BERNOULLI,
        ),
        Recipe(
            "conv_vae_100d",
            "L4's VAE with batch norm (notebook 08)",
            _conv_vae,
            padding=2,
            beta=0.1,
            epochs=4,
            learning_rate=1e-3,  # at 3e-3 the KL term ran away for some hundred batches
            half=True,
            lesson=CONSTANT | {"epochs": 4},
            **UNIT,
        ),
        Recipe(
            "fashion_vae_10d",
            "L5's VAE on clothes (notebook 09)",
            partial(_mlp_vae, 10, (128,)),
            source="fashion_mnist",
            batch_size=512,
            epochs=100,
            checkpoints=(1, 50),
            lesson=CONSTANT | {"epochs": 100, "batch_size": 512},
            **BERNOULLI,
        ),
        Recipe(
            "binary_vae_2d",
            "2-D VAE of binarized pixels (notebook 10)",
            partial(_mlp_vae, 2, (256, 256)),
            binarize=True,
            half=True,
            epochs=40,
            **BERNOULLI,
        ),
        Recipe(
            "binary_vae_50d",
            "50-D VAE of binarized pixels (notebook 10)",
            partial(_mlp_vae, 50, (500, 500)),
            binarize=True,
            half=True,
            epochs=100,
            **BERNOULLI,
        ),
    )
}


def get(name):
    """The recipe of that name; raises InputError for a name that is not in the table."""
    if not isinstance(name, str) or name not in RECIPES:
        raise InputError(f"there is no recipe {short(name)}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def scheduled(name, lesson=False):
    """The recipe of that name, with lesson=True under the schedule of the lesson it comes from.

    Raises InputError where the lesson's own schedule is not in the table.
    """
    recipe = get(name)
    if not lesson:
        return recipe
    if recipe.lesson is None:
        raise InputError(f"{name} has no schedule of a lesson: leave out lesson")
    return replace(recipe, **recipe.lesson)


def build(name, seed=None):
    """A recipe's untrained model; the seed fixes its initial weights."""
    recipe = get(name)
    training.seeded(recipe.seed if seed is None else seed)
    return recipe.build()


def train(name, epochs=None, seed=None, lesson=False, patience=None, **how):
    """Run a recipe from nothing -> (model, History); with lesson=True by the lesson's schedule.

    patience: as for training.fit, by the loss on a tenth of the training images, drawn by the seed
    and not trained on. how: callbacks, progress and checkpoint, as for training.fit.
    """
    recipe = scheduled(name, lesson)
    seed = recipe.seed if seed is None else seed
    model, dataset = build(name, seed), recipe.dataset("train")
    if patience is not None:
        dataset, how["test"] = data.split(dataset, 0.1, seed)
    fields = ("batch_size", "learning_rate", "one_cycle", "beta1", "beta2")
    how |= {field: getattr(recipe, field) for field in fields} | recipe.objective
    how |= {"epochs": recipe.epochs if epochs is None else epochs, "patience": patience}
    return model, training.fit(model, dataset, seed=seed, **how)


def evaluate(name, model, seed=0):
    """Loss in parts of a recipe's model on its 10,000 test images, one noise draw per image."""
    recipe = get(name)
    return metrics.evaluate(model, recipe.dataset("test"), seed=seed, **recipe.objective)


def weights_path(name, folder=None, epoch=None):
    """Where a recipe's weights lie: `folder`, or the project's data/weights.

    epoch: one of the recipe's checkpoints, or None for the trained model.
    Raises InputError for an epoch whose weights are not kept.
    """
    recipe = get(name)
    if epoch not in (None, *recipe.checkpoints):
        kept = ", ".join(map(str, recipe.checkpoints)) or "none but the last"
        raise InputError(f"epoch is {epoch}: {name} keeps {kept}; leave it out for the last")
    part = "" if epoch is None else f"_epoch{epoch}"
    return runs.folder(folder) / f"{name}{part}.safetensors"


def save(name, model, folder, epoch=None, history=None, **metadata):
    """Write a trained model's weights with what is known about them -> the file's path.

    history: its losses go into the file as well, for `curve`.
    """
    path = weights_path(name, folder, epoch)
    runs.prepare(path, 0)
    if history is not None:
        seen, mean = history.curve()
        metadata["curve"] = json.dumps([seen.tolist(), mean.round(4).tolist()])
    weights.save(model, path, {key: str(value) for key, value in metadata.items()}, get(name).half)
    return path


def load(name, folder=None, epoch=None):
    """A recipe's trained model, from the shipped weights or those in `folder`.

    epoch: one of the recipe's checkpoints, or None for the trained model.
    """
    model = build(name)
    weights.load(model, weights_path(name, folder, epoch))
    model.eval()
    return model


def curve(name, folder=None):
    """How a recipe's weights were trained: batches seen [P], mean losses until there [P, 3]
    (total, reconstruction, KL).

    Raises InputError where the file holds no such curve.
    """
    path = weights_path(name, folder)
    try:
        seen, mean = json.loads(weights.load(build(name), path)["curve"])
        return np.array(seen), np.array(mean).reshape(len(seen), 3)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path} holds no curve: train {name} again") from error
