"""What notebook 01 says of one training, repeated with other seeds."""

from paddle_vae import Autoencoder, data, fit, metrics

import paddle


def start(seed):
    """Test loss after 30,000 images, with the lesson's beta1 of Adam and with its usual one."""
    train, test = data.load("mnist", "train")[:30_000], data.load("mnist", "test")
    found = {}
    for name, beta1 in (("beta1_9", 0.9), ("beta1_5", 0.5)):
        paddle.seed(seed)
        model = Autoencoder()
        fit(model, train, epochs=1, beta1=beta1, seed=seed, progress=False)
        found[name] = metrics.evaluate(model, test).total
    return found
