"""What the commands of python -m paddle_vae do, each with its parsed arguments (__main__.py);
`train` is in train_command.py.

`args.written` is a list to which a command adds the files that it wrote.
"""

import json
import os
import sys
from pathlib import Path

from . import classifier, data, export, metrics, models, recipes, runtime, training, weights
from .errors import InputError, whole


def list_recipes(_):
    print(f"{'name':<16} {'epochs':>6} {'batch':>5} {'rate':>6} {'beta':>5}  what")
    for r in recipes.RECIPES.values():
        print(
            f"{r.name:<16} {r.epochs:>6} {r.batch_size:>5} {r.learning_rate:>6g} {r.beta:>5g}"
            f"  {r.summary}"
        )


# --- evaluate ---


def evaluate(args):
    recipe = recipes.get(args.name)
    for option, most in (("images", 10_000), ("k", 1_000_000)):
        value = getattr(args, option)
        if value is not None and not args.full:
            raise InputError(f"--{option} is for --full only: give both or neither")
        if value is not None:
            whole(f"--{option}", value, 1, most)
    if args.seeds is not None:
        whole("--seeds", args.seeds, 2, 1000)
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
    if not args.json:
        print(
            f"{args.name}: loss {loss.total:.2f} = reconstruction {loss.reconstruction:.2f}"
            f" + {recipe.beta:g} * KL {loss.kl:.2f} on {result['images']} test images",
            flush=True,
        )
    if args.seeds is not None:
        result["seeds"] = over_seeds(args, recipe, model, test)
    full = full_measures(args, recipe, model, test) if args.full else {}
    if args.json:
        print(json.dumps(result | full))
    else:
        print_measures(full)


def over_seeds(args, recipe, model, test):
    mean, spread = metrics.spread(model, test, args.seeds, **recipe.objective)
    if not args.json:
        print(
            f"over {args.seeds} seeds of the noise: loss {mean.total:.3f}, "
            f"standard deviation {spread.total:.3f}",
            flush=True,
        )
    return {"count": args.seeds, "loss": mean.total, "standard_deviation": spread.total}


def full_measures(args, recipe, model, test):
    """What `evaluate --full` adds; the time it will take is told first, on stderr."""
    train, likelihood = recipe.dataset("train"), recipe.likelihood
    k = 5000 if args.k is None else args.k
    what = (model, train, test, likelihood, args.images)
    seconds = metrics.measuring_seconds(*what, k)
    if seconds >= 20:
        less = metrics.measuring_seconds(*what, 500) if k > 500 else seconds
        advice = f"; with --k 500, {duration(less)}" if less < seconds else ""
        each = f"{k:,} samples for each of {args.images:,} images" if args.images else "all numbers"
        note = f"{each} take about {duration(seconds)} on this machine{advice}"
        print(note, file=sys.stderr, flush=True)
    found = {"trained_on": "pixels binarized by draws" if recipe.binarize else "grey pixels"}
    found |= metrics.measure(*what, k, progress=True)
    if model.conditional:
        asked = [i % data.LABELS for i in range(2000)]
        training.seeded(0)
        images = model.sample(len(asked), asked)
        found["drawn_as_asked"] = {
            judge.name: classifier.accuracy(judge, images, asked).summary()
            | {"judge_is_right": judge.accuracy.value}
            for judge in classifier.judges(train, test)
        }
    return found


def duration(seconds):
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def print_measures(measures, group=""):
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sign = "±" if encoding.lower().startswith("utf") else "+-"
    for name, found in measures.items():
        if isinstance(found, dict) and "value" not in found:
            print_measures(found, f"{group}{name} ")
        elif isinstance(found, dict):
            number = f"{found['value']:.7g}"
            if "standard_error" in found:
                number = f"{found['value']:.3f} {sign} {found['standard_error']:.3f}"
            rest = [f"{found['images']} images"] if "images" in found else []
            rest += [found["likelihood"]] if "likelihood" in found else []
            if "judge_is_right" in found:
                rest += [f"a judge right on {found['judge_is_right']:.2%} of real ones"]
            print(f"{group + name:<42} {number:<18} {', '.join(rest)}".rstrip())


# --- sample, export, data, info ---


def sample(args):
    recipe = recipes.get(args.name)
    for option, most in (("count", 20_000), ("columns", 1000)):
        whole(f"--{option}", getattr(args, option), 1, most)
    output = Path(args.output)
    if output.suffix.lower() != ".png":
        raise InputError(f"--output {output}: give a file name that ends in .png")
    if not output.parent.is_dir():
        raise InputError(f"--output {output}: its folder does not exist; make it first")
    model = recipes.load(args.name, args.weights)
    if not isinstance(model, models.VAE):
        raise InputError(
            f"{args.name} is an autoencoder, which has no distribution to sample from: "
            "choose a recipe with a VAE"
        )
    label = args.label
    if label is not None and not model.conditional:
        raise InputError(f"--label: {args.name} takes no label; leave it out or choose cvae_2d")
    if label is not None:
        whole("--label", label, 0, data.LABELS - 1)
    # Only a file is written: a window's backend, or a wrong one, in MPLBACKEND is not asked for.
    os.environ.pop("MPLBACKEND", None)
    from . import plots  # here, since the other commands draw nothing

    training.seeded(args.seed)
    if model.conditional and label is None:  # as in L1: one row for each digit
        label = [i * data.LABELS // args.count for i in range(args.count)]
    images = model.sample(args.count, label)
    plots.save_grid(images, output, args.columns, recipe.value_range)
    print(f"{args.count} images written to {output}")


def export_model(args):
    for path in export.export(args.name, args.output, args.format, args.weights):
        args.written.append(path)
        print(f"{args.name}: written to {path}")
    if args.format == "paddle":
        print(export.ONEDNN)


def build_data(args):
    target = data.folder() / f"{args.name}.h5" if args.target is None else args.target
    data.build(args.source, target, args.name)
    print(f"{target}: built from {args.source}")


def info(_):
    for name, value, reason in runtime.settings():
        print(f"{name:<24} {value!s:<14} {reason}")
