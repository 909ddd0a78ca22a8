"""python -m paddle_vae: what it prints, and that bad input ends in one sentence and status 2."""

import json

import numpy as np
import pytest
from matplotlib import image as mpl_image

from paddle_vae import classifier, data, recipes
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


@pytest.fixture
def few_images(monkeypatch):
    """A hundred images in each split, which is enough to see what is printed."""
    whole = {split: data.load("mnist", split) for split in ("train", "test")}

    def load(_, split):
        return whole[split][:100]

    monkeypatch.setattr(data, "load", load)


@pytest.mark.parametrize("name", ["binary_vae_2d", "mlp_vae_10d"])
def test_evaluate_full(name, capsys, tmp_path, few_images):
    recipes.save(name, recipes.build(name), tmp_path)
    arguments = ("evaluate", name, "--full", "--images", 2, "--weights", tmp_path)
    status, out, _ = run(capsys, *arguments, "--json")
    result = json.loads(out)  # so nothing else is on stdout
    assert status == 0
    assert set(result["iwae"]) == {"1", "50", "500", "5000"}
    numbers = [result[key] for key in ("elbo", "mutual_information", "marginal_kl", "knn_accuracy")]
    for number in numbers + list(result["iwae"].values()):
        assert np.isfinite(number["value"])
        assert number["standard_error"] >= 0
    assert result["elbo"]["images"] == 2
    assert result["loss"] == pytest.approx(result["reconstruction"] + result["kl"], rel=1e-6)
    assert result["knn_accuracy"]["images"] == result["mutual_information"]["images"] == 100
    assert result["mutual_information"]["value"] <= np.log(100) + 1e-9
    assert result["active_units"]["latent_dim"] == len(result["kl_per_dimension"])
    grey = name == "mlp_vae_10d"
    assert ("Gaussian, variance 0.5" if grey else "Bernoulli") in result["elbo"]["likelihood"]
    assert ("optimal_variance" in result) == grey
    assert ("quadrature" in result) == (name == "binary_vae_2d")
    status, table, _ = run(capsys, *arguments)
    assert status == 0
    assert "iwae 5000" in table and "±" in table
    assert f"{result['elbo']['value']:.3f}" in table


def test_train_the_classifier(capsys, tmp_path, few_images):
    status, out, _ = run(capsys, "train", "classifier", "--epochs", 1, "--out", tmp_path / "new")
    assert status == 0
    assert "test accuracy" in out
    assert classifier.load(tmp_path / "new").predict(np.zeros((2, 1, 28, 28))).shape == (2,)


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
    "full of an autoencoder": (("evaluate", "ae_2d", "--full"), "ae_2d is an autoencoder"),
    "images without full": (("evaluate", "vae_2d", "--images", 5), "--full"),
    "images 0": (("evaluate", "vae_2d", "--full", "--images", 0), "--images"),
    "classifier epochs 0": (("train", "classifier", "--epochs", 0, "--out", "{tmp}/out"), "epochs"),
    "classifier's lesson": (("train", "classifier", "--lesson", "--out", "{tmp}/out"), "lesson"),
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
