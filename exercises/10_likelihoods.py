"""Exercises of notebook 10: bounds and units."""

from exercises import Choose, Write, Wrong

import numpy as np
import paddle


def iwae(log_weights):
    """The IWAE bound of each image from log weights of K samples: [N, K] -> [N].

    A weight is p(x|z) p(z) / q(z|x). Finite for log weights of -1000.
    """
    return paddle.logsumexp(log_weights, 1) - np.log(log_weights.shape[1])


def _weights():
    paddle.seed(0)
    weights = 3 * paddle.randn([4, 8])
    return [
        ("with one sample", (weights[:, :1],)),
        ("with eight equal weights", (paddle.full([4, 8], -2.0),)),
        ("with random weights", (weights,)),
        ("with a batch of one", (weights[:1],)),
        ("at log weights near -1000", (weights - 1000,)),
        ("at log weights near 500", (weights[:2, :5] + 500,)),
        (
            "with one image near -100 and one near -1000",
            (paddle.to_tensor([[-100.0, -101.0], [-1000.0, -1001.0]]),),
        ),
    ]


iwae = Write(
    iwae,
    purpose="Average weights that are too small for a computer, without losing them.",
    minutes=8,
    statement="""
    The IWAE bound is the logarithm of the **average weight** of K samples. You are given the
    logarithms of the weights. Real ones are near -100 or -1000, whose exp is 0 in floating point.
    """,
    cases=_weights,
    gradients=("log_weights",),
    hints=(
        "log of a mean = log of a sum - log K.",
        "`paddle.logsumexp(a, 1)` is log(sum(exp(a))) and does not underflow.",
    ),
    wrong={
        "mean of logs": Wrong(
            lambda w: w.mean(1),
            "Yours is the mean of the logarithms, which is the ELBO. The logarithm of the mean is asked.",
        ),
        "exp": Wrong(
            lambda w: w.exp().mean(1).log(),
            "exp(-1000) is 0 in floating point, from which no logarithm comes back: take logsumexp.",
        ),
        "maximum not added back": Wrong(
            lambda w: paddle.logsumexp(w - w.max(1, keepdim=True), 1) - np.log(w.shape[1]),
            "You have taken the largest log weight away and not added it back.",
        ),
        "one maximum for all": Wrong(
            lambda w: (w - w.max()).exp().mean(1).log() + w.max(),
            "You take one maximum from all images, and the others underflow: each has its own, "
            ".max(1, keepdim=True).",
        ),
        "no log K": Wrong(
            lambda w: paddle.logsumexp(w, 1),
            "Yours is the logarithm of the sum: subtract log K.",
        ),
        "divided": Wrong(
            lambda w: paddle.logsumexp(w, 1) / w.shape[1],
            "You divide the logarithm by K: to divide inside it, subtract log K.",
        ),
        "maximum": Wrong(
            lambda w: w.max(1),
            "Yours is the largest weight alone.",
        ),
        "over images": Wrong(
            lambda w: paddle.logsumexp(w, [0, 1]) - np.log(w.size),
            "You have averaged over the images as well: one bound for each image.",
        ),
        "wrong axis": Wrong(
            lambda w: paddle.logsumexp(w, 0) - np.log(w.shape[0]),
            "You have averaged over the images: samples are the second axis.",
        ),
    },
    reason="With one sample it is that sample's log weight, whose average is the ELBO.",
)


def bits_per_dimension(log_likelihood, pixels):
    """Bits per pixel from log p(x) in nats: [N] and a whole number -> [N]."""
    return -log_likelihood / (pixels * np.log(2))


def _nats():
    return [
        ("at -784 ln 2 nats and 784 pixels", (paddle.full([3], -784 * np.log(2)), 784)),
        ("at -100 nats and 784 pixels", (paddle.full([3], -100.0), 784)),
        ("at 0 nats", (paddle.zeros([2]), 100)),
        ("with 50 pixels", (paddle.to_tensor([-10.0, 20.0, -300.0]), 50)),
    ]


