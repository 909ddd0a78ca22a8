"""The form of the notebooks and of the lists that must agree. Their numbers are nbval's part."""

import ast
import re
import sys
from pathlib import Path

import course
from tools import committed, pages
from tools.pages import exercise_of

import nbformat
import pytest
from cells import names

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

OPENING = ["What you will see", "What you need", "How long it takes"]
CLOSING = ["What we saw", "Next"]
MOST_LINES = 16  # of a code cell; mostly 3 to 6, at most about 12, and the imports

# What differs from machine to machine or from run to run.
MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|Users|tmp|usr|opt|work|mnt)/|[A-Z]:\\Users|\b0x[0-9a-f]{6,}"
)


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ holds no .ipynb"


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def headings(source):
    """The headings of a Markdown cell; a line in bold counts as one."""
    return re.findall(r"^(?:#+ +|\*\*)(.+?)\**\s*$", source, flags=re.MULTILINE)


@each_notebook
def test_length(path):
    appendix = path.name >= "12"
    count = sum(exercise_of(cell) is None for cell in read(path).cells)
    assert count <= 48 and (appendix or count >= 25), f"{count} cells, not 25 to 48"
    assert path.stat().st_size < 2_000_000, "over 2 MB: fewer or smaller figures"


@each_notebook
def test_short_cells(path):
    long = {
        index: len(cell.source.splitlines())
        for index, cell in enumerate(read(path).cells, start=1)
        if cell.cell_type == "code" and len(cell.source.splitlines()) > MOST_LINES
    }
    assert not long, f"code cells of more than {MOST_LINES} lines, as cell: lines: {long}"


@each_notebook
def test_opening_and_closing(path):
    cells = read(path).cells
    assert cells[0].cell_type == "markdown", "the first cell is not Markdown"
    assert cells[0].source.startswith("# "), "the first cell does not begin with a '# ' title"
    found = [heading for heading in headings(cells[0].source) if heading in OPENING]
    assert found == OPENING, f"the first cell needs the headings {OPENING}, in this order"
    texts = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    last = re.findall(r"^## +(.+?)\s*$", texts, flags=re.MULTILINE)[-len(CLOSING) :]
    assert last == CLOSING, f"the last sections are {last}, not {CLOSING}"


# ---- a learner goes back and forth: each cell can run again ----------------
#
# tests/notebook_plugin.py runs the quick ones again, in reverse order.


def test_names_of_a_cell():
    own, taken = names("x = y + 1\nfor i in z: print(i, x)\ndef f(a): return a + w\nn = n + 1")
    assert own == {"x", "i", "f", "n"} and taken == {"y", "z", "w", "n"}


@each_notebook
def test_what_a_cell_takes_is_bound_in_one_cell(path):
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    where, wrong = {}, []
    for number, source in enumerate(cells, start=1):
        for name in names(source)[0]:
            where.setdefault(name, []).append(number)
    for number, source in enumerate(cells, start=1):
        for name in sorted(names(source)[1] & where.keys()):
            if len(where[name]) > 1 or where[name] == [number]:
                wrong.append(f"code cell {number} takes {name!r}, bound in {where[name]}")
    assert not wrong, "\n".join(wrong)


@each_notebook
def test_a_cell_that_trains_builds_what_it_trains(path):
    """Else it would train on, where it runs again."""
    for number, cell in enumerate(read(path).cells, start=1):
        if cell.cell_type != "code":
            continue
        nodes = list(ast.walk(ast.parse(cell.source)))
        own = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        trained = {
            n.args[0].id
            for n in nodes
            if isinstance(n, ast.Call)
            and getattr(n.func, "id", "") == "fit"
            and n.args
            and isinstance(n.args[0], ast.Name)
        }
        assert trained <= own, f"cell {number} trains {trained - own}, and does not build it"


# ---- outputs ---------------------------------------------------------------


