"""export: what another program computes from the files is what the model computes here."""

import json

from paddle_vae import data, export, recipes
from paddle_vae.__main__ import main

import numpy as np
import paddle
import pytest
from refusal import refused

NAMES = ("vae_2d", "cvae_2d", "ae_2d", "mlp_vae_20d", "conv_vae_100d")  # every kind of network


def onnx(path, part, inputs):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path / f"{part}.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def inference(path, part, inputs):
    """By Paddle Inference, in files of Paddle 2 or 3."""
    program = path / f"{part}.json"
    program = program if program.exists() else path / f"{part}.pdmodel"
    config = paddle.inference.Config(str(program), str(path / f"{part}.pdiparams"))
    config.disable_glog_info()
    if hasattr(config, "disable_mkldnn"):  # export.ONEDNN says why
        config.disable_mkldnn()
    predictor = paddle.inference.create_predictor(config)
    for name in predictor.get_input_names():
        predictor.get_input_handle(name).copy_from_cpu(inputs[name])
    predictor.run()
    names = predictor.get_output_names()
    return [predictor.get_output_handle(name).copy_to_cpu() for name in names]


@pytest.mark.parametrize("format", ["onnx", "paddle"])
@pytest.mark.parametrize("name", NAMES)
def test_other_programs_compute_the_same(name, format, tmp_path, capfd):
    if format == "onnx":
        pytest.importorskip("paddle2onnx")
        pytest.importorskip("onnxruntime")
    status = main(["export", name, "--format", format, "--output", str(tmp_path)])
    assert status == 0
    recipe, model = recipes.get(name), recipes.load(name)
    test = recipe.dataset("test")[:7]
    image, label = data.scale(test.images, recipe.value_range), test.labels
    z = np.random.default_rng(0).standard_normal((5, model.latent_dim)).astype("float32")
    given = json.loads((tmp_path / "model.json").read_text())
    assert given["value_range"] == list(recipe.value_range)
    assert given["encoder"]["image"][1:] == image.shape[1:]
    conditional = model.conditional
    one_hot = np.eye(10, dtype="float32")[label]
    extra = [{"label": one_hot}, {"label": one_hot[:5]}] if conditional else [{}, {}]
    run = onnx if format == "onnx" else inference
    with paddle.no_grad():
        codes = model.encode(image, label) if conditional else model.encode(image)
        drawn = model.decode(paddle.to_tensor(z), *([label[:5]] if conditional else []))
    codes = codes if isinstance(codes, tuple) else (codes,)
    found = run(tmp_path, "encoder", {"image": image.numpy(), **extra[0]})
    assert len(found) == len(codes)
    for ours, theirs in zip(codes, found, strict=True):
        np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-5, rtol=1e-5)
    (found,) = run(tmp_path, "decoder", {"z": z, **extra[1]})
    low, high = recipe.value_range
    np.testing.assert_allclose(found, drawn.numpy(), rtol=0, atol=1e-5 * (high - low))


def test_without_paddle2onnx_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(lambda: export.export("vae_2d", tmp_path, "onnx"), "pip install paddle2onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(tmp_path):
    refused(lambda: export.export("vae_2d", tmp_path, "torch"), "format", "onnx, paddle")
    refused(lambda: export.export("vae_3d", tmp_path, "paddle"), "vae_3d")
    (tmp_path / "file").write_text("")
    refused(lambda: export.export("vae_2d", tmp_path / "file", "paddle"), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
