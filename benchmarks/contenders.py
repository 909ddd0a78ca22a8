"""L1's VAE, one step of training, as each framework's users write it: what train_throughput.py
compares. A function here gives step(rows): take these rows of the data set in memory, forward,
loss, backward, Adam."""

import sys
from pathlib import Path

BETAS = (0.5, 0.999)  # of Adam, as L1 has them
RATE = 1e-4


def data_set(count=4096):
    """Random bytes as images, [count, 1, 28, 28]: the speed does not depend on what they show."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)


def package():
    """paddle_vae of this clone, imported before paddle, so that its settings are in force."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import paddle_vae

    return paddle_vae


def paddle_nn():
    """L1's network, written with paddle.nn as the lesson has it."""
    import numpy as np
    import paddle
    from paddle import nn
    from paddle.nn import functional as F

    class Network(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2D(1, 32, 4, 2, 1), nn.Conv2D(32, 64, 4, 2, 1)
            self.mean, self.logvar = nn.Conv2D(3136, 2, 1), nn.Conv2D(3136, 2, 1)
            self.grow = nn.Conv2D(2, 1568, 1)
            self.up1 = nn.Conv2DTranspose(32, 64, 4, 2, 1)
            self.up2 = nn.Conv2DTranspose(64, 32, 4, 2, 1)
            self.last = nn.Conv2D(32, 1, 3, 1, 1)

        def forward(self, image):
            h = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(image))))  # [N, 64, 7, 7]
            h = h.reshape([h.shape[0], -1, 1, 1])
            mean, logvar = self.mean(h), self.logvar(h)  # [N, 2, 1, 1] each
            z = paddle.randn(mean.shape) * paddle.exp(0.5 * logvar) + mean
            h = F.leaky_relu(self.grow(z)).reshape([-1, 32, 7, 7])
            h = F.leaky_relu(self.up2(F.leaky_relu(self.up1(h))))  # [N, 32, 28, 28]
            return F.tanh(self.last(h)), mean, logvar

    network, images = Network(), data_set()
    adam = paddle.optimizer.Adam(RATE, *BETAS, parameters=network.parameters())

    def step(rows):
        image = paddle.to_tensor(images[rows].astype(np.float32) / 127.5 - 1)
        output, mean, logvar = network(image)
        error = ((output - image) ** 2).sum() / len(rows)
        kl = -0.5 * (1 + logvar - mean**2 - paddle.exp(logvar)).sum() / len(rows)
        (error + kl).backward()
        adam.step()
        adam.clear_grad()

    return step


def paddle_vae():
    """The package as a learner uses it: the same calls as in paddle_vae.fit, which in several
    processes shares each batch among them."""
    pv = package()
    from paddle_vae import distributed

    import paddle

    model, images = pv.VAE(), data_set()
    adam = paddle.optimizer.Adam(RATE, *BETAS, parameters=model.parameters(), use_multi_tensor=True)
    distributed.join()
    several = distributed.processes() > 1
    if several:
        distributed.agree_on(model)

    def loss(image, label):
        return pv.losses.parts(model(image), image)

    def step(rows):
        image = pv.data.scale(images[rows], (-1.0, 1.0))
        if several:
            distributed.learn(model, image, image, [], loss)
        else:
            loss(image, image).total.backward()
        adam.step()
        adam.clear_grad()

    return step


def torch(channels_last, compiled=False):
    """The same network in PyTorch, with its default settings."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F

    layout = torch.channels_last if channels_last else torch.contiguous_format

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1)
            self.mean, self.logvar = nn.Conv2d(3136, 2, 1), nn.Conv2d(3136, 2, 1)
            self.grow = nn.Conv2d(2, 1568, 1)
            self.up1 = nn.ConvTranspose2d(32, 64, 4, 2, 1)
            self.up2 = nn.ConvTranspose2d(64, 32, 4, 2, 1)
            self.last = nn.Conv2d(32, 1, 3, 1, 1)

        def forward(self, image):
            h = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(image))))
            h = h.reshape(len(h), -1, 1, 1)
            mean, logvar = self.mean(h), self.logvar(h)
            z = torch.randn_like(mean) * torch.exp(0.5 * logvar) + mean
            h = F.leaky_relu(self.grow(z)).reshape(-1, 32, 7, 7).contiguous(memory_format=layout)
            h = F.leaky_relu(self.up2(F.leaky_relu(self.up1(h))))
            return torch.tanh(self.last(h)), mean, logvar

    network, images = Network().to(memory_format=layout), data_set()
    adam = torch.optim.Adam(network.parameters(), RATE, BETAS)

    def loss(image):
        output, mean, logvar = network(image)
        error = ((output - image) ** 2).sum() / len(image)
        return error - 0.5 * (1 + logvar - mean**2 - torch.exp(logvar)).sum() / len(image)

    loss = torch.compile(loss, dynamic=False) if compiled else loss

    def step(rows):
        image = torch.from_numpy(images[rows].astype(np.float32) / 127.5 - 1)
        adam.zero_grad()
        loss(image.contiguous(memory_format=layout)).backward()
        adam.step()

    return step


def tensorflow():
    """The same network in Keras layers, the whole step one tf.function. On a CPU TensorFlow has one
    layout, channels last."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.keras import layers

    def conv(kind, *arguments):
        return kind(*arguments, padding="same")

    leaky = tf.nn.leaky_relu
    conv1, conv2 = conv(layers.Conv2D, 32, 4, 2), conv(layers.Conv2D, 64, 4, 2)
    mean_of, logvar_of, grow = layers.Dense(2), layers.Dense(2), layers.Dense(1568)
    up1, up2 = conv(layers.Conv2DTranspose, 64, 4, 2), conv(layers.Conv2DTranspose, 32, 4, 2)
    last = conv(layers.Conv2D, 1, 3, 1)

    def network(image):
        h = leaky(conv2(leaky(conv1(image), 0.01)), 0.01)  # [N, 7, 7, 64]
        h = tf.reshape(h, [-1, 3136])
        mean, logvar = mean_of(h), logvar_of(h)
        z = tf.random.normal(tf.shape(mean)) * tf.exp(0.5 * logvar) + mean
        h = tf.reshape(leaky(grow(z), 0.01), [-1, 7, 7, 32])
        h = leaky(up2(leaky(up1(h), 0.01)), 0.01)  # [N, 28, 28, 32]
        return tf.tanh(last(h)), mean, logvar

    images = data_set().transpose(0, 2, 3, 1)
    network(tf.zeros([1, 28, 28, 1]))
    weights = [
        weight
        for layer in (conv1, conv2, mean_of, logvar_of, grow, up1, up2, last)
        for weight in layer.trainable_variables
    ]
    adam = tf.keras.optimizers.Adam(RATE, *BETAS, epsilon=1e-8)
    adam.build(weights)

    @tf.function(reduce_retracing=False)
    def learn(image):
        with tf.GradientTape() as tape:
            output, mean, logvar = network(image)
            count = tf.cast(tf.shape(image)[0], tf.float32)
            error = tf.reduce_sum((output - image) ** 2)
            kl = -0.5 * tf.reduce_sum(1 + logvar - mean**2 - tf.exp(logvar))
            loss = (error + kl) / count
        adam.apply(tape.gradient(loss, weights))
        return loss

    def step(rows):
        image = images[rows].astype(np.float32) / 127.5 - 1
        learn(tf.constant(image)).numpy()

    return step


