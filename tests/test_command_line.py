"""python -m paddle_vae: what it prints, and that bad input ends in one sentence and status 2."""

import json

import numpy as np
import pytest
from matplotlib import image as mpl_image

from paddle_vae import recipes
from paddle_vae.__main__ import main


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_list_names_every_recipe(capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(recipes.RECIPES)


def test_evaluate_json_has_parts_that_add_up(capsys):
    status, out, _ = run(capsys, "evaluate", "vae_2d", "--json")
    result = json.loads(out)
    assert status == 0
    assert result["recipe"] == "vae_2d"
    assert result["images"] == 10_000
    assert result["loss"] == pytest.approx(result["reconstruction"] + result["kl"], rel=1e-6)


def test_sample_writes_a_grid_and_repeats_it(capsys, tmp_path):
    for name in ("a.png", "b.png"):
        arguments = ("--count", 6, "--columns", 3, "--label", 2, "--output", tmp_path / name)
        assert run(capsys, "sample", "cvae_2d", *arguments)[0] == 0
    assert mpl_image.imread(tmp_path / "a.png").shape[:2] == (56, 84)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


PNG = ("--output", "{tmp}/a.png")
BAD = {
    "unknown recipe": (("evaluate", "nothing"), "nothing"),
    "no weights there": (("evaluate", "vae_2d", "--weights", "{tmp}"), "vae_2d.safetensors"),
    "damaged weights": (("evaluate", "ae_2d", "--weights", "{tmp}"), "ae_2d.safetensors"),
    "label out of range": (("sample", "cvae_2d", *PNG, "--label", 10), "label"),
    "label to a plain VAE": (("sample", "vae_2d", *PNG, "--label", 1), "label"),
    "sample an autoencoder": (("sample", "ae_2d", *PNG), "ae_2d"),
    "no such folder": (("sample", "vae_2d", "--output", "{tmp}/no/a.png"), "--output"),
    "not a PNG": (("sample", "vae_2d", "--output", "{tmp}/a.txt"), "--output"),
    "count 0": (("sample", "vae_2d", *PNG, "--count", 0), "--count"),
    "epochs 0": (("train", "vae_2d", "--epochs", 0, "--out", "{tmp}/out"), "epochs"),
    "seed -1": (("train", "vae_2d", "--seed", -1, "--out", "{tmp}/out"), "seed"),
    "columns 0": (("sample", "vae_2d", *PNG, "--columns", 0), "--columns"),
    "out is a file": (("train", "vae_2d", "--out", "{tmp}/ae_2d.safetensors"), "--out"),
    "train nothing": (("train",), "--all"),
    "no data there": (("data", "build", "--source", "{tmp}", "--target", "{tmp}/x.h5"), "idx"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_status_2(case, capsys, tmp_path):
    arguments, named = BAD[case]
    (tmp_path / "ae_2d.safetensors").write_bytes(np.random.default_rng(0).bytes(100))
    before = sorted(tmp_path.rglob("*"))
    status, _, err = run(capsys, *(str(a).format(tmp=tmp_path) for a in arguments))
    assert status == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before  # nothing written
