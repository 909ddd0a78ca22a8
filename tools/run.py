"""Run the notebooks of the lesson, each in a fresh kernel, some side by side.

    python -m tools.run             run all, write the site build/lesson/
    python -m tools.run 02 05       only these; the other pages as they are committed
    python -m tools.run --write 02  run, and save the outputs into the .ipynb
    python -m tools.run --edition zh    the Chinese notebooks and pages

Without --write the .ipynb files are only read. `course.py` calls this, with its share of the
processor's threads set for each kernel.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, wait

import nbformat
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from tqdm import tqdm

from . import committed, site

ROOT, NOTEBOOKS = site.ROOT, site.NOTEBOOKS
DOCS = ROOT / "docs"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.run", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="how the names begin, 02 for one; default: all")
    parser.add_argument("--write", action="store_true", help="save the outputs into the .ipynb")
    parser.add_argument("--workers", type=int, default=1, help="how many run side by side")
    parser.add_argument("--edition", choices=site.LANGUAGES, default="en", help="of the lesson")
    args = parser.parse_args(argv)

    os.environ["PADDLE_VAE_LANG"] = args.edition  # of what the exercises print
    lesson = None if args.write else site.Site(site.PAGES, language=args.edition)
    paths = [
        path
        for path in sorted((lesson.notebooks if lesson else NOTEBOOKS).glob("*.ipynb"))
        if not args.names or path.name.startswith(tuple(args.names))
    ]
    if not paths:
        print(f"no notebook to run: {' '.join(args.names) or 'notebooks/ has none'}")
        return 2

    took, began = {}, time.perf_counter()
    pool = ThreadPoolExecutor(args.workers)
    for path, running in [(path, pool.submit(timed_run, path)) for path in paths]:
        # Windows hears Ctrl-C between two waits only
        while not wait([running], timeout=1).done:
            pass
        notebook, seconds = running.result()
        if notebook is None:
            leave(1)
        committed.normalise(notebook)
        if args.write:
            target = path
            path.write_text(committed.text(notebook), encoding="utf-8")
            for name, picture in committed.pictures(notebook).items():
                (DOCS / name).write_bytes(picture)
        else:
            target = lesson.folder / f"{path.stem}.html"
            lesson.add(path.stem, notebook)
        took[path.stem] = seconds
        print(f"{path.stem:<28}{seconds:6.1f} s   {target.relative_to(ROOT)}", flush=True)

    print(f"{'together':<28}{time.perf_counter() - began:6.1f} s")
    if lesson:
        for edition in site.editions():
            if edition.language == args.edition:
                lesson.finish(took)
            else:
                edition.finish()  # the twin of each page, as it is committed
        print(f"open {(lesson.folder / 'index.html').relative_to(ROOT)} in a browser")
    return 0


# ---- stopping --------------------------------------------------------------

leaving = threading.Event()


def stop(number, _):
    """Answer Ctrl-C: end the kernels at once, in one sentence."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C changes nothing
    print("\nStopped; the kernels are shut down.", file=sys.stderr, flush=True)
    leave(128 + number)


def leave(status):
    """End this process and its kernels now, whatever its threads are waiting for."""
    leaving.set()
    sys.stdout.flush()
    while kernels := psutil.Process().children(recursive=True):
        for kernel in kernels:
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel.kill()
        if psutil.wait_procs(kernels, timeout=5)[1]:
            break
    os._exit(status)


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
    succeeded = run(notebook, path.stem, path.parent)
    return notebook if succeeded else None, time.perf_counter() - started


def run(notebook, name, folder=NOTEBOOKS):
    """Execute `notebook` in place, as if it lay in `folder`, and show progress.

    On an error, describe it and return False.
    """
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
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=on_cell_start,
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        if leaving.is_set():  # its kernel did not die by itself
            return False
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


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    try:
        sys.exit(main())
    except Exception:
        traceback.print_exc()
        leave(1)
