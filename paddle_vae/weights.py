"""Save and load weights; nothing here can run code from a file.

Ours are safetensors files; lesson L1's are pickles, which pdparams.py takes arrays out of.
"""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from .errors import InputError
from .files import replacing
from .pdparams import read_pdparams, require_file

__all__ = ["load", "load_lesson", "read_pdparams", "save"]


def save(model, path, metadata=None, half=False):
    """Write a model's state_dict as safetensors, the same bytes for the same weights.

    metadata: {str: str}, kept in the file's header. half: keep the numbers in 16 bits, half the
    size, to 3 significant digits. The file is replaced whole or not at all.
    Raises InputError for an unwritable path and for weights that are not finite.
    """
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    if half:
        arrays = {name: array.astype(np.float16) for name, array in arrays.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{path} is not written, since {name} is not finite: train again")
    blob = to_safetensors(arrays, dict(metadata or {}))
    # The library writes metadata in random order: sort the header, and leave the data as it is.
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.dumps(json.loads(blob[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with replacing(path) as temporary:
        temporary.write_bytes(len(header).to_bytes(8, "little") + header + blob[end:])


def load(model, path):
    """Set a model's weights from a file that `save` wrote, and return the file's metadata.

    Raises InputError for a missing, damaged or foreign file, and for names, shapes, dtypes or
    values that do not fit; the model is then as it was.
    """
    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: _widened(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no whole safetensors file: copy it again or train") from error
    _check(model, arrays, path)
    model.set_state_dict(arrays)
    return metadata


def _widened(array):
    return array.astype(np.float32) if array.dtype == np.float16 else array


def load_lesson(model, folder, name="A", conditional=False):
    """Set model.encoder and model.decoder from two files that lesson L1's own code wrote.

    They are `folder`/{name}_encoder_{conditional}.pdparams and its decoder, with names A to D.
    Raises InputError as `load` does; the model is then as it was.
    """
    read = []
    for part in ("encoder", "decoder"):
        path = Path(folder) / f"{name}_{part}_{bool(conditional)}.pdparams"
        read.append((getattr(model, part), read_pdparams(path)))
        _check(*read[-1], path)
    for network, arrays in read:
        network.set_state_dict(arrays)


def _check(model, arrays, path):
    """InputError unless the arrays are the model's: names, shapes, dtypes, and finite."""
    mine, remedy = model.state_dict(), "build the model as it was when they were saved"
    for name in sorted(mine.keys() ^ arrays.keys()):
        which = "lacks" if name in mine else "has also"
        raise InputError(f"{path} {which} the weights {name[:80]!r}: {remedy}")
    for name, array in arrays.items():
        own = mine[name].numpy()
        if (array.shape, array.dtype) != (own.shape, own.dtype):
            has = f"{array.dtype} {list(array.shape)} and not {own.dtype} {list(own.shape)}"
            raise InputError(f"{path} has {name} as {has}: {remedy}")
        if not np.isfinite(array).all():
            raise InputError(f"{path} has values in {name} that are not finite: train again")
