// The border between two images: on each side of it, what is decoded is nearer to one of them.

const SIDES = ["#0072b2", "#d55e00"]; // of the two images, one on each side of the border

// The cells in the colours of the sides, and a line where `leaning` is 0.
function drawBorder(context, plane) {
  const { cells } = plane;
  const side = plane.canvas.width / cells;
  const leans = plane.decoded.map((_, cell) => plane.leaning(cell));
  context.globalAlpha = 0.16;
  leans.forEach((lean, cell) => {
    if (lean === null) return;
    context.fillStyle = SIDES[lean > 0 ? 1 : 0];
    context.fillRect((cell % cells) * side, Math.floor(cell / cells) * side, side, side);
  });
  context.globalAlpha = 1;
  Object.assign(context, { strokeStyle: plane.dark ? "#fff" : "#000", lineWidth: side / 8 });
  context.beginPath();
  // Marching squares: in each square between four cells, from edge to edge where the sign changes.
  for (let row = 0; row + 1 < cells; row++) {
    for (let column = 0; column + 1 < cells; column++) {
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([right, down]) => ({
        x: (column + right + 0.5) * side,
        y: (row + down + 0.5) * side,
        lean: leans[(row + down) * cells + column + right],
      }));
      if (corners.some(({ lean }) => lean === null)) continue;
      const cuts = [];
      corners.forEach((a, i) => {
        const b = corners[(i + 1) % 4];
        if (a.lean > 0 === b.lean > 0) return;
        const share = a.lean / (a.lean - b.lean);
        cuts.push([a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)]);
      });
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        context.moveTo(...cuts[i]);
        context.lineTo(...cuts[i + 1]);
      }
    }
  }
  context.stroke();
}
