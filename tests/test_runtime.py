"""The settings: only where they apply, never over the user's, and off when told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paddle_vae import runtime

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["MKL_DEBUG_CPU_TYPE", "threads", "mallopt", "FLAGS_use_stride_kernel"]
AVX512 = {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}


def python(code, **variables):
    """Run code in a fresh process without settings of ours or the user's; what it prints."""
    prefixes = ("MKL_", "OMP_", "KMP_", "MALLOC_", "GLIBC_", "FLAGS_", "PADDLE_VAE_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**clean, **variables},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


SETTINGS = "import json, paddle_vae; print(json.dumps(paddle_vae.runtime.settings()))"


def test_every_setting_is_listed_with_a_reason():
    listed = runtime.settings()
    assert listed[0][:2] == ("device", runtime.device())
    assert runtime.device() in ("cpu", "gpu")
    for _, value, reason in listed:
        assert reason and (value is None or str(value))


def test_one_variable_turns_all_off():
    rows = python(SETTINGS, PADDLE_VAE_TUNE="0")
    assert [row[0] for row in rows] == ["device", "PADDLE_VAE_TUNE"]


def test_the_users_settings_stay():
    rows = python(
        SETTINGS, MKL_DEBUG_CPU_TYPE="5", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="4",
        FLAGS_use_stride_kernel="1",
    )  # fmt: skip
    assert [row[0] for row in rows[1:]] == NAMES
    assert [row[1] for row in rows[1:]] == [None] * 4
    assert all("you set" in row[2] for row in rows[1:])


def test_importing_paddle_first_works_and_is_said():
    rows = python("import paddle; " + SETTINGS)
    assert [row[0] for row in rows[1:]] == NAMES
    kernels = rows[1]
    assert kernels[1] is None or "imported first" in kernels[2]


@pytest.mark.parametrize(
    "vendor, flags, value",
    [
        ("AuthenticAMD", AVX512 | {"avx2", "fma"}, "7"),
        ("AuthenticAMD", {"avx2", "fma", "avx512f"}, "5"),
        ("AuthenticAMD", {"avx"}, None),
        ("GenuineIntel", AVX512 | {"avx2", "fma"}, None),
        ("", set(), None),  # macOS, Windows, ARM
    ],
)
def test_kernels_follow_the_processors_flags(monkeypatch, vendor, flags, value):
    monkeypatch.setattr(runtime, "_processor", lambda: (vendor, flags))
    monkeypatch.setattr(runtime, "_settings", [])
    monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", "unset")  # so that monkeypatch restores it
    monkeypatch.delenv("MKL_DEBUG_CPU_TYPE")
    runtime._choose_kernels({}, late=False)
    assert os.environ.get("MKL_DEBUG_CPU_TYPE") == value
    assert runtime._settings[0][1] == value


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, system):
    import paddle

    monkeypatch.setattr(runtime.sys, "platform", system)
    monkeypatch.setattr(runtime, "_settings", [])
    runtime._choose_kernels({}, late=False)
    runtime._set_threads({}, paddle)
    runtime._keep_memory({})
    assert [value for _, value, _ in runtime._settings] == [None] * 3


def test_ordinary_work_with_tensors_is_as_before():
    """The view setting is global: slicing, assigning and transposing must not notice."""
    import numpy as np
    import paddle

    array = np.arange(24, dtype="float32").reshape(2, 3, 4)
    tensor = paddle.to_tensor(array)
    np.testing.assert_array_equal(tensor[:, 1:, ::2].numpy(), array[:, 1:, ::2])
    np.testing.assert_array_equal(
        tensor.transpose([2, 0, 1])[1:].flatten().numpy(), array.transpose(2, 0, 1)[1:].ravel()
    )
    tensor[0, :, 1] = 7
    tensor[1] = tensor[0] * 2
    array[0, :, 1] = 7
    array[1] = array[0] * 2
    np.testing.assert_array_equal(tensor.numpy(), array)


def test_same_seed_same_bytes_in_two_processes():
    code = """
import hashlib, json, paddle, paddle_vae as pv
paddle.seed(0)
model = pv.VAE()
adam = paddle.optimizer.Adam(1e-3, parameters=model.parameters())
image = paddle.rand([32, 1, 28, 28])
for _ in range(3):
    pv.losses.parts(model(image), image).total.backward()
    adam.step()
    adam.clear_grad()
digest = hashlib.sha256(b"".join(p.numpy().tobytes() for p in model.parameters())).hexdigest()
print(json.dumps(digest))
"""
    assert python(code) == python(code)
