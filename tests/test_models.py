"""Shapes, parameter names and probabilistic behaviour of the models."""

import re
import subprocess
import sys
from pathlib import Path

from paddle_vae import (
    VAE,
    Autoencoder,
    Dataset,
    Decoder,
    Encoder,
    InputError,
    fit,
    losses,
    recipes,
)
from paddle_vae.callbacks import LiveView
from paddle_vae.models import PART, reparameterize
from paddle_vae.networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn import functional as F
from refusal import refused

ENCODER = {
    "conv1.weight": [32, 1, 4, 4],
    "conv1.bias": [32],
    "conv2.weight": [64, 32, 4, 4],
    "conv2.bias": [64],
    "conv_mean.weight": [2, 3136, 1, 1],
    "conv_mean.bias": [2],
    "conv_logvar.weight": [2, 3136, 1, 1],
    "conv_logvar.bias": [2],
}
DECODER = {
    "conv1.weight": [1568, 2, 1, 1],
    "conv1.bias": [1568],
    "conv2.weight": [32, 64, 4, 4],
    "conv2.bias": [64],
    "conv3.weight": [64, 32, 4, 4],
    "conv3.bias": [32],
    "conv4.weight": [1, 32, 3, 3],
    "conv4.bias": [1],
}


def shapes(layer):
    return {name: list(value.shape) for name, value in layer.state_dict().items()}


def conditional_vae():
    return VAE(Encoder(conditional=True), Decoder(conditional=True))


def test_parameters_are_those_of_lesson_l1():
    assert shapes(Encoder()) == ENCODER
    assert shapes(Decoder()) == DECODER


def test_conditional_parameters_are_those_of_lesson_l1():
    assert shapes(Encoder(conditional=True)) == ENCODER | {
        "conv_label.weight": [784, 10, 1, 1],
        "conv_label.bias": [784],
        "conv1.weight": [32, 2, 4, 4],
    }
    assert shapes(Decoder(conditional=True)) == DECODER | {"conv1.weight": [1568, 12, 1, 1]}


def test_an_autoencoder_has_no_logvar_head():
    names = shapes(Autoencoder())
    assert "encoder.conv_mean.weight" in names
    assert "encoder.conv_logvar.weight" not in names


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("latent_dim", [2, 7])
def test_shapes(count, latent_dim):
    model = VAE(Encoder(latent_dim), Decoder(latent_dim))
    output = model(paddle.zeros([count, 1, 28, 28]))
    assert output.image.shape == [count, 1, 28, 28]
    assert output.mean.shape == output.logvar.shape == [count, latent_dim]
    assert model.sample(3).shape == [3, 1, 28, 28]


def test_images_are_in_range():
    image = Decoder()(paddle.randn([4, 2, 1, 1]) * 100)
    assert image.min().item() >= -1
    assert image.max().item() <= 1


def test_the_gradient_reaches_every_parameter():
    for model, label in ((VAE(), None), (conditional_vae(), [3, 7])):
        image = paddle.rand([2, 1, 28, 28])
        losses.parts(model(image, label), image).total.backward()
        for name, value in model.named_parameters():
            assert np.abs(value.grad.numpy()).max() > 0, f"no gradient reaches {name}"


def test_reparameterize_draws_from_the_right_normal():
    paddle.seed(0)
    mean, logvar = paddle.full([200_000], 3.0), paddle.full([200_000], float(np.log(0.25)))
    z = reparameterize(mean, logvar).numpy()
    assert z.mean() == pytest.approx(3.0, abs=0.01)
    assert z.std() == pytest.approx(0.5, abs=0.01)


def test_the_label_changes_the_image():
    model = conditional_vae()
    z = paddle.zeros([10, 2])
    images = model.decode(z, np.arange(10)).numpy()
    assert all(np.abs(images[0] - other).max() > 0 for other in images[1:])


@pytest.mark.parametrize(
    "label", [None, [1], [1, 10], [-1, 0], [0.5, 1.0], [[1, 2]], ["a", "b"]], ids=str
)
def test_a_wrong_label_is_an_input_error(label):
    with pytest.raises(InputError, match="label"):
        conditional_vae()(paddle.zeros([2, 1, 28, 28]), label)


