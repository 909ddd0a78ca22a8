// The reader's hand: buttons, mouse or finger, and keys. What they do is in explorer_element.js.

// One for each digit among the images, which switches it off and on.
function digitButtons(explorer) {
  const digits = [...new Set(explorer.about.labels)].sort();
  for (const digit of digits.length > 1 ? digits : []) {
    const button = document.createElement("button");
    const ariaLabel = explorer.words.show(digit);
    Object.assign(button, { textContent: digit, ariaPressed: "true", ariaLabel });
    button.dataset.digit = digit;
    button.addEventListener("click", () => explorer.toggle(button, digit));
    explorer.find(".legend").append(button);
  }
}

// One for each label that a conditional model can be given, with its image -> [{button, canvas}].
function labelButtons(explorer) {
  explorer.find("[data-part=labels]").hidden = !explorer.conditional;
  return Array.from({ length: explorer.conditional ? LABELS : 0 }, (_, label) => {
    const button = document.createElement("button");
    const canvas = smallCanvas(SIZE, SIZE);
    canvas.className = "digit";
    button.append(canvas, String(label));
    button.ariaLabel = explorer.words.withLabel(label);
    button.addEventListener("click", () => explorer.setLabel(label));
    explorer.find(".labels").append(button);
    return { button, canvas };
  });
}

function listen(explorer) {
  const actions = {
    map: (button) => explorer.showMap(button),
    in: () => explorer.zoom(1 / 2),
    out: () => explorer.zoom(2),
    all: () => explorer.zoom(null),
    play: () => explorer.play(!explorer.started),
    encode: () => explorer.partner >= 0 && explorer.see(explorer.images[explorer.partner]),
    wipe: () => explorer.pad.wipe(),
  };
  for (const button of explorer.shadowRoot.querySelectorAll("button")) {
    const { do: name, point } = button.dataset;
    if (name) button.addEventListener("click", () => actions[name](button));
    if (point) button.addEventListener("click", () => explorer.choose(point));
  }
  followPointer(explorer, explorer.plane.canvas);
  explorer.onKey = (event) => onKey(explorer, event);
}

function followPointer(explorer, canvas) {
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
    explorer.grab(place(event));
    held = true;
  });
  canvas.addEventListener("pointermove", (event) => held && explorer.drag(place(event)));
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => (held = false));
  }
}

// Keys that are pressed inside belong to the explorer, so that no letter deletes a cell; not Tab
// and Escape, which lead out, and no combinations.
function onKey(explorer, event) {
  const out = ["Tab", "Escape"].includes(event.key) || event.ctrlKey || event.metaKey;
  if (out || event.altKey || !event.composedPath().includes(explorer)) return;
  event.stopImmediatePropagation();
  if (explorer.shadowRoot.activeElement !== explorer.plane.canvas) return;
  const step = explorer.plane.view.half / (event.shiftKey ? 10 : 50);
  const move = (x, y) => {
    const [a, b] = explorer.state.points[explorer.state.active];
    explorer.moveTo([a + x * step, b + y * step]);
  };
  const actions = {
    ArrowLeft: () => move(-1, 0),
    ArrowRight: () => move(1, 0),
    ArrowUp: () => move(0, 1),
    ArrowDown: () => move(0, -1),
    a: () => explorer.choose("A"),
    b: () => explorer.choose("B"),
    "+": () => explorer.zoom(1 / 2),
    "-": () => explorer.zoom(2),
    0: () => explorer.zoom(null),
    p: () => explorer.play(!explorer.started),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
