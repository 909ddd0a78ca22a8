"""How nbval compares a notebook's outputs with the committed ones, and what it refuses.

nbval wants text to be the same to the last digit, lets a notebook without outputs pass, and
does not look at pictures. Here:

- Numbers with a decimal point may differ by 2 %, or by one unit of their last printed digit,
  whichever is more: processors round differently, and training amplifies it. Whole numbers
  count something, so they must be equal, as must all text between the numbers. White space and
  the length of ruled lines do not matter: they follow the width of the numbers.
- A cell's tags loosen this for all its numbers, whole ones included: `tolerance:0.1` is
  relative, `atol:0.05` absolute. `nbval-ignore-output` compares nothing.
- A picture must be there where one is committed; what it shows is not compared.
- Widgets are ignored: they are not committed (tools/committed.py drops them).
- stderr, which is not committed either, is a red box to a learner: only progress bars may stand
  there, and what a cell with the tag `stderr` prints on purpose. (Not looked at with Paddle's GPU
  wheel, which says at length that it finds no GPU.)
- A notebook that is not fully executed, in order, fails before anything runs.
- After its last cell, a notebook's quick cells run once more, from the last to the first, as a
  learner's do who goes back and forth: their outputs must be the same again. (A cell that trains
  is too slow for it; tests/test_lesson.py asks that it builds what it trains.)

pyproject.toml loads this file into every run of pytest.
"""

import importlib.metadata
import math
import os
import re
import time

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError
from pytest import Collector, Item

QUICK = 0.4  # seconds: what runs again
RELATIVE = 0.02
ABSOLUTE = 1e-5  # about what float32 leaves of a difference that ought to be zero
GPU_WHEEL = any(importlib.metadata.distributions(name="paddlepaddle-gpu"))

# Digits inside a word (conv2, 0x7f) are part of the word.
NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.\d*|\.\d+|(?<=\d))(?:[eE][-+]?\d+)?(?!\w)"
)
WIDGET = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"\d+%\|.*\| *\S+/\S+ \[|\d+\S*it \[\d")  # tqdm's, with a total and without one


def pytest_configure():
    # A backend in the environment would keep the figures out of the notebook.
    os.environ.pop("MPLBACKEND", None)
    # The committed outputs are English; a reader's system may be Chinese.
    os.environ["PADDLE_VAE_LANG"] = "en"


# ---- text ------------------------------------------------------------------


def difference(expected, actual, relative=None, absolute=None):
    """Say in a sentence how two texts differ beyond the tolerance, or return None."""
    words, numbers = split(expected)
    new_words, new_numbers = split(actual)
    for old, new in zip(words, new_words, strict=False):
        if old != new:
            return f"the text {old!r} has become {new!r}"
    if len(numbers) != len(new_numbers):
        return f"{len(numbers)} numbers have become {len(new_numbers)}"
    for old, new in zip(numbers, new_numbers, strict=True):
        if not close(old, new, relative, absolute):
            return f"the number {old} has become {new}"
    return None


def split(text):
    """The text before, between and after the numbers, and the numbers, as written."""
    words = [re.sub(r"\s+", " ", part).strip() for part in NUMBER.split(text)]
    return [re.sub(r"([-=_─═])\1{2,}", r"\1\1\1", part) for part in words], NUMBER.findall(text)


def close(old, new, relative=None, absolute=None):
    x, y = (float(number.replace(",", "")) for number in (old, new))
    if relative is None and absolute is None:
        if is_whole(old) and is_whole(new):
            return x == y
        relative, absolute = RELATIVE, max(ABSOLUTE, unit(old), unit(new))
    # The last factor lets 1.1 be within 0.1 of 1.0, as it is on paper.
    allowed = max((relative or 0) * abs(x), absolute or 0) * (1 + 1e-9)
    return math.isclose(x, y, rel_tol=0, abs_tol=allowed)


def is_whole(number):
    return not re.search(r"[.eE]", number)


def unit(number):
    """One unit of the last printed digit: 0.01 for 3.14, 1e-5 for 1.2e-4."""
    mantissa, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


