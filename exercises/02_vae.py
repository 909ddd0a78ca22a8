"""Exercises of notebook 02: noise, price, loss."""

from exercises import Choose, Write, Wrong

import paddle


def reparameterize(mean, logvar, noise):
    """z = mean + std * noise, with std from the log of the variance: all [N, L]."""
    return mean + paddle.exp(0.5 * logvar) * noise


def _clouds():
    mean = paddle.to_tensor([[1.0, -0.5], [0.0, 2.0], [-3.0, 0.25]])
    noise = paddle.to_tensor([[0.3, -1.2], [1.7, 0.4], [-0.6, 2.2]])
    wide, narrow = paddle.full_like(mean, 1.5), paddle.full_like(mean, -4.0)
    return [
        ("at log variance 0", (mean, paddle.zeros_like(mean), noise)),
        ("without noise", (mean, narrow, paddle.zeros_like(mean))),
        ("at log variance -4", (mean, narrow, noise)),
        ("at log variance 1.5", (mean, wide, noise)),
        ("with a batch of one", (mean[:1], narrow[:1], noise[:1])),
        ("where each number has its own log variance", (mean, 0.7 * mean + 0.4, noise)),
        ("with three dimensions", (mean.T, 0.5 - mean.T, noise.T)),
    ]


reparameterize = Write(
    reparameterize,
    purpose="Put the randomness where a gradient can pass it by.",
    minutes=5,
    statement="""
    Write the step from the encoder's two answers to a random code. The noise is drawn for you and
    given as an argument, so that your function is an ordinary one.
    """,
    cases=_clouds,
    gradients=("mean", "logvar"),
    hints=(
        "A variance is a standard deviation squared. What is the logarithm of a square?",
        "log std = 0.5 * logvar, so std = exp(0.5 * logvar).",
    ),
    wrong={
        "no half": Wrong(
            lambda mean, logvar, noise: mean + logvar.exp() * noise,
            "Your noise is multiplied by the variance: exp(logvar) is the variance, and the "
            "standard deviation is its root, exp(0.5 * logvar).",
        ),
        "logvar as std": Wrong(
            lambda mean, logvar, noise: mean + logvar * noise,
            "Your noise is multiplied by logvar itself, a logarithm: exp belongs around it.",
        ),
        "softplus": Wrong(
            lambda mean, logvar, noise: mean + paddle.nn.functional.softplus(logvar) * noise,
            "You take softplus: logvar is a logarithm, which exp turns round, exp(0.5 * logvar).",
        ),
        "root of logvar": Wrong(
            lambda mean, logvar, noise: mean + logvar.abs().sqrt() * noise,
            "You take the root of a logarithm: first exp, then the root, exp(0.5 * logvar).",
        ),
        "root of logvar, as it is": Wrong(
            lambda mean, logvar, noise: mean + logvar.sqrt() * noise,
            "You take the root of a logarithm: first exp, then the root, exp(0.5 * logvar).",
        ),
        "mean scaled, too": Wrong(
            lambda mean, logvar, noise: paddle.exp(0.5 * logvar) * (mean + noise),
            "You multiply the mean by the standard deviation as well: only the noise is multiplied.",
        ),
        "noise subtracted": Wrong(
            lambda mean, logvar, noise: mean - paddle.exp(0.5 * logvar) * noise,
            "You subtract the noise: add it.",
        ),
        "mean alone": Wrong(
            lambda mean, logvar, noise: mean + 0 * logvar * noise,
            "Your code is the mean: nothing is random in it, and this is an autoencoder again.",
        ),
        "noise added": Wrong(
            lambda mean, logvar, noise: mean + noise + 0 * logvar,
            "Your noise is added as it is: multiply it by the standard deviation first.",
        ),
        "sign": Wrong(
            lambda mean, logvar, noise: mean + paddle.exp(-0.5 * logvar) * noise,
            "Your standard deviation is the inverse of the right one: look at the sign in exp.",
        ),
    },
    reason="Mean and std are ordinary numbers and the noise is a constant, so both get a gradient.",
)


