"""Every form of the data leads to the same arrays, and a bad file to one sentence."""

import contextlib
import gzip
import io
import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

from paddle_vae import data, formats, packed

import h5py
import numpy as np
import pytest
from refusal import refused

posix = pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's here")
SIZES = {"train": 23, "test": 11}
PREFIX = {"train": "train", "test": "t10k"}


def digits(split):
    """A small Dataset of upright strokes: tall, off centre, and unlike their own transposes."""
    rng = np.random.default_rng(len(split))
    images = np.zeros((SIZES[split], 1, 28, 28), np.uint8)
    images[:, 0, 4:24, 12:16] = rng.integers(1, 256, (SIZES[split], 20, 4))
    images[:, 0, 4:6, 16:20] = 255
    return data.Dataset(images, np.arange(SIZES[split]) % 10)


def idx(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, ending=""):
    folder.mkdir(parents=True, exist_ok=True)
    for split, prefix in PREFIX.items():
        small = digits(split)
        for part, array in (("images-idx3", small.images[:, 0]), ("labels-idx1", small.labels)):
            content = idx(array.astype(np.uint8))
            content = gzip.compress(content) if ending else content
            (folder / f"{prefix}-{part}-ubyte{ending}").write_bytes(content)
    return folder


def write_mat(file, split="train", high=1, dtype=np.float64, user_block=True, **changes):
    """L1's layout: MATLAB's [H, W, 1, N] lies in the file as [N, 1, W, H]."""
    image = digits(split).images.transpose(0, 1, 3, 2)
    image = image if high == 255 else image / 255
    content = {"image": image.astype(dtype), "label": np.eye(10)[digits(split).labels], **changes}
    memory = io.BytesIO()
    with h5py.File(memory, "w", userblock_size=512 if user_block else 0) as h:
        for name, array in content.items():
            if array is not None:
                h[name] = array
    blob = bytearray(memory.getvalue())
    if user_block:
        blob[:21] = b"MATLAB 7.3 MAT-file, "
    file.write_bytes(blob)
    return file


def same(found, split="train"):
    assert found.images.dtype == np.uint8 and found.labels.dtype == np.int64
    np.testing.assert_array_equal(found.images, digits(split).images)
    np.testing.assert_array_equal(found.labels, digits(split).labels)
    return True


@pytest.fixture
def built(tmp_path):
    data.build(write_idx(tmp_path / "idx"), tmp_path / "tiny.h5", name="tiny")
    return tmp_path / "tiny.h5"


# The shipped files


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_project_ships_the_published_images(name):
    """Hash what load returns in the IDX form and compare with the published files' SHA-256."""
    import hashlib

    sums = iter(data.KNOWN[name][2:])
    for split, count in (("train", 60000), ("test", 10000)):
        found = data.load(name, split)
        assert found.images.shape == (count, 1, 28, 28) and found.labels.dtype == np.int64
        for array in (found.images[:, 0], found.labels.astype(np.uint8)):
            assert hashlib.sha256(idx(array)).hexdigest() == next(sums)


def test_the_shipped_file_tells_its_origin():
    with h5py.File(data.folder() / "mnist.h5") as h:
        assert h.attrs["name"] == "mnist" and "LeCun" in h.attrs["origin"]
        assert h.attrs["licence"] == "CC BY-SA 3.0"
        assert h.attrs["sha256 of train-images"] == data.KNOWN["mnist"][2]


# Every form


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("nested", ["", "mnist"])
def test_idx_folders(tmp_path, ending, nested):
    write_idx(tmp_path / nested, ending)
    assert same(data.load(tmp_path)) and same(data.load(str(tmp_path), "test"), "test")


def test_idx_names_with_a_dot(tmp_path):
    for file in write_idx(tmp_path).iterdir():
        file.rename(tmp_path / file.name.replace("-idx", ".idx"))
    assert same(data.load(tmp_path))


def test_our_hdf5(built):
    assert same(data.load(built)) and same(data.load(built, "test"), "test")


@pytest.mark.parametrize("user_block", [True, False])
@pytest.mark.parametrize(
    "high, dtype", [(1, "f8"), (1, "f4"), (255, "f8"), (255, "u1"), (255, "i4")]
)
def test_mat(tmp_path, high, dtype, user_block):
    file = write_mat(tmp_path / "train.mat", "train", high, dtype, user_block)
    assert same(data.load(file))
    assert same(data.load(tmp_path))  # the folder that holds it


