"""Exercises of notebook 01: the loss, the control, the hole in the plane."""

from exercises import Choose, Write, Wrong

import paddle


def squared_error(image, target):
    """Squared error summed over the pixels of each image: [N, 1, H, W] twice -> [N]."""
    return ((image - target) ** 2).flatten(1).sum(1)


def _pictures():
    paddle.seed(0)
    one, other = paddle.randn([3, 1, 4, 4]), paddle.randn([3, 1, 4, 4])
    return [
        ("where the images are equal", (one, one.clone())),
        ("where all pixels differ by 1", (one, one + 1)),
        ("where all pixels differ by -2", (one, one - 2)),
        ("with random images", (one, other)),
        ("with a batch of one", (one[:1], other[:1])),
        (
            "with images of 2 x 5 pixels",
            (one[:, :, :2].tile([1, 1, 1, 2])[..., :5], paddle.randn([3, 1, 2, 5])),
        ),
    ]


squared_error = Write(
    squared_error,
    purpose="Settle once what is summed and what is not.",
    minutes=5,
    statement="""
    Write the loss of this notebook for a batch, that is, several images at once: the squared error,
    summed over the pixels, one number for each image.
    """,
    cases=_pictures,
    gradients=("image",),
    hints=(
        "What must come out where every one of 16 pixels differs by 1?",
        "`flatten(1)` makes one row of each image; `sum(1)` adds up along the rows.",
    ),
    wrong={
        "mean over pixels": Wrong(
            lambda image, target: ((image - target) ** 2).flatten(1).mean(1),
            "Yours is the mean over the pixels. Here it is their sum, which is larger by as many "
            "times as there are pixels.",
        ),
        "sum over everything": Wrong(
            lambda image, target: ((image - target) ** 2).sum(),
            "You have added up the images as well: keep the first axis.",
        ),
        "average over the batch": Wrong(
            lambda image, target: ((image - target) ** 2).flatten(1).sum(1).mean(),
            "The average over the batch comes later: here, one number for each image is asked.",
        ),
        "mean over everything": Wrong(
            lambda image, target: ((image - target) ** 2).mean(),
            "Yours is the mean over pixels and images, as Paddle's losses take it unless they get "
            'reduction="none": sum over the pixels, and keep the images.',
        ),
        "absolute": Wrong(
            lambda image, target: (image - target).abs().flatten(1).sum(1),
            "You have added up the sizes of the differences: square them first.",
        ),
        "square of the sum": Wrong(
            lambda image, target: (image - target).flatten(1).sum(1) ** 2,
            "You square after you add: then a pixel that is too bright makes up for one that is "
            "too dark. Square each difference first.",
        ),
        "root": Wrong(
            lambda image, target: ((image - target) ** 2).flatten(1).sum(1).sqrt(),
            "Yours is the distance: leave out the root.",
        ),
        "channel left": Wrong(
            lambda image, target: ((image - target) ** 2).sum([2, 3]),
            "The channel's axis is left, [N, 1]: sum over it, too.",
        ),
        "mean times 784": Wrong(
            lambda image, target: 784 * ((image - target) ** 2).flatten(1).mean(1),
            "You take the mean and multiply by 784, which is right for images of 784 pixels only: "
            "sum.",
        ),
        "difference of squares": Wrong(
            lambda image, target: (image**2 - target**2).flatten(1).sum(1),
            "You square the two images: square their difference.",
        ),
        "half": Wrong(
            lambda image, target: 0.5 * ((image - target) ** 2).flatten(1).sum(1),
            "Yours is half of it: this course has no 1/2 in front of the squared error.",
        ),
    },
    reason="16 pixels that differ by 1 cost 16. Notebook 2 shows why it must be a sum.",
)