@each_notebook
def test_outputs_are_the_same_on_every_machine(path):
    for index, cell in enumerate(read(path).cells, start=1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text", "") + "".join(output.get("traceback", []))
            text += "".join(str(data[kind]) for kind in data if kind.startswith("text/"))
            found = MACHINE.search(text)
            assert not found, f"cell {index} prints a path or an address: {found[0]}"


@each_notebook
def test_normalised(path):
    """No stderr, no time stamps, no kernel of somebody's own: as `make notebooks` writes it."""
    text = path.read_text(encoding="utf-8")
    same = text == committed.text(committed.normalise(read(path)))
    assert same, f"not as the tools write it. Run: make notebooks ONLY={path.name[:2]}"


@each_notebook
def test_every_figure_has_a_text_for_those_who_cannot_see_it(path):
    for index, cell in enumerate(read(path).cells, start=1):
        figures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        texts = cell.metadata.get("alt", [])
        problem = f"cell {index}: {len(figures)} figures, {len(texts)} texts in its metadata `alt`"
        assert isinstance(texts, list) and len(texts) == len(figures), problem
        assert all(len(text) >= 20 for text in texts), f"cell {index}: a text that says little"


@each_notebook
def test_formulas_convert(path):
    """Every formula of the pages that `make lesson` writes becomes MathML."""
    for index, cell in enumerate(read(path).cells, start=1):
        if cell.cell_type == "markdown":
            page = pages.markdown(cell.source)
            assert "<mi>&</mi>" not in page, f"cell {index}: an environment latex2mathml lacks"
            assert pages.FAILED not in page, f"cell {index}: a formula latex2mathml lacks"


def test_the_readmes_pictures_are_the_notebooks():
    found = {}
    for path in NOTEBOOKS:
        found |= committed.pictures(read(path))
    shown = re.findall(r"!\[.*?\]\(docs/(.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    shown.remove("hand.png")  # the explorer under a moving hand: tools/moving_hand.py
    assert len(shown) >= 3
    assert (
        {*shown} == set(found) == {path.name for path in (ROOT / "docs").iterdir()} - {"hand.png"}
    )
    for name, picture in found.items():
        assert (ROOT / "docs" / name).read_bytes() == picture, f"docs/{name} is not current"


# ---- the lists of packages -------------------------------------------------


def test_requirements_differ_only_in_paddle():
    gpu, *rest = course.lines(ROOT / "requirements.txt")
    cpu, *rest_cpu = course.lines(ROOT / "requirements-cpu.txt")
    assert gpu == cpu.replace("paddlepaddle", "paddlepaddle-gpu")
    assert rest == rest_cpu


def test_the_lesson_asks_for_what_it_imports():
    """`pip install -e .` is all that somebody else's Jupyter with a Paddle needs."""
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "paddle_vae").glob("*.py")]
    code += [c.source for path in NOTEBOOKS for c in read(path).cells if c.cell_type == "code"]
    found = {
        name
        for source in code
        for name in re.findall(r"^ *(?:import|from) (\w+)[\w. ]*(?:import|as|$)", source, re.M)
    }
    there = {*sys.stdlib_module_names, "paddle", "paddle_vae", "exercises"}
    optional = {"IPython", "visualdl"}  # Jupyter brings the one, the README names the other
    asked = {re.match(r"[\w-]+", x)[0] for x in course.lines(ROOT / "requirements-lesson.txt")}
    names = {"sklearn": "scikit-learn"}
    assert {names.get(name, name) for name in found - there - optional} == asked


# ---- the glossary ----------------------------------------------------------


def anchors():
    """The glossary's headings, as links name them."""
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert found == sorted(found, key=str.lower), "the glossary is not in alphabetical order"
    return {pages.slugify(term) for term in found}


@each_notebook
def test_links_to_the_glossary_find_their_term(path):
    texts = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = set(re.findall(r"glossary\.md#([\w-]+)", texts))
    assert links <= anchors(), f"no such term: {links - anchors()}"


def test_every_term_is_linked_from_the_notebook_that_it_names():
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^## (.+)\n\n.*\(\[\d\d\]\((.+)\)\)$", text, flags=re.MULTILINE)
    assert len(terms) == len(anchors())
    missing = []
    for term, name in terms:
        if f"glossary.md#{pages.slugify(term)})" not in (ROOT / "notebooks" / name).read_text(
            encoding="utf-8"
        ):
            missing.append(f"{term} in {name}")
    assert not missing, f"not linked: {missing}"
