"""python -m paddle_vae train: what it refuses, trains, keeps and says."""

import contextlib
import shlex
import shutil
import sys
import time

from . import classifier, data, distributed, recipes, runs, training, weights
from .errors import InputError, whole


def train(args):
    """Refuse first whatever would end in vain, then train."""
    if args.all == (args.name is not None):
        raise InputError("train needs either the NAME of one recipe or --all: give one of them")
    if args.ship and args.out is not None:
        raise InputError("--ship writes to data/weights, --out to its DIR: give one of them")
    names = [*recipes.RECIPES, "classifier"] if args.all else [args.name]
    limits = {"epochs": (1, 10**6), "patience": (1, 10**6), "seed": (0, 2**32 - 1)}
    for option, (least, most) in (limits | {"processes": (1, 64)}).items():
        value = getattr(args, option)
        if value is not None:
            whole(f"--{option}", value, least, most)
    _fit_together(args)
    rows = {n: recipes.scheduled(n, args.lesson) for n in names if n != "classifier"}
    if args.lesson and "classifier" in names:
        raise InputError("classifier has no schedule of a lesson: leave out --lesson")
    for row in rows.values():
        row.dataset("train"), row.dataset("test")
    args.folder = runs.folder(None if args.ship else "runs" if args.out is None else args.out)
    models = [row.build() for row in rows.values()] + [classifier.Classifier()]
    size = 4 * sum(p.size for model in models for p in model.parameters())
    if args.lesson:
        runs.lesson_records(runs.lessons_path(args.folder))
        runs.prepare(runs.lessons_path(args.folder), 1 << 16)
    for name in names if not args.lesson else ():
        paths = [classifier.weights_path(args.folder)]
        if name != "classifier":
            epochs = (None, *rows[name].checkpoints)
            paths = [recipes.weights_path(name, args.folder, epoch) for epoch in epochs]
        for path in paths:
            runs.prepare(path, size)
    if args.processes not in (None, 1) and distributed.processes() == 1:
        return distributed.launch(args.processes, [sys.executable, *command_line(args)[1:]])
    finished = []  # folders of checkpoints; kept until all is done, so that --all can go on
    for name in names:
        if name == "classifier":
            finished.append(train_classifier(args))
        else:
            finished.append(train_recipe(args, rows[name]))
    if distributed.rank() == 0:
        for folder in finished:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # where other things lie there
                folder.parent.rmdir()


def _fit_together(args):
    """Raise InputError for options that contradict each other, what is trained, or the machine."""
    for flag in ("all", "lesson", "ship"):
        if args.patience is not None and getattr(args, flag):
            raise InputError(
                f"--patience ends the schedule of one recipe early, and --{flag} wants it whole: "
                "give one of them"
            )
    for option in ("patience", "processes"):
        if args.name == "classifier" and getattr(args, option) not in (None, 1):
            raise InputError(f"--{option} is for recipes, and classifier is none: leave it out")


def command_line(args):
    """What was typed, as a list: python -m paddle_vae train NAME, with its options."""
    words = ["python", "-m", "paddle_vae", "train", *([args.name] if args.name else [])]
    words += [f"--{flag}" for flag in ("all", "ship", "lesson") if getattr(args, flag)]
    for option in ("epochs", "patience", "seed", "out", "processes"):
        if getattr(args, option) is not None:
            words += [f"--{option}", str(getattr(args, option))]
    return words


def train_recipe(args, recipe):
    name = recipe.name
    seed = recipe.seed if args.seed is None else args.seed
    epochs = recipe.epochs if args.epochs is None else args.epochs
    known = {"recipe": name, "seed": seed, "threads": runs.threads()} | runs.versions()
    # Beside the weights; those of --ship are not the place for what is not finished.
    checkpoint = runs.folder("runs" if args.ship else args.folder) / name
    checkpoint = checkpoint.with_name(f"{name}_lesson") if args.lesson else checkpoint
    print(f"{name}: {recipe.summary}, {epochs} epochs, seed {seed}", flush=True)

    def keep(model, history):
        epoch = len(history.epochs)
        if epoch in recipe.checkpoints and not args.lesson:
            path = recipes.save(name, model, args.folder, epoch, epochs=epoch, **known)
            args.written.append(path)

    start = time.perf_counter()
    how = {"patience": args.patience, "callbacks": [keep], "checkpoint": checkpoint}
    with _goes_on(args):
        model, history = recipes.train(name, epochs, seed, args.lesson, **how)
    if distributed.rank():  # only the first of several processes writes
        return checkpoint
    seconds = time.perf_counter() - start
    if args.patience is not None:
        best = int(history.test[:, 0].argmin()) + 1
        known |= {"patience": args.patience, "best_epoch": best}
        print(
            f"after epoch {len(history.epochs)} of {epochs}: the loss on a tenth of the training "
            f"images, left out for this, was lowest after epoch {best}, whose weights are kept"
        )
    loss = recipes.evaluate(name, model)
    if args.lesson:
        path = runs.record_lesson(recipe, loss, epochs, args.folder)
    else:
        known |= {"epochs": epochs, "loss": f"{loss.total:.4f}", "kl": f"{loss.kl:.4f}"}
        known["reconstruction"] = f"{loss.reconstruction:.4f}"
        path = recipes.save(name, model, args.folder, history=history, **known)
    args.written.append(path)
    print(
        f"test loss {loss.total:.2f} = {loss.reconstruction:.2f} + {recipe.beta:g} * "
        f"{loss.kl:.2f}, {seconds:.0f} s, written to {path}",
        flush=True,
    )
    return checkpoint


@contextlib.contextmanager
def _goes_on(args):
    """Where the training inside is stopped, the message ends in the command that goes on."""
    try:
        yield
    except training.Stopped as stop:
        stop.args = (f"{stop.args[0].split(': ')[0]}; go on by `{shlex.join(command_line(args))}`",)
        raise


def train_classifier(args):
    """One process trains it, whatever --processes says."""
    if distributed.rank():
        return None
    seed = 0 if args.seed is None else args.seed
    epochs = classifier.EPOCHS if args.epochs is None else args.epochs
    print(f"classifier: the judge of generated digits, {epochs} epochs, seed {seed}", flush=True)
    checkpoint = runs.folder("runs" if args.ship else args.folder) / "classifier"
    start = time.perf_counter()
    with _goes_on(args):
        model = classifier.train(epochs=epochs, seed=seed, checkpoint=checkpoint)
    seconds = time.perf_counter() - start
    test = data.load("mnist", "test")
    accuracy = classifier.accuracy(model, data.scale(test.images), test.labels).value
    path = classifier.weights_path(args.folder)
    known = {"epochs": str(epochs), "seed": str(seed), "accuracy": f"{accuracy:.4f}"}
    weights.save(model, path, known, half=True)
    args.written.append(path)
    print(f"test accuracy {accuracy:.2%}, {seconds:.0f} s, written to {path}", flush=True)
    return checkpoint
