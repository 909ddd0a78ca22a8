"""Conv2D and Conv2DTranspose: paddle.nn's results and parameters, at matrix-product speed on a CPU.

Why they are fast. A processor multiplies two large matrices many times as fast as it runs Paddle's
own loops for a strided convolution, so a convolution here is two steps only:

1. *Gather.* Channels are the last axis ([N, H, W, C]), so a pixel is one contiguous row of C
   numbers, and a batch is a table of N*H*W rows. The pixels under the kernel, for every place
   where the kernel stops, are a list of row numbers that depends on the shape alone: made once,
   then one `gather`. Rows outside the image point to one extra row of zeros; that is the padding.
2. *Multiply.* One matrix product of the gathered rows with the kernel, written as a matrix.

A transposed convolution is the backward pass of a convolution, and a convolution is the backward
pass of a transposed one, so two functions (`_patches` and `_spread`) serve all four directions.
Notebook 10 draws this on a 6x6 image.
"""

from functools import lru_cache

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

__all__ = ["Conv2D", "Conv2DTranspose", "leaky_relu"]


# --- the row numbers: they depend on shapes alone, so each table is made once and kept ---


def _row_numbers(count, height, width, rows, columns):
    """Row number of pixel (rows, columns) in each image; outside pixels get the row of zeros.

    rows [h, 1, k, 1] and columns [1, w, 1, k] -> int32 tensor [count * h * w * k * k].
    """
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    image = np.arange(count).reshape(-1, 1, 1, 1, 1)
    number = np.where(inside, (image * height + rows) * width + columns, count * height * width)
    return paddle.to_tensor(number.ravel().astype("int32"), place=paddle.CPUPlace())


@lru_cache(maxsize=32)
def _patch_table(count, height, width):
    """For each place where the kernel stops (padding 1, stride 2): the 4x4 pixels under it."""
    first = np.arange(-1, height - 1, 2)[:, None, None, None]
    left = np.arange(-1, width - 1, 2)[None, :, None, None]
    step = np.arange(4)
    return _row_numbers(
        count, height, width, first + step[None, None, :, None], left + step[None, None, None, :]
    )


@lru_cache(maxsize=32)
def _corner_table(count, height, width):
    """For each corner between pixels, the outer border's included: the 2x2 pixels around it."""
    row, column = np.arange(height + 1), np.arange(width + 1)
    back = np.arange(2)  # the pixel after the corner, then the one before it
    return _row_numbers(
        count,
        height,
        width,
        row[:, None, None, None] - back[None, None, :, None],
        column[None, :, None, None] - back[None, None, None, :],
    )


