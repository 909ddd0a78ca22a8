"""The course's commands, for every system: `python course.py help` lists them.

Standard library only. Makes .venv, installs what the course needs, and runs the rest inside it;
`make lesson` is the same as `python course.py lesson`. Nothing here goes through a shell.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036, what stands above must parse on older ones
    old = sys.version.split()[0]
    sys.stderr.write(f"Python {old} is too old: start course.py with Python 3.10 or newer.\n")
    sys.exit(2)

import argparse
import fnmatch
import hashlib
import importlib.util
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent
VENV = ".venv"


class Stop(Exception):
    """What keeps a command from going on, in a sentence for the user."""


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="course.py",
        usage="python course.py COMMAND [options]   or: make COMMAND",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"{name:<11}{command.__doc__}" for name, command in COMMANDS.items()),
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("command", nargs="?", default="help", choices=COMMANDS, metavar="COMMAND")
    add("--python", help="the Python (3.10 or newer) from which an environment is made")
    add("--workers", help="how many run side by side in lesson and test (default: 2)")
    add("--edition", help="lesson, lab: en (default) or zh, the Chinese one")
    add("--source", help="data: the folder with the four original files")
    add("--oldest", action="store_true", help="compat: the lowest version that each bound admits")
    add("--gpu-wheel", action="store_true", help="compat: paddlepaddle-gpu, with or without a GPU")
    # What follows is the command's own: names of notebooks, options of pytest or JupyterLab.
    options, rest = parser.parse_known_args(argv)
    options.rest, options.help = rest, parser.print_help
    if {"-h", "--help"} & set(rest):
        options.command = "help"
    # make hands its variables over in the environment, so that no shell reads them
    options.python = options.python or os.environ.get("PYTHON") or sys.executable
    options.source = options.source or os.environ.get("SOURCE")
    try:
        options.workers = number_of_workers(options.workers or os.environ.get("WORKERS", ""))
        if rest and options.command in ("format", "bench", "data", "clean", "distclean"):
            raise Stop(f"{options.command} takes no {' '.join(rest)}: see python course.py help")
        return COMMANDS[options.command](options)
    except Stop as stop:
        print(stop, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def number_of_workers(text):
    try:
        count = int(text.strip() or 2)
    except ValueError:
        count = 0
    if count < 1:
        raise Stop("workers: a whole number from 1 on, as in WORKERS=2")
    return count


# ---- commands --------------------------------------------------------------


def lesson(options):
    """run every notebook, write build/lesson/index.html; or only some: lesson 02 05"""
    language = edition(options)
    run = environment(ROOT, options.python)
    names = options.rest or os.environ.get("ONLY", "").split()
    settings = {**variables(ROOT), **threads(ROOT, options.workers)}
    command = [run, "-m", "tools.run", "--workers", str(options.workers)]
    command += ["--edition", language, *names]
    return become(command, settings)


def notebooks(options):
    """run notebooks and save their outputs into them (for authors): notebooks 02 05"""
    run = environment(ROOT, options.python)
    names = options.rest or os.environ.get("ONLY", "").split()
    # one at a time, with every core: so its numbers are those of one Paddle alone
    return become([run, "-m", "tools.run", "--write", *names], variables(ROOT))


def lab(options):
    """open JupyterLab on a copy of the notebooks; what follows goes to JupyterLab"""
    rest = options.rest + more_options()
    if getattr(os, "geteuid", lambda: 1)() == 0 and "--allow-root" not in rest:
        raise Stop(
            "JupyterLab does not start for root: start it as another user or, in a container of "
            "your own, with --allow-root (make lab OPTIONS=--allow-root)"
        )
    language = edition(options)
    run = environment(ROOT, options.python)
    copy = own_copy(ROOT)
    folder = copy / "notebooks" / ("zh" if language == "zh" else "")
    first = min(folder.glob("*.ipynb"), default=folder).relative_to(copy)
    command = [
        run, "-m", "jupyterlab", f"--ServerApp.root_dir={copy}",
        f"--LabApp.default_url=/lab/tree/{first.as_posix()}",
        *rest,
    ]  # fmt: skip
    settings = variables(ROOT, own=True)
    settings[COPY] = str(copy)
    # labconfig/ there: no question about news at the first start, no look for a newer version
    paths = [str(ROOT / "tools" / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    settings["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    settings.setdefault("PADDLE_VAE_DATA", str(ROOT / "data"))
    return become(command, settings)


def kernel(options):
    """register the course's kernel in your own Jupyter; what follows goes to ipykernel install"""
    run = environment(ROOT, options.python)
    rest = options.rest + more_options()
    if not any(each.split("=")[0] in ("--user", "--prefix", "--sys-prefix") for each in rest):
        rest.insert(0, "--user")
    command = [run, "-m", "ipykernel", "install", "--name", "paddle-vae"]
    command += ["--display-name", "Python (autoencoder course)", *rest]
    status = call(command, variables(ROOT, own=True))
    if not status:
        print("In your Jupyter: Kernel, Change Kernel, Python (autoencoder course).")
    return status