blind = Choose(
    "predict",
    purpose="Know what a model scores that does not look, before you praise one that does.",
    minutes=3,
    statement="""
    A model answers every image with one and the same picture. Which picture gives the lowest
    squared error, on average over the training images?
    """,
    choices={
        "a": "all black, since most pixels are black",
        "d": "the average of all training images",
        "c": "the training image that is nearest to all others",
        "b": "grey everywhere",
    },
    right="d",
    replies={
        "a": "Black is right for most pixels, and very wrong for the others. The square punishes that.",
        "c": "It is sharp, but its strokes stand where few other images have theirs.",
        "b": "That is wrong for nearly every pixel. Think of one pixel: which number has the smallest "
        "mean squared distance to many numbers?",
    },
    hints=(
        "Look at a single pixel. Which number has the smallest mean squared distance to given ones?",
    ),
    reason="For each pixel, the mean of the values is the number with the smallest mean squared "
    "distance to them.",
)

on_its_side = Choose(
    "predict",
    purpose="Say what a decoder can draw, whatever is put in.",
    minutes=4,
    statement="""
    The trained network is shown digits that lie on their side, such as it has never seen:

    ```python
    plots.grid(model(data.scale(swapped_test.images[:20])).image, 20)
    plt.show()
    ```

    What does it draw?
    """,
    choices={
        "a": "the digits as they are shown, on their side",
        "b": "the digits that they are, upright",
        "c": "mostly upright digits or smudges, and mostly other digits than those shown",
        "d": "the same picture every time",
    },
    right="c",
    replies={
        "a": "It has two numbers to say what it sees, and a decoder that has only ever drawn upright "
        "digits.",
        "b": "The encoder has never seen such a picture. In three samples of 1,000, only 18 to 20 % came "
        "back as the digit that they are.",
        "d": "Its code still depends on what is put in.",
    },
    hints=("What comes out is always a picture of the decoded plane.",),
    reason="In three samples of 1,000 such digits 98 % came back nearer to an upright training image than "
    "to one on its side, and 18 to 20 % as the digit that they are. A decoder can only draw what lies "
    "in its own plane.",
)

holes = Choose(
    "explain",
    purpose="Say what the training asked for, and what it did not.",
    minutes=3,
    statement="""
    Take a point of the plane that is far from the codes of all training images. Which part of the
    training is responsible for what the decoder draws there?
    """,
    choices={
        "a": "the squared error, which is too large there",
        "c": "none: no image was sent there, so nothing in the loss depends on it",
        "b": "the number of epochs, which was too small",
    },
    right="c",
    replies={
        "a": "The squared error is measured at the codes of images only. There are none here.",
        "b": "More epochs lower the loss at the codes of images. What would they change elsewhere?",
    },
    reason="The loss sees the decoder at the codes of the training images only. Notebook 2 changes that.",
)

ten_numbers = Choose(
    "predict",
    purpose="Keep apart what a larger code mends, and what it does not.",
    minutes=6,
    statement="""
    Give the code ten numbers in place of two, and train as `first` was trained:

    ```python
    paddle.seed(0)
    ten = Autoencoder(Encoder(latent_dim=10, variational=False), Decoder(latent_dim=10))
    fit(ten, part, epochs=1, beta1=0.5, test=test)
    print(classifier.accuracy(judge, ten(images[some]).image, test.labels[some]))
    plots.grid(ten.decode(paddle.randn([60, 10])), 20)
    plt.show()
    ```

    What becomes better, the reconstructions of test images or the pictures of N(0, I)?
    """,
    choices={
        "a": "both: ten numbers say more than two",
        "b": "the reconstructions; the draws still decode to few or to no digits",
        "c": "the draws; the reconstructions stay as they are",
        "d": "neither, since there are only 20,000 images",
    },
    right="b",
    replies={
        "a": "Look at the draws. Nothing in the loss asks for them, and in three runs of three they came out "
        "far from all digits.",
        "c": "The loss asks for reconstructions, and nothing in it asks for the draws.",
        "d": "Compare the loss with that of `first`, from the same images.",
    },
    hints=("What in the loss has changed that speaks of N(0, I)?",),
    reason="Over three seeds the loss was 89 to 95, and 76 to 81 % of the reconstructions were the right "
    "digit. But the draws lay at a distance of 0.75 to 0.80 from the nearest of 20,000 training images, "
    "the reconstructions at 0.29 to 0.30: nobody told the codes where to lie.",
)
