// What the pages can do beyond being read: theme, search, copying, and the place in the contents.
// Classic script: pages opened from a disk may load no modules.
(() => {
  "use strict";
  const root = document.documentElement;
  const up = document.currentScript.dataset.up;
  const say = JSON.parse(document.currentScript.dataset.words); // in the page's language

  const make = (tag, className, text = "") => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };

  // ---- light and dark: as the system has it, until the reader presses the switch ----

  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector(".theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", dark());
  system.addEventListener("change", show);
  button.addEventListener("click", () => {
    const wanted = dark() ? "light" : "dark";
    const asSystem = (wanted === "dark") === system.matches;
    if (asSystem) delete root.dataset.theme;
    else root.dataset.theme = wanted;
    try {
      if (asSystem) localStorage.removeItem("theme");
      else localStorage.setItem("theme", wanted);
    } catch {
      // a browser that keeps nothing: the choice holds for this page
    }
    show();
  });
  show();

  // ---- a button on each cell of code ----

  for (const block of document.querySelectorAll(".code")) {
    const copy = make("button", "copy", say.copy);
    copy.addEventListener("click", async () => {
      const code = block.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(code);
        copy.textContent = say.copied;
      } catch {
        // not allowed: leave it selected, for the reader's own keys
        getSelection().selectAllChildren(block.querySelector("code"));
        copy.textContent = say.selected;
      }
      setTimeout(() => (copy.textContent = say.copy), 1500);
    });
    block.append(copy);
  }

  // ---- the contents: where the reader is, and out of the way after a click ----

  const contents = document.getElementById("contents");
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && contents.matches(":popover-open")) contents.hidePopover();
  });
  const links = new Map();
  for (const link of contents.querySelectorAll(".here a")) links.set(link.hash.slice(1), link);
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const place = () => {
    const above = headings.filter((heading) => heading.getBoundingClientRect().top < 120);
    const now = above.length ? links.get(above.at(-1).id) : null;
    for (const link of links.values()) {
      if (link === now) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  let asked = false;
  addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      place();
    });
  }, { passive: true });
  place();
  const here = contents.querySelector('[aria-current="page"]');
  if (here && here.offsetTop > innerHeight / 2) contents.scrollTop = here.offsetTop - 100;

  // ---- the search: every word must begin a word of the section ----

  const box = document.querySelector(".find input");
  const results = document.querySelector(".results");
  const fold = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  let sections = null;
  let loading = null;

  const load = () => {
    loading ??= new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = `${up}search-index.js`;
      script.onload = () => {
        sections = window.courseIndex.map(([href, page, heading, text]) => ({
          href, page, heading, text,
          in: { page: fold(page), heading: fold(heading), text: fold(text) },
        }));
        resolve();
      };
      document.head.append(script);
    });
    return loading;
  };

  // Chinese has no spaces between its words: there a word may begin anywhere.
  const pattern = (word) => {
    const plain = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(/^[\p{L}\p{N}]/u.test(word) && !/\p{Script=Han}/u.test(word)
      ? `(?<![\\p{L}\\p{N}])${plain}` : plain, "gu");
  };

  const search = (query) => {
    const words = fold(query).split(/\s+/).filter(Boolean).map(pattern);
    const count = (text, word) => (text.match(word) || []).length;
    const found = [];
    for (const section of sections) {
      let score = 0;
      for (const word of words) {
        const title = count(section.in.page, word);
        const heading = count(section.in.heading, word);
        const text = count(section.in.text, word);
        if (!(title + heading + text)) { score = 0; break; }
        score += 4 * Math.min(title, 1) + 10 * Math.min(heading, 1) + Math.log2(1 + text);
      }
      if (score) found.push([score, section]);
    }
    return [found.sort((a, b) => b[0] - a[0]).map(([, section]) => section), words];
  };

  // The text around the first word found, the words marked.
  const excerpt = (section, words) => {
    const line = make("span", "excerpt");
    const starts = words.map((word) => section.in.text.search(word)).filter((at) => at >= 0);
    const same = section.in.text.length === section.text.length; // folding moved no letter
    const near = same && starts.length ? Math.max(0, Math.min(...starts) - 40) : 0;
    const from = near && section.text.indexOf(" ", near) + 1;
    const text = section.text.slice(from, from + 140);
    const folded = fold(text);
    const marks = [];
    if (folded.length === text.length) {
      for (const word of words) for (const hit of folded.matchAll(word)) {
        marks.push([hit.index, hit.index + hit[0].length]);
      }
    }
    if (from) line.append("… ");
    let at = 0;
    for (const [begin, end] of marks.sort((a, b) => a[0] - b[0])) {
      if (begin < at) continue;
      line.append(text.slice(at, begin), make("mark", "", text.slice(begin, end)));
      at = end;
    }
    line.append(text.slice(at));
    return line;
  };

  const answer = async () => {
    const query = box.value.trim();
    results.hidden = !query;
    if (!query) return;
    await load();
    if (query !== box.value.trim()) return; // the reader went on typing
    const [found, words] = search(query);
    results.replaceChildren(make("p", "count", found.length
      ? (found.length === 1 ? say.one : say.many).replace("{count}", found.length)
      : say.none.replace("{query}", query)));
    for (const section of found.slice(0, 20)) {
      const link = make("a", "");
      link.href = up + section.href;
      link.append(make("strong", "", section.heading || section.page));
      if (section.heading) link.append(make("small", "", section.page));
      link.append(excerpt(section, words));
      results.append(link);
    }
  };

  const close = () => { results.hidden = true; };
  box.addEventListener("input", answer);
  box.addEventListener("focus", () => { load(); answer(); });
  results.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".find")) close();
  });
  document.querySelector(".find").addEventListener("keydown", (event) => {
    const all = [box, ...results.querySelectorAll("a")];
    const at = all.indexOf(document.activeElement);
    if (event.key === "Escape") {
      close();
      box.blur();
    } else if (event.key === "Enter" && at === 0) {
      all[1]?.click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      all.at((at + (event.key === "ArrowDown" ? 1 : -1)) % all.length).focus();
      event.preventDefault();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    event.preventDefault();
    box.focus();
  });
})();
