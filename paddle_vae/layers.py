"""Conv2D and Conv2DTranspose: paddle.nn's results and parameters, several times as fast on a CPU.

Why they are fast. A processor multiplies large matrices many times as fast as it runs Paddle's own
loops for a strided convolution, so here all arithmetic is matrix products, and as little as can be:

1. *Gather.* Channels are the last axis ([N, H, W, C]), so a pixel is one contiguous row of C
   numbers, and a batch is a table of N*H*W rows. Which pixels are needed where is a list of row
   numbers that depends on the shape alone: made once, then one lookup. Padding is a row of zeros.
2. *Multiply.* A kernel of 4x4 with stride 2 is one of 2x2 with stride 1, once 2x2 pixels are taken
   as one; and tiles of such a convolution need far fewer products than it seems (Winograd 1980;
   for networks Lavin and Gray 2016): additions before and after replace over half of them.

A transposed convolution is the backward pass of a convolution, and a convolution is the backward
pass of a transposed one, so the two ways of one class serve all four directions.
Notebook 10 draws this on a 6x6 image.
"""

import math
from functools import lru_cache

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

__all__ = ["Conv2D", "Conv2DTranspose", "leaky_relu"]


def cook_toom(size):
    """The three matrices with which `size` outputs of a kernel of two numbers take size + 1
    products instead of 2 * size (Winograd's F(size, 2), by the construction of Cook and Toom).

    y[i] = d[i] * g[0] + d[i + 1] * g[1] for i < size is output @ ((kernel @ g) * (input @ d)).
    The reason: a product of two polynomials is known from its values at enough points, one of them
    infinity, and this is that product read backwards. Returns input [size + 1, size + 1],
    kernel [size + 1, 2] and output [size, size + 1].
    """
    points = np.array([0, 1, -1, 2, -2, 0.5, -0.5])[:size]

    def values(terms):  # of a polynomial at the points; at infinity its last coefficient remains
        return np.vstack([np.vander(points, terms, increasing=True), np.eye(terms)[-1]])

    return np.linalg.inv(values(size + 1)).T, values(2), values(size).T