def test_other_misfits_are_input_errors():
    for wrong in (
        lambda: VAE()(paddle.zeros([49, 1, 32, 32])),
        lambda: VAE().sample(2, 7),
        lambda: Autoencoder(Encoder()),
        lambda: VAE(Encoder(variational=False)),
    ):
        with pytest.raises(InputError):
            wrong()


def test_the_same_seed_gives_the_same_model():
    models = []
    for _ in range(2):
        paddle.seed(7)
        models.append(VAE())
    for a, b in zip(*(m.state_dict().values() for m in models), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# The networks of lessons L2 to L5

WIDTHS = {  # from the lessons' own descriptions: encoder, heads, decoder
    "mlp_ae_20d": ([784, 256, 64], {"mean": 20}, [20, 64, 256, 784]),  # L2
    "mlp_vae_10d": ([784, 256, 64], {"mean": 10, "logvar": 10}, [10, 64, 256, 784]),  # L2
    "mlp_vae_20d": ([784, 512, 256], {"mean": 20, "logvar": 20}, [20, 256, 512, 784]),  # L3
    "fashion_vae_10d": ([784, 128], {"mean": 10, "logvar": 10}, [10, 128, 784]),  # L5
}


def weights(layer):
    return [shape for shape in shapes(layer).values() if len(shape) > 1]


@pytest.mark.parametrize("name", WIDTHS)
def test_fully_connected_widths_are_those_of_the_lessons(name):
    model, (down, heads, up) = recipes.build(name), WIDTHS[name]
    hidden = [list(pair) for pair in zip(down, down[1:], strict=False)]
    assert weights(model.encoder) == hidden + [[down[-1], size] for size in heads.values()]
    assert weights(model.decoder) == [list(pair) for pair in zip(up, up[1:], strict=False)]
    assert {n for n in heads if hasattr(model.encoder, n)} == set(heads)
    assert hasattr(model.encoder, "logvar") == ("logvar" in heads)


def test_convolutional_shapes_are_those_of_lesson_l4():
    assert weights(ConvEncoder()) == [
        *([64, 1, 4, 4], [128, 64, 4, 4], [256, 128, 4, 4]),
        *([4096, 100], [4096, 100]),
    ]
    assert sorted(weights(ConvDecoder())) == sorted(
        [[100, 4096], [256, 128, 4, 4], [128, 64, 4, 4], [64, 1, 4, 4]]
    )


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("name", ["mlp_ae_20d", "mlp_vae_10d", "mlp_vae_20d", "conv_vae_100d"])
def test_shapes_and_range_of_the_other_networks(name, count):
    """What decode gives is an image in [0, 1], whether the decoder puts out logits or not."""
    model, side = recipes.build(name), 28 + 2 * recipes.get(name).padding
    model.eval()
    output = model(paddle.rand([count, 1, side, side]))
    latent_dim = int(name.split("_")[-1][:-1])
    assert output.image.shape == [count, 1, side, side]
    assert output.mean.shape == [count, latent_dim]
    assert output.logvar is None or output.logvar.shape == [count, latent_dim]
    far = model.decode(paddle.randn([count, latent_dim]) * 1000)
    assert 0 <= far.min().item() < 0.01 and 0.99 < far.max().item() <= 1


def test_a_code_passes_a_relu_and_a_mean_does_not():
    paddle.seed(0)
    image = paddle.rand([5, 1, 28, 28])
    assert recipes.build("mlp_ae_20d").encode(image).min().item() == 0  # L2
    assert recipes.build("mlp_vae_20d").encode(image)[0].min().item() < 0


def test_logits_are_decoded_through_a_sigmoid():
    paddle.seed(0)
    model = VAE(MLPEncoder(3, (8,)), MLPDecoder(3, (8,), logits=True))
    z = paddle.randn([4, 3]) * 10
    logits = model.decoder(z.unsqueeze([2, 3]))
    assert logits.min().item() < 0  # no image
    np.testing.assert_allclose(model.decode(z), F.sigmoid(logits), atol=1e-6)
    image = paddle.zeros([4, 1, 28, 28])
    paddle.seed(1)
    output = model(image)
    paddle.seed(1)
    z = reparameterize(*model.encode(image))
    np.testing.assert_allclose(output.image, model.decoder(z.unsqueeze([2, 3])), atol=1e-6)


@pytest.mark.parametrize("encoder, right", [(MLPEncoder(2, (4,)), 28), (ConvEncoder(), 32)])
def test_an_image_of_another_size_is_refused(encoder, right):
    wrong = 60 - right
    for shape in ([2, 1, wrong, wrong], [2, 3, right, right], [2, right, right]):
        refused(lambda shape=shape: encoder(paddle.zeros(shape)), f"[N, 1, {right}, {right}]")


class PlainEncoder(nn.Layer):
    """L4's encoder in Paddle's own layers and order of axes."""

    def __init__(self):
        super().__init__()
        sizes = ((1, 64), (64, 128), (128, 256))
        self.convs = nn.LayerList(nn.Conv2D(a, b, 4, 2, 1) for a, b in sizes)
        self.norms = nn.LayerList(nn.BatchNorm2D(b) for _, b in sizes)
        self.mean, self.logvar = nn.Linear(4096, 100), nn.Linear(4096, 100)

    def forward(self, h):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = norm(F.leaky_relu(conv(h), 0.1))
        h = h.transpose([0, 2, 3, 1]).flatten(1)  # ours are flattened channels last
        return self.mean(h), self.logvar(h)


class PlainDecoder(nn.Layer):
    """L4's decoder, in the same way."""

    def __init__(self):
        super().__init__()
        sizes = ((256, 128), (128, 64))
        self.linear = nn.Linear(100, 4096)
        self.convs = nn.LayerList(nn.Conv2DTranspose(a, b, 4, 2, 1) for a, b in sizes)
        self.norms = nn.LayerList(nn.BatchNorm2D(b) for _, b in sizes)
        self.last = nn.Conv2DTranspose(64, 1, 4, 2, 1)

    def forward(self, z):
        h = self.linear(z.flatten(1)).reshape([-1, 4, 4, 256]).transpose([0, 3, 1, 2])
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = norm(F.leaky_relu(conv(h), 0.1))
        return (F.sigmoid(self.last(h)),)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    "ours, theirs, shape",
    [(ConvEncoder, PlainEncoder, [4, 1, 32, 32]), (ConvDecoder, PlainDecoder, [4, 100, 1, 1])],
)
def test_convolutional_networks_are_paddles_own(ours, theirs, shape, training):
    """Same outputs, gradients and running statistics as the plain network of the same weights."""
    paddle.seed(0)
    ours, theirs = ours(), theirs()
    ours(paddle.rand(shape))  # running statistics other than those at the start
    assert theirs.set_state_dict(ours.state_dict()) == ([], [])
    values = paddle.rand(shape)
    inputs, outputs = [values.clone(), values.clone()], []
    for network, x in zip((ours, theirs), inputs, strict=True):
        network.train() if training else network.eval()
        x.stop_gradient = False
        found = network(x)
        outputs.append(found if isinstance(found, tuple) else (found,))
        sum((part * part.detach()).mean() for part in outputs[-1]).backward()
    for one, two in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    close = {"atol": 1e-4 * float(inputs[1].grad.abs().max())}
    np.testing.assert_allclose(inputs[0].grad, inputs[1].grad, **close)
    named = dict(theirs.named_parameters())
    for name, value in ours.named_parameters():
        if not value.stop_gradient:  # running statistics are parameters to Paddle
            expected = named[name].grad.numpy()
            tolerance = 1e-4 * np.abs(expected).max() + 1e-7
            np.testing.assert_allclose(value.grad, expected, atol=tolerance, err_msg=name)
    for name, value in theirs.state_dict().items():  # what batch norm keeps
        np.testing.assert_allclose(ours.state_dict()[name], value, atol=1e-4, err_msg=name)


