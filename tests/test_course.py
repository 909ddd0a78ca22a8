"""course.py and the Makefile: environments, folders with any name, and what is refused."""

import ast
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import course

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(course.__file__).parent
HOSTILE = "a b'c[1];touch PWNED;#中文"

posix = pytest.mark.skipif(os.name == "nt", reason="signals, scripts and names of POSIX systems")

# Stands in for pip: notes what it is asked, says and returns what the test wants.
PIP = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "asked", "a", encoding="utf-8") as file:
    print(json.dumps(sys.argv[1:]), file=file)
said = here / "says"
if said.exists():
    print(said.read_text())
    sys.exit(1 if "ERROR" in said.read_text() else 0)
"""


def environment(root, parent=None):
    """A clone's .venv in `root`, whose pip is a stand-in -> the folder of that pip."""
    folder = root / course.VENV
    if parent:
        subprocess.run([parent, "-m", "venv", "--without-pip", folder], check=True)
    else:
        venv.create(folder, symlinks=os.name != "nt")
    packages = Path(course.look(course.interpreter(folder))["packages"])
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    (packages / "pip" / "__main__.py").write_text(PIP, encoding="utf-8")
    return packages / "pip"


def asked(pip):
    path = pip / "asked"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def clone(tmp_path):
    """As much of the course as course.py looks at, in a folder with a name to fear."""
    root = tmp_path / HOSTILE
    (root / "paddle_vae").mkdir(parents=True)
    (root / "paddle_vae" / "__init__.py").touch()
    (root / "tools").mkdir()
    (root / "tools" / "__init__.py").touch()
    (root / "tools" / "run.py").write_text("import sys; print('ran', sys.argv[1:])")
    for name in ("requirements.txt", "requirements-cpu.txt"):
        (root / name).write_text("h5py>=3.8,<4\n")
    for name in ("course.py", "Makefile"):
        shutil.copy(ROOT / name, root)
    return root


def stopped(call, *words):
    """The call raises Stop with one sentence that holds these words."""
    with pytest.raises(course.Stop) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and ":" in message
    for word in words:
        assert str(word) in message, message


# ---- which Python, which packages ------------------------------------------


def test_an_old_python_gets_a_sentence(monkeypatch, capsys):
    source = Path(course.__file__).read_text(encoding="utf-8")
    first = [line for line in source.splitlines() if line.startswith(("import", "from", "if"))][:2]
    assert first[0] == "import sys" and "version_info" in first[1]  # before what it may lack
    ast.parse(source, feature_version=(3, 6))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(course.__file__)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def script(path, prints):
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    path.chmod(0o755)
    return str(path)


@posix
def test_a_python_that_will_not_do_is_refused(tmp_path):
    stopped(lambda: course.usable(str(tmp_path / "none")), "no working", "none", "--python")
    stopped(lambda: course.usable(script(tmp_path / "a", "not a Python")), "no working")
    old = script(tmp_path / "b", '{"version": [3, 8, 1]}')
    stopped(lambda: course.usable(old), "older than Python 3.10", "b")
    bare = script(tmp_path / "c", '{"version": [3, 12, 1], "lacks": ["ensurepip"]}')
    stopped(lambda: course.usable(bare), "python3-venv")


@pytest.mark.parametrize(
    "paddle, gpu, python, machine, name",
    [
        ("", False, [3, 11, 7], "x86_64", "requirements-cpu.txt"),
        ("", True, [3, 11, 7], "x86_64", "requirements.txt"),
        ("", True, [3, 12, 0], "AMD64", "requirements.txt"),
        ("", True, [3, 13, 0], "x86_64", "requirements-cpu.txt"),  # no GPU wheel on the index
        ("", True, [3, 10, 2], "aarch64", "requirements-cpu.txt"),
        ("cpu", True, [3, 10, 2], "x86_64", "requirements-cpu.txt"),  # what is there is kept
        ("gpu", False, [3, 13, 0], "aarch64", "requirements.txt"),
    ],
)
def test_which_requirements(paddle, gpu, python, machine, name):
    assert course.choose({"paddle": paddle, "version": python, "machine": machine}, gpu) == name


@posix
@pytest.mark.parametrize("prints, found", [("GPU 0: NVIDIA", True), ("No devices found", False)])
def test_a_gpu_is_what_nvidia_smi_lists(tmp_path, monkeypatch, prints, found):
    script(tmp_path / "nvidia-smi", prints)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert course.gpu_here() is found


