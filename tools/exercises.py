"""Bring the exercises into the notebooks: stubs into the lesson, solutions into their own.

    python -m tools.exercises              write the stubs of exercises/*.py into notebooks/*.ipynb
    python -m tools.exercises --solutions  write and run notebooks/solutions/*.ipynb

A notebook shows where an exercise stands by two cells with the tag exercise:NAME, one of Markdown
and one of code; what is in them comes from exercises/.
"""

import argparse

import exercises

import nbformat

from . import committed
from .pages import SOLUTIONS, exercise_of
from .run import NOTEBOOKS, run


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.exercises", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="how the names begin, 02 for one; default: all")
    parser.add_argument("--solutions", action="store_true", help="write and run the solutions")
    args = parser.parse_args(argv)
    for name in exercises.names():
        if args.names and not name.startswith(tuple(args.names)):
            continue
        if args.solutions:
            path, notebook = SOLUTIONS / f"{name}.ipynb", solutions(name)
            if not run(notebook, f"solutions/{name}"):
                return 1
            committed.normalise(notebook)
            path.parent.mkdir(exist_ok=True)
        else:
            path = NOTEBOOKS / f"{name}.ipynb"
            notebook = nbformat.read(path, as_version=4)
            write_stubs(notebook, exercises.load(name))
        path.write_text(committed.text(notebook), encoding="utf-8")
        print(path.relative_to(NOTEBOOKS.parent))
    return 0


def derived(exercise, cell_type):
    """What stands in an exercise's cell of that type."""
    return exercise.markdown() if cell_type == "markdown" else exercise.stub()


def write_stubs(notebook, found):
    """Write the derived text into the cells of exercises, in place; outputs stay."""
    for cell in notebook.cells:
        name = exercise_of(cell)
        if name is not None:
            cell.source = derived(getattr(found, name), cell.cell_type)


def solutions(name):
    """A notebook of an exercise file's statements, solutions and reasons, not run yet."""
    number, found = int(name[:2]), list(exercises.load(name))
    solved = [exercise.solved() for exercise in found]
    used = {"np.": "import numpy as np\n", "paddle.": "import paddle\n"}
    needed = [line for word, line in used.items() if any(word in text for text in solved)]
    imports = "".join(needed) + "\n" * bool(needed)  # ruff refuses what a notebook does not use
    cells = [
        nbformat.v4.new_markdown_cell(
            f"# Solutions to notebook {number}\n\nEach exercise of "
            f"[notebook {number}](../{name}.ipynb), with one way to solve it and the reason. "
            "Try them there first."
        ),
        nbformat.v4.new_code_cell(f'import exercises\n\n{imports}ex = exercises.load("{name}")'),
    ]
    for exercise, text in zip(found, solved, strict=True):
        cells.append(nbformat.v4.new_markdown_cell(exercise.markdown()))
        cells.append(nbformat.v4.new_code_cell(text))
        cells.append(nbformat.v4.new_markdown_cell(exercise.reason))
    for index, cell in enumerate(cells):
        cell.id = f"solution-{index}"  # the same in every run
    return nbformat.v4.new_notebook(cells=cells)


if __name__ == "__main__":
    raise SystemExit(main())
