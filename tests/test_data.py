"""The Dataset: what it is made of, what may stand in its place, and how it becomes batches."""

from paddle_vae import data

import numpy as np
import paddle
import pytest
from refusal import refused

COUNT = 23


def digits(_=None):
    """A small Dataset of strokes, no image like another."""
    rng = np.random.default_rng(0)
    images = np.zeros((COUNT, 1, 28, 28), np.uint8)
    images[:, 0, 4:24, 12:16] = rng.integers(1, 256, (COUNT, 20, 4))
    return data.Dataset(images, np.arange(COUNT) % 10)


def same(one, two):
    assert isinstance(one, data.Dataset) and one.images.dtype == np.uint8
    assert one.labels.dtype == np.int64
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.labels, two.labels)
    return True


# What a Dataset is


def test_a_dataset_is_a_sequence_of_images_with_labels():
    dataset = digits()
    assert len(dataset) == COUNT and len(dataset[:0]) == 0
    image, label = dataset[5]
    np.testing.assert_array_equal(image, dataset.images[5])
    assert label == dataset.labels[5] and np.shape(label) == ()
    assert dataset[-1][1] == dataset[np.int64(COUNT - 1)][1] == dataset.labels[-1]
    assert [label for _, label in dataset] == dataset.labels.tolist()
    with pytest.raises(IndexError):
        dataset[COUNT]


@pytest.mark.parametrize("rows", [slice(0, 10), slice(None, None, 5), [5, 1], np.array([2, 2])])
def test_a_part_of_a_dataset_is_one(rows):
    dataset = digits()
    assert same(dataset[rows], data.Dataset(dataset.images[rows], dataset.labels[rows]))


def test_a_mask_chooses():
    dataset = digits()
    assert set(dataset[dataset.labels == 3].labels) == {3}
    for bad in ("a", None, (1, 2, 3.5), 1.5, {}, np.zeros((2, 2), int)):
        refused(lambda bad=bad: dataset[bad], "index")


def test_paddles_loader_takes_a_dataset():
    dataset = digits()
    found = list(paddle.io.DataLoader(dataset, batch_size=10))
    assert [list(image.shape) for image, _ in found] == [[10, 1, 28, 28]] * 2 + [[3, 1, 28, 28]]
    images = np.concatenate([image.numpy() for image, _ in found])
    np.testing.assert_array_equal(images, dataset.images)
    np.testing.assert_array_equal(np.concatenate([b.numpy() for _, b in found]), dataset.labels)
    image = next(iter(paddle.io.DataLoader(dataset, batch_size=10, shuffle=True)))[0]
    assert data.scale(image).shape == [10, 1, 28, 28]


def test_planes_get_their_axis_and_labels_their_type():
    dataset = digits()
    assert same(data.Dataset(dataset.images[:, 0], dataset.labels.astype(np.uint8)), dataset)
    assert same(data.Dataset(dataset.images, dataset.labels.tolist()), dataset)


