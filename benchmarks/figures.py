"""Time to draw each kind of figure: one image a grid (paddle_vae.plots) against L1's way, one axes
a digit. Both are drawn to a PNG in memory; the median of a few, in turn. Prints seconds.

    python benchmarks/figures.py [--json]
"""

import argparse
import io
import json
import statistics
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddle_vae import plots  # noqa: E402

import numpy as np  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

KINDS = {  # L1's figures that are grids of images: rows, columns
    "samples 10x20": (10, 20),
    "latent map 20x20": (20, 20),
    "two rows of 10": (2, 10),
}


def axes_each(images, rows, cols):
    """L1's way: a subplot for every digit."""
    plt.figure(figsize=(cols * 0.45, rows * 0.45))
    for place, image in enumerate(images[:, 0], 1):
        plt.subplot(rows, cols, place)
        plt.imshow(image, cmap="gray", vmin=-1, vmax=1)
        plt.axis("off")


def one_image(images, rows, cols):
    plots.grid(images, cols)


def seconds(draw, *arguments):
    start = time.perf_counter()
    draw(*arguments)
    plt.savefig(io.BytesIO(), format="png")
    taken = time.perf_counter() - start
    plt.close("all")
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    rng = np.random.default_rng(0)
    result = {}
    for kind, (rows, cols) in KINDS.items():
        images = rng.uniform(-1, 1, (rows * cols, 1, 28, 28)).astype("float32")
        seconds(one_image, images, rows, cols)  # the first figure also loads fonts
        taken = {"paddle_vae": [], "axes_each": []}
        for _ in range(3):
            taken["paddle_vae"].append(seconds(one_image, images, rows, cols))
            taken["axes_each"].append(seconds(axes_each, images, rows, cols))
        row = {name: statistics.median(values) for name, values in taken.items()}
        row["ratio"] = row["axes_each"] / row["paddle_vae"]
        result[kind] = {name: round(value, 3) for name, value in row.items()}
    if as_json:
        print(json.dumps(result))
        return
    for kind, row in result.items():
        print(
            f"{kind:<18} plots.grid {row['paddle_vae']:7.3f} s   "
            f"an axes each {row['axes_each']:7.3f} s   {row['ratio']:6.1f} times"
        )


if __name__ == "__main__":
    main()
