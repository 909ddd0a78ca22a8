"""Convolutions of 4x4 with stride 2, and their transposes, by Winograd's minimal filtering.

A processor multiplies large matrices many times as fast as it runs Paddle's own loops for a strided
convolution, so here all arithmetic is matrix products, and as little as can be:

1. *Gather.* Channels are the last axis ([N, H, W, C]), so a pixel is one contiguous row of C
   numbers, and a batch is a table of N*H*W rows. Which pixels are needed where is a list of row
   numbers that depends on the shape alone: made once, then one lookup. Padding is a row of zeros.
2. *Multiply.* A kernel of 4x4 with stride 2 is one of 2x2 with stride 1, once 2x2 pixels are taken
   as one; and tiles of such a convolution need far fewer products than it seems (Winograd 1980;
   for networks Lavin and Gray 2016): additions before and after replace over half of them.

F(m, r) is Winograd's name for m outputs of a kernel of r numbers. Here r = 2, along both axes.
A tile's outputs are output_transform((filter_transform(weight) * input_transform(input))).
Notebook 13 draws this on a 6x6 image.
"""

import math
from functools import lru_cache

import numpy as np
import paddle

__all__ = ["Winograd", "cook_toom", "winograd"]


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


def _lookup(x, rows):
    """Rows of x [..., C] by their numbers -> [len(rows), C]; the number after the last is zeros."""
    x = x.reshape([-1, x.shape[-1]])
    # paddle.nn.functional.embedding, but for its check that forbids such a number; paddle.gather
    # would need a copy of x with a row of zeros appended
    return paddle._C_ops.embedding(rows, x, len(x), False)


def _table(rows):
    return paddle.to_tensor(rows.astype("int32"), place=paddle.CPUPlace())


@lru_cache(maxsize=32)
def _filter_rows(channels, shrink):
    """Between a weight's own order and the filter's, in rows of S (shrink) or L numbers; channels:
    the number of the others. Returns the rows of the weight in the filter's order, and the reverse.

    Kernel row = 2 * (which of two places) + (which row of the block), and so for columns.
    """
    rows = np.arange(channels * 16).reshape(channels, 2, 2, 2, 2)
    # shrink: [L, 4, 4] -> [2, 2 places, 2, 2 of a block, L]; else [S, 4, 4] -> [2, 2, S, 2, 2]
    rows = rows.transpose((1, 3, 2, 4, 0) if shrink else (1, 3, 0, 2, 4)).ravel()
    return _table(rows), _table(np.argsort(rows))


def _along_both_axes(matrix, x, transpose=False):
    """Apply a matrix [r, c] to both axes of places, rows and then columns, which is several times
    as fast as both at once: x of c * c * n numbers -> [r, r, n]. (Give x a name only here: whoever
    keeps it keeps memory.)"""
    r, c = matrix.shape[::-1] if transpose else matrix.shape
    x = paddle.matmul(matrix, x.reshape([c, -1]), transpose)
    return paddle.matmul(matrix, x.reshape([r, c, -1]), transpose)


class Winograd:
    """F(m x m, 2 x 2) between large images [N, 2h, 2w, L] and small ones [N, h, w, S]: one
    direction, for one shape.

    `shrink` is the direction of a convolution (4x4, stride 2, padding 1), the other one that of its
    transpose. Blocks of 2x2 pixels of the large image are taken as one place with 4 L channels, the
    first block half outside. Then a small pixel i sees the blocks i and i + 1, and a block i gets
    from the small pixels i - 1 and i: both directions are a 2x2 kernel that moves in steps of one.
    An output tile is m x m places, and its input tile (m + 1) x (m + 1).
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
        input_rows = _row_numbers(source, seen, shrink)  # the input pixel at each place of a tile
        output_rows = _row_numbers(self.target, made, not shrink)  # and the output pixel
        tile_rows = np.empty(math.prod(self.target) + 1, int)  # the place of each output pixel;
        tile_rows[output_rows] = np.arange(len(output_rows))  # the last one for all outside
        self.input_rows, self.output_rows, self.tile_rows = map(
            _table, (input_rows, output_rows, tile_rows[:-1])
        )
        inputs, kernel, outputs = cook_toom(m)
        kernel = kernel if shrink else kernel[:, ::-1]  # its last place meets pixel i - 1
        self.input_matrix, self.filter_matrix, self.output_matrix = (
            paddle.to_tensor(matrix.copy(), dtype, place=paddle.CPUPlace())
            for matrix in (inputs, kernel, outputs)
        )

    def input_transform(self, x):
        """Input image -> its tiles, transformed: [P, tiles, K], P = (m + 1)^2 products."""
        channels = x.shape[-1] * (4 if self.shrink else 1)
        tiles = _along_both_axes(self.input_matrix, _lookup(x, self.input_rows))
        return tiles.reshape([self.products, -1, channels])

    def filter_transform(self, weight):
        """Weight [S, L, 4, 4] -> [P, K, M], K numbers of an input place to M of an output place."""
        small, large, *_ = weight.shape
        # to rows first, since Paddle copies a transpose of more than three axes slowly
        if self.shrink:
            rows = weight.reshape([small, -1]).transpose([1, 0])  # [L * 16, S]
        else:
            rows = weight.reshape([small, large, 16]).transpose([0, 2, 1])  # [S, 16, L]
        order, _ = _filter_rows(large if self.shrink else small, self.shrink)
        kernel = _along_both_axes(self.filter_matrix, _lookup(rows, order))
        return kernel.reshape([self.products, 4 * large if self.shrink else small, -1])

    def output(self, tiles, weight, bias=None):
        """Transformed input tiles [P, tiles, K] and the weight [S, L, 4, 4] -> output image."""
        y = paddle.matmul(tiles, self.filter_transform(weight))  # nearly all the work is here
        # The output transform: _along_both_axes, but columns first, so that addmm can add the bias
        # to the last product: Paddle's broadcast addition afterwards would take two more passes.
        y = paddle.matmul(self.output_matrix, y.reshape([self.m + 1, self.m + 1, -1]))
        y = y.reshape([self.m + 1, -1])
        if bias is None:
            y = paddle.matmul(self.output_matrix, y)  # [m, m * tiles * M]
        else:
            bias = bias.tile([y.shape[1] // bias.shape[0]]).unsqueeze(0)
            y = paddle.addmm(bias, self.output_matrix, y)
        channels = weight.shape[0 if self.shrink else 1]
        return _lookup(y.reshape([-1, channels]), self.tile_rows).reshape([*self.target, channels])

    def weight_gradient(self, tiles, dy, shape):
        """Transformed input tiles and the output's gradient -> that of the weight, of the shape
        [S, L, 4, 4]."""
        small, large, *_ = shape
        places = _along_both_axes(self.output_matrix, _lookup(dy, self.output_rows), transpose=True)
        places = places.reshape([self.products, -1, small if self.shrink else 4 * large])
        kernel = paddle.matmul(tiles, places, transpose_x=True)  # [P, K, M]
        kernel = _along_both_axes(self.filter_matrix, kernel, transpose=True)  # [2, 2, K * M]
        _, order = _filter_rows(large if self.shrink else small, self.shrink)
        rows = _lookup(kernel.reshape([-1, small if self.shrink else large]), order)
        if self.shrink:
            weight = rows.transpose([1, 0])  # [S, L * 16]
        else:
            weight = rows.reshape([small, 16, large]).transpose([0, 2, 1])
        return weight.reshape(shape)


winograd = lru_cache(maxsize=32)(Winograd)  # tables and matrices of a shape are made once and kept
