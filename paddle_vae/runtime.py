"""Which device to use, how many threads, and what makes Paddle fast on this processor.

`tune()` runs once, when the package is imported, and before Paddle is imported wherever the user's
program allows it. What it sets changes how fast Paddle computes, never what an operation means.
Each setting is made only where it helps, and never over one that the user made. The environment
variable PADDLE_VAE_TUNE=0 turns everything off; `python -m paddle_vae info` prints what was set,
what was not, and why; `make bench` measures the effect of all together.

Nothing is imported from the package, so that course.py can ask this file alone for `cores()`.
"""

import ctypes
import math
import os
import platform
import sys
import warnings
from pathlib import Path

__all__ = ["cores", "device", "settings", "tune"]

_settings = []  # (name, value, reason), in the order in which tune() decided


def settings():
    """What tune() decided: a list of (name, value, reason); value None means: left alone."""
    return [("device", device(), "a GPU where Paddle was built for one and finds one"), *_settings]


def device():
    """Where Paddle computes: "gpu" or "cpu"."""
    import paddle

    return "gpu" if paddle.get_device().startswith("gpu") else "cpu"


def tune():
    """Make Paddle fast on this machine; the second call does nothing. Never raises."""
    if _settings:
        return
    if os.environ.get("PADDLE_VAE_TUNE") == "0":
        _settings.append(("PADDLE_VAE_TUNE", "0", "nothing else is set, as you asked"))
        return
    # Paddle sets OMP_NUM_THREADS to 1 when it is imported: look before that at what the user set
    before = dict(os.environ)
    user = dict(before)
    late = "paddle" in sys.modules
    if late and not _at_start("OMP_NUM_THREADS"):
        user.pop("OMP_NUM_THREADS", None)
    _choose_kernels(user, late)
    with warnings.catch_warnings():
        # for those who compile operators of their own; nobody else can do anything about it
        warnings.filterwarnings("ignore", message="No ccache found")
        import paddle  # after the variables that it, or MKL, reads while it starts

    _set_threads(user, paddle)
    _keep_memory(user)
    # MKL reads its variable at its first product: make one. Then the environment is as it was, so
    # that no child process takes something of ours, or of Paddle's, for the user's.
    if paddle.in_dynamic_mode():  # else it would become part of the user's program
        paddle.matmul(paddle.ones([2, 2]), paddle.ones([2, 2]))
    for name in {"MKL_DEBUG_CPU_TYPE", "OMP_NUM_THREADS"} - before.keys():
        os.environ.pop(name, None)


def _at_start(name):
    """Whether the user set the variable: on Linux, whether this process began with it; elsewhere,
    whether it is other than the 1 that Paddle sets."""
    try:
        return f"\0{name}=".encode() in b"\0" + Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ.get(name) != "1"


def _choose_kernels(user, late):
    """MKL's environment variable that picks its instruction set, for AMD processors."""
    name = "MKL_DEBUG_CPU_TYPE"
    if name in user:
        _settings.append((name, None, f"you set it to {user[name]}"))
        return
    vendor, flags = _processor()
    if vendor != "AuthenticAMD":
        _settings.append((name, None, "only for AMD processors on Linux; others are fast as is"))
        return
    # A type that the processor does not have ends in an illegal instruction: ask its flags.
    if {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"} <= flags:
        value, what = "7", "AVX-512"
    elif {"avx2", "fma"} <= flags:
        value, what = "5", "AVX2"
    else:
        _settings.append((name, None, "this AMD processor has no AVX2"))
        return
    os.environ[name] = value
    reason = f"Paddle's MKL takes a slow path on AMD: tell it to use {what}"
    if late:
        reason += " (Paddle was imported first: in force only if it had not multiplied yet)"
    _settings.append((name, value, reason))


def _processor():
    """Vendor and set of flags of the first processor; empty where it is not an x86 Linux."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return "", set()
    vendor, flags = "", set()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "", set()
    for line in text.split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "vendor_id":
            vendor = value.strip()
        elif key.strip() == "flags":
            flags = set(value.split())
    return vendor, flags


def _set_threads(user, paddle):
    """All cores for what Paddle can share out among them: matrix products, lookups of rows."""
    name = "threads"
    for variable in ("MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if variable in user:
            _settings.append((name, None, f"you set {variable} to {user[variable]}"))
            return
    libraries = Path(paddle.__file__).parent / "libs"
    if sys.platform != "linux" or not (libraries / "libmklml_intel.so").exists():
        _settings.append((name, None, "only for the MKL that comes with Paddle on Linux"))
        return
    count = ctypes.c_int(cores())
    try:
        ctypes.CDLL(str(libraries / "libmklml_intel.so")).MKL_Set_Num_Threads(count)
        ctypes.CDLL(str(libraries / "libiomp5.so")).omp_set_num_threads(count)
    except (OSError, AttributeError) as error:
        _settings.append((name, None, f"Paddle's libraries refused: {error}"))
        return
    reason = "Paddle multiplies matrices on one core unless told otherwise"
    _settings.append((name, count.value, reason))


def cores(groups="/sys/fs/cgroup", mine="/proc/self/cgroup"):
    """Processors that this process may use: its affinity, or a container's quota where smaller.

    groups, mine: where Linux tells of control groups, version 1 or 2.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        count = os.cpu_count() or 1
    return max(1, min([count, *map(math.ceil, _quotas(Path(groups), Path(mine)))]))


def _quotas(groups, mine):
    """The processors, whole or not, that each control group around this process is held to."""
    try:
        lines = mine.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            top, names = groups, ["cpu.max"]
        elif "cpu" in controllers.split(","):  # version 1
            top, names = groups / controllers, ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        inner = top / path.strip("/")  # as the host sees it: a container may have only the top
        for group in [inner, *inner.parents][: len(inner.parts) - len(top.parts) + 1]:
            try:
                quota, period = " ".join((group / name).read_text() for name in names).split()
                if int(quota) > 0:
                    yield int(quota) / int(period)
            except (OSError, ValueError):  # no such file, or "max": no quota
                continue


def _keep_memory(user):
    """Ask glibc to keep freed blocks, up to a bound. It returns each large one to the system, which
    clears it again at the next use, page by page: a third of the time of a training step."""
    name = "mallopt"
    chosen = sorted(key for key in user if key.startswith("MALLOC_") or key == "GLIBC_TUNABLES")
    if chosen:
        _settings.append((name, None, f"you set {', '.join(chosen)}"))
        return
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        _settings.append((name, None, "only for Linux with glibc"))
        return
    trim_threshold, mmap_threshold, mmap_max, megabyte = -1, -3, -4, 1 << 20  # from malloc.h
    libc = ctypes.CDLL(None)
    # Blocks of a training step are smaller than this; a larger one, say all images, goes back as
    # soon as it is freed. Older glibc refuses a threshold over 32 MiB; there, map none by itself.
    kept = libc.mallopt(mmap_threshold, 256 * megabyte) or libc.mallopt(mmap_max, 0)
    if kept and libc.mallopt(trim_threshold, 256 * megabyte):
        reason = "keep so much of freed blocks instead of giving them back each time"
        _settings.append((name, "256 MiB", reason))
    else:
        _settings.append((name, None, "this C library refused"))
