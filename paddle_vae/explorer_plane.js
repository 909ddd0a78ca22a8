// The plane: the decoded map and the codes over it. What is drawn above them is in
// explorer_border.js and explorer_marks.js.

// Of the digits: by day as in the course's figures, by night some of them lighter.
const COLOURS = {
  day: [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
  ],
  night: [
    "#57a9e2", "#ff9e4a", "#4cc64c", "#ff6b6b", "#b893e0",
    "#cf9788", "#f29ad6", "#b0b0b0", "#d4d53c", "#35d6e6",
  ],
};
function smallCanvas(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

// Put pixels from -1 to 1 on a 28x28 place of a canvas, white on black.
function paintDigit(canvas, pixels, column = 0, row = 0) {
  const picture = new ImageData(SIZE, SIZE);
  for (let i = 0; i < SIZE * SIZE; i++) {
    picture.data.fill((pixels[i] + 1) * 127.5, 4 * i, 4 * i + 3);
    picture.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, column * SIZE, row * SIZE);
}

function distance(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

class Plane {
  // codes: [[x, y], ...]; labels; images: one Float32Array each; view: {x, y, half} in z
  constructor(canvas, { codes, labels, images, view }) {
    Object.assign(this, { canvas, codes, labels, images, view, home: view });
    this.shown = new Set(labels);
    this.border = images.length === 2;
    this.cells = this.border ? 21 : 15; // of the map, on each side
    this.codesLayer = smallCanvas(1, 1);
    this.dark = false;
    this.forget();
  }

  // ---- places: z, and pixels of the canvas ----

  toPixels([x, y]) {
    const scale = this.canvas.width / (2 * this.view.half);
    return [
      (x - this.view.x + this.view.half) * scale,
      (this.view.y + this.view.half - y) * scale,
    ];
  }

  toZ(px, py) {
    const scale = (2 * this.view.half) / this.canvas.width;
    const { x, y, half } = this.view;
    return [x - half + px * scale, y + half - py * scale];
  }

  get colours() {
    return this.dark ? COLOURS.night : COLOURS.day;
  }

  // The place in sight that is nearest to z.
  inside([x, y]) {
    const { half } = this.view;
    const limit = (value, middle) => Math.min(middle + half, Math.max(middle - half, value));
    return [limit(x, this.view.x), limit(y, this.view.y)];
  }

  // Zoom, so that the point z stays where it is on the screen.
  zoom(factor, [x, y]) {
    const { view } = this;
    const half = Math.min(1e5, Math.max(1e-3, view.half * factor));
    const share = half / view.half;
    this.look({ x: x + (view.x - x) * share, y: y + (view.y - y) * share, half });
  }

  look(view) {
    this.view = view;
    this.forget();
    this.drawCodes();
  }

  resize(pixels) {
    this.canvas.width = this.canvas.height = pixels;
    this.drawCodes();
  }

  // ---- the decoded map, a cell at a time, from the middle outwards ----

  forget() {
    const { cells } = this;
    this.old = this.map && { map: this.map, view: this.mapView };
    this.map = smallCanvas(cells * SIZE, cells * SIZE);
    this.mapView = this.view;
    this.decoded = new Array(cells * cells).fill(null);
    this.waiting = [...this.decoded.keys()].sort((a, b) => this.fromMiddle(b) - this.fromMiddle(a));
  }

  fromMiddle(cell) {
    const middle = (this.cells - 1) / 2;
    return Math.hypot((cell % this.cells) - middle, Math.floor(cell / this.cells) - middle);
  }

  cellZ(cell) {
    const { x, y, half } = this.view;
    const at = (index) => half * (((index + 0.5) / this.cells) * 2 - 1);
    return [x + at(cell % this.cells), y - at(Math.floor(cell / this.cells))];
  }

  // Decode the next cell of the map -> whether there was one.
  decodeCell(decode) {
    if (!this.waiting.length) return false;
    const cell = this.waiting.pop();
    this.decoded[cell] = decode(this.cellZ(cell));
    this.paintCell(cell);
    return true;
  }

  // The digit as ink that lets the background through: black by day, white by night.
  paintCell(cell) {
    const pixels = this.decoded[cell];
    const picture = new ImageData(SIZE, SIZE);
    for (let i = 0; i < SIZE * SIZE; i++) {
      picture.data.fill(this.dark ? 255 : 0, 4 * i, 4 * i + 3);
      picture.data[4 * i + 3] = (pixels[i] + 1) * 55;
    }
    const [column, row] = [cell % this.cells, Math.floor(cell / this.cells)];
    this.map.getContext("2d").putImageData(picture, column * SIZE, row * SIZE);
  }

  setDark(dark) {
    if (dark === this.dark) return;
    this.dark = dark;
    this.decoded.forEach((pixels, cell) => pixels && this.paintCell(cell));
    this.drawCodes();
  }

  // By how much a cell's picture is nearer to the second image than to the first, or null.
  leaning(cell) {
    const pixels = this.decoded[cell];
    return pixels && distance(pixels, this.images[0]) - distance(pixels, this.images[1]);
  }

  // ---- the codes ----

  // Which code lies nearest to z, among the digits that are shown -> its number, or -1.
  nearest(z, label = null) {
    let [best, least] = [-1, Infinity];
    this.codes.forEach((code, i) => {
      const away = distance(code, z);
      const counts = this.shown.has(this.labels[i]) && (label === null || label === this.labels[i]);
      if (counts && away < least) [best, least] = [i, away];
    });
    return best;
  }

  // Each code as the numeral of its digit, in the digit's colour; a few as their own images.
  drawCodes() {
    const { width } = this.canvas;
    Object.assign(this.codesLayer, { width, height: width });
    const context = this.codesLayer.getContext("2d");
    const em = Math.max(11, width / 36);
    Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    context.font = `bold ${em}px system-ui, sans-serif`;
    context.lineWidth = em / 4;
    context.strokeStyle = this.dark ? "#111" : "#fff";
    const few = this.codes.length <= 10;
    this.codes.forEach((code, i) => {
      if (!this.shown.has(this.labels[i])) return;
      const [x, y] = this.toPixels(code);
      if (few) this.drawImage(context, i, x, y, 2.6 * em);
      else {
        context.fillStyle = this.colours[this.labels[i]];
        context.strokeText(this.labels[i], x, y);
        context.fillText(this.labels[i], x, y);
      }
    });
  }

  drawImage(context, i, x, y, side) {
    const picture = smallCanvas(SIZE, SIZE);
    paintDigit(picture, this.images[i]);
    context.drawImage(picture, x - side / 2, y - side / 2, side, side);
    context.strokeStyle = this.border ? SIDES[i] : this.colours[this.labels[i]];
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }

  // ---- everything ----

  // state: of the explorer; see drawMarks
  draw(state) {
    const { canvas } = this;
    const context = canvas.getContext("2d");
    context.fillStyle = this.dark ? "#111" : "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (state.showMap) {
      if (this.waiting.length && this.old) this.drawOldMap(context);
      this.drawMap(context, this.map, this.mapView);
    }
    if (this.border) drawBorder(context, this);
    context.drawImage(this.codesLayer, 0, 0);
    drawMarks(context, this, state);
  }

  // The map of the view before, where the new one is not decoded yet.
  drawOldMap(context) {
    this.drawMap(context, this.old.map, this.old.view);
    const side = this.canvas.width / this.cells;
    this.decoded.forEach((pixels, cell) => {
      const [column, row] = [cell % this.cells, Math.floor(cell / this.cells)];
      if (pixels) context.fillRect(column * side, row * side, side, side);
    });
  }

  drawMap(context, map, view) {
    const [left, top] = this.toPixels([view.x - view.half, view.y + view.half]);
    const side = (this.canvas.width * view.half) / this.view.half;
    context.drawImage(map, left, top, side, side);
  }
}
