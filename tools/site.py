"""The lesson as a folder of pages that opens from a disk or from a server, without any network.

    python -m tools.site        the notebooks as they are committed, into build/lesson/

`tools.run` writes the same site from the notebooks that it has just run. The Chinese edition lies
in a folder zh/ of its own, and each page links to its twin.
"""

import html
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import nbformat

from . import pages

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS, PAGES, ASSETS = ROOT / "notebooks", ROOT / "build" / "lesson", ROOT / "tools" / "assets"
LANGUAGES = {"en": "English", "zh": "中文"}

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='3' fill='%230b62a8'/%3E%3Cpath d='M4 4l4 8 4-8' "
    "fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)
# Before anything is drawn, so that no page flashes in the other theme.
EARLY = (
    'try{const t=localStorage.getItem("theme");if(t)document.documentElement.dataset.theme=t}'
    "catch{}"
)


class Site:
    """The pages of a course, written one by one; `finish` writes what needs them all.

    language: "en", or "zh" for the pages of notebooks/zh, which go into the folder's zh/.
    """

    def __init__(self, folder, notebooks=NOTEBOOKS, root=ROOT, language="en"):
        self.root, self.language = Path(root), language
        self.folder, self.notebooks = Path(folder), Path(notebooks)
        chinese = self.notebooks / "zh"
        self.twins = {path.stem for path in chinese.glob("*")}  # have a page in both languages
        if language == "zh":
            self.folder, self.notebooks = self.folder / "zh", chinese
        table = words() if language == "zh" else {}
        self.say = lambda text: table.get(text, text)
        readme = self.root / {"en": "README.md", "zh": "README.zh-CN.md"}[language]
        readme = readme.read_text(encoding="utf-8")
        self.title = pages.title(readme)
        self.lead = next(p for p in blocks(readme) if p and p[0] not in "#!|`[<")
        self.picture = re.search(r"^!\[.*?\]\(.*?\)$", readme, flags=re.MULTILINE)
        # In the order of the contents: {name: title}
        self.order = {path.stem: self.heading(path) for path in self.sources()}
        self.found, self.wanted, self.put_there = {}, set(), set()

    def sources(self):
        return sorted(self.notebooks.glob("*.ipynb")) + sorted(self.notebooks.glob("*.md"))

    def heading(self, path):
        return pages.title(first_cell(path) if path.suffix == ".ipynb" else text(path))

    # ---- pages -------------------------------------------------------------

    def add(self, name, notebook):
        """Write the page of a notebook and its pictures."""
        body = pages.notebook_body(
            notebook, name, lambda url: self.link(url, self.notebooks), self.say
        )
        for path, picture in body.pictures.items():
            self.put(path, picture)
        self.write(name, body.html)

    def write(self, name, body):
        self.found[name] = pages.sections(body)
        self.save(f"{name}.html", self.order[name], body, name)

    def finish(self, seconds=None):
        """Write the pages not yet written, the index, the search and the files that are linked.

        seconds: {name: how long its notebook ran}, for those that have just run.
        """
        for path in self.sources():
            if path.stem in self.found:
                continue
            if path.suffix == ".ipynb":
                self.add(path.stem, nbformat.read(path, as_version=4))
            else:
                body = pages.markdown(text(path), say=self.say)
                self.write(
                    path.stem, pages.relink(body, lambda url: self.link(url, self.notebooks))
                )
        self.save("index.html", self.title, self.index(seconds or {}), None)
        done = set()
        while left := self.wanted - done:  # a file may link to others
            for path in sorted(left):
                self.copy(path)
            done |= left
        for path in ASSETS.iterdir():
            self.put(path.name, path.read_bytes())
        entries = [
            [f"{name}.html{'#' * bool(slug)}{slug}", self.order[name], heading, below]
            for name in self.order
            for _, slug, heading, below in self.found[name]
        ]
        script = "window.courseIndex = " + json.dumps(entries, ensure_ascii=False) + ";\n"
        self.put("search-index.js", script.encode("utf-8"))
        chinese = self.folder / "zh"
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.put_there and chinese not in path.parents:
                path.unlink()  # of a notebook or a figure that is no more

    def put(self, path, content):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.put_there.add(path)

    def index(self, seconds):
        """The first page: what the course is, and what each notebook is for."""
        lead = self.lead + (f"\n\n{self.picture[0]}" if self.picture else "")
        lead = pages.relink(
            pages.markdown(lead, say=self.say), lambda url: self.link(url, self.root)
        )
        rows = []
        for path in self.sources():
            heading, name = html.escape(self.order[path.stem]), path.stem
            source = first_cell(path) if path.suffix == ".ipynb" else text(path)
            question = next((p for p in blocks(source) if p[0] != "#"), "")
            question = pages.markdown(question, say=self.say)
            question = pages.relink(question, lambda url: self.link(url, self.notebooks))
            how, times = reading_time(source, self.say("How long it takes")), []
            if how:
                times.append(self.say("How long it takes: {time}").format(time=how))
            if name in seconds:
                ran = self.say("The code ran here in {seconds} s.")
                times.append(ran.format(seconds=f"{seconds[name]:.0f}"))
            times = f'<p class="times">{html.escape(" ".join(times))}</p>' if times else ""
            link = f'<h2><a href="{name}.html">{heading}</a></h2>'
            rows.append(f"<li>{link}{question}{times}</li>")
        heading = f"<h1>{html.escape(self.title)}</h1>"
        return f'{heading}<div class="lead">{lead}</div><ol class="cards">{"".join(rows)}</ol>'

    def copy(self, path):
        """Bring a file of the repository beside the pages: as a page where it is text."""
        name = path.relative_to(self.root).as_posix()
        source = readable(path)
        if source is None:
            self.put(f"files/{name}", path.read_bytes())
            return
        up = "../" * (name.count("/") + 1)
        if path.suffix == ".md":
            body = pages.relink(
                pages.markdown(source, say=self.say), lambda url: self.link(url, path.parent, up)
            )
        else:
            body = f"<h1>{html.escape(name)}</h1>" + pages.file_body(source, path.name)
        self.save(f"files/{name}.html", name, body, None, up)

    # ---- links -------------------------------------------------------------

    def link(self, url, base, up=""):
        """Where a link of a source in the folder `base` leads in the site."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or not parts.path:
            return url
        path = (base / unquote(parts.path)).resolve()
        fragment = f"#{parts.fragment.lower()}" if parts.fragment else ""
        if path.parent == self.notebooks and path.stem in self.order:
            return f"{up}{path.stem}.html{fragment}"
        if path.is_file() and path.is_relative_to(self.root):
            self.wanted.add(path)
            name = quote(path.relative_to(self.root).as_posix())
            end = "" if readable(path) is None else ".html"
            return f"{up}files/{name}{end}{'#' + parts.fragment if parts.fragment else ''}"
        return url

    # ---- the frame ---------------------------------------------------------

    def save(self, path, title, body, name, up=""):
        """Write one page: `body` in the frame that all pages share."""
        whole = title if name is None and not up else f"{title} · {self.title}"
        say = self.say
        page = f"""<!DOCTYPE html>
