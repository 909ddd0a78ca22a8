"""Notebooks 10 and 11: the same models from other seeds, and bounds on all test images."""

from paddle_vae import Dataset, classifier, data, fit, metrics, recipes

import numpy as np
import paddle
from scipy.spatial.distance import cdist

BERNOULLI = metrics.Bernoulli()


def plane(seed):
    """binary_vae_2d by its whole recipe; seed 0 is the shipped model."""
    name = "binary_vae_2d"
    model = recipes.load(name) if seed == 0 else recipes.train(name, seed=seed, progress=False)[0]
    grid = metrics.quadrature(model, data.load("mnist", "test"), BERNOULLI, 500, points=200)
    return {"log_p": grid.value} | _worth(model)


def published(seed):
    """The shipped models by the protocols of the papers, as far as minutes allow: steps up from the
    ELBO of all test images, on fewer and fewer. seed: of the draws, not of a training."""
    test, found = data.load("mnist", "test"), {}
    plans = {
        "binary_vae_2d": {1: 10_000, 500: 2000},
        "binary_vae_50d": {1: 10_000, 50: 2000, 500: 1000, 5000: 200},
    }
    for name, plan in plans.items():
        model = recipes.load(name)
        bounds = [metrics.iwae(model, test, BERNOULLI, k, n, seed).each for k, n in plan.items()]
        climbed = metrics.climbed(bounds)
        found |= {name: climbed["value"], f"{name}_error": climbed["standard_error"]}
    model = recipes.load("binary_vae_2d")
    grid = metrics.quadrature(model, test, BERNOULLI, seed=seed, points=200)
    return found | {"binary_vae_2d_grid": grid.value}


def threshold(seed):
    """The ELBO of binary_vae_50d on pixels that are white by a draw, and white above 127.
    seed: of the draws."""
    test, model = data.load("mnist", "test"), recipes.load("binary_vae_50d")
    cut = Dataset(255 * (test.images > 127).astype("uint8"), test.labels)
    both = {"draw": test, "threshold": cut}
    return {
        name: metrics.elbo(model, images, BERNOULLI, seed=seed).elbo.value
        for name, images in both.items()
    }


@paddle.no_grad()
def encoder_alone(seed):
    """One more epoch for the encoder of binary_vae_2d alone: log p(x) by the grid and the ELBO of
    two hundred test images, and the ELBO of all, before and after."""
    model, found = recipes.load("binary_vae_2d"), {}
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    for parameter in model.decoder.parameters():
        parameter.stop_gradient = True
    for name in ("before", "after"):
        grid = metrics.quadrature(model, test, BERNOULLI, 200, points=200)
        found[f"grid {name}"] = grid.value
        found[f"some {name}"] = metrics.iwae(model, test, BERNOULLI, 1, 200).value
        found[f"elbo {name}"] = metrics.elbo(model, test, BERNOULLI).elbo.value
        if name == "before":
            how = {"learning_rate": 1e-3, "seed": seed, "progress": False}
            fit(model, train, epochs=1, **how, **recipes.get("binary_vae_2d").objective)
    return found


def _worth(model):
    """What both notebooks measure of a model of binarized pixels; images drawn by one seed."""
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    rng = np.random.default_rng(0)
    parts = metrics.elbo(model, test, BERNOULLI)
    bound = metrics.iwae(model, test, BERNOULLI, 500, 500)
    found = {"elbo": parts.elbo.value, "kl": parts.kl.value, "bound_500": bound.value}

    mean, logvar = metrics.encode(model, test, BERNOULLI)
    order = rng.permutation(10_000)
    split = metrics.split_kl(mean[order[:5000]], logvar[order[:5000]])
    found |= {"active": metrics.active_units(mean), "tells": split.mutual_information.value}
    found |= {"misfit": split.marginal_kl.value}

    known, _ = metrics.encode(model, train, BERNOULLI)
    for count in (100, 600, 1000):
        sets = [rng.choice(60_000, count, replace=False) for _ in range(10)]
        labelled = [(known[rows], train.labels[rows], mean, test.labels) for rows in sets]
        found[f"knn_{count}"] = np.mean([metrics.knn_accuracy(*some).value for some in labelled])
    found["linear_1000"] = np.mean([metrics.linear_accuracy(*some).value for some in labelled])

    judge = classifier.load()
    real, others = (
        judge.features(data.scale(test.images[rows])) for rows in (order[:2000], order[2000:4000])
    )
    paddle.seed(0)
    drawn = judge.features(2 * model.sample(2000) - 1)
    again = model.decode(paddle.to_tensor(mean[order[2000:4000]]))
    found["distance_again"] = metrics.frechet_distance(judge.features(2 * again - 1), real)
    found["distance_drawn"] = metrics.frechet_distance(drawn, real)
    found |= {"precision": inside(drawn, real), "recall": inside(real, drawn)}
    return found | {"distance_real": metrics.frechet_distance(others, real)}


def inside(features, balls, k=3):
    """Share of features that lie in a ball around one of `balls` out to its k-th neighbour."""
    radius = np.sort(cdist(balls, balls), axis=1)[:, k]
    return (cdist(features, balls) <= radius).any(1).mean()
