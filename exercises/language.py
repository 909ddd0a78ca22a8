"""In which language the exercises speak: English, or the Chinese of exercises/zh.json.

$PADDLE_VAE_LANG says which; else the edition, that is notebooks/zh where a Chinese notebook runs;
else the system's language ($LC_ALL, $LC_MESSAGES, $LANG). `make zh` writes zh.json.
"""

import functools
import json
import os
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("zh.json")


def chosen():
    """The language of what a learner reads: "zh" or "en"."""
    own = os.environ.get("PADDLE_VAE_LANG")
    if own:
        return "zh" if own.lower().startswith("zh") else "en"
    if Path.cwd().name == "zh":  # a kernel starts in its notebook's folder
        return "zh"
    system = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if system.lower().startswith("zh") else "en"


def say(text):
    """A text of the exercises in the chosen language; in English where no translation is known."""
    return table().get(text, text) if chosen() == "zh" else text


@functools.cache
def table():
    """{English: Chinese}."""
    return json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}
