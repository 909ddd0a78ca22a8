"""A class's copy of the course holds no solution, keeps answers, and these can be judged."""

import json
import os
import subprocess
import sys

import exercises
from tools import handout

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("class") / "course"
    assert handout.main([str(out)]) == 0
    return out


def test_no_solution_is_in_it(folder):
    assert not (folder / "notebooks" / "solutions").exists()
    text = "".join(p.read_text("utf-8") for p in (folder / "exercises").iterdir() if p.is_file())
    for name in exercises.names():
        for exercise in exercises.load(name):
            if isinstance(exercise, exercises.Write):
                assert exercise.source().splitlines()[-1].strip() not in text
            assert exercise.reason not in text


def test_the_clinics_patients_run_and_name_no_fault(folder):
    text = (folder / "exercises" / "broken.py").read_text("utf-8")
    known = (handout.ROOT / "exercises" / "broken.py").read_text("utf-8")
    for word in ("shifted", "log sigma", "train mode", "_mean_over_pixels"):
        assert word in known and word not in text
    ask = "from exercises import broken; print(len(broken.fresh()), broken.lab2.__doc__)"
    mine = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(folder)}}
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, **mine)
    assert done.stdout.startswith("2000 Patient"), done.stderr


def test_answers_are_kept_and_judged(folder, capsys):
    pupil = """
import paddle, exercises
ex = exercises.load("02_vae")
def my_kl(mean, logvar):
    return ...
ex.kl.check(my_kl)
def my_kl(mean, logvar):
    return -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(1)
ex.kl.check(my_kl)
ex.collapse.check("a")
ex.kl.hint(); ex.kl.solution(); ex.progress()
"""
    file = folder / "pupil.py"
    file.write_text(pupil, "utf-8")
    done = subprocess.run([sys.executable, file], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("kl: not tried yet") and lines[1] == "kl: kept in answers.json."
    assert "kept kl" in lines and "open reparameterize" in lines
    answers = folder / "answers.json"
    assert set(json.loads(answers.read_text("utf-8"))) == {"02_vae.kl", "02_vae.collapse"}
    capsys.readouterr()
    handout.main(["--collect", str(answers)])
    text = capsys.readouterr().out
    assert "1 of 2 answers are right" in text
    assert "kl: right." in text and "collapse: not a." in text


def test_files_and_answers_that_are_no_such_thing(tmp_path, capsys):
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "b.json").write_text(
        json.dumps({"99.x": "1", "02_vae.kl": "import sys; sys.exit()"})
    )
    handout.main(["--collect", *(str(tmp_path / name) for name in ("a.json", "b.json", "c.json"))])
    text = capsys.readouterr().out
    assert text.count("cannot be read") == 2 and text.count("cannot be run") == 2


def test_an_existing_folder_is_left_alone(tmp_path, capsys):
    assert handout.main([str(tmp_path)]) == 2
    assert "does not exist yet" in capsys.readouterr().err
