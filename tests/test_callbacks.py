"""LiveView and VisualDLWriter: what they show of a training, where they show it, and to whom."""

import io
import subprocess
import sys
import types

from paddle_vae import Autoencoder, Dataset, data, fit, recipes
from paddle_vae.callbacks import LiveView, VisualDLWriter

import numpy as np
import paddle
import pytest
from matplotlib import image as mpl_image
from matplotlib import pyplot as plt
from refusal import refused

NAMES = ("ae_2d", "mlp_vae_20d", "cvae_2d", "conv_vae_100d")  # every kind of model and image


class Case:
    """A recipe's untrained model in eval mode, and ten images of the size and range it takes."""

    def __init__(self, name):
        recipe = recipes.get(name)
        self.value_range = recipe.value_range
        side = 28 + 2 * recipe.padding
        pixels = np.random.default_rng(0).integers(0, 256, (10, 1, side, side), "uint8")
        self.dataset = Dataset(pixels, np.arange(10)[::-1].copy())
        self.images = data.scale(pixels, self.value_range)
        self.labels = self.dataset.labels if name.startswith("cvae") else None
        self.model = recipes.build(name)
        self.model.eval()
        self.fixed = {"value_range": self.value_range, "labels": self.labels}
        self.how = {"batch_size": 5, "progress": False, **recipe.objective}

    def fit(self, *callbacks, epochs=2, **more):
        return fit(self.model, self.dataset, epochs=epochs, callbacks=callbacks, **self.how, **more)


@pytest.fixture(params=NAMES)
def case(request):
    return Case(request.param)


def test_pictures_are_the_models(case):
    """Paddle's random state neither matters nor changes."""
    model, fixed = case.model, LiveView(case.images, count=7, seed=3, **case.fixed)
    paddle.seed(1)
    found = fixed.pictures(model)
    drawn = paddle.randn([3]).numpy()
    paddle.seed(1)
    np.testing.assert_array_equal(drawn, paddle.randn([3]).numpy())
    both = found["reconstructions"].numpy()
    np.testing.assert_array_equal(both[:10], case.images.numpy())
    if isinstance(model, Autoencoder):
        assert list(found) == ["reconstructions"]
        expected = model(case.images).image
    else:
        expected = model.decode(model.encode(case.images, case.labels)[0], case.labels)
        noise = np.random.default_rng(3).standard_normal((7, model.encoder.latent_dim))
        samples = model.decode(paddle.to_tensor(noise.astype("float32")), np.arange(7))
        np.testing.assert_allclose(found["samples"].numpy(), samples.numpy(), atol=1e-6)
    np.testing.assert_allclose(both[10:], expected.numpy(), atol=1e-6)


# LiveView


def test_a_drawing_is_one_png_and_leaves_no_figure(case):
    drawn, before = [], plt.get_fignums()
    view = LiveView(case.images, **case.fixed)
    case.fit(lambda *now: drawn.append(view.draw(*now)), test=case.dataset)
    pictures = [mpl_image.imread(io.BytesIO(png)) for png in drawn]
    assert [picture.shape for picture in pictures] == [(224, 800, 4)] * 2
    assert not np.array_equal(*pictures)  # training goes on
    assert plt.get_fignums() == before


class Notebook:
    """Stands for a kernel's display: the places in the output, each a list of what it showed."""

    def __init__(self, monkeypatch):
        import IPython

        self.places = []
        shell = types.SimpleNamespace(kernel=object())
        monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
        monkeypatch.setattr(IPython.display, "display", self.display)

    def display(self, shown, display_id):
        assert display_id is True
        place = [shown]
        self.places.append(place)
        return types.SimpleNamespace(update=place.append)


def test_a_run_keeps_its_place_and_another_gets_its_own(monkeypatch):
    notebook, case = Notebook(monkeypatch), Case("mlp_vae_20d")
    view = LiveView(case.images)
    case.fit(view, epochs=3)
    case.fit(view, epochs=2)
    assert [len(place) for place in notebook.places] == [4, 3]  # once before the first batch
    assert all(shown.data.startswith(b"\x89PNG") for shown in sum(notebook.places, []))


def test_there_are_pictures_within_an_epoch(monkeypatch):
    """Of ten images in batches of five, two an epoch; and the training is the same."""
    notebook, case, plain = Notebook(monkeypatch), Case("mlp_vae_20d"), Case("mlp_vae_20d")
    view = LiveView(case.images)
    view.every = 1
    drawn, draw = [], view.draw
    monkeypatch.setattr(view, "draw", lambda *now: drawn.append(len(now[1].steps)) or draw(*now))
    case.fit(view, epochs=2)
    assert drawn == [0, 1, 2, 3, 4] and [len(place) for place in notebook.places] == [5]
    plain.fit(epochs=2)
    weights = [[w.numpy() for w in each.model.state_dict().values()] for each in (case, plain)]
    assert all(map(np.array_equal, *weights))


