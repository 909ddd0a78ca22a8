"""Exercises: solutions pass, each wrong answer gets its own message, stubs harm nobody."""

import re
from pathlib import Path

import exercises
from exercises import mechanism, progress
from tools import exercises as tool
from tools import pages

import nbformat
import numpy as np
import paddle
import pytest

ROOT = Path(__file__).resolve().parent.parent
ALL = [(name, exercise.name) for name in exercises.names() for exercise in exercises.load(name)]
WRITE = [
    pair for pair in ALL if isinstance(getattr(exercises.load(pair[0]), pair[1]), exercises.Write)
]
CHOOSE = [pair for pair in ALL if pair not in WRITE]
WRONG = [(*pair, key) for pair in WRITE for key in getattr(exercises.load(pair[0]), pair[1]).wrong]


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLE_VAE_PROGRESS", str(tmp_path / "mine" / "progress.json"))


def said(capsys, call):
    capsys.readouterr()
    call()
    return capsys.readouterr().out.strip()


def get(name, key):
    return getattr(exercises.load(name), key)


@pytest.mark.parametrize("name,key", WRITE)
def test_a_reference_solution_is_right(name, key, capsys):
    exercise = get(name, key)
    text = said(capsys, lambda: exercise.check(exercise.reference))
    assert text == f"{key}: right. {exercise.reason}"
    assert progress.read() == {f"{name}.{key}"}


@pytest.mark.parametrize("name,key,wrong", WRONG)
def test_a_wrong_answer_gets_its_own_message(name, key, wrong, capsys):
    exercise = get(name, key)
    mistake = exercise.wrong[wrong]
    text = said(capsys, lambda: exercise.check(mistake.function))
    assert text.endswith(mistake.message), text
    assert progress.read() == set()


@pytest.mark.parametrize("name,key", CHOOSE)
def test_every_choice_gets_its_own_reply(name, key, capsys):
    exercise = get(name, key)
    assert set(exercise.replies) == set(exercise.choices) - {exercise.right}
    for letter in exercise.choices:
        text = said(capsys, lambda letter=letter: exercise.check(letter.upper() + " "))
        right = letter == exercise.right
        assert text.endswith(exercise.reason if right else exercise.replies[letter])
        assert text.startswith(f"{key}: right." if right else f"{key}: not {letter}.")


@pytest.mark.parametrize("name,key", WRITE)
def test_solutions_run_as_they_are_shown(name, key, capsys):
    """The text that a learner sees, beside the imports of a notebook, is right."""
    exercise, space = get(name, key), {"np": np, "paddle": paddle}
    exec(exercise.source(), space)
    assert "right." in said(capsys, lambda: exercise.check(space[f"my_{key}"]))
    assert exercise.source() in said(capsys, exercise.solution)


@pytest.mark.parametrize("name,key", ALL)
def test_an_untouched_stub_says_so_and_nothing_more(name, key, capsys):
    space = {"ex": exercises.load(name), "paddle": paddle}
    text = said(capsys, lambda: exec(get(name, key).stub(), space))
    assert text == f"{key}: {mechanism.UNTRIED}"
    assert progress.read() == set()


@pytest.mark.parametrize("name,key", ALL)
def test_hints_come_one_by_one_and_end(name, key, capsys):
    exercise = get(name, key)
    texts = [said(capsys, exercise.hint) for _ in range(len(exercise.hints) + 2)]
    assert len(set(texts)) == len(exercise.hints) + 1
    assert "solution()" in texts[-1]


# ---- what learners do ------------------------------------------------------


class Hostile:
    def __str__(self):
        raise RuntimeError("no text")

    def __call__(self, *_):
        raise SystemExit(3)


@pytest.mark.parametrize(
    "answer",
    (
        3,
        None,
        "kl",
        Hostile(),
        lambda: 0,
        lambda *_: None,
        lambda *_: "text",
        lambda *_: [object()],
        lambda *_: 1 / 0,
        lambda mean, logvar: paddle.randn([mean.shape[0]]),
        lambda mean, logvar: mean @ logvar,
        lambda mean, logvar: mean.sum(1) * float("nan"),
    ),
)
def test_nothing_a_learner_gives_ends_in_a_traceback(answer, capsys):
    for exercise in exercises.load("02_vae"):
        text = said(capsys, lambda exercise=exercise: exercise.check(answer))
        assert text.startswith(f"{exercise.name}: ") and "right. " not in text
        assert len(text) < 400