@pytest.mark.parametrize("shape", [(-1, 10, 1, 1), (-1, 1, 10)])
def test_mat_labels_of_other_shapes(tmp_path, shape):
    one_hot = np.eye(10, dtype=np.uint8)[digits("train").labels]
    assert same(data.load(write_mat(tmp_path / "train.mat", label=one_hot.reshape(shape))))


@pytest.mark.parametrize("inside", ["train.mat", "mnist_mat/train.mat"])
@pytest.mark.parametrize("user_block", [True, False])
def test_zip_as_on_ai_studio(tmp_path, inside, user_block):
    with zipfile.ZipFile(tmp_path / "mnist_mat.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(write_mat(tmp_path / "a", user_block=user_block), inside)
        archive.writestr("__MACOSX/._train.mat", b"not a MATLAB file")
        archive.writestr("read me.txt", b"")
    before = sorted(tmp_path.iterdir())
    assert same(data.load(tmp_path / "mnist_mat.zip"))
    refused(lambda: data.load(tmp_path / "mnist_mat.zip", "test"), "mnist_mat.zip", "test.mat")
    assert sorted(tmp_path.iterdir()) == before  # nothing is unpacked beside it


def test_a_zip_and_a_folder_with_both_splits(tmp_path):
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for split in SIZES:
            archive.write(write_mat(tmp_path / f"{split}.mat", split), f"{split}.mat")
    for place in (tmp_path, tmp_path / "both.zip"):
        assert same(data.load(place)) and same(data.load(place, "test"), "test")


def test_environment_names_the_folder(built, monkeypatch):
    monkeypatch.setenv("PADDLE_VAE_DATA", str(built.parent))
    refused(lambda: data.load("mnist"), built.parent / "mnist.h5", "PADDLE_VAE_DATA")
    built.rename(built.with_name("mnist.h5"))
    assert same(data.load("mnist"))


# Orientation


def test_a_digit_is_upright_and_a_transposed_one_is_caught(tmp_path):
    found = data.load(write_mat(tmp_path / "train.mat")).images
    assert not np.array_equal(found, found.transpose(0, 1, 3, 2))  # the test could tell
    assert same(data.load(tmp_path / "train.mat"))
    upright = digits("train").images / 255  # axes not swapped: as if saved by h5py, not MATLAB
    refused(lambda: data.load(write_mat(tmp_path / "train.mat", image=upright)), "swap", "image")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_transposition_shows_in_the_real_sets(name):
    """Upright never looks transposed, even image by image; transposed does with 50 of a class."""
    test = data.load(name, "test")
    ones = test[test.labels == 1].images
    for one in ones[:300]:
        assert not data.looks_transposed(one[None], np.ones(1))
    for start in range(0, 1000, 50):
        some = ones[start : start + 50].transpose(0, 1, 3, 2)
        assert data.looks_transposed(some, np.ones(len(some)))
    others = test[test.labels != 1]
    assert not data.looks_transposed(others.images, others.labels)


def emnist(folder, kind="digits"):
    """EMNIST's names, and its images on their side."""
    for split, prefix in (("train", "train"), ("test", "test")):
        small = digits(split)
        for part, array in (
            ("images-idx3", small.images[:, 0].transpose(0, 2, 1)),
            ("labels-idx1", small.labels),
        ):
            content = gzip.compress(idx(np.ascontiguousarray(array, np.uint8)))
            (folder / f"emnist-{kind}-{prefix}-{part}-ubyte.gz").write_bytes(content)


def test_emnist_is_turned_upright(tmp_path):
    emnist(tmp_path, "letters")
    refused(lambda: data.load(tmp_path), "train-images")
    emnist(tmp_path)
    assert same(data.load(tmp_path)) and same(data.load(tmp_path, "test"), "test")
    data.build(tmp_path, tmp_path / "x.h5", "emnist")
    assert same(data.load(tmp_path / "x.h5")) and same(data.load(tmp_path / "x.h5", "test"), "test")
    plain = tmp_path / "emnist-digits-train-images-idx3-ubyte.gz"
    plain.write_bytes(idx(digits("train").images[:, 0]))  # somebody turned them before
    assert same(data.load(tmp_path))
    plain.write_bytes(idx(np.full((23, 28, 28), 9, np.uint8)))
    refused(lambda: data.load(tmp_path), plain, "which way is up")


def test_images_on_their_side_under_another_name_are_refused(tmp_path):
    file = write_idx(tmp_path) / "train-images-idx3-ubyte"
    file.write_bytes(idx(np.ascontiguousarray(digits("train").images[:, 0].transpose(0, 2, 1))))
    refused(lambda: data.load(tmp_path), file, "side", "emnist")
    refused(lambda: data.build(tmp_path, tmp_path / "x.h5", "tiny"), file, "side")


# As others pass them on


def write_csv(file, split="train", names=None, end="\n", turned=False):
    small = digits(split)
    planes = small.images.transpose(0, 1, 3, 2) if turned else small.images
    rows = np.column_stack([small.labels, planes.reshape(len(small), -1)])
    lines = [] if names is None else [names]
    lines += [",".join(map(str, row)) for row in rows.tolist()]
    file.write_text(end.join(lines) + end, newline="")
    return file


KAGGLE = "label," + ",".join(f"pixel{i}" for i in range(784))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize(
    "names",
    [None, KAGGLE, KAGGLE.replace("label", '"label"'), KAGGLE.replace("label", "\ufeffLabel")],
)
def test_csv(tmp_path, names, end):
    assert same(data.load(write_csv(tmp_path / "mnist_train.csv", "train", names, end)))
    test = write_csv(tmp_path / "mnist_test.csv", "test", names, end)
    assert same(data.load(test, "test"), "test")
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    assert same(data.load(tmp_path)) and same(data.load(tmp_path, "test"), "test")
    refused(lambda: data.load(test), "mnist_test.csv", "train.csv")


def test_csv_without_its_last_line_end_gzipped_or_of_emnist(tmp_path):
    file = write_csv(tmp_path / "train.csv")
    file.write_bytes(gzip.compress(file.read_bytes()[:-1]))
    assert same(data.load(file))
    assert same(data.load(write_csv(tmp_path / "emnist-digits-train.csv", turned=True)))
    refused(lambda: data.load(write_csv(tmp_path / "train.csv", turned=True)), "side")


def changed(row=None, column=0, value=None):
    def change(lines):
        cells = lines[row].split(",")
        cells[column : column + 1] = [] if value is None else [value]
        lines[row] = ",".join(cells)

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(9, 5, "256"),
        changed(9, 5, "99999999999999999999"),
        changed(9, 5, "-1"),
        changed(9, 5, "0.5"),
        changed(9, 5, "1.0"),
        changed(9, 5, "nan"),
        changed(9, 5, ""),
        changed(9, 5, "1 2"),
        changed(9, 5, "\0"),
        changed(9, 5, "٣"),
        changed(9, 0, "10"),
        changed(9, 5),
        changed(0, 5),
        changed(9, 5, "1,1"),
        changed(9, 5, "1" * 20000),
        changed(0, 0, "name"),
        list.clear,
    ],
)
def test_bad_csv(tmp_path, change):
    lines = write_csv(tmp_path / "train.csv").read_text().splitlines()
    change(lines)
    (tmp_path / "train.csv").write_text("\n".join(lines), encoding="utf-8")
    refused(lambda: data.load(tmp_path / "train.csv"), tmp_path / "train.csv")


