"""Autoencoders and variational autoencoders in PaddlePaddle: the package of the course.

`from paddle_vae import plots` brings the figures; they are not imported here, for their memory.
"""

import os
import sys

# Before Paddle: 2.6.2 brings functions of zlib's names that Python's zlib would then call.
import zlib  # noqa: F401

from . import runtime

try:
    runtime.tune()  # before Paddle is imported and does its first product
except OSError as error:  # Paddle asks for the working folder, and makes ~/.cache/paddle
    if os.path.basename(sys.argv[0]) not in ("-m", "paddle-vae"):
        raise
    remedy = "start it in a folder that exists, with a HOME that can be written"
    sys.exit(f"paddle_vae: Paddle cannot be imported ({error.strerror}): {remedy}")

# isort: split
from . import (  # noqa: E402
    callbacks,
    checkpoints,
    classifier,
    data,
    distributed,
    export,
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
    "checkpoints",
    "classifier",
    "data",
    "distributed",
    "export",
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
