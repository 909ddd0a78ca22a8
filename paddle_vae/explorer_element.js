// The explorer itself: a custom element that puts a living plane in place of the picture inside it.

const STEPS = 10; // images on the walk
const ROUND = 4000; // milliseconds from A to B and back
const SLICE = 10; // milliseconds that work in the background may take between two frames

const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];

class Explorer extends HTMLElement {
  async load(packed) {
    if (this.loading) return;
    this.loading = true;
    try {
      this.build(await unpack(packed));
    } catch (error) {
      const place = this.querySelector("em");
      if (place) place.textContent = wordsFor(this).failed(error.message);
      throw error;
    }
    this.connect();
    this.dataset.state = "alive";
  }

  build({ about, layers, pixels }) {
    const [x, y, half] = about.view;
    const images = about.labels.map((_, i) => {
      const bytes = pixels.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
      return Float32Array.from(bytes, (value) => value / 127.5 - 1);
    });
    Object.assign(this, { about, layers, images, conditional: about.conditional });
    this.label = about.labels[0];
    // A shadow hides the picture, and keeps the page's style out and the explorer's in.
    const shadow = this.attachShadow({ mode: "open" });
    this.words = wordsFor(this);
    shadow.innerHTML = page(this.words);
    this.find = (selector) => shadow.querySelector(selector);
    this.plane = new Plane(this.find(".plane"), { ...about, images, view: { x, y, half } });
    this.pad = new Pad(this.find(".pad"), (digit) => this.see(digit));
    const far = about.codes.find((code) => distance(code, about.codes[0]) > (half / 2) ** 2);
    const points = { A: about.codes[0], B: far || about.codes[about.codes.length - 1] };
    this.state = { points, active: "A", cloud: null, walker: null, showMap: true, unit: 1 };
    this.stale = { steps: new Set() };
    this.lastMove = -Infinity;
    this.thumbs = labelButtons(this);
    digitButtons(this);
    listen(this);
    this.onTheme = () => this.theme();
    if (this.conditional) this.setLabel(this.label);
    this.choose("A");
    this.see(null);
  }

  // ---- the networks ----

  encode(image, label = this.label) {
    return encode(this.layers, image, label);
  }

  decode(z, label = this.label) {
    return decode(this.layers, z, label, this.conditional);
  }

  // ---- in the page, and out of it ----

  connectedCallback() {
    if (this.shadowRoot) this.connect();
  }

