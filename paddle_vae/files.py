"""Paths and files: read only what is a file, and write whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import zlib
from pathlib import Path

from .errors import InputError

MAX_PIXELS = 2**28  # five times MNIST; a header that claims more is damaged, or made to fill memory
MAX_IMAGES = 2**20


def as_path(value, what="path"):
    """Text or a pathlib.Path -> Path, with ~ expanded to the home folder.

    Raises InputError for another type, and for text that no path can be: empty, too long, a NUL.
    """
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise InputError(f"{what} is a {type(value).__name__}: give text or a pathlib.Path")
    text = os.path.expanduser(os.fspath(value))
    try:
        os.lstat(text or "\0")  # only to learn whether it could be a path
    except (OSError, ValueError) as error:
        if getattr(error, "errno", 0) in (0, errno.ENAMETOOLONG, errno.EINVAL):
            raise InputError(
                f"{what} is {text[:60]!r}, which no path can be: correct it"
            ) from error
    return Path(text)


def require_file(path, remedy, most=2**30):
    """`as_path`, where a regular file of at most that many bytes lies, or a link to one.

    So nothing waits for a pipe or a device. Raises InputError, with the remedy, for all else.
    """
    path = as_path(path)
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} does not exist: {remedy}") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is no file: {remedy}")
    if found.st_size > most:
        raise InputError(f"{path} is larger than {most >> 20} MB: {remedy}")
    return path


@contextlib.contextmanager
def reading(path, remedy):
    """Turn whatever a locked, unreadable or damaged file makes its reader raise into a sentence."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each reader has exceptions of its own, and hostile files find more
        if isinstance(error, OSError) and error.errno:
            raise _unreadable(path, error) from error
        raise InputError(f"{path} is damaged, incomplete or of another kind: {remedy}") from error


def _unreadable(path, error):
    remedy = "change who may read it, or close the program that has it open"
    return InputError(f"{path} cannot be read ({os.strerror(error.errno)}): {remedy}")


def inflate(blob, most, wbits=zlib.MAX_WBITS):
    """Decompress one whole zlib stream (or gzip, with wbits=31) to at most that many bytes.

    Raises ValueError for more, and zlib.error for damage.
    """
    stream = zlib.decompressobj(wbits)
    try:
        content = stream.decompress(blob, most + 1)
    except zlib.error as error:
        if "Error -2" not in str(error):  # which no content can cause
            raise
        remedy = "import paddle_vae before paddle"
        raise InputError(f"zlib is broken by Paddle 2.6.2's own: {remedy}") from error
    if len(content) > most or not stream.eof or stream.unused_data:
        raise ValueError("more or fewer bytes than there should be")
    return content


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; move it there at the end, or remove it on an error.

    So a file is written whole or not at all. A link stays, and what it points to is written.
    Raises InputError where it cannot be written, and where something stands that is no file.
    """
    path = as_path(path)
    temporary = None
    try:
        target = Path(os.path.realpath(path))
        mode = os.lstat(target).st_mode if os.path.lexists(target) else None
        if mode is not None and not stat.S_ISREG(mode):
            raise InputError(f"{path} is no file that can be replaced: give another path")
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "write-protected")
        # A part of the name, for the whole of it may be as long as a name can be.
        temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}.tmp")
        yield temporary
        if mode is not None:
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        remedy = "choose a folder that exists and that you can write"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            remedy = "the disk is full, so free some space"
        raise InputError(f"{path} cannot be written: {remedy}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
