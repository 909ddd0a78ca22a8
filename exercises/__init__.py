"""Exercises that check themselves, one file a notebook: `ex = exercises.load("02_vae")`.

In a notebook: `ex.kl.check(my_kl)`, `ex.kl.hint()`, `ex.kl.solution()`, `ex.progress()`. The files
01_autoencoder.py and so on hold everything about their exercises; the stubs in the notebooks and
notebooks/solutions/ are made from them. mechanism.py says how an answer is judged.
"""

import importlib.util
from pathlib import Path

from . import progress
from .language import say
from .mechanism import KINDS, Choose, Exercise, Write, Wrong

__all__ = ["Choose", "Exercises", "Wrong", "Write", "load", "names"]

FOLDER = Path(__file__).resolve().parent


class Exercises:
    """The exercises of one notebook, as attributes, in the order of their file."""

    def __init__(self, name, found):
        self._name, self._found = name, found
        for key, exercise in found.items():
            exercise.notebook, exercise.name = name, key
            setattr(self, key, exercise)

    def __iter__(self):
        return iter(self._found.values())

    def progress(self):
        """Print which exercises of this notebook are done."""
        done = progress.read()
        for key, exercise in self._found.items():
            state = say("done") if f"{self._name}.{key}" in done else say("open")
            print(
                say("{state}  {name} ({kind}, {minutes} min): {purpose}").format(
                    state=state,
                    name=key,
                    kind=say(KINDS[exercise.kind]).lower(),
                    minutes=exercise.minutes,
                    purpose=say(exercise.purpose),
                )
            )


def names():
    """The notebooks that have exercises: ["01_autoencoder", ...]."""
    return sorted(path.stem for path in FOLDER.glob("[0-9][0-9]_*.py"))


def load(name):
    """The exercises of a notebook, by the name of its file without .ipynb.

    Raises ValueError for a notebook that has none.
    """
    if name not in names():
        raise ValueError(f"there are no exercises {name!r}: choose one of {', '.join(names())}")
    spec = importlib.util.spec_from_file_location(f"exercises._{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Exercise)}
    return Exercises(name, found)
