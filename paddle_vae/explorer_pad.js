// Draw your own digit: a canvas to draw on, and what MNIST would have made of the drawing.

class Pad {
  // drawn: called after every stroke, however short, with the digit or with null when it is wiped
  constructor(canvas, drawn) {
    Object.assign(this, { canvas, drawn, last: null });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
    context.lineWidth = canvas.width / 11;
    this.context = context;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
      this.last = this.place(event);
      this.stroke(this.last);
    });
    canvas.addEventListener("pointermove", (event) => this.last && this.stroke(this.place(event)));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => (this.last = null));
    }
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  stroke(to) {
    this.context.beginPath();
    this.context.moveTo(...this.last);
    this.context.lineTo(...to);
    this.context.stroke();
    this.last = to;
    this.drawn(this.digit());
  }

  wipe() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.drawn(null);
  }

  // The drawing as an image of MNIST's kind: its longer side shrunk to 20 pixels, put into 28 x 28
  // so that its centre of mass lies in the middle -> Float32Array from -1 to 1, or null.
  digit() {
    const box = this.extent();
    if (!box) return null;
    const whole = SIZE / 2;
    const first = this.shrunk(box, whole, whole);
    let [mass, x, y] = [0, 0, 0];
    first.forEach((value, i) => {
      mass += value;
      x += value * ((i % SIZE) + 0.5);
      y += value * (Math.floor(i / SIZE) + 0.5);
    });
    const shift = (sum) => whole + Math.round(whole - sum / Math.max(mass, 1e-6));
    return this.shrunk(box, shift(x), shift(y)).map((value) => 2 * value - 1);
  }

  // Left, top, right and bottom of what is drawn, or null.
  extent() {
    const { width, height } = this.canvas;
    const { data } = this.context.getImageData(0, 0, width, height);
    let [left, top, right, bottom] = [width, height, 0, 0];
    for (let i = 0; i < width * height; i++) {
      if (data[4 * i + 3] < 40) continue;
      const [x, y] = [i % width, Math.floor(i / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
    return right ? { left, top, right, bottom } : null;
  }

  // The part in the box, its middle at (x, y) of 28 x 28 pixels -> Float32Array from 0 to 1.
  shrunk({ left, top, right, bottom }, x, y) {
    const [width, height] = [right - left, bottom - top];
    const scale = 20 / Math.max(width, height);
    const small = smallCanvas(SIZE, SIZE).getContext("2d");
    small.imageSmoothingQuality = "high";
    const corner = [x - (width * scale) / 2, y - (height * scale) / 2];
    small.drawImage(
      this.canvas, left, top, width, height, ...corner, width * scale, height * scale,
    );
    const { data } = small.getImageData(0, 0, SIZE, SIZE);
    return Float32Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3] / 255);
  }
}
