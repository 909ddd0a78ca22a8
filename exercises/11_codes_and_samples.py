"""Exercises of notebook 11: what codes know, what samples are worth."""

from exercises import Choose, Write, Wrong

import numpy as np
import paddle


def active_units(mean, threshold):
    """How many latent dimensions are used: means of q(z|x) [N, L] -> a number.

    A dimension is active where the variance of its means over the images is above the threshold.
    """
    variance = ((mean - mean.mean(0)) ** 2).mean(0)  # [L]
    return (variance > threshold).sum()


def _variance(mean, axis):
    # not mean.var(): Paddle 3.3 remarks on stderr that it promotes a type
    return ((mean - mean.mean(axis, keepdim=True)) ** 2).mean(axis)


def _with_variances(shares, threshold):
    """Means whose variances are these shares of the threshold."""
    mean = paddle.randn([300, 4])
    mean = (mean - mean.mean(0)) / _variance(mean, 0) ** 0.5
    return mean * (threshold * paddle.to_tensor(shares)) ** 0.5


def _means():
    paddle.seed(0)
    scale = paddle.to_tensor([1.0, 0.3, 0.12, 0.05, 0.0])
    mean = paddle.randn([500, 5]) * scale
    return [
        ("where two dimensions vary much", (mean, 0.05)),
        ("at the usual threshold", (mean, 0.01)),
        ("with means far from 0", (mean + 3, 0.01)),
        ("where nothing varies", (paddle.ones([50, 4]), 0.01)),
        ("where all vary", (paddle.randn([200, 7]), 0.01)),
        (
            "with variances just below and above the threshold",
            (_with_variances([0.9, 1.1, 0.9, 1.1], 0.02), 0.02),
        ),
        ("with very different variances", (_with_variances([0.002, 0.4, 0.6, 3.0], 0.05), 0.05)),
    ]


active_units = Write(
    active_units,
    purpose="Count what a code of fifty numbers really uses.",
    minutes=5,
    statement="""
    Write how many latent dimensions a VAE uses, after Burda et al. 2016: those whose mean varies
    from image to image with a variance above a threshold.
    """,
    cases=_means,
    hints=("A variance is the mean squared distance from the mean, here over the images: axis 0.",),
    wrong={
        "std": Wrong(
            lambda mean, threshold: (_variance(mean, 0) ** 0.5 > threshold).sum(),
            "You compare the standard deviation: the threshold is one for the variance.",
        ),
        "mask": Wrong(
            lambda mean, threshold: _variance(mean, 0) > threshold,
            "Yours says of each dimension whether it is active: count them, `.sum()`.",
        ),
        "squares": Wrong(
            lambda mean, threshold: ((mean**2).mean(0) > threshold).sum(),
            "A mean that is far from 0, but the same for all images, says nothing: subtract the average.",
        ),
        "size": Wrong(
            lambda mean, threshold: (mean.abs().mean(0) > threshold).sum(),
            "You compare how far the means lie from 0: what counts is how they vary.",
        ),
        "inactive": Wrong(
            lambda mean, threshold: (_variance(mean, 0) <= threshold).sum(),
            "You have counted the dimensions that are not used.",
        ),
        "steps": Wrong(
            lambda mean, threshold: (((mean[1:] - mean[:-1]) ** 2).mean(0) > threshold).sum(),
            "You compare each image with the next: a variance is around the mean of all.",
        ),
        "share of the variance": Wrong(
            lambda mean, threshold: (
                _variance(mean, 0) / _variance(mean, 0).sum() > threshold
            ).sum(),
            "You compare each variance's share of the total: compare the variance itself.",
        ),
        "range": Wrong(
            lambda mean, threshold: (mean.max(0) - mean.min(0) > threshold).sum(),
            "You compare the range, largest minus smallest: the threshold is one for the variance.",
        ),
        "sum of squares": Wrong(
            lambda mean, threshold: (_variance(mean, 0) * mean.shape[0] > threshold).sum(),
            "You add up the squared distances: a variance is their mean.",
        ),
        "wrong axis": Wrong(
            lambda mean, threshold: (_variance(mean, 1) > threshold).sum(),
            "You take the variance over the dimensions of an image: the images are the first.",
        ),
        "wrong axis, divided by N - 1": Wrong(
            lambda mean, threshold: (
                _variance(mean, 1) * (mean.shape[1] / (mean.shape[1] - 1)) > threshold
            ).sum(),
            "You take the variance over the dimensions of an image: the images are the first.",
        ),
        "share": Wrong(
            lambda mean, threshold: (_variance(mean, 0) > threshold).astype("float32").mean(),
            "Yours is their share: the number is asked.",
        ),
    },
    reason="The threshold of 0.01 is a convention: look at the sorted variances, too.",
)


