"""A notebook or a Markdown file as the body of a page: HTML that needs no script and no network."""

import base64
import html
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.lexers.python import PythonLexer
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

from .formulas import FAILED, formula  # noqa: F401

LINK = re.compile(r'(<(?:a|img|source)\b[^>]*?\s(?:href|src)=")([^"]*)(")')
HEADING = re.compile(r'<h([1-6]) id="([^"]*)">(.*?)</h\1>', re.DOTALL)
ANCHOR = re.compile(r'<a class="anchor".*?</a>')


SOLUTIONS = Path(__file__).resolve().parents[1] / "notebooks" / "solutions"
TAG = "exercise:"  # of a cell, before its exercise's name


@dataclass
class Body:
    """What stands in a page, and what else has to lie beside it."""

    html: str = ""
    pictures: dict = field(default_factory=dict)  # {name: PNG}


class Renderer(IPythonRenderer):
    """Markdown for our pages: formulas as MathML, headings to link to, tables that scroll."""

    def __init__(self, say=str):
        super().__init__(escape=False)
        self.slugs, self.say = {}, say

    def inline_math(self, body):
        found = formula(body, "inline")  # a browser breaks no line inside a formula
        return f'<span class="long">{found}</span>' if len(body) > 40 else found

    def block_math(self, body):
        return f'<span class="wide">{formula(body, "block")}</span>'  # it stands in a <p>

    def latex_environment(self, name, body):
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def heading(self, text, level, **_):
        slug = slugify(plain(text))
        count = self.slugs[slug] = self.slugs.get(slug, -1) + 1
        slug += f"-{count}" if count else ""
        label = self.say("Link to this section")
        link = f'<a class="anchor" href="#{slug}" aria-label="{label}">#</a>'
        return f'<h{level} id="{slug}">{text}{link}</h{level}>\n'

    def table(self, text):
        return f'<div class="wide"><table>{text}</table></div>\n'

    def block_code(self, code, info=None):
        try:
            return highlighted(code, get_lexer_by_name((info or "text").split()[0]))
        except ClassNotFound:
            return highlighted(code, TextLexer())


def slugify(text):
    """The anchor of a heading, as GitHub makes it: "Sum or mean?" -> "sum-or-mean"."""
    return re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-")


def plain(source):
    """HTML -> its text in one line; without scripts, styles, and the links beside headings."""
    source = re.sub(r"<(script|style|template)\b.*?</\1>", " ", source, flags=re.DOTALL)
    source = re.sub(r"</?(p|li|td|th|h\d|div|pre|br|mtext)\b[^>]*>", " ", ANCHOR.sub("", source))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", source)).split())


def markdown(source, renderer=None, say=str):
    """Markdown with formulas -> HTML; `say` gives the words that are added in its language."""
    return MarkdownWithMath(renderer=renderer or Renderer(say)).render(source)


def file_body(source, name):
    """A file's text -> HTML, with the colours of its kind and an anchor for each line."""
    try:
        lexer = get_lexer_for_filename(name)
    except ClassNotFound:
        lexer = TextLexer()
    lines = highlight(source, lexer, HtmlFormatter(nowrap=True)).rstrip("\n").split("\n")
    numbered = "\n".join(f'<span id="L{n}">{line}</span>' for n, line in enumerate(lines, 1))
    return f'<div class="code"><pre><code>{numbered}</code></pre></div>\n'


def highlighted(source, lexer):
    marked = highlight(source, lexer, HtmlFormatter(nowrap=True)).rstrip("\n")
    return f'<div class="code"><pre><code>{marked}</code></pre></div>\n'


def relink(source, target):
    """HTML with each link and picture led to target(address)."""
    return LINK.sub(lambda m: m[1] + html.escape(target(html.unescape(m[2]))) + m[3], source)


def sections(source):
    """HTML of a page -> [(level, slug, heading, text below it)]; what stands before is level 0."""
    found, parts = [], HEADING.split(source)
    if plain(parts[0]):
        found.append((0, "", "", plain(parts[0])))
    for level, slug, heading, below in zip(*(parts[i::4] for i in range(1, 5)), strict=True):
        found.append((int(level), slug, plain(heading), plain(below)))
    return found


def notebook_body(notebook, name, target=str, say=str):
    """A notebook -> Body. target: where links lead; pictures lie in figures/NAME-N.png."""
    body, renderer, parts = Body(), Renderer(say), []
    solved = solutions(name)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(relink(markdown(cell.source, renderer=renderer), target))
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(highlighted(cell.source, PythonLexer()))
            parts += [shown(output, name, body) for output in cell.outputs]
            parts.append(fold(solved, exercise_of(cell), say))
    body.html = "".join(parts)
    return body


def solutions(name):
    """The cells of a notebook's solutions; none where there are no solutions.

    Not from exercises/ itself: that imports Paddle, which takes seconds and sets up logging.
    """
    path = SOLUTIONS / f"{name}.ipynb"
    return nbformat.read(path, as_version=4).cells if path.exists() else []


def fold(cells, name, say=str):
    """The solution of an exercise, out of the cells of solutions, behind a fold; or nothing."""
    if name is None or not cells:
        return ""
    at = next(i for i, cell in enumerate(cells) if f"ex.{name}.check(" in cell.source)
    code, why = cells[at].source, say(cells[at + 1].source)
    solution = highlighted(code, PythonLexer()) + markdown(why, say=say)
    return f"<details><summary>{say('One solution, and why')}</summary>{solution}</details>\n"


def exercise_of(cell):
    """The name of the exercise that a cell belongs to, or None."""
    tags = cell.metadata.get("tags", [])
    return next((tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)), None)


def shown(output, name, body):
    """One output of a cell -> HTML; a picture of it goes into body.pictures."""
    if output.output_type == "stream":
        return printed(output.text)
    if output.output_type == "error":
        return printed("\n".join(output.traceback))
    data = output.data
    if "text/html" in data:
        return f'<div class="shown">{data["text/html"]}</div>\n'
    if "image/svg+xml" in data:
        return f'<div class="picture">{data["image/svg+xml"]}</div>\n'
    if "image/png" in data:
        path = f"figures/{name}-{len(body.pictures) + 1}.png"
        body.pictures[path] = picture = base64.b64decode(data["image/png"])
        alt = output.metadata.get("image/png", {}).get("alt", "")
        return f'<div class="picture">{image(path, picture, alt)}</div>\n'
    if "text/markdown" in data:
        return f'<div class="shown">{markdown(data["text/markdown"])}</div>\n'
    return printed(data.get("text/plain", ""))


def image(path, picture, alt):
    """<img> with its size, so that nothing moves when it arrives."""
    width, height = struct.unpack(">II", picture[16:24])
    return (
        f'<img src="{html.escape(path)}" alt="{html.escape(alt)}" width="{width}" '
        f'height="{height}" loading="lazy">'
    )


def printed(text):
    return f'<pre class="printed">{ansi2html(text.rstrip())}</pre>\n' if text.strip() else ""


def title(source):
    """The first heading of Markdown, as plain text."""
    found = re.search(r"^# .+$", source, flags=re.MULTILINE)
    return plain(markdown(found[0])) if found else "untitled"
