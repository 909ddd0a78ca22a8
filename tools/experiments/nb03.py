"""What notebook 03 says of one training on one image, repeated with other seeds."""

from paddle_vae import VAE, Dataset, data, fit, metrics

import numpy as np
import paddle


@paddle.no_grad()
def schedule(seed):
    """The notebook's schedule: loss in parts, mean and std of the code, worst of 1,000 samples."""
    model, image = trained(seed, 20, learning_rate=5e-3, beta2=0.99)
    found = code(model, image)
    paddle.seed(0)
    found["worst_sample"] = metrics.nearest_distance(model.sample(1000), image.numpy()).max()
    return found


@paddle.no_grad()
def without_kl(seed):
    """The same network and 300 steps, once with the KL term and once without."""
    found = {}
    for name, beta in (("with", 1.0), ("without", 0.0)):
        each = code(*trained(seed, 3, learning_rate=3e-3, beta2=0.99, beta=beta))
        found |= {f"{name}: {key}": value for key, value in each.items()}
    return found


@paddle.no_grad()
def source(seed):
    """The source's 100 updates: by how many degrees the direction in which the picture, 1,000 away
    from the code, is most like the 2 differs from the direction of the code itself."""
    train = data.load("mnist", "train")
    only = Dataset(train.images[[5]], train.labels[[5]])
    paddle.seed(seed)
    model = VAE()
    rate = {"learning_rate": 1e-4, "one_cycle": False, "beta1": 0.5}
    fit(model, only, epochs=100, batch_size=1, seed=seed, progress=False, **rate)
    image = data.scale(only.images)
    mean = model.encode(image)[0].numpy()[0]
    turns = np.arange(72) * np.pi / 36
    around = mean + 1000 * np.stack([np.cos(turns), np.sin(turns)], 1)
    pictures = model.decode(paddle.to_tensor(around.astype("float32")))
    away = metrics.nearest_distance(pictures, image.numpy())
    own = np.degrees(np.arctan2(mean[1], mean[0])) % 360
    best = np.degrees(turns[away.argmin()])
    apart = abs((best - own + 180) % 360 - 180)
    return {"code": own, "best": best, "apart": apart, "least": away.min(), "most": away.max()}


def trained(seed, epochs, batch_size=8, picture=5, **options):
    """A VAE after `epochs` times 100 steps on one training image, and that image."""
    train = data.load("mnist", "train")
    count = 100 * batch_size
    copies = Dataset(np.repeat(train.images[[picture]], count, 0), np.full(count, 2))
    paddle.seed(seed)
    model = VAE()
    fit(model, copies, epochs=epochs, batch_size=batch_size, seed=seed, progress=False, **options)
    return model, data.scale(train.images[[picture]])


def code(model, image):
    """Loss in parts over 1,000 draws, mean and std of the image's code."""
    pixels = ((image.numpy() + 1) * 127.5).round().astype("uint8")
    loss = metrics.evaluate(model, Dataset(np.repeat(pixels, 1000, 0), np.full(1000, 2)))
    mean, logvar = (part.numpy()[0] for part in model.encode(image))
    std = np.exp(0.5 * logvar)
    found = {"loss": loss.reconstruction + loss.kl, "error": loss.reconstruction, "kl": loss.kl}
    return found | {"mean": np.linalg.norm(mean), "std_min": std.min(), "std_max": std.max()}
