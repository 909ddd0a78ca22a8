"""How an exercise is stated, checked, hinted at and solved.

The solution is the source: from a Write's reference function come the stub in the notebook, the
values that an answer must give, and the text of `solution()`. Its wrong answers are functions, too.
An answer that behaves as one of them gets that one's message, which says what was mistaken for
what. An answer is judged by what it does (values, shapes, gradients), never by its text.
"""

import ast
import inspect
import textwrap

import numpy as np
import paddle

from . import progress
from .language import say
from .probes import copies, probe
from .relations import relation

UNTRIED = "not tried yet. Replace the ... by your answer, and run the cell again."
NO_GRADIENT = (
    "the values are right, but the gradient is not: compute with Paddle's functions from the "
    "arguments to the result, without numpy(), item() or detach(), or training cannot use it."
)
KINDS = {"write": "Write", "predict": "Predict", "diagnose": "Diagnose", "explain": "Explain"}
RANDOM = "it gives another result each time: draw nothing, and use only what it is given."
IN_PLACE = "it changes its arguments: make new tensors, and leave those that it is given."


class Exercise:
    """What all kinds share; `notebook` and `name` are set by exercises.load."""

    notebook = name = None

    def __init__(self, kind, purpose, minutes, statement, hints, reason):
        self.kind, self.purpose, self.minutes = kind, purpose, minutes
        self.statement, self.reason = textwrap.dedent(statement).strip(), reason
        self.hints, self._shown = list(hints), 0

    def messages(self):
        """All that a learner reads of this exercise, for who translates it."""
        return [self.purpose, self.statement, *self.hints, self.reason]

    def markdown(self, say=say):
        """The statement, as the cell above the stub; `say` translates."""
        head = say("### Exercise: {name}").format(name=self.name.replace("_", " "))
        foot = say("*{kind}, about {minutes} minutes. {purpose}*").format(
            kind=say(KINDS[self.kind]), minutes=self.minutes, purpose=say(self.purpose)
        )
        return f"{head}\n\n{say(self.statement)}\n\n{foot}"

    def check(self, answer=...):
        """Print whether the answer is right, and what is wrong with it; never raises."""
        try:
            verdict = say(UNTRIED) if answer is ... else self.judge(answer)
        except Exception as error:  # a learner's object may fail in every way
            verdict = say("the answer cannot be judged ({error}).").format(
                error=f"{type(error).__name__}: {error}"
            )
        if verdict is None:
            progress.add(f"{self.notebook}.{self.name}")
            verdict = say("right. {reason}").format(reason=say(self.reason))
        print(f"{self.name}: {verdict}")

    def hint(self):
        """Print the next hint."""
        if self._shown == len(self.hints):
            text = say("{name}: there are no more hints; {name}.solution() shows one way.")
            print(text.format(name=self.name))
            return
        self._shown += 1
        print(
            say("{name}, hint {number} of {count}: {hint}").format(
                name=self.name,
                number=self._shown,
                count=len(self.hints),
                hint=say(self.hints[self._shown - 1]),
            )
        )


class Choose(Exercise):
    """One of several answers: a prediction, a diagnosis, the reading of a figure.

    kind: "predict", "diagnose" or "explain". choices: {"a": text, ...}. right: the letter of the
    right one. replies: {letter: what to say to who chose it}, for each wrong one.
    """

    def __init__(
        self, kind, *, purpose, minutes, statement, choices, right, replies, reason, hints=()
    ):
        super().__init__(kind, purpose, minutes, statement, hints, reason)
        self.choices, self.right, self.replies = dict(sorted(choices.items())), right, replies

    def messages(self):
        return [*super().messages(), *self.choices.values(), *self.replies.values()]

    def markdown(self, say=say):
        """The statement with its choices, as the cell above the stub; `say` translates."""
        head, *body, foot = super().markdown(say).split("\n\n")
        listed = [f"- **{letter}**: {say(text)}" for letter, text in self.choices.items()]
        return "\n\n".join([head, *body, "\n".join(listed), foot])

    def stub(self):
        """The code cell in which a learner answers."""
        letters = ", ".join(f'"{letter}"' for letter in self.choices)
        return f"my_{self.name} = ...  # one of {letters}\nex.{self.name}.check(my_{self.name})"

    def solved(self):
        """The code cell of who has solved it."""
        return f'my_{self.name} = "{self.right}"\nex.{self.name}.check(my_{self.name})'

    def judge(self, answer):
        letter = str(answer).strip().strip(".)").lower()
        if letter not in self.choices:
            text = say("{answer} is none of {letters}.")
            return text.format(answer=repr(letter[:20]), letters=", ".join(self.choices))
        if letter == self.right:
            return None
        return say("not {letter}. {reply}").format(letter=letter, reply=say(self.replies[letter]))

    def solution(self):
        """Print the right answer with its reason."""
        print(
            say("{name}: {letter}, {choice}. {reason}").format(
                name=self.name,
                letter=self.right,
                choice=say(self.choices[self.right]),
                reason=say(self.reason),
            )
        )


