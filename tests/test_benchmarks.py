"""make bench: what it measures where some of the frameworks are not installed."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    import train_throughput

    return train_throughput


def test_what_is_not_installed_is_left_out_with_a_word(bench, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in ("paddle", "jax") or None)
    names = bench.choose()
    assert names[:3] == ["paddle_nn", "paddle_vae", "paddle_vae_x2"]
    assert set(names[3:]) <= {"jax", "jax_kept"}
    said = capsys.readouterr().err
    assert "torch_compile, tensorflow" in said and "requirements-bench.txt" in said


def test_two_processes_answer_as_one(bench):
    """They are asked for the same batches, and share them: the time is of both, the memory too."""
    contender = bench.Contender("paddle_vae_x2", [])
    try:
        seconds, processor, peak, start = contender.run(4, 2)
    finally:
        contender.close()
    assert len(seconds) == len(processor) == 2
    assert peak is None or peak >= start > 0
