"""The networks: encoders, which give the code or the mean and logvar of q(z|x), and decoders.

Encoder and Decoder are lesson L1's, parameter names included (two strided convolutions down, two
transposed ones up; a fully connected layer is written as a 1x1 convolution), so weights saved there
load here. MLPEncoder and MLPDecoder are those of L2, L3 and L5; ConvEncoder and ConvDecoder L4's.
Inside, images are [N, H, W, C], which is what makes the convolutions fast (layers.py says why).
Introduced in notebooks 01 (autoencoder), 02 (VAE), 06 (labels), 07 (MLP) and 08 (batch norm).
"""

from itertools import pairwise

import paddle
from paddle import nn
from paddle.nn import functional as F

from .data import LABELS
from .errors import InputError, short, whole
from .layers import Conv2D, Conv2DTranspose, leaky_relu


def _size(name, value):
    return whole(name, value, 1, 100_000)


def _sizes(name, values):
    """At least one size as a tuple of ints; raises InputError for everything else."""
    if not isinstance(values, list | tuple) or not values:
        raise InputError(
            f"{name} is {short(values)}: give the size of at least one layer, as (64,)"
        )
    return tuple(_size(name, value) for value in values)


class Encoder(nn.Layer):
    """q(z|x): image [N, 1, 28, 28] -> mean and logvar, each [N, latent_dim, 1, 1] (L1).

    With conditional=True it also takes a one-hot label [N, 10, 1, 1]; with variational=False
    it has no logvar head and returns the code alone.
    """

    def __init__(self, latent_dim=2, channel=32, conditional=False, variational=True):
        super().__init__()
        latent_dim, channel = _size("latent_dim", latent_dim), _size("channel", channel)
        if conditional:
            self.conv_label = Conv2D(LABELS, 28 * 28, 1)
        halve = {"kernel_size": 4, "stride": 2, "padding": 1, "data_format": "NHWC"}
        self.conv1 = Conv2D(1 + conditional, channel, **halve)
        self.conv2 = Conv2D(channel, channel * 2, **halve)
        self.conv_mean = Conv2D(channel * 2 * 7 * 7, latent_dim, 1)
        if variational:
            self.conv_logvar = Conv2D(channel * 2 * 7 * 7, latent_dim, 1)
        self.latent_dim, self.conditional, self.variational = latent_dim, conditional, variational

    def forward(self, image, label=None):
        if list(image.shape[1:]) != [1, 28, 28]:
            raise InputError(f"image has shape {list(image.shape)}: give images [N, 1, 28, 28]")
        h = image.reshape([-1, 28, 28, 1])  # one channel may stand first or last
        if self.conditional:
            plane = self.conv_label(label).reshape([-1, 28, 28, 1])
            h = paddle.concat([h, plane], axis=3)  # [N, 28, 28, 2]
        h = leaky_relu(self.conv1(h))  # [N, 14, 14, 32]
        h = leaky_relu(self.conv2(h))  # [N, 7, 7, 64]
        h = h.transpose([0, 3, 1, 2]).flatten(1).unsqueeze([2, 3])  # [N, 3136, 1, 1]
        mean = self.conv_mean(h)  # [N, latent_dim, 1, 1]
        return (mean, self.conv_logvar(h)) if self.variational else mean


class Decoder(nn.Layer):
    """The mean of p(x|z): z [N, latent_dim, 1, 1] -> image [N, 1, 28, 28] in [-1, 1] (L1).

    With conditional=True it also takes a one-hot label [N, 10, 1, 1].
    """

    logits = False  # what it puts out is the image itself
    value_range = (-1.0, 1.0)  # of its pixels

    def __init__(self, latent_dim=2, channel=32, conditional=False):
        super().__init__()
        latent_dim, channel = _size("latent_dim", latent_dim), _size("channel", channel)
        self.conv1 = Conv2D(latent_dim + LABELS * conditional, channel * 7 * 7, 1)
        double = {"kernel_size": 4, "stride": 2, "padding": 1, "data_format": "NHWC"}
        self.conv2 = Conv2DTranspose(channel, channel * 2, **double)
        self.conv3 = Conv2DTranspose(channel * 2, channel, **double)
        self.conv4 = Conv2D(channel, 1, 3, padding=1, data_format="NHWC")
        self.latent_dim, self.channel, self.conditional = latent_dim, channel, conditional

    def forward(self, z, label=None):
        h = paddle.concat([z, label], axis=1) if self.conditional else z  # [N, 2 or 12, 1, 1]
        h = leaky_relu(self.conv1(h)).reshape([-1, self.channel, 7, 7])  # [N, 32, 7, 7]
        h = leaky_relu(self.conv2(h.transpose([0, 2, 3, 1])))  # [N, 14, 14, 64]
        h = leaky_relu(self.conv3(h))  # [N, 28, 28, 32]
        return F.tanh(self.conv4(h)).reshape([-1, 1, 28, 28])


