"""Autoencoders and variational autoencoders in PaddlePaddle: the package of the course.

`from paddle_vae import plots` brings the figures; they are not imported here, for their memory.
"""

# Before Paddle: 2.6.2 brings functions of zlib's names that Python's zlib would then call.
import zlib  # noqa: F401

from . import runtime

runtime.tune()  # before Paddle is imported and does its first product

# isort: split
from . import (  # noqa: E402
    callbacks,
    classifier,
    data,
    layers,
    losses,
    metrics,
    models,
    networks,
    recipes,
    training,
    weights,
)
from .data import Dataset  # noqa: E402
from .errors import InputError  # noqa: E402
from .models import VAE, Autoencoder, Output  # noqa: E402
from .networks import Decoder, Encoder  # noqa: E402
from .training import fit  # noqa: E402

__all__ = [
    "VAE",
    "Autoencoder",
    "Dataset",
    "Decoder",
    "Encoder",
    "InputError",
    "Output",
    "callbacks",
    "classifier",
    "data",
    "fit",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "recipes",
    "runtime",
    "training",
    "weights",
]
