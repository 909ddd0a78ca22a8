"""The command line: python -m paddle_vae list | train | evaluate | sample | data | info."""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

from . import (
    classifier,
    data,
    losses,
    metrics,
    models,
    networks,
    recipes,
    runtime,
    training,
    weights,
)
from .errors import InputError


def list_recipes(_):
    print(f"{'name':<16} {'epochs':>6} {'batch':>5} {'rate':>6} {'beta':>5}  what")
    for r in recipes.RECIPES.values():
        print(
            f"{r.name:<16} {r.epochs:>6} {r.batch_size:>5} {r.learning_rate:>6g} {r.beta:>5g}"
            f"  {r.summary}"
        )


def train(args):
    if args.all == (args.name is not None):
        raise InputError("train needs either the NAME of one recipe or --all")
    folder = Path(args.out or data.folder() / "weights").absolute()
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise InputError(f"--out {folder} cannot be written: choose a folder that you can write")
    for name in [*recipes.RECIPES, "classifier"] if args.all else [args.name]:
        if name == "classifier":
            train_classifier(args)
            continue
        recipe = recipes.scheduled(name, args.lesson)
        seed = recipe.seed if args.seed is None else args.seed
        epochs = recipe.epochs if args.epochs is None else args.epochs
        known = {"recipe": name, "seed": seed}
        print(f"{name}: {recipe.summary}, {epochs} epochs, seed {seed}")

        def keep(model, history, name=name, known=known):
            epoch = len(history.epochs)
            if epoch in recipes.get(name).checkpoints and not args.lesson:
                recipes.save(name, model, args.out, epoch, epochs=epoch, **known)

        start = time.perf_counter()
        model, history = recipes.train(name, epochs, seed, args.lesson, [keep])
        seconds = time.perf_counter() - start
        loss = recipes.evaluate(name, model)
        if args.lesson:
            path = recipes.record_lesson(name, loss, epochs, args.out)
        else:
            known |= {"epochs": epochs, "loss": f"{loss.total:.4f}", "kl": f"{loss.kl:.4f}"}
            known["reconstruction"] = f"{loss.reconstruction:.4f}"
            path = recipes.save(name, model, args.out, history=history, **known)
        print(
            f"test loss {loss.total:.2f} = {loss.reconstruction:.2f} + {recipe.beta:g} * "
            f"{loss.kl:.2f}, {seconds:.0f} s, written to {path}"
        )


