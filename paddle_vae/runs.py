"""The folders that hold what was trained: weights, one file a recipe, and JSON files of records.

The project's own is data/weights; `python -m paddle_vae train` writes to runs/ unless told to ship.
"""

import json
import os

import numpy as np
import paddle

from . import data, runtime
from .errors import InputError
from .files import as_path, replacing

VERSION = "0.1.0"  # of paddle_vae, as in pyproject.toml


def folder(path=None):
    """The folder of that path, ~ expanded; None: the project's data/weights."""
    return data.folder() / "weights" if path is None else as_path(path, "the folder")


def versions():
    """What, beside a recipe and its seed, decides the bytes that are trained."""
    return {"paddle_vae": VERSION, "paddle": paddle.__version__, "numpy": np.__version__}


def threads():
    """How many threads Paddle's matrix products use, as runtime.py or the user set it."""
    for name in ("MKL_NUM_THREADS", "OMP_NUM_THREADS"):  # in the order in which MKL asks
        if os.environ.get(name):
            return os.environ[name]
    return str({name: value for name, value, _ in runtime.settings()}.get("threads") or 1)


def make(path):
    """Make a folder, and those around it; raises InputError where that cannot be."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        reason = error.strerror.lower() if error.strerror else "no such place"
        raise InputError(f"{path} cannot be made ({reason}): choose another folder") from error


def prepare(path, size):
    """Make the folder of a file, and try whether `size` bytes could be written there; what lies
    there stays as it is.

    So a training need not end in vain. Raises InputError where they cannot be written.
    """
    make(path.parent)
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(bytes(min(1 << 20, size - start)))
            file.flush()
            raise _Tried
    except _Tried:
        pass


class _Tried(Exception):
    """Leaves `replacing` before it replaces anything."""


def lessons_path(path=None):
    """Where the records of the lessons' own schedules lie, in the folder of that path."""
    return folder(path) / "lessons.json"


def lesson_records(path):
    """All of a file's records, {name: {...}}; {} where there is no file.

    Raises InputError for a file that is damaged or of another kind.
    """
    try:
        records = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        records = None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise InputError(f"{path} is damaged: restore it with `git checkout`, or remove it")
    return records


def lesson_record(name, path=None):
    """What `python -m paddle_vae train NAME --lesson` measured once: a dictionary with the test
    loss (loss, reconstruction, kl) and the schedule (epochs, batch_size, learning_rate).

    Raises InputError where it was not run.
    """
    file = lessons_path(path)
    records = lesson_records(file)
    if name not in records:
        raise InputError(f"{file} has no {name}: run `train {name} --lesson`")
    return records[name]


def record_lesson(recipe, loss, epochs, path):
    """Write what `lesson_record` reads -> the file's path; other recipes' records stay.

    recipe: under its lesson's schedule, as from recipes.scheduled. loss: losses.Loss.
    """
    file, (total, reconstruction, kl) = lessons_path(path), (round(part, 4) for part in loss)
    found = {"loss": total, "reconstruction": reconstruction, "kl": kl, "epochs": epochs}
    found |= {"batch_size": recipe.batch_size, "learning_rate": recipe.learning_rate}
    return record(recipe.name, found, file)


def record(name, found, file):
    """Write one record, {...}, into a file of them -> its path; other names' records stay."""
    records = lesson_records(file) | {name: found}
    prepare(file, 0)
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", "utf-8")
    return file


def over_seeds(name, path=None):
    """What `python -m tools.seeds NAME` measured over seeds: {number's name: array [seeds]}.

    Raises InputError where it was not run.
    """
    file = folder(path) / "seeds.json"
    records = lesson_records(file)
    if name not in records:
        raise InputError(f"{file} has no {name}: run `python -m tools.seeds {name}`")
    each = [records[name][seed] for seed in sorted(records[name], key=int)]
    return {key: np.array([numbers[key] for numbers in each]) for key in each[0]}
