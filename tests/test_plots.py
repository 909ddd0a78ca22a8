"""The geometry of the figures: which image lands where, and what the axes say."""

import numpy as np
import paddle
import pytest
from matplotlib import image as mpl_image
from matplotlib import pyplot as plt

from paddle_vae import plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def numbered(count):
    return np.arange(count, dtype="float32").reshape(-1, 1, 1, 1) * np.ones((1, 1, 3, 2), "float32")


def test_tile_fills_row_by_row():
    picture = plots.tile(numbered(6), 2, 3)
    assert picture.shape == (6, 6)
    np.testing.assert_array_equal(picture[::3, ::2], [[0, 1, 2], [3, 4, 5]])


def test_a_grid_is_one_axes_with_one_image():
    ax = plots.grid(numbered(7), cols=5)
    assert len(ax.figure.axes) == len(ax.images) == 1
    assert ax.images[0].get_array().shape == (6, 10)


def test_quantiles_cut_the_normal_into_equal_shares():
    values = plots.quantiles(4)
    np.testing.assert_allclose(values, [-1.1503, -0.3186, 0.3186, 1.1503], atol=1e-4)


def position(z):
    """A decoder whose image says which z it was made from."""
    return z.reshape([-1, 1, 1, 2])


def test_the_map_puts_every_image_at_its_z():
    x, y = np.linspace(-3, 1, 9), np.linspace(0, 2, 5)
    ax = plots.latent_map(position, x, y)
    picture = np.asarray(ax.images[0].get_array()).reshape(5, 9, 2)  # rows from the top
    left, right, bottom, top = ax.images[0].get_extent()
    for row in range(5):
        for column in range(9):
            z1 = left + (column + 0.5) * (right - left) / 9
            z2 = top - (row + 0.5) * (top - bottom) / 5
            np.testing.assert_allclose(picture[row, column], [z1, z2], atol=1e-5)


def test_a_map_over_quantiles_labels_its_ticks_in_z():
    q = plots.quantiles(15)
    ax = plots.latent_map(position, q, q)
    at, text = ax.get_xticks(), [t.get_text() for t in ax.get_xticklabels()]
    np.testing.assert_allclose([float(t) for t in text], q[np.asarray(at, int)], atol=0.005)


def test_scatter_and_map_share_their_axes():
    codes = np.random.default_rng(0).normal(size=(50, 2)) * [3, 1]
    decode = lambda z: paddle.zeros([len(z), 1, 4, 4])  # noqa: E731
    left, right = plots.scatter_and_map(codes, np.arange(50) % 10, decode)
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()


def test_save_grid_writes_pixel_for_pixel(tmp_path):
    path = tmp_path / "grid.png"
    images = np.linspace(-1, 1, 6).reshape(-1, 1, 1, 1) * np.ones((1, 1, 3, 2))
    plots.save_grid(images, path, cols=4)
    picture = mpl_image.imread(path)[..., 0]
    assert picture.shape == (6, 8)
    assert (picture[0, 0], picture[3, 2]) == (0, 1)