@pytest.mark.parametrize(
    "content", ["", "\n", KAGGLE, KAGGLE + "\n", "<html>403 Forbidden</html>", "," * 9, "1,2\n3"]
)
def test_csv_that_is_none(tmp_path, content):
    (tmp_path / "train.csv").write_text(content)
    refused(lambda: data.load(tmp_path / "train.csv"), "train.csv")


def test_kaggles_test_set_has_no_labels(tmp_path):
    rows = digits("test").images.reshape(11, -1).tolist()
    lines = [KAGGLE.removeprefix("label,"), *(",".join(map(str, row)) for row in rows)]
    for start in (0, 1):
        (tmp_path / "test.csv").write_text("\n".join(lines[start:]))
        refused(lambda: data.load(tmp_path / "test.csv", "test"), "test.csv", "no label")


def write_npz(file, names="x_{0} y_{0}", save=np.savez, **changes):
    content = {}
    for split in SIZES:
        images, labels = names.format(split).split()
        content[images], content[labels] = digits(split).images[:, 0], digits(split).labels
    save(file, **content | changes)
    return file


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", ["x_{0} y_{0}", "{0}_images {0}_labels"])
def test_npz(tmp_path, names, save):
    file = write_npz(tmp_path / "mnist.npz", names, save)
    assert same(data.load(file)) and same(data.load(file, "test"), "test")
    assert same(data.load(tmp_path))  # the folder that holds it
    write_idx(tmp_path / "both"), write_npz(tmp_path / "both" / "x.npz", "{0}_a {0}_b")
    assert same(data.load(tmp_path / "both"))  # IDX files come first
    fortran = np.asfortranarray(digits("train").images[:, 0])
    column = digits("train").labels[:, None].astype(">i2")
    assert same(data.load(write_npz(file, x_train=fortran, y_train=column)))


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": digits("train").images / 255},
        {"x_train": digits("train").images[:22]},
        {"x_train": np.uint8(3)},
        {"x_train": np.array([None, {}], object)},
        {"x_train": digits("train").images.transpose(0, 1, 3, 2)},
        {"y_train": np.eye(10, dtype=int)[digits("train").labels]},
        {"y_train": digits("train").labels + 1},
        {"y_train": digits("train").labels - 1},
        {"y_train": digits("train").labels / 1},
    ],
)
def test_bad_npz(tmp_path, changes):
    file = write_npz(tmp_path / "mnist.npz", **changes)
    refused(lambda: data.load(file), file)
    assert same(data.load(file, "test"), "test")


