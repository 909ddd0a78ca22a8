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
        (
            "with three dimensions",
            (0.5 * paddle.randn([4, 3]), paddle.ones([3]), paddle.zeros([3]), 0.7),
        ),
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
        "ratio of densities": Wrong(
            lambda z, first, second, std: paddle.exp(
                (((z - second) ** 2).sum(1) - ((z - first) ** 2).sum(1)) / (2 * std**2)
            ),
            "Yours is the ratio of the two densities: a share is p1 / (p1 + p2).",
        ),
        "ratio of distances": Wrong(
            lambda z, first, second, std: (
                ((z - second) ** 2).sum(1)
                / (((z - first) ** 2).sum(1) + ((z - second) ** 2).sum(1))
            ),
            "Yours is a share of squared distances: a share of two densities is asked, and a density "
            "is exp(-distance^2 / (2 std^2)).",
        ),
        "mean over dimensions, no half": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - second) ** 2).mean(1) - ((z - first) ** 2).mean(1)) / std**2
            ),
            "A squared distance is the sum over the dimensions, not their mean, and stands over "
            "2 std^2.",
        ),
        "mean over dimensions": Wrong(
            lambda z, first, second, std: paddle.nn.functional.sigmoid(
                (((z - second) ** 2).mean(1) - ((z - first) ** 2).mean(1)) / (2 * std**2)
            ),
            "A squared distance is the sum over the dimensions, not their mean.",
        ),
        "nearest": Wrong(
            lambda z, first, second, std: (
                ((z - first) ** 2).sum(1) < ((z - second) ** 2).sum(1)
            ).astype("float32"),
            "Yours is 0 or 1: near the border both images are possible, with a share each.",
        ),
    },
    reason="Halfway between the means it is 1/2, whatever the std is; the std decides how fast it "
    "changes there.",
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
    reason="The border is where both means are equally far away: the line through the point halfway "
    "that is perpendicular to the line between the means.",
)

alike = Choose(
    "predict",
    purpose="See how little the KL depends on how different two images are.",
    minutes=4,
    statement="""
    For the two 2s, with C = 432, the calculated KL is 1.30. Training images 6 and 8, two ones, are
    more alike: their squared distance is 83, so C = 83. How large is the calculated KL of the best
    codes for these two? The cell above has all that computes it:

    ```python
    print(terms(optimum(83), 83)[1])
    ```
    """,
    choices={
        "a": "about 0.25, a fifth, as the squared distance is a fifth",
        "b": "about 0.57, in the ratio of the distances, the root of a fifth",
        "c": "about 1.1, hardly less",
    },
    right="c",
    replies={
        "a": "To tell which of two images it is, the clouds must lie apart, and that costs nearly the "
        "same whatever the images show. What is gained by it is still 83 / 4, about 21.",
        "b": "The KL is (1/2) ln(1 + r^2): it grows with the logarithm of r^2, where r is the ratio of "
        "mean and std. How fast can that fall?",
    },
    reason="It is 1.14. While C is large, the price of telling two images apart hardly depends on how "
    "different they are.",
)

too_similar = Choose(
    "predict",
    purpose="See that a VAE tells images apart only where it pays.",
    minutes=4,
    statement="""
    The KL grows more expensive, or the two images are ever more alike: C falls from 432 toward 0.
    To tell the images apart in the code costs KL; not to do so costs squared error. What will the
    KL of the best code do?
    """,
    choices={
        "a": "become ever smaller, but 0 only at C = 0",
        "b": "reach 0 at some C above 0, without a jump",
        "c": "drop to 0 in a jump at some C above 0",
    },
    right="b",
    replies={
        "a": "Not to tell them apart costs C / 4, and no more. Is the first bit of KL always worth its "
        "price? The next figure draws the loss for three values of C.",
        "c": "Then a KL just above 0 would never be the best. The cells below print the best r for C "
        "just above the place where it ends.",
    },
    reason="At C = 2, as the text below proves. Up to there the optimum gives both images the same "
    "cloud N(0, I) and draws their average: posterior collapse as the optimum.",
)