@lru_cache(maxsize=32)
def _unfold_table(count, height, width):
    """Where each pixel of [N, 2h, 2w] lies among the 2x2 blocks around the corners of [N, h, w]."""
    row, column = np.arange(1, 2 * height + 1)[:, None], np.arange(1, 2 * width + 1)[None, :]
    corner = (np.arange(count)[:, None, None] * (height + 1) + row // 2) * (width + 1) + column // 2
    number = corner * 4 + row % 2 * 2 + column % 2
    return paddle.to_tensor(number.ravel().astype("int32"), place=paddle.CPUPlace())


# --- the two directions ---


def _pixels(x):
    """[N, H, W, C] -> [N * H * W, C], one row a pixel; costs nothing."""
    return x.reshape([-1, x.shape[-1]])


def _gather(x, table):
    """Rows of x [N, H, W, C] by a table of row numbers, with a row of zeros for the padding."""
    zeros = paddle.zeros([1, x.shape[-1]], x.dtype)
    return paddle.gather(paddle.concat([_pixels(x), zeros]), table)


def _patches(x):
    """[N, 2h, 2w, C] -> [N * h * w, 16 * C]: a row is all that one stop of the kernel sees."""
    return _gather(x, _patch_table(*x.shape[:3])).reshape([-1, 16 * x.shape[-1]])


def _as_matrix(weight):
    """Kernel [A, B, k, k] -> [k * k * B, A], its rows in the order of a patch's numbers."""
    return weight.transpose([2, 3, 1, 0]).reshape([-1, weight.shape[0]])


def _as_kernel(matrix, like):
    """Gradient [A, k * k * B] -> [A, B, k, k], the weight's own layout."""
    a, b, k, _ = like.shape
    return matrix.reshape([a, k, k, b]).transpose([0, 3, 1, 2])


def _spread(x, weight, bias=None):
    """Transposed 4x4 convolution, stride 2, padding 1: [N, h, w, A] -> [N, 2h, 2w, B].

    An output pixel sees just 2x2 input pixels. Output pixels come in 2x2 blocks, one around each
    corner between input pixels, that see the same four: one product makes a whole block.
    """
    count, height, width, a = x.shape
    b = weight.shape[1]
    corners = _gather(x, _corner_table(count, height, width)).reshape([-1, 4 * a])
    # kernel row = 2 * (which of the two pixels) + (which row of the block), and so for columns
    matrix = weight.reshape([a, b, 2, 2, 2, 2]).transpose([2, 4, 0, 3, 5, 1])
    bias = None if bias is None else bias.tile(4)  # [4*B], for the four pixels of a block
    blocks = _product(corners, matrix.reshape([4 * a, 4 * b]), bias)  # [N*(h+1)*(w+1), 4*B]
    table = _unfold_table(count, height, width)
    return paddle.gather(blocks.reshape([-1, b]), table).reshape([count, 2 * height, 2 * width, b])


def _product(a, b, bias):
    """a b + bias, the bias [columns] or None. One pass with addmm: Paddle's broadcast addition
    after the product takes as long as reading and writing the result twice more."""
    return paddle.matmul(a, b) if bias is None else paddle.addmm(bias.reshape([1, -1]), a, b)


def _bias_gradient(dy):
    """Sum of dy [N, H, W, C] over all but the channels, again as a product with ones."""
    rows = _pixels(dy)
    return paddle.matmul(paddle.ones([1, rows.shape[0]], dy.dtype), rows).reshape([-1])


def _sum_of_products(a, b, count):
    """a [M, p], b [M, q] -> transposed a times b, [p, q]: the gradient of a weight.

    MKL shares a small result badly among threads; a product for each image, then their sum, is
    five times as fast.
    """
    if a.shape[1] * b.shape[1] > 1024:
        return paddle.matmul(a, b, transpose_x=True)
    a, b = a.reshape([count, -1, a.shape[1]]), b.reshape([count, -1, b.shape[1]])
    return paddle.matmul(a, b, transpose_x=True).sum(0)


class _Convolution:
    """4x4, stride 2, padding 1: [N, 2h, 2w, C] -> [N, h, w, O]."""

    def forward(self, x, weight, bias):
        count, height, width, channels = x.shape
        patches = _patches(x)
        # patches are four times as large as x, which is kept anyway: gather wide ones again
        self.x, self.weight = x, weight
        self.patches = patches if channels == 1 else None
        y = _product(patches, _as_matrix(weight), bias)  # [N * h * w, O]
        return y.reshape([count, height // 2, width // 2, -1])

    def backward(self, dy, needs_dx):
        patches = _patches(self.x) if self.patches is None else self.patches
        dw = _as_kernel(_sum_of_products(_pixels(dy), patches, len(dy)), self.weight)
        return _spread(dy, self.weight) if needs_dx else None, dw


class _TransposedConvolution:
    """4x4, stride 2, padding 1: [N, h, w, C] -> [N, 2h, 2w, O]."""

    def forward(self, x, weight, bias):
        self.x, self.weight = x, weight
        return _spread(x, weight, bias)

    def backward(self, dy, needs_dx):
        patches = _patches(dy)  # one gather serves both products
        dw = _as_kernel(_sum_of_products(_pixels(self.x), patches, len(dy)), self.weight)
        if not needs_dx:
            return None, dw
        return paddle.matmul(patches, _as_matrix(self.weight)).reshape(self.x.shape), dw


class _ConvolutionToOne:
    """3x3, stride 1, padding 1, many channels to one: [N, H, W, C] -> [N, H, W, 1].

    The wide side is never gathered. Forward, multiply first, then add up nine shifted planes, one
    for each number of the kernel; backward, shift the one-channel gradient nine times.
    """

    def forward(self, x, weight, bias):
        self.x, self.weight = x, weight
        count, height, width, channels = x.shape
        kernel = weight.reshape([channels, 9]).transpose([1, 0])
        planes = paddle.matmul(kernel, _pixels(x), transpose_y=True)  # [9, N * H * W]
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
        dw = paddle.matmul(planes, pixels).sum(0)  # [9, C]; by image, as in _sum_of_products
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
            return _run(_Convolution(), self, x)
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
            return _run(_TransposedConvolution(), self, x)
        return super().forward(x, output_size)
