"""Exercises of notebook 06: the label."""

from exercises import Choose, Write, Wrong

import paddle


def condition(z, label):
    """The decoder's input: codes [N, L] and labels int [N] in 0..9 -> [N, L + 10].

    The code comes first, then the label as one-hot.
    """
    return paddle.concat([z, paddle.nn.functional.one_hot(label, 10)], 1)


def _labelled():
    paddle.seed(0)
    z = paddle.randn([10, 3])
    return [
        ("with the labels 0 to 9", (z, paddle.arange(10))),
        ("with the same label for all", (z, paddle.full([10], 7, "int64"))),
        ("with a single code", (z[:1], paddle.to_tensor([3]))),
        ("with the labels 5, 0, 4", (z[:3], paddle.to_tensor([5, 0, 4]))),
        ("with codes of two numbers", (3 * z[:4, :2], paddle.to_tensor([9, 1, 1, 6]))),
    ]


condition = Write(
    condition,
    purpose="Give a network a label in a form in which no digit is larger than another.",
    minutes=6,
    statement="""
    The decoder of a conditional VAE gets the code and the label in one row: first the code, then ten
    numbers for the label, a 1 at its place and 0 elsewhere.
    """,
    cases=_labelled,
    gradients=("z",),
    hints=(
        "`paddle.nn.functional.one_hot(label, 10)` makes ten numbers of each label.",
        "`paddle.concat([first, second], 1)` puts two tensors side by side.",
    ),
    wrong={
        "as a number": Wrong(
            lambda z, label: paddle.concat([z, label.astype("float32").unsqueeze(1)], 1),
            "Yours is the label as one number: then a 9 is nine times a 1. Ten places are asked.",
        ),
        "label first": Wrong(
            lambda z, label: paddle.concat([paddle.nn.functional.one_hot(label, 10), z], 1),
            "You have put the label first: the code comes first.",
        ),
        "shifted": Wrong(
            lambda z, label: paddle.concat(
                [z, paddle.nn.functional.one_hot((label + 1) % 10, 10)], 1
            ),
            "Your 1 stands one place too far: label 0 has the first place.",
        ),
        "reversed": Wrong(
            lambda z, label: paddle.concat([z, paddle.nn.functional.one_hot(9 - label, 10)], 1),
            "Your places run backwards: label 0 has the first place.",
        ),
        "one place too early": Wrong(
            lambda z, label: paddle.concat(
                [z, (label.unsqueeze(1) == paddle.arange(1, 11)).astype("float32")], 1
            ),
            "Your 1 stands one place too early, and label 0 has none: it has the first place.",
        ),
        "whole numbers": Wrong(
            lambda z, label: paddle.concat(
                [z.astype("int64"), paddle.nn.functional.one_hot(label, 10).astype("int64")], 1
            ),
            "Your codes have lost their fractions: make the label a float, not the code an integer.",
        ),
        "minus one": Wrong(
            lambda z, label: paddle.concat([z, 2 * paddle.nn.functional.one_hot(label, 10) - 1], 1),
            "Beside the 1 you have put -1: the other places are 0.",
        ),
        "ones up to the label": Wrong(
            lambda z, label: paddle.concat(
                [z, (paddle.arange(10) <= label.unsqueeze(1)).astype("float32")], 1
            ),
            "You have put a 1 at all places up to the label: only its own is 1.",
        ),
        "below each other": Wrong(
            lambda z, label: paddle.concat(
                [z, paddle.nn.functional.one_hot(label, 10)[:, : z.shape[1]]], 0
            ),
            "You have put the label below the codes: side by side is axis 1.",
        ),
        "no axis": Wrong(
            lambda z, label: paddle.concat([z, paddle.nn.functional.one_hot(label, 10)]),
            "Without an axis, concat puts one tensor below the other: side by side is axis 1.",
        ),
        "no axis, label first": Wrong(
            lambda z, label: paddle.concat([paddle.nn.functional.one_hot(label, 10), z]),
            "Without an axis, concat puts one tensor below the other: side by side is axis 1.",
        ),
        "code alone": Wrong(
            lambda z, label: paddle.concat([z, paddle.zeros([z.shape[0], 10])], 1),
            "Your ten places are all 0: the label does not arrive.",
        ),
    },
    reason="The networks of the lesson that we follow do the same, with trailing axes of 1 for their 1 x 1 convolutions.",
)

codes_of_labelled = Choose(
    "predict",
    purpose="Say what is left for the code, if the label is told.",
    minutes=3,
    statement="""
    Both networks of a VAE are told the digit. The codes of 1,000 digits are drawn as a scatter, as
    in notebook 2. What will be seen?
    """,
    choices={
        "a": "ten clusters, farther apart than before",
        "c": "no clusters: the digits lie over one another",
        "b": "all codes in one point",
    },
    right="c",
    replies={
        "a": "To say the digit in the code costs KL. What is it good for, if the decoder knows it?",
        "b": "Then the code would say nothing about slant or width either.",
    },
    reason="What the decoder is told already need not be paid for in the code.",
)

half_labels = Choose(
    "predict",
    purpose="Ask a model something that it was never asked in training.",
    minutes=4,
    statement="""
    `sample` refuses half a digit, but the decoder takes any ten numbers. Give it half a 0 and half
    a 1, with 200 draws of the noise, and let the classifier read the pictures:

    ```python
    y = 0.5 * (models.one_hot([0], 1) + models.one_hot([1], 1)).tile([200, 1, 1, 1])
    pictures = cvae.decoder(paddle.randn([200, 2, 1, 1]), y)
    print(np.bincount(judge.predict(pictures), minlength=10))
    ```

    What does it read most often?
    """,
    choices={
        "a": "a 0 in about half of the pictures, and a 1 in the others",
        "b": "an 8",
        "c": "each of the ten digits about equally often",
    },
    right="b",
    replies={
        "a": "The decoder draws no lots: it gets the same ten numbers for each picture, and they are "
        "those of neither digit. Of 600 pictures, drawn with three seeds, 27 were read as a 0 and 24 as "
        "a 1.",
        "c": "Eight of the ten numbers are 0, as they are for every other digit that is not asked for. "
        "Of 600 pictures, drawn with three seeds, 548 were read as the same digit.",
    },
    reason="It read an 8 in 548 of 600 pictures, drawn with three seeds; with half a 3 and half an 8 in "
    "all 600. No training image had half a label, so nothing says what it should mean.",
)

same_code = Choose(
    "predict",
    purpose="Say what a code means once the digit is no part of it.",
    minutes=2,
    statement="""
    You decode **one** code with the ten labels in turn. What do the ten pictures have in common?
    """,
    choices={
        "b": "nothing: each label has a plane of its own",
        "a": "the style, such as the slant",
        "c": "they are ten times the same digit",
    },
    right="a",
    replies={
        "b": "The layers after the first are shared by all labels. And what do similar codes mean for "
        "two digits, if the same encoder made them?",
        "c": "Then the decoder would ignore the label.",
    },
    reason="The cells below measure the slant: for two digits drawn at the same places of the plane, "
    "it has a correlation of 0.73 on average in this model. Planes of their own would give about 0.",
)