def test_requirements_are_read_through(tmp_path):
    (tmp_path / "a.txt").write_text("# why\none>=1\n\n-r b.txt\n")
    (tmp_path / "b.txt").write_text('two>=2.1,<3; python_version < "3.12"  # so\n')
    found = ["one>=1", 'two>=2.1,<3; python_version < "3.12"']
    assert course.lines(tmp_path / "a.txt") == found
    assert [course.lowest(x) for x in found] == ["one==1", 'two==2.1; python_version < "3.12"']
    assert course.lowest("ruff==0.17.5") == "ruff==0.17.5"
    stopped(lambda: course.lowest("three<4"), "three<4", "lower bound")


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-cpu.txt"])
def test_every_requirement_has_a_lower_bound(name):
    for line in course.lines(ROOT / name):
        course.lowest(line)


# ---- .venv -----------------------------------------------------------------


def imports(run):
    code = "import paddle_vae; print(ascii(paddle_vae.__file__))"
    done = subprocess.run([run, "-c", code], cwd=os.path.sep, capture_output=True, text=True)
    return Path(ast.literal_eval(done.stdout)).parents[1]


def test_installs_once_and_again_when_the_list_changes(clone):
    pip = environment(clone)
    run = course.environment(clone, sys.executable)
    assert Path(run) == course.interpreter(clone / course.VENV)
    assert asked(pip)[0][-2:] == ["-r", str(clone / "requirements-cpu.txt")]
    course.environment(clone, sys.executable)
    assert len(asked(pip)) == 1
    (clone / "requirements-cpu.txt").write_text("h5py>=3.9,<4\n")
    course.environment(clone, sys.executable)
    assert len(asked(pip)) == 2


def test_a_moved_or_copied_clone_imports_its_own_package(clone, tmp_path):
    environment(clone)
    assert imports(course.environment(clone, sys.executable)) == clone
    copied = tmp_path / "My Drive" / "课程 x"
    shutil.copytree(clone, copied, symlinks=True)
    assert imports(course.environment(copied, sys.executable)) == copied
    moved = tmp_path / "line\nbreak " if os.name != "nt" else tmp_path / "moved"
    clone.rename(moved)
    assert imports(course.environment(moved, sys.executable)) == moved


@posix
def test_a_broken_venv_is_made_again_and_that_is_said(clone, monkeypatch, capsys):
    environment(clone)
    for name in ("python", "python3"):
        (clone / course.VENV / "bin" / name).unlink(missing_ok=True)
    (clone / course.VENV / "bin" / "python").symlink_to("/gone/python3")
    monkeypatch.setattr(course, "install", lambda *_: None)
    assert imports(course.environment(clone, sys.executable)) == clone
    assert "making it again" in capsys.readouterr().out


@posix
def test_a_venv_without_its_settings_is_not_taken_for_its_base(clone, monkeypatch, capsys):
    """Its Python is then the base's, and what is installed would go there."""
    environment(clone)
    (clone / course.VENV / "pyvenv.cfg").unlink()
    monkeypatch.setattr(course, "install", lambda *_: None)
    assert imports(course.environment(clone, sys.executable)) == clone
    assert "making it again" in capsys.readouterr().out


@posix
def test_a_python_that_says_something_else(tmp_path):
    stub = tmp_path / "python"
    stub.write_text("#!/bin/sh\necho 5\n")
    stub.chmod(0o755)
    assert course.look(stub) is None


def paddle_in(packages):
    metadata = Path(packages, "paddlepaddle_gpu-2.6.2.dist-info")
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: paddlepaddle-gpu\nVersion: 2.6.2\n")


def test_the_paddle_of_a_virtual_environment_is_seen(clone, tmp_path, capsys):
    """PYTHON=/a/venv/bin/python: --system-site-packages would show the Python beneath it."""
    other = tmp_path / "other's"  # another clone, with a .venv of the course's
    (other / "paddle_vae").mkdir(parents=True)
    (other / "paddle_vae" / "__init__.py").touch()
    platform = environment(other).parent
    python = course.interpreter(other / course.VENV)
    paddle_in(platform)
    course.link(other, course.look(python))
    made = clone / course.VENV
    course.make(made, str(python))
    found = course.look(course.interpreter(made))
    course.link(clone, found)
    assert imports(course.interpreter(made)) == clone
    assert found["paddle"] == "gpu" and found["pip"]
    assert str(platform) in found["path"] and found["packages"] != str(platform)
    assert "stays in use" in capsys.readouterr().out
    assert course.choose(found, gpu=False) == "requirements.txt"


