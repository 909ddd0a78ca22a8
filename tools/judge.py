"""Judge one answer of a class: notebook, exercise and answer as JSON on standard input.

A process of its own, since it runs what a student wrote (tools/handout.py starts it).
"""

import json
import sys

import exercises

import numpy as np
import paddle


def main():
    notebook, name, answer = json.loads(sys.stdin.read())
    exercise = getattr(exercises.load(notebook), name)
    if isinstance(exercise, exercises.Write):
        space = {"np": np, "paddle": paddle}
        exec(answer, space)
        # the last that was defined: helpers stand before it
        answer = [value for key, value in space.items() if callable(value) and key[0] != "_"][-1]
    exercise.check(answer)


if __name__ == "__main__":
    main()
