"""The command line: python -m paddle_vae list | train | evaluate | sample | data | info."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import data, metrics, models, recipes, runtime, training, weights
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
    for name in recipes.RECIPES if args.all else [args.name]:
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


def evaluate(args):
    recipe = recipes.get(args.name)
    path = recipes.weights_path(args.name, args.weights)
    model = recipes.build(args.name)
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
    if args.json:
        print(json.dumps(result))
    else:
        print(
            f"{args.name}: loss {loss.total:.2f} = reconstruction {loss.reconstruction:.2f}"
            f" + {recipe.beta:g} * KL {loss.kl:.2f} on {result['images']} test images"
        )


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
        label = [i * models.LABELS // args.count for i in range(args.count)]
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
    sub.add_argument("name", metavar="NAME", nargs="?")
    sub.add_argument("--all", action="store_true", help="every recipe of the table")
    sub.add_argument("--epochs", type=int)
    sub.add_argument("--seed", type=int)
    sub.add_argument("--out", metavar="DIR", help="instead of data/weights")
    sub.add_argument(
        "--lesson",
        action="store_true",
        help="by the schedule of the lesson it comes from; keeps the loss, not the weights",
    )
    sub = command("evaluate", evaluate, "loss of a recipe's weights on the test images")
    sub.add_argument("name", metavar="NAME")
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
