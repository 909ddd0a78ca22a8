"""The README's animation: the plane of the explorer under a moving hand.

    python -m tools.moving_hand       writes docs/hand.png, an animated PNG

A headless Chromium (tests/browser.py) opens the explorer of vae_2d in a page, a point moves along
a curve, and what is on the screen becomes a frame. The frames share one grey-and-colour palette,
and a frame holds only what differs from the one before.
"""

import io
import math
import struct
import sys
import tempfile
from pathlib import Path

from paddle_vae import data, recipes
from paddle_vae.explorer import explore
from paddle_vae.files import replacing
from paddle_vae.palette import START, chunk, header, reduced, rows

import matplotlib.image
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import browser  # noqa: E402

FRAMES, SECONDS = 48, 6.0
WIDTH = 680  # of the page, in pixels
READY = """const it = document.querySelector("[id^=explorer-]");
  const { plane, stale, undrawn } = it;
  return it.dataset.state === "alive" && !plane.waiting.length && !stale.steps.size && !undrawn;"""
SHORTER = """const it = document.querySelector("[id^=explorer-]");
  for (const part of [".pad", ".legend", ".plane + .row", ".plane ~ p"]) {
    (it.find(part).closest("section") || it.find(part)).remove();
  }
  it.style.margin = 0;
  return it.getBoundingClientRect().height;"""
MOVE = """const it = document.querySelector("[id^=explorer-]");
  it.moveTo(arguments[0]);"""


def main():
    if browser.missing():
        print(f"moving_hand: {browser.missing()}")
        return 2
    train = data.load("mnist", "train")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "plane.html"
        explore(recipes.load("vae_2d"), train.images, train.labels).save(page)
        frames = film(page)
    target = ROOT / "docs" / "hand.png"
    with replacing(target) as temporary:
        temporary.write_bytes(animated_png(frames, SECONDS / FRAMES))
    print(f"{target.relative_to(ROOT)}: {len(frames)} frames, {target.stat().st_size // 1000} KB")
    return 0


def curve(t):
    """Where the hand is at t in [0, 1): a closed curve through the middle of most digits."""
    a = 2 * math.pi * t
    return [1.5 * math.sin(a) - 0.1, 1.6 * math.sin(2 * a + 0.6) - 0.2]


def film(page):
    """The page with the point along the curve -> uint8 [frames, H, W, 3]."""
    frames = []
    with browser.chromium(WIDTH, 700) as driver:
        driver.get(page.as_uri())
        driver.execute_script("document.body.style.margin = 0")
        browser.wait(driver, lambda _: driver.execute_script(READY), 120, "the map")
        height = driver.execute_script(SHORTER)
        browser.resize(driver, WIDTH, math.ceil(height))
        for frame in range(FRAMES):
            driver.execute_script(MOVE, curve(frame / FRAMES))
            browser.wait(driver, lambda _: driver.execute_script(READY), 60, "the map")
            png = io.BytesIO(driver.get_screenshot_as_png())
            frames.append(np.rint(matplotlib.image.imread(png, format="png")[..., :3] * 255))
    return np.array(frames, "uint8")


# ---- the file ----------------------------------------------------------------


def animated_png(frames, delay):
    """Frames uint8 [n, H, W, 3] as an animated PNG that runs for ever; delay: seconds a frame."""
    palette, index = reduced(frames)
    palette, index = np.insert(palette, 0, 0, axis=0), index + 1  # number 0 is see-through
    count, height, width = index.shape
    number = iter(range(10**6))  # of a chunk of the animation

    def control(left, top, w, h):
        place = struct.pack(">IIIII", next(number), w, h, left, top)
        return chunk(b"fcTL", place + struct.pack(">HHBB", round(delay * 1000), 1000, 0, 1))

    parts = [
        START,
        header(width, height),
        chunk(b"acTL", struct.pack(">II", count, 0)),
        chunk(b"PLTE", palette.tobytes()),
        chunk(b"tRNS", b"\0"),
        control(0, 0, width, height),
        chunk(b"IDAT", rows(index[0])),
    ]
    for before, now in zip(index[:-1], index[1:], strict=True):
        down, across = np.nonzero(before != now)
        if not len(down):
            down = across = np.zeros(1, int)
        top, left = down.min(), across.min()
        part = np.where(before != now, now, 0)[top : down.max() + 1, left : across.max() + 1]
        parts.append(control(left, top, part.shape[1], part.shape[0]))
        parts.append(chunk(b"fdAT", struct.pack(">I", next(number)) + rows(part)))
    return b"".join(parts) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main())