# Networks of one's own


class OwnEncoder(nn.Layer):
    """As an engineer would write it: no attributes. tail: of the shapes that it gives."""

    def __init__(self, tail=(), pair=True):
        super().__init__()
        self.body, self.tail, self.pair = nn.Linear(784, 6), tail, pair

    def forward(self, image):
        mean, logvar = self.body(image.flatten(1)).reshape([-1, 6, *self.tail]).split(2, 1)
        return (mean, logvar) if self.pair else mean


class OwnDecoder(nn.Layer):
    def __init__(self, latent_dim=3):
        super().__init__()
        self.body = nn.Linear(latent_dim, 784)

    def forward(self, z):
        return self.body(z.flatten(1)).reshape([-1, 1, 28, 28])


BLOBS = Dataset(
    np.random.default_rng(0).integers(0, 256, (40, 1, 28, 28), "uint8"), np.arange(40) % 10
)


@pytest.mark.parametrize("tail", [(), (1, 1)])
def test_networks_without_attributes(tail):
    """They take no labels, and the decoder gives images."""
    model = VAE(OwnEncoder(tail), OwnDecoder())
    fit(model, BLOBS, epochs=1, test=BLOBS, progress=False)
    mean, logvar = model.encode(paddle.zeros([2, 1, 28, 28]))
    assert list(mean.shape) == list(logvar.shape) == [2, 3]
    assert not model.conditional and not model.logits
    np.testing.assert_array_equal(model.decode(mean), model.decoder_output(mean))
    refused(lambda: model.sample(2), "latent_dim", "encoder.latent_dim = 10")
    model.decoder.latent_dim = 3
    assert list(model.sample(2).shape) == [2, 1, 28, 28]
    refused(lambda: VAE(OwnEncoder(pair=False), OwnDecoder())(paddle.zeros([2, 1, 28, 28])), "pair")


