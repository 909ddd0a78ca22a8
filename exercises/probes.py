"""What a wrong answer does that the right one does not, found by calling both once more."""

import inspect

import numpy as np
import paddle

from .language import say
from .shapes import equal


def probe(answer, reference, cases):
    """A sentence on an argument that is not used, or on rows that are not kept apart; else "".

    cases: the arguments of each case.
    """
    try:
        names = list(inspect.signature(reference).parameters)
        unused = [n for i, n in enumerate(names) if _unused(answer, reference, cases, i)]
        if unused:
            return say("Yours does not depend on {names}.").format(names=", ".join(unused))
        rows = [i for i in range(len(names)) if all(_has_rows(reference, c, i) for c in cases)]
        apart = [case for case in cases if rows and _apart(reference, case, rows)]
        if apart and all(_call(answer, case).ndim == 0 for case in apart):
            return say("Yours is one number for all rows: keep the first axis, a result for each.")
        if not all(_apart(answer, case, rows) for case in apart):
            return say(
                "What it gives for one row changes with the other rows: look at what it does along "
                "the first axis."
            )
    except (Exception, SystemExit):
        pass  # where it differs has been said already
    return ""


def _unused(answer, reference, cases, index):
    """Whether other values of an argument change what is right, often, and never the answer."""
    changes = 0
    for case in cases:
        floats = isinstance(case[index], paddle.Tensor) and case[index].dtype != paddle.int64
        if floats and _call(reference, case).dtype.kind in "iu":
            return False  # a count stays the same under many changes
        for value in _others(case[index]):
            other = [*case[:index], value, *case[index + 1 :]]
            if not equal(_call(reference, case), _call(reference, other)):
                changes += 1
                if not equal(_call(answer, case), _call(answer, other)):
                    return False
    return changes >= 5


def _others(argument):
    """Other values that are allowed wherever this one is."""
    if isinstance(argument, int):
        return [argument + 1, argument + 2]
    if isinstance(argument, float):
        return [argument + 1, argument / 8, argument / 100]
    if argument.dtype == paddle.int64:
        return [9 - argument, argument.flip(0)]  # labels
    # A probability stays one, and a positive number stays positive.
    found = [0.9 * argument + 0.05, 0.01 * argument + 0.004, argument.flip(-1)]
    inside = bool((argument >= 0).all() and (argument <= 1).all())
    return [*found, 1 - argument] if inside else found


def _has_rows(reference, case, index):
    """Whether an argument has as many rows as the result."""
    argument, whole = case[index], _call(reference, case)
    if not isinstance(argument, paddle.Tensor) or not argument.ndim or not whole.ndim:
        return False
    return len(argument) == len(whole)


def _apart(function, case, rows):
    """Whether each row gives the same where the others are copies of it; False if there is one only.

    Not alone: a number that underflows in a block of eight may not underflow outside one.
    """
    whole, count = _call(function, case), len(case[rows[0]])
    if count == 1 or whole.ndim == 0 or len(whole) != count:
        return False
    for row in range(count):
        places = paddle.full([count], row, "int64")
        copied = [paddle.gather(a, places) if i in rows else a for i, a in enumerate(case)]
        other = _call(function, copied)
        if other.shape != whole.shape or not equal(other[row], whole[row]):
            return False
    return True


def _call(function, arguments):
    return np.asarray(function(*copies(arguments)))


def copies(arguments):
    """Arguments that a function may change: the tensors of them are new."""
    return [a.clone().detach() if isinstance(a, paddle.Tensor) else a for a in arguments]
