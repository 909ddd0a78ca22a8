"""Wrong answers that miss the right value by a factor or a constant, perhaps one that follows the size."""

from fractions import Fraction

import numpy as np

from .language import say
from .shapes import equal


def factor(pairs, sizes):
    """A sentence on a factor that is the same everywhere, or depends on the size only; else ""."""
    found = []
    for (g, e), size in zip(pairs, sizes, strict=True):
        place = np.unravel_index(np.abs(e).argmax(), e.shape)
        ratio = g[place] / e[place] if abs(e[place]) > 1e-6 else 1.0
        if not np.isfinite(ratio) or not equal(g, ratio * e):
            return ""
        if abs(e[place]) > 1e-6:  # where the right value is 0, every factor fits
            found.append((ratio, size))
    ratios = np.array([ratio for ratio, _ in found])
    if (ratios == 0).all():
        return say("Yours is 0 everywhere.")
    if np.allclose(ratios, -1, 1e-3):
        return say("Everywhere your sign is turned round.")
    if np.allclose(ratios, ratios[0], 1e-3):
        text = say("Everywhere yours is {factor} times the right value: look for a factor.")
        return text.format(factor=_number(ratios[0]))
    several = min(len(size) for size in sizes)
    for axes in (range(1, several), *((axis,) for axis in range(several)), range(several)):
        counts = np.array([np.prod([size[axis] for axis in axes]) for _, size in found])
        for power, text in (
            (1, say("Yours is the right value, divided by the length of axis {axes}: "
                    "is it a mean where a sum is asked?")),
            (-1, say("Yours is the right value, multiplied by the length of axis {axes}: "
                     "is it a sum where a mean is asked?")),
        ):  # fmt: skip
            scaled = ratios * counts.astype(float) ** power
            if axes and np.allclose(scaled, scaled[0], 1e-3):
                text = text.format(axes=", ".join(map(str, axes)))
                if np.isclose(scaled[0], 1, 1e-3):
                    return text
                rest = say("Besides, it is multiplied by {factor}.")
                return f"{text} {rest.format(factor=_number(scaled[0]))}"
    return ""


def _number(value):
    simple = Fraction(value).limit_denominator(16)
    return str(simple) if simple and abs(value / simple - 1) < 1e-3 else f"{value:.3g}"


def constant(pairs, sizes):
    """A sentence on a constant that is added everywhere, or once for each sum; else ""."""
    gaps = [(g - e).ravel() for g, e in pairs]
    if not all(np.allclose(gap, gap[0], 1e-3, 1e-4 * (1 + np.abs(e).max()))
               for gap, (_, e) in zip(gaps, pairs, strict=True)):  # fmt: skip
        return ""
    steps = {}
    for gap, size in zip(gaps, sizes, strict=True):
        steps.setdefault(size[-1] if len(size) == 2 else None, []).append(gap[0])
    if any(not np.allclose(each, each[0], 1e-3, 1e-3) for each in steps.values()):
        return ""
    values = np.array([each[0] for each in steps.values()])
    if np.allclose(values, values[0], 1e-3):
        more = say("Everywhere yours is {constant} more than the right value: look for a constant.")
        less = say("Everywhere yours is {constant} less than the right value: look for a constant.")
        return (more if values[0] > 0 else less).format(constant=_number(abs(values[0])))
    lengths = np.array(list(steps), float)
    line = np.polyval(np.polyfit(lengths, values, 1), lengths)
    if not np.allclose(values, line, 1e-3, 1e-3):
        return say("The gap is the same for all rows, and depends only on how long they are.")
    if np.allclose(values / lengths, values[0] / lengths[0], 1e-3):
        return say("The gap is the same for each term of the sum: a constant is missing or wrong.")
    return say(
        "The gap is a constant that changes only with the length of the rows: a constant belongs "
        "inside the sum, once for each of its terms."
    )