def test_right_values_without_a_gradient(capsys):
    kl = exercises.load("02_vae").kl

    def through_numpy(mean, logvar):
        return paddle.to_tensor(kl.reference(mean, logvar).numpy())

    assert said(capsys, lambda: kl.check(through_numpy)) == f"kl: {mechanism.NO_GRADIENT}"


def test_an_answer_that_changes_what_it_is_given(capsys):
    kl = exercises.load("02_vae").kl

    def spoils(mean, logvar):
        found = kl.reference(mean, logvar)
        mean.set_value(mean + 1)
        return found

    assert said(capsys, lambda: kl.check(spoils)) == f"kl: {mechanism.IN_PLACE}"


def test_an_answer_that_no_wrong_one_foresees_is_told_where_it_fails(capsys):
    kl = exercises.load("02_vae").kl
    answer = said(capsys, lambda: kl.check(lambda mean, logvar: (mean**2 + logvar**2).sum(1) / 2))
    assert answer == (
        "kl: it is right at N(0, 1), and 19.5 too large at log variance -4, where 4.53 is right."
    )


def test_an_error_is_explained_where_a_wrong_answer_ends_in_the_same(capsys):
    condition = exercises.load("06_cvae").condition
    text = said(capsys, lambda: condition.check(condition.wrong["no axis"].function))
    assert text.startswith("condition: it stops with the labels 0 to 9 with ValueError: ")
    assert text.endswith(condition.wrong["no axis"].message)

    def other(z, label):
        raise ValueError("something else")

    text = said(capsys, lambda: condition.check(other))
    assert text.endswith("it stops with the labels 0 to 9 with ValueError: something else")


# ---- progress --------------------------------------------------------------


def test_progress_is_kept_in_the_learners_own_file(capsys):
    found = exercises.load("02_vae")
    found.collapse.check("c")
    lines = said(capsys, found.progress).splitlines()
    assert len(lines) == len(list(found))
    assert [line for line in lines if line.startswith("done")] == [
        line for line in lines if " collapse " in line
    ]


@pytest.mark.parametrize("content", ("{", "3", '[1, "02_vae.kl"]', "\udcff"))
def test_a_damaged_file_of_progress_stops_nobody(content, capsys):
    file = progress.path()
    file.parent.mkdir(parents=True)
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    found = exercises.load("02_vae")
    found.collapse.check("c")
    assert "02_vae.collapse" in progress.read()


def test_a_place_that_cannot_be_written_stops_nobody(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PADDLE_VAE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    exercises.load("02_vae").collapse.check("c")
    assert "right" in capsys.readouterr().out


def test_there_is_no_such_notebook():
    with pytest.raises(ValueError, match="choose one of"):
        exercises.load("99_nothing")


# ---- the notebooks ---------------------------------------------------------


@pytest.mark.parametrize("name", exercises.names())
def test_the_notebooks_have_the_derived_cells(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    found = exercises.load(name)
    places = {}
    for cell in notebook.cells:
        key = pages.exercise_of(cell)
        if key is not None:
            same = cell.source == tool.derived(getattr(found, key), cell.cell_type)
            assert same, f"{key} is not as exercises/{name}.py: run `python -m tools.exercises`"
            places.setdefault(key, []).append(cell)
    assert set(places) == {exercise.name for exercise in found}
    for key, cells in places.items():
        assert [cell.cell_type for cell in cells] == ["markdown", "code"]
        text = "".join(output.text for output in cells[1].outputs)
        assert text.strip() == f"{key}: {mechanism.UNTRIED}"


@pytest.mark.parametrize("name", exercises.names())
def test_the_committed_solutions_are_the_tested_ones(name):
    path = tool.SOLUTIONS / f"{name}.ipynb"
    kept, made = nbformat.read(path, as_version=4), tool.solutions(name)
    sources = [[cell.source for cell in notebook.cells] for notebook in (kept, made)]
    assert sources[0] == sources[1], "run: make solutions"
    printed = "".join(o.text for c in kept.cells if c.cell_type == "code" for o in c.outputs)
    assert re.findall(r"^(\w+): right\.", printed, re.M) == [e.name for e in exercises.load(name)]
