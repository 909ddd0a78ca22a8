"""PNG files of few colours: another program reads what we wrote."""

import io

from paddle_vae import palette

import matplotlib.image
import numpy as np


def read(png):
    return np.rint(matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3] * 255)


def test_reads_back_nearly_the_same():
    """Black, white and pure colours exactly; all others within half a step of their scale."""
    rgb = np.random.default_rng(0).integers(0, 256, (30, 41, 3)).astype("uint8")
    rgb[0, :5] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    rgb[1, :] = np.arange(41)[:, None]  # greys
    back = read(palette.png(rgb, greys=16))
    assert back.shape == rgb.shape
    assert np.array_equal(back[0, :5], rgb[0, :5])
    assert np.abs(back - rgb).max() <= 255 / 8 + 1
    assert np.abs(back[1] - rgb[1]).max() <= 255 / 30 + 1


def test_has_few_colours():
    rgb = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype("uint8")
    colours, index = palette.reduced(rgb)
    assert len(colours) <= 5**3 + 32 and index.max() == len(colours) - 1