def kl(mean, logvar):
    """KL of N(mean, exp(logvar)) to N(0, 1), summed over the latent dimensions: [N, L] -> [N]."""
    return -0.5 * (1 + logvar - mean**2 - paddle.exp(logvar)).sum(1)


def _posteriors():
    zero = paddle.zeros([4, 3])
    mean = paddle.to_tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5], [0.0, -3.0, 0.0], [1.0, 1.0, 1.0]])
    return [
        ("at N(0, 1)", (zero, zero)),
        ("at mean 2 and log variance 0", (paddle.full([4, 3], 2.0), zero)),
        ("at log variance -4", (zero, paddle.full([4, 3], -4.0))),
        ("at log variance 1", (zero, paddle.ones([4, 3]))),
        ("where both vary", (mean, 0.3 * mean - 1)),
        ("with a batch of one", (mean[:1], mean[:1])),
        ("with five dimensions", (mean.tile([1, 2])[:, :5], -mean.tile([1, 2])[:, 1:])),
    ]


kl = Write(
    kl,
    purpose="Turn a derivation into a line of code, and test it where you know the answer.",
    minutes=8,
    statement="""
    Take the last step of the derivation, and write the KL divergence for a batch: one number for
    each image, the sum over its latent dimensions.
    """,
    cases=_posteriors,
    gradients=("mean", "logvar"),
    hints=(
        "What must come out for mean 0 and log variance 0? And for mean 2 and log variance 0?",
        "On one axis: 0.5 * (mean^2 + variance - 1 - log variance). The variance is exp(logvar).",
        "Sum over the second axis, .sum(1), and over nothing else.",
    ),
    wrong={
        "log sigma": Wrong(
            lambda mean, logvar: -0.5 * (1 + 2 * logvar - mean**2 - (2 * logvar).exp()).sum(1),
            "Did you take logvar for log sigma? It is log sigma squared, so the variance is "
            "exp(logvar), without a factor 2.",
        ),
        "halved logvar": Wrong(
            lambda mean, logvar: -0.5 * (1 + 0.5 * logvar - mean**2 - (0.5 * logvar).exp()).sum(1),
            "Did you pass log sigma where log sigma squared belongs? The 0.5 before logvar is for "
            "a standard deviation; KL takes the variance.",
        ),
        "sign": Wrong(
            lambda mean, logvar: 0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(1),
            "Your sign is turned round: a KL divergence is never negative.",
        ),
        "no half": Wrong(
            lambda mean, logvar: -(1 + logvar - mean**2 - logvar.exp()).sum(1),
            "Yours is twice as large everywhere: the 1/2 in front is missing.",
        ),
        "no one": Wrong(
            lambda mean, logvar: -0.5 * (logvar - mean**2 - logvar.exp()).sum(1),
            "At N(0, 1) it must be 0: the 1 in the bracket is missing.",
        ),
        "sign of logvar": Wrong(
            lambda mean, logvar: -0.5 * (1 - logvar - mean**2 - logvar.exp()).sum(1),
            "The sign of logvar is turned round: beside exp(logvar) it is subtracted.",
        ),
        "one once": Wrong(
            lambda mean, logvar: -0.5 * (1 + (logvar - mean**2 - logvar.exp()).sum(1)),
            "The 1 belongs to every dimension: put it inside the sum.",
        ),
        "reversed": Wrong(
            lambda mean, logvar: 0.5 * ((1 + mean**2) / logvar.exp() + logvar - 1).sum(1),
            "Yours is the KL of N(0, 1) to N(mean, exp(logvar)): the other direction is asked.",
        ),
        "half on the mean": Wrong(
            lambda mean, logvar: (0.5 * mean**2 + logvar.exp() - logvar - 1).sum(1),
            "Your 1/2 stands before the squared mean alone: it belongs before the whole bracket.",
        ),
        "mean of dimensions": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean**2 - logvar.exp()).mean(1),
            "Yours is the mean over the latent dimensions; axes that are independent add up: sum.",
        ),
        "no sum": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean**2 - logvar.exp()),
            "You have a number for each dimension: sum over the second axis, .sum(1).",
        ),
        "sum of all": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(),
            "You have summed over the images as well: one number for each image, .sum(1).",
        ),
        "mean as it is": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean - logvar.exp()).sum(1),
            "The mean enters squared: at mean 2, an axis costs 2, which is half of 4.",
        ),
        "sum over images": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(0),
            "You have summed over the images: the dimensions are axis 1.",
        ),
        "mean not squared": Wrong(
            lambda mean, logvar: -0.5 * (1 + logvar - mean.abs() - logvar.exp()).sum(1),
            "The mean enters squared: at mean 2, an axis costs 2, which is half of 4.",
        ),
    },
    reason="It is 0 at N(0, 1), and a mean of 2 costs 2 nats an axis.",
)