def train_classifier(args):
    if args.lesson:
        raise InputError("classifier has no schedule of a lesson: leave out --lesson")
    seed = 0 if args.seed is None else args.seed
    epochs = classifier.EPOCHS if args.epochs is None else args.epochs
    print(f"classifier: the judge of generated digits, {epochs} epochs, seed {seed}")
    start = time.perf_counter()
    model = classifier.train(epochs=epochs, seed=seed)
    seconds = time.perf_counter() - start
    test = data.load("mnist", "test")
    accuracy = classifier.accuracy(model, data.scale(test.images), test.labels).value
    path = classifier.weights_path(args.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {"epochs": str(epochs), "seed": str(seed), "accuracy": f"{accuracy:.4f}"}
    weights.save(model, path, known, half=True)
    print(f"test accuracy {accuracy:.2%}, {seconds:.0f} s, written to {path}")


def evaluate(args):
    recipe = recipes.get(args.name)
    if args.images is not None and not args.full:
        raise InputError("--images is for --full only: give both or neither")
    if args.images is not None and args.images < 1:
        raise InputError(f"--images is {args.images}: give at least 1")
    path = recipes.weights_path(args.name, args.weights)
    model = recipes.build(args.name)
    if args.full and not isinstance(model, models.VAE):
        raise InputError(
            f"--full: {args.name} is an autoencoder, which has no q(z|x); leave it out"
        )
    trained = weights.load(model, path)
    test = recipe.dataset("test")
    loss = metrics.evaluate(model, test, **recipe.objective)
    result = {
        "recipe": args.name,
        "loss": loss.total,
        "reconstruction": loss.reconstruction,
        "kl": loss.kl,
        "beta": recipe.beta,
        "images": len(test.images),
        "weights": path.name,
        "trained": {key: value for key, value in trained.items() if key != "curve"},
    }
    full = full_measures(recipe, model, test, args.images) if args.full else {}
    if args.json:
        print(json.dumps(result | full))
    else:
        print(
            f"{args.name}: loss {loss.total:.2f} = reconstruction {loss.reconstruction:.2f}"
            f" + {recipe.beta:g} * KL {loss.kl:.2f} on {result['images']} test images"
        )
        print_measures(full)


def full_measures(recipe, model, test, images):
    """What `evaluate --full` measures on `images` test images, or as many as minutes allow."""
    if recipe.reconstruction is losses.binary_cross_entropy:
        likelihood = metrics.Bernoulli()
    else:
        likelihood = metrics.Gaussian(0.5, recipe.value_range)
    train = recipe.dataset("train")
    # The ELBO is that of beta = 1, and of binarized pixels also for a model trained on grey ones.
    result = {
        "conditional": model.decoder.conditional,  # then every log p(x) is log p(x|label)
        "trained_on": "pixels binarized by draws" if recipe.binarize else "grey pixels",
        **evidence(model, test, likelihood, images),
    }
    if recipe.reconstruction is losses.squared_error:
        variance = metrics.optimal_variance(model, train, recipe.value_range)
        optimal = metrics.Gaussian(variance, recipe.value_range)
        result["optimal_variance"] = {"variance": variance} | evidence(model, test, optimal, images)
    mean, logvar = metrics.encode(model, test, likelihood)
    split = metrics.split_kl(mean, logvar)
    codes = metrics.encode(model, train, likelihood)[0], train.labels, mean, test.labels
    return result | {
        "active_units": {"value": metrics.active_units(mean), "latent_dim": mean.shape[1]},
        "kl_per_dimension": metrics.kl_per_dimension(mean, logvar).tolist(),
        "mutual_information": split.mutual_information.summary() | {"bound": math.log(len(mean))},
        "marginal_kl": split.marginal_kl.summary(),
        "knn_accuracy": metrics.knn_accuracy(*codes).summary()
        | {"k": 5, "codes": len(train.labels)},
        "linear_accuracy": metrics.linear_accuracy(*codes).summary(),
    }


def evidence(model, test, likelihood, images):
    """ELBO, importance-weighted bounds and, for two latent dimensions, quadrature."""
    # A convolutional decoder takes some 30 times as long: it decodes fewer images k times.
    decodes = 10_000_000 if isinstance(model.decoder, networks.MLPDecoder) else 100_000
    parts = metrics.elbo(model, test, likelihood, images)
    result = {
        "elbo": parts.elbo.summary(),
        "elbo_log_likelihood": parts.log_likelihood.summary(),
        "elbo_kl": parts.kl.summary(),
        "iwae": {},
    }
    for k in (1, 50, 500, 5000):
        count = images or min(len(test.images), decodes // k)
        bound = metrics.iwae(model, test, likelihood, k, count, progress=True)
        result["iwae"][str(k)] = bound.summary()
    if model.encoder.latent_dim == 2:
        points = 100 if model.decoder.conditional else 300
        exact = metrics.quadrature(model, test, likelihood, images, points=points, progress=True)
        result["quadrature"] = exact.summary()
    return result


def print_measures(measures, group=""):
    for name, found in measures.items():
        if isinstance(found, dict) and "value" not in found:
            print_measures(found, f"{group}{name} ")
        elif isinstance(found, dict):
            number = f"{found['value']:.7g}"
            if "standard_error" in found:
                number = f"{found['value']:.3f} ± {found['standard_error']:.3f}"
            rest = [f"{found['images']} images"] if "images" in found else []
            rest += [found["likelihood"]] if "likelihood" in found else []
            print(f"{group + name:<32} {number:<18} {', '.join(rest)}".rstrip())


def sample(args):
    from . import plots  # here, since the other commands draw nothing

    recipe = recipes.get(args.name)
    model = recipes.load(args.name, args.weights)
    if not isinstance(model, models.VAE):
        raise InputError(
            f"{args.name} is an autoencoder, which has no distribution to sample from: "
            "choose a recipe with a VAE"
        )
    conditional = model.decoder.conditional
    if args.label is not None and not conditional:
        raise InputError(f"--label: {args.name} takes no label; leave it out or choose cvae_2d")
    if args.count < 1:
        raise InputError(f"--count is {args.count}: give at least 1")
    if args.columns < 1:
        raise InputError(f"--columns is {args.columns}: give at least 1")
    output = Path(args.output)
    if output.suffix.lower() != ".png":
        raise InputError(f"--output {output}: give a file name that ends in .png")
    if not output.parent.is_dir():
        raise InputError(f"--output {output}: its folder does not exist; make it first")
    training.seeded(args.seed)
    label = args.label
    if conditional and label is None:  # as in L1: one row for each digit
        label = [i * data.LABELS // args.count for i in range(args.count)]
    images = model.sample(args.count, label)
    plots.save_grid(images, output, args.columns, recipe.value_range)
    print(f"{args.count} images written to {output}")


def build_data(args):
    target = args.target or data.folder() / f"{args.name}.h5"
    data.build(args.source, target, args.name)
    print(f"{target}: built from {args.source}")


def info(_):
    for name, value, reason in runtime.settings():
        print(f"{name:<24} {value!s:<14} {reason}")


def parser():
    root = argparse.ArgumentParser(prog="python -m paddle_vae", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, help):
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(function=function)
        return sub

    command("list", list_recipes, "print the table of recipes")
    sub = command("train", train, "train a recipe and write its weights")
    sub.add_argument("name", metavar="NAME", nargs="?", help="a recipe's, or classifier")
    sub.add_argument("--all", action="store_true", help="every recipe, and the classifier")
    sub.add_argument("--epochs", type=int)
    sub.add_argument("--seed", type=int)
    sub.add_argument("--out", metavar="DIR", help="instead of data/weights")
    sub.add_argument(
        "--lesson",
        action="store_true",
        help="by the schedule of the lesson it comes from; keeps the loss, not the weights",
    )
    sub = command("evaluate", evaluate, "what a recipe's weights are worth on the test images")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--full", action="store_true", help="log-likelihoods and codes too (minutes)")
    sub.add_argument("--images", metavar="N", type=int, help="of the log-likelihoods of --full")
    sub.add_argument("--weights", metavar="DIR", help="instead of data/weights")
    sub.add_argument("--json", action="store_true", help="print one JSON object")
    sub = command("sample", sample, "write a grid of generated images")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--output", metavar="FILE.png", required=True)
    sub.add_argument("--label", metavar="D", type=int, help="one digit 0..9 (conditional models)")
    sub.add_argument("--count", metavar="N", type=int, default=200)
    sub.add_argument("--columns", metavar="N", type=int, default=20)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--weights", metavar="DIR", help="instead of data/weights")
    sub = command("data", build_data, "build data/NAME.h5 from the four IDX files in a folder")
    sub.add_argument("action", choices=["build"])
    sub.add_argument("--source", metavar="DIR", required=True)
    sub.add_argument("--name", choices=["mnist", "fashion_mnist"], default="mnist")
    sub.add_argument("--target", metavar="FILE.h5", help="instead of data/NAME.h5")
    command("info", info, "what this machine is and what was set to make Paddle fast on it")
    return root


def main(arguments=None):
    args = parser().parse_args(arguments)
    try:
        args.function(args)
    except (InputError, FloatingPointError) as error:
        print(f"paddle_vae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "paddle_vae: stopped; nothing was written but what is reported above", file=sys.stderr
        )
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