class MLPEncoder(nn.Layer):
    """q(z|x) by fully connected layers with ReLU: image [N, 1, 28, 28] -> mean and logvar, each
    [N, latent_dim] (L3, L5). hidden: the widths of the layers between.

    With variational=False it returns the code alone, which passes a ReLU as well (L2).
    With conditional=True it also takes a one-hot label [N, 10, 1, 1].
    """

    def __init__(self, latent_dim, hidden, variational=True, conditional=False):
        super().__init__()
        latent_dim, hidden = _size("latent_dim", latent_dim), _sizes("hidden", hidden)
        sizes = 28 * 28 + LABELS * conditional, *hidden
        self.hidden = nn.LayerList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.mean = nn.Linear(hidden[-1], latent_dim)
        if variational:
            self.logvar = nn.Linear(hidden[-1], latent_dim)
        self.latent_dim, self.conditional, self.variational = latent_dim, conditional, variational

    def forward(self, image, label=None):
        if list(image.shape[1:]) != [1, 28, 28]:
            raise InputError(f"image has shape {list(image.shape)}: give images [N, 1, 28, 28]")
        h = image.flatten(1)  # [N, 784]
        h = paddle.concat([h, label.flatten(1)], axis=1) if self.conditional else h  # [N, 794]
        for layer in self.hidden:
            h = F.relu(layer(h))  # [N, width]
        mean = self.mean(h)  # [N, latent_dim]
        return (mean, self.logvar(h)) if self.variational else F.relu(mean)


class MLPDecoder(nn.Layer):
    """p(x|z) by fully connected layers with ReLU: z [N, latent_dim, 1, 1] -> [N, 1, 28, 28].

    Puts out an image in [0, 1] through a sigmoid (L2), or, with logits=True, the numbers before
    it, which is what losses.binary_cross_entropy takes (L3, L5). With conditional=True it also
    takes a one-hot label [N, 10, 1, 1].
    """

    value_range = (0.0, 1.0)  # of the pixels, behind the sigmoid

    def __init__(self, latent_dim, hidden, logits=False, conditional=False):
        super().__init__()
        latent_dim, hidden = _size("latent_dim", latent_dim), _sizes("hidden", hidden)
        sizes = latent_dim + LABELS * conditional, *hidden
        self.hidden = nn.LayerList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.pixels = nn.Linear(hidden[-1], 28 * 28)
        self.latent_dim, self.logits, self.conditional = latent_dim, logits, conditional

    def forward(self, z, label=None):
        h = paddle.concat([z, label], axis=1) if self.conditional else z  # [N, latent_dim (+ 10)]
        h = h.flatten(1)
        for layer in self.hidden:
            h = F.relu(layer(h))  # [N, width]
        h = self.pixels(h).reshape([-1, 1, 28, 28])
        return h if self.logits else F.sigmoid(h)


class ConvEncoder(nn.Layer):
    """q(z|x) by convolutions with batch norm: image [N, 1, 32, 32] -> mean and logvar (L4)."""

    conditional = False

    def __init__(self, latent_dim=100, channels=(64, 128, 256)):
        super().__init__()
        latent_dim, channels = _size("latent_dim", latent_dim), _sizes("channels", channels)
        halve = {"kernel_size": 4, "stride": 2, "padding": 1, "data_format": "NHWC"}
        self.convs = nn.LayerList(Conv2D(a, b, **halve) for a, b in pairwise((1, *channels)))
        self.norms = nn.LayerList(nn.BatchNorm2D(c, data_format="NHWC") for c in channels)
        self.mean = nn.Linear(channels[-1] * 4 * 4, latent_dim)
        self.logvar = nn.Linear(channels[-1] * 4 * 4, latent_dim)
        self.latent_dim = latent_dim

    def forward(self, image):
        if list(image.shape[1:]) != [1, 32, 32]:
            raise InputError(f"image has shape {list(image.shape)}: give images [N, 1, 32, 32]")
        h = image.reshape([-1, 32, 32, 1])
        for i, conv in enumerate(self.convs):  # no zip: paddle.jit.save lacks its `strict`
            # [N, 16, 16, 64], [N, 8, 8, 128], [N, 4, 4, 256]
            h = self.norms[i](leaky_relu(conv(h), 0.1))
        h = h.flatten(1)  # [N, 4096]
        return self.mean(h), self.logvar(h)  # [N, latent_dim] each


class ConvDecoder(nn.Layer):
    """The mean of p(x|z) by transposed convolutions with batch norm:
    z [N, latent_dim, 1, 1] -> image [N, 1, 32, 32] in [0, 1] (L4)."""

    conditional = logits = False
    value_range = (0.0, 1.0)  # of its pixels

    def __init__(self, latent_dim=100, channels=(256, 128, 64)):
        super().__init__()
        latent_dim, channels = _size("latent_dim", latent_dim), _sizes("channels", channels)
        double = {"kernel_size": 4, "stride": 2, "padding": 1, "data_format": "NHWC"}
        self.channels = channels[0]
        self.linear = nn.Linear(latent_dim, channels[0] * 4 * 4)
        self.convs = nn.LayerList(Conv2DTranspose(a, b, **double) for a, b in pairwise(channels))
        self.norms = nn.LayerList(nn.BatchNorm2D(c, data_format="NHWC") for c in channels[1:])
        self.last = Conv2DTranspose(channels[-1], 1, **double)
        self.latent_dim = latent_dim

    def forward(self, z):
        h = self.linear(z.flatten(1)).reshape([-1, 4, 4, self.channels])  # [N, 4, 4, 256]
        for i, conv in enumerate(self.convs):
            h = self.norms[i](leaky_relu(conv(h), 0.1))  # [N, 8, 8, 128], [N, 16, 16, 64]
        return F.sigmoid(self.last(h)).reshape([-1, 1, 32, 32])
