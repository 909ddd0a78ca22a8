// The explorer itself: a custom element that puts a living plane in place of the picture inside it.

const STEPS = 10; // images on the walk
const ROUND = 4000; // milliseconds from A to B and back
const SLICE = 10; // milliseconds that work in the background may take between two frames

const mix = (a, b, t) => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];

function pair([x, y]) {
  const text = (value) => value.toFixed(Math.abs(value) < 100 ? 2 : 0).replace("-", "\u2212");
  return `(${text(x)}, ${text(y)})`;
}

class Explorer extends HTMLElement {
  async load(packed) {
    if (this.loading) return;
    this.loading = true;
    try {
      this.build(await unpack(packed));
    } catch (error) {
      const place = this.querySelector("em");
      if (place) place.textContent = `This browser cannot bring it to life: ${error.message}`;
      throw error;
    }
    this.connect();
    this.dataset.state = "alive";
  }

  build({ about, layers, pixels }) {
    const [x, y, half] = about.view;
    const images = about.labels.map((_, i) =>
      Float32Array.from(pixels.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE), (v) => v / 127.5 - 1),
    );
    Object.assign(this, { about, layers, images, conditional: about.conditional });
    this.label = about.labels[0];
    // A shadow hides the picture, and keeps the page's style out and the explorer's in.
    const shadow = this.attachShadow({ mode: "open" });
    shadow.innerHTML = PAGE;
    this.find = (selector) => shadow.querySelector(selector);
    this.plane = new Plane(this.find(".plane"), { ...about, images, view: { x, y, half } });
    this.pad = new Pad(this.find(".pad"), (digit) => this.see(digit));
    const far = about.codes.find((code) => distance(code, about.codes[0]) > (half / 2) ** 2);
    const points = { A: about.codes[0], B: far || about.codes[about.codes.length - 1] };
    this.state = { points, active: "A", cloud: null, walker: null, showMap: true, unit: 1 };
    this.stale = { labels: new Set(), steps: new Set() };
    this.lastMove = -Infinity;
    this.buildButtons();
    this.listen();
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

  // ---- parts and events ----

  buildButtons() {
    const legend = this.find(".legend");
    const digits = [...new Set(this.about.labels)].sort();
    for (const digit of digits.length > 1 ? digits : []) {
      const button = document.createElement("button");
      Object.assign(button, { textContent: digit, ariaPressed: "true", ariaLabel: `show ${digit}` });
      button.dataset.digit = digit;
      button.addEventListener("click", () => this.toggle(button, digit));
      legend.append(button);
    }
    this.find("[data-part=labels]").hidden = !this.conditional;
    this.thumbs = [];
    for (let label = 0; label < LABELS && this.conditional; label++) {
      const button = document.createElement("button");
      const canvas = smallCanvas(SIZE, SIZE);
      canvas.className = "digit";
      button.append(canvas, String(label));
      button.ariaLabel = `label ${label}`;
      button.addEventListener("click", () => this.setLabel(label));
      this.find(".labels").append(button);
      this.thumbs.push({ button, canvas });
    }
    if (this.conditional) this.setLabel(this.label);
  }