# ---- pip -------------------------------------------------------------------


def test_progress_is_the_names_without_warnings(clone, capfd):
    pip = environment(clone)
    (pip / "says").write_text(
        "WARNING: Location '/x' is ignored\nCollecting h5py<4,>=3.8 (from -r /a/b.txt)\n"
        "  Downloading h5py-3.8.whl\n"
        "Processing /a b/wheels/scikit_learn-1.7.2-cp310-cp310-linux_x86_64.whl\n"
        "Collecting pytest-xdist>=3\nInstalling collected packages: numpy, h5py\n"
    )
    course.environment(clone, sys.executable)
    out, err = capfd.readouterr()
    assert " h5py scikit_learn pytest-xdist\nUnpacking" in out
    assert "WARNING" not in out + err and "Downloading" not in out + err


def test_a_failure_is_shown_in_full(clone, capfd):
    pip = environment(clone)
    (pip / "says").write_text("Collecting h5py\nERROR: No matching\n  because\n    of this\n")
    stopped(lambda: course.environment(clone, sys.executable), "not installed")
    assert "ERROR: No matching\n  because\n    of this\n" in capfd.readouterr().err
    (pip / "says").unlink()  # and the next start tries again
    course.environment(clone, sys.executable)
    assert len(asked(pip)) == 2


@posix
def test_what_the_browser_tests_need_comes_with_a_browser_only(clone, monkeypatch, capfd):
    pip = environment(clone)
    run = str(course.interpreter(clone / course.VENV))
    monkeypatch.setenv("PATH", str(clone))
    course.browser_tests(run, clone)
    assert not asked(pip)
    script(clone / "chromedriver", "")
    course.browser_tests(run, clone)
    assert asked(pip)[0][-1] == str(clone / "requirements-browser.txt")
    (pip / "says").write_text("ERROR: No matching distribution\n")
    course.browser_tests(run, clone)  # the other tests run all the same
    assert "are skipped" in capfd.readouterr().err


def test_no_network_is_told_in_a_sentence(clone, capfd):
    pip = environment(clone)
    (pip / "says").write_text(
        "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConn...'\n"
        "ERROR: Could not find a version that satisfies the requirement h5py (from none)\n"
    )
    stopped(lambda: course.environment(clone, sys.executable), "cannot be reached", "Offline")
    out, err = capfd.readouterr()
    assert out.count("does not answer") == 1 and "ERROR" not in err


# ---- folders ---------------------------------------------------------------


def test_a_folder_to_write_in(clone, tmp_path):
    course.writable(clone)
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "build").touch()  # as root, no folder's mode keeps anybody out
    stopped(lambda: course.writable(tmp_path / "locked"), "cannot be written", "copy the course")


@posix
def test_a_separator_in_the_name_is_told(tmp_path):
    stopped(lambda: course.writable(tmp_path / "a:b"), "a:b", "rename")


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_runs_nothing_out_of_a_name(clone):
    environment(clone)

    def make(*arguments):
        settings = {**os.environ, "PYTHON": sys.executable, "LC_ALL": "C"}
        return subprocess.run(
            ["make", "-C", str(clone), *arguments], env=settings, capture_output=True, text=True,
            encoding="utf-8", errors="replace",
        )  # fmt: skip

    done = make("lesson", "ONLY=02 05")
    ran = "ran ['--workers', '2', '--edition', '{}', '02', '05']"
    assert ran.format("en") in done.stdout, done.stdout + done.stderr
    assert ran.format("zh") in make("lesson", "ONLY=02 05", "EDITION=zh").stdout
    assert "there are en and zh" in make("lesson", "EDITION=fr").stderr
    for argument in ("ONLY=';touch PWNED;'", 'ONLY=`touch PWNED`"', "WORKERS=1;touch PWNED"):
        make("notebooks", argument)
    assert make("lesson", "WORKERS=1;touch PWNED").returncode
    assert make("lesson", "PYTHON=x;touch PWNED").returncode
    assert make("data", "SOURCE=x';touch PWNED;#").returncode
    assert not [path for path in clone.parent.rglob("*") if path.name == "PWNED"]
    assert [path.name for path in clone.parent.iterdir()] == [HOSTILE]


