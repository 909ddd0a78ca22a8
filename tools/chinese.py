"""How Chinese is set in this course: spaces, punctuation, and one rendering for each term."""

import functools
import re
from pathlib import Path

TERMS = Path(__file__).resolve().parents[1] / "translations" / "zh" / "terms.md"

HAN = r"[\u4e00-\u9fff]"
FULL = r"[，。；：？！（）“”、《》—…]"
# What is set as it is: code and formulas, which count as a Latin word.
SET = re.compile(r"```.*?```|``.*?``|`[^`]*`|\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)\s]*\)")
LINK_TARGET = re.compile(r"\]\(([^)\s]*)\)")
TAG = re.compile(r"<[^>\u4e00-\u9fff]+>")

RULES = {
    "a space belongs between Chinese and Latin": re.compile(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9%]{HAN}"),
    "half-width punctuation in Chinese": re.compile(
        rf"{HAN} ?[,;:?!()\"]|[,;:?!()\"] ?{HAN}|{HAN}\.(?!\d)|\.{HAN}"
    ),
    "no space beside full-width punctuation": re.compile(rf" {FULL}|{FULL} +(?=\S)"),
    "no space between Chinese characters": re.compile(rf"{HAN} +{HAN}"),
}


def plain(text):
    """Markdown without marks: a formula or code as X, a link as its text."""
    text = SET.sub("X", text)
    for _ in range(2):  # a picture inside a link
        text = LINK.sub(r"\1", text)
    text = re.sub(r"\*+", "", TAG.sub("", text))
    text = re.sub(r"^ *(?:>|[-+]|\d+\.|#+) +", "", text, flags=re.MULTILINE)
    return re.sub(r" *\| *", "\n", text)  # the cells of a table, one by one


def faults(text):
    """What is set another way than the rest, with the place."""
    bare = plain(text)
    return [
        f"{rule}: ...{bare[max(0, hit.start() - 12) : hit.end() + 12]!r}"
        for rule, pattern in RULES.items()
        for hit in pattern.finditer(bare)
    ]


@functools.cache
def refused():
    """{a rendering that is not used: the one that is}, from terms.md."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", TERMS.read_text("utf-8"), re.M)
    return {
        other.strip(): term.strip()
        for _, term, others in rows
        if term.strip() not in ("中文", "---")
        for other in others.split("，")
        if other.strip()
    }


def mixed(text):
    """Renderings in a text that are not this course's."""
    return [f"{other}: write {term}" for other, term in refused().items() if other in text]


def lost(english, chinese):
    """Code, formulas, links and numbers of the English that the Chinese does not have."""
    kinds = {
        "code or formula": lambda text: SET.findall(text),
        "link": LINK_TARGET.findall,
        "heading": lambda text: re.findall(r"^#+(?= )", text, flags=re.MULTILINE),
        "placeholder": lambda text: re.findall(r"\{\w+\}", SET.sub("", text)),
        "number": lambda text: re.findall(r"\d+\.\d+", SET.sub("", text)),
    }
    found = []
    for kind, of in kinds.items():
        one, other = sorted(of(english)), sorted(of(chinese))
        if one != other:
            found.append(f"{kind}: English {one}, Chinese {other}")
    return found


def has_chinese(text):
    return re.search(HAN, text) is not None
