"""Exercises of notebook 05: many images, and the decoder that would be best."""

from exercises import Choose, Write, Wrong

import paddle


def smoother(z, mean, std, images):
    """The best image at each z: [M, L], means and stds [N, L], images [N, P] -> [M, P].

    The average of all images, each weighted by the density of its cloud N(mean, std^2) at z.
    """
    gap = (z.unsqueeze(1) - mean) / std  # [M, N, L]
    log_density = (-0.5 * gap**2 - paddle.log(std)).sum(2)  # [M, N]
    return paddle.nn.functional.softmax(log_density, 1) @ images


def _clouds():
    paddle.seed(0)
    mean, images = paddle.randn([4, 2]), paddle.rand([4, 6])
    z, std = paddle.randn([3, 2]), paddle.full([4, 2], 0.5)
    uneven = paddle.to_tensor([[0.2, 0.5], [1.0, 0.3], [0.5, 0.5], [2.0, 1.5]])
    return [
        ("with one image only", (z, mean[:1], std[:1], images[:1])),
        ("with four equal clouds", (z, mean, std, images)),
        ("with narrow clouds, at their means", (mean, mean, 0.05 * std, images)),
        ("with four different clouds", (z, mean, uneven, images)),
        ("at one point", (z[:1], mean, uneven, images)),
        # One point: where Paddle takes exp in blocks of eight, it does not underflow to 0.
        ("far from all clouds", (600 * z[:1], mean, uneven, images)),
        ("in a very narrow cloud, and far away", (*_narrow_and_far(), images[:3])),
        ("with three dimensions", (paddle.randn([5, 3]), *_three(), images)),
        ("with clouds of very different widths", (mean[:3], mean, uneven**3, images)),
    ]


def _narrow_and_far():
    """Two points whose densities are 1e16 and 1e-32: each a number, but not their ratio."""
    z = paddle.to_tensor([[5.0, 5.0], [-8.5, -8.5]])
    mean = paddle.to_tensor([[5.0, 5.0], [0.0, 0.0], [1.0, 0.0]])
    return z, mean, paddle.to_tensor([[1e-8, 1e-8], [1.0, 1.0], [0.5, 0.5]])


def _three():
    return paddle.randn([4, 3]), 0.3 + paddle.rand([4, 3])


def _one_maximum(z, mean, std, images):
    log_density = (-0.5 * ((z.unsqueeze(1) - mean) / std) ** 2 - paddle.log(std)).sum(2)
    density = (log_density - log_density.max()).exp()
    return density / density.sum(1, keepdim=True) @ images


def _weighted(z, mean, std, images, half=0.5, log_std=1.0, root=False):
    gap = ((z.unsqueeze(1) - mean) / std) ** 2
    log_density = (-half * gap - log_std * paddle.log(std)).sum(2)
    return paddle.nn.functional.softmax(-gap.sum(2).sqrt() if root else log_density, 1) @ images


def _density(z, mean, std):
    gap = (z.unsqueeze(1) - mean) / std
    return paddle.exp(-0.5 * gap**2).prod(2) / std.prod(1)


def _by_densities(z, mean, std, images):
    density = _density(z, mean, std)
    return density @ images / density.sum(1, keepdim=True)