def test_npz_headers_are_not_obeyed(tmp_path):
    file = tmp_path / "mnist.npz"
    large = "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 28, 28), }"
    for header in (
        large,
        large.replace("1099511627776", "-1"),
        "(" * 9000,
        "{}",
        "__import__('os')",
    ):
        with zipfile.ZipFile(file, "w") as archive:
            start = b"\x93NUMPY\1\0" + struct.pack("<H", len(header))
            archive.writestr("x_train.npy", start + header.encode() + bytes(784))
            archive.writestr("y_train.npy", b"")
        refused(lambda: data.load(file), file)
    np.savez(file, a=np.zeros(3))
    refused(lambda: data.load(file), file, "x_train")


# Building


def test_build_gives_the_same_bytes(built, tmp_path):
    first = built.read_bytes()
    time.sleep(1.1)  # HDF5 stamps whole seconds
    write_idx(tmp_path / "other" / "tiny", ".gz")
    data.build(tmp_path / "other", tmp_path / "again.h5", name="tiny")
    assert (tmp_path / "again.h5").read_bytes() == first


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_build_refuses_foreign_content_under_a_known_name(built, tmp_path, name):
    before = built.read_bytes()
    refused(lambda: data.build(tmp_path / "idx", built, name), "train-images", name)
    assert built.read_bytes() == before


