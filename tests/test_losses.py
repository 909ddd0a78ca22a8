"""The mathematics of the losses, against known answers."""

from paddle_vae import VAE, InputError, losses
from paddle_vae.models import Output
from paddle_vae.networks import MLPDecoder, MLPEncoder

import numpy as np
import paddle
import pytest
from paddle.distribution import Normal, kl_divergence
from paddle.nn import functional as F
from refusal import refused


def tensor(values):
    return paddle.to_tensor(np.asarray(values, "float32"))


def test_kl_of_the_standard_normal_is_zero():
    zero = paddle.zeros([3, 2])
    np.testing.assert_array_equal(losses.kl_divergence(zero, zero).numpy(), np.zeros(3))


@pytest.mark.parametrize(
    "mean, logvar, expected",
    [
        ([2.0], [0.0], 2.0),  # mean^2 / 2
        ([1.0, 1.0], [0.0, 0.0], 1.0),  # dimensions add up
        ([0.0], [np.log(4.0)], 0.5 * (4 - 1 - np.log(4.0))),
    ],
)
def test_kl_known_values(mean, logvar, expected):
    value = losses.kl_divergence(tensor([mean]), tensor([logvar]))
    assert value.shape == [1]
    assert value[0].item() == pytest.approx(expected, rel=1e-6)


def test_kl_agrees_with_paddle_distribution():
    rng = np.random.default_rng(0)
    mean, logvar = tensor(rng.normal(size=(5, 3))), tensor(rng.normal(size=(5, 3)))
    theirs = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    np.testing.assert_allclose(losses.kl_divergence(mean, logvar), theirs, rtol=1e-5)


def test_kl_gradients():
    mean, logvar = tensor([[0.5, -2.0]]), tensor([[0.3, -1.0]])
    mean.stop_gradient = logvar.stop_gradient = False
    losses.kl_divergence(mean, logvar).sum().backward()
    np.testing.assert_allclose(mean.grad, mean, rtol=1e-6)  # d KL / d mean = mean
    np.testing.assert_allclose(logvar.grad, 0.5 * (np.exp(logvar.numpy()) - 1), rtol=1e-5)


def test_squared_error_sums_over_pixels():
    error = losses.squared_error(paddle.ones([4, 1, 28, 28]), -paddle.ones([4, 1, 28, 28]))
    np.testing.assert_array_equal(error.numpy(), np.full(4, 4.0 * 784, "float32"))


def test_cross_entropy_is_paddles_own_summed_over_pixels():
    rng = np.random.default_rng(0)
    logits, target = tensor(3 * rng.normal(size=(5, 1, 4, 4))), tensor(rng.random((5, 1, 4, 4)))
    theirs = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten(1).sum(1)
    ours = losses.binary_cross_entropy(logits, target)
    assert ours.shape == [5]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_cross_entropy_is_finite_for_logits_of_any_size():
    logits, target = (
        tensor([[1000.0], [-1000.0], [1000.0], [-1000.0]]),
        tensor([[1], [0], [0], [1]]),
    )
    logits.stop_gradient = False
    loss = losses.binary_cross_entropy(logits, target)
    np.testing.assert_array_equal(loss, [0, 0, 1000, 1000])
    loss.sum().backward()
    np.testing.assert_allclose(logits.grad, [[0], [0], [1], [-1]], atol=1e-6)


def test_cross_entropy_gradient_is_sigmoid_minus_target():
    rng = np.random.default_rng(1)
    logits, target = tensor(3 * rng.normal(size=(3, 7))), tensor(rng.random((3, 7)))
    logits.stop_gradient = False
    losses.binary_cross_entropy(logits, target).sum().backward()
    np.testing.assert_allclose(logits.grad, F.sigmoid(logits) - target, atol=1e-6)


@pytest.mark.parametrize("grey", [0.1, 0.5, 0.8])
def test_cross_entropy_of_grey_is_never_below_its_entropy(grey):
    logits = np.linspace(-6, 6, 2401)
    loss = losses.binary_cross_entropy(tensor(logits[:, None]), tensor([[grey]])).numpy()
    entropy = -grey * np.log(grey) - (1 - grey) * np.log(1 - grey)
    assert loss.min() == pytest.approx(entropy, abs=1e-5)
    assert logits[loss.argmin()] == pytest.approx(np.log(grey / (1 - grey)), abs=0.02)


