"""The Chinese edition: what is to be translated, and the files that come of it.

    python -m tools.translate          bring translations/zh/*.po up to date, and list what is to do
    python -m tools.translate --build  write notebooks/zh/, README.zh-CN.md and the others

A translation is found by its English text. Where the English has changed, its entry is fuzzy (and
shows the change) until somebody has looked at it; such an entry counts as missing.
"""

import argparse
import difflib
import functools
import json
import re

import exercises

import nbformat
import polib

from . import committed, pages
from .messages import DOCUMENTS, NOTEBOOKS, ROOT, blocks, messages, names, translatable
from .pages import exercise_of

CATALOGS = ROOT / "translations" / "zh"
ALIKE = 0.6  # from this share on, two texts are versions of one


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.translate", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="how the catalogs begin, 02 for one; default: all")
    parser.add_argument("--build", action="store_true", help="write the Chinese files")
    args = parser.parse_args(argv)
    chosen = [n for n in names() if not args.names or n.startswith(tuple(args.names))]
    if args.build:
        left = [problem for name in names() for problem in problems(name)]
        print("\n\n".join(left) if left else "all is translated")
        if not left:
            write()
        return bool(left)
    for name in chosen:
        update(name)
        left = problems(name)
        print("\n\n".join([f"{path(name).relative_to(ROOT)}: {len(left)} to do", *left]))
    return 0


# ---- catalogs --------------------------------------------------------------


def path(name):
    return CATALOGS / f"{name}.po"


def read(name):
    """The entries of a catalog, by their English."""
    if not path(name).exists():
        return {}
    return {entry.msgid: entry for entry in polib.pofile(path(name)) if not entry.obsolete}


def done(entry):
    return bool(entry.msgstr) and not entry.fuzzy


def update(name):
    """Give every message of the course its entry, in order; keep the translations that hold."""
    old, new = read(name), messages(name)
    gone = {text: old[text] for text in old.keys() - {message.text for message in new}}
    catalog = polib.POFile(wrapwidth=98)
    catalog.metadata = {"Language": "zh_CN", "Content-Type": "text/plain; charset=utf-8"}
    for message in new:
        entry = polib.POEntry(msgid=message.text, comment=message.kind)
        if message.text in old:
            kept = old[message.text]
            entry.msgstr, entry.flags, entry.tcomment = kept.msgstr, kept.flags, kept.tcomment
            entry.previous_msgid = kept.previous_msgid
        elif before := closest(message.text, gone):
            entry.msgstr, entry.previous_msgid = gone[before].msgstr, before
            entry.flags = ["fuzzy"] if entry.msgstr else []
        catalog.append(entry)
    path(name).parent.mkdir(parents=True, exist_ok=True)
    catalog.save(path(name))


def closest(text, others):
    found = difflib.get_close_matches(text, list(others), n=1, cutoff=ALIKE)
    return found[0] if found else None


def problems(name):
    """Why a catalog is not whole: a sentence for each text, with the change of the English."""
    old, new, found = read(name), messages(name), []
    texts = {message.text for message in new}
    gone = {text: entry for text, entry in old.items() if text not in texts}
    for message in new:
        entry = old.get(message.text)
        if entry is not None and done(entry):
            continue
        before = entry.previous_msgid if entry is not None else closest(message.text, gone)
        if before:
            gone.pop(before, None)
            found.append(
                f"{message.where}: the English has changed\n{change(before, message.text)}"
            )
        else:
            found.append(f"{message.where}: not translated\n    {message.text[:200]!r}")
    found += [f"{path(name).name}: of a text that is no more\n    {t[:200]!r}" for t in gone]
    return found


def change(before, after):
    """The sentences that differ, the old ones with a minus."""
    lines = [re.split(r"(?<=[.!?:])\s+|\n+", text) for text in (before, after)]
    return "\n".join(f"    {line}" for line in difflib.ndiff(*lines) if line[0] in "-+")


@functools.cache
def table(name):
    """{English: Chinese} of a catalog, finished entries only."""
    return {text: entry.msgstr for text, entry in read(name).items() if done(entry)}


# ---- the files that come of it ---------------------------------------------


def write():
    for file, content in edition().items():
        (ROOT / file).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / file).write_text(content, encoding="utf-8")
        print(file)


def edition():
    """All Chinese files -> {path from the root: text}."""
    made = {"exercises/zh.json": said()}
    for name in names():
        if name in DOCUMENTS:
            source, target = DOCUMENTS[name]
            made[target] = document(name, (ROOT / source).read_text(encoding="utf-8"))
        elif (NOTEBOOKS / f"{name}.ipynb").exists():
            made[f"notebooks/zh/{name}.ipynb"] = committed.text(notebook(name))
    return made


def said():
    """What the exercises say, for them to look up while a notebook runs."""
    found = {text: table("exercises")[text] for text in _texts("exercises")}
    for name in exercises.names():
        for exercise in exercises.load(name):
            found |= {text: table(name)[text] for text in exercise.messages()}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _texts(name):
    return [message.text for message in messages(name)]


def document(name, source):
    """A Markdown file in Chinese."""
    parts = [table(name)[p] if translatable(p) else p for p in blocks(source)]
    text = "".join(parts)
    if name == "glossary":
        return relinked(text)
    # A document leads to its Chinese sisters, and to its own twin.
    text = re.sub(
        r"\]\((README|TEACHING)(\.zh-CN)?\.md",
        lambda found: f"]({found[1]}{'' if found[2] else '.zh-CN'}.md",
        text,
    )
    text = text.replace("](notebooks/glossary.md", "](notebooks/zh/glossary.md")
    return re.sub(r"\]\(notebooks/(?=\d\d_)", "](notebooks/zh/", text)


def notebook(name):
    """A notebook with its Chinese text: the same cells, code and outputs."""
    made, spoken = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4), table(name)
    found = exercises.load(name) if name in exercises.names() else None
    say = {**table("exercises"), **spoken}
    captions = []
    for cell in made.cells:
        if cell.metadata.get("alt"):
            cell.metadata.alt = [spoken[text] for text in cell.metadata.alt]
            captions += cell.metadata.alt
        if cell.cell_type != "markdown":
            continue
        if (exercise := exercise_of(cell)) is not None:
            text = getattr(found, exercise).markdown(say.__getitem__)
        else:
            text = relinked(spoken[cell.source])
        # The figures above have English words in them: here is what they show.
        above = "".join(f"> **图**：{caption}\n\n" for caption in captions)
        cell.source, captions = above + text, []
    return committed.normalise(made)


def relinked(text):
    """Links of a text in notebooks/ that hold in notebooks/zh/."""
    text = re.sub(r"\]\((?=\.\./|solutions/)", "](../", text)
    return re.sub(r"glossary\.md#([\w-]+)", lambda m: f"glossary.md#{anchors()[m[1]]}", text)


@functools.cache
def anchors():
    """{the anchor of an English term: the anchor of the Chinese one}."""
    heads = [text for text in _texts("glossary") if text.startswith("#")]
    slug = {text: pages.slugify(text.lstrip("# ")) for text in heads}
    return {slug[text]: pages.slugify(table("glossary")[text].lstrip("# ")) for text in heads}


if __name__ == "__main__":
    raise SystemExit(main())
