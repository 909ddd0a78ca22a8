"""Data sets of an HDF5 file, in bounded time and memory whatever the file claims.

HDF5's own reader follows a data set into other files and pipes, gives zeros where a source is
missing, and unpacks a chunk to any size. So storage is checked here before anything is read, and
chunks are unpacked here.
"""

import itertools
import math

import numpy as np

from .errors import InputError
from .files import inflate

MAX_BYTES = 2**31  # of one data set, unpacked: 2^28 pixels as float64
MAX_CHUNK = 2**27  # bytes
MAX_CHUNKS = 2**17  # MNIST with a chunk for every image has 60,000
BLOCK = 2**20  # bytes of unchunked data read at once


def dataset(file, name, path):
    """The data set of that name in an open h5py.File, whose numbers all lie in this file.

    Raises InputError, which names the path, where they lie elsewhere, and ValueError for anything
    else; nothing but headers is read.
    """
    import h5py

    link = file.get(name, getlink=True)
    found = file[name] if isinstance(link, h5py.HardLink) else None
    elsewhere = isinstance(link, (h5py.SoftLink, h5py.ExternalLink))
    if elsewhere or (isinstance(found, h5py.Dataset) and (found.is_virtual or found.external)):
        raise InputError(
            f"{path} has {name} in another place or file: copy its numbers into {name}"
        )
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"no data set {name}")
    kind = h5py.h5t.py_create(found.dtype)
    if found.dtype.kind not in "uif" or not found.id.get_type().equal(kind) or not found.shape:
        raise ValueError(f"{name} is no array of plain numbers")
    size = math.prod(found.shape) * found.dtype.itemsize
    stored = found.id.get_storage_size()
    if found.chunks is None:
        whole = stored == size <= MAX_BYTES
    else:
        chunk = math.prod(found.chunks) * found.dtype.itemsize
        count = math.prod(_grid(found, len))
        whole = chunk <= MAX_CHUNK and count <= MAX_CHUNKS and count * chunk <= MAX_BYTES
        # Only one that is not compressible is larger compressed, and little so.
        whole = whole and found.id.get_num_chunks() == count and stored <= 2 * count * chunk
    if not whole:
        raise ValueError(f"{name} claims more than it holds, or too much")
    return found


def _grid(found, function):
    """For each axis, the function of the range of the chunks' first indices."""
    return [function(range(0, n, c)) for n, c in zip(found.shape, found.chunks, strict=True)]


def blocks(found):
    """Yield the parts of what `dataset` gave, each as (its slices, array), in bounded memory."""
    if found.chunks is None:
        rows = max(1, BLOCK * len(found) // max(1, found.nbytes))
        for start in range(0, len(found), rows):
            yield slice(start, start + rows), found[start : start + rows]
        return
    # Once for all chunks, since h5py asks HDF5 each time.
    shape, chunks, dtype, filters = found.shape, found.chunks, found.dtype, _filters(found)
    size = math.prod(chunks) * dtype.itemsize
    for at in itertools.product(*_grid(found, iter)):
        skipped, content = found.id.read_direct_chunk(at)
        for number, undo in reversed(list(enumerate(filters))):
            if not skipped >> number & 1:
                content = undo(content, size)
        # Chunks at the edges reach beyond the array.
        where = tuple(slice(a, min(a + c, n)) for a, c, n in zip(at, chunks, shape, strict=True))
        chunk = np.frombuffer(content, dtype).reshape(chunks)
        yield where, chunk[tuple(slice(part.stop - part.start) for part in where)]


def _filters(found):
    """What undoes each filter, in the order in which they were applied."""
    import h5py

    def unshuffled(content, size):
        planes = np.frombuffer(content, np.uint8).reshape(found.dtype.itemsize, -1)
        return planes.T.tobytes()

    undo = {h5py.h5z.FILTER_DEFLATE: inflate, h5py.h5z.FILTER_SHUFFLE: unshuffled}
    properties = found.id.get_create_plist()
    return [undo[properties.get_filter(i)[0]] for i in range(properties.get_nfilters())]


def whole(found):
    """All of what `dataset` gave -> array."""
    array = np.empty(found.shape, found.dtype)
    for where, block in blocks(found):
        array[where] = block
    return array