@pytest.mark.parametrize("beta", [0.0, 1.0, 0.1])
def test_parts_add_up_and_are_means_over_the_batch(beta):
    rng = np.random.default_rng(1)
    image, target = tensor(rng.normal(size=(6, 1, 4, 4))), tensor(rng.normal(size=(6, 1, 4, 4)))
    mean, logvar = tensor(rng.normal(size=(6, 2))), tensor(rng.normal(size=(6, 2)))
    loss = losses.parts(Output(image, mean, logvar), target, beta=beta)
    assert loss.reconstruction.item() == pytest.approx(
        losses.squared_error(image, target).numpy().mean(), rel=1e-6
    )
    assert loss.kl.item() == pytest.approx(
        losses.kl_divergence(mean, logvar).numpy().mean(), rel=1e-6
    )
    assert loss.total.item() == pytest.approx(
        loss.reconstruction.item() + beta * loss.kl.item(), rel=1e-6
    )


def test_an_autoencoder_has_no_kl():
    image = paddle.ones([2, 1, 4, 4])
    loss = losses.parts(Output(image, paddle.ones([2, 2]), None), 0 * image)
    assert (loss.total.item(), loss.kl.item()) == (16.0, 0.0)


# Shapes that Paddle would broadcast, and terms of the wrong shape

IMAGES = [64, 1, 28, 28]


@pytest.mark.parametrize("loss", [losses.squared_error, losses.binary_cross_entropy])
@pytest.mark.parametrize("shape", [[64, 28, 28], [64, 1, 1, 1], [64, 1, 28, 1], [32, 1, 28, 28]])
def test_images_of_another_shape_are_refused(loss, shape):
    """The first of them gave a loss 64 times too large."""
    refused(lambda: loss(paddle.ones(shape), paddle.zeros(IMAGES)), shape, IMAGES)
    refused(lambda: loss(paddle.ones(IMAGES), paddle.zeros(shape)), shape, IMAGES)


def test_one_image_may_stand_beside_many():
    error = losses.squared_error(paddle.ones([1, 1, 28, 28]), paddle.zeros(IMAGES))
    np.testing.assert_array_equal(error.numpy(), np.full(64, 784.0, "float32"))


def test_one_column_of_logvar_is_refused():
    refused(lambda: losses.kl_divergence(paddle.ones([5, 3]), paddle.ones([5, 1])), "[5, 1]")


def output(image, latents=(64, 2)):
    return Output(image, paddle.zeros(latents), paddle.zeros(latents))


@pytest.mark.parametrize("shape", [[64, 28, 28], [64, 1, 1, 1], [1, 1, 28, 28]])
def test_parts_want_the_decoders_images_in_the_shape_of_the_target(shape):
    refused(lambda: losses.parts(output(paddle.ones(shape)), paddle.zeros(IMAGES)), shape, IMAGES)


@pytest.mark.parametrize(
    "term, shown",
    [
        (F.mse_loss, "shape []"),
        (lambda image, target: (image - target).square(), IMAGES),
        (lambda image, target: losses.squared_error(image, target).unsqueeze(1), "[64, 1]"),
        (lambda image, target: 3.0, "3.0"),
    ],
)
def test_a_reconstruction_that_is_not_one_number_an_image_is_refused(term, shown):
    refused(
        lambda: losses.parts(output(paddle.ones(IMAGES)), paddle.zeros(IMAGES), term),
        "reconstruction",
        shown,
        "one number for each of the 64 images",
    )


def test_a_kl_of_other_than_the_images_is_refused():
    few = output(paddle.ones(IMAGES), (32, 2))
    refused(lambda: losses.parts(few, paddle.zeros(IMAGES)), "KL", "[32]", "64 images")


def test_what_is_no_output_is_refused():
    refused(lambda: losses.parts(paddle.ones([2, 1, 4, 4]), paddle.ones([2, 1, 4, 4])), "Output")


class WithLoss(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.model = VAE(MLPEncoder(2, (4,)), MLPDecoder(2, (4,)))
        logvar = self.model.encoder.logvar  # no noise to speak of
        logvar.weight.set_value(paddle.zeros([4, 2]))
        logvar.bias.set_value(paddle.full([2], -60.0))

    def forward(self, image):
        return tuple(losses.parts(self.model(image), image))


def test_a_static_graph_computes_the_same():
    layer, image = WithLoss(), paddle.rand([5, 1, 28, 28])
    expected = [layer(image[:count]) for count in (3, 5)]
    spec = [paddle.static.InputSpec([None, 1, 28, 28])]
    static = paddle.jit.to_static(layer, spec, full_graph=True)
    for count, values in zip((3, 5), expected, strict=True):
        np.testing.assert_allclose(static(image[:count]), values, rtol=1e-4)


def test_a_static_graph_refuses_the_same():
    """The default mode, full_graph=False, has its test among those of the layers."""
    squared_error = paddle.jit.to_static(losses.squared_error, full_graph=True)
    with pytest.raises(InputError, match="give both the same"):
        squared_error(paddle.ones([5, 28, 28]), paddle.ones([5, 1, 28, 28]))
