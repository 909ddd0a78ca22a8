"""The forms in which images and labels come: HDF5 of our own, the IDX files that MNIST and its kin
are published as, CSV and .npz as others pass them on, and lesson L1's MATLAB v7.3 file, alone or in
a zip. Everything else is refused, and so is what its header shows to be too much.
"""

import hashlib
import itertools
import math
import os
from pathlib import Path

import numpy as np

from . import hdf5, packed
from .errors import InputError
from .files import MAX_IMAGES, MAX_PIXELS, as_path, reading, replacing

LABELS = 10
CHUNK = 1000  # images of one HDF5 chunk

# Origin, licence, and SHA-256 of the four uncompressed IDX files, in the order of IDX_FILES.
IDX_FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
KNOWN = {
    "mnist": (
        "MNIST handwritten digits: Yann LeCun, Corinna Cortes, Christopher J. C. Burges",
        "CC BY-SA 3.0",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": (
        "Fashion-MNIST: Han Xiao, Kashif Rasul, Roland Vollgraf, Zalando Research",
        "MIT, Copyright 2017 Zalando SE",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


def read(path, split):
    """Images uint8 [N, 1, H, W] and labels int64 [N] of one split; the forms are data.load's.

    Raises InputError for whatever is missing, unreadable, damaged, foreign or out of bounds.
    """
    if os.path.isdir(path):  # unlike Path's, it raises nothing where it may not look
        with reading(path, "give a folder that holds data"):
            return _read_folder(path, split)
    readers = {".h5": _read_h5, ".mat": _read_mat, ".zip": _read_zip, ".csv": _read_csv}
    readers[".npz"] = _read_npz
    remedy = f"give a file in one of {', '.join(readers)}, or the folder of IDX files"
    if path.suffix.lower() not in readers:
        raise InputError(f"{path} is no data file: {remedy}")
    return readers[path.suffix.lower()](path, split)


def build(source, target, name="mnist"):
    """Write the four IDX files in folder `source` (or in `source`/`name`) into one HDF5 file.

    The same input gives the same bytes (with the same zlib). For a name in KNOWN the files must be
    the published ones, by SHA-256. `target` is replaced whole or not at all.

    Raises InputError for a missing, damaged or foreign file and for an unwritable target.
    """
    origin, licence, *sums = KNOWN.get(name, ("not recorded", "not recorded"))
    files = [_find_idx(as_path(source), part, name) for part in IDX_FILES]
    arrays = [_read_idx(file) for file in files]
    digests = [hashlib.sha256(_idx_header(array) + array.tobytes()).hexdigest() for array in arrays]
    for file, digest, expected in zip(files, digests, sums or digests, strict=True):
        if digest != expected:
            raise InputError(f"{file} is not the published {name} file: download it again")
    for first in (0, 2):
        found = _checked(*arrays[first : first + 2], *files[first : first + 2])
        arrays[first] = _upright(*found, files[first])[0][:, 0]
    import h5py  # here and not above: it takes 20 MB, and training needs none of it

    # Two defaults that differ between releases of h5py are fixed, so that the bytes do not.
    libver = ("earliest", "v110")
    fill = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    fill.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    with replacing(target) as temporary:
        # In memory, for HDF5 crashes the process where a disk fills while it writes there.
        with h5py.File("memory", "w", libver=libver, driver="core", backing_store=False) as h:
            h.attrs.update(name=name, origin=origin, licence=licence)
            for part, array, digest in zip(IDX_FILES, arrays, digests, strict=True):
                h.attrs[f"sha256 of {part}"] = digest
                # No shuffle filter: it reorders the bytes of wider numbers and does nothing for
                # ours. Level 9 would save 2 % and take ten times as long.
                h.create_dataset(
                    part.replace("t10k", "test").replace("-", "_"),
                    data=array,
                    chunks=(min(CHUNK, len(array)), *array.shape[1:]),
                    compression="gzip",
                    compression_opts=6,
                    track_times=False,  # a time stamp would make two builds differ
                    dcpl=fill.copy(),
                )
            h.flush()
            content = h.id.get_file_image()
        temporary.write_bytes(content)


def looks_transposed(images, labels):
    """Whether the images labelled 1 lie on their side: clearly wider than they are tall.

    Digits "1" stand upright, and so do the trousers that are Fashion-MNIST's class 1: the variance
    of their ink is 5 times as large down as across, in both sets. (The slant of handwriting tells
    nothing, since transposing keeps it.) Images without a class 1, or as wide as tall, pass.
    """
    ink = images[labels == 1].sum(axis=(0, 1), dtype=np.float64)  # [H, W]
    if not ink.any():
        return False
    variance = []
    for profile in (ink.sum(axis=1), ink.sum(axis=0)):  # down, across
        at = np.arange(len(profile))
        variance.append(np.average((at - np.average(at, weights=profile)) ** 2, weights=profile))
    return bool(variance[1] > 2 * variance[0])


def _checked(images, labels, path, also=None):
    """uint8 [N, H, W] or [N, 1, H, W] and labels [N] -> both, checked.

    InputError names the path and, where the labels come from another, that one also.
    """
    where = f"{path} with {also.name}" if also else path
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] != 1 or not images.size or labels.ndim != 1:
        shapes = f"images {images.shape} and labels {labels.shape}"
        raise InputError(f"{where} has {shapes}: give at least one, as [N, 1, H, W] and [N]")
    if len(images) != len(labels):
        raise InputError(f"{where} has {len(images)} images, {len(labels)} labels: give as many")
    if not 0 <= labels.min() <= labels.max() < LABELS:
        raise InputError(f"{where} has a label outside 0..9: correct or remove it")
    return images, labels.astype(np.int64)


def _upright(images, labels, path):
    """Both, the images upright: EMNIST's are published on their side, others are refused so."""
    turned, emnist = images.transpose(0, 1, 3, 2), "emnist" in path.name.lower()
    if looks_transposed(images, labels):
        if not emnist:
            remedy = "swap the last two axes of image, or keep emnist in the name of EMNIST's file"
            raise InputError(f"{path} has digits on their side: {remedy}")
        return turned.copy(), labels
    if emnist and not looks_transposed(turned, labels):
        raise InputError(f"{path} does not show which way is up: give more images of the digit 1")
    return images, labels


def _find_idx(source, part, name="mnist"):
    """The IDX file of that part in a folder, or in its folder `name`; else EMNIST's digits."""
    emnist = [f"emnist-{kind}-{part.replace('t10k', 'test')}" for kind in ("digits", "mnist")]
    for stem, ending in itertools.product((part, *emnist), ("", ".gz")):
        for place in (source, source / name):
            # Some unpackers write a dot in place of the hyphen, or make a folder of that name.
            pattern = f"{stem}[-.]idx[13]-ubyte{ending}"
            found = sorted(place.glob(pattern))
            for file in (*found, *(file for folder in found for file in folder.glob(pattern))):
                if os.path.isfile(file):
                    return file
    raise InputError(f"{source} has no {part}-idx...-ubyte(.gz): give the folder of the IDX files")


def _read_folder(path, split):
    names = sorted(p.name for p in path.iterdir() if p.is_file() or "-ubyte" in p.name)
    mat, npz, csv = ([n for n in names if n.lower().endswith(s)] for s in (".mat", ".npz", ".csv"))
    csv = [n for n in csv if n != "sample_submission.csv"]  # Kaggle's, beside its train.csv
    if mat:
        return _read_mat(path / _pick(mat, split, path), split)
    if len(npz) == 1 and not any("-ubyte" in n for n in names):
        return _read_npz(path / npz[0], split)
    if csv and not any("-ubyte" in n for n in names):
        return _read_csv(path / _pick(csv, split, path), split)
    part = "train" if split == "train" else "t10k"
    files = [_find_idx(path, f"{part}-{kind}") for kind in ("images", "labels")]
    return _upright(*_checked(*map(_read_idx, files), *files), files[0])


def _idx_header(array):
    """The format, from MNIST's own page: 0, 0, 8 for bytes, number of sizes, sizes in 4 bytes."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()


def _read_idx(path):
    """One IDX file of bytes, plain or gzipped -> uint8 [N] or [N, H, W]."""
    remedy = "copy or download it again"
    with reading(path, remedy):
        content = packed.content(path, remedy, MAX_PIXELS)
        dimensions = 3 if "idx3" in path.name else 1
        start = 4 + 4 * dimensions
        if len(content) < start or content[:4] != bytes([0, 0, 8, dimensions]):
            raise InputError(f"{path} is no IDX file of {dimensions}-D bytes: {remedy}")
        shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
        if math.prod(shape) != len(content) - start:
            raise InputError(
                f"{path} does not hold the {math.prod(shape)} bytes it claims: {remedy}"
            )
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_h5(path, split):
    import h5py

    with reading(path, "make it again with `make data SOURCE=DIR`"), h5py.File(path) as h:
        images, labels = (hdf5.dataset(h, f"{split}_{part}", path) for part in ("images", "labels"))
        if images.dtype != np.uint8 or labels.dtype != np.uint8 or images.size > MAX_PIXELS:
            raise ValueError("not what build writes")
        return _checked(hdf5.whole(images), hdf5.whole(labels), path)


def _read_mat(path, split, file=None):
    """L1's layout: image and one-hot label; `file` holds it where the path is one inside a zip."""
    import h5py

    _pick([path.name], split, path.parent)
    remedy = "it must be MATLAB v7.3 (save it with '-v7.3') and hold image and label"
    with reading(path, remedy), h5py.File(file or path) as h:
        image, label = (hdf5.dataset(h, name, path) for name in ("image", "label"))
        count = len(image)
        if image.ndim != 4 or image.shape[1] != 1 or not 0 < image.size <= MAX_PIXELS:
            raise InputError(f"{path} has image {image.shape}: h5py must see [N, 1, width, height]")
        if len(label) != count or label.size != count * LABELS:
            raise InputError(f"{path} has label {label.shape}: give a one-hot [{count}, {LABELS}]")
        if count > MAX_IMAGES:
            raise InputError(f"{path} has {count} images: give at most {MAX_IMAGES}")
        one_hot = hdf5.whole(label).reshape(count, LABELS)
        if not (np.isin(one_hot, (0, 1)).all() and (one_hot.sum(axis=1) == 1).all()):
            raise InputError(f"{path} has a label that is not one-hot: give one 1 among ten zeros")
        images = np.empty(image.shape, np.uint8)
        # In parts, since all pixels as float64 at once would take 0.4 GB.
        unit = max(part.max() for _, part in hdf5.blocks(image)) <= 1
        for where, part in hdf5.blocks(image):
            pixels = part * np.float32(255 if unit else 1)
            whole = np.rint(pixels)  # NaN fails every comparison
            if not ((whole == pixels) | unit).all() or not (0 <= whole.min() <= whole.max() <= 255):
                raise InputError(f"{path} has pixels other than 0..1 or 0..255: scale them so")
            images[where] = whole
    # MATLAB stores columns first, so the last two axes arrive swapped.
    images = np.ascontiguousarray(images.transpose(0, 1, 3, 2))
    return _upright(*_checked(images, one_hot.argmax(axis=1), path), path)


def _pick(names, split, where):
    """The one name that belongs to the split (see `data.load`)."""
    fits = [n for n in names if ("test" in Path(n).stem.lower()) == (split == "test")]
    if len(fits) != 1:
        found, ending = (
            ", ".join(names)[:200] or "no .mat file",
            Path((names or ["x.mat"])[0]).suffix,
        )
        raise InputError(f"{where} holds {found}: give one with {split}{ending}, or another split")
    return fits[0]


def _read_zip(path, split):
    with reading(path, "copy or download it again"), packed.archive(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".mat")]
        names = [n for n in names if not Path(n).name.startswith("._")]  # macOS adds these
        name = _pick(names, split, path)
        return _read_mat(path / name, split, packed.unpacked(archive, name))


def _read_npz(path, split):
    remedy = "download it again, or save uint8 arrays x_train, y_train, x_test and y_test"
    with reading(path, remedy), packed.archive(path) as archive:
        return _upright(*_checked(*packed.npz(archive, split), path), path)


def _read_csv(path, split):
    _pick([path.name], split, path.parent)
    remedy = "each line must be a label and then the pixels 0..255 of a square image"
    with reading(path, remedy):
        return _upright(*_checked(*packed.csv(path, remedy), path), path)