def test_a_failed_build_leaves_what_was_there(built, tmp_path, monkeypatch):
    before, files = built.read_bytes(), sorted(tmp_path.iterdir())

    def full(file, blob):
        file.open("wb").write(blob[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(lambda: data.build(tmp_path / "idx", built, "tiny"), built, "disk is full")
    assert built.read_bytes() == before and sorted(tmp_path.iterdir()) == files


def test_build_into_no_folder(tmp_path):
    target = tmp_path / "none" / "tiny.h5"
    refused(lambda: data.build(write_idx(tmp_path / "idx"), target, "tiny"), target)
    refused(lambda: data.build(tmp_path / "nowhere", target, "tiny"), "nowhere")


# What is no file


@posix
def test_a_pipe_in_the_place_of_a_file(tmp_path):
    """Each of these would wait for ever."""
    for name in ("x.h5", "train.mat", "x.zip", "mnist.npz", "train.csv", "train-images-idx3-ubyte"):
        os.mkfifo(tmp_path / name)
        refused(lambda name=name: data.load(tmp_path / name), tmp_path / name)
        refused(lambda: data.load(tmp_path), tmp_path)
    refused(lambda: data.build(tmp_path, tmp_path / "y.h5", "tiny"), "train-images")
    refused(lambda: data.build(write_idx(tmp_path / "idx"), tmp_path / "x.h5", "tiny"), "x.h5")


def test_what_is_no_path():
    for bad in (None, 3, b"mnist", ["mnist"], "", "a\0b", "x" * 5000):
        refused(lambda bad=bad: data.load(bad), "source")
        refused(lambda bad=bad: data.build(bad, "x.h5", "tiny"))


def test_a_folder_of_the_files_name_is_looked_into(tmp_path):
    """7-Zip unpacks Kaggle's archive so; one of the files may lie in its folder only."""
    for file in write_idx(tmp_path).iterdir():
        inside = tmp_path / "made" / file.name
        inside.mkdir(parents=True)
        inside = inside / file.name if "labels" in file.name else inside / "empty"
        inside.write_bytes(file.read_bytes())
        if "images" in file.name:
            file.rename(tmp_path / "made" / file.name.replace("-idx", ".idx"))
    assert same(data.load(tmp_path / "made")) and same(data.load(tmp_path / "made", "test"), "test")


def test_gzip_is_told_by_content(tmp_path):
    for number, file in enumerate(sorted(write_idx(tmp_path).iterdir())):
        if number % 2:
            file.write_bytes(gzip.compress(file.read_bytes()))
        else:
            file.rename(f"{file}.gz")
    assert same(data.load(tmp_path)) and same(data.load(tmp_path, "test"), "test")


@pytest.mark.parametrize("error", [PermissionError(13, "no"), BlockingIOError(11, "locked")])
def test_an_unreadable_file_is_not_called_damaged(built, tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    write_npz(tmp_path / "x.npz"), write_csv(tmp_path / "train.csv")
    for module, name in ((h5py, "File"), (Path, "read_bytes"), (io, "FileIO"), (Path, "iterdir")):
        monkeypatch.setattr(module, name, fail)
    monkeypatch.setattr(packed._Pieces, "__init__", fail)
    for place in (built, tmp_path / "x.npz", tmp_path / "train.csv", tmp_path):
        assert "damaged" not in refused(
            lambda place=place: data.load(place), place, "cannot be read"
        )


# Bad input


def damage_idx(folder, name, change):
    file = write_idx(folder) / name
    file.write_bytes(change(file.read_bytes()))
    return file


@pytest.mark.parametrize(
    "name, change",
    [
        ("train-images-idx3-ubyte", lambda b: b[:-1]),
        ("train-images-idx3-ubyte", lambda b: b + b"\0"),
        ("train-images-idx3-ubyte", lambda b: b[:7]),
        ("train-images-idx3-ubyte", lambda b: b""),
        ("train-images-idx3-ubyte", lambda b: b"<html>403 Forbidden</html>"),
        ("train-images-idx3-ubyte", lambda b: b[:4] + b"\xff" * 12 + b[16:]),
        ("train-images-idx3-ubyte", lambda b: b[:3] + b"\1" + b[4:]),
        ("train-images-idx3-ubyte", lambda b: idx(np.zeros((0, 28, 28), np.uint8))),
        ("train-labels-idx1-ubyte", lambda b: b[:-1] + b"\12"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.zeros(22, np.uint8))),
    ],
)
def test_bad_idx_files(tmp_path, name, change):
    file = damage_idx(tmp_path, name, change)
    refused(lambda: data.load(tmp_path), file.name)
    refused(lambda: data.build(tmp_path, tmp_path / "x.h5", "tiny"), file.name)
    assert not (tmp_path / "x.h5").exists()
    assert same(data.load(tmp_path, "test"), "test")  # the other split is whole


def test_bad_gzip(tmp_path):
    file = write_idx(tmp_path, ".gz") / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    for content in (whole[:-20], b"no gzip", whole[:40] + b"\xff" * 40 + whole[80:]):
        file.write_bytes(content)
        refused(lambda: data.load(tmp_path), file)


def test_missing_and_foreign_sources(tmp_path):
    refused(lambda: data.load("mnits"), "mnits", "'mnist'")
    refused(lambda: data.load("mnist", "validation"), "split", "validation")
    refused(lambda: data.load(tmp_path), tmp_path, "IDX")
    (tmp_path / "digits.png").write_bytes(b"PNG")
    refused(lambda: data.load(tmp_path / "digits.png"), "digits.png")
    for name in ("x.h5", "train.mat", "x.zip"):
        for content in (b"", b"MATLAB 5.0 MAT-file" + bytes(200), b"PK\3\4 no zip" * 9):
            (tmp_path / name).write_bytes(content)
            refused(lambda name=name: data.load(tmp_path / name), tmp_path / name)


def test_truncated_and_damaged_files(built, tmp_path):
    mat = write_mat(tmp_path / "train.mat", dtype="f4")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(mat, "train.mat")
    for file in (built, mat, tmp_path / "x.zip"):
        whole = file.read_bytes()
        for cut in (1, len(whole) // 10, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:cut])
            refused(lambda file=file: data.load(file), file)
    same_length = bytearray(whole)
    same_length[200:260] = bytes(60)
    file.write_bytes(same_length)
    refused(lambda: data.load(file), file)


@pytest.mark.parametrize(
    "changes",
    [
        {"train_images": None},
        {"train_labels": None},
        {"train_images": np.zeros((23, 28), np.uint8)},
        {"train_images": np.zeros((0, 28, 28), np.uint8), "train_labels": np.zeros(0, np.uint8)},
        {"train_images": np.zeros((23, 28, 28), np.float32)},
        {"train_images": np.zeros((22, 28, 28), np.uint8)},
        {"train_labels": np.full(23, 10, np.uint8)},
        {"train_labels": np.zeros((23, 1), np.uint8)},
    ],
)
def test_hdf5_that_is_not_ours(built, changes):
    with h5py.File(built, "r+") as h:
        for name, array in changes.items():
            del h[name]
            if array is not None:
                h[name] = array
    refused(lambda: data.load(built), built)
    assert same(data.load(built, "test"), "test")


def bad_pixels(value):
    images = digits("train").images.transpose(0, 1, 3, 2) / 255
    images[20, 0, 0, 0] = value
    return images


def bad_labels(value):
    labels = np.eye(10)[digits("train").labels]
    labels[20] = value
    return labels


@pytest.mark.parametrize(
    "changes",
    [
        {"image": None},
        {"label": None},
        {"image": np.zeros((23, 28, 28))},
        {"image": np.zeros((23, 3, 28, 28))},
        {"image": np.zeros((28, 28, 1, 23))},
        {"image": np.zeros((0, 1, 28, 28)), "label": np.zeros((0, 10))},
        {"image": np.array([[[[b"text"]]]] * 23)},
        {"image": bad_pixels(-0.5)},
        {"image": bad_pixels(1.5)},
        {"image": bad_pixels(256)},
        {"image": bad_pixels(np.nan)},
        {"image": bad_pixels(np.inf)},
        {"image": bad_pixels(0) * 2 - 1},
        {"label": np.eye(10)[digits("train").labels].T},
        {"label": np.eye(10)[digits("train").labels][:22]},
        {"label": digits("train").labels},
        {"label": np.float64(3)},
        {"label": bad_labels(0)},
        {"label": bad_labels(1)},
        {"label": bad_labels(0.1)},
        {"label": bad_labels(np.nan)},
    ],
)
def test_bad_mat(tmp_path, changes):
    file = write_mat(tmp_path / "train.mat", **changes)
    refused(lambda: data.load(file), file)


def test_a_mat_of_the_other_split(tmp_path):
    refused(lambda: data.load(write_mat(tmp_path / "test.mat")), "test.mat", "train.mat")
    refused(lambda: data.load(write_mat(tmp_path / "mnist.mat"), "test"), "mnist.mat", "test.mat")
    write_mat(tmp_path / "train.mat")
    refused(lambda: data.load(tmp_path), "mnist.mat", "train.mat")  # two could be meant


# Files made to fill memory, to take for ever, or to show what is not in them


@contextlib.contextmanager
def within(megabytes):
    """Python's own and NumPy's memory stays within that."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20
    finally:
        tracemalloc.stop()


def write_h5(file, **changes):
    """What `build` would write, but for some data sets; a change is called with file and name."""
    small = digits("train")
    content = {"train_images": small.images[:, 0], "train_labels": small.labels.astype("u1")}
    with h5py.File(file, "w") as h:
        for name, value in (content | changes).items():
            if callable(value):
                value(h, name)
            else:
                h[name] = value
    return file


def created(shape=(23, 28, 28), dtype="u1", **options):
    return lambda h, name: h.create_dataset(name, shape, dtype, **options)


def virtual(h, name):
    layout = h5py.VirtualLayout((23, 28, 28), "u1")
    layout[:] = h5py.VirtualSource("missing.h5", "y", (23, 28, 28))
    h.create_virtual_dataset(name, layout)


def soft(h, name):
    h["there"] = digits("train").images[:, 0]
    h[name] = h5py.SoftLink("/there")


def bomb(h, name):
    found = h.create_dataset(name, (23, 28, 28), "u1", chunks=(23, 28, 28), compression="gzip")
    found.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(2**24)))


def short(h, name):
    found = h.create_dataset(name, (23, 28, 28), "u1", chunks=(23, 28, 28), compression="gzip")
    found.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(784)))


def half(h, name):
    found = h.create_dataset(name, (23, 28, 28), "u1", chunks=(1, 28, 28))
    found[:12] = digits("train").images[:12, 0]


HOSTILE = {
    "images in another file": {"train_images": created(external=[("raw", 0, 23 * 784)])},
    "images in a file that is missing": {"train_images": virtual},
    "images behind a link": {"train_images": soft},
    "images in a file behind a link": {
        "train_images": lambda h, name: h.__setitem__(name, h5py.ExternalLink("other.h5", "there"))
    },
    "images that were never written": {"train_images": created()},
    "images of which half was written": {"train_images": half},
    "a group": {"train_images": lambda h, name: h.create_group(name)},
    "a data type": {"train_images": lambda h, name: h.__setitem__(name, np.dtype("u1"))},
    "a chunk that unpacks to more": {"train_images": bomb},
    "a chunk that unpacks to less": {"train_images": short},
    "gigabytes of labels": {"train_labels": created((2**40,), chunks=(2**20,))},
    "gigabytes of labels in one piece": {"train_labels": created((2**40,))},
    "gigabytes of images": {"train_images": created((2**30, 28, 28), chunks=(1, 28, 28))},
    "one huge chunk": {"train_images": created(maxshape=(None,) * 3, chunks=(23, 2**12, 2**12))},
    "another compression": {"train_images": created(data=np.ones((23, 28, 28)), compression="lzf")},
    "text": {"train_labels": np.array([b"1"] * 23)},
    "a scalar": {"train_images": np.uint8(1)},
    "nothing": {"train_images": h5py.Empty("u1")},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hdf5_that_is_made_to_harm(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("raw").write_bytes(digits("train").images.tobytes())
    write_h5("other.h5", there=digits("train").images[:, 0])
    file = write_h5(tmp_path / "x.h5", **HOSTILE[name])
    words = (
        ["another place"] if "another file" in name or "missing" in name or "link" in name else []
    )
    with within(8):
        refused(lambda: data.load(file), file, *words)


@posix
def test_hdf5_in_a_pipe(tmp_path):
    """Opening such a data set, or asking a virtual one for its shape, would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    pipe = str(tmp_path / "pipe")

    def unlimited(h, name):
        shape, most = (23, 28, 28), (h5py.h5s.UNLIMITED, 28, 28)
        space = h5py.h5s.create_simple(shape, most)
        part = h5py.h5s.create_simple(shape, most)
        part.select_hyperslab((0, 0, 0), (1, 1, 1), stride=(1, 28, 28), block=most)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.VIRTUAL)
        properties.set_virtual(part, pipe.encode(), b"y", part)
        h5py.h5d.create(h.id, name.encode(), h5py.h5t.NATIVE_UINT8, space, properties)

    for value in (unlimited, created(external=[(pipe, 0, 23 * 784)])):
        file = write_h5(tmp_path / "x.h5", train_images=value)
        refused(lambda file=file: data.load(file), file)


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (10, 9, 28)},
        {"chunks": (10, 9, 5), "compression": "gzip", "shuffle": True},
        {"chunks": (40, 30, 28), "maxshape": (None, None, 28), "compression": "gzip"},
    ],
)
def test_hdf5_in_chunks_of_any_form(tmp_path, options):
    images = digits("train").images[:, 0]
    assert same(
        data.load(write_h5(tmp_path / "x.h5", train_images=created(data=images, **options)))
    )
    image = digits("train").images.transpose(0, 1, 3, 2)
    chunks = {
        key: (value[0], None if key == "maxshape" else 1, *value[1:])
        for key, value in options.items()
        if key in ("chunks", "maxshape")
    }
    for array in ((image / 255).astype(">f8"), image.astype("i2")):
        write_mat(tmp_path / "train.mat", image=None)
        with h5py.File(tmp_path / "train.mat", "r+") as h:
            h.create_dataset("image", data=array, **options | chunks)
        assert same(data.load(tmp_path / "train.mat"))


