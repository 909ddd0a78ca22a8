"""What a translator translates: each text of the course that a reader meets, in reading order."""

import ast
import re
from dataclasses import dataclass

import exercises

import nbformat

from .pages import exercise_of
from .site import NOTEBOOKS, ROOT

# A document and the name under which its Chinese stands, from the root.
DOCUMENTS = {
    "glossary": ("notebooks/glossary.md", "notebooks/zh/glossary.md"),
    "README": ("README.md", "README.zh-CN.md"),
    "TEACHING": ("TEACHING.md", "TEACHING.zh-CN.md"),
}
# Constants of exercises/mechanism.py that say() is given by their name.
SAID_BY_NAME = {"UNTRIED", "NO_GRADIENT", "RANDOM", "IN_PLACE", "KINDS"}
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Message:
    """A text, what it is (for the translator), and where it stands (for who mends it)."""

    text: str
    kind: str
    where: str


def names():
    """The catalogs: one a notebook, one a document, the exercises' mechanism, and the site."""
    return [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))] + [
        *DOCUMENTS,
        "exercises",
        "site",
    ]


def messages(name):
    """All messages of a catalog, each text once."""
    if name == "exercises":
        found = spoken(*sorted((ROOT / "exercises").glob("[a-z_]*.py")))
    elif name == "site":
        found = spoken(ROOT / "tools" / "site.py", ROOT / "tools" / "pages.py")
    elif name in DOCUMENTS:
        found = of_document(ROOT / DOCUMENTS[name][0])
    else:
        found = of_notebook(NOTEBOOKS / f"{name}.ipynb")
    return list({message.text: message for message in found}.values())


def of_notebook(path):
    """Cells of Markdown, texts of figures, and all that its exercises say."""
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
        where = f"{path.relative_to(ROOT)}, cell {number}"
        if exercise_of(cell) is not None:
            continue
        if cell.cell_type == "markdown":
            yield Message(cell.source, "cell", where)
        for text in cell.metadata.get("alt", []):
            yield Message(text, "figure", where)
    if path.stem in exercises.names():
        for exercise in exercises.load(path.stem):
            for text in exercise.messages():
                kind = f"exercise {exercise.name}"
                yield Message(text, kind, f"exercises/{path.stem}.py, {exercise.name}")


def of_document(path):
    """The blocks of a Markdown file."""
    for block in blocks(path.read_text(encoding="utf-8")):
        if translatable(block):
            yield Message(block, "block", f"{path.relative_to(ROOT)}: {block.splitlines()[0][:60]}")


def blocks(source):
    """Markdown -> its blocks and what stands between them; joined, they are the source again."""
    parts = []
    for part in FENCE.split(source):
        parts += [part] if part.startswith("```") else re.split(r"(\n\n+|\n$)", part)
    return parts


def translatable(block):
    return bool(block.strip()) and not block.startswith("```")


def spoken(*paths):
    """The texts that code says: each literal in say("..."), and constants that exercises name."""
    for path in paths:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
            found = []
            if isinstance(node, ast.Call) and name_of(node.func) == "say":
                found = [node.args[0]]
            elif (
                isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SAID_BY_NAME
            ):
                found = getattr(node.value, "values", [node.value])
            for each in found:
                if isinstance(each, ast.Constant):
                    where = f"{path.relative_to(ROOT)}, line {each.lineno}"
                    yield Message(each.value, "said", where)


def name_of(function):
    return getattr(function, "attr", getattr(function, "id", ""))
