"""What a model is worth, measured where the answer is known.

The known model is probabilistic PCA (Tipping and Bishop 1999): x = W z + b + noise of one variance,
whose p(x) and p(z|x) are Gaussians that can be written down.
"""

import itertools

from paddle_vae import (
    VAE,
    Autoencoder,
    Dataset,
    Decoder,
    Encoder,
    classifier,
    data,
    losses,
    metrics,
)
from paddle_vae import evidence as evidence_module

import numpy as np
import paddle
import pytest
from paddle import nn
from refusal import refused
from scipy import integrate, linalg, special, stats
from scipy.stats import multivariate_normal

VARIANCE = 0.02
W = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 2)))[0] * [0.4, 0.2]  # columns at 90°
POSTERIOR = 1 / (1 + (W**2).sum(0) / VARIANCE)  # the variances of p(z|x): a diagonal matrix
MEAN = 0.1
GAUSSIAN = metrics.Gaussian(VARIANCE)


def tensor(values):
    return paddle.to_tensor(np.asarray(values, "float32"))


class LinearEncoder(nn.Layer):
    """q(z|x) of a linear model; the defaults make it p(z|x). Labels shift x by label / 10."""

    def __init__(self, bias=0.0, widen=1.0, conditional=False):
        super().__init__()
        self.matrix = tensor(W / VARIANCE * POSTERIOR)  # [6, 2]
        self.logvar = tensor(np.log(POSTERIOR * widen))
        self.bias, self.conditional, self.latent_dim = bias, conditional, 2

    def forward(self, image, label=None):
        x = image.flatten(1) - MEAN - (digit(label) if self.conditional else 0.0)
        mean = x @ self.matrix + self.bias
        return mean, self.logvar.expand_as(mean)


class LinearDecoder(nn.Layer):
    logits = False

    def __init__(self, conditional=False):
        super().__init__()
        self.matrix, self.conditional = tensor(W.T), conditional

    def forward(self, z, label=None):
        x = z.flatten(1) @ self.matrix + MEAN + (digit(label) if self.conditional else 0.0)
        return x.reshape([-1, 1, 2, 3])


def digit(one_hot):
    return 0.1 * one_hot.flatten(1).argmax(1, keepdim=True).astype("float32")


def linear_vae(conditional=False, **wrong):
    return VAE(LinearEncoder(conditional=conditional, **wrong), LinearDecoder(conditional))


