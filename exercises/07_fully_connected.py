"""Exercises of notebook 07: cross-entropy, its floor, and weights of losses."""

from exercises import Choose, Write, Wrong

import paddle

sigmoid, log_sigmoid = paddle.nn.functional.sigmoid, paddle.nn.functional.log_sigmoid
softplus = paddle.nn.functional.softplus


def cross_entropy(logits, target):
    """Cross-entropy of sigmoid(logits) for targets in [0, 1], summed over pixels: [N, P] -> [N].

    Finite for logits of any size.
    """
    return (paddle.nn.functional.softplus(logits) - logits * target).sum(1)


def _logits():
    paddle.seed(0)
    logits, target = 2 * paddle.randn([4, 6]), paddle.rand([4, 6])
    black, white = paddle.zeros([4, 6]), paddle.ones([4, 6])
    return [
        (
            "at logit 1",
            (white, white),
        ),  # not 0: other right forms have a kink in their gradient there
        ("with grey pixels", (logits, target)),
        ("with black pixels", (logits, black)),
        ("with white pixels", (logits, white)),
        ("with a single image", (logits[:1], target[:1])),
        ("at logit 200 for a black pixel", (200 * white, black)),
        ("at logit -200 for a white pixel", (-200 * white, white)),
        ("at logit 100 for a black pixel", (100 * white, black)),
        ("at logit -50 for a white pixel", (-50 * white, white)),
        ("with images of ten pixels", (paddle.randn([3, 10]), paddle.rand([3, 10]))),
    ]


def _from_probabilities(logits, target):
    p = sigmoid(logits)
    return -(target * p.log() + (1 - target) * (1 - p).log()).sum(1)


def _clipped(logits, target):
    p = sigmoid(logits).clip(1e-7, 1 - 1e-7)
    return -(target * p.log() + (1 - target) * (1 - p).log()).sum(1)


cross_entropy = Write(
    cross_entropy,
    purpose="Write a loss that survives a network that is very sure, and wrong.",
    minutes=10,
    statement="""
    Write the binary cross-entropy from **logits**, summed over pixels. It must be finite, and right,
    for logits of 200 and of -200.
    """,
    cases=_logits,
    gradients=("logits",),
    hints=(
        "-log sigmoid(a) = log(1 + exp(-a)), and -log(1 - sigmoid(a)) = log(1 + exp(a)).",
        "log(1 + exp(-a)) = log(1 + exp(a)) - a. Put both into t and 1 - t, and simplify.",
        "`paddle.nn.functional.softplus(a)` is log(1 + exp(a)), and does not overflow.",
    ),
    wrong={
        "sigmoid of 1 - x": Wrong(
            lambda logits, target: (
                -(target * log_sigmoid(logits) + (1 - target) * log_sigmoid(1 - logits)).sum(1)
            ),
            "In the second term, 1 - sigmoid(x) is sigmoid(-x), not sigmoid(1 - x).",
        ),
        "from probabilities": Wrong(
            _from_probabilities,
            "At such a logit the sigmoid is rounded to 0 or 1, and the logarithm of 0 is infinite: "
            "simplify the formula before you compute.",
        ),
        "clipped": Wrong(
            _clipped,
            "Clipping keeps it finite and makes it wrong: at logit 200, a black pixel costs 200.",
        ),
        "small constant": Wrong(
            lambda logits, target: (
                -(target * (sigmoid(logits) + 1e-7).log())
                - (1 - target) * (1 - sigmoid(logits) + 1e-7).log()
            ).sum(1),
            "The small constant in the logarithm keeps it finite and makes it wrong: at logit 200, a "
            "black pixel costs 200.",
        ),
        "exp overflows": Wrong(
            lambda logits, target: (paddle.log(1 + logits.exp()) - logits * target).sum(1),
            "exp overflows in float32 at 89: take softplus, which computes the same without it.",
        ),
        "white only": Wrong(
            lambda logits, target: (softplus(-logits) * target).sum(1),
            "You count white pixels only: black ones cost log(1 + exp(logit)).",
        ),
        "mean": Wrong(
            lambda logits, target: (softplus(logits) - logits * target).mean(1),
            "Yours is the mean over the pixels: this course takes the sum.",
        ),
        "mean of everything": Wrong(
            lambda logits, target: (softplus(logits) - logits * target).mean(),
            "Yours is the mean over pixels and images, as Paddle's losses take it unless they get "
            'reduction="none": sum over the pixels, and keep the images.',
        ),
        "sum of everything": Wrong(
            lambda logits, target: (softplus(logits) - logits * target).sum(),
            "You have summed over the images as well: one number for each image, .sum(1).",
        ),
        "black and white exchanged": Wrong(
            lambda logits, target: (softplus(logits) - logits * (1 - target)).sum(1),
            "You take black for white: the logit is multiplied by t, not by 1 - t.",
        ),
        "rounded": Wrong(
            lambda logits, target: (softplus(logits) - logits * target.round()).sum(1),
            "You round the targets to 0 or 1: take grey pixels as they are.",
        ),
        "softmax": Wrong(
            lambda logits, target: -(target * paddle.nn.functional.log_softmax(logits, 1)).sum(1),
            "You take a softmax over the pixels: each pixel has a probability of its own, a sigmoid.",
        ),
        "exchanged": Wrong(
            lambda logits, target: (softplus(target) - logits * target).sum(1),
            "The softplus is of the logits, not of the target.",
        ),
        "probability for logit": Wrong(
            lambda logits, target: (softplus(sigmoid(logits)) - sigmoid(logits) * target).sum(1),
            "You apply a sigmoid first: the formula with softplus takes the logits as they are.",
        ),
    },
    reason="At logit a, a black pixel costs log(1 + exp(a)), a white one a less.",
)


