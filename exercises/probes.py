"""What a wrong answer does that the right one does not, found by calling both once more."""

import inspect

import numpy as np
import paddle

from .language import say


def probe(answer, reference, cases):
    """A sentence on an argument that is not used, or on rows that are not kept apart; else "".

    cases: the arguments of each case.
    """
    try:
        names = list(inspect.signature(reference).parameters)
        unused = [n for i, n in enumerate(names) if _unused(answer, reference, cases, i)]
        if unused:
            return say("Yours does not depend on {names}.").format(names=", ".join(unused))
        if any(_mixes(answer, reference, case) for case in cases):
            return say(
                "What it gives for one row changes with the other rows: look at what it does along "
                "the first axis."
            )
    except (
        Exception,
        SystemExit,
    ):  # an answer that fails elsewhere has been told where it is wrong
        pass
    return ""


def _unused(answer, reference, cases, index):
    """Whether another value of an argument changes what is right, and never the answer."""
    seen = False
    for case in cases:
        other = [_other(a) if i == index else a for i, a in enumerate(case)]
        if _differ(_call(reference, case), _call(reference, other)):
            seen = True
            if _differ(_call(answer, case), _call(answer, other)):
                return False
    return seen


def _other(argument):
    """Another value that is allowed wherever this one is."""
    if not isinstance(argument, paddle.Tensor):
        return argument + 1
    if argument.dtype == paddle.int64:
        return 9 - argument  # labels
    return 0.9 * argument + 0.05  # a probability stays one, a positive number stays positive


def _mixes(answer, reference, case):
    """Whether a row alone gives another result than among the others; if it should not."""
    right = _call(reference, case)
    if not right.ndim or len(right) < 2:
        return False
    for row in range(len(right)):
        here = slice(row, row + 1)
        alone = [a[here] if _rows(a) == len(right) else a for a in case]
        if _differ(_call(reference, alone), right[here]):
            return False  # these rows do not belong to one another's results
        if _differ(_call(answer, alone), _call(answer, case)[here]):
            return True
    return False


def _rows(argument):
    return len(argument) if isinstance(argument, paddle.Tensor) and argument.ndim else None


def _call(function, arguments):
    copies = [a.clone().detach() if isinstance(a, paddle.Tensor) else a for a in arguments]
    return np.asarray(function(*copies))


def _differ(one, other):
    return one.shape != other.shape or not np.allclose(one, other, 1e-4, 1e-4, equal_nan=True)
