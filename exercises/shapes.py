"""Wrong answers whose numbers are right, but in another shape."""

import numpy as np

from .language import say


def shape(pairs):
    """A sentence on numbers that are right in another shape, for pairs of given and right; else ""."""
    if all(equal(g.ravel(), e.ravel()) for g, e in pairs):
        if all(g.ndim > e.ndim for g, e in pairs):
            return say("The numbers are right, but an axis of length 1 is left: squeeze it.")
        if all(g.ndim <= e.ndim for g, e in pairs):
            return say("The numbers are right, but an axis of length 1 is lost: keep it.")
    if all(g.ndim > e.ndim and g.shape[: e.ndim] == e.shape for g, e in pairs):
        rows = [(g.reshape([*e.shape, -1]), e) for g, e in pairs]
        if all(equal(g.sum(-1), e) for g, e in rows):
            if not any(e.ndim for _, e in pairs):
                return say("Your numbers are right before the sum: add all of them up.")
            return say("Your numbers are right before the sum: add up over all axes but the first.")
        if all(equal(g.mean(-1), e) for g, e in rows):
            if not any(e.ndim for _, e in pairs):
                return say("Your numbers are right before the mean: take it over all of them.")
            return say(
                "Your numbers are right before the mean: take it over all axes but the first."
            )
    if all(e.ndim for _, e in pairs):
        if holds(pairs, lambda e: e.sum(0)):
            return say("You have also added up over the first axis: keep it, a result for each.")
        if holds(pairs, lambda e: e.mean(0)):
            return say(
                "You have also taken the mean over the first axis: keep it, a result for each."
            )
        if all(g.ndim and equal(g, e[: len(g)]) for g, e in pairs):
            return say("The numbers are right as far as they go, but the last ones are missing.")
    if holds(pairs, np.transpose):
        return say("The numbers are right, but the axes are exchanged.")
    return ""


def holds(pairs, change):
    """Whether each answer is `change` of what is right."""
    return all(equal(g, change(e)) for g, e in pairs)


def equal(one, other):
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and np.allclose(one, other, 1e-4, 1e-4, equal_nan=True)