def test_without_a_notebook_nothing_happens(monkeypatch):
    case = Case("mlp_vae_20d")
    view = LiveView(case.images)
    view.draw = None  # so drawing would fail
    case.fit(view)
    monkeypatch.setitem(sys.modules, "IPython", None)  # not installed
    case.fit(view)
    assert view.handle is None


def test_importing_it_brings_no_figures():
    code = "import sys, paddle_vae.callbacks; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_misfits_are_refused():
    images = Case("ae_2d").images  # in [-1, 1]
    refused(lambda: LiveView(images), "value_range")
    refused(lambda: LiveView(data.scale(np.full((1, 1, 28, 28), 255, "uint8"), (0, 255))), "range")
    case = Case("cvae_2d")
    view = LiveView(case.images, case.value_range)
    refused(lambda: view.pictures(case.model), "label is missing")


@pytest.mark.parametrize(
    "images", [None, np.zeros((4, 1, 28, 28)), paddle.zeros([28, 28]), paddle.zeros([0, 1, 28, 28])]
)
def test_images_that_are_none_are_refused_when_it_is_made(images):
    """Not after the first epoch."""
    refused(lambda: LiveView(images), "test_images")


def test_a_count_or_a_range_that_is_none_is_refused_when_it_is_made():
    images = paddle.zeros([4, 1, 28, 28])
    refused(lambda: LiveView(images, count=0), "count")
    refused(lambda: LiveView(images, value_range=(1, 0)), "value_range")


# VisualDLWriter


class LogWriter:
    """Stands for visualdl's: keeps what it is given."""

    def __init__(self, logdir):
        self.logdir, self.scalars, self.images, self.flushed = logdir, [], [], 0

    def add_scalar(self, tag, value, step):
        self.scalars.append((tag, value, step))

    def add_image(self, tag, img, step):
        self.images.append((tag, img, step))

    def flush(self):
        self.flushed += 1


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setitem(sys.modules, "visualdl", types.SimpleNamespace(LogWriter=LogWriter))


def test_visualdl_gets_losses_and_pictures_of_every_epoch(stub, tmp_path, case):
    write = VisualDLWriter(tmp_path / "log", case.images, count=20, **case.fixed)
    history = case.fit(write, test=case.dataset)
    log = write.writer
    assert (log.logdir, log.flushed) == (str(tmp_path / "log"), 2)
    parts = ("total", "reconstruction", "kl")
    assert log.scalars == [
        (f"{group}/{part}", pytest.approx(losses[epoch, column]), epoch + 1)
        for epoch in range(2)
        for group, losses in (("loss", history.epochs), ("test", history.test))
        for column, part in enumerate(parts)
    ]
    names = list(write.pictures(case.model))
    assert [(tag, step) for tag, _, step in log.images] == [
        (f"pictures/{name}", epoch) for epoch in (1, 2) for name in names
    ]
    side = case.images.shape[-1]
    for _, picture, _ in log.images:
        assert picture.shape == (2 * side, 10 * side, 3) and picture.dtype == np.uint8
    shown = log.images[-1][1][:side, :side, 0]
    np.testing.assert_array_equal(shown, case.dataset.images[0, 0])  # the very pixels


def test_without_a_test_set_there_are_no_test_losses(stub, tmp_path):
    case = Case("mlp_vae_20d")
    write = VisualDLWriter(tmp_path, case.images)
    case.fit(write, epochs=1)
    assert [tag for tag, *_ in write.writer.scalars] == [
        "loss/total",
        "loss/reconstruction",
        "loss/kl",
    ]


def test_a_file_in_the_folders_place(stub, tmp_path):
    (tmp_path / "log").touch()
    refused(lambda: VisualDLWriter(tmp_path / "log", Case("mlp_vae_20d").images), tmp_path / "log")


def test_without_visualdl_a_sentence_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "visualdl", None)
    images = Case("mlp_vae_20d").images
    refused(lambda: VisualDLWriter(tmp_path, images), "pip install visualdl", "leave this callback")


def test_the_real_visualdl_reads_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # where it keeps its settings
    visualdl = pytest.importorskip("visualdl")
    case = Case("mlp_vae_20d")
    history = case.fit(VisualDLWriter(tmp_path / "log", case.images))
    (file,) = (tmp_path / "log").iterdir()
    log = visualdl.LogReader(file_path=str(file))
    found = [(record.id, record.value) for record in log.get_data("scalar", "loss/total")]
    assert found == [
        (1, pytest.approx(history.epochs[0, 0])),
        (2, pytest.approx(history.epochs[1, 0])),
    ]
    png = log.get_data("image", "pictures/reconstructions")[-1].image.encoded_image_string
    shown = np.rint(mpl_image.imread(io.BytesIO(png))[:28, :28, 0] * 255)
    np.testing.assert_array_equal(shown, case.dataset.images[0, 0])