def floor(target):
    """Lowest cross-entropy that any prediction can reach: targets in (0, 1), [N, P] -> [N]."""
    return -(target * paddle.log(target) + (1 - target) * paddle.log(1 - target)).sum(1)


def _grey():
    paddle.seed(1)
    return [
        ("with grey of 1/2", (paddle.full([3, 4], 0.5),)),
        ("with grey of 0.1", (paddle.full([3, 4], 0.1),)),
        ("with random grey", (0.05 + 0.9 * paddle.rand([3, 4]),)),
        ("with a single image", (0.05 + 0.9 * paddle.rand([1, 4]),)),
        ("with images of seven pixels", (0.05 + 0.9 * paddle.rand([2, 7]),)),
    ]


floor = Write(
    floor,
    purpose="Know the number below which no model can come, before you judge a loss.",
    minutes=6,
    statement="""
    Which prediction p makes the cross-entropy of a grey pixel t smallest, and how large is it then?
    Write that smallest value, summed over the pixels, one number for each image.
    """,
    cases=_grey,
    hints=("The smallest value is reached at p = t.", "Put p = t into the formula."),
    wrong={
        "zero": Wrong(
            lambda target: paddle.zeros([target.shape[0]]),
            "It is 0 for black and white pixels only. Put the best prediction, p = t, into the formula.",
        ),
        "log 2": Wrong(
            lambda target: paddle.full([target.shape[0]], 0.6931472 * target.shape[1]),
            "Yours is log 2 for each pixel, whatever its grey is: the best p is t, not 1/2.",
        ),
        "mean grey": Wrong(
            lambda target: (
                -(
                    target * paddle.log(target.mean(1, keepdim=True))
                    + (1 - target) * paddle.log(1 - target.mean(1, keepdim=True))
                ).sum(1)
            ),
            "You predict the mean grey of the image everywhere: each pixel may have its own p.",
        ),
        "variance": Wrong(
            lambda target: (target * (1 - target)).sum(1),
            "Yours is t (1 - t), a variance: put p = t into the cross-entropy.",
        ),
        "twice the first half": Wrong(
            lambda target: -2 * (target * paddle.log(target)).sum(1),
            "You count the first half twice: the second one is (1 - t) log(1 - t).",
        ),
        "one half": Wrong(
            lambda target: -(target * paddle.log(target)).sum(1),
            "The second half is missing: (1 - t) log(1 - t).",
        ),
        "sign": Wrong(
            lambda target: (
                target * paddle.log(target) + (1 - target) * paddle.log(1 - target)
            ).sum(1),
            "Your sign is turned round: an entropy of pixels is not negative.",
        ),
        "bits": Wrong(
            lambda target: (
                -(target * paddle.log2(target) + (1 - target) * paddle.log2(1 - target)).sum(1)
            ),
            "Yours is in bits: the natural logarithm gives nats.",
        ),
        "mean of everything": Wrong(
            lambda target: paddle.nn.functional.binary_cross_entropy(target, target),
            "Yours is the mean over pixels and images, as Paddle's losses take it unless they get "
            'reduction="none": sum over the pixels, and keep the images.',
        ),
        "mean": Wrong(
            lambda target: (
                -(target * paddle.log(target) + (1 - target) * paddle.log(1 - target)).mean(1)
            ),
            "Yours is the mean over the pixels: this course takes the sum.",
        ),
    },
    reason="A grey pixel of 1/2 costs log 2 = 0.69 nats even with a perfect model.",
)

