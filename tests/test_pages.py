"""The site that `make lesson` writes, of the committed notebooks: as files, and in a browser."""

import base64
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

from tools import pages, site
from tools.formulas import formula

import browser
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

DOT = (  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The whole site, of the notebooks as they are committed, in both languages."""
    folder = tmp_path_factory.mktemp("lesson with space")
    for edition in site.editions(folder):
        edition.finish()
    return folder


class Page(HTMLParser):
    """What a page names: links, sources, ids, pictures, and tags that stayed open."""

    VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.pictures, self.open, self.wrong = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.pictures += [attributes] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def read_all(lesson):
    return {path: Page(path) for path in sorted(lesson.rglob("*.html"))}


# ---- as files --------------------------------------------------------------


def test_every_link_leads_somewhere(read_all):
    found, dead = read_all, []
    assert len(found) > len(list(site.NOTEBOOKS.glob("*.ipynb")))
    for path, page in found.items():
        for link in page.links:
            address, fragment = urldefrag(link)
            if re.match(r"(https?|mailto|data):", address):
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            if not target.is_file():
                dead.append(f"{path.name}: {link}")
            elif fragment and unquote(fragment) not in found[target].ids:
                dead.append(f"{path.name}: {link}, no such heading")
    assert not dead


def test_pages_are_whole_and_every_id_is_there_once(read_all):
    for path, page in read_all.items():
        assert not page.wrong and not page.open, f"{path.name}: {page.wrong[:5]} {page.open[:5]}"
        assert len(page.ids) == len(set(page.ids)), f"{path.name}: an id twice"


def test_nothing_but_links_names_a_network(lesson):
    for path in lesson.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loads = re.findall(r'(?:src|<link[^>]*href)="(\w+:[^"]{0,40})', text)
        assert all(each.startswith("data:") for each in loads), f"{path.name}: {loads}"
    for name in ("style.css", "site.js"):
        assert not re.findall(r"https?://", (lesson / name).read_text(encoding="utf-8"))


def test_a_page_goes_to_its_neighbours_and_to_the_start(lesson):
    names = list(site.Site(lesson).order)
    for before, here in zip(names, names[1:], strict=False):
        text = (lesson / f"{here}.html").read_text(encoding="utf-8")
        assert f'rel="prev" href="{before}.html"' in text and 'href="index.html"' in text
        assert f'rel="next" href="{here}.html"' in (lesson / f"{before}.html").read_text("utf-8")


def test_each_page_leads_to_its_twin(lesson):
    names = ["index", *site.Site(lesson).order]
    assert names[1:] == list(site.Site(lesson, language="zh").order)
    for name in names:
        english = (lesson / f"{name}.html").read_text(encoding="utf-8")
        chinese = (lesson / "zh" / f"{name}.html").read_text(encoding="utf-8")
        assert '<html lang="en">' in english and '<html lang="zh-CN">' in chinese
        assert f'class="twin" href="zh/{name}.html"' in english
        assert f'class="twin" href="../{name}.html"' in chinese


def test_the_chinese_frame_is_chinese(lesson):
    page = (lesson / "zh" / "02_vae.html").read_text(encoding="utf-8")
    text = re.sub(r"<main.*</main>", "", page, flags=re.S)
    for english in site.words():
        assert f">{english}<" not in text and f'"{english}"' not in text, english
    assert page.count("<summary>") == page.count(
        f"<summary>{site.words()['One solution, and why']}"
    )


def test_the_index_names_the_course_and_says_how_long(lesson):
    text = (lesson / "index.html").read_text(encoding="utf-8")
    readme = (site.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"<h1>{readme.splitlines()[0].removeprefix('# ')}</h1>" in text
    for path in site.NOTEBOOKS.glob("*.ipynb"):
        assert site.reading_time(site.first_cell(path)), f"{path.name} does not say how long"


def test_no_raw_tex_is_left(lesson):
    for path in lesson.glob("*.html"):
        shown = re.sub(r"<(pre|script|code)\b.*?</\1>", "", path.read_text("utf-8"), flags=re.S)
        assert "$$" not in shown and not re.search(r"\\(frac|text|mathrm|log|sum)\b", shown)


def course(tmp_path, *cells, others=()):
    """A course of one notebook -> the page that is made of it."""
    root = tmp_path / "course"
    (root / "notebooks").mkdir(parents=True)
    (root / "README.md").write_text("# The course\n\nWhat it is.\n", encoding="utf-8")
    for name, content in others:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    cells = [new_markdown_cell("# 1. One\n\nWhy?\n\n## How long it takes\nTen minutes. Or not."),
             *cells]  # fmt: skip
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "01_one.ipynb")
    site.Site(tmp_path / "out", root / "notebooks", root).finish({"01_one": 12.3})
    return (tmp_path / "out" / "01_one.html").read_text(encoding="utf-8")


def test_outputs_of_all_kinds(tmp_path):
    script = '<x-plane><script>if (1 < 2 && "<b>") alert("#L1")</script></x-plane>'
    outputs = [
        new_output("stream", name="stdout", text="a < b\n\x1b[31mred\x1b[0m\n"),
        new_output("display_data", {"text/html": script, "text/plain": "not shown"}),
        new_output("execute_result", {"text/plain": "'x' & y"}),
        new_output("error", ename="E", evalue="no", traceback=["E: <no>"]),
        new_output("display_data", {"image/png": DOT}, metadata={"image/png": {"alt": 'a "dot"'}}),
    ]
    page = course(tmp_path, new_code_cell("x = 1 < 2", outputs=outputs))
    for shown in ("a &lt; b", "ansi-red-fg", script, "x&#39; &amp; y", "E: &lt;no&gt;"):
        assert shown in page, shown
    assert "not shown" not in page
    picture = '<img src="figures/01_one-1.png" alt="a &quot;dot&quot;" width="1" height="1"'
    assert picture in page
    assert (tmp_path / "out/figures/01_one-1.png").read_bytes() == base64.b64decode(DOT)
    index = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "Ten minutes. The code ran here in 12 s." in index and "Or not" not in index
    assert "alert" not in (tmp_path / "out/search-index.js").read_text(encoding="utf-8")


def test_links_to_notebooks_glossary_and_files(tmp_path):
    source = "[a](01_one.ipynb#Sum-or-mean?) [b](glossary.md#elbo) [c](../code/x.py) [d](x.zip)"
    others = [("notebooks/glossary.md", "# G\n\n## ELBO\n\n[back](01_one.ipynb)"),
              ("code/x.py", "if 1 < 2:\n    pass\n")]  # fmt: skip
    page = course(tmp_path, new_markdown_cell(source), others=others)
    links = re.findall(r'<a href="([^"]*)">[a-d]</a>', page)
    assert links == ["01_one.html#sum-or-mean?", "glossary.html#elbo",
                     "files/code/x.py.html", "x.zip"]  # fmt: skip
    copied = (tmp_path / "out/files/code/x.py.html").read_text(encoding="utf-8")
    assert 'id="L2"' in copied and "../../style.css" in copied and "../../01_one.html" in copied
    assert '<a href="01_one.html">back' in (tmp_path / "out/glossary.html").read_text("utf-8")


def test_what_is_no_more_part_of_the_course_goes(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00_old.html").touch()
    course(tmp_path)
    assert not (tmp_path / "out" / "00_old.html").exists()


def test_headings_get_the_anchors_of_github():
    found = pages.markdown("# Sum or mean?\n\n## k-NN in $x_1$\n\ntext\n")
    assert re.findall(r'id="([^"]*)"', found)[0] == "sum-or-mean"
    same = pages.Renderer()
    twice = pages.markdown("## A b", same) + pages.markdown("## A b", same)
    assert re.findall(r'id="([^"]*)"', twice) == ["a-b", "a-b-1"]
    assert [row[1:3] for row in pages.sections(twice)] == [("a-b", "A b"), ("a-b-1", "A b")]


# ---- formulas --------------------------------------------------------------


@pytest.mark.parametrize(
    "tex, holds",
    [
        (r"z \sim q", "<mi>z</mi><mo>∼</mo><mi>q</mi>"),  # with the space of a relation
        (r"\mathrm{KL}(q)", "<mi>KL</mi><mo"),
        (r"\log q", '<mi>log</mi><mspace width="0.167em" /><mi>q</mi>'),
        (r"2\log(q)", '<mn>2</mn><mspace width="0.167em" /><mi>log</mi><mo'),
        (r"a = -b", '<mo>=</mo><mo form="prefix">−</mo>'),
        (r"a - b", "<mi>a</mi><mo>−</mo><mi>b</mi>"),
        (r"(a) - b", "<mo>−</mo>"),
        (r"\sum_{i=1}^k w", "<munderover>"),  # below and above the sign
        (r"\underbrace{ab}_{\text{a b}}", 'class="munder-brace"'),
        (r"\text{two words}", "two\u00a0words"),
        (r"\int_0^1 f", "<msubsup>"),
    ],
)
def test_formulas(tex, holds):
    assert holds in formula(tex, "block")


def test_a_formula_that_cannot_be_converted_stays_readable():
    assert "frac" in formula(r"\frac{<}", "inline") and "<}" not in formula(r"\frac{<}", "inline")


# ---- in a browser ----------------------------------------------------------

TOO_WIDE = """
const wide = innerWidth + 1, out = [];
if (document.documentElement.scrollWidth > wide) out.push("the page scrolls sideways");
const scrolls = (e) => /auto|scroll/.test(getComputedStyle(e).overflowX);
for (const e of document.querySelectorAll("article *, .bar *")) {
  if (e.closest(".skip, [hidden], math, svg")) continue;
  const box = e.getBoundingClientRect();
  if (!box.width || box.right <= wide) continue;
  let inside = e.parentElement;
  while (inside && !scrolls(inside)) inside = inside.parentElement;
  if (!inside || inside === document.documentElement) out.push(e.outerHTML.slice(0, 120));
}
for (const e of document.querySelectorAll("article math")) {
  const box = e.getBoundingClientRect();
  if (box.right > wide && !e.closest(".wide, .long")) out.push(e.outerHTML.slice(0, 200));
}
for (const e of document.querySelectorAll("pre")) {
  if (e.scrollWidth > e.clientWidth + 1 && !scrolls(e)) out.push("cut off: " + e.textContent);
}
return out;
"""


BROKEN = """
const done = arguments[0], all = [...document.images];
for (const image of all) image.loading = "eager";
Promise.all(all.map((image) => image.decode().then(() => "", () => image.src)))
  .then((each) => done(each.filter(Boolean)));
"""


SHORT = "10_likelihoods"  # a notebook whose page opens fast, for what all pages have


def quiet(driver):
    """The page on the screen has asked for nothing from a network, and had no error."""
    assert not browser.errors(driver)
    assert not browser.requests(driver)


@browser.needs_chromium
def test_every_page_is_whole_on_phone_and_laptop(lesson, driver):
    chinese = [lesson / "zh" / f"{name}.html" for name in ("index", "02_vae", SHORT)]
    others = [path for path in lesson.rglob("*.html") if lesson / "zh" not in path.parents]
    for path in [*sorted(others), *chinese]:
        browser.resize(driver, 390, 844)
        driver.get(path.as_uri())
        narrow = driver.execute_script(TOO_WIDE)
        browser.resize(driver, 1366, 900)
        wide = driver.execute_script(TOO_WIDE)
        assert not narrow and not wide, f"{path.name}: at 390 {narrow[:3]}, at 1366 {wide[:3]}"
        widest = driver.execute_script(
            "return Math.max(0, ...[...document.querySelectorAll('article > p')]"
            ".map((p) => p.clientWidth / parseFloat(getComputedStyle(p).fontSize)))"
        )
        assert widest < 46, f"{path.name}: lines of {widest} em"
        assert not driver.execute_async_script(BROKEN), f"{path.name}: pictures do not arrive"
        dead = driver.execute_script("return document.querySelectorAll(':not(:defined)').length")
        assert not dead, f"{path.name}: an element whose script has not come to life"
        quiet(driver)


@browser.needs_chromium
def test_the_search_finds_from_a_disk(lesson, driver):
    below = min(lesson.rglob("files/**/*.html"))  # a page in a folder below
    for start in (lesson / "index.html", below):
        driver.get(start.as_uri())
        search(driver, "reparameterization tri")
        first = results(driver)[0]
        assert first.find_element("css selector", "mark").text
        href = first.get_attribute("href")
        first.click()
        browser.wait(driver, lambda d, to=href: d.current_url == to, 5, "the page found")
        assert "eparameterization" in driver.find_element("tag name", "article").text
        driver.get(start.as_uri())
        search(driver, "zzzz <b>")
        box = driver.find_element("css selector", ".results")
        assert "Nothing found for “zzzz <b>”" in box.text
    quiet(driver)


@browser.needs_chromium
def test_the_search_finds_chinese(lesson, driver):
    driver.get((lesson / "zh" / "index.html").as_uri())
    search(driver, "重参数化")
    assert any("02_vae.html" in each.get_attribute("href") for each in results(driver))
    quiet(driver)


def search(driver, words):
    from selenium.webdriver.common.keys import Keys

    driver.find_element("tag name", "body").send_keys("/")
    box = driver.switch_to.active_element
    assert box.get_attribute("type") == "search"
    box.send_keys(words, Keys.END)
    browser.wait(driver, lambda d: d.find_elements("css selector", ".results .count"), 5, "answer")


def results(driver):
    return driver.find_elements("css selector", ".results a")


BACKGROUND = "return getComputedStyle(document.body).backgroundColor"


@browser.needs_chromium
def test_dark_by_the_system_and_by_the_switch(lesson, driver):
    index, other = (lesson / name for name in ("index.html", "glossary.html"))
    driver.get(index.as_uri())
    light = driver.execute_script(BACKGROUND)
    browser.prefer(driver, "dark")
    dark = driver.execute_script(BACKGROUND)
    browser.prefer(driver, "light")
    assert light == driver.execute_script(BACKGROUND) != dark
    switch = "button.theme"
    driver.find_element("css selector", switch).click()
    assert driver.execute_script(BACKGROUND) == dark
    driver.get(other.as_uri())  # the choice goes along
    assert driver.execute_script(BACKGROUND) == dark
    assert driver.find_element("css selector", switch).get_attribute("aria-pressed") == "true"
    driver.find_element("css selector", switch).click()
    assert driver.execute_script(BACKGROUND) == light
    quiet(driver)


CONTRAST = """
const light = (c) => { const v = c.match(/[\\d.]+/g).slice(0, 3).map((x) => {
  x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
const behind = (e) => { for (; e; e = e.parentElement) {
  const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; }
  return "rgb(255, 255, 255)"; };
let least = [99, ""];
for (const e of document.querySelectorAll("body *:not(script)")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
  if (e.closest(".anchor, .skip") || !e.getClientRects().length) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 80)];
}
return least;
"""


@browser.needs_chromium
def test_text_stands_out_in_both_themes(lesson, driver):
    for name in ("index", "02_vae", "glossary"):
        driver.get((lesson / f"{name}.html").as_uri())
        grounds = set()
        for theme in ("light", "dark"):
            browser.prefer(driver, theme)
            grounds.add(driver.execute_script(BACKGROUND))
            ratio, where = driver.execute_script(CONTRAST)
            assert ratio >= 4.5, f"{theme}, {name}: {ratio:.1f} at {where}"
        assert len(grounds) == 2


@browser.needs_chromium
def test_contents_on_a_phone_open_and_close(lesson, driver):
    browser.resize(driver, 390, 844)
    driver.get((lesson / f"{SHORT}.html").as_uri())
    contents = driver.find_element("id", "contents")
    assert not contents.is_displayed()
    driver.find_element("css selector", ".menu").click()
    assert contents.is_displayed()
    heading = contents.find_elements("css selector", ".here a")[4]
    fragment = heading.get_attribute("href").split("#")[1]
    heading.click()
    assert not contents.is_displayed()
    top = driver.execute_script(
        "return document.getElementById(arguments[0]).getBoundingClientRect().top", fragment
    )
    bar = driver.find_element("css selector", ".bar").size["height"]
    assert bar <= top < 200, "the heading stands behind the bar, or was not reached"
    browser.resize(driver, 1366, 900)
    assert contents.is_displayed()


@browser.needs_chromium
def test_code_can_be_copied(lesson, driver):
    driver.get((lesson / f"{SHORT}.html").as_uri())
    driver.execute_script(
        "window.got = null; Object.defineProperty(navigator, 'clipboard',"
        "{value: {writeText: async (text) => { window.got = text; }}})"
    )
    driver.execute_script("document.querySelector('.copy').click()")
    first = next(
        cell.source
        for cell in nbformat.read(site.NOTEBOOKS / f"{SHORT}.ipynb", as_version=4).cells
        if cell.cell_type == "code"
    )
    assert driver.execute_script("return window.got") == first


@browser.needs_chromium
def test_on_paper_only_the_text(lesson, driver):
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    driver.get((lesson / f"{SHORT}.html").as_uri())
    for name in (".bar", "#contents", ".turn"):
        assert not driver.find_element("css selector", name).is_displayed()
    assert driver.execute_script(BACKGROUND) == "rgb(255, 255, 255)"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@browser.needs_chromium
def test_without_scripts_the_text_is_there(lesson, driver):
    browser.let_scripts_run(driver, False)
    driver.get((lesson / f"{SHORT}.html").as_uri())
    assert not driver.find_element("css selector", ".find").is_displayed()
    assert len(driver.find_element("tag name", "article").text) > 5000
    assert driver.find_element("id", "contents").is_displayed()