def jax():
    """The same network in JAX, the whole step one jit, channels last, which is its faster layout on
    a CPU; Adam is written out."""
    import jax
    import numpy as np
    from jax import numpy as jnp

    how = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "padding": "SAME"}

    def down(x, layer, stride=2):
        kernel, bias = layer
        return jax.lax.conv_general_dilated(x, kernel, (stride, stride), **how) + bias

    def up(x, layer):
        kernel, bias = layer
        return jax.lax.conv_transpose(x, kernel, (2, 2), **how) + bias

    def dense(x, layer):
        return x @ layer[0] + layer[1]

    def network(weights, image, key):
        leaky = jax.nn.leaky_relu
        h = leaky(down(leaky(down(image, weights["conv1"])), weights["conv2"]))  # [N, 7, 7, 64]
        h = h.reshape(len(h), -1)
        mean, logvar = dense(h, weights["mean"]), dense(h, weights["logvar"])
        z = jax.random.normal(key, mean.shape) * jnp.exp(0.5 * logvar) + mean
        h = leaky(dense(z, weights["grow"])).reshape(-1, 7, 7, 32)
        h = leaky(up(leaky(up(h, weights["up1"])), weights["up2"]))  # [N, 28, 28, 32]
        return jnp.tanh(down(h, weights["last"], 1)), mean, logvar

    shapes = {
        "conv1": (4, 4, 1, 32), "conv2": (4, 4, 32, 64), "mean": (3136, 2), "logvar": (3136, 2),
        "grow": (2, 1568), "up1": (4, 4, 32, 64), "up2": (4, 4, 64, 32), "last": (3, 3, 32, 1),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    weights = {
        name: (
            jnp.asarray(rng.normal(0, np.prod(shape[:-1]) ** -0.5, shape), jnp.float32),
            jnp.zeros(shape[-1]),
        )
        for name, shape in shapes.items()
    }

    def loss(weights, image, key):
        output, mean, logvar = network(weights, image, key)
        error = ((output - image) ** 2).sum()
        return (error - 0.5 * (1 + logvar - mean**2 - jnp.exp(logvar)).sum()) / len(image)

    @jax.jit
    def learn(weights, first, second, count, image):
        gradients = jax.grad(loss)(weights, image, jax.random.PRNGKey(count))
        a, b = BETAS
        each = jax.tree.map
        first = each(lambda m, g: a * m + (1 - a) * g, first, gradients)
        second = each(lambda v, g: b * v + (1 - b) * g * g, second, gradients)
        rate = RATE * jnp.sqrt(1 - b**count) / (1 - a**count)
        weights = each(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), weights, first, second)
        return weights, first, second

    images = data_set().transpose(0, 2, 3, 1)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state, count = [weights, zeros, zeros], 0

    def step(rows):
        nonlocal state, count
        count += 1
        state = learn(*state, count, images[rows].astype(np.float32) / 127.5 - 1)
        jax.block_until_ready(state)

    return step


def sgemm():
    """A product of two 2048 x 2048 matrices, with the package's settings: this machine's peak."""
    package()
    import paddle

    a, b = paddle.randn([2048, 2048]), paddle.randn([2048, 2048])
    return lambda _: paddle.matmul(a, b)


# name: what makes its step, and the module that it needs
CONTENDERS = {
    "paddle_nn": (paddle_nn, "paddle"),
    "paddle_vae": (paddle_vae, "paddle"),
    "torch_contiguous": (lambda: torch(False), "torch"),
    "torch_channels_last": (lambda: torch(True), "torch"),
    "torch_compile": (lambda: torch(True, compiled=True), "torch"),
    "tensorflow": (tensorflow, "tensorflow"),
    "jax": (jax, "jax"),
}
