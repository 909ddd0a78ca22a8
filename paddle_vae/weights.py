"""Save and load weights; nothing here can run code from a file.

Ours are safetensors files; lesson L1's are pickles, which pdparams.py takes arrays out of.
"""

import json

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors

from .errors import InputError
from .files import as_path, reading, replacing, require_file
from .pdparams import read_pdparams

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
    path = require_file(path, "train, or give the path of a weights file")
    with reading(path, "copy it again or train"):
        with path.open("rb") as file:
            start = file.read(9)
        if start[:1] == b"\x80" and start[8:] != b"{":  # a pickle, not the length of a header
            raise _of_paddle(path)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model.set_state_dict(_fitting(model, arrays, path))
    return metadata


def _of_paddle(path):
    """The InputError that says what is in a file of paddle.save, and how to read it."""
    found = read_pdparams(path)
    if "LR_Scheduler" in found or any(name.endswith("_beta1_pow_acc_0") for name in found):
        return InputError(
            f"{path} holds an optimizer's state: give the file of the model's weights"
        )
    inner = [k for k, v in found.items() if isinstance(v, dict)]
    remedy = "read it by weights.read_pdparams, or L1's two files by weights.load_lesson"
    holds = f"{len(found)} arrays"
    if inner:
        holds = ", ".join(map(repr, found))[:200]
        remedy = f"use model.set_state_dict(weights.read_pdparams(path)[{inner[0]!r}])"
    return InputError(f"{path} was written by paddle.save and holds {holds}: {remedy}")


def load_lesson(model, folder, name="A", conditional=False):
    """Set model.encoder and model.decoder from two files that lesson L1's own code wrote.

    They are `folder`/{name}_encoder_{conditional}.pdparams and its decoder, with names A to D.
    Raises InputError as `load` does; the model is then as it was.
    """
    read = []
    for part in ("encoder", "decoder"):
        path = as_path(folder, "folder") / f"{name}_{part}_{bool(conditional)}.pdparams"
        network = getattr(model, part)
        read.append((network, _fitting(network, read_pdparams(path), path)))
    for network, arrays in read:
        network.set_state_dict(arrays)


def _fitting(model, arrays, path):
    """The arrays in the model's dtypes; InputError unless they are its own: names, shapes, finite.

    Floats change their width where every value keeps: half precision to single, say.
    """
    mine, remedy = model.state_dict(), "build the model as it was when they were saved"
    for name in sorted(mine.keys() ^ arrays.keys()):
        which = "lacks" if name in mine else "has also"
        raise InputError(f"{path} {which} the weights {name[:80]!r}: {remedy}")
    fitting = {}
    for name, array in arrays.items():
        own = mine[name].numpy()
        if getattr(array, "shape", None) != own.shape or array.dtype.kind != own.dtype.kind:
            kind = f"{array.dtype} {list(array.shape)}" if hasattr(array, "shape") else "no array"
            raise InputError(
                f"{path} has {name} as {kind}, not {own.dtype} {list(own.shape)}: {remedy}"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{path} has values in {name} that are not finite: train again")
        with np.errstate(over="ignore"):
            fitting[name] = array.astype(own.dtype)
        if not (fitting[name] == array).all():
            loses = f"{path} has {name} as {array.dtype}, which loses digits in {own.dtype}"
            raise InputError(f"{loses}: save network.to(dtype='{own.dtype}').state_dict()")
    return fitting
