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
        ("on pixels from -1 to 1", (2 * paddle.rand([2, 1, 6, 3]) - 1,)),
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
        "round the edge": Wrong(
            lambda image: (image - image.roll(1, 3)).abs().flatten(1).mean(1),
            "You compare the last pixel of a row with the first: it has no right neighbour, so a row "
            "has W - 1 pairs.",
        ),
        "sizes of pixels": Wrong(
            lambda image: (image[..., 1:].abs() - image[..., :-1].abs()).abs().flatten(1).mean(1),
            "You take the sizes of the pixels before the difference: the size of the step is asked.",
        ),
        "root of mean square": Wrong(
            lambda image: ((image[..., 1:] - image[..., :-1]) ** 2).flatten(1).mean(1).sqrt(),
            "Yours is the root of the mean square: the mean size is asked.",
        ),
        "two apart": Wrong(
            lambda image: (image[..., 2:] - image[..., :-2]).abs().flatten(1).mean(1),
            "You compare pixels that are two apart: the right neighbour is the next one.",
        ),
        "mean before size": Wrong(
            lambda image: (image[..., 1:] - image[..., :-1]).mean(3).abs().flatten(1).mean(1),
            "Your steps up and down cancel within a row: take the size of each before the mean.",
        ),
        "brighter only": Wrong(
            lambda image: (image[..., 1:] - image[..., :-1]).clip(0).flatten(1).mean(1),
            "You count steps up only: a step down counts as much.",
        ),
        "over the end of a row": Wrong(
            lambda image: (image.flatten(1)[:, 1:] - image.flatten(1)[:, :-1]).abs().mean(1),
            "You compare the last pixel of a row with the first of the next: it has no right "
            "neighbour.",
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

nearer_to_zero = Choose(
    "predict",
    purpose="Ask what a gain in one measure costs in the others.",
    minutes=4,
    statement="""
    Random pictures are often "improved" by drawing nearer to 0. Take the same draws times 0.7, and
    decode. What changes? Answer first, then run this in a cell of your own:

    ```python
    judged("z", model.decode(normal))
    judged("0.7 z", model.decode(0.7 * normal))
    ```
    """,
    choices={
        "a": "everything for the better: nearer to training images, sharper, and the neighbours agree more",
        "b": "nothing: the decoder is the same",
        "c": "nearer to training images, but less sharp, and the neighbours agree less",
    },
    right="c",
    replies={
        "a": "The distance falls, from 0.14 to 0.13 with three sets of draws. The step from pixel to "
        "pixel falls, too, and so does the agreement.",
        "b": "The decoder is asked at other places. With three sets of draws all three measures changed.",
    },
    hints=("What did the code 0 look like: sharp or soft, and of which class?",),
    reason="With three sets of draws the distance fell from 0.14 to 0.13, the step from 0.048 to 0.040 and "
    "the agreement from 0.70 to 0.65. Soft pictures are nearer to everything, so this is no gain.",
)

fewer_images = Choose(
    "predict",
    purpose="See what overfitting looks like when it is there.",
    minutes=5,
    statement="""
    Train the same network with **100** images instead of 500. What does the loss on the test images
    do in 80 epochs? Answer first, then run this in a cell of your own:

    ```python
    paddle.seed(0)
    hundred = VAE(MLPEncoder(10, (128,)), MLPDecoder(10, (128,), logits=True))
    curves = fit(hundred, train[known[:100]], epochs=80, test=test[mixed[:1000]], **how)
    plt.plot(curves.epochs[:, 0], label="100 training images")
    plt.plot(curves.test[:, 0], label="test images")
    plt.ylim(230, 400)
    plt.legend()
    ```
    """,
    choices={
        "a": "it falls at first and rises in the end, while that of the training images falls on",
        "b": "it falls and flattens, more than twice as far above that of the training images",
        "c": "it ends where it ends with 500 images, since the network is the same",
    },
    right="b",
    replies={
        "a": "So it often goes, but not here in 80 epochs: with three sets of images it ended "
        "at most 0.5 above its lowest value.",
        "c": "With three sets of images it ended 31 to 33 higher than with 500.",
    },
    reason="With three sets of images it ended 31 to 41 above the loss of the training images, with 500 of "
    "them 11 to 20; and at most 0.5 above its lowest value.",
)