@pytest.fixture(scope="module")
def images():
    """300 draws of the model, as bytes; labels 0 and 1, which only a conditional model sees."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)) @ W.T + MEAN + np.sqrt(VARIANCE) * rng.normal(size=(300, 6))
    x = np.rint((x.clip(-1, 1) + 1) / 2 * 255).astype("uint8")
    return Dataset(x.reshape(-1, 1, 2, 3), rng.integers(0, 2, 300))


def exact(images, labels=0):
    """log p(x) of the linear model, image by image."""
    x = images.images.reshape(-1, 6) / 255 * 2 - 1 - 0.1 * np.reshape(labels, (-1, 1))
    return multivariate_normal(np.full(6, MEAN), W @ W.T + VARIANCE * np.eye(6)).logpdf(x)


def each(estimate):
    return estimate.each


# --- the likelihoods ---


def test_bernoulli_is_the_probability_of_the_pixels_and_minus_the_cross_entropy():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (3, 784)).astype("float32")
    logits = rng.normal(scale=5, size=(3, 1, 28, 28)).astype("float32")

    class Fixed(nn.Layer):
        conditional, logits = False, True

        def forward(self, z):
            return tensor(logits)

    model = VAE(Encoder(), Fixed())
    log_p = metrics.Bernoulli().log_prob(model, x, np.zeros((3, 1, 2), "float32"))
    p = special.expit(logits.reshape(3, 784).astype("float64"))
    np.testing.assert_allclose(log_p[:, 0], stats.bernoulli(p).logpmf(x).sum(1), rtol=1e-5)
    cross_entropy = losses.binary_cross_entropy(tensor(logits).flatten(1), tensor(x))
    np.testing.assert_allclose(log_p[:, 0], -cross_entropy.numpy(), rtol=1e-5)


def binary_vae(logits, scale=1.0):
    """A small decoder of 2x2 images that is neither linear nor symmetric; its encoder is unfit."""

    class SmallEncoder(nn.Layer):
        conditional, latent_dim = False, 2

        def forward(self, image):
            zero = paddle.zeros([len(image), 2])
            return zero, zero

    class SmallDecoder(nn.Layer):
        conditional = False

        def forward(self, z):
            a, b = z.flatten(1).unbind(1)
            x = scale * paddle.stack([a, a * b - 1, paddle.sin(3 * b), a - b], 1)
            return (x if self.logits else nn.functional.sigmoid(x)).reshape([-1, 1, 2, 2])

    SmallDecoder.logits = logits
    return VAE(SmallEncoder(), SmallDecoder())


ALL_2X2 = Dataset(
    255 * np.array(list(itertools.product((0, 1), repeat=4)), "uint8").reshape(16, 1, 2, 2),
    np.zeros(16, "int64"),
)


@pytest.mark.parametrize("logits", [True, False])
def test_the_probabilities_of_all_images_add_up_to_1(logits):
    log_p = each(metrics.quadrature(binary_vae(logits), ALL_2X2, metrics.Bernoulli()))
    assert special.logsumexp(log_p) == pytest.approx(0, abs=1e-4)


def test_large_logits_stay_finite():
    log_p = metrics.elbo(binary_vae(True, 1e4), ALL_2X2, metrics.Bernoulli()).log_likelihood
    assert np.isfinite(each(log_p)).all()


def test_binarized_pixels_are_0_or_1_with_the_grey_value_as_probability():
    grey = np.broadcast_to(np.array([0, 51, 204, 255], "uint8"), (5000, 1, 1, 4))
    streams = [np.random.default_rng([0, i]) for i in range(5000)]
    x = metrics.Bernoulli().pixels(grey, streams)
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_allclose(x.mean((0, 1, 2)), [0, 0.2, 0.8, 1], atol=0.025)


def test_every_estimate_names_its_likelihood(images):
    bound = metrics.iwae(linear_vae(), images, metrics.Gaussian(0.25, (0, 1)), 2)
    assert bound.likelihood == "Gaussian, variance 0.25, pixels in [0, 1]"
    assert bound.summary()["likelihood"] == bound.likelihood
    assert "Bernoulli" in metrics.elbo(binary_vae(True), ALL_2X2, metrics.Bernoulli())[0].likelihood


def test_optimal_variance_is_the_mean_squared_error_and_the_best(images):
    model = linear_vae(widen=0.001, bias=0.3)
    variance = metrics.optimal_variance(model, images)
    x = tensor(images.images / 255 * 2 - 1)
    error = (model.decode(model.encode(x)[0]) - x).square().mean().item()
    assert variance == pytest.approx(error, rel=0.02)

    def elbo(v):
        return metrics.elbo(model, images, metrics.Gaussian(v)).elbo.value

    assert elbo(variance) > max(elbo(0.95 * variance), elbo(1.05 * variance))


# --- log p(x) ---


def test_with_the_exact_posterior_every_bound_is_the_log_likelihood(images):
    model = linear_vae()
    for k in (1, 3, 150):
        np.testing.assert_allclose(
            each(metrics.iwae(model, images, GAUSSIAN, k)), exact(images), atol=1e-3
        )


def test_quadrature_is_the_log_likelihood(images):
    log_p = each(metrics.quadrature(linear_vae(bias=5.0), images, GAUSSIAN, points=100))
    np.testing.assert_allclose(log_p, exact(images), atol=1e-3)  # whatever the encoder says


def test_with_a_wrong_posterior_the_bound_rises_to_the_log_likelihood(images):
    model = linear_vae(bias=0.7, widen=2.0)
    below = [exact(images) - each(metrics.iwae(model, images, GAUSSIAN, k)) for k in (1, 10, 2000)]
    first, second, last = (metrics.Estimate(gap) for gap in below)
    assert first.value > 4 * second.value > 16 * last.value
    assert second.value > 4 * second.standard_error
    assert last.value == pytest.approx(0, abs=0.01)


def test_the_elbo_lies_below_by_the_kl_to_the_posterior(images):
    bias, widen = 0.3, 1.5
    parts = metrics.elbo(linear_vae(bias=bias, widen=widen), images, GAUSSIAN)
    np.testing.assert_allclose(each(parts.elbo), each(parts.log_likelihood) - each(parts.kl))
    kl = 0.5 * (widen - 1 - np.log(widen) + bias**2 / POSTERIOR).sum()
    gap = metrics.Estimate(exact(images) - each(parts.elbo))
    assert gap.value == pytest.approx(kl, abs=4 * gap.standard_error)


def test_an_identity_model():
    """z is the image itself, all but certain: nothing is lost, and the KL pays for it."""

    class Identity(nn.Layer):
        conditional = logits = False
        latent_dim = 6

        def forward(self, x):
            flat = x.flatten(1)
            is_image = x.shape[1:] == [1, 2, 3]
            return (flat, paddle.full_like(flat, -20.0)) if is_image else x.reshape([-1, 1, 2, 3])

    grey = Dataset(np.full((4, 1, 2, 3), 255, "uint8"), np.zeros(4, "int64"))  # all pixels 1
    parts = metrics.elbo(VAE(Identity(), Identity()), grey, metrics.Gaussian(0.5))
    assert parts.log_likelihood.value == pytest.approx(-3 * np.log(np.pi), abs=1e-4)
    assert parts.kl.value == pytest.approx(6 * 0.5 * (1 - 1 + np.exp(-20) + 20), rel=1e-5)


def test_a_conditional_model_is_measured_given_the_labels(images):
    model = linear_vae(conditional=True)
    answer = exact(images, images.labels)
    assert np.abs(answer - exact(images)).max() > 1
    for log_p in (
        metrics.iwae(model, images, GAUSSIAN, 5),
        metrics.quadrature(model, images, GAUSSIAN, points=100),
    ):
        np.testing.assert_allclose(each(log_p), answer, atol=1e-3)


MEASURES = {
    "elbo": lambda *a, **k: metrics.elbo(*a, **k).elbo,
    "iwae": lambda *a, **k: metrics.iwae(*a, k=120, **k),
    "quadrature": lambda *a, **k: metrics.quadrature(*a, points=20, **k),
}
each_measure = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


@each_measure
def test_batches_do_not_matter(measure, images, monkeypatch):
    model = linear_vae(widen=2.0)
    before = each(measure(model, images, GAUSSIAN))
    monkeypatch.setattr(evidence_module, "ROWS", 137)
    np.testing.assert_allclose(each(measure(model, images, GAUSSIAN)), before, atol=1e-4)


@each_measure
def test_fewer_images_are_spread_evenly_and_get_the_same_numbers(measure, images):
    model = linear_vae(widen=2.0)
    some = measure(model, images, GAUSSIAN, images=100)
    assert some.images == 100
    every_third = each(measure(model, images, GAUSSIAN))[::3]
    np.testing.assert_allclose(each(some), every_third, atol=1e-4)


def test_more_samples_include_the_fewer(images):
    model = linear_vae(widen=2.0)
    mean = [np.exp(each(metrics.iwae(model, images, GAUSSIAN, k))) * k for k in (1, 150)]
    assert (mean[1] > mean[0] * 0.999).all()  # a sum of weights that begins with the same one


def test_the_seed_decides(images):
    model = linear_vae(widen=2.0)
    a, b, c = (each(metrics.iwae(model, images, GAUSSIAN, 3, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@each_measure
@pytest.mark.parametrize("training", [True, False])
def test_measuring_leaves_no_trace(measure, training, images):
    model = linear_vae()
    model.train() if training else model.eval()
    paddle.seed(3)
    expected = paddle.rand([4]).numpy()
    paddle.seed(3)
    measure(model, images, GAUSSIAN)
    np.testing.assert_array_equal(paddle.rand([4]).numpy(), expected)
    assert model.training == model.encoder.training == training


def test_what_cannot_be_measured(images):
    autoencoder, model = Autoencoder(), linear_vae()
    for measure in MEASURES.values():
        refused(lambda m=measure: m(autoencoder, images, GAUSSIAN), "autoencoder")
        refused(lambda m=measure: m(model, images, GAUSSIAN, images=0), "images", 0)
        refused(lambda m=measure: m(model, images, GAUSSIAN, images=301), "images", 300)
    refused(lambda: metrics.iwae(model, images, GAUSSIAN, 0), "k is 0")
    refused(lambda: metrics.iwae(model, images, GAUSSIAN, 1.5), "k is 1.5")
    refused(lambda: metrics.quadrature(model, images, GAUSSIAN, points=0), "points")
    refused(lambda: metrics.quadrature(VAE(Encoder(3), Decoder(3)), images, GAUSSIAN), "3")
    for variance in (0.0, -1, np.nan, np.inf, True, "1"):
        refused(lambda v=variance: metrics.Gaussian(v), "variance")
    for value_range in ((1, 0), (0,), "01", None):
        refused(lambda r=value_range: metrics.Gaussian(1.0, r), "value_range")
    empty = Dataset(np.zeros((0, 1, 2, 3), "uint8"), np.zeros(0, "int64"))
    for measure in (*MEASURES.values(), metrics.encode):
        refused(lambda m=measure: m(model, empty, GAUSSIAN), "empty")
        for wrong in (True, "3", 2.5):
            refused(lambda m=measure, w=wrong: m(model, images, GAUSSIAN, images=w), "images")
        refused(lambda m=measure: m(model, images, GAUSSIAN, seed=-1), "seed")
    for wrong in (True, "3", None):
        refused(lambda w=wrong: metrics.iwae(model, images, GAUSSIAN, w), "k is")
        refused(lambda w=wrong: metrics.optimal_variance(model, images, images=w), "images")
    small = metrics.iwae(model, images, GAUSSIAN, np.int64(3), np.int32(5))
    assert small.images == 5  # NumPy's numbers are numbers


def test_evaluate_refuses_and_gives_the_random_state_back(images):
    model = linear_vae()
    for wrong in ({"beta": "1"}, {"beta": True}, {"beta": np.nan}, {"seed": 1.5}, {"seed": "0"}):
        refused(lambda w=wrong: metrics.evaluate(model, images, **w), next(iter(wrong)))
    empty = Dataset(images.images[:0], images.labels[:0])
    refused(lambda: metrics.evaluate(model, empty), "empty")

    def fails(*_):
        raise ZeroDivisionError

    paddle.seed(3)
    expected = paddle.rand([4]).numpy()
    paddle.seed(3)
    with pytest.raises(ZeroDivisionError):
        metrics.evaluate(model, images, reconstruction=fails)
    np.testing.assert_array_equal(paddle.rand([4]).numpy(), expected)


def test_measuring_leaves_each_layer_in_its_mode(images):
    model = linear_vae()
    model.train()
    model.encoder.eval()  # as one does to train the decoder alone
    metrics.elbo(model, images, GAUSSIAN)
    assert model.training and model.decoder.training and not model.encoder.training


def test_a_decoder_that_gives_no_probabilities_is_no_bernoulli():
    model = VAE()
    black = Dataset(np.zeros((2, 1, 28, 28), "uint8"), np.zeros(2, "int64"))
    refused(lambda: metrics.elbo(model, black, metrics.Bernoulli()), "probabilities", "Gaussian")


def test_quadrature_of_parts_is_that_of_all(images):
    """Over 10,000 images go through it in parts, for their memory."""
    many = Dataset(np.tile(images.images, (40, 1, 1, 1)), np.tile(images.labels, 40))  # 12,000
    few = metrics.quadrature(linear_vae(), images, GAUSSIAN, points=20)
    some = metrics.quadrature(linear_vae(), many, GAUSSIAN, points=20)
    np.testing.assert_allclose(some.each, np.tile(few.each, 40), atol=1e-4)


def test_climbing_from_bound_to_bound():
    rng = np.random.default_rng(0)
    hard = rng.normal(-90, 25, 10_000)  # images differ far more than the steps up do
    bounds = [hard, hard[::5] + rng.normal(3, 1, 2000), hard[::50] + rng.normal(4, 1, 200)]
    found = metrics.climbed(bounds)
    assert found["value"] == pytest.approx(hard.mean() + 4, abs=4 * found["standard_error"])
    assert 0.05 < found["standard_error"] < 0.2
    alone = metrics.climbed([hard])
    assert alone == {"value": pytest.approx(hard.mean()), "standard_error": 0}
    refused(lambda: metrics.climbed([hard, hard[:3]]), "bounds")


def test_the_error_of_climbing_counts_the_images_that_steps_share():
    """Steps that are large for the same images: by drawing the images 400 times over."""
    rng = np.random.default_rng(0)
    odd = rng.exponential(2, 3000)
    bounds = np.cumsum([rng.normal(-90, 25, 3000), odd, 0.8 * odd + rng.normal(0, 0.2, 3000)], 0)
    found = []
    for _ in range(400):
        some = bounds[:, rng.permutation(3000)]
        found.append(metrics.climbed([some[0], some[1, ::5], some[2, ::20]]))
    values, errors = (np.array([f[key] for f in found]) for key in ("value", "standard_error"))
    assert values.mean() == pytest.approx(bounds[2].mean(), abs=4 * values.std() / 20)
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.1)


def test_any_form_of_a_dataset_can_be_measured(images):
    """As fit and evaluate take it: a pair of arrays, or a map-style dataset."""
    pair = images.images[:20], images.labels[:20]
    few, listed = images[:20], list(zip(*pair, strict=True))
    for other in (pair, listed):
        for measure in (
            lambda d: each(metrics.elbo(linear_vae(), d, GAUSSIAN).elbo),
            lambda d: each(metrics.iwae(linear_vae(), d, GAUSSIAN, 3, 7)),
            lambda d: each(metrics.quadrature(linear_vae(), d, GAUSSIAN, points=20)),
            lambda d: metrics.encode(linear_vae(), d, GAUSSIAN)[0],
            lambda d: metrics.optimal_variance(linear_vae(), d),
        ):
            np.testing.assert_array_equal(measure(other), measure(few))


def test_measure_is_all_of_it(images):
    found = metrics.measure(linear_vae(bias=0.3), images, images, GAUSSIAN, images=30, k=60)
    assert set(found["iwae"]) == {"1", "50", "60"}
    assert found["quadrature"]["value"] == pytest.approx(exact(images)[::10].mean(), abs=1e-3)
    assert found["optimal_variance"]["variance"] == pytest.approx(VARIANCE, rel=0.3)
    assert found["optimal_variance"]["elbo"]["value"] >= found["elbo"]["value"] - 0.1
    assert found["active_units"] == {"value": 2, "latent_dim": 2}
    assert found["knn_accuracy"]["images"] == 300
    assert metrics.measuring_seconds(linear_vae(), images, images, GAUSSIAN, 30, 60) > 0
    refused(lambda: metrics.measure(linear_vae(), images, images, GAUSSIAN, k=0), "k is 0")
    refused(lambda: metrics.measure(linear_vae(), images, images, GAUSSIAN, 0), "images is 0")


def test_estimates():
    values = np.random.default_rng(0).normal(5, 2, 400)
    once, four = metrics.Estimate(values), metrics.Estimate(np.tile(values, 4))
    assert once.value == pytest.approx(values.mean())
    assert once.standard_error == pytest.approx(values.std() / 20)
    assert four.standard_error == pytest.approx(once.standard_error / 2)
    assert str(metrics.Estimate(np.array([-95.0, -97.0] * 50))) == "-96.00 ± 0.10"
    assert "likelihood" not in once.summary()


# --- codes ---


def test_encode_gives_what_the_model_does(images):
    x = tensor(images.images / 255 * 2 - 1)
    mean, logvar = metrics.encode(linear_vae(), images, GAUSSIAN)
    np.testing.assert_allclose(mean, linear_vae().encode(x)[0], atol=1e-5)
    np.testing.assert_allclose(logvar, np.tile(np.log(POSTERIOR), (300, 1)), rtol=1e-5)


def test_encode_an_autoencoder():
    model = Autoencoder()
    digits = Dataset(np.zeros((3, 1, 28, 28), "uint8"), np.zeros(3, "int64"))
    codes, logvar = metrics.encode(model, digits, metrics.Gaussian())
    np.testing.assert_allclose(codes, model.encode(-paddle.ones([3, 1, 28, 28])), rtol=1e-5)
    assert logvar is None


def test_a_dead_dimension():
    """Of three dimensions one is used, one tells nothing, and one varies by less than 0.1."""
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(1000, 3)) * [1.0, 0.0, 0.09]
    logvar = np.tile(np.log([0.01, 1.0, 1.0]), (1000, 1))
    assert metrics.active_units(mean) == 1
    kl = metrics.kl_per_dimension(mean, logvar)
    assert kl[0] == pytest.approx(0.5 * ((mean[:, 0] ** 2).mean() + 0.01 - 1 - np.log(0.01)))
    assert kl[1] == 0
    total = losses.kl_divergence(tensor(mean), tensor(logvar)).mean().item()
    assert kl.sum() == pytest.approx(total, rel=1e-5)


def test_codes_far_apart_tell_all_there_is_to_know():
    mean = 100.0 * np.arange(50)[:, None]
    split = metrics.split_kl(mean, np.zeros((50, 1)))
    np.testing.assert_allclose(split.mutual_information.each, np.log(50), atol=1e-9)


def test_codes_all_alike_tell_nothing():
    mean, variance = np.full((2000, 3), 0.7), 0.5
    split = metrics.split_kl(mean, np.full((2000, 3), np.log(variance)))
    np.testing.assert_allclose(split.mutual_information.each, 0, atol=1e-9)
    kl = 3 * 0.5 * (0.7**2 + variance - 1 - np.log(variance))
    marginal = split.marginal_kl
    assert marginal.value == pytest.approx(kl, abs=4 * marginal.standard_error)


def test_codes_that_are_the_prior():
    zero = np.zeros((100, 4))
    for part in metrics.split_kl(zero, zero):
        np.testing.assert_allclose(part.each, 0, atol=1e-9)


def test_two_groups_of_codes():
    """Half the q(z|x) are N(-1, 1), half N(1, 1): both parts by numerical integration."""
    mean = np.repeat([[-1.0], [1.0]], 1500, axis=0)
    split = metrics.split_kl(mean, np.zeros_like(mean), seed=1)

    def q(z):
        return 0.5 * stats.norm.pdf(z, -1) + 0.5 * stats.norm.pdf(z, 1)

    entropy = integrate.quad(lambda z: -q(z) * np.log(q(z)), -12, 12)[0]
    information = entropy - stats.norm.entropy()
    cross_entropy = integrate.quad(lambda z: -q(z) * stats.norm.logpdf(z), -12, 12)[0]
    for part, answer in zip(split, (information, cross_entropy - entropy), strict=True):
        assert part.value == pytest.approx(answer, abs=4 * part.standard_error)
        assert part.standard_error < 0.05


def test_the_two_parts_add_up_to_the_kl():
    rng = np.random.default_rng(7)  # not the seed of split_kl, whose noise would equal the means
    mean, logvar = rng.normal(size=(1000, 5)), rng.normal(-2, 1, (1000, 5))
    split = metrics.split_kl(mean, logvar)
    total = metrics.Estimate(split.mutual_information.each + split.marginal_kl.each)
    kl = metrics.kl_per_dimension(mean, logvar).sum()
    assert total.value == pytest.approx(kl, abs=4 * total.standard_error)
    assert split.mutual_information.value <= np.log(1000)


def blobs(distance):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    codes = distance * np.array([[0, 0], [1, 0], [0, 1]])[labels] + rng.normal(size=(600, 2))
    return codes[:400], labels[:400], codes[400:], labels[400:]


@pytest.mark.parametrize("accuracy", [metrics.knn_accuracy, metrics.linear_accuracy])
def test_accuracy(accuracy):
    assert accuracy(*blobs(20)).value == 1
    partly = accuracy(*blobs(2))
    assert 0.6 < partly.value < 0.95
    p = partly.value
    assert partly.standard_error == pytest.approx(np.sqrt(p * (1 - p) / 200))


def test_knn_looks_at_k_neighbours():
    codes, labels = np.array([[0.0], [1.0], [1.1]]), np.array([0, 1, 1])
    for k, correct in ((1, 1.0), (3, 0.0)):
        answer = metrics.knn_accuracy(codes, labels, np.array([[0.1]]), np.array([0]), k)
        assert answer.value == correct


def test_codes_that_are_none():
    good, labels = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 3
    for bad in (good[0], good[:0], good * np.nan, good.astype(str), good[None]):
        refused(lambda b=bad: metrics.active_units(b), "mean")
        refused(lambda b=bad: metrics.kl_per_dimension(good, b), "logvar")
        refused(lambda b=bad: metrics.split_kl(b, good), "mean")
        for accuracy in (metrics.knn_accuracy, metrics.linear_accuracy):
            refused(lambda b=bad, f=accuracy: f(b, labels, good, labels), "codes_train")
    for function in (metrics.kl_per_dimension, metrics.split_kl):
        refused(lambda f=function: f(good, good[:, :1]), "shapes")  # else it would broadcast
    refused(lambda: metrics.split_kl(good, good, seed=True), "seed")
    refused(lambda: metrics.active_units(good, "0"), "threshold")
    for accuracy in (metrics.knn_accuracy, metrics.linear_accuracy):
        refused(lambda f=accuracy: f(good, labels[:8], good, labels), "labels_train")
        refused(lambda f=accuracy: f(good, labels, good, labels[:8]), "labels_test")
        refused(lambda f=accuracy: f(good, labels, good[:, :1], labels), "2 and 1")
    refused(lambda: metrics.linear_accuracy(good, labels * 0, good, labels), "one label")
    for k in (0, 10, True, "5"):
        refused(lambda k=k: metrics.knn_accuracy(good, labels, good, labels, k), "k is")


# --- samples ---


def test_the_nearest_image():
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 255, (50, 1, 4, 4)).astype("uint8")
    images = reference[[7, 3, 49]].astype("float64") + 1
    index, distance = metrics.nearest(images, reference)
    assert index.tolist() == [7, 3, 49]
    np.testing.assert_allclose(distance, 1, atol=0.05)
    assert metrics.nearest_distance(images[:0], reference).shape == (0,)
    refused(lambda: metrics.nearest(images, reference[:0]), "reference")
    refused(lambda: metrics.nearest(images, reference[:, :, :3]), "one size")


def test_frechet_distance_known_values():
    a = np.random.default_rng(0).normal(size=(500, 4)) @ np.diag([1.0, 2.0, 0.5, 0.0])
    cov = np.cov(a, rowvar=False)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert metrics.frechet_distance(a, a + [3, 0, 0, 4]) == pytest.approx(25)  # only the means
    scaled = metrics.frechet_distance(a - a.mean(0), 3 * (a - a.mean(0)))
    assert scaled == pytest.approx(4 * np.trace(cov))  # (3 - 1)^2 times the variances


def test_frechet_distance_of_any_two_sets():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(50 + 30 * i, 5)) @ rng.normal(size=(5, 5)) for i in range(2))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    answer = ((a.mean(0) - b.mean(0)) ** 2).sum()
    answer += np.trace(cov_a + cov_b - 2 * linalg.sqrtm(cov_a @ cov_b).real)
    assert metrics.frechet_distance(a, b) == pytest.approx(answer)
    assert metrics.frechet_distance(b, a) == pytest.approx(answer)


def test_frechet_distance_refuses():
    refused(lambda: metrics.frechet_distance(np.zeros((9, 2)), np.zeros((9, 3))), "features")
    refused(lambda: metrics.frechet_distance(np.zeros((1, 2)), np.zeros((9, 2))), "features")
    refused(lambda: metrics.frechet_distance(np.full((9, 2), np.nan), np.zeros((9, 2))), "finite")


# --- the judge of samples ---


@pytest.fixture(scope="module")
def squares():
    """Squares at ten places, the place being the label."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 320)
    x = np.zeros((320, 1, 28, 28), "uint8")
    for image, label in zip(x, labels, strict=True):
        row, column = 3 + 13 * (label // 5), 2 + 5 * (label % 5)
        image[0, row : row + 8, column : column + 4] = 200
    return Dataset(x, labels)


def test_a_shifted_image_is_the_image_moved(squares):
    centred = np.pad(squares.images[:50, :, 2:-2, 2:-2], ((0, 0), (0, 0), (2, 2), (2, 2)))
    moved = classifier.shifted(centred, np.random.default_rng(0))
    steps = set()
    for before, after in zip(centred[:, 0], moved[:, 0], strict=True):
        found = [
            (down, across)
            for down, across in itertools.product(range(-2, 3), repeat=2)
            if (np.roll(before, (down, across), (0, 1)) == after).all()
        ]
        assert len(found) == 1
        steps |= set(found)
    assert {step[0] for step in steps} == {step[1] for step in steps} == {-2, -1, 0, 1, 2}


def test_the_classifier_learns_and_repeats(squares):
    models = [
        classifier.train(squares, epochs=4, batch_size=32, progress=False, seed=1) for _ in range(2)
    ]
    x = squares.images / 127.5 - 1
    assert classifier.accuracy(models[0], x, squares.labels).value > 0.9
    np.testing.assert_array_equal(*(model.features(x[:9]) for model in models))


def test_features_of_any_number_of_images(squares):
    judge = classifier.Classifier()
    x = np.concatenate([squares.images, squares.images]) / 127.5 - 1
    features = judge.features(x)
    assert features.shape == (640, 128)
    np.testing.assert_allclose(features[600:], judge.features(x[600:]), atol=1e-4)
    assert judge.training  # as it was
    assert judge.predict(x).shape == (640,)


def test_the_classifier_refuses():
    refused(lambda: classifier.Classifier().features(np.zeros((2, 1, 32, 32))), "images", "28")
    for name in ("epochs", "batch_size", "learning_rate", "seed"):
        for wrong in (0 if name != "seed" else -1, True, "1", np.nan):
            refused(lambda n=name, w=wrong: classifier.train(**{n: w}), name)
    judge = classifier.Classifier()
    refused(lambda: classifier.accuracy(judge, np.zeros((2, 1, 28, 28)), [1]), "labels")
    refused(lambda: classifier.accuracy(judge, np.zeros((0, 1, 28, 28)), []), "labels")


def test_the_classifier_stops_at_once(squares, monkeypatch):
    """At Ctrl-C, in whatever form it leaves Paddle, and where the loss is no number any more."""

    def interrupted(*_):
        raise OSError("(External) KeyboardInterrupt: <EMPTY MESSAGE>")

    entropy = classifier.F.cross_entropy
    monkeypatch.setattr(classifier.F, "cross_entropy", lambda *a: entropy(*a) * float("nan"))
    with pytest.raises(FloatingPointError, match="learning_rate"):
        classifier.train(squares, epochs=50, progress=False)
    monkeypatch.setattr(classifier.F, "cross_entropy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        classifier.train(squares, epochs=1, progress=False)


def test_three_judges(squares):
    judges = classifier.judges(squares, squares, images=100)
    assert len({judge.name for judge in judges}) == 3
    x = data.scale(squares.images)
    for judge in judges:
        assert judge.accuracy.images == 100
        assert classifier.accuracy(judge, x[:7], squares.labels[:7]).images == 7
    assert judges[1].accuracy.value == 1  # each image is its own nearest one
    assert judges[2].accuracy.value > 0.9


def test_the_shipped_classifier():
    test = metrics.data.load("mnist", "test")
    judge = classifier.Classifier()
    recorded = classifier.weights.load(judge, classifier.weights_path())
    value = classifier.accuracy(judge, metrics.data.scale(test.images), test.labels).value
    assert value >= 0.992
    assert value == pytest.approx(float(recorded["accuracy"]), abs=2e-4)
