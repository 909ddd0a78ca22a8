"""Run the notebooks of the lesson, each in a fresh kernel, two at a time.

    python notebooks/run_lesson.py             run all, write build/lesson/*.html
    python notebooks/run_lesson.py 02 05       only these
    python notebooks/run_lesson.py --write 02  run, and save the outputs into the .ipynb

Without --write the .ipynb files are only read. The pages need no network: figures and
styles are inside them, and formulas are MathML, which browsers display by themselves.
"""

import argparse
import base64
import html
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from latex2mathml.converter import convert as mathml
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from tqdm import tqdm

NOTEBOOKS = Path(__file__).resolve().parent
PAGES = NOTEBOOKS.parent / "build" / "lesson"
FAILED = '<code class="tex">'  # before a formula that stays TeX
WIDGET = "application/vnd.jupyter.widget-view+json"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="run_lesson.py", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="how the names begin, 02 for one; default: all")
    parser.add_argument("--write", action="store_true", help="save the outputs into the .ipynb")
    args = parser.parse_args(argv)

    paths = [
        path
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
        if not args.names or path.name.startswith(tuple(args.names))
    ]
    if not paths:
        print(f"no notebook to run: {' '.join(args.names) or 'notebooks/ has none'}")
        return 2

    # Two at a time, in order, each with half of the cores: most of a notebook keeps one core busy.
    # Outputs that are saved come from one at a time, with all of them.
    workers = 1 if args.write else 2
    if workers > 1:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(variable, str(max(1, (os.cpu_count() or 1) // workers)))
    pool, done, began = ThreadPoolExecutor(workers), [], time.perf_counter()
    for path, (notebook, seconds) in zip(paths, pool.map(timed_run, paths), strict=True):
        if notebook is None:
            pool.shutdown(cancel_futures=True)
            return 1
        normalise(notebook)
        if args.write:
            target = path
            path.write_text(text_of(notebook), encoding="utf-8")
            for name, picture in pictures(notebook).items():
                (NOTEBOOKS.parent / "docs" / name).write_bytes(picture)
        else:
            target = PAGES / f"{path.stem}.html"
            write_page(target, notebook)
        done.append((path.stem, notebook, seconds))
        target = target.relative_to(NOTEBOOKS.parent)
        print(f"{path.stem:<28}{seconds:6.1f} s   {target}", flush=True)

    print(f"{'together':<28}{time.perf_counter() - began:6.1f} s")
    if not args.write and not args.names:
        write_index(PAGES / "index.html", done)
        print(f"open {(PAGES / 'index.html').relative_to(NOTEBOOKS.parent)} in a browser")
    return 0


# ---- running ---------------------------------------------------------------


class ThisPython(AsyncKernelManager):
    """Every kernel is the interpreter that runs this file.

    By name alone, "python3" could be a kernel that another environment has
    registered for the user, and it would run the lesson with other packages.
    """

    @property
    def kernel_spec(self):
        # ipykernel's warnings are for its developers and would stand between the lines here.
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=ERROR"]))


def timed_run(path):
    """Execute a notebook -> it, or None where it failed, and the seconds that took."""
    notebook, started = nbformat.read(path, as_version=4), time.perf_counter()
    succeeded = run(notebook, path.stem)
    return notebook if succeeded else None, time.perf_counter() - started


def run(notebook, name):
    """Execute `notebook` in place and show progress; on an error, describe it and return False."""
    # A backend in the environment would keep the figures out of the notebook.
    os.environ.pop("MPLBACKEND", None)
    total = len(notebook.cells)
    bar = tqdm(total=total, desc=name, unit="cell", leave=False, disable=not sys.stderr.isatty())
    at = {"index": 0, "shown": time.perf_counter()}
    if bar.disable:
        print(f"{name}: {total} cells\n", end="", flush=True)  # whole lines: two run at a time

    def on_cell_start(cell, cell_index):
        at["index"] = cell_index
        bar.update(cell_index - bar.n)
        if bar.disable and time.perf_counter() - at["shown"] > 10:  # a log needs no line per cell
            at["shown"] = time.perf_counter()
            print(f"{name}: at cell {cell_index + 1} of {total}\n", end="", flush=True)

    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisPython,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        timeout=None,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=on_cell_start,
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        bar.close()
        source = notebook.cells[at["index"]].source
        print(f"\n{name}: cell {at['index'] + 1} of {total} failed:\n", file=sys.stderr)
        print("\n".join(f"    {line}" for line in source.splitlines()), file=sys.stderr)
        print(f"\n{reason(error)}", file=sys.stderr)
        return False
    finally:
        bar.close()
    return True


def reason(error):
    """What went wrong in a cell, without the source that nbclient repeats in its message."""
    if getattr(error, "ename", None):
        return error.traceback.split("\n------------------\n")[-1].strip()
    return str(error)


# ---- the form in which notebooks are committed -----------------------------


def normalise(notebook):
    """Leave in `notebook` only what is the same in every run, in place.

    Not kept: stderr (progress bars, warnings that name this machine's paths), widgets
    (they live in a kernel), and metadata about who ran what and when.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if repeats(output)]
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = nbformat.from_dict({})
    return notebook


def repeats(output):
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


def text_of(notebook):
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def pictures(notebook):
    """The README's pictures, from cells with a tag such as readme:plane.png -> {name: PNG}."""
    return {
        tag.removeprefix("readme:"): base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for tag in cell.metadata.get("tags", [])
        if tag.startswith("readme:")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    }


# ---- pages -----------------------------------------------------------------


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
    exporter = HTMLExporter(
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


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
