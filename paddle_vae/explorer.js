// The course's networks in a page: the encoder and the decoder of paddle_vae/networks.py.
//
// The layers bear the names that they have there. An image stands in one Float32Array, row by row,
// with the channels of a pixel side by side: [height][width][channels]. explorer.py lays the
// weights out in the order in which the loops below read them, so no layer has to turn anything.

const SIZE = 28; // of an image; its pixels go from -1 (black) to 1 (white)
const LABELS = 10;
const SLOPE = 0.01; // of leaky ReLU for negative numbers, Paddle's default

// Unpack what explorer.py packed: base64 of a zlib stream -> {about, layers, pixels}.
//
// In the stream: the length of a JSON text, that text ("about"), then for each layer in
// about.layers the scale and the bias of each output as float32 and the weights as 16-bit whole
// numbers, all their low bytes first, then all their high ones; at the end the pixels of the
// training images as bytes. A weight is its whole number times the scale of its output.
async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = await new Response(stream).arrayBuffer();
  let at = 0;
  const take = (count) => data.slice(at, (at += count));
  const length = new DataView(take(4)).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(take(length)));
  const layers = {};
  for (const [name, shape] of about.layers) {
    const count = shape.reduce((a, b) => a * b);
    const outputs = shape[shape.length - 1];
    const scale = Array.from(new Int8Array(take(outputs)), (power) => 2 ** power);
    const bias = floats(outputs);
    bias.set(new Float32Array(take(4 * outputs)));
    const low = new Uint8Array(take(count));
    const high = new Int8Array(take(count));
    const weight = floats(count);
    for (let i = 0; i < count; i++) weight[i] = (high[i] * 256 + low[i]) * scale[i % outputs];
    layers[name] = { shape, weight, bias };
  }
  keepLayers();
  return { about, layers, pixels: new Uint8Array(data, at) };
}

// The one loop that takes time. Each output is its bias plus the sum of inputs times weights, where
// the inputs are `rows` runs of `length` numbers in x: the first run at `from`, `step` apart.
// Eight outputs at a time: their sums stay in the processor's registers. explorer_simd.js does most
// of it where it can, four times as fast.
function sums(x, from, step, rows, length, layer, first, y, to) {
  const { weight, bias } = layer;
  const outputs = bias.length;
  let o = sumsOfSixteens(x, from, step, rows, length, layer, first, y, to);
  for (; o + 8 <= outputs; o += 8) {
    let [a, b, c, d] = [bias[o], bias[o + 1], bias[o + 2], bias[o + 3]];
    let [e, f, g, h] = [bias[o + 4], bias[o + 5], bias[o + 6], bias[o + 7]];
    let i = first + o;
    for (let row = 0; row < rows; row++) {
      const start = from + row * step;
      for (let j = start; j < start + length; j++) {
        const value = x[j];
        a += value * weight[i];
        b += value * weight[i + 1];
        c += value * weight[i + 2];
        d += value * weight[i + 3];
        e += value * weight[i + 4];
        f += value * weight[i + 5];
        g += value * weight[i + 6];
        h += value * weight[i + 7];
        i += outputs;
      }
    }
    const at = to + o;
    y[at] = a;
    y[at + 1] = b;
    y[at + 2] = c;
    y[at + 3] = d;
    y[at + 4] = e;
    y[at + 5] = f;
    y[at + 6] = g;
    y[at + 7] = h;
  }
  for (; o < outputs; o++) {
    let a = bias[o], b = 0, c = 0, d = 0; // four sums: none waits for the one before
    let i = first + o;
    for (let row = 0; row < rows; row++) {
      const start = from + row * step;
      const end = start + length;
      let j = start;
      for (; j + 4 <= end; j += 4, i += 4 * outputs) {
        a += x[j] * weight[i];
        b += x[j + 1] * weight[i + outputs];
        c += x[j + 2] * weight[i + 2 * outputs];
        d += x[j + 3] * weight[i + 3 * outputs];
      }
      for (; j < end; j++, i += outputs) a += x[j] * weight[i];
    }
    y[to + o] = a + b + c + d;
  }
}

// A fully connected layer, which the lesson writes as a 1x1 convolution: [inputs] -> [outputs].
function linear(x, layer) {
  const y = floats(layer.bias.length);
  sums(x, 0, 0, 1, x.length, layer, 0, y, 0);
  return y;
}

