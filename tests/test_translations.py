"""The Chinese edition: whole, of today's English, and set as terms.md says."""

import json

import exercises
from exercises import language
from tools import chinese, committed, messages, translate
from tools.pages import exercise_of

import nbformat
import polib
import pytest

ROOT = messages.ROOT
each_catalog = pytest.mark.parametrize("name", messages.names())


def chinese_files():
    files = ["README.zh-CN.md", "TEACHING.zh-CN.md", "exercises/zh.json"]
    folder = ROOT / "notebooks" / "zh"
    return {*files, *(path.relative_to(ROOT).as_posix() for path in folder.iterdir())}


# ---- nothing is missing, and nothing has drifted ---------------------------


@each_catalog
def test_every_text_has_its_translation(name):
    found = translate.problems(name)
    assert not found, "make translate, and translate:\n\n" + "\n\n".join(found)


def test_the_chinese_files_are_made_of_the_catalogs():
    made = translate.edition()
    assert set(made) == chinese_files() - {"notebooks/zh/solutions"}
    for file, content in made.items():
        same = (ROOT / file).read_text(encoding="utf-8") == content
        assert same, f"{file} was edited by hand, or is old: change translations/zh/, then make zh"


@pytest.mark.parametrize("path", sorted(messages.NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_code_and_outputs_are_the_english_ones(path):
    english, other = (
        nbformat.read(file, as_version=4).cells for file in (path, path.parent / "zh" / path.name)
    )
    assert [cell.id for cell in english] == [cell.id for cell in other]
    for mine, theirs in zip(english, other, strict=True):
        assert mine.cell_type == theirs.cell_type
        if mine.cell_type == "markdown":
            assert mine.source != theirs.source
            continue
        assert mine.source == theirs.source
        assert [bare(output) for output in mine.outputs] == [bare(o) for o in theirs.outputs]


def bare(output):
    """An output without the texts of its pictures for those who cannot see them."""
    return {key: value for key, value in output.items() if key != "metadata"}


def test_links_of_the_chinese_notebooks_lead_to_files():
    for path in (ROOT / "notebooks" / "zh").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for link in chinese.LINK_TARGET.findall(cell.source) * (cell.cell_type == "markdown"):
                file, _, anchor = link.partition("#")
                if "://" in link or not file:
                    continue
                target = (path.parent / file).resolve()
                assert target.exists(), f"{path.name}: {link}"
                if target.name == "glossary.md" and anchor:
                    assert anchor in translate.anchors().values(), f"{path.name}: {link}"


# ---- drift is seen, on a catalog of our own --------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one short README and its catalog -> a function that rewrites the README."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(translate, "ROOT", tmp_path)
    monkeypatch.setattr(translate, "CATALOGS", tmp_path / "translations")

    def write(text):
        (tmp_path / "README.md").write_text(text, encoding="utf-8")

    write("# A course\n\nIt has two notebooks. They are short.\n\n```\nmake lesson\n```\n")
    translate.update("README")
    fill("README", {"# A course": "# 一门课", "It has two notebooks. They are short.": "有两本。"})
    translate.table.cache_clear()
    yield write
    translate.table.cache_clear()


def fill(name, texts):
    catalog = polib.pofile(translate.path(name))
    for entry in catalog:
        entry.msgstr = texts.get(entry.msgid, entry.msgstr)
    catalog.save()


def test_a_whole_catalog_has_no_problems(course):
    assert translate.problems("README") == []
    source = (messages.ROOT / "README.md").read_text(encoding="utf-8")
    made = translate.document("README", source)
    assert made == "# 一门课\n\n有两本。\n\n```\nmake lesson\n```\n"


def test_a_changed_text_is_named_with_its_change(course):
    course("# A course\n\nIt has three notebooks. They are short.\n")
    (problem,) = translate.problems("README")
    assert problem.startswith("README.md: It has three") and "has changed" in problem
    assert "- It has two notebooks." in problem and "+ It has three notebooks." in problem
    assert "They are short" not in problem.split("\n", 1)[1]


def test_an_update_keeps_what_holds_and_marks_what_changed(course):
    course("# A course\n\nNew.\n\nIt has three notebooks. They are short.\n")
    translate.update("README")
    entries = translate.read("README")
    assert list(entries) == ["# A course", "New.", "It has three notebooks. They are short."]
    assert entries["# A course"].msgstr == "# 一门课" and not entries["# A course"].fuzzy
    changed = entries["It has three notebooks. They are short."]
    assert changed.fuzzy and changed.msgstr == "有两本。" and not translate.done(changed)
    missing, fuzzy = translate.problems("README")
    assert "not translated" in missing and "- It has two notebooks." in fuzzy
    translate.update("README")  # again: the change is still known
    assert translate.problems("README") == [missing, fuzzy]


def test_a_text_that_is_gone_is_named(course):
    course("# A course\n")
    (problem,) = translate.problems("README")
    assert "no more" in problem and "two notebooks" in problem


def test_an_inserted_text_moves_no_other(course):
    course("First.\n\n# A course\n\nIt has two notebooks. They are short.\n")
    (problem,) = translate.problems("README")
    assert "First." in problem


# ---- how it is set ---------------------------------------------------------


@each_catalog
def test_setting_and_terms(name):
    wrong = []
    for entry in translate.read(name).values():
        found = chinese.faults(entry.msgstr) + chinese.mixed(entry.msgstr)
        found += chinese.lost(entry.msgid, entry.msgstr)
        wrong += [f"{entry.msgid[:50]!r}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "用 2 个数，取 $z$ 的均值。",
        "`fit` 返回（见下）：**证据下界**（ELBO）。",
        "[一课](a.md#b)是 3.5 的",
    ],
)
def test_well_set(text):
    assert chinese.faults(text) == []


@pytest.mark.parametrize(
    "text",
    ["用2个数", "取$z$的均值", "一, 二", "一（二)", "一 。", "一 二", "0.5.然后", "用 `fit`返回"],
)
def test_badly_set(text):
    assert chinese.faults(text)


def test_one_rendering_for_each_term():
    assert chinese.mixed("隐变量") == ["隐变量: write 潜变量"] and not chinese.mixed("潜变量")
    rows = [line.split("|") for line in chinese.TERMS.read_text("utf-8").splitlines()]
    known = {row[1].strip().lower() for row in rows if len(row) > 1}
    terms = [m.text[3:].lower() for m in messages.messages("glossary") if m.text[:3] == "## "]
    assert len(terms) > 50 and set(terms) <= known, set(terms) - known


def test_what_a_translation_loses():
    english = "## A\n\nSee [it](x.md): $a$ is 0.5 of `b`, {name}."
    assert chinese.lost(english, "## 甲\n\n见[它](x.md)：$a$ 是 `b` 的 0.5，{name}。") == []
    assert len(chinese.lost(english, "见[它](y.md)：$c$ 是 `b` 的 0.6。")) == 5


# ---- exercises in the reader's language ------------------------------------


@pytest.mark.parametrize(
    "own, folder, system, expected",
    [
        ("zh", "notebooks", "en_US.UTF-8", "zh"),
        ("en", "zh", "zh_CN.UTF-8", "en"),
        (None, "zh", "en_US.UTF-8", "zh"),
        (None, "notebooks", "zh_CN.UTF-8", "zh"),
        (None, "notebooks", "C", "en"),
    ],
)
def test_which_language(tmp_path, monkeypatch, own, folder, system, expected):
    for name in ("PADDLE_VAE_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    if own:
        monkeypatch.setenv("PADDLE_VAE_LANG", own)
    monkeypatch.setenv("LANG", system)
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    assert language.chosen() == expected


def test_a_check_speaks_chinese(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PADDLE_VAE_LANG", "zh")
    monkeypatch.setenv("PADDLE_VAE_PROGRESS", str(tmp_path / "progress.json"))
    ex = exercises.load("02_vae")
    ex.kl.check(lambda mean, logvar: ex.kl.wrong["mean of dimensions"].function(mean, logvar))
    ex.kl.hint()
    ex.kl.check()
    ex.progress()
    text = capsys.readouterr().out
    said = json.loads((ROOT / "exercises" / "zh.json").read_text(encoding="utf-8"))
    assert said[ex.kl.hints[0]] in text
    assert not [line for line in text.splitlines() if not chinese.has_chinese(line)]


def test_every_exercise_is_chinese_in_the_chinese_notebook():
    for path in (ROOT / "notebooks" / "zh").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if exercise_of(cell) and cell.cell_type == "markdown":
                assert "### 练习" in cell.source, f"{path.name}: {cell.source[:60]}"
        text = path.read_text(encoding="utf-8")
        assert text == committed.text(committed.normalise(nbformat.read(path, as_version=4)))
