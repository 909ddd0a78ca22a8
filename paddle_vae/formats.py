"""The forms in which images and labels come: HDF5, the IDX files that MNIST and Fashion-MNIST are
published as, and lesson L1's MATLAB v7.3 file, alone or in a zip. Everything else is refused.
"""

import contextlib
import gzip
import hashlib
import io
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .errors import InputError
from .files import replacing

LABELS = 10
MAX_PIXELS = 2**28  # five times MNIST; a header that claims more is damaged, or made to fill memory
MAX_MAT_BYTES = 2**31  # unpacked in memory; L1's train.mat is 0.4 GB as float64
CHUNK = 1000  # images read at a time

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
# What the readers below raise on damaged files, in all: h5py, gzip, zipfile, zlib, NumPy.
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
DAMAGE += (OverflowError, zlib.error, zipfile.BadZipFile)


def read(path, split):
    """Images uint8 [N, 1, H, W] and labels int64 [N] of one split; the forms are data.load's."""
    if path.is_dir():
        return _read_folder(path, split)
    readers = {".h5": _read_h5, ".mat": _read_mat, ".zip": _read_zip}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path} is no data file: give an .h5, .mat or .zip file, or a folder")
    return readers[path.suffix.lower()](path, split)


def build(source, target, name="mnist"):
    """Write the four IDX files in folder `source` (or in `source`/`name`) into one HDF5 file.

    The same input gives the same bytes (with the same zlib). For a name in KNOWN the files must be
    the published ones, by SHA-256. `target` is replaced whole or not at all.

    Raises InputError for a missing, damaged or foreign file and for an unwritable target.
    """
    origin, licence, *sums = KNOWN.get(name, ("not recorded", "not recorded"))
    files = [_find_idx(Path(source), part, name) for part in IDX_FILES]
    arrays, digests = zip(*map(_read_idx, files), strict=True)
    for file, digest, expected in zip(files, digests, sums or digests, strict=True):
        if digest != expected:
            raise InputError(f"{file} is not the published {name} file: download it again")
    _checked(*arrays[:2], f"{files[0]} with {files[1].name}")
    _checked(*arrays[2:], f"{files[2]} with {files[3].name}")
    import h5py  # here and not above: it takes 20 MB, and training needs none of it

    # Two defaults that differ between releases of h5py are fixed, so that the bytes do not.
    libver = ("earliest", "v110")
    fill = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    fill.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    with replacing(target) as temporary, h5py.File(temporary, "w", libver=libver) as h:
        h.attrs.update(name=name, origin=origin, licence=licence)
        for part, array, digest in zip(IDX_FILES, arrays, digests, strict=True):
            h.attrs[f"sha256 of {part}"] = digest
            # No shuffle filter: it reorders the bytes of wider numbers and does nothing for ours.
            # Level 9 would save 2 % and take ten times as long.
            h.create_dataset(
                part.replace("t10k", "test").replace("-", "_"),
                data=array,
                chunks=(min(CHUNK, len(array)), *array.shape[1:]),
                compression="gzip",
                compression_opts=6,
                track_times=False,  # a time stamp would make two builds differ
                dcpl=fill.copy(),
            )


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


