"""Exercises of notebook 08: from one code to another in many dimensions."""

from exercises import Choose, Write, Wrong

import paddle


def slerp(start, end, t):
    """Spherical interpolation between two codes [L], at t [T] in [0, 1] -> [T, L]."""
    cosine = (start * end).sum() / (start.norm() * end.norm())
    angle = paddle.acos(cosine)
    t = t.unsqueeze(1)  # [T, 1]
    first, second = paddle.sin((1 - t) * angle), paddle.sin(t * angle)
    return (first * start + second * end) / paddle.sin(angle)


def _ways():
    paddle.seed(0)
    start, end = paddle.randn([20]), paddle.randn([20])
    one, other = paddle.to_tensor([1.0, 0.0]), paddle.to_tensor([0.0, 2.0])
    t = paddle.linspace(0, 1, 5)
    return [
        ("at both ends", (start, end, paddle.to_tensor([0.0, 1.0]))),
        ("halfway between (1, 0) and (0, 2)", (one, other, paddle.to_tensor([0.5]))),
        ("between (1, 0) and (0, 2)", (one, other, t)),
        ("in 20 dimensions", (start, end, t)),
        ("with the ends exchanged", (end, start, t)),
    ]


def _straight(start, end, t):
    return start + t.unsqueeze(1) * (end - start)


def _of_unit_vectors(start, end, t):
    start, end = start / start.norm(), end / end.norm()
    angle, t = paddle.acos((start * end).sum()), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / paddle.sin(angle)


def _angle_of_product(start, end, t):
    angle, t = paddle.acos((start * end).sum().clip(-0.999, 0.999)), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / paddle.sin(angle)


def _angle_of_product_unclipped(start, end, t):
    angle, t = paddle.acos((start * end).sum()), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / paddle.sin(angle)


def _divided_by_angle(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / angle


def _backwards(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return (paddle.sin(t * angle) * start + paddle.sin((1 - t) * angle) * end) / paddle.sin(angle)


def _no_division(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end


slerp = Write(
    slerp,
    purpose="Walk where the codes are, and not through the empty middle.",
    minutes=10,
    statement="""
    Write spherical interpolation: with the angle ω between the two codes,

    $$z(t) = \\frac{\\sin((1 - t)\\,\\omega)}{\\sin \\omega}\\,z_0 + \\frac{\\sin(t\\,\\omega)}{\\sin \\omega}\\,z_1$$

    The codes need not have length 1.
    """,
    cases=_ways,
    hints=(
        "The cosine of the angle is the inner product, divided by both lengths.",
        "`t.unsqueeze(1)` has the shape [T, 1]: times a code [L] it gives [T, L].",
    ),
    wrong={
        "straight": Wrong(
            _straight,
            "Yours is the straight line: it is right at both ends and too near to 0 between them.",
        ),
        "unit vectors": Wrong(
            _of_unit_vectors,
            "You have made both codes length 1: only the angle needs that, the codes stay as they are.",
        ),
        "angle of the product": Wrong(
            _angle_of_product,
            "The inner product is the cosine only after a division by both lengths.",
        ),
        "angle of the product, not clipped": Wrong(
            _angle_of_product_unclipped,
            "The inner product is the cosine only after a division by both lengths.",
        ),
        "divided by the angle": Wrong(
            _divided_by_angle,
            "You divide by the angle: divide by its sine.",
        ),
        "backwards": Wrong(
            _backwards,
            "At t = 0 you are at the end: exchange t and 1 - t.",
        ),
        "no division": Wrong(
            _no_division,
            "The division by sin ω is missing: without it t = 0 does not give the start.",
        ),
    },
    reason="Between two codes of the same length, every step has that length, too.",
)

middle = Choose(
    "predict",
    purpose="Unlearn what two dimensions have taught you.",
    minutes=3,
    statement="""
    z is drawn from N(0, I) in **100** dimensions. How far from the origin does it lie?
    """,
    choices={
        "a": "mostly near 0, where the density is highest",
        "d": "nearly always about 10",
        "c": "anywhere between 0 and 20",
        "b": "nearly always about 1",
    },
    right="d",
    replies={
        "a": "The density is highest there, but there is hardly any volume. Add up 100 squares.",
        "c": "The sum of 100 squares has a mean of 100 and a std of 14. Take the root.",
        "b": "That is the std on each axis. There are a hundred of them.",
    },
    hints=("The squared distance is a sum of 100 squares, each 1 on average.",),
    reason="The root of 100 +- 14 is 10 +- 0.7: a shell.",
)

fair_control = Choose(
    "explain",
    purpose="Ask of a good score what a trivial method scores.",
    minutes=3,
    statement="""
    A classifier finds a digit in five of six steps of the walks between codes. A friend says: "So
    the latent space is meaningful." What do you ask for first?
    """,
    choices={
        "b": "more walks",
        "a": "the same score for a cross-fade of the two images, pixel by pixel",
        "c": "a better classifier",
    },
    right="a",
    replies={
        "b": "That makes the number more exact. It does not say what it means.",
        "c": "It would judge the trivial method better as well. Which is that here?",
    },
    reason="A score means something only beside that of a method that knows nothing.",
)
