// What is drawn above the plane: axes, the walk, the cloud of a drawn digit, and the two points.
//
// A pen is {context, unit, ink, paper}: unit is a pixel of CSS in pixels of the canvas, and each
// mark is drawn in ink over a wider one in paper, so that it stands out from any map.

const CLOUD = "#cc0077";

// points: {A, B}, in z; active: "A" or "B"; cloud: {mean, std} or null; walker: z or null
function drawMarks(context, plane, { points, active, cloud, walker, unit }) {
  const [ink, paper] = plane.dark ? ["#fff", "#111"] : ["#000", "#fff"];
  const pen = { context, unit, ink, paper };
  Object.assign(context, { font: `${11 * unit}px system-ui, sans-serif`, lineJoin: "round" });
  drawAxes(pen, plane);
  const [a, b] = [plane.toPixels(points.A), plane.toPixels(points.B)];
  context.beginPath();
  context.moveTo(...a);
  context.lineTo(...b);
  line(pen, paper, 3.5);
  line(pen, ink, 1.5, [5, 4]);
  if (cloud) drawCloud(pen, plane, cloud);
  context.font = `bold ${13 * unit}px system-ui, sans-serif`;
  for (const [name, at] of [["B", b], ["A", a]]) {
    context.beginPath();
    context.arc(...at, 9 * unit, 0, 2 * Math.PI);
    line(pen, paper, name === active ? 6.5 : 4.5);
    line(pen, ink, name === active ? 3.5 : 1.5);
    write(pen, name, at[0] + 17 * unit, at[1] - 13 * unit);
  }
  if (walker) {
    context.beginPath();
    context.arc(...plane.toPixels(walker), 6 * unit, 0, 2 * Math.PI);
    context.fillStyle = ink;
    context.fill();
    line(pen, paper, 2);
  }
}

// Draw the path that has begun.
function line({ context, unit }, colour, width, dash = []) {
  Object.assign(context, { strokeStyle: colour, lineWidth: width * unit });
  context.setLineDash(dash.map((length) => length * unit));
  context.stroke();
  context.setLineDash([]);
}

function write({ context, unit, ink, paper }, text, x, y) {
  Object.assign(context, { strokeStyle: paper, lineWidth: 3 * unit, fillStyle: ink });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

function drawCloud(pen, plane, { mean, std }) {
  const { context, paper } = pen;
  const at = plane.toPixels(mean);
  const scale = plane.canvas.width / (2 * plane.view.half);
  for (const sigma of std ? [2, 1] : []) {
    context.beginPath();
    context.ellipse(...at, sigma * std[0] * scale, sigma * std[1] * scale, 0, 0, 2 * Math.PI);
    line(pen, paper, 4);
    line(pen, CLOUD, 2, sigma === 1 ? [] : [4, 3]);
  }
  context.beginPath();
  context.arc(...at, 3.2 * pen.unit, 0, 2 * Math.PI);
  line(pen, paper, 5);
  line(pen, CLOUD, 3);
}

// 1, 2 or 5 times a power of ten, so that about `count` ticks lie on a length.
function tickStep(length, count) {
  const power = 10 ** Math.floor(Math.log10(length / count));
  return power * [1, 2, 5, 10].find((step) => step * power * count >= length);
}

function drawAxes(pen, plane) {
  const { context, unit, ink } = pen;
  const { x, y, half } = plane.view;
  const { width } = plane.canvas;
  const step = tickStep(2 * half, 5);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const text = (value) => value.toFixed(digits).replace("-", "\u2212");
  Object.assign(context, { textAlign: "center", textBaseline: "middle" });
  for (let i = Math.ceil((x - half) / step); i * step < x + half; i++) {
    const [at] = plane.toPixels([i * step, 0]);
    if (at < 36 * unit || at > width - 30 * unit) continue;
    context.fillStyle = ink;
    context.fillRect(at, width - 5 * unit, unit, 5 * unit);
    write(pen, text(i * step), at, width - 12 * unit);
  }
  for (let i = Math.ceil((y - half) / step); i * step < y + half; i++) {
    const [, at] = plane.toPixels([0, i * step]);
    if (at < 24 * unit || at > width - 24 * unit) continue;
    context.fillStyle = ink;
    context.fillRect(0, at, 5 * unit, unit);
    write(pen, text(i * step), 20 * unit, at);
  }
  write(pen, "z\u2081", width - 12 * unit, width - 12 * unit);
  write(pen, "z\u2082", 14 * unit, 12 * unit);
}