def test(options):
    """check the code and every printed output; what follows goes to pytest"""
    run = environment(ROOT, options.python)
    browser_tests(run, ROOT)
    settings = {**variables(ROOT), **threads(ROOT, options.workers)}
    for step in (["format", "--check", "."], ["check", "."]):
        status = call([run, "-m", "ruff", *step], settings)
        if status:
            return status
    return become([run, "-m", "pytest", "-n", str(options.workers), *options.rest], settings)


def format_(options):
    """put code and notebooks into the form that test wants"""
    run = environment(ROOT, options.python)
    status = call([run, "-m", "ruff", "check", "--fix", "."], variables(ROOT))
    return call([run, "-m", "ruff", "format", "."], variables(ROOT)) or status


ALL = ["--all", "--ship", "--processes", "2"]  # more images a second than one of two threads


def train(options):
    """train every recipe again, into data/weights/ (long)"""
    run = environment(ROOT, options.python)
    command = [run, "-m", "paddle_vae", "train", *(options.rest or ALL)]
    return become(command, variables(ROOT, own=True))


def stubs(options):
    """write the exercises' stubs into the notebooks (for authors): stubs 02"""
    run = environment(ROOT, options.python)
    return become([run, "-m", "tools.exercises", *options.rest], variables(ROOT))


def solutions(options):
    """write and run notebooks/solutions/ (for authors): solutions 02"""
    run = environment(ROOT, options.python)
    return become([run, "-m", "tools.exercises", "--solutions", *options.rest], variables(ROOT))


def translate(options):
    """bring translations/zh/ up to date and list what is to do (for translators): translate 02"""
    run = environment(ROOT, options.python)
    return become([run, "-m", "tools.translate", *options.rest], variables(ROOT))


def zh(options):
    """write the Chinese edition from translations/zh/ (for translators)"""
    run = environment(ROOT, options.python)
    return become([run, "-m", "tools.translate", "--build"], variables(ROOT))


def handout(options):
    """a class's copy without solutions: handout FOLDER; handout --collect FILES judges answers"""
    run = environment(ROOT, options.python)
    rest = options.rest or [os.environ.get("OUT")]
    if not rest[0]:
        raise Stop("handout: name a new folder: python course.py handout FOLDER")
    return become([run, "-m", "tools.handout", *rest], variables(ROOT))


def bench(options):
    """compare the training speed with the alternatives, in an environment of its own"""
    writable(ROOT)
    wanted = lines(ROOT / "requirements-cpu.txt") + lines(ROOT / "requirements-bench.txt")
    run = str(apart(ROOT, ROOT / "build" / "bench", options.python, wanted))
    settings = variables(ROOT, own=True)
    for name in ("train_throughput.py", "figures.py"):
        status = call([run, str(ROOT / "benchmarks" / name)], settings)
        if status:
            return status
    return 0


def data(options):
    """build data/mnist.h5 from the four original files: data --source DIR"""
    if not options.source:
        raise Stop(
            "data: say where the original files are: python course.py data --source DIR, "
            "or make data SOURCE=DIR"
        )
    source = os.path.abspath(os.path.expanduser(options.source))
    run = environment(ROOT, options.python)
    command = [run, "-m", "paddle_vae", "data", "build", "--source", source]
    return become(command, variables(ROOT, own=True))


def clean(options):
    """remove what the commands made"""
    remove_made(ROOT)
    return 0


def distclean(options):
    """remove .venv as well"""
    remove_made(ROOT)
    remove(ROOT / VENV)
    return 0


def compat(options):
    """tests and notebooks in an environment of its own, a row of a table at the end"""
    return try_versions(
        ROOT, options.python, options.oldest, options.gpu_wheel, options.workers, options.rest
    )


def help_(options):
    """this list"""
    options.help()
    return 0


