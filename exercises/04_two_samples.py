"""Exercises of notebook 04: two images share a plane."""

from exercises import Choose, Write, Wrong

import paddle


def weight(z, first, second, std):
    """Share of the first of two equal clouds at z: [N, L] and two means [L], one std -> [N].

    Both clouds are N(mean, std^2 I), and both images are as frequent.
    """
    near = ((z - first) ** 2).sum(1)
    far = ((z - second) ** 2).sum(1)
    return paddle.nn.functional.sigmoid((far - near) / (2 * std**2))


def _planes():
    paddle.seed(0)
    z = 2 * paddle.randn([5, 2])
    first, second = paddle.to_tensor([1.0, 0.0]), paddle.to_tensor([-1.0, 0.5])
    middle = ((first + second) / 2).unsqueeze(0)
    return [
        ("halfway between the means", (middle, first, second, 0.7)),
        ("at the first mean", (first.unsqueeze(0), first, second, 0.5)),
        ("at the second mean", (second.unsqueeze(0), first, second, 0.5)),
        ("at five points", (z, first, second, 1.0)),
        ("at five points with std 0.5", (z, first, second, 0.5)),
        ("with the clouds exchanged", (z, second, first, 0.8)),
        ("far away", (100 * z, first, second, 0.5)),
    ]


weight = Write(
    weight,
    purpose="Compute who owns a point, which is what the best decoder draws there.",
    minutes=10,
    statement="""
    Two images have the clouds N(first, std² I) and N(second, std² I). A code z is given. Write the
    probability w(z) that it came from the first image, for each row of z. It must stay finite far
    away, where both densities are 0 in floating point.
    """,
    cases=_planes,
    gradients=("z",),
    hints=(
        "Bayes' rule: w = p1 / (p1 + p2). Divide both by p1.",
        "w = 1 / (1 + p2 / p1) is a sigmoid of log p1 - log p2.",
        "log p1 - log p2 = (|z - second|^2 - |z - first|^2) / (2 std^2).",
    ),
    wrong={
        "densities": Wrong(
            lambda z, first, second, std: _by_densities(z, first, second, std),
            "Far away both densities become 0, and 0 / 0 is no number: work with their logarithms.",
        ),
        "exchanged": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - first) ** 2).sum(1) - ((z - second) ** 2).sum(1)) / (2 * std**2)
            ),
            "Yours is the share of the second image: exchange the two distances.",
        ),
        "no half": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - second) ** 2).sum(1) - ((z - first) ** 2).sum(1)) / std**2
            ),
            "Your border is too sharp: a normal density has 2 std^2 below the squared distance.",
        ),
        "std not squared": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - second) ** 2).sum(1) - ((z - first) ** 2).sum(1)) / (2 * std)
            ),
            "Below the squared distance stands 2 std^2, not 2 std.",
        ),
        "distances not squared": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - second) ** 2).sum(1).sqrt() - ((z - first) ** 2).sum(1).sqrt())
                / (2 * std**2)
            ),
            "A normal density falls with the squared distance: leave out the root.",
        ),
        "nearest": Wrong(
            lambda z, first, second, std: (
                ((z - first) ** 2).sum(1) < ((z - second) ** 2).sum(1)
            ).astype("float32"),
            "Yours is 0 or 1: near the border both images are possible, with a share each.",
        ),
    },
    reason="It is 1/2 halfway and everywhere on the line through that point that is perpendicular to "
    "the line between the means.",
)


def _by_densities(z, first, second, std):
    one = paddle.exp(-((z - first) ** 2).sum(1) / (2 * std**2))
    other = paddle.exp(-((z - second) ** 2).sum(1) / (2 * std**2))
    return one / (one + other)


border = Choose(
    "predict",
    purpose="Read a formula before you see its picture.",
    minutes=3,
    statement="""
    Two clouds have the same std and other means. The best decoder draws w(z) times the first image
    plus 1 - w(z) times the second. What shape has the border, where both have the weight 1/2?
    """,
    choices={
        "a": "a circle around each mean",
        "c": "a straight line, perpendicular to the line between the means",
        "b": "a parabola",
        "d": "there is none: w is 1/2 everywhere",
    },
    right="c",
    replies={
        "a": "A circle would be the set of points with the same distance from one mean. Compare two "
        "distances.",
        "b": "The squares of z cancel, since both clouds have the same std.",
        "d": "Near the first mean, is the second image as likely?",
    },
    hints=("Where are two squared distances equal?",),
    reason="The border is where both means are equally far away.",
)

too_similar = Choose(
    "predict",
    purpose="See that a VAE tells images apart only where it pays.",
    minutes=3,
    statement="""
    Two training images are so alike that C, the squared distance between them divided by beta, is
    below 2. To tell them apart in the code costs KL; not to do so costs squared error. What does the
    optimum do?
    """,
    choices={
        "b": "it tells them apart all the same, only less",
        "a": "it gives both the same cloud N(0, I) and draws their average",
        "c": "it draws one of the two for both",
    },
    right="a",
    replies={
        "b": "Then some KL would be paid for each bit of the difference. Below some difference it is "
        "more than the whole squared error that it could save.",
        "c": "The average has a smaller squared error than either.",
    },
    reason="Below a certain difference the price is higher than all that could be saved. That is "
    "posterior collapse as the optimum.",
)
