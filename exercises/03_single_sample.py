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
    The decoder is made of affine layers and leaky ReLUs, with a tanh at the end. You decode points
    on a line from the origin, farther and farther out. What happens to the picture?
    """,
    choices={
        "a": "it goes on changing for ever, in cycles",
        "d": "every pixel that depends on the direction goes to black or white, and then nothing changes",
        "c": "it becomes grey",
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


def price_of_std(std, mean):
    """KL of N(mean, std^2) to N(0, 1), summed over dimensions: [N, L] and [N, L] -> [N]."""
    return 0.5 * (std**2 + mean**2 - 1 - 2 * paddle.log(std)).sum(1)


def _stds():
    one, mean = paddle.ones([3, 2]), paddle.to_tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.0]])
    return [
        ("at std 1 and mean 0", (one, 0 * mean)),
        ("at std 0.1", (0.1 * one, 0 * mean)),
        ("at std 2", (2 * one, 0 * mean)),
        ("at std 1 with a mean", (one, mean)),
        ("with a batch of one", (0.5 * one[:1], mean[:1])),
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
        "no half": Wrong(
            lambda std, mean: (std**2 + mean**2 - 1 - 2 * paddle.log(std)).sum(1),
            "Yours is twice as large everywhere: the 1/2 in front is missing.",
        ),
        "mean over dimensions": Wrong(
            lambda std, mean: 0.5 * (std**2 + mean**2 - 1 - 2 * paddle.log(std)).mean(1),
            "Yours is the mean over the latent dimensions: they add up.",
        ),
    },
    reason="A std of 0.1 costs 1.8 nats an axis, and a std of 0 costs infinitely much.",
)
