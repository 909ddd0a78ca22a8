"""HTML pages of the notebooks, which need no network.

Figures and styles are inside them, and formulas are MathML, which browsers display by themselves.
"""

import html
import re
from pathlib import Path

import nbconvert
from latex2mathml.converter import convert as mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
# Beside nbconvert itself, which need not be installed in the environment that runs this.
TEMPLATES = [
    str(folder / "share" / "jupyter" / "nbconvert" / "templates")
    for folder in Path(nbconvert.__file__).resolve().parents[3:5]
]
FAILED = '<code class="tex">'  # before a formula that stays TeX


class MathMLRenderer(IPythonRenderer):
    """Formulas as MathML: the other way, MathJax, would be fetched from the network."""

    def inline_math(self, body):
        return formula(body, "inline")

    def block_math(self, body):
        return formula(body, "block")

    def latex_environment(self, name, body):
        return formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def formula(tex, display):
    tex = tex.strip().replace("{aligned}", "{align*}")  # the same, and the converter knows it
    try:
        return mathml(tex, display=display)
    except Exception:  # the converter has no error of its own; the reader gets the TeX
        return f"{FAILED}{html.escape(tex)}</code>"


def markdown(source, **options):
    # Anchor links are left out because nbconvert, adding them, flattens the formulas of headings.
    renderer = MathMLRenderer(escape=False, exclude_anchor_links=True, **options)
    return MarkdownWithMath(renderer=renderer).render(source)


def write_page(path, notebook):
    exporter = nbconvert.HTMLExporter(
        extra_template_basedirs=TEMPLATES,
        extra_template_paths=TEMPLATES,
        # The lab page without the scripts that it would load from the network. The style is
        # for lines aligned at "=": browsers align the columns of a formula by CSS only.
        raw_template="""{%- extends 'lab/index.html.j2' -%}
            {%- block extra_css -%}<style>
              mtd[columnalign="right"] { text-align: right; padding-right: 0; }
              mtd[columnalign="left"] { text-align: left; padding-left: 0; }
            </style>{%- endblock -%}
            {%- block html_head_js -%}{%- endblock -%}
            {%- block html_head_js_mathjax -%}{%- endblock -%}
            {%- block html_head_js_mermaidjs -%}{%- endblock -%}""",
        filters={
            "markdown2html": lambda source: markdown(source, embed_images=True, path=str(NOTEBOOKS))
        },
    )
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title(notebook)}})
    page = re.sub(r'(href="[\w./-]+)\.ipynb"', r'\1.html"', page)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def title(notebook):
    found = re.search(r"^# (.+)$", notebook.cells[0].source, flags=re.MULTILINE)
    return found[1].strip() if found else "untitled"


def first_paragraph(notebook):
    blocks = re.split(r"\n\s*\n", notebook.cells[0].source)
    return next((b for b in blocks if b.strip() and not b.lstrip().startswith("#")), "")


def write_index(path, done):
    rows = "\n".join(
        f'<li><a href="{name}.html">{html.escape(title(notebook))}</a> '
        f"<small>{seconds:.0f} s</small>{markdown(first_paragraph(notebook))}</li>"
        for name, notebook, seconds in done
    )
    path.write_text(
        f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The lesson</title>
<style>
body {{ font: 1.05rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; }}
li {{ margin: 1.2rem 0; }} li p {{ margin: 0.2rem 0; }}
small {{ color: #666; margin-left: 0.5em; }}
</style>
<h1>The lesson</h1>
<ul style="list-style: none; padding: 0">
{rows}
</ul>
</html>
""",
        encoding="utf-8",
    )