def test_a_chunk_whose_compression_was_left_out(tmp_path):
    def uncompressed(h, name):
        found = h.create_dataset(name, (23, 28, 28), "u1", chunks=(23, 28, 28), compression="gzip")
        found.id.write_direct_chunk((0, 0, 0), digits("train").images.tobytes(), filter_mask=1)

    assert same(data.load(write_h5(tmp_path / "x.h5", train_images=uncompressed)))


@pytest.mark.parametrize(
    "image, label",
    [
        (created((2**28, 1, 1, 1)), created((2**28, 10))),
        (
            created((2**28, 1, 1, 1), chunks=(2**20, 1, 1, 1)),
            created((2**28, 10), chunks=(2**20, 10)),
        ),
        (created((2**30, 1, 28, 28), chunks=(1, 1, 28, 28)), created((2**30, 10), chunks=(1, 10))),
        (
            created((2**21, 1, 1, 1), data=np.zeros((2**21, 1, 1, 1), "u1"), compression="gzip"),
            created((2**21, 10), data=np.zeros((2**21, 10), "u1"), compression="gzip"),
        ),
    ],
)
def test_mat_with_millions_of_images(tmp_path, image, label):
    with h5py.File(tmp_path / "train.mat", "w") as h:
        image(h, "image"), label(h, "label")
    with within(16):
        refused(lambda: data.load(tmp_path / "train.mat"), "train.mat")