def _row_numbers(image, places, blocks):
    """Numbers of pixels of an image (N, H, W) among the rows of [N * H * W, C], in the order [place
    row, place column, N, tile row, tile column, pixel of a block]; outside, that after the last.

    places: for both axes, the places of each tile [place, tile]. blocks: whether a place is a block
    of 2x2 pixels, the first of them half outside, or a single pixel.
    """
    count, height, width = image
    rows, columns = (
        2 * axis[..., None] + np.arange(-1, 1) if blocks else axis[..., None] for axis in places
    )
    rows, columns = rows[:, None, None, :, None, :, None], columns[:, None, None, :, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    images = np.arange(count)[:, None, None, None, None]
    numbers = (images * height + rows) * width + columns
    return np.where(inside, numbers, count * height * width).ravel()


def _lookup(x, table):
    """Rows of x [N, H, W, C] by their numbers; the number after the last gives zeros."""
    *places, channels = x.shape
    # paddle.nn.functional.embedding, but for its check that forbids such a number; paddle.gather
    # would need a copy of x with a row of zeros appended
    return paddle._C_ops.embedding(table, x.reshape([-1, channels]), math.prod(places), False)


def _combine(matrix, x, transpose=False):
    """Apply a matrix [r, c] to both axes of places, rows and then columns, which is several times
    as fast as both at once: x [c, c, ...] -> [r, r, n]."""
    r, c = matrix.shape[::-1] if transpose else matrix.shape
    x = paddle.matmul(matrix, x.reshape([c, -1]), transpose)
    return paddle.matmul(matrix, x.reshape([r, c, -1]), transpose)


class _Way:
    """One way between large images [N, 2h, 2w, L] and small ones [N, h, w, S], for one shape.

    `shrink` is the way of a convolution (4x4, stride 2, padding 1), the other one that of its
    transpose. Blocks of 2x2 pixels of the large image are taken as one place with 4 L channels, the
    first block half outside. Then a small pixel i sees the blocks i and i + 1, and a block i gets
    from the small pixels i - 1 and i: both ways are a 2x2 kernel that moves in steps of one.
    The output is cut into tiles of m x m places, which see (m + 1) x (m + 1) places of the input.
    """

    def __init__(self, count, height, width, shrink, dtype):
        self.shrink = shrink
        small, large = (count, height, width), (count, 2 * height, 2 * width)
        source, self.target = (large, small) if shrink else (small, large)
        outputs = (height, width) if shrink else (height + 1, width + 1)
        # the m with the fewest products; above 7 little is gained, and rounding errors grow
        m = min(range(1, 8), key=lambda m: math.prod(-(-n // m) * (m + 1) for n in outputs))
        self.m, self.products = m, (m + 1) ** 2
        tiles = [m * np.arange(-(-n // m)) for n in outputs]  # the first place of each
        first = 0 if shrink else -1
        seen = [tile + np.arange(first, first + m + 1)[:, None] for tile in tiles]
        made = [tile + np.arange(m)[:, None] for tile in tiles]
        reads, writes = (
            _row_numbers(source, seen, shrink),
            _row_numbers(self.target, made, not shrink),
        )
        finds = np.empty(math.prod(self.target) + 1, int)  # the last one for all pixels outside
        finds[writes] = np.arange(len(writes))
        self.reads, self.writes, self.finds = (
            paddle.to_tensor(table.astype("int32"), place=paddle.CPUPlace())
            for table in (reads, writes, finds[:-1])
        )
        inputs, kernel, outputs = cook_toom(m)
        kernel = kernel if shrink else kernel[:, ::-1]  # its last place meets pixel i - 1
        self.inputs, self.kernel, self.outputs = (
            paddle.to_tensor(matrix.copy(), dtype, place=paddle.CPUPlace())
            for matrix in (inputs, kernel, outputs)
        )

    def cut(self, x):
        """Input image -> its tiles, combined for the products: [P, tiles, K], P = (m + 1)^2."""
        channels = x.shape[-1] * (4 if self.shrink else 1)
        tiles = _combine(self.inputs, _lookup(x, self.reads))
        return tiles.reshape([self.products, -1, channels])

    def join(self, tiles, weight, bias=None):
        """Tiles [P, tiles, K] times the weight [S, L, 4, 4] -> output image."""
        small, large, *_ = weight.shape
        # kernel row = 2 * (which of two places) + (which row of the block), and so for columns
        order = [2, 4, 3, 5, 1, 0] if self.shrink else [2, 4, 0, 3, 5, 1]
        matrix = _combine(self.kernel, weight.reshape([small, large, 2, 2, 2, 2]).transpose(order))
        matrix = matrix.reshape([self.products, 4 * large if self.shrink else small, -1])
        y = paddle.matmul(tiles, matrix)  # [P, tiles, M]: nearly all the work is here
        # _combine(self.outputs, y), but columns first, so that addmm can add the bias to
        # the last product: Paddle's broadcast addition afterwards would take two more passes
        y = paddle.matmul(self.outputs, y.reshape([self.m + 1, self.m + 1, -1]))
        y = y.reshape([self.m + 1, -1])
        if bias is None:
            y = paddle.matmul(self.outputs, y)  # [m, m * tiles * M]
        else:
            bias = bias.tile(y.shape[1] // bias.shape[0]).unsqueeze(0)
            y = paddle.addmm(bias, self.outputs, y)
        channels = small if self.shrink else large
        return _lookup(y.reshape([-1, channels]), self.finds).reshape([*self.target, channels])

    def weight_gradient(self, tiles, dy, weight):
        """Gradient of the weight [S, L, 4, 4] from the input's tiles and the output's gradient."""
        small, large, *_ = weight.shape
        places = _combine(self.outputs, _lookup(dy, self.writes), transpose=True)
        places = places.reshape([self.products, -1, small if self.shrink else 4 * large])
        matrix = paddle.matmul(tiles, places, transpose_x=True)  # [P, K, M]
        matrix = _combine(self.kernel, matrix, transpose=True)  # [2, 2, K * M]
        if self.shrink:
            kernel = matrix.reshape([2, 2, 2, 2, large, small]).transpose([5, 4, 0, 2, 1, 3])
        else:
            kernel = matrix.reshape([2, 2, small, 2, 2, large]).transpose([2, 5, 0, 3, 1, 4])
        return kernel.reshape(weight.shape)


_way = lru_cache(maxsize=32)(_Way)  # tables and matrices of a shape are made once and kept


class _Strided:
    """4x4, stride 2, padding 1; shrink: convolution, otherwise transposed."""

    def __init__(self, shrink):
        self.shrink = shrink

    def forward(self, x, weight, bias):
        self.x, self.weight = x, weight
        count, height, width, _ = x.shape
        self.small = (count, height // 2, width // 2) if self.shrink else (count, height, width)
        way = _way(*self.small, self.shrink, x.dtype)
        return way.join(way.cut(x), weight, bias)

    def backward(self, dy, needs_dx):
        way = _way(*self.small, not self.shrink, dy.dtype)
        tiles = way.cut(dy)  # one cutting serves both: x is to dy, backward, what dy is to x
        dw = way.weight_gradient(tiles, self.x, self.weight)
        return way.join(tiles, self.weight) if needs_dx else None, dw


def _bias_gradient(dy):
    """Sum of dy [N, H, W, C] over all but the channels, as two products with ones, which are
    quicker than `sum`."""
    count, height, width, channels = dy.shape
    of_images, of_pixels = (paddle.ones([1, n], dy.dtype) for n in (count, height * width))
    pixels = paddle.matmul(of_images, dy.reshape([count, -1]))
    return paddle.matmul(of_pixels, pixels.reshape([-1, channels])).reshape([-1])


class _ConvolutionToOne:
    """3x3, stride 1, padding 1, many channels to one: [N, H, W, C] -> [N, H, W, 1].

    The wide side is never gathered. Forward, multiply first, then add up nine shifted planes, one
    for each number of the kernel; backward, shift the one-channel gradient nine times.
    """

    def forward(self, x, weight, bias):
        self.x, self.weight = x, weight
        count, height, width, channels = x.shape
        kernel = weight.reshape([channels, 9]).transpose([1, 0])
        pixels = x.reshape([-1, channels])
        planes = paddle.matmul(kernel, pixels, transpose_y=True)  # [9, N * H * W]
        planes = planes.reshape([9, count, height, width])
        planes = nn.functional.pad(planes, [0, 0, 0, 0, 1, 1, 1, 1])
        shifted = [
            planes[3 * row + column, :, row : row + height, column : column + width]
            for row in range(3)
            for column in range(3)
        ]
        y = paddle.add_n(shifted).unsqueeze(-1)  # [N, H, W, 1]
        return y if bias is None else y.add_(bias)

    def backward(self, dy, needs_dx):
        count, height, width, channels = self.x.shape
        padded = nn.functional.pad(dy.squeeze(-1), [0, 0, 1, 1, 1, 1])
        shifted = [
            padded[:, 2 - row : 2 - row + height, 2 - column : 2 - column + width]
            for row in range(3)
            for column in range(3)
        ]
        planes = paddle.stack(shifted, 1).reshape([count, 9, -1])  # [N, 9, H * W]
        pixels = self.x.reshape([count, -1, channels])
        # MKL shares a small result badly among threads: a product for each image, then their sum
        dw = paddle.matmul(planes, pixels).sum(0)  # [9, C]
        dw = dw.transpose([1, 0]).reshape(self.weight.shape)
        if not needs_dx:
            return None, dw
        kernel = self.weight.reshape([channels, 9])
        dx = paddle.matmul(planes, kernel, transpose_x=True, transpose_y=True)
        return dx.reshape(self.x.shape), dw


# paddle.grad may ask for the gradients of some inputs only. Paddle's PyLayer then refuses the
# others unless its inputs come as one list, which Paddle 2 does not follow: there, one by one.
AS_LIST = not paddle.__version__.startswith("2.")


class _Apply(PyLayer):
    """Makes a form part of Paddle's graph: runs it forward and backward.

    wanted: the inputs whose gradients are asked for.
    """

    @staticmethod
    def forward(ctx, form, inputs, *wanted):
        wanted = wanted[0] if AS_LIST else wanted
        x, weight, bias = inputs()
        ctx.form, ctx.wanted = form, [any(t is w for w in wanted) for t in (x, weight, bias)]
        return form.forward(x, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        dx, dw = ctx.form.backward(dy, ctx.wanted[0])
        gradients = dx, dw, _bias_gradient(dy)
        found = [g for g, wanted in zip(gradients, ctx.wanted, strict=True) if wanted]
        return found if AS_LIST else tuple(found)


class _LeakyReLU(PyLayer):
    """max(x, slope * x). Keeps its output, which the next layer keeps as well, not its input."""

    @staticmethod
    def forward(ctx, x, slope):
        y = nn.functional.leaky_relu(x, slope)
        # detached (the same memory): an output that its own graph holds would never be freed
        ctx.save_for_backward(y.detach())
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensor()
        # 1 where y > 0, else slope: three quick passes; Paddle's own takes several times as long
        return y.scale(1e38).clip_(ctx.slope, 1.0).multiply_(dy)


def leaky_relu(x, negative_slope=0.01):
    """paddle.nn.functional.leaky_relu, whose backward pass is slow on a CPU; any shape.

    Fast for slopes in (0, 1], where the sign of the output tells that of the input.
    """
    if 0 < negative_slope <= 1 and _on_cpu(x):
        return _LeakyReLU.apply(x, negative_slope)
    return nn.functional.leaky_relu(x, negative_slope)


# --- the layers ---


def _pair(value):
    return list(value) if isinstance(value, list | tuple) else [value, value]


def _plain(layer, kernel, stride, padding):
    """Whether a layer is the plain case: zeros around it, one group, no dilation, these sizes."""
    return (
        layer._padding_mode == "zeros"
        and layer._groups == 1
        and _pair(layer._dilation) == [1, 1]
        and _pair(layer.output_padding if hasattr(layer, "output_padding") else 0) == [0, 0]
        and _pair(layer._kernel_size) == [kernel, kernel]
        and _pair(layer._stride) == [stride, stride]
        and _pair(layer._padding) == [padding, padding]
    )


def _on_cpu(x):
    return paddle.in_dynamic_mode() and x.place.is_cpu_place()


def _run(form, layer, x):
    """Apply a form, which works on [N, H, W, C], to an image of the layer's own data format."""
    channels_last = layer._data_format == "NHWC"
    x = x if channels_last else x.transpose([0, 2, 3, 1])
    inputs = x, layer.weight, layer.bias
    wanted = [t for t in inputs if t is not None and not t.stop_gradient]
    wanted = [wanted] if AS_LIST else wanted
    y = _Apply.apply(form, lambda: inputs, *wanted)  # behind a function: no inputs of the graph
    return y if channels_last else y.transpose([0, 3, 1, 2])


class Conv2D(nn.Conv2D):
    """paddle.nn.Conv2D, with the same arguments and parameters, fast on a CPU for three cases:
    4x4 with stride 2 and padding 1 on even sizes, 3x3 with padding 1 to one channel, and 1x1 on a
    1x1 image (a fully connected layer). All else, and a GPU, is left to Paddle.
    """

    def forward(self, x):
        """Image [N, in, H, W] ("NCHW") or [N, H, W, in] ("NHWC") -> the same with `out`, h, w."""
        channels_last = self._data_format == "NHWC"
        height, width = x.shape[1:3] if channels_last else x.shape[2:]
        if not _on_cpu(x):
            return super().forward(x)
        if height == width == 1 and _plain(self, 1, 1, 0):
            matrix = self.weight.reshape(self.weight.shape[:2])  # [out, in]
            y = paddle.matmul(x.reshape([x.shape[0], -1]), matrix, transpose_y=True)
            y = y if self.bias is None else y + self.bias  # [N, out]
            return y.reshape([-1, 1, 1, y.shape[1]] if channels_last else [-1, y.shape[1], 1, 1])
        if height % 2 == width % 2 == 0 and _plain(self, 4, 2, 1):
            return _run(_Strided(shrink=True), self, x)
        if self.weight.shape[0] == 1 and _plain(self, 3, 1, 1):
            return _run(_ConvolutionToOne(), self, x)
        return super().forward(x)


class Conv2DTranspose(nn.Conv2DTranspose):
    """paddle.nn.Conv2DTranspose, with the same arguments and parameters, fast on a CPU for 4x4
    with stride 2 and padding 1. All else, and a GPU, is left to Paddle.
    """

    def forward(self, x, output_size=None):
        """Image [N, in, H, W] ("NCHW") or [N, H, W, in] ("NHWC") -> the same with `out`, 2H, 2W."""
        if output_size is None and _on_cpu(x) and _plain(self, 4, 2, 1):
            return _run(_Strided(shrink=False), self, x)
        return super().forward(x, output_size)
