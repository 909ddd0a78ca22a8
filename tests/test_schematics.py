"""The drawings say what their models do; how they look, a reader judges."""

from paddle_vae import schematics

import pytest
from matplotlib import pyplot as plt
from refusal import refused


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def words(ax):
    return "\n".join(text.get_text() for text in ax.texts)


@pytest.mark.parametrize("draw", (schematics.autoencoder, schematics.vae, schematics.cvae))
def test_every_text_and_network_lies_on_the_sheet(draw):
    ax = draw()
    ax.figure.canvas.draw()
    sheet = ax.figure.bbox
    for part in (*ax.texts, *ax.patches):
        box = part.get_window_extent()
        assert sheet.x0 <= box.x0 and box.x1 <= sheet.x1, part
        assert sheet.y0 <= box.y0 and box.y1 <= sheet.y1, part


def test_only_what_a_model_has_is_drawn():
    plain, vae, cvae = (
        words(f()) for f in (schematics.autoencoder, schematics.vae, schematics.cvae)
    )
    assert "KL" not in plain and "noise" not in plain
    assert "KL" in vae and "noise" in vae and "label" not in vae
    assert "KL" in cvae and "noise" in cvae and "label" in cvae


def test_a_layer_is_a_bar_as_much_longer_as_it_has_units():
    ax = schematics.fully_connected([784, 128, 784], ["image", "ReLU", "logits"])
    lengths = [abs(line.get_ydata()[1] - line.get_ydata()[0]) for line in ax.lines]
    assert lengths[0] == lengths[2] > lengths[1]
    assert "128\nReLU" in words(ax)


def test_layers_that_cannot_be_drawn():
    refused(lambda: schematics.fully_connected([784]), "two or more sizes")
    refused(lambda: schematics.fully_connected([784, 10], ["image"]), "one for each")
    refused(lambda: schematics.fully_connected([784, 0]), "sizes")