<html lang="{"zh-CN" if self.language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(whole)}</title>
<link rel="icon" href="{ICON}">
<link rel="stylesheet" href="{up}style.css">
<script>{EARLY}</script>
<script src="{up}site.js" data-up="{up}" data-words="{self.spoken()}" defer></script>
</head>
<body>
<a class="skip" href="#content">{say("Skip to the text")}</a>
<header class="bar">
<button class="menu" popovertarget="contents">{say("Contents")}</button>
<a class="home" href="{up}index.html">{html.escape(self.title)}</a>
<search class="find"><input type="search" placeholder="{say("Search (press /)")}"
aria-label="{say("Search")}"
autocomplete="off"><div class="results" aria-live="polite" hidden></div></search>
{self.twin(path, name)}<button class="theme" aria-label="{say("Dark pages")}"
aria-pressed="false"></button>
</header>
<div class="frame">
<nav id="contents" popover aria-label="{say("Contents")}">
{self.contents(name, up)}</nav>
<main id="content">
<article>
{body}</article>
{self.turn(name)}</main>
</div>
</body>
</html>
"""
        self.put(path, page.encode("utf-8"))

    def twin(self, path, name):
        """A link to the same page in the other language, where there is one."""
        if name not in self.twins and not (path == "index.html" and self.twins):
            return ""
        other = "en" if self.language == "zh" else "zh"
        href = f"../{path}" if other == "en" else f"zh/{path}"
        code = "zh-CN" if other == "zh" else other
        language = f'lang="{code}" hreflang="{code}"'
        return f'<a class="twin" href="{href}" {language}>{LANGUAGES[other]}</a>\n'

    def spoken(self):
        """What site.js says, as an attribute."""
        found = {
            "copy": self.say("Copy"),
            "copied": self.say("Copied"),
            "selected": self.say("Selected"),
            "one": self.say("{count} section"),
            "many": self.say("{count} sections"),
            "none": self.say("Nothing found for “{query}”."),
        }
        return html.escape(json.dumps(found, ensure_ascii=False))

    def contents(self, here, up):
        """All pages, and the headings of this one."""
        mark = ' aria-current="page"'
        first = f'<li><a href="{up}index.html"{mark * (here is None and not up)}>'
        first += f"{self.say('Start')}</a></li>"
        rows = [first]
        for name, title in self.order.items():
            inner = ""
            if name == here:
                links = [
                    f'<li class="level{level}"><a href="#{slug}">{html.escape(heading)}</a></li>'
                    for level, slug, heading, _ in self.found[name]
                    if level in (2, 3)
                ]
                inner = f'<ol class="here">{"".join(links)}</ol>' if links else ""
            current = mark if name == here else ""
            rows.append(
                f'<li><a href="{up}{name}.html"{current}>{html.escape(title)}</a>{inner}</li>'
            )
        return "<ol>" + "\n".join(rows) + "</ol>\n"

    def turn(self, name):
        """Links to the page before and the page after."""
        if name is None:
            return ""
        names = list(self.order)
        at, links = names.index(name), []
        if at:
            before = names[at - 1]
            links.append(
                f'<a rel="prev" href="{before}.html"><small>{self.say("Previous")}</small>'
                f"{html.escape(self.order[before])}</a>"
            )
        if at + 1 < len(names):
            after = names[at + 1]
            links.append(
                f'<a rel="next" href="{after}.html"><small>{self.say("Next")}</small>'
                f"{html.escape(self.order[after])}</a>"
            )
        return f'<nav class="turn" aria-label="{self.say("Pages")}">{"".join(links)}</nav>\n'


def blocks(source):
    return [block.strip() for block in re.split(r"\n\s*\n", source) if block.strip()]


def first_cell(path):
    return nbformat.read(path, as_version=4).cells[0].source


def reading_time(source, heading="How long it takes"):
    """The first sentence below "How long it takes"."""
    found = re.search(rf"^## {heading}\s+(.+?(?:[.!](?=\s|$)|[。！]))", source, flags=re.M | re.S)
    return found[1] if found else ""


def words():
    """{English: Chinese} of what pages say, and of the solutions' reasons."""
    import polib  # the English pages do without it

    catalog = polib.pofile(str(ROOT / "translations" / "zh" / "site.po"))
    said = json.loads(text(ROOT / "exercises" / "zh.json"))
    return said | {entry.msgid: entry.msgstr for entry in catalog}


def editions(folder=PAGES):
    """The course's sites, the English first; the Chinese where it has been made."""
    found = [code for code in LANGUAGES if code == "en" or any((NOTEBOOKS / code).glob("*.ipynb"))]
    return [Site(folder, language=code) for code in found]


def text(path):
    return path.read_text(encoding="utf-8")


def readable(path):
    """The text of a file that is shown as a page; None for pictures and data."""
    if path.suffix in (".svg", ".h5", ".ipynb") or path.stat().st_size > 500_000:
        return None
    try:
        return text(path)
    except UnicodeDecodeError:
        return None


if __name__ == "__main__":
    for edition in editions():
        edition.finish()
    print(f"open {(PAGES / 'index.html').relative_to(ROOT)} in a browser")
