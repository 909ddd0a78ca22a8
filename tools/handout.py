"""The course for a class, without solutions, and the class's answers, judged.

    python -m tools.handout OUT               write the course into the new folder OUT
    python -m tools.handout --collect FILES   judge the answers.json that students hand in

In OUT an exercise keeps a learner's answer in answers.json instead of judging it, and the patients
of the clinic are packed, so that their faults cannot be read. To judge means to
run what students wrote: each answer runs in a process of its own, for at most a minute, with the
rights of who collects.
"""

import argparse
import base64
import json
import shutil
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import exercises
from exercises.language import say

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (
    "exercises/", "notebooks/solutions/", "translations/", "TEACHING", "tests/", ".ci/", ".github/",
)  # fmt: skip
PATIENTS = Path("exercises") / "broken.py"  # of the clinic: a class needs it, and must not read it
SECONDS = 60


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.handout", description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, help="OUT, or the answers to collect")
    parser.add_argument("--collect", action="store_true", help="judge answers.json files")
    args = parser.parse_args(argv)
    if args.collect:
        return collect(args.paths)
    if len(args.paths) > 1 or args.paths[0].exists():
        print("handout: give one folder, which does not exist yet", file=sys.stderr)
        return 2
    write(args.paths[0])
    print(f"written to {args.paths[0]}; its students hand in the answers.json that they make there")
    return 0


def write(out):
    """The course without solutions, in a new folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(LEFT_OUT):
            continue
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    folder = out / "exercises"
    folder.mkdir(exist_ok=True)
    shutil.copy2(ROOT / "tools" / "pupil.py", folder / "__init__.py")
    (out / PATIENTS).write_text(sealed(ROOT / PATIENTS), "utf-8")
    texts = {
        name: {each.name: [say(hint) for hint in each.hints] for each in exercises.load(name)}
        for name in exercises.names()
    }
    (folder / "texts.json").write_text(json.dumps(texts, indent=1), "utf-8")


def sealed(path):
    """A module that does what the one at `path` does, and says nothing to who opens it."""
    packed = base64.b64encode(zlib.compress(path.read_bytes(), 9)).decode()
    lines = "\n".join(f'    "{line}"' for line in textwrap.wrap(packed, 88))
    return (
        '"""The patients of the clinic (notebook 12), packed: nobody reads a diagnosis here."""\n\n'
        f"import base64\nimport zlib\n\nPACKED = (\n{lines}\n)\n"
        "exec(zlib.decompress(base64.b64decode(PACKED)))\n"
    )


def collect(paths):
    """Print what each file of answers is worth: a line an answer, and a count."""
    for path in paths:
        try:
            answers = json.loads(path.read_text("utf-8"))
            answers = {str(name): str(text) for name, text in answers.items()}
        except (OSError, ValueError, AttributeError):
            print(f"{path}: cannot be read: ask for the file again")
            continue
        verdicts = {name: judge(name, text) for name, text in answers.items()}
        mark = say("right. {reason}").split("{")[0]
        right = sum(f": {mark}" in verdict for verdict in verdicts.values())
        print(f"{path}: {right} of {len(answers)} answers are right")
        for verdict in verdicts.values():
            print(f"  {verdict}")
    return 0


def judge(name, text):
    """What `check` says of an answer, in a process of its own."""
    notebook, _, key = name.partition(".")
    try:
        found = subprocess.run(
            [sys.executable, "-m", "tools.judge"],
            input=json.dumps([notebook, key, text]),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        return f"{key}: does not end within {SECONDS} seconds"
    lines = found.stdout.strip().splitlines()
    return lines[-1] if found.returncode == 0 and lines else f"{key}: cannot be run"


if __name__ == "__main__":
    raise SystemExit(main())