def test_an_autoencoder_of_networks_without_attributes():
    model = Autoencoder(OwnEncoder(pair=False), OwnDecoder())
    fit(model, BLOBS, epochs=1, progress=False)
    assert len(LiveView(paddle.zeros([2, 1, 28, 28])).pictures(model)["reconstructions"]) == 4
    refused(lambda: Autoencoder(OwnEncoder(), OwnDecoder())(paddle.zeros([2, 1, 28, 28])), "VAE")


def test_the_decoders_output_is_the_image_or_its_logits():
    z = paddle.randn([4, 3])
    for logits in (True, False):
        model = VAE(MLPEncoder(3, (8,)), MLPDecoder(3, (8,), logits=logits))
        output = model.decoder_output(z)
        np.testing.assert_array_equal(output, model.decoder(z.unsqueeze([2, 3])))
        np.testing.assert_array_equal(model.decode(z), F.sigmoid(output) if logits else output)
    model = conditional_vae()
    assert list(model.decoder_output(paddle.zeros([2, 2]), [3, 7]).shape) == [2, 1, 28, 28]
    refused(lambda: model.decoder_output(paddle.zeros([2, 2])), "label is missing")


def test_an_autoencoder_decodes_logits_to_images_too():
    model = Autoencoder(MLPEncoder(3, (8,), variational=False), MLPDecoder(3, (8,), logits=True))
    assert model.decode(paddle.randn([4, 3]) * 100).min().item() >= 0


@pytest.mark.parametrize(
    "networks, words",
    [
        (lambda: (Encoder, Decoder), ("encoder is the class Encoder", "Encoder()")),
        (lambda: (Encoder(), Decoder), ("decoder is the class Decoder", "Decoder()")),
        (lambda: (lambda image: image, Decoder()), ("encoder is a function", "paddle.nn.Layer")),
        (lambda: (Encoder(10), Decoder()), ("latent_dim 10", "decoder 2", "both the same")),
        (lambda: (MLPEncoder(5, (4,)), MLPDecoder(6, (4,))), ("latent_dim 5", "6")),
    ],
)
def test_networks_that_make_no_model(networks, words):
    for kind in (VAE, Autoencoder):
        refused(lambda kind=kind: kind(*networks()), *words)


def test_labels_to_one_side_only():
    """As notebook 06 has it; an autoencoder has no place for labels."""
    for sides in ((True, False), (False, True)):
        model = VAE(
            MLPEncoder(2, (4,), conditional=sides[0]), MLPDecoder(2, (4,), conditional=sides[1])
        )
        assert list(model(paddle.zeros([2, 1, 28, 28]), [3, 7]).image.shape) == [2, 1, 28, 28]
    refused(lambda: Autoencoder(Encoder(variational=False), Decoder(conditional=True)), "labels")


@pytest.mark.parametrize("shape", [[3, 5], [3], [3, 2, 1, 1]])
def test_a_z_of_another_shape_is_refused(shape):
    refused(lambda: VAE().decode(paddle.zeros(shape)), shape, "[N, 2]")


def test_one_column_of_logvar_does_not_pass():
    refused(lambda: reparameterize(paddle.zeros([4, 2]), paddle.zeros([4, 1])), "[4, 1]")


def test_a_number_of_samples_that_is_none():
    model = VAE()
    for count in (0, -1, 2.5, True, "3", None, 10**26, 10**5000):
        refused(lambda count=count: model.sample(count), "count")