IMAGES, LABELS = digits().images, digits().labels
BAD = {
    "scaled images": (IMAGES / 255, LABELS, "images", "float64", "uint8"),
    "a tensor": (paddle.to_tensor(IMAGES), LABELS, "images", "uint8", "NumPy"),
    "a list of images": (IMAGES.tolist(), LABELS, "images", "list"),
    "nothing": (None, LABELS, "images", "NoneType"),
    "one image": (IMAGES[0, 0], LABELS[:1], "images", "(28, 28)"),
    "colour images": (IMAGES.repeat(3, 1), LABELS, "images", "(23, 3, 28, 28)"),
    "labels as floats": (IMAGES, LABELS / 1, "labels", "float64"),
    "one-hot labels": (IMAGES, np.eye(10, dtype=int)[LABELS], "labels", "[23, 10]"),
    "labels as text": (IMAGES, list(map(str, LABELS)), "labels"),
    "no labels": (IMAGES, None, "labels"),
    "too few labels": (IMAGES, LABELS[:3], "23", "3"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_dataset_is_refused_when_it_is_made(name):
    images, labels, *words = BAD[name]
    refused(lambda: data.Dataset(images, labels), *words)


# What may stand in the place of a Dataset


class Items:
    """A map-style dataset, as paddle.vision.datasets.MNIST is one."""

    def __init__(self, image=lambda x: x, label=lambda x: x):
        self.image, self.label = image, label

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        return self.image(IMAGES[index, 0]), self.label(LABELS[index])


def picture(plane):
    from PIL import Image

    return Image.fromarray(plane)


STANDING = {
    "a Dataset": digits(),
    "a pair": (IMAGES, LABELS),
    "a list of two arrays": [IMAGES[:, 0], LABELS.tolist()],
    "[H, W]": Items(),
    "[H, W, 1]": Items(lambda x: x[:, :, None]),
    "[1, H, W]": Items(lambda x: x[None]),
    "Paddle's MNIST": Items(picture, lambda x: np.array([x])),
    "Paddle's MNIST by cv2": Items(lambda x: x.astype("float32"), lambda x: np.array([x])),
    "tensors": Items(paddle.to_tensor, paddle.to_tensor),
    "a list of items": [(image, int(label)) for image, label in digits()],
    "Paddle's subset": paddle.io.Subset(digits(), list(range(COUNT))),
    "Paddle's arrays": paddle.io.TensorDataset([paddle.to_tensor(a) for a in (IMAGES, LABELS)]),
}


@pytest.mark.parametrize("name", STANDING)
def test_what_stands_for_a_dataset(name):
    assert same(data.as_dataset(STANDING[name]), digits())
    assert len(next(data.batches(STANDING[name], COUNT))[1]) == COUNT


class Endless(paddle.io.IterableDataset):
    def __iter__(self):
        while True:
            yield IMAGES[0], 0


class Huge(Items):
    def __len__(self):
        return 10**9


FOREIGN = {
    "images alone": IMAGES,
    "nothing": None,
    "a name": "mnist",
    "a number": 3,
    "a dictionary": {"images": IMAGES, "labels": LABELS},
    "an empty list": [],
    "an endless stream": Endless(),
    "a loader": paddle.io.DataLoader(digits(), batch_size=4),
    "a generator": (item for item in digits()),
    "more than memory": Huge(),
    "other sizes": [(np.zeros((n, n), np.uint8), 0) for n in (2, 3)],
    "colours": Items(lambda x: np.stack([x] * 3, -1)),
    "scaled images": Items(lambda x: x.astype("float32") / 255),
    "binary images": Items(lambda x: (x > 127).astype("float32")),
    "pictures normalized": Items(lambda x: x.astype("float32") - 127.5),
    "not a number": Items(lambda x: x.astype("float32") * np.nan),
    "one-hot labels": Items(label=lambda x: np.eye(10)[x]),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_cannot_stand_for_a_dataset(name):
    refused(lambda: data.as_dataset(FOREIGN[name]))
    refused(lambda: next(data.batches(FOREIGN[name], 4)))


# Scaling and batches


@pytest.mark.parametrize("low, high", [(-1, 1), (0, 1), (-0.5, 0.5), (0, 255)])
def test_scale(low, high):
    images = np.arange(256, dtype=np.uint8).reshape(2, 1, 8, 16)
    found = data.scale(images, (low, high))
    assert found.dtype == paddle.float32 and found.shape == [2, 1, 8, 16]
    values = found.numpy().ravel()
    assert values[0] == low and values[255] == high and (np.diff(values) > 0).all()
    np.testing.assert_allclose(values, np.linspace(low, high, 256), atol=1e-7 * (high - low))


def test_scale_refuses_what_is_scaled_already():
    refused(lambda: data.scale(np.zeros((1, 1, 28, 28), np.float32)), "float32", "uint8")
    for bad in ((1, -1), (0, 0), (0, np.inf), (np.nan, 1)):
        refused(lambda bad=bad: data.scale(np.zeros(1, np.uint8), bad), "value_range")


def test_batches_in_order():
    dataset = digits("train")
    found = list(data.batches(dataset, 10, (0, 1)))
    assert [len(label) for _, label in found] == [10, 10, 3]
    assert found[0][0].dtype == paddle.float32 and found[0][1].dtype == paddle.int64
    images = np.concatenate([image.numpy() for image, _ in found])
    np.testing.assert_array_equal(np.rint(images * 255), dataset.images)
    np.testing.assert_array_equal(np.concatenate([b.numpy() for _, b in found]), dataset.labels)


def test_batches_shuffled_by_a_generator():
    dataset = digits("train")

    def once(seed):
        rng = np.random.default_rng(seed)
        return [
            tuple(t.numpy() for t in b)
            for _ in range(2)
            for b in data.batches(dataset, 23, rng=rng)
        ]

    first, again, other = once(0), once(0), once(1)
    for one, two in zip(first, again, strict=True):
        assert all(map(np.array_equal, one, two))
    assert not np.array_equal(first[0][0], first[1][0])  # every epoch another order
    assert not np.array_equal(first[0][0], other[0][0])
    images, labels = first[0]
    rows = [
        int(np.flatnonzero((data.scale(dataset.images).numpy() == i).all((1, 2, 3)))[0])
        for i in images
    ]
    assert sorted(rows) == list(range(23)) and (dataset.labels[rows] == labels).all()


def test_bad_batches():
    dataset = digits("train")
    for size in (0, -1, 2.5, np.float64(2.5), np.nan, np.inf, None, "8", [8]):
        refused(lambda size=size: next(data.batches(dataset, size)), "batch_size")
    for bad in (None, (0,), (0, 1, 2), 3, ("a", "b")):
        refused(lambda bad=bad: next(data.batches(dataset, 4, bad)), "value_range")


@pytest.mark.parametrize("size", [10, 10.0, np.int64(10), np.uint8(10), np.float32(10)])
def test_numbers_of_any_kind_are_a_batch_size(size):
    assert [len(label) for _, label in data.batches(digits("train"), size)] == [10, 10, 3]


def test_pad_puts_background_around():
    dataset = digits("train")
    padded = data.pad(dataset, 2)
    assert padded.images.shape == (23, 1, 32, 32) and padded.images.dtype == np.uint8
    np.testing.assert_array_equal(padded.images[:, :, 2:-2, 2:-2], dataset.images)
    assert padded.images.sum() == dataset.images.sum()  # so the border is 0
    np.testing.assert_array_equal(padded.labels, dataset.labels)


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1)])
def test_binarized_pixels_are_drawn_by_their_grey(low, high):
    greys = np.linspace(0, 255, 16).astype(np.uint8)
    images = np.broadcast_to(greys.reshape(1, 1, 4, 4), (4000, 1, 4, 4))
    dataset = data.Dataset(images, np.zeros(4000, np.int64))

    def draw(seed):
        paddle.seed(seed)
        return next(data.batches(dataset, 4000, (low, high), binarize=True))[0].numpy()

    image = draw(0)
    assert set(np.unique(image)) == {low, high}
    mean = (image.mean(0).ravel() - low) / (high - low)
    np.testing.assert_allclose(mean, greys / 255, atol=0.03)  # 4 standard errors
    assert mean[0] == 0 and mean[-1] == 1  # black and white are never drawn otherwise
    np.testing.assert_array_equal(image, draw(0))
    assert not np.array_equal(image, draw(1))
    assert not np.array_equal(image[:2000], image[2000:])


