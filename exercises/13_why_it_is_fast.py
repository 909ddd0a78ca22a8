"""Exercises of notebook 13: convolutions as matrix products."""

from exercises import Choose, Write, Wrong

import paddle


def fold(columns, stride):
    """The transposed step in one dimension: columns [K, T] -> signal [(T - 1) * stride + K].

    Column t is added into the places t * stride to t * stride + K - 1.
    """
    size, count = columns.shape
    signal = paddle.zeros([(count - 1) * stride + size])
    for t in range(count):
        place = slice(t * stride, t * stride + size)
        signal[place] = signal[place] + columns[:, t]
    return signal


def _columns():
    paddle.seed(0)
    counted = paddle.arange(1, 9).astype("float32").reshape([2, 4])
    return [
        ("without overlap", (paddle.ones([2, 3]), 2)),
        ("with one column", (paddle.arange(4).astype("float32").unsqueeze(1), 2)),
        ("with overlap", (paddle.ones([4, 3]), 2)),
        ("with stride 1", (counted, 1)),
        ("with gaps", (counted, 3)),
        ("with random columns", (paddle.randn([4, 7]), 2)),
        ("with columns of three", (paddle.randn([3, 5]), 2)),
    ]


def _folded(columns, stride, how):
    size, count = columns.shape
    signal = paddle.zeros([(count - 1) * stride + size])
    for t in range(count):
        place = slice(t * stride, t * stride + size)
        signal[place] = how(signal[place], columns[:, t])
    return signal


def _of_length(columns, stride, length):
    signal = paddle.zeros([length])
    for t in range(columns.shape[1]):
        place = slice(t * stride, t * stride + len(columns))
        signal[place] = signal[place] + columns[:, t]
    return signal


def _rows_for_columns(columns, stride):
    size, count = columns.shape
    signal = paddle.zeros([(count - 1) * stride + size])
    for t in range(count):
        place = slice(t * stride, t * stride + size)
        signal[place] = signal[place] + columns[t]
    return signal


def _spread(columns, stride):
    size, count = columns.shape
    signal = paddle.zeros([(count - 1) * stride + size])
    for t in range(count):
        for k in range(size):
            if t + k * stride < len(signal):
                signal[t + k * stride] = signal[t + k * stride] + columns[k, t]
    return signal


def _averaged(columns, stride):
    ones = _folded(paddle.ones(columns.shape), stride, lambda a, b: a + b)
    return _folded(columns, stride, lambda a, b: a + b) / ones.clip(1)


fold = Write(
    fold,
    purpose="Write the step that makes a transposed convolution, in its smallest form.",
    minutes=8,
    statement="""
    A transposed convolution computes a column of K numbers for each input, and adds the columns into
    the output, each `stride` places after the one before. Write the adding, in one dimension. Where
    columns overlap, they add up.
    """,
    cases=_columns,
    hints=(
        "How long is the output? The last column begins at (T - 1) * stride and has K numbers.",
        "Begin with zeros, and add one column after the other.",
    ),
    wrong={
        "overwritten": Wrong(
            lambda columns, stride: _folded(columns, stride, lambda a, b: b),
            "Where columns overlap, yours keeps the last: add them.",
        ),
        "averaged": Wrong(
            _averaged,
            "Where columns overlap, yours takes their mean: add them.",
        ),
        "largest": Wrong(
            lambda columns, stride: _folded(columns, stride, paddle.maximum),
            "Where columns overlap, yours keeps the larger: add them.",
        ),
        "side by side": Wrong(
            lambda columns, stride: columns.T.flatten(),
            "You have put the columns one after the other: with a stride below K they overlap.",
        ),
        "turned": Wrong(
            lambda columns, stride: _folded(columns.flip(0), stride, lambda a, b: a + b),
            "Your columns stand on their heads: the first number of a column goes to the first place.",
        ),
        "cut at the stride": Wrong(
            lambda columns, stride: _folded(
                columns * (paddle.arange(len(columns)) < stride).astype("float32").unsqueeze(1),
                stride,
                lambda a, b: a + b,
            ),
            "You use only the first `stride` numbers of a column: all K of them count.",
        ),
        "columns backwards": Wrong(
            lambda columns, stride: _folded(columns.flip(1), stride, lambda a, b: a + b),
            "Your columns come in the reverse order: column 0 begins at place 0.",
        ),
        "last column missing": Wrong(
            lambda columns, stride: _folded(
                columns
                * (paddle.arange(columns.shape[1]) < columns.shape[1] - 1).astype("float32"),
                stride,
                lambda a, b: a + b,
            ),
            "Your last column is missing: there are T of them.",
        ),
        "axes exchanged": Wrong(
            lambda columns, stride: _folded(columns.T, stride, lambda a, b: a + b),
            "You take the rows for the columns: a column is columns[:, t].",
        ),
        "rows for columns": Wrong(
            _rows_for_columns,
            "columns[t] is a row, of T numbers: column t is columns[:, t].",
        ),
        "too long": Wrong(
            lambda columns, stride: _of_length(
                columns, stride, columns.shape[1] * stride + len(columns)
            ),
            "Your signal is one stride too long: the last column begins at `(T - 1) * stride`, so "
            "the length is `(T - 1) * stride + K`.",
        ),
        "too short": Wrong(
            lambda columns, stride: _of_length(columns, stride, columns.shape[1] * stride),
            "Your signal has T * stride places: the last column begins at `(T - 1) * stride` and "
            "needs K, so the length is `(T - 1) * stride + K`.",
        ),
        "stride between numbers": Wrong(
            _spread,
            "The stride is between columns: the numbers of one column stand side by side.",
        ),
        "stride 1": Wrong(
            lambda columns, stride: _folded(columns, 1, lambda a, b: a + b),
            "You have used a stride of 1, whatever is given.",
        ),
    },
    reason="It is the transpose of cutting a signal into overlapping windows: where that reads a "
    "number twice, this adds twice.",
)

