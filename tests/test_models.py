"""Shapes, parameter names and probabilistic behaviour of the models."""

import numpy as np
import paddle
import pytest

from paddle_vae import VAE, Autoencoder, Decoder, Encoder, InputError, losses
from paddle_vae.models import reparameterize

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
