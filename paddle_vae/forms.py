"""The fast forms of a convolution on a CPU: each knows one case, forward and backward, for images
[N, H, W, C]. layers.py makes layers of them.

A transposed convolution is the backward pass of a convolution, and a convolution that of a
transposed one, so two directions serve all four. All arithmetic is matrix products.
"""

from functools import lru_cache

import numpy as np
import paddle
from paddle.nn import functional as F

from .winograd import filter_rows, winograd

FEW = 3  # channels of an image up to which patches are quicker than tiles


class Form:
    """One use of a fast form: what its backward pass needs is kept from the forward pass."""

    def keep(self, *tensors):
        self.tensors, self.versions = tensors, [t.inplace_version for t in tensors]

    def kept(self):
        """The tensors; RuntimeError where one was changed in place since, as from paddle.nn."""
        if self.versions != [t.inplace_version for t in self.tensors]:
            raise RuntimeError(
                "a layer's input, weight or output was modified by an inplace operation after the "
                "forward pass, so there is no gradient: modify a copy, tensor.clone()"
            )
        return self.tensors


class Strided(Form):
    """4x4, stride 2, padding 1, by Winograd's tiles; shrink: convolution, otherwise transposed."""

    def __init__(self, shrink):
        self.shrink = shrink

    def forward(self, x, weight, bias):
        self.keep(x, weight)
        count, height, width, _ = x.shape
        self.small = (count, height // 2, width // 2) if self.shrink else (count, height, width)
        self.rows = filter_rows(weight)
        way = winograd(*self.small, self.shrink, x.dtype)
        return way.output(way.input_transform(x), self.rows, bias)

    def backward(self, dy, needs_dx):
        x, weight = self.kept()
        way = winograd(*self.small, not self.shrink, dy.dtype)
        tiles = way.input_transform(dy)  # serves both: x is to dy, backward, what dy is to x
        dw = way.weight_gradient(tiles, x, weight.shape)
        # computed again for a second derivative, whose graph must see where they come from
        rows = filter_rows(weight) if paddle.is_grad_enabled() else self.rows
        return way.output(tiles, rows) if needs_dx else None, dw


class Patches(Form):
    """Between an image of few channels, C, and one of many, M, by the patches of the former that a
    kernel sees: a product each way, with a matrix [M, C * k * k].

    to_many: from C channels to M, a convolution; otherwise back, a transposed one, where patches
    that overlap are added up. turned: the weight is that of a convolution of stride 1 to one
    channel, which is a transposed one with the kernel turned by half a turn. Padding 1.
    """

    def __init__(self, to_many, kernel, stride, turned=False):
        self.to_many, self.stride, self.turned = to_many, stride, turned
        self.window = {"kernel_sizes": kernel, "strides": stride, "paddings": 1}

    def _matrix(self, weight):
        """Weight -> [M, C * k * k]."""
        if self.turned:
            return weight.reshape([weight.shape[1], -1]).flip(1)
        return weight.flatten(1)

    def _unfold(self, few):
        """[N, H, W, C] -> its patches [N, C * k * k, h * w]."""
        return F.unfold(few.transpose([0, 3, 1, 2]), **self.window)

    def _fold(self, many, height, width):
        """[N, h, w, M] -> [N, H, W, C]."""
        many = many.flatten(1, 2)
        patches = paddle.matmul(self.matrix, many, transpose_x=True, transpose_y=True)
        few = F.fold(patches, [height, width], **self.window)
        return few.transpose([0, 2, 3, 1]).contiguous()

    def _product(self, patches, shape):
        """Patches -> [N, h, w, M]."""
        many = paddle.matmul(patches, self.matrix, transpose_x=True, transpose_y=True)
        return many.reshape(shape)

    def forward(self, x, weight, bias):
        self.keep(x, weight)
        self.matrix = self._matrix(weight)
        count, height, width, _ = x.shape
        if self.to_many:
            self.patches = self._unfold(x)
            shape = [count, height // self.stride, width // self.stride, -1]
            y = self._product(self.patches, shape)
        else:
            y = self._fold(x, height * self.stride, width * self.stride)
        # expanded, since Paddle's own broadcast addition is slow
        return y if bias is None else y.add_(bias.expand(y.shape))

    def backward(self, dy, needs_dx):
        x, weight = self.kept()
        again = paddle.is_grad_enabled()  # then the graph must see where the matrix comes from
        self.matrix = self._matrix(weight) if again else self.matrix
        few, many = (x, dy) if self.to_many else (dy, x)
        patches = self.patches if self.to_many and not again else self._unfold(few)
        # MKL shares a small result badly among threads: a product for each image, then their sum
        dw = paddle.matmul(many.flatten(1, 2), patches, transpose_x=True, transpose_y=True).sum(0)
        dw = (dw.flip(1) if self.turned else dw).reshape(weight.shape)
        if not needs_dx:
            return None, dw
        dx = self._fold(dy, *x.shape[1:3]) if self.to_many else self._product(patches, x.shape)
        return dx, dw


def strided(shrink, channels):
    """The quicker form of a 4x4 kernel with stride 2; channels: those of the larger image."""
    return Patches(shrink, 4, 2) if channels <= FEW else Strided(shrink)


@lru_cache(maxsize=32)
def _ones(count, dtype):
    return paddle.to_tensor(np.ones((1, count)), dtype, place=paddle.CPUPlace())


def bias_gradient(dy):
    """Sum of dy [N, H, W, C] over all but the channels, as a product with ones, which is quicker
    than `sum`."""
    channels = dy.shape[-1]
    pixels = dy.reshape([-1, channels])
    return paddle.matmul(_ones(pixels.shape[0], dy.dtype), pixels).reshape([-1])
