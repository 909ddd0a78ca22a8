"""Notebook 06, the conditional VAE: what a label is worth, over seeds, in small trainings."""

from paddle_vae import VAE, classifier, data, fit, losses, metrics, models, recipes
from paddle_vae.networks import MLPDecoder, MLPEncoder
from paddle_vae.training import seeded

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

OBJECTIVE = {"reconstruction": losses.binary_cross_entropy, "value_range": (0.0, 1.0)}
WHO = {"nobody": (False, False), "encoder": (True, False), "decoder": (False, True)}
WHO |= {"both": (True, True)}


def some():
    """The first 20,000 training images, and the test images."""
    return data.load("mnist", "train")[:20_000], data.load("mnist", "test")


@paddle.no_grad()
def who_is_told(seed):
    """Loss and separation of digits for the four ways to tell two networks a label: 3 epochs."""
    train, test = some()
    found = {}
    for name, (encoder, decoder) in WHO.items():
        seeded(seed)
        model = VAE(
            MLPEncoder(2, (256, 64), conditional=encoder),
            MLPDecoder(2, (64, 256), logits=True, conditional=decoder),
        )
        fit(model, train, epochs=3, seed=seed, progress=False, **OBJECTIVE)
        found |= judged(name, model, test, OBJECTIVE)
    return found


@paddle.no_grad()
def ways(seed):
    """Loss for four ways to tell the decoder, with an encoder that is told nothing: 3 epochs."""
    train, test = some()
    found = {}
    for name, decoder in {"input": Input, "layers": Layers, "scale": Scale, "code": Code}.items():
        seeded(seed)
        model = VAE(MLPEncoder(2, (256, 64)), decoder())
        fit(model, train, epochs=3, seed=seed, progress=False, **OBJECTIVE)
        loss = metrics.evaluate(model, test, **OBJECTIVE)
        weights = sum(p.size for p in model.decoder.parameters())
        found |= {name: loss.total, f"{name} kl": loss.kl, f"{name} weights": weights}
    return found


@paddle.no_grad()
def half_labels(seed):
    """What the classifier reads where the shipped model is given half of each of two labels."""
    cvae, judge, found = recipes.load("cvae_2d"), classifier.load(), {}
    for one, other in ((0, 1), (3, 8)):
        label = (models.one_hot([one], 1) + models.one_hot([other], 1)) / 2
        paddle.seed(seed)
        pictures = cvae.decoder(paddle.randn([200, 2, 1, 1]), label.tile([200, 1, 1, 1]))
        for digit, share in enumerate(np.bincount(judge.predict(pictures), minlength=10) / 200):
            found[f"{one} and {other} read as {digit}"] = share
    return found


def judged(name, model, test, objective):
    """The loss in parts, and how well five neighbours of a code tell its digit."""
    loss = metrics.evaluate(model, test, **objective)
    x = data.scale(test.images, objective.get("value_range", (-1.0, 1.0)))
    codes, _ = model.encode(x, test.labels)
    halves = np.split(codes.numpy(), 2), np.split(test.labels, 2)
    (known, asked), (labels, truth) = halves
    knn = metrics.knn_accuracy(known, labels, asked, truth).value
    parts = {"total": loss.total, "reconstruction": loss.reconstruction, "kl": loss.kl, "knn": knn}
    return {f"{name} {part}": value for part, value in parts.items()}


class Input(MLPDecoder):
    """Label and code side by side at the input, as in the lesson."""

    def __init__(self):
        super().__init__(2, (64, 256), logits=True, conditional=True)


class Layers(Input):
    """The label beside the input of every layer."""

    def __init__(self):
        super().__init__()
        self.more = nn.LayerList(nn.Linear(10, width) for width in (256, 784))

    def forward(self, z, label):
        y = label.flatten(1)
        h = F.relu(self.hidden[0](paddle.concat([z.flatten(1), y], 1)))
        h = F.relu(self.hidden[1](h) + self.more[0](y))
        return (self.pixels(h) + self.more[1](y)).reshape([-1, 1, 28, 28])


class Scale(MLPDecoder):
    """Every hidden unit scaled and shifted by numbers of the label's (Perez et al. 2018)."""

    def __init__(self):
        super().__init__(2, (64, 256), logits=True)
        self.conditional = True
        self.scale = nn.LayerList(nn.Linear(10, width) for width in (64, 256))
        self.shift = nn.LayerList(nn.Linear(10, width) for width in (64, 256))

    def forward(self, z, label):
        h, y = z.flatten(1), label.flatten(1)
        for layer, scale, shift in zip(self.hidden, self.scale, self.shift, strict=True):
            h = F.relu(layer(h) * (1 + scale(y)) + shift(y))
        return self.pixels(h).reshape([-1, 1, 28, 28])


class Code(MLPDecoder):
    """Two numbers of the label's added to the code: as if each digit had a prior of its own."""

    def __init__(self):
        super().__init__(2, (64, 256), logits=True)
        self.conditional = True
        self.place = nn.Linear(10, 2, bias_attr=False)

    def forward(self, z, label):
        h = z.flatten(1) + self.place(label.flatten(1))
        for layer in self.hidden:
            h = F.relu(layer(h))
        return self.pixels(h).reshape([-1, 1, 28, 28])
