"""The record of what other seeds gave, which tools/seeds.py writes and notebooks read."""

import json

from paddle_vae import runs
from tools import seeds

import numpy as np
import pytest
from refusal import refused


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "folder", lambda path=None: tmp_path)
    return tmp_path


def test_what_is_kept_is_read_in_the_order_of_the_seeds(folder):
    for seed in (10, 2, 0):
        seeds.keep("nb00.square", seed, {"loss": seed**2})
    seeds.keep("other", 0, {"loss": -1})
    np.testing.assert_array_equal(runs.over_seeds("nb00.square")["loss"], [0, 4, 100])


def test_a_seed_that_runs_again_replaces_its_numbers(folder):
    seeds.keep("nb00.square", 0, {"loss": 1})
    seeds.keep("nb00.square", 0, {"loss": 2})
    assert json.loads((folder / "seeds.json").read_text()) == {"nb00.square": {"0": {"loss": 2}}}


def test_an_experiment_that_was_not_run(folder):
    refused(lambda: runs.over_seeds("nb00.cube"), "run `python -m tools.seeds nb00.cube`")


def test_the_committed_record_has_no_experiment_that_is_gone():
    path = runs.folder() / "seeds.json"
    known = {*seeds.recipes.RECIPES, *seeds.found()}
    assert set(runs.lesson_records(path)) <= known
