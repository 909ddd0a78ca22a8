"""Every form of the data leads to the same arrays, and a bad file to one sentence."""

import gzip
import io
import struct
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from refusal import refused

from paddle_vae import data

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


def test_a_header_that_claims_too_much(tmp_path):
    with h5py.File(tmp_path / "train.mat", "w") as h:
        h.create_dataset("image", (2**30, 1, 28, 28), "u1", chunks=(1, 1, 28, 28))
        h.create_dataset("label", (2**30, 10), "u1", chunks=(1, 10))
    refused(lambda: data.load(tmp_path / "train.mat"), "train.mat")
    with h5py.File(tmp_path / "x.h5", "w") as h:
        h.create_dataset("train_images", (2**30, 28, 28), "u1", chunks=(1, 28, 28))
        h.create_dataset("train_labels", (2**30,), "u1", chunks=(1,))
    refused(lambda: data.load(tmp_path / "x.h5"), "x.h5")