  listen() {
    const actions = {
      map: (button) => this.showMap(button),
      in: () => this.zoom(1 / 2),
      out: () => this.zoom(2),
      all: () => this.zoom(null),
      play: () => this.play(!this.started),
      encode: () => this.partner >= 0 && this.see(this.images[this.partner]),
      wipe: () => this.pad.wipe(),
    };
    for (const button of this.shadowRoot.querySelectorAll("button")) {
      if (button.dataset.do) button.addEventListener("click", () => actions[button.dataset.do](button));
      if (button.dataset.point) {
        button.addEventListener("click", () => this.choose(button.dataset.point));
      }
    }
    const { canvas } = this.plane;
    let held = false;
    const place = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      const scale = canvas.width / box.width;
      return [(clientX - box.left) * scale, (clientY - box.top) * scale];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      event.preventDefault();
      this.grab(place(event));
      held = true;
    });
    canvas.addEventListener("pointermove", (event) => held && this.drag(place(event)));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => (held = false));
    }
    this.onKey = (event) => this.key(event);
    this.onTheme = () => this.theme();
  }

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

  // Keys that are pressed inside belong to the explorer, so that no letter deletes a cell; not Tab
  // and Escape, which lead out, and no combinations.
  key(event) {
    const out = ["Tab", "Escape"].includes(event.key) || event.ctrlKey || event.metaKey;
    if (out || event.altKey || !event.composedPath().includes(this)) return;
    event.stopImmediatePropagation();
    if (this.shadowRoot.activeElement !== this.plane.canvas) return;
    const step = this.plane.view.half / (event.shiftKey ? 10 : 50);
    const move = (x, y) => {
      const [a, b] = this.state.points[this.state.active];
      this.moveTo([a + x * step, b + y * step]);
    };
    const actions = {
      ArrowLeft: () => move(-1, 0),
      ArrowRight: () => move(1, 0),
      ArrowUp: () => move(0, 1),
      ArrowDown: () => move(0, -1),
      a: () => this.choose("A"),
      b: () => this.choose("B"),
      "+": () => this.zoom(1 / 2),
      "-": () => this.zoom(2),
      0: () => this.zoom(null),
      p: () => this.play(!this.started),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
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
    for (let label = 0; label < this.thumbs.length; label++) this.stale.labels.add(label);
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
    paintDigit(this.find(".seen"), image || new Float32Array(SIZE * SIZE).fill(-1));
    this.state.cloud = image && this.encode(image);
    const { cloud } = this.state;
    const std = cloud && cloud.std ? `, std ${pair(cloud.std)}` : "";
    const hint = "Its code appears on the plane" + (this.layers["encoder.conv_logvar"] ? ", with its cloud: one and two standard deviations." : ".");
    this.find(".cloud").textContent = cloud ? `mean ${pair(cloud.mean)}${std}` : hint;
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
    if (this.undrawn || state.walker) this.drawPoint(state.walker || state.points[state.active]);
    this.undrawn = false;
    this.plane.draw(state);
    if (this.started !== null) this.askFrame();
    if (!this.timer) this.timer = setTimeout(() => this.work(), 0);
  }

  drawPoint(z) {
    const image = this.decode(z);
    const big = this.find(".big");
    paintDigit(big, image);
    this.find(".name").textContent = this.state.walker ? "the walk" : this.state.active;
    this.find(".z").textContent = `z = ${pair(z)}`;
    big.ariaLabel = `the image decoded at z = ${pair(z)}`;
    this.partner = this.plane.nearest(z, this.conditional ? this.label : null);
    const found = this.partner >= 0;
    const partner = this.find(".partner");
    paintDigit(partner, found ? this.images[this.partner] : new Float32Array(SIZE * SIZE).fill(-1));
    const away = found && Math.sqrt(distance(z, this.about.codes[this.partner]));
    const text = found ? `a ${this.about.labels[this.partner]}, its code ${away.toFixed(2)} away` : "none";
    this.find(".near").textContent = partner.ariaLabel = text;
    if (this.plane.border) {
      const second = distance(image, this.images[0]) > distance(image, this.images[1]);
      const side = this.find(".side");
      side.hidden = false;
      side.textContent = `nearer to the ${second ? "second" : "first"} image`;
      side.style.color = SIDES[Number(second)];
    }
  }

  // What can wait a moment: the images of the other labels, the walk, the map. A bit at a time.
  work() {
    this.timer = null;
    if (!this.isConnected || !this.visible) return;
    const until = performance.now() + SLICE;
    let more = true;
    while (more && performance.now() < until) more = this.workABit();
    this.askFrameWhile(more);
  }

  askFrameWhile(more) {
    const { waiting } = this.plane;
    if (more || waiting.length) this.askFrame();
    else if (this.told !== this.lastMove) {
      this.told = this.lastMove; // for readers who listen: once, when all has come to rest
      this.find("[role=status]").textContent = `${this.find(".z").textContent}, nearest ${this.find(".near").textContent}`;
    }
  }

  // One image -> whether there may be more to do at once.
  workABit() {
    const { labels, steps } = this.stale;
    const { points, active } = this.state;
    if (labels.size) {
      const [label] = labels;
      labels.delete(label);
      paintDigit(this.thumbs[label].canvas, this.decode(points[active], label));
      return true;
    }
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
