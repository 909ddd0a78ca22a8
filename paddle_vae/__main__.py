"""The command line: python -m paddle_vae list | train | evaluate | sample | export | ..."""

import argparse
import contextlib
import os
import sys

from . import commands, train_command, training
from .errors import InputError

MOST = 600  # characters of a message


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, as everything else here does."""

    def error(self, message):
        raise InputError(f"{message}: see `{self.prog} --help`")

    def print_help(self, file=None):  # argparse's hides that nothing could be written
        print(self.format_help(), end="", file=file)

    def exit(self, status=0, message=None):  # after --help
        raise _Helped


def parser():
    root = Parser(prog="python -m paddle_vae", description=__doc__)
    found = root.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, help):
        sub = found.add_parser(name, help=help, description=help)
        sub.set_defaults(function=function)
        return sub

    command("list", commands.list_recipes, "print the table of recipes")
    sub = command("train", train_command.train, "train a recipe and write its weights to runs/")
    sub.add_argument("name", metavar="NAME", nargs="?", help="a recipe's, or classifier")
    sub.add_argument("--all", action="store_true", help="every recipe, and the classifier")
    sub.add_argument("--epochs", metavar="N", type=int)
    sub.add_argument(
        "--patience",
        metavar="K",
        type=int,
        help="stop after K epochs without a lower loss on a tenth of the training images, left out",
    )
    sub.add_argument("--seed", metavar="N", type=int)
    sub.add_argument("--out", metavar="DIR", help="instead of runs")
    sub.add_argument("--ship", action="store_true", help="over the weights in data/weights")
    sub.add_argument(
        "--lesson",
        action="store_true",
        help="by the schedule of the lesson it comes from; keeps the loss, not the weights",
    )
    sub.add_argument("--processes", metavar="N", type=int, help="share each batch among so many")
    sub = command(
        "evaluate", commands.evaluate, "what a recipe's weights are worth on the test images"
    )
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--seeds", metavar="N", type=int, help="how far the noise moves the loss")
    sub.add_argument("--full", action="store_true", help="log-likelihoods and codes too (minutes)")
    sub.add_argument("--images", metavar="N", type=int, help="of the log-likelihoods of --full")
    sub.add_argument("--k", metavar="K", type=int, help="most importance samples of --full (5000)")
    sub.add_argument("--weights", metavar="DIR", help="instead of data/weights, such as runs")
    sub.add_argument("--json", action="store_true", help="print one JSON object")
    sub = command("sample", commands.sample, "write a grid of generated images")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--output", metavar="FILE.png", required=True)
    sub.add_argument("--label", metavar="D", type=int, help="one digit 0..9 (conditional models)")
    sub.add_argument("--count", metavar="N", type=int, default=200)
    sub.add_argument("--columns", metavar="N", type=int, default=20)
    sub.add_argument("--seed", metavar="N", type=int, default=0)
    sub.add_argument("--weights", metavar="DIR", help="instead of data/weights, such as runs")
    sub = command("export", commands.export_model, "write encoder and decoder for other programs")
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--format", choices=["onnx", "paddle"], required=True)
    sub.add_argument("--output", metavar="DIR", required=True)
    sub.add_argument("--weights", metavar="DIR", help="instead of data/weights, such as runs")
    sub = command(
        "data", commands.build_data, "build data/NAME.h5 from the four IDX files in a folder"
    )
    sub.add_argument("action", choices=["build"])
    sub.add_argument("--source", metavar="DIR", required=True)
    sub.add_argument("--name", choices=["mnist", "fashion_mnist"], default="mnist")
    sub.add_argument("--target", metavar="FILE.h5", help="instead of data/NAME.h5")
    command(
        "info", commands.info, "what this machine is and what was set to make Paddle fast on it"
    )
    return root


def main(arguments=None):
    """Run one command -> its exit status: 0; 2 after a sentence on stderr; 130 after Ctrl-C, 143
    after SIGTERM; 141 where nobody reads the output any more."""
    written = []
    if sys.stderr is None:  # closed: progress bars and messages have no place to go
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, for as long as the process lives
    try:
        if sys.stdout is None:
            raise InputError("standard output is closed: leave it open, or redirect it to a file")
        if hasattr(sys.stdout, "reconfigure"):  # a path may hold what this terminal cannot show
            sys.stdout.reconfigure(errors="backslashreplace")
        status = 0
        with training.interruptible(), contextlib.suppress(_Helped):
            args = parser().parse_args(arguments)
            args.written = written
            status = args.function(args) or 0
        sys.stdout.flush()
        return status
    except training.Stopped as stop:
        return _complain(f"stopped {stop}", 128 + stop.signal)
    except KeyboardInterrupt:
        files = f"written before: {', '.join(map(str, written))}" if written else "nothing written"
        return _complain(f"stopped; {files}", 130)
    except (InputError, FloatingPointError) as error:
        return _complain(str(error))
    except MemoryError:
        return _complain("memory ran out: close other programs, or ask for less at once")
    except BrokenPipeError:
        return 141
    except OSError as error:
        where = "the output" if error.filename is None else error.filename
        reason = error.strerror or type(error).__name__
        return _complain(f"{where} cannot be read or written ({reason}): give another place")
    finally:
        _flush()


class _Helped(Exception):
    """Ends a command line that asked for help."""


def _complain(message, status=2):
    """One line on stderr, whatever names are in the message -> the status."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    if len(line) > MOST:
        line = f"{line[: MOST // 2]} ... {line[-MOST // 2 :]}"
    with contextlib.suppress(OSError):
        start = "\n" if status in (130, 143) else ""  # below the progress bar
        print(f"{start}paddle_vae: {line}", file=sys.stderr, flush=True)
    return status


def _flush():
    """Leave nothing for Python to write at its end, where it could only complain in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except AttributeError:  # closed
            pass


if __name__ == "__main__":
    sys.exit(main())
