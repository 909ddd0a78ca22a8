"""What a trained model is worth, in numbers."""

import numpy as np
import paddle

from . import data, losses


@paddle.no_grad()
def evaluate(
    model,
    dataset,
    reconstruction=losses.squared_error,
    beta=1.0,
    value_range=(-1.0, 1.0),
    binarize=False,
    seed=0,
):
    """Mean loss in parts over all images of the dataset, as floats; one noise draw per image.

    Leaves Paddle's random state as it found it.
    """
    state = paddle.get_rng_state()
    paddle.seed(seed)
    was_training = model.training
    model.eval()
    total = np.zeros(3)
    for image, label in data.batches(dataset, 500, value_range, binarize=binarize):
        loss = losses.parts(model(image, label), image, reconstruction, beta)
        total += [part.item() * len(image) for part in loss]
    if was_training:
        model.train()
    paddle.set_rng_state(state)
    return losses.Loss(*(total / len(dataset.images)).tolist())


def nearest_distance(images, reference):
    """Distance of each image to the nearest reference image: root of the mean squared error over
    pixels, in pixel values (black and white are 2 apart in [-1, 1]); [N, ...] and [M, ...] -> [N].

    0 means that the image is a copy of one in the reference.
    """
    a = np.asarray(images, "float32").reshape(len(images), -1)
    b = np.asarray(reference, "float32").reshape(len(reference), -1)
    # |a - b|^2 = |a|^2 - 2ab + |b|^2: a matrix product, in blocks that bound the memory
    b_norm = (b * b).sum(1)
    nearest = np.concatenate(
        [(b_norm - 2 * block @ b.T).min(1) for block in np.array_split(a, len(a) // 256 + 1)]
    )
    squared = np.maximum(nearest + (a * a).sum(1), 0)
    return np.sqrt(squared / a.shape[1])