@pytest.mark.parametrize("sizes", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 0, 0), (2**32 - 1,) * 3])
def test_idx_of_huge_sizes_without_images(tmp_path, sizes):
    file = write_idx(tmp_path) / "train-images-idx3-ubyte"
    file.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *sizes))
    with within(16):
        refused(lambda: data.load(tmp_path), file)


def test_gzip_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MAX_PIXELS", 10**6)
    file = write_idx(tmp_path, ".gz") / "train-images-idx3-ubyte.gz"
    for blob in (gzip.compress(bytes(2**26)), gzip.compress(b"") * 9):
        file.write_bytes(blob)
        with within(16):
            refused(lambda: data.load(tmp_path), file)


def test_zip_that_unpacks_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "MAX_BYTES", 10**6)
    for file, name in ((tmp_path / "x.zip", "train.mat"), (tmp_path / "x.npz", "x_train.npy")):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, bytes(2**25))
            archive.writestr("y_train.npy", b"")
        with within(16):
            refused(lambda file=file: data.load(file), name, file)
        lied = file.read_bytes().replace(struct.pack("<I", 2**25), struct.pack("<I", 999))
        file.write_bytes(lied)
        with within(16):
            refused(lambda file=file: data.load(file), file)


def test_zip_with_a_table_of_contents_without_end(tmp_path):
    for file in (tmp_path / "x.zip", tmp_path / "x.npz"):
        with zipfile.ZipFile(file, "w") as archive:
            for number in range(20):
                archive.writestr(f"{number}/" + "x" * 60000, b"")
        refused(lambda file=file: data.load(file), file)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("train.mat", b"x"), archive.writestr("x_train.npy", b"x")
        refused(lambda file=file: data.load(file), file)


def test_csv_in_one_line(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"1," * 2**22)
    with within(32):
        refused(lambda: data.load(tmp_path / "train.csv"), "train.csv")
    (tmp_path / "train.csv").write_bytes(b"1,2,3,4,5\n" + b"\n" * 2**21)
    with within(32):
        refused(lambda: data.load(tmp_path / "train.csv"), "train.csv")