// A frame of zeros, one pixel wide: [size][size][channels] -> [size + 2][size + 2][channels].
function pad(x, size, channels) {
  const y = floats((size + 2) * (size + 2) * channels);
  const row = size * channels;
  for (let r = 0; r < size; r++) {
    y.set(x.subarray(r * row, (r + 1) * row), ((r + 1) * (size + 2) + 1) * channels);
  }
  return y;
}

// A convolution with padding 1: [size][size][inputs] -> [size / stride][size / stride][outputs].
// Weights are [kernel][kernel][inputs][outputs].
function convolution(x, size, layer, stride) {
  const [kernel, , inputs, outputs] = layer.shape;
  const padded = pad(x, size, inputs);
  const side = size / stride;
  const row = (size + 2) * inputs;
  const y = floats(side * side * outputs);
  for (let r = 0; r < side; r++) {
    for (let c = 0; c < side; c++) {
      const from = r * stride * row + c * stride * inputs;
      sums(padded, from, row, kernel, kernel * inputs, layer, 0, y, (r * side + c) * outputs);
    }
  }
  return y;
}

// A transposed 4x4 convolution, stride 2, padding 1: [size][size][in] -> [2 size][2 size][out].
// A pixel of the result sees 2x2 pixels of x, through every second row and column of the kernel.
// Which ones, depends on whether its own row and column are even or odd, so there are four small
// kernels, and the weights are [odd row][odd column][2][2][inputs][outputs].
function transposed(x, size, layer) {
  const [inputs, outputs] = layer.shape.slice(4);
  const padded = pad(x, size, inputs);
  const row = (size + 2) * inputs;
  const y = floats(4 * size * size * outputs);
  for (let odd = 0; odd < 4; odd++) {
    const [down, right] = [odd >> 1, odd & 1];
    const first = odd * 4 * inputs * outputs;
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < size; c++) {
        const from = (r + down) * row + (c + right) * inputs;
        const to = ((2 * r + down) * 2 * size + 2 * c + right) * outputs;
        sums(padded, from, row, 2, 2 * inputs, layer, first, y, to);
      }
    }
  }
  return y;
}

function leakyRelu(x) {
  for (let i = 0; i < x.length; i++) x[i] = Math.max(x[i], SLOPE * x[i]);
  return x;
}

function oneHot(label) {
  const y = floats(LABELS);
  y[label] = 1;
  return y;
}

// networks.Encoder: image [28][28] -> {mean: [2], std: [2]}; an autoencoder's std is null.
function encode(layers, image, label) {
  forgetPass();
  let h = image;
  if (layers["encoder.conv_label"]) {
    const plane = linear(oneHot(label), layers["encoder.conv_label"]); // [28][28]
    h = floats(2 * SIZE * SIZE); // [28][28][2]: image and plane, pixel by pixel
    for (let i = 0; i < SIZE * SIZE; i++) {
      h[2 * i] = image[i];
      h[2 * i + 1] = plane[i];
    }
  }
  h = leakyRelu(convolution(h, 28, layers["encoder.conv1"], 2)); // [14][14][32]
  h = leakyRelu(convolution(h, 14, layers["encoder.conv2"], 2)); // [7][7][64]
  const mean = linear(h, layers["encoder.conv_mean"]).slice(); // out of what the next pass takes
  const head = layers["encoder.conv_logvar"];
  return { mean, std: head ? linear(h, head).map((logvar) => Math.exp(0.5 * logvar)) : null };
}

// networks.Decoder: z [2] -> image [28][28]; a conditional model's takes a label as well.
function decode(layers, z, label, conditional) {
  forgetPass();
  const input = floats(conditional ? z.length + LABELS : z.length);
  input.set(z);
  if (conditional) input[z.length + label] = 1;
  let h = leakyRelu(linear(input, layers["decoder.conv1"])); // [7][7][32]
  h = leakyRelu(transposed(h, 7, layers["decoder.conv2"])); // [14][14][64]
  h = leakyRelu(transposed(h, 14, layers["decoder.conv3"])); // [28][28][32]
  return convolution(h, 28, layers["decoder.conv4"], 1).map(Math.tanh); // [28][28]
}
