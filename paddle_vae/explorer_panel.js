// What stands beside the plane, in images and in words: the decoded image and its partner, the same
// z with every label, and the code of a drawing.

const BLACK = new Float32Array(SIZE * SIZE).fill(-1); // an image of nothing

function pair([x, y]) {
  const text = (value) => value.toFixed(Math.abs(value) < 100 ? 2 : 0).replace("-", "\u2212");
  return `(${text(x)}, ${text(y)})`;
}

// The image at z, with a conditional model those of all labels, and what stands nearest.
function showPoint(explorer, z) {
  const { words, find, plane, images, about } = explorer;
  const { walker, active } = explorer.state;
  const label = explorer.conditional ? explorer.label : null;
  const image = explorer.conditional ? showLabels(explorer, z) : explorer.decode(z);
  paintDigit(find(".big"), image);
  find(".big").ariaLabel = words.decoded(pair(z));
  find(".name").textContent = walker ? words.onTheWalk : words.decodedAt(active);
  find(".z").textContent = `z = ${pair(z)}`;

  const partner = plane.nearest(z, label);
  const found = partner >= 0;
  explorer.partner = partner;
  paintDigit(find(".partner"), found ? images[partner] : BLACK);
  const away = found && Math.sqrt(distance(z, about.codes[partner])).toFixed(2);
  const text = found ? words.near(about.labels[partner], away) : words.none;
  find(".near").textContent = find(".partner").ariaLabel = text;
  if (plane.border) showSide(explorer, image);
}

// One z with every label, all in this frame -> the image of the label that is chosen.
function showLabels(explorer, z) {
  const images = explorer.thumbs.map((_, label) => explorer.decode(z, label));
  explorer.thumbs.forEach(({ canvas }, label) => paintDigit(canvas, images[label]));
  return images[explorer.label];
}

// To which of two images the decoded one is nearer.
function showSide({ words, find, images }, image) {
  const second = distance(image, images[0]) > distance(image, images[1]);
  const side = find(".side");
  side.hidden = false;
  side.textContent = words.side(second);
  side.style.color = SIDES[Number(second)];
}

// What the encoder sees and says: an image and its {mean, std}, or null and null.
function showSeen({ words, find, layers }, image, cloud) {
  paintDigit(find(".seen"), image || BLACK);
  const hint = layers["encoder.conv_logvar"] ? words.cloud : words.code;
  const said = ({ mean, std }) =>
    std ? words.meanAndStd(pair(mean), pair(std)) : words.mean(pair(mean));
  find(".cloud").textContent = cloud ? said(cloud) : hint;
}