smoother = Write(
    smoother,
    purpose="Write the decoder that is best on its own images, and see what it can never draw.",
    minutes=12,
    statement="""
    Each training image has a cloud N(mean, std²), with a std for each axis. Write what the best
    decoder draws at z: the average of the images, each with the share that its cloud has in the
    density at z. It must stay finite far from all clouds.
    """,
    cases=_clouds,
    gradients=("z",),
    hints=(
        "The logarithm of a normal density on one axis is -0.5 ((z - mean) / std)^2 - log std, "
        "and a constant.",
        "Shares that add up to 1 from logarithms: a softmax over the images.",
    ),
    wrong={
        "no log std": Wrong(
            lambda z, mean, std, images: _weighted(z, mean, std, images, log_std=0.0),
            "It is right only where all clouds have the same std: a wide cloud is lower at its "
            "middle. The term -log std is missing.",
        ),
        "no half": Wrong(
            lambda z, mean, std, images: _weighted(z, mean, std, images, half=1.0),
            "Your clouds are too narrow: the 1/2 before the square is missing.",
        ),
        "not squared": Wrong(
            lambda z, mean, std, images: _weighted(z, mean, std, images, root=True),
            "A normal density falls with the squared distance.",
        ),
        "densities": Wrong(
            _by_densities,
            "Far away all densities become 0, and 0 / 0 is no number: use a softmax of logarithms.",
        ),
        "one maximum for all": Wrong(
            _one_maximum,
            "You take one maximum from all points, and the others underflow: each has its own, "
            "`.max(1, keepdim=True)`.",
        ),
        "softmax of densities": Wrong(
            lambda z, mean, std, images: (
                paddle.nn.functional.softmax(_density(z, mean, std), 1) @ images
            ),
            "You apply exp twice: softmax does it already, so give it the logarithms of the densities.",
        ),
        "mean over dimensions, no half": Wrong(
            lambda z, mean, std, images: (
                paddle.nn.functional.softmax(
                    -(((z.unsqueeze(1) - mean) / std) ** 2).mean(2) - paddle.log(std).sum(1), 1
                )
                @ images
            ),
            "You take the mean of the squares over the dimensions: -1/2 of their sum is asked.",
        ),
        "mean over dimensions": Wrong(
            lambda z, mean, std, images: (
                paddle.nn.functional.softmax(
                    (-0.5 * ((z.unsqueeze(1) - mean) / std) ** 2 - paddle.log(std)).mean(2), 1
                )
                @ images
            ),
            "You take the mean over the dimensions: logarithms of densities add up.",
        ),
        "log std added": Wrong(
            lambda z, mean, std, images: _weighted(z, mean, std, images, log_std=-1.0),
            "You add log std: subtract it, since a wide cloud is lower at its middle.",
        ),
        "half of log std": Wrong(
            lambda z, mean, std, images: _weighted(z, mean, std, images, log_std=0.5),
            "Your log std is halved: 1/2 stands before the square only.",
        ),
        "plain average": Wrong(
            lambda z, mean, std, images: images.mean(0, keepdim=True).expand([z.shape[0], -1]),
            "Yours is the plain average: it does not look at z.",
        ),
        "wrong axis": Wrong(
            lambda z, mean, std, images: (
                paddle.nn.functional.softmax(
                    (-0.5 * ((z.unsqueeze(1) - mean) / std) ** 2 - paddle.log(std)).sum(2), 0
                )
                @ images
            ),
            "Your shares add up to 1 over the points z: they must over the images, softmax(..., 1).",
        ),
    },
    reason="Everything that it draws is an average of training images: it can never draw a stroke "
    "that none of them has.",
)

memory = Choose(
    "diagnose",
    purpose="Recognize overfitting where you meet it.",
    minutes=3,
    statement="""
    The loss on the training images falls from epoch to epoch. The loss on other images falls, too,
    and from the tenth epoch on it rises. What is this, and what do you do?
    """,
    choices={
        "a": "the learning rate is too high: lower it",
        "d": "overfitting: stop where the loss on images outside the training is lowest, or take more images",
        "c": "posterior collapse: lower the KL weight",
        "b": "nothing: train until the training loss stops falling",
    },
    right="d",
    replies={
        "a": "Then the training loss would not fall so evenly.",
        "c": "In a collapse, KL goes to 0 and both losses stay near that of the average image.",
        "b": "Then you choose the model that knows its training images best and others worst.",
    },
    reason="The images by which you choose the epoch must be neither training nor test images.",
)

when_to_stop = Choose(
    "predict",
    purpose="Know how the time to stop depends on the number of images.",
    minutes=4,
    statement="""
    With 100 images the validation loss was lowest after 400 of 2,000 steps. Train the same network
    for as many steps on 1,000 images: `watched(0, n=1000)[:, :, 0]` holds the losses on training,
    validation and test images after every 100 steps, a row each. When is the validation loss
    lowest, and what does it cost to go on to the end?
    """,
    choices={
        "a": "after 400 steps again: it is the number of steps that counts",
        "b": "earlier: with more images there is more to learn by heart",
        "c": "later, and to go on costs less than it does with 100 images",
    },
    right="c",
    replies={
        "a": "Each of the 1,000 images is seen a tenth as often in 400 steps. With three seeds it was "
        "lowest after 1,100 steps or later.",
        "b": "More images are harder to learn by heart, and what fits all of them also fits new ones "
        "better. With three seeds it was lowest after 1,100 steps or later.",
    },
    reason="With three seeds it was lowest after 1,100, 1,700 and 1,900 steps, and 0.1 to 0.3 higher at "
    "the end; with 100 images it was about 5 higher.",
)
