"""Shapes, parameter names and probabilistic behaviour of the models."""

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn import functional as F
from refusal import refused

from paddle_vae import VAE, Autoencoder, Decoder, Encoder, InputError, losses, recipes
from paddle_vae.models import reparameterize
from paddle_vae.networks import ConvDecoder, ConvEncoder, MLPDecoder, MLPEncoder

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
