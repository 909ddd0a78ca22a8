"""Conv2D and Conv2DTranspose: paddle.nn's results and parameters, several times as fast on a CPU.

Why they are fast: channels are the last axis, and all arithmetic is matrix products (forms.py).

Results are those of paddle.nn up to rounding, as long as they are finite: since outputs of a tile
are computed together, one NaN or infinity in the input spreads over its whole tile, which may be
the whole image, where paddle.nn spoils the outputs around it alone.
"""

import weakref

import paddle
from paddle import nn
from paddle.autograd import PyLayer

from .forms import Form, Patches, bias_gradient, strided

__all__ = ["Conv2D", "Conv2DTranspose", "leaky_relu"]

# paddle.grad may ask for the gradients of some inputs only. Paddle's PyLayer then refuses the
# others unless its inputs come as one list, which Paddle 2 does not follow: there, one by one.
AS_LIST = not paddle.__version__.startswith("2.")


class _Apply(PyLayer):
    """Makes a form part of Paddle's graph: runs it forward and backward.

    inputs: a function, for Paddle would take its tensors for inputs of the graph, which are those
    that need a gradient; wanted: for x, weight and bias, whether it does.
    """

    @staticmethod
    def forward(ctx, form, inputs, wanted, *_):
        ctx.form, ctx.wanted = form, wanted
        return form.forward(*inputs())

    @staticmethod
    def backward(ctx, dy):
        dy = dy.contiguous()  # once, since every operation that reads a view copies it again
        dx, dw = ctx.form.backward(dy, ctx.wanted[0])
        # a gradient that is a view, Paddle's DataParallel would not average over a user's processes
        gradients = dx, dw.contiguous(), bias_gradient(dy)
        found = [g for g, wanted in zip(gradients, ctx.wanted, strict=True) if wanted]
        return found if AS_LIST else tuple(found)


class _LeakyReLU(PyLayer):
    """max(x, slope * x). Keeps its output, which the next layer keeps as well, not its input."""

    @staticmethod
    def forward(ctx, x, form, slope):
        y = nn.functional.leaky_relu(x, slope)
        ctx.form, ctx.slope = form, slope
        # detached (the same memory): an output that its own graph holds would never be freed
        form.keep(y.detach())
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.form.kept()
        # 1 where y >= 0, else slope: three quick passes; Paddle's own takes several times as long
        return y.scale(1e38, 1.0).clip_(ctx.slope, 1.0).multiply_(dy)


def _once(y, form):
    """y, with a sentence in place of the crash that a second backward pass ends in.

    Paddle lets go of a PyLayer's context after its backward pass, and a second one follows the null
    pointer. `form` lives as long as that context does, and a hook runs before the pointer is used.
    """
    alive = weakref.ref(form)

    def refuse(_):
        if alive() is None:
            raise RuntimeError(
                "a second backward pass through the same output, which these layers cannot do: "
                "add up the losses and call backward once, or compute the output again, or, in "
                "place of backward, take paddle.grad(loss, parameters, retain_graph=True) of each"
            )

    if not y.stop_gradient:
        y._register_grad_hook(refuse)  # register_hook, but for checks that take longer than it
    return y


def leaky_relu(x, negative_slope=0.01):
    """paddle.nn.functional.leaky_relu, whose backward pass is slow on a CPU; any shape.

    Fast for slopes in (0, 1], where the sign of the output tells that of the input.
    """
    if not (0 < negative_slope <= 1 and _on_cpu(x)):
        return nn.functional.leaky_relu(x, negative_slope)
    return _run_leaky_relu(x, negative_slope)


@paddle.jit.not_to_static  # to_static leaves PyLayers in Python: it cannot trace them
def _run_leaky_relu(x, slope):
    form = Form()
    return _once(_LeakyReLU.apply(x, form, slope), form)


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
    # as text, since paddle.jit.to_static of Paddle 3.3 stumbles over x.place.is_cpu_place()
    return paddle.in_dynamic_mode() and str(x.place) == "Place(cpu)"


def _fits(layer, x):
    """Whether x is an image on a CPU that the layer takes; all else gets Paddle's own message."""
    channels = 3 if layer._data_format == "NHWC" else 1
    return (
        _on_cpu(x)
        and x.dtype == layer.weight.dtype
        and x.ndim == 4
        and x.shape[channels] == layer._in_channels
        and 0 not in x.shape
    )


@paddle.jit.not_to_static
def _run(form, layer, x):
    """Apply a form, which works on [N, H, W, C], to an image of the layer's own data format."""
    channels_last = layer._data_format == "NHWC"
    x = x if channels_last else x.transpose([0, 2, 3, 1])
    inputs = x, layer.weight, layer.bias
    wanted = [t is not None and not t.stop_gradient for t in inputs]
    wanted_inputs = [t for t, needed in zip(inputs, wanted, strict=True) if needed]
    wanted_inputs = [wanted_inputs] if AS_LIST else wanted_inputs
    # a copy of a view, as part of the graph: what a second derivative needs
    inputs = x if x.is_contiguous() else x.clone(), layer.weight, layer.bias
    y = _once(_Apply.apply(form, lambda: inputs, tuple(wanted), *wanted_inputs), form)
    return y if channels_last else y.transpose([0, 3, 1, 2])


class Conv2D(nn.Conv2D):
    """paddle.nn.Conv2D, with the same arguments and parameters, fast on a CPU for three cases:
    4x4 with stride 2 and padding 1 on even sizes, 3x3 with padding 1 to one channel, and 1x1 on a
    1x1 image (a fully connected layer). All else, and a GPU, is left to Paddle.
    """

    def forward(self, x):
        """Image [N, in, H, W] ("NCHW") or [N, H, W, in] ("NHWC") -> the same with `out`, h, w."""
        if not _fits(self, x):
            return nn.Conv2D.forward(self, x)
        channels_last = self._data_format == "NHWC"
        height, width = x.shape[1:3] if channels_last else x.shape[2:]
        if height == width == 1 and _plain(self, 1, 1, 0):
            matrix = self.weight.reshape(self.weight.shape[:2])  # [out, in]
            y = paddle.matmul(x.reshape([x.shape[0], -1]), matrix, transpose_y=True)
            y = y if self.bias is None else y + self.bias  # [N, out]
            return y.reshape([-1, 1, 1, y.shape[1]] if channels_last else [-1, y.shape[1], 1, 1])
        if height % 2 == width % 2 == 0 and _plain(self, 4, 2, 1):
            return _run(strided(True, self._in_channels), self, x)
        # Paddle 2 does not fold patches to an image one pixel high
        if self._out_channels == 1 and min(height, width) > 1 and _plain(self, 3, 1, 1):
            return _run(Patches(False, 3, 1, turned=True), self, x)
        return nn.Conv2D.forward(self, x)


class Conv2DTranspose(nn.Conv2DTranspose):
    """paddle.nn.Conv2DTranspose, with the same arguments and parameters, fast on a CPU for 4x4
    with stride 2 and padding 1. All else, and a GPU, is left to Paddle.
    """

    def forward(self, x, output_size=None):
        """Image [N, in, H, W] ("NCHW") or [N, H, W, in] ("NHWC") -> the same with `out`, 2H, 2W."""
        if output_size is None and _plain(self, 4, 2, 1) and _fits(self, x):
            return _run(strided(False, self._out_channels), self, x)
        return nn.Conv2DTranspose.forward(self, x, output_size)
