"""How the numbers of a wrong answer relate to the right ones, which names its fault.

A relation is said only if it holds in every case, and only if the cases can tell: that is, if at
least three different right values are missed. Anything else could be chance, and would mislead.
"""

import numpy as np

from .language import say
from .shapes import equal, holds, shape
from .sizes import constant, factor


def relation(given, expected, sizes):
    """The relation that holds in all cases, as a sentence; "" if there is none.

    given, expected: an array for each case. sizes: the shape of the first argument in each case.
    """
    pairs = list(zip(given, expected, strict=True))
    with np.errstate(all="ignore"):
        if any(g.shape != e.shape for g, e in pairs):
            return shape(pairs)
        pairs = [(g.astype("float64"), e.astype("float64")) for g, e in pairs]
        missed = [e[~np.isclose(g, e, 1e-4, 1e-4)] for g, e in pairs]
        if np.unique(np.concatenate([each.ravel() for each in missed]).round(3)).size < 3:
            return ""
        return factor(pairs, sizes) or constant(pairs, sizes) or _function(pairs) or _limit(pairs)


def _function(pairs):
    for change, text in (
        (np.square, say("Everywhere yours is the square of the right value.")),
        (np.sqrt, say("Everywhere yours is the root of the right value.")),
        (np.log, say("Everywhere yours is the logarithm of the right value.")),
        (np.exp, say("Everywhere yours is exp of the right value.")),
        (np.exp2, say("Everywhere yours is 2 to the power of the right value.")),
        (np.reciprocal, say("Everywhere yours is 1 divided by the right value.")),
        (lambda e: 1 - e, say("Everywhere yours is 1 minus the right value.")),
        (np.abs, say("Everywhere yours is the right value without its sign.")),
        (np.trunc, say("Your numbers are the right ones without their fractions.")),
        (np.round, say("Your numbers are the right ones, rounded.")),
        (lambda e: np.flip(e, -1), say("Your numbers are right, but stand backwards.")),
        (lambda e: _moved(e, 1), say("Your numbers are right, but stand one place too late.")),
        (lambda e: _moved(e, -1), say("Your numbers are right, but stand one place too early.")),
    ):  # fmt: skip
        if all(e.ndim for _, e in pairs) and holds(pairs, change):
            return text
    return ""


def _moved(e, step):
    moved = np.roll(e, step, -1)
    moved[..., 0 if step > 0 else -1] = 0
    return moved


def _limit(pairs):
    g, e = (
        np.concatenate([each.ravel() for each in column]) for column in zip(*pairs, strict=True)
    )
    g, e = g[np.isfinite(g)], e[np.isfinite(g)]
    missed = e[~np.isclose(g, e, 1e-4, 1e-4)]
    if np.unique(missed.round(3)).size < 3 or (e == e.round()).all():  # could be chance
        return ""
    above, below = f"{g.max():.4g}", f"{g.min():.4g}"
    if equal(g, np.minimum(e, g.max())):
        return say("Yours is never above {limit}: something is clipped.").format(limit=above)
    if equal(g, np.maximum(e, g.min())):
        return say("Yours is never below {limit}: something is clipped.").format(limit=below)
    return ""