def test_every_pass_draws_binarized_pixels_anew():
    dataset = data.Dataset(np.full((1, 1, 28, 28), 128, np.uint8), np.zeros(1, np.int64))
    one, two = (next(data.batches(dataset, 1, binarize=True))[0].numpy() for _ in range(2))
    assert not np.array_equal(one, two)


def test_split_makes_two_parts_without_a_common_image():
    images = np.arange(50, dtype="uint8")[:, None, None].repeat(4, 1).repeat(4, 2)
    dataset = data.Dataset(images, np.arange(50))
    rest, part = data.split(dataset, 0.1, seed=3)
    assert (len(rest), len(part)) == (45, 5)
    assert sorted([*rest.labels, *part.labels]) == list(range(50))
    assert (np.diff(part.labels) > 0).all() and (part.images[:, 0, 0, 0] == part.labels).all()
    again, other = data.split(dataset, 0.1, seed=3), data.split(dataset, 0.1, seed=4)
    assert (again[1].labels == part.labels).all() and (other[1].labels != part.labels).any()
    for fraction in (0, 1, 0.001, 1.5, -0.1, True, "0.1", None):
        refused(lambda fraction=fraction: data.split(dataset, fraction), "fraction")
    refused(lambda: data.split(dataset, 0.1, seed=-1), "seed")


def test_batches_from_a_later_one_are_those_of_the_whole_epoch():
    dataset = data.Dataset(np.zeros((10, 4, 4), "uint8"), np.arange(10))
    every = [list(data.batches(dataset, 3, rng=np.random.default_rng(0), first=n)) for n in (0, 2)]
    assert [len(found) for found in every] == [4, 2]
    for (_, whole), (_, later) in zip(every[0][2:], every[1], strict=True):
        np.testing.assert_array_equal(whole.numpy(), later.numpy())
