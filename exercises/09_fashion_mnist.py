"""Exercises of notebook 09: clothes, sharpness, and who can tell."""

from exercises import Choose, Write, Wrong

import paddle


def sharpness(image):
    """Mean size of the step from a pixel to its right neighbour: [N, 1, H, W] -> [N]."""
    return (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().flatten(1).mean(1)


def _edges():
    paddle.seed(0)
    stripes = paddle.to_tensor([[0.0, 1.0, 0.0, 1.0]] * 4).reshape([1, 1, 4, 4])
    ramp = paddle.to_tensor([[0.0, 0.25, 0.5, 0.75]] * 4).reshape([1, 1, 4, 4])
    return [
        ("on a grey image", (paddle.full([2, 1, 4, 4], 0.5),)),
        ("on upright stripes", (stripes,)),
        ("on lying stripes", (stripes.transpose([0, 1, 3, 2]),)),
        ("on a ramp that gets brighter", (ramp,)),
        ("on a ramp that gets darker", (1 - ramp,)),
        ("on random images", (paddle.rand([3, 1, 5, 6]),)),
    ]


sharpness = Write(
    sharpness,
    purpose="Measure blur with one line, and know what the line measures.",
    minutes=6,
    statement="""
    Write how sharp an image is from left to right: the size of the difference of two neighbouring
    pixels in a row, averaged over all such pairs, one number for each image.
    """,
    cases=_edges,
    gradients=(),
    hints=(
        "All pixels but the first column, minus all but the last: `image[:, :, :, 1:]`, ...",
        "A step down counts as much as a step up.",
    ),
    wrong={
        "no size": Wrong(
            lambda image: (image[:, :, :, 1:] - image[:, :, :, :-1]).flatten(1).mean(1),
            "Your steps up and down cancel: take the size of each.",
        ),
        "down": Wrong(
            lambda image: (image[:, :, 1:] - image[:, :, :-1]).abs().flatten(1).mean(1),
            "Yours goes from row to row: neighbours in a row differ in the last axis.",
        ),
        "squared": Wrong(
            lambda image: ((image[:, :, :, 1:] - image[:, :, :, :-1]) ** 2).flatten(1).mean(1),
            "You have squared the steps: their size is asked.",
        ),
        "sum": Wrong(
            lambda image: (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().flatten(1).sum(1),
            "Yours is the sum: an image with more pixels would be sharper. Take the mean.",
        ),
        "all pixels": Wrong(
            lambda image: (
                (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().sum([1, 2, 3])
                / (image.shape[2] * image.shape[3])
            ),
            "You divide by the number of pixels: there is one pair fewer in each row.",
        ),
        "over the batch": Wrong(
            lambda image: (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().mean(),
            "Yours is one number for the batch: one for each image is asked.",
        ),
    },
    reason="It sees upright edges only: an image of lying stripes scores 0.",
)

given_or_drawn = Choose(
    "explain",
    purpose="Find out where a difference comes from by what is the same.",
    minutes=4,
    statement="""
    Reconstructions look better than random samples. Both come out of the **same** decoder. What must
    differ?
    """,
    choices={
        "a": "the weights of the decoder",
        "c": "the codes: random ones do not lie where codes of images lie",
        "b": "the squared error, which is only computed for reconstructions",
    },
    right="c",
    replies={
        "a": "It is one decoder with one set of weights.",
        "b": "Nothing is trained any more while pictures are drawn.",
    },
    reason="Only what goes in differs. The notebook measures by how much.",
)

same_start = Choose(
    "diagnose",
    purpose="Compare two training runs only where they are comparable.",
    minutes=3,
    statement="""
    You compare your model after one epoch with a published picture "after one epoch". Yours is much
    worse; after 100 epochs yours is better. Your learning rate rises slowly in the first third of
    the training; theirs is constant. What do you conclude from the first epoch?
    """,
    choices={
        "b": "your network is worse at first and better later",
        "a": "nothing: after one epoch the two have gone different distances",
        "c": "their picture is faked",
    },
    right="a",
    replies={
        "b": "The networks may be equal: only the schedules are known to differ.",
        "c": "There is a simpler explanation.",
    },
    reason="Compare at the end of both schedules, or give both the same schedule.",
)
