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


def _divided(start, end, t, first, second):
    """Slerp, with sin(angle) below the terms that are named."""
    cosine = (start * end).sum() / (start.norm() * end.norm())
    angle, t = paddle.acos(cosine), t.unsqueeze(1)  # [T, 1]
    one, other = paddle.sin((1 - t) * angle) * start, paddle.sin(t * angle) * end
    size = paddle.sin(angle)
    return one / (size if first else 1) + other / (size if second else 1)


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
        ("at more than a right angle", (one, paddle.to_tensor([-0.8, 1.5]), t[1:])),
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


def _no_column(start, end, t, times):
    angle = paddle.acos((start * end).sum() / (start.norm() * end.norm()))
    return times(paddle.sin((1 - t) * angle), start) + times(paddle.sin(t * angle), end)


def _divided_by_angle(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / angle


def _backwards(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return (paddle.sin(t * angle) * start + paddle.sin((1 - t) * angle) * end) / paddle.sin(angle)


def _with_angle(start, end, t, change):
    cosine = (start * end).sum() / (start.norm() * end.norm())
    angle, t = change(cosine), t.unsqueeze(1)
    return (paddle.sin((1 - t) * angle) * start + paddle.sin(t * angle) * end) / paddle.sin(angle)


def _straight_rescaled(start, end, t):
    t = t.unsqueeze(1)
    way = (1 - t) * start + t * end
    return way / way.norm(axis=1, keepdim=True) * ((1 - t) * start.norm() + t * end.norm())


def _angle_outside(start, end, t):
    angle, t = paddle.acos((start * end).sum() / (start.norm() * end.norm())), t.unsqueeze(1)
    return (paddle.sin(1 - t) * start + paddle.sin(t) * end) * angle / paddle.sin(angle)


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
        "one of two divided": Wrong(
            lambda start, end, t: _divided(start, end, t, False, True),
            "You divide by sin(angle) in the second term only: the first needs it, too.",
        ),
        "the other divided": Wrong(
            lambda start, end, t: _divided(start, end, t, True, False),
            "You divide by sin(angle) in the first term only: the second needs it, too.",
        ),
        "straight": Wrong(
            _straight,
            "Yours is the straight line: it is right at both ends and too near to 0 between them.",
        ),
        "straight, then rescaled": Wrong(
            _straight_rescaled,
            "Yours walks the straight line and is rescaled then: the angle does not grow evenly.",
        ),
        "cosine for angle": Wrong(
            lambda start, end, t: _with_angle(start, end, t, lambda cosine: cosine),
            "You take the cosine for the angle: the angle is its acos.",
        ),
        "half the angle": Wrong(
            lambda start, end, t: _with_angle(start, end, t, lambda c: paddle.acos(c) / 2),
            "Your angle is half of the right one.",
        ),
        "angle outside": Wrong(
            _angle_outside,
            "The angle belongs inside the sine, sin(t ω), not outside, sin(t) ω.",
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
        "t is no column": Wrong(
            lambda start, end, t: _no_column(start, end, t, lambda share, code: share * code),
            "t has the shape [T]: make it a column, `t.unsqueeze(1)`, which times a code [L] gives "
            "[T, L].",
        ),
        "t is no column, code first": Wrong(
            lambda start, end, t: _no_column(start, end, t, lambda share, code: code * share),
            "t has the shape [T]: make it a column, `t.unsqueeze(1)`, which times a code [L] gives "
            "[T, L].",
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
    purpose="Compare with what differs in one thing only.",
    minutes=3,
    statement="""
    Is the middle of a walk between two codes more than both pictures laid over one another? The
    picture in the middle comes out of the decoder. Which picture do you hold beside it?
    """,
    choices={
        "a": "the cross-fade of the two test images, pixel by pixel",
        "b": "the cross-fade of the two reconstructions, pixel by pixel",
        "c": "the test image that is nearest to it",
    },
    right="b",
    replies={
        "a": "It differs from the middle of the walk in two things: the way, and that it never "
        "passed through the decoder, which changes every picture.",
        "c": "It may say whether the picture looks like a digit. Both pictures laid over one another "
        "may look like one, too.",
    },
    hints=("Both pictures should have gone through the same, but for the way between the ends.",),
    reason="Ends and decoder are the same then, so what differs is the way's doing.",
)

past_the_end = Choose(
    "predict",
    purpose="Find out where the decoder still knows what to draw.",
    minutes=4,
    statement="""
    Walk on past both ends, half of the way each. No image has its code there on purpose. Which digit
    is read? Answer first, then run this in a cell of your own. It prints how often a picture is read
    as the digit at the nearer end, before the start and beyond the end:

    ```python
    t = paddle.to_tensor([-0.5, 0.0, 1.0, 1.5]).reshape([1, 4, 1])
    beyond = ((1 - t) * a.unsqueeze(1) + t * b.unsqueeze(1)).flatten(0, 1)
    names = read(model.decode(beyond)).reshape(-1, 4)
    print((names[:, 0] == names[:, 1]).mean(), (names[:, 3] == names[:, 2]).mean())
    ```
    """,
    choices={
        "a": "hardly ever that of the nearer end: the pictures fall apart",
        "b": "that of the nearer end in about half of the cases",
        "c": "nearly always that of the nearer end",
    },
    right="c",
    replies={
        "a": "The classifier still reads the digit of the nearer end: in 97 to 99 of 100 pictures, in three "
        "sets of 200 pairs.",
        "b": "It is far more: 97 to 99 of 100 pictures, in three sets of 200 pairs.",
    },
    hints=("What did the length of a code do to its picture, and what its direction?",),
    reason="In three sets of 200 pairs the right digit was read in 97 to 99 % of the pictures beyond "
    "the ends, and in 99 % of those at the ends.",
)

mixed_company = Choose(
    "predict",
    purpose="Know when looking at a model in train mode does harm.",
    minutes=4,
    statement="""
    Looking at twenty batches of ones has spoiled the model. Look at twenty **mixed** batches in
    `train` mode. What does the loss on 500 test images do? Answer first, then run this in a cell of
    your own:

    ```python
    spoiled = recipes.load("conv_vae_100d")
    spoiled.train()
    for row in range(0, 640, 32):
        spoiled(images[row : row + 32])
    spoiled.eval()
    print(before.total, metrics.evaluate(spoiled, few, **recipe.objective).total)
    ```
    """,
    choices={
        "a": "it rises about as much as with the ones",
        "b": "it hardly changes",
        "c": "it falls, since the averages are newer",
    },
    right="b",
    replies={
        "a": "It rose by less than 0.1 for each of three choices of test images, and by 5 to 12 with ones.",
        "c": "It rose, but by less than 0.1, for each of three choices of test images: the old averages "
        "were gathered over many batches, the new ones over twenty.",
    },
    hints=("The running averages go to those of the batches seen. Whose averages are they now?",),
    reason="Mixed batches have nearly the averages that training has gathered: for three choices of "
    "test images the loss rose by less than 0.1, with ones by 5 to 12.",
)