range_of_pixels = Choose(
    "explain",
    purpose="Compare two losses only where they measure the same.",
    minutes=3,
    statement="""
    Two programs train the same network with squared error plus KL. One has pixels in [0, 1], the
    other in [-1, 1]. The second reports a reconstruction error that is about four times as large.
    Which KL weight would the first need to train the same model?
    """,
    choices={"a": "1/4", "b": "4", "c": "1, they are the same already", "d": "1/2"},
    right="a",
    replies={
        "b": "The error of the first is four times smaller, so its KL weighs more already. Should it "
        "weigh even more?",
        "c": "The errors differ by a factor of 4, and KL does not.",
        "d": "Differences are halved, and they are squared.",
    },
    reason="Divide both terms by 4: 4 E + KL has the same optimum as E + KL / 4.",
)

shuffled = Choose(
    "predict",
    purpose="Say what a fully connected network knows of an image before it is trained.",
    minutes=4,
    statement="""
    Shuffle the pixels of all images, training and test, in the same way, so that nobody can read
    them any more. Train the small VAE of 10 numbers on 20,000 of them for one epoch:

    ```python
    order, area = np.random.default_rng(0).permutation(784), {"value_range": (0, 1)}
    learn, check = (
        data.Dataset(part.images.reshape(-1, 784)[:, order].reshape(-1, 1, 28, 28), part.labels)
        for part in (train[:20_000], test)
    )
    vae = recipes.build("mlp_vae_10d")
    fit(vae, learn, epochs=1, batch_size=32, learning_rate=1e-3, one_cycle=False, **area)
    print(metrics.evaluate(vae, check, **area).total)
    ```

    As the images are, its test loss is 40.9 ± 0.3 over three seeds. And shuffled?
    """,
    choices={
        "a": "clearly higher: neighbouring pixels are no longer neighbours",
        "b": "the same, up to the spread over seeds",
        "c": "clearly lower: shuffled pixels are noise, and all images look alike",
    },
    right="b",
    replies={
        "a": "Which of its weights says that two pixels are neighbours? It was 41.2 ± 0.1 over the same "
        "three seeds.",
        "c": "An image keeps all its pixel values, and a pixel keeps its relation to every other one. "
        "It was 41.2 ± 0.1 over the same three seeds.",
    },
    hints=("In a fully connected layer, what distinguishes input 5 from input 700?",),
    reason="It was 41.2 ± 0.1 over three seeds, 0.3 more on average, which is no more than seeds differ. "
    "Such a network does not know which pixels are neighbours; a convolution does.",
)
