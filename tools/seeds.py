"""Repeat what a notebook says of one training with other seeds, and keep what came out.

    python -m tools.seeds                         the experiments there are
    python -m tools.seeds vae_2d --seeds 3        a recipe: its test loss in parts
    python -m tools.seeds nb03.schedule --seeds 10

An experiment is a function in tools/experiments/: it takes a seed and returns numbers by name.
Results go into data/weights/seeds.json, a seed at a time, so a long run may be stopped; notebooks
read them by `runs.over_seeds(NAME)`.
"""

import argparse
import importlib
import inspect
import pkgutil

from paddle_vae import recipes, runs

from . import experiments


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.seeds", description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="?", help="a recipe, or module.function; default: list them")
    parser.add_argument("--seeds", type=int, default=3, help="how many: 0, 1, ... (default: 3)")
    args = parser.parse_args(argv)
    table = {name: of_recipe(name) for name in recipes.RECIPES} | found()
    if args.name not in table:
        print("choose one of:", *table, sep="\n  ")
        return 0 if args.name is None else 2
    for seed in range(args.seeds):
        numbers = {key: round(float(value), 5) for key, value in table[args.name](seed).items()}
        print(args.name, "seed", seed, numbers, flush=True)
        keep(args.name, seed, numbers)
    return 0


def of_recipe(name):
    """The experiment that trains a recipe from nothing and measures its test loss."""

    def run(seed):
        model, _ = recipes.train(name, seed=seed, progress=False)
        return recipes.evaluate(name, model)._asdict()

    return run


def found():
    """The experiments of the notebooks: {"nb03.schedule": function}."""
    table = {}
    for module in pkgutil.iter_modules(experiments.__path__):
        loaded = importlib.import_module(f"{experiments.__name__}.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ == loaded.__name__ and list(
                inspect.signature(function).parameters
            ) == ["seed"]:
                table[f"{module.name}.{name}"] = function
    return table


def keep(name, seed, numbers):
    """Write one seed's numbers into seeds.json; what else is there stays."""
    path = runs.folder() / "seeds.json"
    before = runs.lesson_records(path).get(name, {})
    runs.record(name, before | {str(seed): numbers}, path)


if __name__ == "__main__":
    raise SystemExit(main())