  connect() {
    // On window and on the way down: before Jupyter, whose shortcuts listen further inside.
    window.addEventListener("keydown", this.onKey, true);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.onTheme);
    this.themes = new MutationObserver(this.onTheme);
    for (const node of [document.documentElement, document.body]) {
      this.themes.observe(node, { attributes: true });
    }
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.plane.canvas);
    this.sight = new IntersectionObserver((entries) => {
      this.visible = entries[entries.length - 1].isIntersecting;
      this.askFrame();
    });
    this.sight.observe(this);
    this.theme();
  }

  disconnectedCallback() {
    if (!this.shadowRoot) return;
    this.play(false);
    window.removeEventListener("keydown", this.onKey, true);
    this.scheme.removeEventListener("change", this.onTheme);
    for (const observer of [this.themes, this.sizes, this.sight]) observer.disconnect();
  }

  // Text that is light means a page that is dark, in every front end and on every page.
  theme() {
    const colour = getComputedStyle(this).color.match(/^rgba?\((\d+), (\d+), (\d+)/);
    const [, r, g, b] = colour || [0, 0, 0, 0];
    const dark = 0.3 * r + 0.59 * g + 0.11 * b > 140;
    this.find(".app").classList.toggle("dark", dark);
    this.plane.setDark(dark);
    for (const button of this.shadowRoot.querySelectorAll("[data-digit]")) {
      button.style.color = this.plane.colours[button.dataset.digit];
    }
    this.askFrame();
  }

  resize() {
    const { clientWidth } = this.plane.canvas;
    if (!clientWidth) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    this.state.unit = ratio;
    this.plane.resize(Math.round(clientWidth * ratio));
    this.askFrame();
  }

  // ---- what the reader does ----

  // A press takes the ring that it hits, or else brings the active point here.
  grab([x, y]) {
    const other = this.state.active === "A" ? "B" : "A";
    const away = (name) => {
      const [px, py] = this.plane.toPixels(this.state.points[name]);
      return Math.hypot(px - x, py - y);
    };
    if (away(other) < 16 * this.state.unit && away(other) < away(this.state.active)) {
      this.choose(other);
    } else this.drag([x, y]);
  }

  drag([x, y]) {
    this.moveTo(this.plane.toZ(x, y));
  }

  moveTo(z) {
    this.state.points[this.state.active] = this.plane.inside(z);
    this.moved();
  }

  choose(name) {
    this.state.active = name;
    for (const button of this.shadowRoot.querySelectorAll("[data-point]")) {
      button.ariaPressed = String(button.dataset.point === name);
    }
    this.moved();
  }

  moved() {
    this.play(false);
    this.lastMove = performance.now();
    for (let step = 0; step < STEPS; step++) this.stale.steps.add(step);
    this.undrawn = true;
    this.askFrame();
  }

  toggle(button, digit) {
    const { shown } = this.plane;
    if (!shown.delete(digit)) shown.add(digit);
    button.ariaPressed = String(shown.has(digit));
    this.plane.drawCodes();
    this.moved();
  }

  setLabel(label) {
    this.label = label;
    this.thumbs.forEach(({ button }, i) => (button.ariaPressed = String(i === label)));
    this.plane.forget();
    if (this.seen) this.see(this.seen);
    this.moved();
  }

  showMap(button) {
    this.state.showMap = !this.state.showMap;
    button.ariaPressed = String(this.state.showMap);
    this.askFrame();
  }

  zoom(factor) {
    const { plane, state } = this;
    if (factor) plane.zoom(factor, state.points[state.active]);
    else plane.look(plane.home);
    this.askFrame();
  }

  play(on) {
    this.started = on ? performance.now() : null;
    this.state.walker = null;
    this.find("[data-do=play]").ariaPressed = String(on);
    this.undrawn = true;
    this.askFrame();
  }

  // Encode an image: its cloud appears, and the active point goes to its middle.
  see(image) {
    this.seen = image;
    const cloud = image && this.encode(image);
    this.state.cloud = cloud;
    showSeen(this, image, cloud);
    if (cloud) this.state.points[this.state.active] = [...cloud.mean];
    this.moved();
  }

  // ---- drawing ----

  askFrame() {
    if (this.asked || !this.isConnected) return;
    this.asked = true;
    requestAnimationFrame((now) => {
      this.asked = false;
      this.frame(now);
    });
  }

  frame(now) {
    const { state } = this;
    if (this.started !== null) {
      const turn = (((now - this.started) / ROUND) % 1) * 2;
      state.walker = mix(state.points.A, state.points.B, Math.max(0, turn > 1 ? 2 - turn : turn));
      this.lastMove = now;
    }
    if (this.undrawn || state.walker) showPoint(this, state.walker || state.points[state.active]);
    this.undrawn = false;
    this.plane.draw(state);
    if (this.started !== null) this.askFrame();
    if (!this.timer) this.timer = setTimeout(() => this.work(), 0);
  }

  // What can wait a moment: the walk, then the map. A bit at a time.
  work() {
    this.timer = null;
    if (!this.isConnected || !this.visible) return;
    const until = performance.now() + SLICE;
    let more = true;
    while (more && performance.now() < until) more = this.workABit();
    if (more || this.plane.waiting.length) this.askFrame();
    else if (this.told !== this.lastMove) {
      this.told = this.lastMove; // for readers who listen: once, when all has come to rest
      const [z, near] = [".z", ".near"].map((part) => this.find(part).textContent);
      this.find("[role=status]").textContent = this.words.rest(z, near);
    }
  }

  // One image -> whether there may be more to do at once.
  workABit() {
    const { steps } = this.stale;
    const { points } = this.state;
    if (steps.size) {
      const [step] = steps;
      steps.delete(step);
      const z = mix(points.A, points.B, step / (STEPS - 1));
      paintDigit(this.find(".strip"), this.decode(z), step);
      return true;
    }
    const resting = performance.now() - this.lastMove > 150;
    return resting && this.plane.decodeCell((z) => this.decode(z));
  }
}

if (!customElements.get(NAME)) customElements.define(NAME, Explorer);
for (const element of document.querySelectorAll(`[id="${ID}"]`)) element.load(PACKED);
