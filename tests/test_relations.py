"""What is said of a wrong answer's numbers, and that it is said only where it is true."""

import exercises
from exercises import probes, relations

import numpy as np
import paddle
import pytest

ONE, TWO = np.array([0.5, -2.0, 3.25, 7.0]), np.array([1.5, -4.75, -0.25])
CASES = [ONE, TWO]
SIZES = [(4, 2), (3, 5)]


def said(*given, expected=CASES, sizes=SIZES):
    return relations.relation([np.asarray(g) for g in given], expected, sizes)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda e: -e, "sign is turned round"),
        (lambda e: 2 * e, "2 times the right value"),
        (lambda e: e / 2, "1/2 times the right value"),
        (lambda e: e * np.log(2), "0.693 times the right value"),
        (lambda e: 0 * e, "0 everywhere"),
        (lambda e: e + 8, "8 more than"),
        (lambda e: e - 0.5, "1/2 less than"),
        (np.square, "the square of"),
        (np.sqrt, "the root of"),
        (np.log, "the logarithm of"),
        (np.exp, "is exp of"),
        (np.exp2, "2 to the power of"),
        (lambda e: 1 / e, "1 divided by"),
        (lambda e: 1 - e, "1 minus"),
        (np.abs, "without its sign"),
        (np.trunc, "without their fractions"),
        (np.round, "rounded"),
        (lambda e: e[::-1], "backwards"),
        (lambda e: np.append(0, e[:-1]), "too late"),
        (lambda e: np.append(e[1:], 0), "too early"),
        (lambda e: np.minimum(e, 1), "never above 1"),
        (lambda e: np.maximum(e, 4), "never below 4"),
        (lambda e: e[:, None], "an axis of length 1 is left"),
        (lambda e: e[:2], "the last ones are missing"),
        (lambda e: e.sum(), "added up over the first axis"),
        (lambda e: e.mean(), "taken the mean over the first axis"),
        (lambda e: np.stack([e - 1, 1 + 0 * e], 1), "right before the sum"),
        (lambda e: np.stack([e - 1, e + 1], 1), "right before the mean"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_relation_is_said_where_it_holds_and_not_where_one_case_differs(change, words):
    assert words in said(change(ONE), change(TWO))
    spoiled = np.array(change(TWO), float)
    spoiled.flat[0] = 1.625 if spoiled.flat[0] != 1.625 else 0
    assert words not in said(change(ONE), spoiled)


def test_an_axis_that_is_lost_or_exchanged():
    one, two = np.ones([1]), np.array([2.0, 3.0])
    assert "length 1 is lost" in said(one[0], two, expected=[one, two])
    square = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert "exchanged" in said(square.T, expected=[square], sizes=[(2, 3)])


def test_a_mean_for_a_sum_is_told_from_a_factor_by_the_sizes():
    mean = said(ONE / 2, TWO / 5)
    assert "divided by the length of axis 1: is it a mean" in mean and "Besides" not in mean
    assert "multiplied by 784" in said(392 * ONE, 156.8 * TWO)
    assert "divided by the length of axis 0:" in said(ONE / 4, TWO / 3)
    assert "multiplied by the length of axis 1: is it a sum" in said(2 * ONE, 5 * TWO)
    assert said(ONE / 2, TWO / 7) == ""


def test_a_constant_that_belongs_inside_the_sum():
    assert "once for each of its terms" in said(ONE + 0.5, TWO + 2)  # (L - 1) / 2
    sizes = [*SIZES, (4, 9)]
    assert "once for each" in said(ONE + 1, TWO + 4, ONE + 8, expected=[*CASES, ONE], sizes=sizes)
    assert "missing or wrong" in said(ONE + 1, TWO + 2.5)
    other = said(ONE + 1, TWO + 4, ONE + 5, expected=[*CASES, ONE], sizes=sizes)
    assert "how long they are" in other


@pytest.mark.parametrize("given", [(ONE**3, TWO), (ONE, TWO * [1, 1, 2]), (-ONE, TWO)])
def test_nothing_is_said_where_nothing_holds(given):
    assert said(*given) == ""


def test_nothing_is_said_of_few_numbers():
    few = [np.array([2.0, 2.0]), np.array([0.0])]
    assert said(few[0] ** 2, few[1], expected=few) == ""


def test_other_rows_and_arguments_that_are_not_used():
    def right(x, scale):
        return (scale * x).sum(1)

    paddle.seed(0)
    cases = [(paddle.randn([n, 3]), scale) for n, scale in ((3, 2.0), (4, 0.5), (1, 3.0))]
    assert (
        probes.probe(lambda x, scale: x.sum(1), right, cases) == "Yours does not depend on scale."
    )
    text = "What it gives for one row changes"
    assert probes.probe(lambda x, scale: scale * (x - x.max()).sum(1), right, cases).startswith(
        text
    )
    one = probes.probe(lambda x, scale: (scale * x).mean(), right, cases)
    assert one.startswith("Yours is one number for all rows")
    assert probes.probe(lambda x, scale: scale * x.sum(1) + 1, right, cases) == ""
    assert probes.probe(lambda x, scale: 1 / 0, right, cases) == ""


def test_a_row_that_computes_otherwise_when_it_is_alone_is_not_said_to_follow_the_others():
    def right(x):
        return x.sum(1)

    def answer(x):  # as an exp in a block of eight, and outside one
        return x.sum(1) * (float("nan") if x.size >= 8 else 2.0)

    paddle.seed(0)
    assert probes.probe(answer, right, [(paddle.randn([n, 3]),) for n in (2, 3, 4)]) == ""


def test_numbers_before_a_sum_that_leaves_one_number():
    assert "add all of them up" in said(ONE, TWO, expected=[ONE.sum(), TWO.sum()])
    assert "over all of them" in said(ONE, TWO, expected=[ONE.mean(), TWO.mean()])


# ---- the exercises' own wrong answers --------------------------------------

# Each relation or behaviour that one of them has, as it was read beside its own message.
MEAN, FACTOR, SIGN = "a mean where a sum", "look for a factor", "sign is turned round"
INSIDE, ROWS, BATCH = "inside the sum", "changes with the other rows", "over the first axis"
READ = {
    "squared_error": {
        "mean over pixels": MEAN,
        "sum over everything": BATCH,
        "average over the batch": BATCH,
        "mean over everything": "one number",
        "root": "the root",
        "channel left": "an axis of length 1 is left",
        "mean times 784": "multiplied by 784",
        "half": "1/2 times",
    },
    "reparameterize": {"mean alone": "depend on logvar, noise", "noise added": "depend on logvar"},
    "kl": {
        "sign": SIGN,
        "no half": "2 times",
        "no one": "missing or wrong",
        "one once": INSIDE,
        "mean of dimensions": MEAN,
        "no sum": "before the sum",
        "sum of all": BATCH,
        "sum over images": ROWS,
    },
    "price_of_std": {
        "sign": SIGN,
        "no half": "2 times",
        "no one": "missing or wrong",
        "one once": INSIDE,
        "mean over dimensions": MEAN,
        "mean over dimensions, no half": "multiplied by 2",
    },
    "weight": {"exchanged": "1 minus", "ratio of distances": "depend on std", "nearest": "rounded"},
    "smoother": {
        "plain average": "depend on z, mean, std",
        "wrong axis": ROWS,
        "one maximum for all": ROWS,
    },
    "condition": {
        "whole numbers": "without their fractions",
        "below each other": ROWS,
        "code alone": "depend on label",
    },
    "cross_entropy": {
        "small constant": "never above",
        "mean": MEAN,
        "mean of everything": "one number",
        "sum of everything": BATCH,
    },
    "floor": {
        "zero": "0 everywhere",
        "log 2": "depend on target",
        "sign": SIGN,
        "bits": "1.44 times",
        "mean": MEAN,
        "mean of everything": "one number",
    },
    "sharpness": {"over the batch": BATCH},
    "iwae": {
        "one maximum for all": ROWS,
        "no log K": "how long they are",
        "over images": "one number",
        "wrong axis": ROWS,
    },
    "bits_per_dimension": {
        "nats": "0.693 times",
        "sign": SIGN,
        "784 pixels": "depend on pixels",
        "multiplied": "0.48 times",
        "whole image": "depend on pixels",
    },
    "active_units": {"share": MEAN, "mask": "before the sum: add all"},
    "majority": {
        "nearest only": "depend on k",
        "all vote": "depend on k",
        "places counted": "depend on labels",
        "indices": "depend on labels, k",
    },
    "fold": {"side by side": "depend on stride", "stride 1": "depend on stride"},
}


@pytest.mark.parametrize("name", exercises.names())
def test_no_relation_contradicts_the_message_of_a_wrong_answer(name):
    for exercise in exercises.load(name):
        if not isinstance(exercise, exercises.Write):
            continue
        right, read = exercise._outputs(exercise.reference), READ.get(exercise.name, {})
        for key, mistake in exercise.wrong.items():
            given = exercise._outputs(mistake.function)
            text = exercise._relation(mistake.function, given, right)
            assert read[key] in text if key in read else not text, f"{exercise.name}, {key}: {text}"
