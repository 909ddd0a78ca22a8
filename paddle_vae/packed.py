"""What is packed as others pass MNIST on: zip, gzip, NumPy's .npz and CSV, unpacked in memory.

Each is read in bounded time and memory, whatever it claims, and gives plain arrays.
"""

import io
import itertools
import math
import os
import re
import zipfile

import numpy as np

from .errors import InputError
from .files import MAX_IMAGES, MAX_PIXELS, inflate, require_file

MAX_BYTES = 2**29  # of one file, unpacked; L1's train.mat is 0.4 GB as float64
PIECE = 2**20  # bytes read at a time, and so of a zip's table of contents too
LINES = 1000  # of a CSV file, read at a time


def content(path, remedy, most=MAX_BYTES):
    """The bytes of a file, or what they unpack to if they are gzip's, whatever the file's name."""
    blob = require_file(path, remedy, most).read_bytes()
    return inflate(blob, most, wbits=31) if blob[:2] == b"\x1f\x8b" else blob


class _Pieces(io.FileIO):
    """A file that gives little at once: zipfile reads a table of contents in one piece."""

    def read(self, size=-1):
        if size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > PIECE:
            raise ValueError("a table of contents without end")
        return super().read(size)


def archive(path):
    """The open zip file."""
    return zipfile.ZipFile(_Pieces(path))


def unpacked(zipped, name):
    """One member of an open zip file, as a file in memory.

    Raises InputError where it is too large, and ValueError for a rare compression.
    """
    member, memory = zipped.getinfo(name), io.BytesIO()
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("a compression whose memory is not bounded")
    if member.file_size > MAX_BYTES:
        remedy = f"give one of at most {MAX_BYTES >> 20} MB"
        raise InputError(f"{name[:80]!r} in {zipped.fp.name} unpacks to too much: {remedy}")
    with zipped.open(member) as file:
        while piece := file.read(PIECE):
            memory.write(piece)
    memory.seek(0)
    return memory


def npz(zipped, split):
    """Images and labels of a split: x_train and y_train as in Keras' file, or train_images ..."""
    names = [f"x_{split}", f"y_{split}"]
    if f"{names[0]}.npy" not in zipped.namelist():
        names = [f"{split}_images", f"{split}_labels"]
    images, labels = (_array(unpacked(zipped, f"{name}.npy")) for name in names)
    if images.dtype != np.uint8 or images.size > MAX_PIXELS or len(images) > MAX_IMAGES:
        raise ValueError("no bytes, or too many")
    return images, labels.reshape(len(labels))  # some have labels [N, 1]


def _array(file):
    """An array of whole numbers that numpy.save wrote; numpy.load would obey any header."""
    version, _ = np.lib.format.read_magic(file)
    shape, fortran, dtype = getattr(np.lib.format, f"read_array_header_{version}_0")(file)
    numbers = file.getbuffer()[file.tell() :]
    if dtype.kind not in "ui" or math.prod(shape) * dtype.itemsize != len(numbers):
        raise ValueError("no whole numbers, or not as many as there should be")
    return np.frombuffer(numbers, dtype).reshape(shape, order="F" if fortran else "C")


def csv(path, remedy):
    """Images and labels of lines "label, pixels of a square image"; the first may name them."""
    file = io.BytesIO(content(path, remedy).removeprefix(b"\xef\xbb\xbf"))
    first = file.readline(PIECE)
    columns = first.count(b",") + 1
    side, named = math.isqrt(columns - 1), not first[:1].isdigit()
    if not columns == side**2 + 1 >= 2 or (named and b"label" not in first.split(b",")[0].lower()):
        raise InputError(
            f"{path} has {columns} columns and no label (as Kaggle's test.csv): {remedy}"
        )
    if not named:
        file.seek(0)
    found, count = [], 0
    limited = iter(lambda: file.readline(8 * columns), b"")
    while lines := list(itertools.islice(limited, LINES)):
        count += len(lines)
        # NumPy 1 would take 1.5 for 1, and 256 or more for what its last byte says.
        if re.search(rb"[^0-9, \t\r\n]|\d{4}", b"".join(lines)) or count > MAX_IMAGES:
            raise ValueError("other than whole numbers 0..255, or too many")
        if any(line.strip() for line in lines):
            rows = np.loadtxt(lines, np.int16, comments=None, delimiter=",", ndmin=2)
            if rows.shape[1] != columns or rows.max() > 255:
                raise ValueError("lines of different lengths, or too high a number")
            found.append(rows.astype(np.uint8))
    table = np.concatenate(found)  # [N, 1 + side * side]
    return table[:, 1:].reshape(-1, side, side), table[:, 0]
