"""What notebook 01 says of one training, repeated with other seeds."""

from paddle_vae import Autoencoder, Decoder, Encoder, classifier, data, fit, metrics, recipes

import numpy as np
import paddle


def start(seed):
    """Test loss after 30,000 images, with the lesson's beta1 of Adam and with its usual one."""
    train, test = data.load("mnist", "train")[:30_000], data.load("mnist", "test")
    found = {}
    for name, beta1 in (("beta1_9", 0.9), ("beta1_5", 0.5)):
        paddle.seed(seed)
        model = Autoencoder()
        fit(model, train, epochs=1, beta1=beta1, seed=seed, progress=False)
        found[name] = metrics.evaluate(model, test).total
    return found


def short(seed):
    """Test loss after 10,000 images with the lesson's beta1: the rate rises twice as fast as in the
    notebook's run on 20,000."""
    train, test = data.load("mnist", "train")[:10_000], data.load("mnist", "test")
    paddle.seed(seed)
    model = Autoencoder()
    fit(model, train, epochs=1, beta1=0.5, seed=seed, progress=False)
    return {"loss": metrics.evaluate(model, test).total}


@paddle.no_grad()
def ten(seed):
    """Ten numbers of code after 20,000 images: test loss, the share of 1,000 test images that come
    back as their digit, and the distance of 500 reconstructions and of 500 draws from N(0, I) to
    the nearest of 20,000 training images."""
    train, test = data.load("mnist", "train")[:20_000], data.load("mnist", "test")
    some = np.random.default_rng(seed).permutation(10_000)[:1000]
    images, reference = data.scale(test.images[some]), data.scale(train.images).numpy()
    paddle.seed(seed)
    model = Autoencoder(Encoder(latent_dim=10, variational=False), Decoder(latent_dim=10))
    fit(model, train, epochs=1, beta1=0.5, seed=seed, progress=False)
    returned, drawn = model(images).image, model.decode(paddle.randn([500, 10]))
    return {
        "loss": metrics.evaluate(model, test).total,
        "right": (classifier.load().predict(returned) == test.labels[some]).mean(),
        "returned": metrics.nearest_distance(returned[:500], reference).mean(),
        "drawn": metrics.nearest_distance(drawn, reference).mean(),
    }


@paddle.no_grad()
def on_its_side(seed):
    """1,000 test digits on their side, given to the trained network, ae_2d (the seed chooses the
    digits): how many come back nearer to an upright training image than to one on its side, how
    many as the digit that they are, and how many different digits come."""
    train, test, model = (
        data.load("mnist", "train"),
        data.load("mnist", "test"),
        recipes.load("ae_2d"),
    )
    some = np.random.default_rng(seed).permutation(10_000)[:1000]
    reference = data.scale(train.images[:20_000]).numpy()
    answers = model(data.scale(test.images[some].transpose(0, 1, 3, 2))).image
    upright, lying = (
        metrics.nearest_distance(answers, each)
        for each in (reference, reference.transpose(0, 1, 3, 2))
    )
    seen = classifier.load().predict(answers)
    return {
        "upright": (upright < lying).mean(),
        "right": (seen == test.labels[some]).mean(),
        "digits": len(np.unique(seen)),
    }