def test_numpys_numbers_are_numbers():
    model = VAE(Encoder(np.int64(3), np.int32(4)), Decoder(np.int64(3), np.int32(4)))
    assert list(model.sample(np.int64(2)).shape) == [2, 1, 28, 28]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Encoder(0),
        lambda: Decoder(2, channel=1.5),
        lambda: MLPEncoder(2, ()),
        lambda: MLPDecoder(2, 64),
        lambda: MLPDecoder(2, (64, True)),
        lambda: ConvEncoder("2"),
        lambda: ConvDecoder(10**9),
    ],
)
def test_sizes_that_are_none(make):
    refused(make)


def test_the_readmes_example_runs():
    """What is told an engineer about a network of one's own, with the README's own code."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "class MyEncoder" in block)
    names = {"train": BLOBS}
    exec(code.replace("epochs=1", "epochs=1, progress=False"), names)
    images = names["images"]
    assert list(images.shape) == [100, 1, 28, 28] and images.min().item() >= 0
    assert len(names["model"].history.steps) == len(names["history"].steps) == 1


# Parts: bounded memory


@pytest.mark.parametrize("name", ["vae_2d", "mlp_vae_20d", "cvae_2d", "conv_vae_100d", "ae_2d"])
def test_parts_give_what_the_whole_gives(name):
    """Up to 500 the very same numbers as without them."""
    model, side = recipes.build(name), 28 + 2 * recipes.get(name).padding
    model.eval()
    paddle.seed(0)
    image = paddle.rand([PART + 3, 1, side, side])
    labels = (np.arange(PART + 3) % 10,) if name == "cvae_2d" else ()
    found = model.encode(image, *labels)
    z = found if name == "ae_2d" else found[0]
    onehot = [paddle.eye(10)[labels[0]].unsqueeze([2, 3])] if labels else []
    whole = model.decoder(z.unsqueeze([2, 3]), *onehot)
    np.testing.assert_allclose(model.decoder_output(z, *labels), whole, atol=1e-4)
    few = [rows[:PART] for rows in onehot]
    same = model.decoder(z[:PART].unsqueeze([2, 3]), *few)
    np.testing.assert_array_equal(
        model.decoder_output(z[:PART], *(rows[:PART] for rows in labels)), same
    )


def seen(network):
    counts = []
    network.register_forward_pre_hook(lambda layer, inputs: counts.append(inputs[0].shape[0]))
    return counts


def test_a_batch_that_is_learned_from_stays_whole():
    model = VAE(MLPEncoder(2, (4,)), MLPDecoder(2, (4,)))
    encoded, decoded = seen(model.encoder), seen(model.decoder)
    image = paddle.zeros([2 * PART + 1, 1, 28, 28])
    model(image)
    assert encoded == decoded == [2 * PART + 1]
    with paddle.no_grad():
        model(image)
    assert encoded[1:] == decoded[1:] == [PART, PART, 1]
    model.eval()
    model.decode(model.encode(image)[0])
    assert encoded[4:] == decoded[4:] == [PART, PART, 1]


def test_samples_do_not_depend_on_the_parts():
    model = VAE(MLPEncoder(2, (4,)), MLPDecoder(2, (4,)))
    paddle.seed(3)
    z = paddle.randn([PART + 20, 2])
    paddle.seed(3)
    np.testing.assert_allclose(model.sample(PART + 20), model.decoder(z), atol=1e-6)


def test_the_gradient_comes_through_parts():
    model = VAE(OwnEncoder(), OwnDecoder())
    model.eval()
    z = paddle.zeros([PART + 2, 3])
    z.stop_gradient = False
    model.decode(z).sum().backward()
    assert np.abs(z.grad.numpy()).min() > 0


def test_memory_is_bounded():
    """3,000 samples, and the codes of 3,000 images: 2 GB each before there were parts."""
    resource = pytest.importorskip("resource")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # of a resource's, in a megabyte
    code = f"""if True:
        import resource, paddle
        from paddle_vae import VAE
        peak = lambda: resource.getrusage({resource.RUSAGE_SELF}).ru_maxrss / {unit}
        model, before = VAE(), peak()
        image = model.sample(3000)
        with paddle.no_grad():
            model.encode(image)
        print(peak() - before)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 900  # MB
