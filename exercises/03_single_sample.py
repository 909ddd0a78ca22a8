"""Exercises of notebook 03: one image."""

from exercises import Choose, Write, Wrong

import paddle

code_of_one = Choose(
    "predict",
    purpose="Find the optimum of a loss by thinking, before a program finds it.",
    minutes=3,
    statement="""
    A VAE is trained on **one** image. At the optimum of squared error plus KL, what does its
    encoder answer for that image?
    """,
    choices={
        "b": "some point of the plane with a tiny std, as an autoencoder would",
        "a": "mean 0 and std 1 on every axis: N(0, I) itself",
        "c": "mean 0 and a tiny std",
    },
    right="a",
    replies={
        "b": "What would the decoder lose if the code said nothing? There is only one image to draw.",
        "c": "A tiny std costs KL. What is it good for here?",
    },
    hints=("How much must the code tell the decoder, if there is one image only?",),
    reason="The decoder can draw its only image whatever z is, so any KL above 0 is paid for nothing.",
)

far_away = Choose(
    "predict",
    purpose="Use what you know about leaky ReLUs.",
    minutes=4,
    statement="""
    No training step ever goes there. The decoder is made of layers that compute weighted sums plus
    constants (fully connected layers and convolutions), of leaky ReLUs between them, and a tanh at
    the end. You decode points on a line from the origin, farther and farther out. What happens to
    the picture?
    """,
    choices={
        "a": "it goes on changing for ever, in cycles",
        "d": "every pixel that depends on the direction goes to black or white, and then nothing changes",
        "c": "it becomes grey, a blur that grows with the distance",
        "b": "it returns to the picture at the origin",
    },
    right="d",
    replies={
        "a": "A leaky ReLU has two straight pieces. How often can a straight line cross their borders?",
        "c": "Grey is a tanh of 0. What does a straight line do far away, stay near 0?",
        "b": "What would bring it back? Far away, the numbers before the tanh grow in proportion.",
    },
    hints=(
        "Far out, each leaky ReLU stays on one of its two pieces: the network is a straight line.",
    ),
    reason="Far out the network is linear along the line, and the tanh of a growing number is 1 or -1.",
)

outward = Choose(
    "predict",
    purpose="Ask of a pattern whether it belongs to the image or to one trained network.",
    minutes=5,
    statement="""
    The code of `source[0]` lies to the upper right of the origin, and a thousand units away the 2 is
    left in the upper right, too. The code of `source[1]` lies on another side of the origin. Where
    will its 2 be left? To look, paste this:

    ```python
    m = source[1].encode(x)[0].numpy()[0]
    print("code", m)
    plots.latent_map(source[1].decode, m[0] + wide, m[1] + wide, "1,000 units around the code")
    plt.show()
    ```
    """,
    choices={
        "a": "in the upper right again: it is a matter of the image, and that is the same",
        "b": "in the direction in which its own code lies from the origin, or near it",
        "c": "on the other side of the origin than its code",
        "d": "nowhere: a thousand units away there is no 2 in any direction",
    },
    right="b",
    replies={
        "a": "The image is the same. But the codes of the two networks lie in different directions, and "
        "each decoder has been asked for the 2 near its own code only.",
        "c": "What drew the 2 at the code? Far out on the same ray the numbers before the tanh have "
        "only grown.",
        "d": "`source[0]` has kept its 2 in a part of all directions. The other one was trained alike.",
    },
    hints=("Print where the two codes lie.",),
    reason="Over five networks the direction in which the picture is most like the 2 was within 5 degrees "
    "of the direction of the code. The decoder has learned to draw the 2 at its code; farther out on "
    "that ray the same slopes go on. It belongs to the network, not to the image.",
)


def price_of_std(std, mean):
    """KL of N(mean, std^2) to N(0, 1), summed over dimensions: [N, L] and [N, L] -> [N]."""
    return 0.5 * (std**2 + mean**2 - 1 - 2 * paddle.log(std)).sum(1)


def _wide():
    return paddle.to_tensor([[0.0, 1.0, 2.0], [-1.0, 0.5, 0.3], [1.2, -2.0, 0.9], [0.4, 0.6, 3.0]])