count_products = Choose(
    "predict",
    purpose="Count before you measure.",
    minutes=4,
    statement="""
    A convolution with a 4 x 4 kernel and stride 2 has 32 input channels and 64 output channels, and
    its output has 7 x 7 pixels. How many multiplications does it take for one image, computed
    directly?
    """,
    choices={
        "a": "4 * 4 * 32 * 64 = 32,768",
        "c": "7 * 7 * 4 * 4 * 32 * 64 = 1,605,632",
        "b": "14 * 14 * 4 * 4 * 32 * 64 = 6,422,528",
        "d": "7 * 7 * 64 = 3,136",
    },
    right="c",
    replies={
        "a": "That is for one output pixel.",
        "b": "That counts every input pixel as the middle of a window: with stride 2 there are a "
        "quarter as many windows.",
        "d": "That is the number of outputs. How many products make one of them?",
    },
    reason="Each of the 7 * 7 * 64 outputs is a sum of 4 * 4 * 32 products.",
)

who_wins = Choose(
    "explain",
    purpose="Know what makes a computation fast on a processor.",
    minutes=3,
    statement="""
    Written as one product of two large matrices, a convolution takes exactly as many multiplications
    as before, and more memory. Why can it be faster all the same?
    """,
    choices={
        "b": "because matrices are stored compressed",
        "a": "because a library multiplies large matrices at nearly the processor's full speed",
        "c": "because the zeros of the border are left out",
    },
    right="a",
    replies={
        "b": "They are stored as they are.",
        "c": "They are multiplied like all others.",
    },
    reason="Numbers that are used many times stay in the cache, and the processor multiplies several at once.",
)

two_outputs = Choose(
    "predict",
    purpose="See how the saving depends on how many outputs are computed together.",
    minutes=4,
    statement="""
    Three outputs took four products instead of six. How many do **two** outputs take,
    $y_0 = d_0\\,g_0 + d_1\\,g_1$ and $y_1 = d_1\\,g_0 + d_2\\,g_1$? Answer first, then run
    `print(*winograd.cook_toom(2), sep="\\n")` in a cell of your own: the second table has a row for
    each product.
    """,
    choices={
        "a": "four, as in the ordinary way",
        "b": "three",
        "c": "two",
    },
    right="b",
    replies={
        "a": "Here, too, inputs can be combined first. Count the rows of the second table.",
        "c": "Two products are one for each output. The second table has more rows.",
    },
    reason="Three instead of four saves a quarter; four instead of six saved a third.",
)
