"""Which exercises a learner has solved, in a file of their own, outside the checkout.

$PADDLE_VAE_PROGRESS names it; else it is ~/.paddle_vae/progress.json. Where it cannot be written,
nothing is remembered, and nothing fails.
"""

import contextlib
import json
import os
from pathlib import Path

from paddle_vae.files import replacing


def path():
    own = os.environ.get("PADDLE_VAE_PROGRESS")
    return Path(own).expanduser() if own else Path("~/.paddle_vae/progress.json").expanduser()


def read():
    """The set of solved exercises, as "02_vae.kl"."""
    try:
        found = json.loads(path().read_text("utf-8"))
        return {name for name in found if isinstance(name, str)}
    except (OSError, ValueError, TypeError, RuntimeError):
        return set()


def add(name):
    """Remember that an exercise was solved."""
    done = read()
    if name in done:
        return
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # InputError is a ValueError
        file = path()
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(sorted(done | {name}), indent=1) + "\n", "utf-8")
