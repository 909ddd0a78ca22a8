"""The geometry of the figures: which image lands where, and what the axes say."""

from paddle_vae import VAE, plots
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
import pytest
from matplotlib import image as mpl_image
from matplotlib import pyplot as plt
from refusal import refused


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


# What cannot be drawn

SHAPES = [[4, 3, 8, 8], [4, 8, 8], [8, 8], [0, 1, 8, 8], [2, 2, 1, 8, 8], []]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_of_another_shape_are_refused(shape, tmp_path):
    """Colour images among them."""
    images = np.zeros(shape)
    refused(lambda: plots.tile(images, 2, 2), shape, "[N, 1, H, W]")
    refused(lambda: plots.grid(images), shape)
    refused(lambda: plots.save_grid(images, tmp_path / "a.png"), shape)
    refused(lambda: plots.latent_map(lambda z: images, [0, 1], [0, 1]), shape)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_numbers_are_refused(value, tmp_path):
    images, codes = np.zeros((4, 1, 3, 3)), np.zeros((4, 2))
    images[1, 0, 2, 2] = codes[1, 1] = value
    refused(lambda: plots.grid(images), "finite")
    refused(lambda: plots.save_grid(images, tmp_path / "a.png"), "finite")
    refused(lambda: plots.scatter(codes, np.arange(4)), "finite")
    refused(lambda: plots.latent_map(lambda z: images, [0, value], [0, 1]), "x is")


@pytest.mark.parametrize("columns", [0, -1, 1.5, True, "3", 10**9, 10**26])
def test_columns_that_are_none(columns, tmp_path):
    for draw in (plots.grid, lambda *a, **k: plots.save_grid(a[0], tmp_path / "a.png", **k)):
        refused(lambda draw=draw: draw(numbered(4), cols=columns))
    assert not plt.get_fignums() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("value_range", [(1, 0), (0, 0), (0, np.nan), ("0", "1"), 1, None])
def test_ranges_that_are_none(value_range, tmp_path):
    position_of = lambda z: z.reshape([-1, 1, 1, 2])  # noqa: E731
    refused(lambda: plots.grid(numbered(4), value_range=value_range), "value_range")
    refused(lambda: plots.save_grid(numbered(4), tmp_path / "a.png", 2, value_range), "value_range")
    refused(lambda: plots.latent_map(position_of, [0, 1], [0, 1], None, value_range), "value_range")


def test_more_images_than_places_are_refused():
    refused(lambda: plots.tile(numbered(7), 2, 3), "7", "2 x 3")


def test_a_short_row_keeps_the_type_of_the_pixels():
    assert plots.tile(numbered(5), 2, 3).dtype == "float32"
    assert plots.tile(numbered(5).astype("uint8"), 2, 3, 0).min() == 0


@pytest.mark.parametrize("dims", [1, 3, 10])
def test_codes_of_other_than_two_dimensions_are_refused(dims):
    codes, labels = np.ones((6, dims)), np.arange(6)
    never = lambda z: pytest.fail("decoded")  # noqa: E731
    refused(lambda: plots.scatter(codes, labels), [6, dims], "codes[:, :2]")
    refused(lambda: plots.scatter_and_map(codes, labels, never), [6, dims])
    assert not plt.get_fignums()


def test_codes_without_a_label_each_are_refused():
    refused(lambda: plots.scatter(np.ones((6, 2)), np.arange(5)), "labels", [5])
    codes = np.random.default_rng(0).normal(size=(6, 2))
    codes[:, 1] = 3  # no plane
    refused(lambda: plots.scatter_and_map(codes, np.arange(6), position), "all the same")


def test_a_map_of_another_decoder_is_refused():
    decode = VAE(MLPEncoder(3, (4,)), MLPDecoder(3, (4,))).decode
    refused(lambda: plots.latent_map(decode, [0, 1], [0, 1]), "[4, 2]", "[N, 3]")


@pytest.mark.parametrize(
    "axis", [[[0, 1], [2, 3]], [], [1, 0], [1, 1], ["a", "b"], None, 3], ids=str
)
def test_axes_of_a_map_that_do_not_rise_are_refused(axis):
    refused(lambda: plots.latent_map(position, axis, [0, 1]), "x is", "np.linspace")
    refused(lambda: plots.latent_map(position, [0, 1], axis), "y is")


def test_a_map_that_would_take_the_memory_is_refused_before_it_is_decoded():
    """784 x 784 images, which notebook 03 once asked for by a name used twice: 24 GB."""
    never = lambda z: pytest.fail("decoded")  # noqa: E731
    many = np.linspace(-1000, 1000, 784)
    refused(lambda: plots.latent_map(never, many, many), "614,656 images")
    large = lambda z: paddle.zeros([len(z), 1, 2000, 2000])  # noqa: E731
    refused(lambda: plots.latent_map(large, [0, 1], [0, 1, 2]), "24,000,000 pixels")


@pytest.mark.parametrize("columns, rows", [(1, 1), (1, 3), (2, 1)])
def test_a_map_of_a_single_row_or_column(columns, rows):
    ax = plots.latent_map(position, np.arange(columns), np.arange(rows))
    left, right, bottom, top = ax.images[0].get_extent()
    assert (right - left, top - bottom) == (columns, rows)


def test_a_map_over_few_quantiles_has_as_many_ticks():
    q = plots.quantiles(4)
    assert len(plots.latent_map(position, q, q).get_xticks()) == 4


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.pdf", "png", ""])
def test_only_png_is_written(name, tmp_path):
    refused(lambda: plots.save_grid(numbered(4), tmp_path / name), ".png")
    refused(lambda: plots.save_grid(numbered(4), None), ".png")
    assert not list(tmp_path.iterdir())


def test_labels_of_a_grid_stand_at_the_middle_of_their_rows_and_columns():
    ax = plots.grid(
        numbered(8), cols=4, row_labels=["above", "below"], col_labels=["left", "right"]
    )
    assert [text.get_text() for text in ax.get_yticklabels()] == ["above", "below"]
    np.testing.assert_allclose(ax.get_yticks(), [1, 4])  # rows 0 to 2 and 3 to 5
    np.testing.assert_allclose(ax.get_xticks(), [1.5, 5.5])  # two images of two columns each


def test_a_digit_of_a_scatter_is_known_without_its_colour():
    ax = plots.scatter(np.eye(2), [3, 8])
    assert len(ax.collections) == 2
    three, eight = (group.get_paths()[0].vertices for group in ax.collections)
    assert three.shape != eight.shape
