import nbformat
import notebook_plugin
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_plugin import difference

pytest_plugins = ["pytester"]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("loss 130.1", "loss 130.1"),
        ("loss 130.1", "loss 132.0"),
        ("loss  9.99\nkl 6.50", "loss 10.02\nkl  6.51"),  # the columns shift
        ("| a | 9.99 |\n|-----|", "| a | 10.02 |\n|------|"),
        ("[ 0.01 -0.02]", "[0.02 -0.01]"),  # one unit of the last digit
        ("difference 8.9e-08", "difference 3.0e-07"),  # float32's zero
        ("-0.00", "0.00"),
        ("shape [128, 1, 28, 28]", "shape [128, 1, 28, 28]"),
        ("nan", "nan"),
        ("1.0", "1.1"),
        ("1,234.5 s", "1,235.9 s"),
    ],
)
def test_within_tolerance(expected, actual):
    assert difference(expected, actual) is None


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("loss 130.1", "loss 140.1"),
        ("loss 130.1", "test loss 130.1"),
        ("loss 130.1", "loss 130.1 nats"),
        ("0.51", "-0.51"),
        ("60,000 images", "60,001 images"),
        ("100000 images", "100001 images"),
        ("shape [128, 1, 28, 28]", "shape [128, 1, 28, 27]"),
        ("28x28", "28x27"),
        ("conv2", "conv3"),
        ("1.5 2.5", "1.5"),
        ("1.5", "nan"),
        ("", "1.5"),
    ],
)
def test_beyond_tolerance(expected, actual):
    assert difference(expected, actual)


def test_a_cell_may_loosen_it():
    assert difference("9412 of 10000", "9100 of 10000", relative=0.05) is None
    assert difference("9412 of 10000", "8100 of 10000", relative=0.05)
    assert difference("mean 0.002", "mean -0.031", absolute=0.05) is None
    assert difference("mean 0.002", "mean -0.131", absolute=0.05)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def figure():
    return new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})


SHOW = """from IPython.display import display
display({"image/png": "AAAA", "text/plain": "<Figure>"}, raw=True)"""

BARS = """from tqdm import tqdm
for _ in tqdm(range(3), desc="epoch 1/1", unit="batch", postfix="loss 1.0"): pass
for _ in tqdm(iter("abc")): pass"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run nbval with the plugin on a notebook of one cell, and count what came out."""

    monkeypatch.setattr(notebook_plugin, "GPU_WHEEL", False)

    def run(source, outputs, tags=(), execution_count=1):
        cell = new_code_cell(source, outputs=outputs, execution_count=execution_count)
        cell.metadata["tags"] = list(tags)
        nbformat.write(new_notebook(cells=[cell]), pytester.path / "01_tiny.ipynb")
        options = ["--nbval", "--nbval-current-env", "-p", "notebook_plugin"]
        result = pytester.runpytest_inprocess(*options, "-p", "no:cacheprovider", "01_tiny.ipynb")
        return result.parseoutcomes(), result.stdout.str()

    return run


@pytest.mark.parametrize(
    ("source", "outputs", "tags"),
    [
        ("print('loss 130.1')", [stream("loss 130.1\n")], []),
        ("print('loss 131.9')", [stream("loss 130.1\n")], []),
        ("print('9100 right')", [stream("9412 right\n")], ["tolerance:0.05"]),
        ("import sys; print('3.2 s', file=sys.stderr)", [], ["stderr"]),
        (BARS, [], []),
        ("import time; time.time()", [], ["nbval-ignore-output"]),
        (SHOW, [figure()], []),
    ],
)
def test_notebook_passes(run, source, outputs, tags):
    outcomes, text = run(source, outputs, tags)
    assert outcomes == {"passed": 2}, text  # once, and again


@pytest.mark.parametrize(
    ("source", "outputs", "says"),
    [
        ("print('loss 140.1')", [stream("loss 130.1\n")], "130.1 has become 140.1"),
        ("print('loss rose')", [stream("loss fell\n")], "'loss fell' has become 'loss rose'"),
        ("print('loss 130.1')", [], "the outputs [] have become [stdout]"),
        ("pass", [figure()], "the outputs [image/png, text/plain] have become []"),
        ("1 / 0", [], "ZeroDivisionError"),
        ("import sys; print('careful', file=sys.stderr)", [], "careful"),
        ("import os; os.write(2, b'from below\\n');", [], "from below"),
        (BARS + "\nimport warnings; warnings.warn('old form')", [], "UserWarning: old form"),
    ],
)
def test_notebook_fails(run, source, outputs, says):
    outcomes, text = run(source, outputs)
    assert outcomes == {"failed": 1, "skipped": 1}
    assert says in text


def test_stderr_counts_where_nothing_is_compared(run):
    outcomes, text = run("import warnings; warnings.warn('old')", [], ["nbval-ignore-output"])
    assert outcomes == {"failed": 1, "skipped": 1}
    assert "UserWarning: old" in text


def test_a_cell_that_answers_otherwise_the_second_time_fails(run):
    outcomes, text = run("n = globals().get('n', 0) + 1\nprint(n)", [stream("1\n")])
    assert outcomes == {"passed": 1, "failed": 1}
    assert "In reverse order" in text and "the number 1 has become 2" in text


def test_a_slow_cell_runs_once(run, monkeypatch):
    monkeypatch.setattr(notebook_plugin, "QUICK", 0)
    outcomes, text = run("n = globals().get('n', 0) + 1\nprint(n)", [stream("1\n")])
    assert outcomes == {"passed": 2}, text


def test_unexecuted_notebook_fails(run):
    outcomes, text = run("print('loss 130.1')", [], execution_count=None)
    assert outcomes == {"errors": 1}
    assert "not fully executed" in text and "cell 1 has not run" in text


def test_out_of_order_notebook_fails(run):
    outcomes, text = run("print('loss 130.1')", [stream("loss 130.1\n")], execution_count=7)
    assert outcomes == {"errors": 1}
    assert "cell 1 ran as number 7 instead of 1" in text


def test_committed_error_fails(run):
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    outcomes, text = run("raise ValueError('no')", [error])
    assert outcomes == {"errors": 1}
    assert "raises-exception" in text
