"""The settings: only where they apply, never over the user's, and off when told."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from paddle_vae import runtime

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["MKL_DEBUG_CPU_TYPE", "threads", "mallopt"]
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
    rows = python(SETTINGS, MKL_DEBUG_CPU_TYPE="5", OMP_NUM_THREADS="1", MALLOC_ARENA_MAX="4")
    assert [row[0] for row in rows[1:]] == NAMES
    assert [row[1] for row in rows[1:]] == [None] * 3
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


# What a program that uses Paddle sees, wherever it imports the package, or not at all.
PROGRAM = """
import json, os, random, sys, tempfile, warnings
import numpy as np
{first}
import paddle
filters = list(map(str, warnings.filters))
paddle.seed(3), np.random.seed(3), random.seed(3)
environment = dict(os.environ)
{second}
x = paddle.arange(24, dtype="float32")
row, part = x.reshape([4, 6]), x.reshape([4, 6]).clone()
part[0].fill_(5)
part[1].set_value(paddle.ones([6]))
flags = paddle.base.framework._global_flags()
file = os.path.join(tempfile.mkdtemp(), "a.safetensors")
if hasattr(paddle, "float8_e4m3fn"):  # safetensors.paddle needs Paddle 3
    from safetensors.paddle import load_file, save_file
    save_file({{"row": row}}, file)
    row = load_file(file)["row"]
print(json.dumps([
    {{name: str(flags[name]) for name in flags.keys() if flags.is_public(name)}},
    dict(os.environ) == environment, list(map(str, warnings.filters)) == filters,
    paddle.rand([3]).tolist(), np.random.rand(3).tolist(), random.random(),
    paddle.get_default_dtype(), paddle.is_grad_enabled(), paddle.in_dynamic_mode(),
    x.view([6, 4]).shape, part.tolist(), row.transpose([1, 0]).is_contiguous(),
    paddle.as_strided(x, [3, 3], [1, 1]).tolist(), x.unfold(0, 4, 10).tolist(),
    row.tolist(),
]))
"""


def test_importing_changes_nothing_for_others():
    """Flags, environment, random states, and views, which an earlier version switched off."""
    alone = python(PROGRAM.format(first="", second=""))
    assert python(PROGRAM.format(first="import paddle_vae", second="")) == alone
    assert python(PROGRAM.format(first="", second="import paddle_vae")) == alone


def test_importing_leaves_the_environment_as_it_was():
    code = """
import json, os
before = dict(os.environ)
import paddle_vae
print(json.dumps(dict(os.environ) == before))
"""
    assert python(code)


def test_importing_adds_nothing_to_a_static_program():
    code = """
import json, paddle
paddle.enable_static()
import paddle_vae
program = paddle.static.default_main_program()
print(json.dumps(len(program.global_block().ops)))
"""
    assert python(code) == 0


@pytest.mark.parametrize(
    "lines, files, quota",
    [
        ("0::/", {"cpu.max": "200000 100000"}, 2),
        ("0::/", {"cpu.max": "50000 100000"}, 0.5),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),  # the outer
        ("0::/elsewhere", {"cpu.max": "100000 100000"}, 1),  # a path that only the host sees
        ("0::/", {}, None),
        (
            "9:memory:/x\n1:cpu,cpuacct:/\n0::/",
            {"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            1.5,
        ),
        (
            "1:cpu:/docker/x\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            None,
        ),
        (
            "1:cpu:/docker/x\n",
            {
                "cpu/docker/x/cpu.cfs_quota_us": "400000",
                "cpu/docker/x/cpu.cfs_period_us": "100000",
            },
            4,
        ),
    ],
)
def test_threads_follow_the_containers_quota(lines, files, quota, tmp_path, monkeypatch):
    mine, groups = tmp_path / "cgroup", tmp_path / "groups"
    mine.write_text(lines)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text + "\n")
    affinity = set(range(64))
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda _: affinity, raising=False)
    assert runtime.cores(groups, mine) == (64 if quota is None else math.ceil(quota))
    affinity = {0}
    assert runtime.cores(groups, mine) == 1


def test_where_there_are_no_control_groups(tmp_path, monkeypatch):
    monkeypatch.delattr(runtime.os, "sched_getaffinity", raising=False)  # macOS, Windows
    monkeypatch.setattr(runtime.os, "cpu_count", lambda: 6)
    assert runtime.cores(tmp_path, tmp_path / "none") == 6


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