def _stds():
    one, mean = paddle.ones([3, 2]), paddle.to_tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.0]])
    return [
        ("at std 1 and mean 0", (one, 0 * mean)),
        ("at std 0.1", (0.1 * one, 0 * mean)),
        ("at std 2", (2 * one, 0 * mean)),
        ("at std 1 with a mean", (one, mean)),
        ("with a batch of one", (0.5 * one[:1], mean[:1])),
        ("with three dimensions", (_wide() ** 2 + 0.3, 0.7 * _wide() - 0.1)),
    ]


price_of_std = Write(
    price_of_std,
    purpose="Say the price of a code in the quantity that you can see in a plot: the std.",
    minutes=6,
    statement="""
    Notebook 2 writes the KL divergence with the log of the variance. Write it with the **standard
    deviation** as the first argument.
    """,
    cases=_stds,
    gradients=("std", "mean"),
    hints=("The variance is std^2.", "The log of the variance is 2 log std."),
    wrong={
        "log std once": Wrong(
            lambda std, mean: 0.5 * (std**2 + mean**2 - 1 - paddle.log(std)).sum(1),
            "The log of the variance is twice the log of the std.",
        ),
        "std for variance": Wrong(
            lambda std, mean: 0.5 * (std + mean**2 - 1 - paddle.log(std)).sum(1),
            "You have put the std where the variance belongs: the variance is std^2.",
        ),
        "std for logvar": Wrong(
            lambda std, mean: -0.5 * (1 + std - mean**2 - std.exp()).sum(1),
            "You have put the std where notebook 2 has logvar: the log of the variance is 2 log std, "
            "and its exp is std^2.",
        ),
        "std not squared": Wrong(
            lambda std, mean: 0.5 * (std + mean**2 - 1 - 2 * paddle.log(std)).sum(1),
            "The first term is the variance: std^2.",
        ),
        "sign": Wrong(
            lambda std, mean: -0.5 * (std**2 + mean**2 - 1 - 2 * paddle.log(std)).sum(1),
            "Your sign is turned round: a KL divergence is never negative.",
        ),
        "arguments exchanged": Wrong(
            lambda std, mean: 0.5 * (mean**2 + std**2 - 1 - 2 * paddle.log(mean.abs())).sum(1),
            "You take the second argument for the std: the std comes first.",
        ),
        "no one": Wrong(
            lambda std, mean: 0.5 * (std**2 + mean**2 - 2 * paddle.log(std)).sum(1),
            "At std 1 and mean 0 it must be 0: the 1 in the bracket is missing.",
        ),
        "one once": Wrong(
            lambda std, mean: 0.5 * ((std**2 + mean**2 - 2 * paddle.log(std)).sum(1) - 1),
            "The 1 belongs to every dimension: put it inside the sum.",
        ),
        "square of the log": Wrong(
            lambda std, mean: 0.5 * (std**2 + mean**2 - 1 - paddle.log(std) ** 2).sum(1),
            "You square the logarithm: the logarithm of std^2 is 2 log std.",
        ),
        "squared distance": Wrong(
            lambda std, mean: 0.5 * ((std - 1) ** 2 + mean**2).sum(1),
            "Yours is the squared distance from std 1 and mean 0: the logarithm is missing.",
        ),
        "no half": Wrong(
            lambda std, mean: (std**2 + mean**2 - 1 - 2 * paddle.log(std)).sum(1),
            "Yours is twice as large everywhere: the 1/2 in front is missing.",
        ),
        "mean over dimensions, no half": Wrong(
            lambda std, mean: (std**2 + mean**2 - 1 - 2 * paddle.log(std)).mean(1),
            "Yours is the mean over the latent dimensions, without the 1/2: half of the sum is asked.",
        ),
        "mean over dimensions": Wrong(
            lambda std, mean: 0.5 * (std**2 + mean**2 - 1 - 2 * paddle.log(std)).mean(1),
            "Yours is the mean over the latent dimensions: they add up.",
        ),
    },
    reason="A std of 0.1 costs 1.8 nats an axis, and a std of 0 costs infinitely much.",
)
