// The one loop that takes time, for four numbers at a time: a small program for WebAssembly.
//
// JavaScript has no instruction that multiplies four numbers at once, and every processor has one.
// So the loop `sums` of explorer.js stands here once more, for sixteen outputs at a time, in a
// language of a few words: a name or a number goes on a stack, "=name" takes it off again, "+" adds
// the upper two. Where a browser or a page does not let WebAssembly run, explorer.js does it all.

const SIXTEEN = 64; // bytes of sixteen numbers
const PLACES = ["x", "step", "rows", "length", "weight", "outputs", "bias", "y"]; // all in bytes
const WHOLE = ["o", "row", "w", "from", "at", "end"]; // whole numbers of the program itself
const FOURS = ["a", "b", "c", "d", "v"]; // four floats each

const PROGRAM = `
  0 =o
  loop
    bias o + =at  at load0 =a  at load16 =b  at load32 =c  at load48 =d
    weight o + =w  x =from  rows =row
    loop
      from =at  from length + =end
      loop
        at repeat =v
        a  v w load0 v* v+ =a    b  v w load16 v* v+ =b
        c  v w load32 v* v+ =c   d  v w load48 v* v+ =d
        w outputs + =w  at 4 + =at
      at end < again
      from step + =from  row 1 - =row
    row again
    y o + =at  at a store0  at b store16  at c store32  at d store48
    o 64 + =o
  o 64 + outputs <= again
`;

// A whole number below 8192 as WebAssembly writes it, in two bytes.
const leb = (number) => [(number & 127) | 128, number >> 7];
const sized = (bytes) => [...leb(bytes.length), ...bytes];

// The words' codes: WebAssembly Core Specification 2.0, sections 5.4 (instructions).
const CODES = {
  "+": [0x6a], "-": [0x6b], "<": [0x49], "<=": [0x4d],
  loop: [0x03, 0x40], again: [0x0d, 0, 0x0b], // back to the loop's begin if not 0; end
  repeat: [0xfd, 9, 2, 0], // one float from memory, four times
  "v+": [0xfd, 0xe4, 1], "v*": [0xfd, 0xe6, 1],
};
for (const offset of [0, 16, 32, 48]) {
  CODES[`load${offset}`] = [0xfd, 0, 2, offset];
  CODES[`store${offset}`] = [0xfd, 11, 2, offset];
}

function assemble(program) {
  const names = [...PLACES, ...WHOLE, ...FOURS];
  const code = program.trim().split(/\s+/).flatMap((word) => {
    if (CODES[word]) return CODES[word];
    if (/^\d+$/.test(word)) return [0x41, ...leb(Number(word))];
    return word[0] === "=" ? [0x21, names.indexOf(word.slice(1))] : [0x20, names.indexOf(word)];
  });
  const text = (word) => sized([...word].map((letter) => letter.charCodeAt(0)));
  const body = [2, WHOLE.length, 0x7f, FOURS.length, 0x7b, ...code, 0x0b];
  const sections = [
    [1, [1, 0x60, PLACES.length, ...PLACES.map(() => 0x7f), 0]], // the function's type
    [2, [1, ...text("page"), ...text("memory"), 2, 0, 1]], // the memory comes from outside
    [3, [1, 0]],
    [7, [1, ...text("sums"), 0, 0]], // what is seen from outside
    [10, [1, ...sized(body)]],
  ];
  const parts = sections.flatMap(([kind, bytes]) => [kind, ...sized(bytes)]);
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...parts]);
}

// {memory, sums}, or null where it cannot run.
const simd = (() => {
  try {
    const memory = new WebAssembly.Memory({ initial: 128 }); // of 64 KB: a model takes 16 of them
    const module = new WebAssembly.Module(assemble(PROGRAM));
    return { memory, ...new WebAssembly.Instance(module, { page: { memory } }).exports };
  } catch {
    return null;
  }
})();

// Arrays in that memory, one behind the other: first weights, which stay; then what a pass through
// a network needs. `layersEnd` is where the weights end.
let [taken, layersEnd] = [0, 0];

// `count` zeros: in the memory that the program sees while it has room, else anywhere.
function floats(count) {
  if (!simd || taken + 4 * count > simd.memory.buffer.byteLength) return new Float32Array(count);
  const array = new Float32Array(simd.memory.buffer, taken, count).fill(0);
  taken += 16 * Math.ceil(count / 4);
  return array;
}

// A pass begins: what the pass before has left may be overwritten.
const forgetPass = () => (taken = layersEnd);
const keepLayers = () => (layersEnd = taken);

const inMemory = (array) => simd !== null && array.buffer === simd.memory.buffer;

// As `sums` of explorer.js -> how many outputs are done: multiples of sixteen.
function sumsOfSixteens(x, from, step, rows, length, layer, first, y, to) {
  const { weight, bias } = layer;
  const outputs = 4 * bias.length;
  if (outputs < SIXTEEN || !inMemory(x) || !inMemory(weight) || !inMemory(y)) return 0;
  const [start, kernel] = [x.byteOffset + 4 * from, weight.byteOffset + 4 * first];
  const place = y.byteOffset + 4 * to;
  simd.sums(start, 4 * step, rows, 4 * length, kernel, outputs, bias.byteOffset, place);
  return bias.length - (bias.length % 16);
}
