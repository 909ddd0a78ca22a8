"""Write files whole or not at all."""

import contextlib
import os
from pathlib import Path

from .errors import InputError


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; move it there at the end, or remove it on an error.

    So a file is written whole or not at all. Raises InputError where it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: choose a folder that you can write") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
