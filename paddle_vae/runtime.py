"""Which device to use, and what makes Paddle fast on this processor.

`tune()` runs once, when the package is imported, and before Paddle is imported wherever the user's
program allows it. Each setting is made only where it helps, and never over one that the user made.
The environment variable PADDLE_VAE_TUNE=0 turns everything off; `python -m paddle_vae info` prints
what was set, what was not, and why; `make bench` measures the effect of all together.
"""

import ctypes
import math
import os
import platform
import sys
from pathlib import Path

__all__ = ["device", "settings", "tune"]

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
    user = dict(os.environ)
    late = "paddle" in sys.modules
    if late and not _at_start("OMP_NUM_THREADS"):
        user.pop("OMP_NUM_THREADS", None)
    _choose_kernels(user, late)
    import paddle  # after the variables that it, or MKL, reads while it starts

    _set_threads(user, paddle)
    _keep_memory(user)
    _copy_transposes(user, paddle, late)
    # MKL reads its variable at its first product: make one. Then take our variables and Paddle's
    # out of the environment, so that a child process does not mistake them for the user's.
    paddle.matmul(paddle.ones([2, 2]), paddle.ones([2, 2]))
    for name in {"MKL_DEBUG_CPU_TYPE", "OMP_NUM_THREADS"} - user.keys():
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
    count = ctypes.c_int(_cores())
    try:
        ctypes.CDLL(str(libraries / "libmklml_intel.so")).MKL_Set_Num_Threads(count)
        ctypes.CDLL(str(libraries / "libiomp5.so")).omp_set_num_threads(count)
    except (OSError, AttributeError) as error:
        _settings.append((name, None, f"Paddle's libraries refused: {error}"))
        return
    reason = "Paddle multiplies matrices on one core unless told otherwise"
    _settings.append((name, count.value, reason))


def _cores():
    """Processors that this process may use: its affinity, and a container's quota if smaller."""
    count = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(count, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return count


def _keep_memory(user):
    """Ask glibc to keep large blocks. It returns each to the system, which clears it again at the
    next use, page by page: a third of the time of a training step."""
    name = "mallopt"
    chosen = sorted(key for key in user if key.startswith("MALLOC_") or key == "GLIBC_TUNABLES")
    if chosen:
        _settings.append((name, None, f"you set {', '.join(chosen)}"))
        return
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        _settings.append((name, None, "only for Linux with glibc"))
        return
    trim_threshold, mmap_threshold, mmap_max, gigabyte = -1, -3, -4, 1 << 30  # from malloc.h
    libc = ctypes.CDLL(None)
    # older glibc refuses a threshold over 32 MiB; there, let no block be mapped by itself at all
    kept = libc.mallopt(mmap_threshold, gigabyte) or libc.mallopt(mmap_max, 0)
    if kept and libc.mallopt(trim_threshold, gigabyte):
        _settings.append((name, "1 GiB", "keep freed blocks instead of giving them back each time"))
    else:
        _settings.append((name, None, "this C library refused"))


def _copy_transposes(user, paddle, late):
    """Switch Paddle's views off: a transposed view, read by the next operation, takes 30 times as
    long as a transposed copy."""
    name = "FLAGS_use_stride_kernel"
    if name in user:
        _settings.append((name, None, f"you set it to {user[name]}"))
    elif device() == "gpu":
        _settings.append((name, None, "only on a CPU"))
    else:
        try:
            paddle.set_flags({name: False})
        except ValueError:
            _settings.append((name, None, "this Paddle does not have it"))
            return
        reason = "copy when transposing: reading a view is far slower"
        if late:
            reason += " (views made before this import no longer work)"
        _settings.append((name, False, reason))
