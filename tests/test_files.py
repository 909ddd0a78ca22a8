"""Paths are told from what is none, and a file is written whole or not at all, and only a file."""

import errno
import fnmatch
import os
import socket
import stat
import subprocess
import sys
import zlib
from pathlib import Path

from paddle_vae import data, files

import pytest
from refusal import refused

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="pipes, modes and links are POSIX's here")


def write(path, text="new"):
    with files.replacing(path) as temporary:
        temporary.write_text(text)


def test_a_path_is_text_or_a_path(tmp_path):
    assert files.as_path(str(tmp_path)) == files.as_path(tmp_path) == tmp_path
    for bad in (None, 3, 2.5, b"x", ["x"], {"x": 1}, object()):
        refused(lambda bad=bad: files.as_path(bad, "source"), "source", type(bad).__name__)
    for bad in ("", "a\0b", "x" * 5000, "\ud800", str(tmp_path / ("x" * 300))):
        refused(lambda bad=bad: files.as_path(bad, "source"), "source", "no path")


def test_the_home_folder_is_expanded_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write("~/x")
    assert (tmp_path / "x").read_text() == "new"
    assert files.as_path(Path("~") / "x") == tmp_path / "x"
    refused(lambda: data.load("~/none.h5"), tmp_path / "none.h5")
    refused(lambda: data.build("~", "~/x.h5", "tiny"), tmp_path, "train-images")
    monkeypatch.setenv("PADDLE_VAE_DATA", "~/data")
    assert data.folder() == tmp_path / "data"
    monkeypatch.setenv("PADDLE_VAE_DATA", "x" * 5000)
    refused(data.folder, "PADDLE_VAE_DATA")


@posix
def test_only_a_file_is_read(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100))
    (tmp_path / "link").symlink_to("x")
    assert files.require_file(str(tmp_path / "link"), "choose") == tmp_path / "link"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    for name in ("pipe", "lost", "round", "none", "x/y", "/dev/null", "."):
        refused(lambda name=name: files.require_file(tmp_path / name, "choose"), tmp_path / name)
    refused(lambda: files.require_file(tmp_path / "x", "choose", most=99), "larger", "choose")


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def fail(error):
        with files.reading("x", "copy it"):
            raise error

    for error in (PermissionError(errno.EACCES, "no"), BlockingIOError(errno.EAGAIN, "locked")):
        assert "damaged" not in refused(lambda error=error: fail(error), "x", "cannot be read")
    for error in (OSError("signature not found"), zlib.error("bad"), RecursionError("deep")):
        refused(lambda error=error: fail(error), "x", "damaged", "copy it")

    def locked(*_, **__):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "stat", locked)
    refused(lambda: files.require_file(tmp_path / "x", "choose"), "cannot be read")
    refused(lambda: data.load("x.h5"), "x.h5", "cannot be read")  # in a folder that is closed


def test_inflating_stops():
    blob = zlib.compress(bytes(1000))
    assert files.inflate(blob, 1000) == bytes(1000)
    for bad, most in ((blob, 999), (blob[:-1], 1000), (blob + b"x", 1000)):
        with pytest.raises((ValueError, zlib.error)):
            files.inflate(bad, most)


def test_paddle_2_6_does_not_break_zlib(monkeypatch):
    """Its library exports functions of zlib's names: Python's zlib must be loaded before it."""
    code = "import sys; sys.modules['paddle'] = None\n"
    code += "try: import paddle_vae\nexcept ImportError: sys.exit('zlib' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

    class Broken:
        def decompress(self, *_):
            raise zlib.error("Error -2 while decompressing data: inconsistent stream state")

    monkeypatch.setattr(zlib, "decompressobj", lambda _: Broken())
    refused(lambda: files.inflate(b"", 9), "zlib", "before paddle")


@posix
def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x").write_text("old")
    for name, to in (("x", "far/x"), ("y", "far/y"), ("twice", "x")):
        (tmp_path / name).symlink_to(to)
        write(tmp_path / name, name)
        assert os.readlink(tmp_path / name) == to and (tmp_path / name).read_text() == name
    assert sorted(os.listdir(tmp_path / "far")) == ["x", "y"]


@posix
def test_what_is_no_file_is_not_replaced(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        server.bind("socket")
        before = {name: os.lstat(name) for name in os.listdir()}
        for name in before:
            refused(lambda name=name: write(tmp_path / name), tmp_path / name)
        assert {name: os.lstat(name)[:3] for name in os.listdir()} == {
            name: found[:3] for name, found in before.items()
        }


@posix
def test_permissions_are_an_ordinary_files(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "x")
        assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o640
        os.chmod(tmp_path / "x", 0o604)
        write(tmp_path / "x")
        assert stat.S_IMODE(os.stat(tmp_path / "x").st_mode) == 0o604
    finally:
        os.umask(before)


def test_a_protected_file_stays(tmp_path, monkeypatch):
    write(tmp_path / "x", "old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # for tests run by root
    refused(lambda: write(tmp_path / "x"), tmp_path / "x")
    assert (tmp_path / "x").read_text() == "old" and os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize("number, word", [(errno.ENOSPC, "disk is full"), (errno.EACCES, "folder")])
def test_a_failed_write_leaves_what_was_there(tmp_path, number, word):
    def fail():
        with files.replacing(tmp_path / "x") as temporary:
            temporary.write_text("half")
            raise OSError(number, "no")

    write(tmp_path / "x", "old")
    refused(fail, tmp_path / "x", word)
    assert (tmp_path / "x").read_text() == "old" and os.listdir(tmp_path) == ["x"]
    refused(lambda: write(tmp_path / "none" / "x"), tmp_path / "none" / "x", "folder")


@posix
def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path):
    for name in ("x" * 255, "数" * 85):
        write(tmp_path / name)
    assert len(os.listdir(tmp_path)) == 2


def test_git_ignores_what_a_kill_leaves_behind(tmp_path):
    with files.replacing(tmp_path / "x.h5") as temporary:
        temporary.touch()
        patterns = (ROOT / ".gitignore").read_text().splitlines()
        assert any(fnmatch.fnmatch(temporary.name, pattern) for pattern in patterns)