COMMANDS = {
    command.__name__.rstrip("_"): command
    for command in (
        lesson, lab, kernel, test, notebooks, stubs, solutions, translate, zh, handout,
        format_, train, bench, data, compat, clean, distclean, help_,
    )
}  # fmt: skip


# ---- the reader's own copy -------------------------------------------------
#
# JupyterLab rewrites a notebook as soon as it is opened. In the clone that would
# stand in the way of `test` and of the next `git pull`; so a copy is worked in,
# with the package beside it, which the exercises change.

COPY = "PADDLE_VAE_COPY"  # in the environment: the folder from which kernels import the package
COPIED = ("notebooks", "paddle_vae", "exercises", "README.md")


def own_copy(root):
    """The folder runs/lesson, made where there is none -> its path. Nothing of it is overwritten.

    Where the course has changed since, it says so and asks; an older copy is kept under another
    name. Raises Stop where the folder is something else.
    """
    folder = root / "runs" / "lesson"
    marks = fingerprint(root)
    if folder.exists():
        if not (folder / "notebooks").is_dir():
            raise Stop(f"{folder} is no copy of the course: rename it")
        try:
            old = json.loads((folder / ".copied").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            old = None
        if old == marks or not asked_anew():
            return folder
        names = (folder.with_name(f"lesson-{number}") for number in itertools.count(1))
        kept = next(name for name in names if not name.exists())
        folder.rename(kept)
        print(f"Your older copy is now {kept.relative_to(root)}.")

    making = folder.with_name(".lesson.tmp")  # whole or not at all
    remove(making)
    making.mkdir(parents=True)
    for name in filter(lambda name: (root / name).exists(), COPIED):
        if (root / name).is_dir():
            shutil.copytree(root / name, making / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(root / name, making)
    (making / ".copied").write_text(json.dumps(marks), encoding="utf-8")
    making.rename(folder)
    print("The notebooks are copied to runs/lesson/; what you change there is yours.", flush=True)
    return folder


LEFT_OUT = ("__pycache__", ".ipynb_checkpoints", ".*.tmp")


def fingerprint(root):
    """{file: digest} of what own_copy copies."""
    files = [path for name in COPIED for path in [root / name, *(root / name).rglob("*")]]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.is_file()
        and not any(fnmatch.fnmatch(part, each) for part in path.parts for each in LEFT_OUT)
    }


def asked_anew():
    """Whether the reader wants a new copy; where nobody can answer, no."""
    print("The course has changed since runs/lesson/ was copied from it.")
    if not sys.stdin.isatty():
        print("To get the new one, rename that folder and start again.", flush=True)
        return False
    try:
        answer = input("Go on with yours (Enter), or keep it beside a new copy (n)? ")
    except EOFError:
        return False
    return answer.strip().lower() in ("n", "new")


def edition(options):
    """The language of the lesson, "en" or "zh", by --edition or $EDITION; or Stop."""
    language = options.edition or os.environ.get("EDITION") or "en"
    if language not in ("en", "zh"):
        raise Stop(f"EDITION is {language!r}: there are en and zh")
    return language


def more_options():
    """The options that make hands over: make lab OPTIONS="--port 9000"."""
    try:
        return shlex.split(os.environ.get("OPTIONS", ""), posix=os.name != "nt")
    except ValueError as error:
        raise Stop(f"OPTIONS: {error}, in {os.environ['OPTIONS']!r}") from None


# ---- running ---------------------------------------------------------------


def become(command, settings):
    """Run the last program of a command: in place of this one, so that signals reach it."""
    if os.name == "nt":  # where exec returns to the prompt before the program has ended
        return call(command, settings)
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(command[0], command, settings)


def call(command, settings):
    """Run a program in the clone and return its exit status."""
    with subprocess.Popen(command, cwd=ROOT, env=settings) as process:
        while True:
            try:
                status = process.wait()
                return status if status >= 0 else 128 - status
            except KeyboardInterrupt:
                continue  # Ctrl-C reached the program, too: it is its to answer


def variables(root, own=False):
    """The environment for a program: caches in build/, and in `own` the user's own IPython."""
    settings = dict(os.environ)
    settings["RUFF_CACHE_DIR"] = str(root / "build" / "cache" / "ruff")
    if not own:  # kernels without the user's IPython start-up files and history
        settings["IPYTHONDIR"] = str(root / "build" / "cache" / "ipython")
    return settings


def threads(root, workers):
    """Threads for each of some programs side by side, unless the user chose a number."""
    count = str(max(1, cores(root) // workers))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: os.environ.get(name, count) for name in names}


def cores(root):
    """Processors that this process may use, as paddle_vae counts them, without importing Paddle."""
    path = root / "paddle_vae" / "runtime.py"
    try:
        spec = importlib.util.spec_from_file_location("runtime", path)
        runtime = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(runtime)
        return runtime.cores()
    except (ImportError, AttributeError, OSError):
        return os.cpu_count() or 1


# ---- the environment -------------------------------------------------------
#
# Paddle's CPU and GPU wheels both own the folder paddle/, and installing one
# over the other breaks both. So a Paddle that is already there is kept: where
# the given Python has one (AI Studio), .venv is made to see that Python's
# packages, and the requirements file is the one which that Paddle satisfies.
# Without a Paddle, .venv sees nothing but itself, and a working GPU decides.


LOOK = """
import json, sys
found = {"version": list(sys.version_info[:3])}
if sys.version_info >= (3, 10):
    import importlib.metadata, importlib.util, os, platform, sysconfig
    names = {(d.metadata["Name"] or "").lower() for d in importlib.metadata.distributions()}
    names = {name.replace("_", "-") for name in names}
    gpu, cpu = "paddlepaddle-gpu" in names, "paddlepaddle" in names
    found.update(
        paddle="gpu" if gpu else "cpu" if cpu else "",
        machine=platform.machine(),
        prefix=sys.prefix,
        base=sys._base_executable,
        own=sys.prefix != sys.base_prefix,
        packages=sysconfig.get_path("purelib"),
        path=[p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages")],
        lacks=[name for name in ("ensurepip", "venv") if importlib.util.find_spec(name) is None],
        pip=importlib.util.find_spec("pip") is not None,
    )
print(json.dumps(found))
"""


def look(python):
    """What a Python is and has, as LOOK tells, or None where it does not run."""
    try:
        done = subprocess.run([str(python), "-c", LOOK], capture_output=True, timeout=60)
        found = json.loads(done.stdout.splitlines()[-1])
        return found if isinstance(found, dict) and "version" in found else None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return None


def environment(root, python):
    """Make root's .venv, or bring it up to date -> the path of its Python.

    `python` is the one from which it is made; it is not used where .venv is whole.
    Raises Stop where something of the user's keeps it from that.
    """
    writable(root)
    run = interpreter(root / VENV)
    found = look(run)
    if not (found and found.get("pip") and of_folder(found, root / VENV)):
        if os.path.lexists(root / VENV):
            print(f"{VENV} does not work (moved, or its Python removed?): making it again")
        make(root / VENV, python)
        found = look(run)
    link(root, found)

    name = choose(found, gpu_here())
    wanted = "\n".join(lines(root / name)) + "\n"
    ready = root / VENV / ".ready"
    if not ready.is_file() or ready.read_text(encoding="utf-8", errors="replace") != wanted:
        install(run, root, root / name)
        remove(ready)
        ready.write_text(wanted, encoding="utf-8")
    return str(run)


def of_folder(found, folder):
    """Whether a Python's environment is that folder: one without its pyvenv.cfg is its base's."""
    return Path(found.get("prefix", "")).resolve() == folder.resolve()


def interpreter(folder):
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def writable(root):
    """Raise Stop where root is no place to work in."""
    if os.pathsep in str(root):
        raise Stop(
            f"{root}: Python makes no environment in a folder with {os.pathsep!r} in its name: "
            "rename it"
        )
    try:
        (root / "build" / "cache").mkdir(parents=True, exist_ok=True)
        for folder in (root, root / "build"):
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise Stop(
            f"{root} cannot be written to ({error.strerror}): "
            "copy the course into a folder of your own and start it there"
        ) from None


def usable(python):
    """The path of a Python that can make environments, and what look() tells of it; or Stop."""
    name = "name one: --python /path/to/python3, or make PYTHON=/path/to/python3"
    path = shutil.which(python)
    found = path and look(path)
    if not found:
        raise Stop(f"There is no working {python}: install Python 3.10 or newer, or {name}")
    if found["version"] < [3, 10]:
        raise Stop(f"{python} is older than Python 3.10: {name}")
    if found["lacks"]:
        raise Stop(
            f"{python} cannot make a virtual environment: install its venv package "
            f"(Debian, Ubuntu: apt install python3-venv), or {name}"
        )
    return path, found


def make(folder, python, alone=False):
    """Make a virtual environment from a Python; it sees that one's packages if Paddle is among
    them, unless it is to be alone."""
    path, found = usable(python)
    inside = of_folder(found, folder)
    if inside:
        path = found["base"]  # the given one goes when the folder is made again
    remove(folder)
    print(f"Creating {folder.name} with Python {version(found)}", flush=True)
    command = [path, "-m", "venv", str(folder)]
    seen = found["paddle"] and not alone and not inside
    if seen:
        print(f"It sees the packages of {path}, whose Paddle stays in use.", flush=True)
        if not found["own"]:
            command.insert(-1, "--system-site-packages")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise Stop(f"{folder} could not be made: what Python said stands above")
    if seen and found["own"]:
        # --system-site-packages would show the Python beneath that virtual environment. The name
        # comes before paddle_vae.pth: that one may be the .venv of another clone.
        calls = "; ".join(f"site.addsitedir({ascii(each)})" for each in found["path"])
        packages = Path(look(interpreter(folder))["packages"])
        (packages / "above.pth").write_text(f"import site; {calls}\n", encoding="ascii")


def version(found):
    return ".".join(map(str, found["version"]))


def link(root, found):
    """Put root first on an environment's path, whatever folder it had been made for; before it
    stands only the reader's own copy, where `lab` names one.

    An editable installation does the same, but needs build tools and a network. ascii() keeps
    the line whole whatever characters stand in the folder's name, and in every locale.
    """
    path = Path(found["packages"], "paddle_vae.pth")
    line = (
        f"import os, sys; sys.path.insert(0, {ascii(str(root))}); "
        f"{COPY!r} in os.environ and sys.path.insert(0, os.environ[{COPY!r}])\n"
    )
    if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != line:
        path.write_text(line, encoding="ascii")


def gpu_here():
    """Whether nvidia-smi finds a GPU."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.startswith(b"GPU")


def choose(found, gpu):
    """The requirements file for an environment: the one that its Paddle satisfies; without a
    Paddle, the GPU's where there is a GPU and the package index has a wheel."""
    wheel = found["version"] < [3, 13] and found["machine"] in ("x86_64", "AMD64")
    kind = found["paddle"] or ("gpu" if gpu and wheel else "cpu")
    return "requirements.txt" if kind == "gpu" else "requirements-cpu.txt"


def lines(path):
    """The requirements in a file and in those that it names by -r, without comments."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split(" #")[0].strip()
        if line.startswith("-r "):
            found += lines(path.parent / line[3:].strip())
        elif line and not line.startswith("#"):
            found.append(line)
    return found


def browser_tests(run, root):
    """Install what the tests in a browser need, where there is a Chromium with its driver."""
    ask = [run, "-c", "import notebook, selenium"]
    if not shutil.which("chromedriver"):
        return  # pytest says which tests are skipped, and why
    if subprocess.run(ask, capture_output=True).returncode:
        try:
            install(run, root, root / "requirements-browser.txt")
        except Stop as stop:
            print(f"{stop} (the tests in a browser are skipped)", file=sys.stderr)


NOISE = re.compile(
    r"\s*(Ignoring|Downloading|Using cached|Requirement already satisfied|Looking in|Preparing"
    r"|Installing|Getting|Found existing|Attempting|Not uninstalling|Can't uninstall|WARNING:|━)"
)


def install(run, root, path):
    """pip install -r, with the names of the packages as its progress; its errors where it fails."""
    print(f"Installing the packages of {path.name} (some hundred MB, minutes):", flush=True)
    command = [str(run), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(path)]
    said, unreachable = [], False
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    ) as pip:  # fmt: skip
        try:
            for line in pip.stdout:
                word, _, rest = line.partition(" ")
                if word in ("Collecting", "Processing"):
                    if word == "Processing":  # the path of a wheel
                        rest = re.split(r"[/\\]", rest)[-1]
                    name = re.match(r"[\w.]+(-(?!\d)[\w.]+)*", rest)
                    print(f" {name[0]}" if name else "", end="", flush=True)
                elif line.startswith("Installing collected"):
                    print("\nUnpacking ...", flush=True)
                elif "Retrying (Retry(" in line and not unreachable:
                    unreachable = True
                    print("\nThe package index does not answer; trying again ...", flush=True)
                elif not NOISE.match(line):
                    said.append(line)
        except KeyboardInterrupt:
            pip.terminate()
            raise
    if pip.returncode and unreachable:
        raise Stop(
            "The package index cannot be reached, and a first start needs it: connect to the "
            'network and start again, or see "Offline" in README.md'
        )
    if pip.returncode:
        print(file=sys.stderr)
        sys.stderr.writelines(said)
        raise Stop("The packages were not installed: what pip said stands above")


# ---- removing --------------------------------------------------------------


def remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def remove_made(root):
    """Remove what the commands made in root, .venv and the files of git aside."""
    folders = ("build", "*.egg-info", "__pycache__", ".ipynb_checkpoints", ".*_cache")
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in (VENV, ".git")]
        for name in list(below):
            if any(fnmatch.fnmatch(name, each) for each in folders):
                below.remove(name)
                remove(Path(folder, name))
        for name in fnmatch.filter(files, ".*.tmp"):  # of a process killed while it wrote
            remove(Path(folder, name))


# ---- other versions --------------------------------------------------------


def try_versions(root, python, oldest, gpu_wheel, workers, rest):
    """Run pytest in an environment in build/compat/ and print a row of a table -> exit status."""
    writable(root)
    _, found = usable(python)
    kind = ("oldest" if oldest else "newest") + ("-gpu" if gpu_wheel else "")
    folder = root / "build" / "compat" / f"python{version(found)}-{kind}"
    wanted = lines(root / ("requirements.txt" if gpu_wheel else "requirements-cpu.txt"))
    run = apart(root, folder, python, map(lowest, wanted) if oldest else wanted)

    results = folder / "results.xml"
    remove(results)
    settings = {**variables(root), **threads(root, workers)}
    command = [str(run), "-m", "pytest", "-n", str(workers), f"--junitxml={results}", *rest]
    status = call(command, settings)
    tests, cells = tally(results)
    paddle = "paddlepaddle-gpu" if gpu_wheel else "paddlepaddle"
    ask = f"import importlib.metadata as m; print(m.version({paddle!r}), m.version('numpy'))"
    has = subprocess.run([str(run), "-c", ask], capture_output=True, text=True).stdout.split()
    flags = ["--oldest"] * oldest + ["--gpu-wheel"] * gpu_wheel + rest
    named = "python{}.{}".format(*found["version"])
    shown = " ".join(["compat --python", named, *flags])
    print(
        f"| {version(found)} | {paddle} {has[0]} | numpy {has[1]} | {kind.split('-')[0]} "
        f"| {tests} | {cells} | `{shown}` |"
    )
    return status


def apart(root, folder, python, wanted):
    """An environment beside .venv, in a folder, with the packages of the lines -> its Python."""
    folder.mkdir(parents=True, exist_ok=True)
    file, text = folder / "requirements.txt", "\n".join(wanted) + "\n"
    file.write_text(text, encoding="utf-8")
    run, ready = interpreter(folder / VENV), folder / VENV / ".ready"
    if not (ready.is_file() and ready.read_text(encoding="utf-8") == text and look(run)):
        make(folder / VENV, python, alone=True)
        install(run, root, file)
        ready.write_text(text, encoding="utf-8")
    link(root, look(run))
    return run


def lowest(line):
    """A requirement with its lower bound as the only version: h5py>=3.8,<4 -> h5py==3.8."""
    exact = re.match(r"([\w.-]+)==", line)
    bound = re.match(r"([\w.-]+)>=([\w.]+)[^;]*(;.*)?$", line)
    if not exact and not bound:
        raise Stop(f"The requirement {line!r} has no lower bound: give it one, as in h5py>=3.8,<4")
    return line if exact else f"{bound[1]}=={bound[2]}{bound[3] or ''}"


def tally(results):
    """What pytest's XML file holds -> how the tests went, how the notebooks' cells went."""
    counts = {False: {}, True: {}}
    cases = ElementTree.parse(results).iter("testcase") if results.is_file() else ()
    for case in cases:
        outcome = next((child.tag for child in case if child.tag != "system-out"), "passed")
        outcome = {"failure": "failed", "error": "failed"}.get(outcome, outcome)
        cell = case.get("name", "").startswith("Cell ")
        counts[cell][outcome] = counts[cell].get(outcome, 0) + 1
    return [
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.items())) or "not run"
        for found in counts.values()
    ]


if __name__ == "__main__":
    sys.exit(main())