# ---- cells -----------------------------------------------------------------


def compare_outputs(self, test, ref, skip_compare=None):
    """Replaces nbval's method: the same call, the same result."""
    tags = self.cell.metadata.get("tags", [])
    relative, absolute = tolerance(tags, "tolerance:"), tolerance(tags, "atol:")
    old, new = parts(ref), parts(test)
    problem = None
    if [kind for kind, _ in old] != [kind for kind, _ in new]:
        problem = f"the outputs {kinds(old)} have become {kinds(new)}"
    else:
        for (kind, value), (_, new_value) in zip(old, new, strict=True):
            if kind.startswith("image/") and kind != "image/svg+xml":
                continue
            problem = difference(value, new_value, relative, absolute)
            if problem:
                problem = f"{kind}: {problem}\n\n---- committed\n{value}\n---- now\n{new_value}\n"
                break
    self.comparison_traceback = [problem] if problem else []
    return not problem


def tolerance(tags, prefix):
    return next((float(tag[len(prefix) :]) for tag in tags if tag.startswith(prefix)), None)


def parts(outputs):
    """The outputs to compare, in order, as pairs of kind and text."""
    found = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name != "stderr":
                found.append((output.name, output.text))
        elif output.output_type == "error":
            found.append(("error", f"{output.ename}: {output.evalue}"))
        elif WIDGET not in output.data:
            found.extend((kind, str(value)) for kind, value in sorted(output.data.items()))
    return found


def kinds(found):
    return "[" + ", ".join(kind for kind, _ in found) + "]"


def red(outputs):
    """What outputs show on stderr, progress bars aside."""
    text = "".join(output.text for output in outputs if output.get("name") == "stderr")
    found = [line for line in re.split(r"[\r\n]", text) if line.strip() and not BAR.search(line)]
    return "\n".join(found)


stock_runtest = IPyNbCell.runtest


def runtest(self):
    started = time.perf_counter()
    stock_runtest(self)
    seconds = time.perf_counter() - started
    text = "" if GPU_WHEEL else red(self.test_outputs)
    if text and "stderr" not in self.cell.metadata.get("tags", []):
        self.raise_cell_error("The cell prints on stderr, and has no tag stderr", text)
    self.seconds = seconds


# ---- notebooks -------------------------------------------------------------


def unexecuted(notebook):
    """Say in a sentence why a notebook is not fully executed, or return None."""
    count = 0
    for index, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        count += 1
        if cell.execution_count is None:
            return f"cell {index} has not run"
        if cell.execution_count != count:
            return f"cell {index} ran as number {cell.execution_count} instead of {count}"
        failed = any(output.output_type == "error" for output in cell.outputs)
        if failed and "raises-exception" not in cell.metadata.get("tags", []):
            return f"cell {index} ended in an error, and has no tag raises-exception"
    return None


stock_collect = IPyNbFile.collect


def collect(self):
    problem = unexecuted(nbformat.read(self.path, as_version=4))
    if problem:
        raise Collector.CollectError(
            f"{self.path.name} is not fully executed, in order, from a fresh kernel: {problem}. "
            f"Run: make notebooks ONLY={self.path.name[:2]}"
        )
    cells = list(stock_collect(self))
    return [*cells, Again.from_parent(self, name="again, in reverse order", cells=cells)]


class Again(Item):
    """A notebook's quick cells, once more, from the last to the first."""

    def __init__(self, *, cells, **kwargs):
        super().__init__(**kwargs)
        self.cells = cells

    def runtest(self):
        seconds = [getattr(cell, "seconds", None) for cell in self.cells]
        if None in seconds:
            pytest.skip("a cell failed, or was not run")
        for cell, took in zip(reversed(self.cells), reversed(seconds), strict=True):
            if took < QUICK:
                stock_runtest(cell)

    def repr_failure(self, excinfo):
        if excinfo.errisinstance(NbCellError):
            return "In reverse order: " + self.cells[0].repr_failure(excinfo)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}: {self.name}"


IPyNbFile.collect = collect
IPyNbCell.compare_outputs = compare_outputs
IPyNbCell.runtest = runtest