bits_per_dimension = Write(
    bits_per_dimension,
    purpose="Turn your number into the unit of the paper beside it.",
    minutes=4,
    statement="""
    Papers give **bits per dimension**: how many bits a pixel costs. Write it from the log-likelihood
    of an image in nats and the number of its pixels.
    """,
    cases=_nats,
    hints=("One bit is ln 2 nats.", "A better model has fewer bits: the sign changes."),
    wrong={
        "nats": Wrong(
            lambda log_likelihood, pixels: -log_likelihood / pixels,
            "Yours is in nats: a bit is ln 2 = 0.69 nats, so divide by ln 2 as well.",
        ),
        "sign": Wrong(
            lambda log_likelihood, pixels: log_likelihood / (pixels * np.log(2)),
            "Your sign is turned round: bits are a cost, minus the log-likelihood.",
        ),
        "logarithm twice": Wrong(
            lambda log_likelihood, pixels: paddle.log2(-log_likelihood) / pixels,
            "You take the logarithm of a number that is one already: divide it by ln 2.",
        ),
        "784 pixels": Wrong(
            lambda log_likelihood, pixels: -log_likelihood / (784 * np.log(2)),
            "You divide by 784, whatever the number of pixels is: use `pixels`.",
        ),
        "multiplied": Wrong(
            lambda log_likelihood, pixels: -log_likelihood * np.log(2) / pixels,
            "You multiply by ln 2: a number of nats holds more bits than nats, so divide.",
        ),
        "whole image": Wrong(
            lambda log_likelihood, pixels: -log_likelihood / np.log(2),
            "Yours is for the whole image: divide by the number of pixels.",
        ),
    },
    reason="An image of fair coins costs one bit a pixel. With densities the number may be negative.",
)

more_samples = Choose(
    "predict",
    purpose="Know in which direction a bound moves.",
    minutes=3,
    statement="""
    You estimate log p(x) of one model by the logarithm of the average weight of k draws, with k = 1,
    10, 100 and 1,000, and average each over many images. What do the four averages do?
    """,
    choices={
        "a": "they stay equal, only their noise shrinks",
        "c": "they rise towards log p(x)",
        "b": "they fall towards log p(x)",
    },
    right="c",
    replies={
        "a": "The average weight is right with any number of samples. Its logarithm is not: the "
        "logarithm is concave.",
        "b": "The mean of a logarithm is at most the logarithm of the mean: they lie below log p(x).",
    },
    hints=("Jensen: the mean of a logarithm is at most the logarithm of the mean.",),
    reason="More samples make the average weight steadier, and the logarithm loses less.",
)

encoder_alone = Choose(
    "predict",
    purpose="Keep apart what belongs to the model and what to its encoder.",
    minutes=5,
    statement="""
    Train the **encoder** of the plane for one more epoch, and leave the decoder as it is. What
    happens to log p(x) by the grid, and what to the ELBO? Answer first, then run this in a cell of
    your own (half a minute), and compare with the next cell, which measures the model as it is:

    ```python
    from paddle_vae import fit

    learner = recipes.load("binary_vae_2d")
    for parameter in learner.decoder.parameters():
        parameter.stop_gradient = True
    fit(learner, train, epochs=1, learning_rate=1e-3, **recipes.get("binary_vae_2d").objective)
    print(metrics.quadrature(learner, test, bernoulli, 200, points=200).value)
    print(metrics.iwae(learner, test, bernoulli, 1, 200).value)
    ```
    """,
    choices={
        "a": "both rise, by about as much",
        "b": "log p(x) stays exactly what it was, and the ELBO may change",
        "c": "the ELBO rises until it is log p(x)",
    },
    right="b",
    replies={
        "a": "The encoder has no part in p(x), which is an integral of p(x|z) p(z): by the grid it stayed the "
        "same to the last digit, with each of three seeds.",
        "c": "With each of three seeds the ELBO of the two hundred images moved by less than 1 nat, and that "
        "of all test images by at most 0.12. The gap is nearly 6 nats.",
    },
    hints=("Which of the two networks stands in the formula of p(x)?",),
    reason="p(x) is made of decoder and prior alone. With three seeds it stayed the same to the last digit, and "
    "the ELBO of all test images moved by at most 0.12: one more epoch does not close the gap.",
)

threshold = Choose(
    "predict",
    purpose="Know that the way to black and white belongs to the number.",
    minutes=4,
    statement="""
    The test images are made black and white by a draw. Make a pixel white where it is above 127
    instead, and measure the same model. What does its ELBO do? Answer first, then run this in a cell
    of your own:

    ```python
    from paddle_vae import Dataset

    cut = Dataset(255 * (test.images > 127).astype("uint8"), test.labels)
    print(metrics.elbo(models["binary_vae_50d"], cut, bernoulli).elbo)
    ```
    """,
    choices={
        "a": "it stays the same, within the standard error: the model is the same",
        "b": "it falls, since the model was trained on drawn pixels",
        "c": "it rises, by many nats",
    },
    right="c",
    replies={
        "a": "The model is the same, the images are not: the ELBO was -77 instead of -92, with three draws "
        "of the noise.",
        "b": "It was trained on drawn pixels, but these are easier: the ELBO was -77 instead of -92, with "
        "three draws of the noise.",
    },
    hints=("Which edge of a stroke is easier to foresee, a smooth one or one with random dots?",),
    reason="Random dots at the edges cannot be foreseen, and a threshold makes none: -77 instead of -92, with "
    "three draws of the noise. So two numbers compare only if both say how pixels became black or white.",
)
