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
A tile's outputs are the output transform of (filter transform of the weight * input transform of
the input).
Notebook 13 draws this on a 6x6 image.
"""

import math
from functools import lru_cache

import numpy as np
import paddle

# The operations themselves: what Paddle's functions do in Python before them takes a millisecond of
# a training step
_matmul, _reshape = paddle._C_ops.matmul, paddle._C_ops.reshape

__all__ = ["Winograd", "cook_toom", "filter_rows", "winograd"]


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
    """Numbers of pixels of an image (N, H, W) among the rows of [N * H * W, C]; outside, that after
    the last. Order: [place row, place column, N * tile rows * tile columns, pixel of a block], with
    an odd number of tiles, if need be by one that is all outside.

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
    outside = count * height * width
    numbers = np.where(inside, (images * height + rows) * width + columns, outside)
    numbers = numbers.reshape(*numbers.shape[:2], -1, *numbers.shape[-2:])
    # Were the number of tiles a power of two, the places of a tile would lie at distances that
    # share a few lines of the processor's cache
    more = [(0, 0), (0, 0), (0, 1 - numbers.shape[2] % 2), (0, 0), (0, 0)]
    return np.pad(numbers, more, constant_values=outside).ravel()


def _lookup(x, width, rows):
    """The rows of x, of `width` numbers each, that are numbered in `rows` -> [len(rows), width];
    the number after the last row gives zeros."""
    x = _reshape(x, [-1, width])
    # paddle.nn.functional.embedding, but for its check that forbids such a number; paddle.gather
    # would need a copy of x with a row of zeros appended
    return paddle._C_ops.embedding(rows, x, x.shape[0], False)


def _table(rows):
    return paddle.to_tensor(rows.astype("int32"), place=paddle.CPUPlace())


@lru_cache(maxsize=32)
def _filter_order(large):
    """Between a weight's own order, [L, 4, 4], and the filter's: the numbers of the rows of the
    former in the order [2, 2 places, 2, 2 of a block, L] of the latter, and the reverse.

    Kernel row = 2 * (which of two places) + (which row of the block), and so for columns.
    """
    rows = np.arange(large * 16).reshape(large, 2, 2, 2, 2).transpose(1, 3, 2, 4, 0).ravel()
    return _table(rows), _table(np.argsort(rows))


def filter_rows(weight):
    """Weight [S, L, 4, 4] -> [16 L, S] in the filter's order, which serves all transforms of it."""
    small, large, *_ = weight.shape
    # to rows first, since Paddle copies a transpose of more than two axes slowly
    rows = weight.reshape([small, -1]).transpose([1, 0])  # [L * 16, S]
    return _lookup(rows, small, _filter_order(large)[0])


def _along_both_axes(matrix, x, transpose=False):
    """Apply a matrix [r, c] to both axes of places, rows and then columns, which is several times
    as fast as both at once: x of c * c * n numbers -> [r, r, n]. (Give x a name only here: whoever
    keeps it keeps memory.)"""
    r, c = matrix.shape[::-1] if transpose else matrix.shape
    x = _matmul(matrix, _reshape(x, [c, -1]), transpose, False)
    return _matmul(matrix, _reshape(x, [r, c, -1]), transpose, False)


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
            for matrix in (inputs, np.kron(kernel, kernel), outputs)
        )

    def input_transform(self, x):
        """Input image -> its tiles, transformed: [P, tiles, K], K numbers of an input place,
        P = (m + 1)^2 products."""
        channels = x.shape[-1]
        tiles = _along_both_axes(self.input_matrix, _lookup(x, channels, self.input_rows))
        return _reshape(tiles, [self.products, -1, 4 * channels if self.shrink else channels])

    def _multiply(self, tiles, rows, bias):
        """Transformed tiles, filter_rows, bias -> [P, tiles, M], M numbers of an output place."""
        kernel = _matmul(self.filter_matrix, _reshape(rows, [4, -1]), False, False)  # both axes
        kernel = _reshape(kernel, [self.products, -1, rows.shape[1]])  # [P, 4 L, S]
        y = _matmul(tiles, kernel, False, not self.shrink)  # nearly all the work is here
        if bias is not None:
            # Added to the products of the points 1 and 1 alone, it comes out in every output once,
            # since all powers of 1 are 1 (for m = 1 those of infinity and infinity, once as well):
            # a pass over one of the P products, not over all outputs
            place, shape = self.m + 2, y.shape[1:]
            y[place] = y[place] + bias.tile([shape[1] // bias.shape[0]]).expand(shape)
        return y

    def output(self, tiles, rows, bias=None):
        """Transformed input tiles [P, tiles, K], filter_rows and the bias -> output image."""
        y = _along_both_axes(self.output_matrix, self._multiply(tiles, rows, bias))
        channels = rows.shape[1] if self.shrink else rows.shape[0] // 16
        return _reshape(_lookup(y, channels, self.tile_rows), [*self.target, channels])

    def weight_gradient(self, tiles, dy, shape):
        """Transformed input tiles and the output's gradient -> that of the weight, of the shape
        [S, L, 4, 4]."""
        small, large, *_ = shape
        channels = dy.shape[-1]
        places = _along_both_axes(self.output_matrix, _lookup(dy, channels, self.output_rows), True)
        places = _reshape(places, [self.products, -1, channels if self.shrink else 4 * channels])
        wide, narrow = (tiles, places) if self.shrink else (places, tiles)
        kernel = _matmul(wide, narrow, True, False)  # [P, 4 L, S]
        rows = _matmul(self.filter_matrix, _reshape(kernel, [self.products, -1]), True, False)
        rows = _lookup(rows, small, _filter_order(large)[1])  # [L * 16, S]
        return rows.transpose([1, 0]).reshape(shape)


winograd = lru_cache(maxsize=32)(Winograd)  # tables and matrices of a shape are made once and kept