collapse = Choose(
    "predict",
    purpose="Know the two ends of the loss before you see a training between them.",
    minutes=2,
    statement="""
    A VAE is trained on the squared error **alone**, without the KL term. What will the standard
    deviations of its clouds do?
    """,
    choices={
        "a": "stay near 1, where they start",
        "b": "grow without bound",
        "c": "shrink towards 0",
    },
    right="c",
    replies={
        "a": "Does the noise help the picture, or harm it? Then think what a gradient does.",
        "b": "Larger clouds mean worse pictures, and the squared error is all that counts here.",
    },
    reason="Noise only harms the picture, and nothing but the picture is in the loss.",
)


lost_code = Choose(
    "diagnose",
    purpose="Recognize a code that says nothing, and ask for the usual cause first.",
    minutes=4,
    statement="""
    After five epochs your VAE has a KL of 0.006 and a squared error of 214; the average training
    digit, as the answer to everything, scores 211.6. All reconstructions look the same. What do you
    look at first?
    """,
    choices={
        "a": "the learning rate: it is too low",
        "d": "how the two terms of the loss are made one number: a mean over pixels beside a sum over dimensions",
        "c": "the number of latent dimensions: it is too small",
        "b": "the noise: it is too large",
    },
    right="d",
    replies={
        "a": "A low rate makes training slow. It does not make the code say exactly nothing.",
        "c": "Even one number could tell a 1 from a 0, if telling paid.",
        "b": "The network chooses the size of its noise. Why did it choose 1, the most expensive for "
        "the picture?",
    },
    hints=("By how much does a mean over 784 pixels change the weight of the KL term?",),
    reason="A mean over the pixels makes the KL term 784 times as heavy, and then no code is worth "
    "its price. Other causes: a KL weight that is too high, or a decoder that needs no code.",
)


other_prices = Choose(
    "predict",
    purpose="Place a weight between two that you have seen.",
    minutes=5,
    statement="""
    The table has the weights 0, 1 and 784. Train with 0.1 and with 10, for instance

    ```python
    *networks, numbers = by_hand(np.full(150, 10.0), seed=0)
    print(metrics.evaluate(VAE(*networks), some_test), "std", numbers[-10:, 2].mean())
    ```

    What comes out with the weight 10?
    """,
    choices={
        "a": "the code is lost, as with 784: KL below 0.1, the average digit's error",
        "b": "a larger error than with 1, a smaller KL, and larger clouds",
        "c": "a smaller error and a smaller KL: the pull makes the code better",
        "d": "a tenth of the KL and the same error",
    },
    right="b",
    replies={
        "a": "784 is far away from 10. In three runs of three the KL was 1.3 to 1.4, and the error 185 to "
        "190, well below the average digit's.",
        "c": "A smaller KL says less about the image. What did the error do from 1 to 784?",
        "d": "A tenth of the KL says less about the image, and then the picture cannot be as good.",
    },
    hints=("What does a larger std of the clouds do to the picture, and what to KL?",),
    reason="Over three seeds, with 10 (and with 1): error 185 to 190 (173 to 176), KL 1.3 to 1.4 (5.9 to "
    "6.3), std 0.5 (0.2). With 0.1 the KL was 25 to 28, the std 0.11 to 0.14, and the error 170 to 173, "
    "lower than with 1 for two seeds of three. What is dear, the network buys less of.",
)