class Wrong:
    """A typical wrong answer and what is said to who gives it."""

    def __init__(self, function, message):
        self.function, self.message = function, message


class Write(Exercise):
    """A function to write.

    solution: the reference, whose docstring is the stub's. cases: a function that returns pairs of
    words ("at N(0, 1)") and arguments. wrong: {name: Wrong}. gradients: names of the arguments
    through which a gradient must come. reason: said to who is right.
    """

    def __init__(
        self,
        solution,
        *,
        purpose,
        minutes,
        statement,
        cases,
        hints,
        wrong,
        reason,
        gradients=(),
        tolerance=1e-4,
    ):
        super().__init__("write", purpose, minutes, statement, hints, reason)
        self.reference, self.cases, self.wrong = solution, cases, wrong
        self.gradients, self.tolerance = tuple(gradients), tolerance

    def messages(self):
        words = [words for words, _ in self.cases()]
        return [*super().messages(), *words, *(mistake.message for mistake in self.wrong.values())]

    def source(self):
        """The reference solution as a learner would have written it, named my_..."""
        text = textwrap.dedent(inspect.getsource(self.reference))
        return text.replace(f"def {self.reference.__name__}(", f"def my_{self.name}(", 1).strip()

    def stub(self):
        """The code cell in which a learner answers: the reference without its body."""
        function = ast.parse(self.source()).body[0]
        head = ast.unparse(ast.Module([function], [])).split(":\n", 1)[0]
        text = textwrap.indent(f'"""{inspect.getdoc(self.reference)}"""', "    ")
        check = f"ex.{self.name}.check(my_{self.name})"
        return f"{head}:\n{text}\n    return ...  # your code\n\n\n{check}"

    def solved(self):
        """The code cell of who has solved it."""
        return f"{self.source()}\n\n\nex.{self.name}.check(my_{self.name})"

    def solution(self):
        """Print the reference solution with its reason."""
        print(f"{self.source()}\n\n{say(self.reason)}")

    def judge(self, answer):
        if not callable(answer):
            text = say("this is a {kind}: give the function, my_{name}, itself.")
            return text.format(kind=type(answer).__name__, name=self.name)
        expected, given = [], []
        for words, arguments in self.cases():
            mine = copies(arguments)
            try:
                result = answer(*mine)
                again = answer(*copies(arguments))
            except (Exception, SystemExit) as error:
                return self._stopped(_reason(error), words, arguments)
            if result is ...:
                return say(UNTRIED)
            if result is None:
                text = say("it returns nothing {at}: does its last line begin with return?")
                return text.format(at=say(words))
            expected.append(_values(self.reference(*copies(arguments))))
            given.append(_values(result))
            if given[-1] is None:
                text = say("it returns a {kind} {at}: give a tensor.")
                return text.format(kind=type(result).__name__, at=say(words))
            if not _same(_values(again), given[-1], 0):
                return say(RANDOM)
            if any(
                not _same(_values(a), _values(b), 0) for a, b in zip(mine, arguments, strict=True)
            ):
                return say(IN_PLACE)
        if all(map(self._close, given, expected)):
            return None if self._gradients_agree(answer) else say(NO_GRADIENT)
        difference = self._difference(given, expected)
        for mistake in self.wrong.values():
            if all(map(self._close, given, self._outputs(mistake.function))):
                return f"{difference} {say(mistake.message)}"
        return f"{difference} {self._relation(answer, given, expected)}".strip()

    def _stopped(self, reason, words, arguments):
        """Where an answer stops, with the message of a wrong answer that stops there likewise."""
        text = say("it stops {at} with {reason}").format(at=say(words), reason=reason)
        for mistake in self.wrong.values():
            if _outcome(mistake.function, arguments) == reason:
                return f"{text} {say(mistake.message)}"
        if "ufunc" in reason:
            text += " " + say("NumPy's functions do not take these tensors: use Paddle's.")
        return text

    def _relation(self, answer, given, expected):
        """What the numbers or the behaviour of an answer say about its fault; "" if nothing."""
        cases = [arguments for _, arguments in self.cases()]
        if any(len(each) != 1 for each in [*given, *expected]):
            return ""
        given, expected = [g for (g,) in given], [e for (e,) in expected]
        found = relation(given, expected, [tuple(case[0].shape) for case in cases])
        return found or probe(answer, self.reference, cases)

    def _outputs(self, function):
        return [_outcome(function, arguments) for _, arguments in self.cases()]

    def _close(self, given, expected):
        return _same(given, expected, self.tolerance)

    def _difference(self, given, expected):
        """Where an answer differs from the solution, in a sentence."""
        words = [words for words, _ in self.cases()]
        right = [w for w, g, e in zip(words, given, expected, strict=True) if self._close(g, e)]
        at, mine, asked = next(
            (w, g, e)
            for w, g, e in zip(words, given, expected, strict=True)
            if not self._close(g, e)
        )
        begin = say("it is right {at}, and ").format(at=say(right[0])) if right else say("it is ")
        at = say(at)
        if len(mine) != len(asked):
            text = say("it gives {count} tensors {at}, and {asked} are asked.")
            return text.format(count=len(mine), at=at, asked=len(asked))
        for one, other in zip(mine, asked, strict=True):
            if one.shape != other.shape:
                return say("it gives the shape {shape} {at}, and {asked} is asked.").format(
                    shape=list(one.shape), at=at, asked=list(other.shape)
                )
            if not np.isfinite(one).all() and np.isfinite(other).all():
                return begin + say("not finite {at}.").format(at=at)
            gap = one.astype("float64") - other
            if not _same((one,), (other,), self.tolerance):
                place = np.unravel_index(np.nanargmax(np.abs(gap)), gap.shape)
                size, value = gap[place], other[place]
                if other.dtype.kind in "iu":  # a label is no quantity
                    text = say("it gives {mine} {at}, where {value} is right.")
                    text = text.format(mine=f"{one[place]:.3g}", at=at, value=value)
                    return begin + text if right else text
                larger = say("{gap} too large {at}, where {value} is right.")
                smaller = say("{gap} too small {at}, where {value} is right.")
                text = larger if size > 0 else smaller
                value = _rounded(value, abs(size) / 10)
                return begin + text.format(gap=f"{abs(size):.3g}", at=at, value=value)
        return say("it is wrong.")

    def _gradients_agree(self, answer):
        names = list(inspect.signature(self.reference).parameters)
        for _, arguments in self.cases() if self.gradients else ():
            found = []
            for function in (self.reference, answer):
                mine = copies(arguments)
                wanted = [mine[names.index(name)] for name in self.gradients]
                for tensor in wanted:
                    tensor.stop_gradient = False
                with paddle.enable_grad():
                    result = function(*mine)
                    result = result if isinstance(result, tuple | list) else [result]
                    if not all(isinstance(each, paddle.Tensor) for each in result):
                        return False
                    total = sum((each * each).sum() + each.sum() for each in result)
                    if total.stop_gradient:
                        return False
                    found.append(paddle.grad(total, wanted, allow_unused=True))
            for mine, asked in zip(found[1], found[0], strict=True):
                if mine is None or not self._close(_values(mine), _values(asked)):
                    return False
        return True


def _rounded(value, error):
    """A number with three digits, or as many as its error asks for."""
    texts = [f"{value:.{digits}g}" for digits in range(3, 8)]
    return next((text for text in texts if abs(float(text) - value) <= error), texts[0])


def _reason(error):
    """The first line of an error, shortened at a word."""
    return textwrap.shorten(
        f"{type(error).__name__}: {error}".split("\n")[0], 200, placeholder="..."
    )


def _outcome(function, arguments):
    """What a function gives, as _values; for one that stops, its reason, a string."""
    try:
        return _values(function(*copies(arguments)))
    except Exception as error:
        return _reason(error)


def _values(result):
    """A result as a tuple of arrays; None for what is no number."""
    results = result if isinstance(result, tuple | list) else (result,)
    try:
        arrays = tuple(np.asarray(each) for each in results)
    except Exception:
        return None
    return arrays if all(array.dtype.kind in "biuf" for array in arrays) else None


def _same(given, expected, tolerance):
    if not isinstance(given, tuple) or not isinstance(expected, tuple):
        return given == expected
    if len(given) != len(expected):
        return False
    return all(
        one.shape == other.shape
        and np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        for one, other in zip(given, expected, strict=True)
    )