def majority(distances, labels, k):
    """kNN: distances [M, N], labels int [N] in 0..9 -> the majority of the k nearest [M].

    Of several that are as frequent, the smallest.
    """
    nearest = paddle.argsort(distances, 1)[:, :k]  # [M, k]
    votes = paddle.nn.functional.one_hot(labels[nearest.flatten()], 10)
    return votes.reshape([-1, k, 10]).sum(1).argmax(1)


def _distances():
    paddle.seed(0)
    labels = paddle.to_tensor([3, 1, 7, 7, 7, 1, 0, 9])
    near = paddle.to_tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]])
    return [
        ("with k = 1", (near, labels, 1)),
        ("with k = 3", (near, labels, 3)),
        ("with k = 5", (near, labels, 5)),
        ("with k = 5 and random distances", (paddle.rand([20, 8]), labels, 5)),
        ("with the farthest first", (near.flip(1), labels, 3)),
        ("with k = 2, where the nearest two differ", (near, labels, 2)),
        (
            "with k = 4 of twelve codes",
            (paddle.rand([15, 12]), paddle.to_tensor([8, 2, 2, 5, 8, 0, 5, 5, 9, 8, 2, 4]), 4),
        ),
    ]


def _counted(distances, labels, k, pick):
    """The answer of `pick`, which gets the labels and the distances of the k nearest."""
    order = paddle.argsort(distances, 1).numpy()[:, :k]
    rows = zip(labels.numpy()[order], np.take_along_axis(distances.numpy(), order, 1), strict=True)
    return paddle.to_tensor([int(pick(*row)) for row in rows])


def _first_of_most(labels, _):
    counts = np.bincount(labels, minlength=10)[labels]
    return labels[counts.argmax()]


def _voted(distances, labels, k, descending=False, skip=0):
    nearest = paddle.argsort(distances, 1, descending=descending)[:, skip : skip + k]
    votes = paddle.nn.functional.one_hot(labels[nearest.flatten()], 10)
    return votes.reshape([-1, k, 10]).sum(1).argmax(1)


majority = Write(
    majority,
    purpose="Measure how well classes are separated, with the simplest classifier there is.",
    minutes=8,
    statement="""
    For each of M codes you are given its distances to N labelled codes. Write the majority vote of
    its k nearest. Where two labels have as many votes, the smaller label wins.
    """,
    cases=_distances,
    hints=(
        "`paddle.argsort(distances, 1)` sorts each row, the nearest first.",
        "Votes: one_hot of the labels of the k nearest, summed over the k.",
        "`argmax` takes the first of several that are equally large.",
    ),
    wrong={
        "nearest only": Wrong(
            lambda distances, labels, k: _voted(distances, labels, 1),
            "Yours is the label of the nearest one, whatever k is.",
        ),
        "farthest": Wrong(
            lambda distances, labels, k: _voted(distances, labels, k, descending=True),
            "You let the farthest vote: sort upwards.",
        ),
        "nearest left out": Wrong(
            lambda distances, labels, k: _voted(distances, labels, k, skip=1),
            "You leave out the nearest, as if it were the asked one itself: here no code is.",
        ),
        "the larger wins": Wrong(
            lambda distances, labels, k: 9 - _voted(distances, 9 - labels, k),
            "Where two labels have as many votes, yours takes the larger: the smaller one wins.",
        ),
        "all vote": Wrong(
            lambda distances, labels, k: _voted(distances, labels, labels.shape[0]),
            "You let all N vote: only the k nearest have a vote.",
        ),
        "nearest of a tie": Wrong(
            lambda distances, labels, k: _counted(distances, labels, k, _first_of_most),
            "Where two labels have as many votes, yours takes that of the nearer code: the smaller "
            "label wins.",
        ),
        "weighted": Wrong(
            lambda distances, labels, k: _counted(
                distances, labels, k, lambda y, d: np.bincount(y, 1 / (d + 1e-8), 10).argmax()
            ),
            "You weight the votes by the distance: each of the k nearest has one vote.",
        ),
        "median": Wrong(
            lambda distances, labels, k: _counted(
                distances, labels, k, lambda y, _: int(np.median(y))
            ),
            "Yours is the median of the labels: the most frequent one is asked.",
        ),
        "places counted": Wrong(
            lambda distances, labels, k: _counted(
                distances, paddle.arange(labels.shape[0]), k, lambda y, _: np.bincount(y).argmax()
            ),
            "You count the places of the nearest in the list: look up their labels first.",
        ),
        "mean label": Wrong(
            lambda distances, labels, k: (
                labels[paddle.argsort(distances, 1)[:, :k].flatten()]
                .reshape([-1, k])
                .astype("float32")
                .mean(1)
                .round()
                .astype("int64")
            ),
            "Yours is the mean of the labels: between a 3 and a 7 lies no 5. Count votes.",
        ),
        "indices": Wrong(
            lambda distances, labels, k: paddle.argsort(distances, 1)[:, 0],
            "Yours is a place in the list, not its label.",
        ),
    },
    reason="With k = 1 it is the label of the nearest; with k = N the most frequent label of all.",
)

