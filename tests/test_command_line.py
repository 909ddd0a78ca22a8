"""python -m paddle_vae: what it prints, and that bad input ends in one sentence and status 2."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from paddle_vae import classifier, data, distributed, losses, metrics, recipes, training
from paddle_vae.__main__ import main

import numpy as np
import paddle
import pytest
from matplotlib import image as mpl_image
from safetensors import safe_open
from safetensors.numpy import load_file


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
def test_evaluate_full(name, capsys, tmp_path, few_images, monkeypatch):
    monkeypatch.setattr(metrics, "_points", lambda _: 40)  # of quadrature's grid, to be quick
    recipes.save(name, recipes.build(name), tmp_path)
    arguments = ("evaluate", name, "--full", "--images", 2, "--k", 60, "--weights", tmp_path)
    status, out, _ = run(capsys, *arguments, "--json")
    result = json.loads(out)  # so nothing else is on stdout
    assert status == 0
    assert set(result["iwae"]) == {"1", "50", "60"}
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
    assert "iwae 60" in table and "±" in table
    assert f"{result['elbo']['value']:.3f}" in table


def test_the_cost_is_told_before_it_is_paid(capsys, tmp_path, few_images, monkeypatch):
    told = []
    monkeypatch.setattr(metrics, "measuring_seconds", lambda *a: 12.0 * a[-1])
    monkeypatch.setattr(metrics, "measure", lambda *a, **k: told.append(capsys.readouterr().err))
    with pytest.raises(TypeError):  # the measure above gives nothing to add
        run(capsys, "evaluate", "binary_vae_50d", "--full", "--images", 50)
    assert "5,000 samples for each of 50 images take about 1000 minutes" in told[0]
    assert "--k 500, 100 minutes" in told[0]


def test_evaluate_over_seeds(capsys, few_images):
    status, out, _ = run(capsys, "evaluate", "binary_vae_2d", "--seeds", 3, "--json")
    found = json.loads(out)["seeds"]
    model, recipe = recipes.load("binary_vae_2d"), recipes.get("binary_vae_2d")
    losses = [recipes.evaluate("binary_vae_2d", model, seed).total for seed in range(3)]
    assert status == 0 and found["count"] == 3
    assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert found["standard_deviation"] == pytest.approx(np.std(losses, ddof=1), rel=1e-3)
    mean, _ = metrics.spread(model, recipe.dataset("test"), 3, **recipe.objective)
    assert mean.total == pytest.approx(mean.reconstruction + mean.kl, rel=1e-6)


def test_the_digits_drawn_to_order_have_three_judges(capsys, few_images, monkeypatch):
    monkeypatch.setattr(metrics, "measuring_seconds", lambda *_: 0.0)
    monkeypatch.setattr(metrics, "measure", lambda *_, **__: {})
    status, out, _ = run(capsys, "evaluate", "cvae_2d", "--full", "--json")
    found = json.loads(out)["drawn_as_asked"]
    assert status == 0 and len(found) == 3
    assert found["convolutional classifier"]["value"] == pytest.approx(0.979, abs=0.003)
    assert all(0.2 < judge["judge_is_right"] <= 1 for judge in found.values())


# --- train ---


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_writes_to_runs_where_evaluate_finds_it(capsys, few_images, elsewhere):
    shipped = recipes.weights_path("mlp_vae_10d")
    before = shipped.stat().st_mtime_ns, recipes.runs.lessons_path().stat().st_mtime_ns
    status, out, _ = run(capsys, "train", "mlp_vae_10d", "--epochs", 1)
    assert status == 0 and "runs/mlp_vae_10d.safetensors" in out.replace("\\", "/")
    status, out, _ = run(capsys, "evaluate", "mlp_vae_10d", "--weights", "runs", "--json")
    assert status == 0 and json.loads(out)["trained"]["epochs"] == "1"
    assert run(capsys, "train", "mlp_vae_10d", "--epochs", 1, "--lesson")[0] == 0
    assert recipes.lesson_record("mlp_vae_10d", "runs")["epochs"] == 1
    after = shipped.stat().st_mtime_ns, recipes.runs.lessons_path().stat().st_mtime_ns
    assert after == before
    names = ["lessons.json", "mlp_vae_10d.safetensors"]
    assert sorted(path.name for path in elsewhere.rglob("*") if path.is_file()) == names


def test_ship_writes_over_the_shipped_weights(capsys, few_images, elsewhere, monkeypatch):
    monkeypatch.setenv("PADDLE_VAE_DATA", str(elsewhere / "data"))
    assert run(capsys, "train", "mlp_vae_10d", "--epochs", 1, "--ship")[0] == 0
    assert (elsewhere / "data" / "weights" / "mlp_vae_10d.safetensors").is_file()
    assert not list((elsewhere / "runs").rglob("*"))


def test_train_the_classifier(capsys, tmp_path, few_images):
    status, out, _ = run(capsys, "train", "classifier", "--epochs", 1, "--out", tmp_path / "new")
    assert status == 0
    assert "test accuracy" in out
    assert classifier.load(tmp_path / "new").predict(np.zeros((2, 1, 28, 28))).shape == (2,)


def no_training(monkeypatch):
    def train(*_, **__):
        raise AssertionError("trained before it was refused")

    monkeypatch.setattr(training, "fit", train)
    monkeypatch.setattr(classifier, "train", train)


def test_what_cannot_be_written_is_refused_before_the_training(
    capsys, few_images, elsewhere, monkeypatch
):
    no_training(monkeypatch)

    def refused(*arguments):
        status, _, err = run(capsys, "train", *arguments)
        assert status == 2 and len(err.strip().splitlines()) == 1, err
        return err

    (elsewhere / "file").write_text("")
    for name in ("mlp_vae_10d", "classifier", "--all"):
        assert "file" in refused(name, "--out", "file/deeper")
    for text in ('{"mlp_vae_10d": ', "[1]", '{"mlp_vae_10d": 3}', "\0"):
        (elsewhere / "lessons.json").write_text(text)
        assert "lessons.json" in refused("mlp_vae_10d", "--lesson", "--out", ".")
        assert (elsewhere / "lessons.json").read_text() == text

    def full(self, content):
        raise OSError(28, "No space left on device")

    class Full(io.BytesIO):
        write = full

    monkeypatch.setattr(recipes.runs, "open", lambda *_: Full(), raising=False)
    assert "mlp_vae_10d.safetensors cannot be written" in refused("mlp_vae_10d", "--out", "disk")
    assert not list((elsewhere / "disk").iterdir())


def interrupting(after):
    """A fit or classifier.train that Ctrl-C stops, in the form in which it leaves Paddle."""

    def train(*_, callbacks=(), **__):
        raise after

    return train


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError("(External) KeyboardInterrupt: \n\nAt: layers.py(80)")]
)
def test_ctrl_c_is_130_and_names_what_was_written(
    error, capsys, few_images, elsewhere, monkeypatch
):
    monkeypatch.setattr(recipes, "RECIPES", {"mlp_vae_10d": recipes.get("mlp_vae_10d")})
    monkeypatch.setattr(classifier, "train", interrupting(error))
    status, _, err = run(capsys, "train", "--all", "--epochs", 1)
    said = err.strip().splitlines()[-1]
    assert status == 130 and "mlp_vae_10d.safetensors" in said and "stopped" in said
    monkeypatch.setattr(training, "fit", interrupting(error))
    status, _, err = run(capsys, "train", "mlp_vae_10d", "--epochs", 1, "--out", "new")
    assert status == 130 and "nothing written" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "recipe, number, expected",
    [
        ("mlp_vae_10d", signal.SIGTERM, 143),
        ("mlp_vae_10d", signal.SIGINT, 130),
        ("classifier", signal.SIGTERM, 143),
    ],
)
def test_a_stopped_training_says_how_it_goes_on(
    capsys, few_images, elsewhere, monkeypatch, recipe, number, expected
):
    """And the same command ends in the same bytes; another one touches nothing."""
    command = ("train", recipe, "--epochs", 4)
    assert run(capsys, *command, "--out", "whole")[0] == 0
    step, count = paddle.optimizer.Adam.step, iter(range(1, 100))

    def stopping(self):
        step(self)
        if next(count) == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(paddle.optimizer.Adam, "step", stopping)
    status, _, err = run(capsys, *command)
    assert status == expected
    assert f"go on by `python -m paddle_vae train {recipe} --epochs 4`" in err.splitlines()[-1]
    kept = Path("runs", recipe, "last.safetensors").read_bytes()
    status, _, err = run(capsys, *command, "--seed", 7)
    assert status == 2 and "seed 0" in err and recipe in err
    assert Path("runs", recipe, "last.safetensors").read_bytes() == kept
    taken = next(count)
    assert run(capsys, *command)[0] == 0
    assert next(count) - taken - 1 < 4  # of 4 steps: it did not begin anew
    name = f"{recipe}.safetensors"
    assert Path("runs", name).read_bytes() == Path("whole", name).read_bytes()
    assert [path.name for path in Path("runs").iterdir()] == [name]
    with safe_open(Path("runs", name), framework="numpy") as file:
        known = {"recipe", "seed", "epochs", "loss", "threads", "paddle", "paddle_vae"}
        known = known if recipe != "classifier" else {"seed", "epochs", "accuracy"}
        assert known <= file.metadata().keys()


def test_patience_stops_by_images_left_out_of_the_training(
    capsys, few_images, elsewhere, monkeypatch
):
    left_out, weights, totals = [], [], iter([5.0, 3.0, 4.0, 3.5])
    evaluate = metrics.evaluate

    def scripted(model, dataset, **how):
        if len(dataset) == 100:  # the test images, after the training
            return evaluate(model, dataset, **how)
        left_out.append(dataset.images)
        weights.append(model.encoder.mean.weight.numpy())
        return losses.Loss(next(totals), 1.0, 1.0)

    trained, batches = [], data.batches

    def noting(dataset, *args, **how):
        trained.append(dataset.images)
        return batches(dataset, *args, **how)

    monkeypatch.setattr(metrics, "evaluate", scripted)
    monkeypatch.setattr(data, "batches", noting)
    status, out, _ = run(capsys, "train", "mlp_vae_10d", "--epochs", 9, "--patience", 2)
    assert status == 0 and "after epoch 4 of 9" in out and "lowest after epoch 2" in out
    rest, part = data.split(data.load("mnist", "train"), 0.1)
    assert len(left_out) == 4 and all((images == part.images).all() for images in left_out)
    assert (trained[0] == rest.images).all()
    file = load_file("runs/mlp_vae_10d.safetensors")
    np.testing.assert_array_equal(file["encoder.mean.weight"], weights[1])
    assert not (weights[1] == weights[3]).all()


def test_processes_run_the_same_command(capsys, few_images, elsewhere, monkeypatch):
    started = []
    monkeypatch.setattr(distributed, "launch", lambda *what: started.append(what) or 3)
    no_training(monkeypatch)
    command = ["train", "mlp_vae_10d", "--epochs", 4, "--seed", 2, "--processes", 2]
    assert run(capsys, *command)[0] == 3
    ((count, words),) = started
    assert (count, words[1:3]) == (2, ["-m", "paddle_vae"])
    assert sorted(words[3:]) == sorted(map(str, command))


def test_the_first_of_several_processes_trains_the_classifier(
    capsys, few_images, elsewhere, monkeypatch
):
    monkeypatch.setattr(recipes, "RECIPES", {})
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    command = ("train", "--all", "--processes", 2, "--epochs", 1)
    assert run(capsys, *command)[0] == 0
    assert not list(elsewhere.rglob("*.safetensors"))
    monkeypatch.setattr(distributed, "rank", lambda: 0)
    assert run(capsys, *command)[0] == 0
    assert Path("runs/classifier.safetensors").is_file()


# --- sample ---


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
    "epochs of 27 digits": (("train", "vae_2d", "--epochs", 10**26, "--out", "{tmp}/out"), "1 to"),
    "epochs 1e5": (("train", "vae_2d", "--epochs", "1e5"), "--epochs"),
    "ship and out": (("train", "vae_2d", "--ship", "--out", "{tmp}/out"), "--ship"),
    "out is empty": (("train", "vae_2d", "--out", ""), "no path"),
    "weights is empty": (("evaluate", "vae_2d", "--weights", ""), "no path"),
    "a long path": (("evaluate", "vae_2d", "--weights", "x" * 5000), "xxx"),
    "a long name": (("evaluate", "x" * 5000), "no recipe"),
    "a line break": (("evaluate", "vae\n2d"), r"vae\n2d"),
    "a long output": (("sample", "vae_2d", "--output", "x" * 5000 + ".png"), "xxx"),
    "billions": (("sample", "vae_2d", *PNG, "--count", 10**9), "--count"),
    "columns by the billion": (("sample", "vae_2d", *PNG, "--columns", 10**9), "--columns"),
    "label of 27 digits": (("sample", "cvae_2d", *PNG, "--label", 10**26), "--label"),
    "k without full": (("evaluate", "vae_2d", "--k", 5), "--full"),
    "k 0": (("evaluate", "vae_2d", "--full", "--k", 0), "--k"),
    "one seed": (("evaluate", "vae_2d", "--seeds", 1), "--seeds"),
    "no command": ((), "COMMAND"),
    "unknown command": (("dance",), "dance"),
    "columns 0": (("sample", "vae_2d", *PNG, "--columns", 0), "--columns"),
    "out is a file": (("train", "vae_2d", "--out", "{tmp}/ae_2d.safetensors"), "ae_2d.safe"),
    "full of an autoencoder": (("evaluate", "ae_2d", "--full"), "ae_2d is an autoencoder"),
    "images without full": (("evaluate", "vae_2d", "--images", 5), "--full"),
    "images 0": (("evaluate", "vae_2d", "--full", "--images", 0), "--images"),
    "classifier epochs 0": (("train", "classifier", "--epochs", 0, "--out", "{tmp}/out"), "epochs"),
    "classifier's lesson": (("train", "classifier", "--lesson", "--out", "{tmp}/out"), "lesson"),
    "processes 0": (("train", "vae_2d", "--processes", 0, "--out", "{tmp}/out"), "--processes"),
    "patience 0": (("train", "vae_2d", "--patience", 0, "--out", "{tmp}/out"), "--patience"),
    "patience of all": (("train", "--all", "--patience", 2, "--out", "{tmp}/out"), "--patience"),
    "patience of what is shipped": (("train", "vae_2d", "--patience", 2, "--ship"), "--ship"),
    "classifier's patience": (("train", "classifier", "--patience", 2), "--patience"),
    "classifier's processes": (("train", "classifier", "--processes", 2), "--processes"),
    "no such format": (("export", "vae_2d", "--format", "torch", "--output", "{tmp}/x"), "torch"),
    "export into a file": (
        ("export", "vae_2d", "--format", "paddle", "--output", "{tmp}/ae_2d.safetensors"),
        "ae_2d.safetensors",
    ),
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
    assert len(err.strip().splitlines()) == 1 and len(err) < 800
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before  # nothing written


# --- what only a process of its own shows ---


def python(*arguments, folder=None, stdout=subprocess.PIPE, **environment):
    """Run python -m paddle_vae -> (status, stdout, the lines of stderr but for Paddle's own)."""
    root = str(Path(recipes.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root, "PYTHONWARNINGS": "ignore", **environment}
    env = {name: value for name, value in env.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-m", "paddle_vae", *map(str, arguments)],
        stdout=stdout, stderr=subprocess.PIPE, cwd=folder, env=env, timeout=300, check=False,
    )  # fmt: skip
    err = [
        line for line in done.stderr.decode(errors="replace").splitlines() if "getcwd" not in line
    ]
    return done.returncode, (done.stdout or b"").decode(errors="replace"), err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("argument, unbuffered", [("list", ""), ("--help", "1")])
def test_output_that_cannot_be_written(argument, unbuffered):
    with open("/dev/full", "w") as full:
        status, _, err = python(argument, stdout=full, PYTHONUNBUFFERED=unbuffered)
    assert status == 2 and len(err) == 1 and "output" in err[0]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_nobody_reads_the_output():
    reading, writing = os.pipe()
    os.close(reading)
    status, _, err = python("list", stdout=writing)
    os.close(writing)
    assert (status, err) == (141, [])


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX locales and folders")
def test_a_bare_environment(tmp_path):
    """ASCII only, no home, a backend that is none; names beyond ASCII still make a file."""
    bare = {"HOME": None}
    if __file__.isascii():  # else Python itself could not import from this folder
        bare |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    out = tmp_path / "数字.png"
    arguments = ("vae_2d", "--output", out, "--count", 4, "--columns", 2)
    status, printed, err = python("sample", *arguments, MPLBACKEND="bogus", **bare)
    assert (status, err) == (0, []) and "4 images" in printed and out.is_file()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX folders")
def test_where_paddle_cannot_even_be_imported(tmp_path):
    """It makes a folder in the home, and asks for the working folder."""
    (tmp_path / "home").write_text("no folder")
    status, _, err = python("list", HOME=str(tmp_path / "home"))
    assert status == 1 and len(err) == 1 and "HOME" in err[0]
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os, sys; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); os.execv("
    script += "sys.executable, [sys.executable, '-m', 'paddle_vae', 'list'])"
    root = str(Path(recipes.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=env, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"a folder that exists" in done.stderr


def test_plus_minus_in_ascii(monkeypatch):
    from paddle_vae import commands

    for encoding, sign in (("ascii", b"+-"), ("utf-8", "±".encode())):
        found = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(found, encoding=encoding))
        commands.print_measures({"elbo": metrics.Estimate(np.arange(3.0)).summary()})
        sys.stdout.flush()
        assert sign in found.getvalue()
