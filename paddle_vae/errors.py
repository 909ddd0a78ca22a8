"""The one exception that bad input ends in, and the checks of numbers that raise it."""

import math
from numbers import Integral, Real


class InputError(ValueError):
    """A file or an argument is not what it must be; the message is one sentence with the remedy."""


def short(value):
    """A value in one line of at most 60 characters, for a message."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python does not write whole numbers of over 4,300 digits
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= 60 else f"{text[:57]}..."


def whole(name, value, low=1, high=1_000_000):
    """The value as an int, for Python's and NumPy's whole numbers from low to high; a bool is none.

    Raises InputError for everything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= value <= high:
        raise InputError(f"{name} is {short(value)}: give a whole number from {low:,} to {high:,}")
    return int(value)


def number(name, value, low, high):
    """The value as a float, for Python's and NumPy's numbers from low to high; a bool is none.

    Raises InputError for everything else, NaN included.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise InputError(f"{name} is {short(value)}: give a number from {low:,g} to {high:,g}")
    return float(value)


def interval(name, value):
    """The value as two floats, the lower one first; raises InputError for everything else."""
    try:
        low, high = (number(name, end, -1e6, 1e6) for end in value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise InputError(f"{name} is {short(value)}: give two numbers, the lower one first")
    return low, high