two_numbers = Choose(
    "diagnose",
    purpose="Compare with a published number only what may be compared.",
    minutes=3,
    statement="""
    Your VAE has a Frechet distance of 3.1, from features of your own classifier of digits. A paper
    reports an FID of 12.4 on the same images. What may you say?
    """,
    choices={
        "a": "your samples are better",
        "c": "nothing about which is better: the features differ, so the scales do",
        "b": "your samples are four times as good",
    },
    right="c",
    replies={
        "a": "Multiply all features by 10: the distance changes by 100, and the samples do not.",
        "b": "Only the zero, for equal distributions, is common to both scales: their units differ.",
    },
    reason="A Frechet distance may be compared only with the same features, and the same number of images.",
)

whose_codes = Choose(
    "predict",
    purpose="Find out whether codes or decoder are to blame for bad samples.",
    minutes=5,
    statement="""
    What the 50-D model gives back is close to real digits, its samples are far from them. Decode
    codes that are drawn, too, but from the clouds of test images instead of N(0, I). How far are
    these pictures from real digits? Answer first, then run this in a cell of your own:

    ```python
    means, logvars = (part[order[2000:4000]] for part in codes["binary_vae_50d"])
    z = means + np.exp(logvars / 2) * np.random.default_rng(0).standard_normal(means.shape)
    from_clouds = models["binary_vae_50d"].decode(paddle.to_tensor(z.astype("float32")))
    print(metrics.frechet_distance(judge.features(2 * from_clouds - 1), at_real))
    ```
    """,
    choices={
        "a": "about as far as samples from N(0, I): it is the noise that spoils them",
        "b": "about half as far",
        "c": "about as near as what comes back from the means",
    },
    right="c",
    replies={
        "a": "The noise of the clouds is what the decoder was trained with. With three draws of it the distance "
        "was 2.8, and 64 to 69 for codes from N(0, I).",
        "b": "It is far less: 2.8 with three draws, and 64 to 69 for codes from N(0, I).",
    },
    hints=("In training, the decoder was given codes with the noise of their clouds.",),
    reason="With three draws the distance was 2.8, with codes from N(0, I) 64 to 69. The decoder is the same, so "
    "the places of the codes make the difference.",
)

closer = Choose(
    "predict",
    purpose="See three measures disagree on what is better.",
    minutes=5,
    statement="""
    Draw the codes nearer to the middle: 0.4 z instead of z. What do distance, precision and recall of
    the 50-D model's samples do? Answer first, then run this in a cell of your own:

    ```python
    paddle.seed(0)
    draws_50 = paddle.randn([2000, 50])
    for times in (1.0, 0.7, 0.4):
        at = judge.features(2 * models["binary_vae_50d"].decode(times * draws_50) - 1)
        print(times, metrics.frechet_distance(at, at_real), inside(at, at_real), inside(at_real, at))
    ```
    """,
    choices={
        "a": "all three get better",
        "b": "precision gets better, recall and distance get worse",
        "c": "recall gets better, precision and distance get worse",
    },
    right="b",
    replies={
        "a": "Precision did get better, but in each of three sets of draws recall fell from about 0.76 to 0.14, "
        "and the distance rose from less than 70 to more than 250.",
        "c": "It is the other way round: pictures that are more alike cover fewer kinds of real ones.",
    },
    hints=("Near the middle all pictures are more alike. Which number sees that?",),
    reason="With three sets of draws precision rose from about 0.85 to 0.92, recall fell from about "
    "0.76 to 0.14, and the distance rose from less than 70 to more than 250. Only precision would call it progress.",
)