@contextlib.contextmanager
def _explained(path, remedy):
    """Turn whatever a damaged file makes its reader raise into one sentence."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} is damaged, incomplete or of another kind: {remedy}") from error


def _checked(images, labels, where):
    """uint8 [N, H, W] or [N, 1, H, W] and labels [N] -> both, checked; InputError names `where`."""
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] != 1 or not images.size or labels.ndim != 1:
        shapes = f"images {images.shape} and labels {labels.shape}"
        raise InputError(f"{where} has {shapes}: give at least one, as [N, 1, H, W] and [N]")
    if len(images) != len(labels):
        raise InputError(f"{where} has {len(images)} images, {len(labels)} labels: give as many")
    if labels.max() >= LABELS:
        raise InputError(f"{where} has a label outside 0..9: correct or remove it")
    return images, labels.astype(np.int64)


def _find_idx(source, part, name="mnist"):
    for ending in ("", ".gz"):
        for place in (source, source / name):
            for file in sorted(place.glob(f"{part}[-.]idx[13]-ubyte{ending}")):
                return file  # some unpackers write a dot in place of the hyphen
    raise InputError(f"{source} has no {part}-idx...-ubyte(.gz): give the folder of the IDX files")


def _read_folder(path, split):
    names = sorted(p.name for p in path.iterdir() if p.suffix.lower() == ".mat")
    if names:
        return _read_mat(path / _pick(names, split, path), split)
    part = "train" if split == "train" else "t10k"
    files = [_find_idx(path, f"{part}-{kind}") for kind in ("images", "labels")]
    return _checked(*(_read_idx(f)[0] for f in files), f"{files[0]} with {files[1].name}")


def _read_idx(path):
    """One IDX file of bytes -> uint8 [N] or [N, H, W], and the SHA-256 of its content.

    The format, from MNIST's own page: 0, 0, 8 for bytes, number of sizes, each size in 4 bytes.
    """
    remedy = "copy or download it again"
    opener = gzip.open if path.suffix == ".gz" else open
    with _explained(path, remedy), opener(path, "rb") as file:
        dimensions = 3 if "idx3" in path.name else 1
        header = file.read(4 + 4 * dimensions)
        if len(header) != 4 + 4 * dimensions or header[:4] != bytes([0, 0, 8, dimensions]):
            raise InputError(f"{path} is no IDX file of {dimensions}-D bytes: {remedy}")
        shape = tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))
        size = math.prod(shape)
        body = file.read(min(size, MAX_PIXELS) + 1)  # one more than there should be
        if len(body) != size:
            raise InputError(f"{path} does not hold the {size} bytes it claims: {remedy}")
    digest = hashlib.sha256(header + body).hexdigest()
    return np.frombuffer(body, np.uint8).reshape(shape), digest


def _read_h5(path, split):
    import h5py

    with _explained(path, "make it again with `make data SOURCE=DIR`"), h5py.File(path) as h:
        images, labels = h[f"{split}_images"], h[f"{split}_labels"]
        if images.dtype != np.uint8 or labels.dtype != np.uint8 or images.size > MAX_PIXELS:
            raise ValueError("not what build writes")
        return _checked(images[...], labels[...], path)


def _pick(names, split, where):
    """The one name that belongs to the split (see `load`)."""
    fits = [n for n in names if ("test" in Path(n).stem.lower()) == (split == "test")]
    if len(fits) != 1:
        found = ", ".join(names) or "no .mat file"
        raise InputError(f"{where} holds {found}: give one with {split}.mat, or another split")
    return fits[0]


def _read_zip(path, split):
    with _explained(path, "copy or download it again"), zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".mat")]
        names = [n for n in names if not Path(n).name.startswith("._")]  # macOS adds these
        name = _pick(names, split, path)
        if archive.getinfo(name).file_size > MAX_MAT_BYTES:
            raise InputError(f"{path} unpacks to over 2 GB: give L1's train.mat alone")
        return _read_mat(path / name, split, io.BytesIO(archive.read(name)))


def _read_mat(path, split, file=None):
    """L1's layout as h5py sees it: image [N, 1, W, H], pixels 0..1 or 0..255; label one-hot."""
    import h5py

    _pick([path.name], split, path.parent)
    remedy = "it must be MATLAB v7.3 (save it with '-v7.3') and hold image and label"
    with _explained(path, remedy), h5py.File(file or path) as h:
        image, label = h["image"], h["label"]
        count = len(image)
        if image.ndim != 4 or image.shape[1] != 1 or not 0 < image.size <= MAX_PIXELS:
            raise InputError(f"{path} has image {image.shape}: h5py must see [N, 1, width, height]")
        if len(label) != count or label.size != count * LABELS:
            raise InputError(f"{path} has label {label.shape}: give a one-hot [{count}, {LABELS}]")
        one_hot = label[...].reshape(count, LABELS)
        if not (np.isin(one_hot, (0, 1)).all() and (one_hot.sum(axis=1) == 1).all()):
            raise InputError(f"{path} has a label that is not one-hot: give one 1 among ten zeros")
        images = np.empty((count, 1, *image.shape[:1:-1]), np.uint8)  # [N, 1, H, W]
        # In parts, since all pixels as float64 at once would take 0.4 GB.
        parts = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
        unit = max(image[rows].max() for rows in parts) <= 1
        for rows in parts:
            pixels = image[rows] * np.float32(255 if unit else 1)
            whole = np.rint(pixels)  # NaN fails every comparison
            if not ((whole == pixels) | unit).all() or not (0 <= whole.min() <= whole.max() <= 255):
                raise InputError(f"{path} has pixels other than 0..1 or 0..255: scale them so")
            # MATLAB stores columns first, so the last two axes arrive swapped.
            images[rows] = whole.transpose(0, 1, 3, 2)
        labels = one_hot.argmax(axis=1)
    if looks_transposed(images, labels):
        raise InputError(f"{path} has digits on their side: swap the last two axes of image")
    return _checked(images, labels, path)