def test_clean_leaves_the_environment_and_the_history(clone, monkeypatch):
    environment(clone)
    kept = {path for path in clone.rglob("*") if path.is_file()}
    for name in ("build/lesson/a.html", "paddle_vae/__pycache__/a.pyc", "x.egg-info/PKG-INFO",
                 "notebooks/.ipynb_checkpoints/a.ipynb", ".pytest_cache/a",
                 "data/.mnist.h5.123.tmp"):  # fmt: skip
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    monkeypatch.setattr(course, "ROOT", clone)
    assert course.main(["clean"]) == 0
    assert {path for path in clone.rglob("*") if path.is_file()} == kept
    assert course.main(["distclean"]) == 0
    assert not (clone / course.VENV).exists()


# ---- commands --------------------------------------------------------------


def test_one_decision_on_threads(tmp_path, monkeypatch):
    (tmp_path / "paddle_vae").mkdir()
    (tmp_path / "paddle_vae" / "runtime.py").write_text("def cores():\n    return 7\n")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")  # the user's
    assert course.threads(tmp_path, 2) == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "5"}
    assert course.threads(tmp_path, 9)["OMP_NUM_THREADS"] == "1"
    assert course.cores(ROOT) >= 1


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["data"], "--source DIR"),
        (["lesson", "--workers", "0"], "workers"),
        (["clean", "all"], "takes no all"),
    ],
)
def test_a_command_that_lacks_something(arguments, says, monkeypatch, capsys):
    monkeypatch.delenv("SOURCE", raising=False)
    monkeypatch.setattr(course, "environment", pytest.fail)
    assert course.main(arguments) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1


def test_help_lists_every_command(capsys, monkeypatch):
    monkeypatch.setattr(course, "environment", pytest.fail)
    for arguments in ([], ["help"], ["lesson", "--help"]):
        assert course.main(arguments) == 0
        out = capsys.readouterr().out
        assert all(f"\n{name} " in out for name in course.COMMANDS)


def test_a_row_counts_tests_and_cells(tmp_path):
    (tmp_path / "r.xml").write_text(
        '<testsuites><testsuite><testcase name="test_a"/><testcase name="test_b"><failure/>'
        '</testcase><testcase name="Cell 0"/><testcase name="test_c"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    assert course.tally(tmp_path / "r.xml") == ["1 failed, 1 passed, 1 skipped", "1 passed"]
    assert course.tally(tmp_path / "none.xml") == ["not run", "not run"]


@pytest.fixture
def lesson(clone):
    """A clone with a notebook and what must not be copied."""
    for name in ("notebooks/01_a.ipynb", "notebooks/02_b.ipynb", "paddle_vae/models.py",
                 "paddle_vae/__pycache__/x.pyc"):  # fmt: skip
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text(name)
    return clone


def test_lab_works_in_a_copy(lesson, capsys):
    copy = course.own_copy(lesson)
    assert copy == lesson / "runs" / "lesson" and "runs/lesson/" in capsys.readouterr().out
    assert (copy / "notebooks" / "02_b.ipynb").read_text() == "notebooks/02_b.ipynb"
    assert (copy / "paddle_vae" / "models.py").exists()
    assert not (copy / "paddle_vae" / "__pycache__").exists()
    (copy / "notebooks" / "02_b.ipynb").write_text("the reader's")
    (copy / "paddle_vae" / "__init__.py").write_text("the reader's")
    assert course.own_copy(lesson) == copy and not capsys.readouterr().out  # as it was left
    assert (copy / "notebooks" / "02_b.ipynb").read_text() == "the reader's"


@pytest.mark.parametrize("answer, anew", [("", False), ("n", True), (EOFError, False)])
def test_a_newer_course_asks_and_overwrites_nothing(lesson, monkeypatch, capsys, answer, anew):
    def told(question):
        if answer is EOFError:
            raise EOFError
        return answer

    copy = course.own_copy(lesson)
    (copy / "notebooks" / "01_a.ipynb").write_text("the reader's")
    (lesson / "notebooks" / "01_a.ipynb").write_text("newer")
    monkeypatch.setattr("builtins.input", told)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert course.own_copy(lesson) == copy
    assert "changed" in capsys.readouterr().out
    kept = lesson / "runs" / ("lesson-1" if anew else "lesson")
    assert (kept / "notebooks" / "01_a.ipynb").read_text() == "the reader's"
    if anew:
        assert (copy / "notebooks" / "01_a.ipynb").read_text() == "newer"


def test_where_nobody_can_answer_the_copy_stays(lesson, monkeypatch, capsys):
    copy = course.own_copy(lesson)
    (lesson / "notebooks" / "03_c.ipynb").write_text("new")
    monkeypatch.setattr("builtins.input", pytest.fail)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert course.own_copy(lesson) == copy
    assert "rename" in capsys.readouterr().out
    assert not (copy / "notebooks" / "03_c.ipynb").exists()


def test_a_folder_of_that_name_that_is_no_copy_is_refused(lesson):
    (lesson / "runs" / "lesson").mkdir(parents=True)
    stopped(lambda: course.own_copy(lesson), "no copy", "rename")


def test_kernels_of_lab_import_the_copy(lesson, monkeypatch):
    environment(lesson)
    run = course.environment(lesson, sys.executable)
    copy = course.own_copy(lesson)
    assert imports(run) == lesson
    monkeypatch.setenv(course.COPY, str(copy))
    assert imports(run) == copy


def started(command, monkeypatch, user=1000):
    """What a command of course.py would start -> the program's arguments, its environment."""
    seen = []
    monkeypatch.setattr(course, "environment", lambda *_: "python")
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    for name in ("become", "call"):
        monkeypatch.setattr(course, name, lambda *arguments: seen.extend(arguments) or 0)
    status = course.main(command)
    return status, *seen


def test_lab_opens_on_the_first_notebook_and_passes_options_on(lesson, monkeypatch):
    monkeypatch.setattr(course, "ROOT", lesson)
    for name in ("PADDLE_VAE_DATA", "JUPYTER_CONFIG_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPTIONS", "--no-browser --IdentityProvider.token='a b'")
    status, command, settings = started(["lab", "--port", "9000"], monkeypatch)
    assert status == 0
    assert command[-4:-1] == ["--port", "9000", "--no-browser"] and "a b" in command[-1]
    assert any(each.endswith("/lab/tree/notebooks/01_a.ipynb") for each in command)
    assert settings[course.COPY] == str(lesson / "runs" / "lesson")
    assert settings["PADDLE_VAE_DATA"] == str(lesson / "data")
    quiet = Path(settings["JUPYTER_CONFIG_PATH"]).relative_to(lesson) / "labconfig"
    quiet = ROOT / quiet / "default_setting_overrides.json"
    assert '"fetchNews": "false"' in quiet.read_text(encoding="utf-8")


def test_root_is_told_how_to_start_lab(lesson, monkeypatch, capsys):
    monkeypatch.setattr(course, "ROOT", lesson)
    monkeypatch.delenv("OPTIONS", raising=False)
    assert started(["lab"], monkeypatch, user=0) == (2,)
    assert "--allow-root" in capsys.readouterr().err
    assert "--allow-root" in started(["lab", "--allow-root"], monkeypatch, user=0)[1]


@pytest.mark.parametrize("given, user", [([], True), (["--prefix=/x"], False)])
def test_kernel_is_registered_for_this_user_or_where_asked(monkeypatch, given, user):
    monkeypatch.delenv("OPTIONS", raising=False)
    status, command, _ = started(["kernel", *given], monkeypatch)
    assert status == 0 and command[:4] == ["python", "-m", "ipykernel", "install"]
    assert ("--user" in command) is user and command[len(command) - len(given) :] == given


SLEEP = """import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
open(f"{os.getpid()}.pid", "w").write(str(child.pid))
time.sleep(600)"""


@posix
def test_ctrl_c_shuts_the_kernels_down_at_once(tmp_path):
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copy(ROOT / "README.md", tmp_path)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("01.ipynb", "02.ipynb"):
        nbformat.write(new_notebook(cells=[new_code_cell(SLEEP)]), folder / name)
    lesson = subprocess.Popen(
        [sys.executable, "-m", "tools.run", "--workers", "2"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        while len(list(folder.glob("*.pid"))) < 2 and lesson.poll() is None:
            time.sleep(0.1)
        os.killpg(lesson.pid, signal.SIGINT)
        time.sleep(0.02)
        if lesson.poll() is None:
            os.killpg(lesson.pid, signal.SIGINT)
        _, err = lesson.communicate(timeout=30)
    finally:
        lesson.kill()
    assert lesson.returncode == 130
    assert err.strip() == "Stopped; the kernels are shut down."
    pids = [int(x) for path in folder.glob("*.pid") for x in (path.stem, path.read_text())]
    assert len(pids) == 4 and not [x for x in pids if running(x)]


def running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
