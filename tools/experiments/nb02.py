"""What notebook 02 says of its small VAE, trained by hand for 150 batches, with other seeds."""

from paddle_vae import VAE, Dataset, data, losses, metrics

import numpy as np
import paddle
from paddle import nn


class TwoHeads(nn.Layer):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU())
        self.mean, self.logvar = nn.Linear(256, 2), nn.Linear(256, 2)

    def forward(self, image):
        h = self.hidden(image)
        return self.mean(h), self.logvar(h)


def price(seed):
    """The KL term with the weights 0.1, 1 and 10: loss in parts on 1,000 test images, and the
    mean std of the clouds in the last ten batches."""
    test = data.load("mnist", "test")
    some = np.random.default_rng(0).permutation(len(test))[:1000]
    some_test, found = Dataset(test.images[some], test.labels[some]), {}
    for weight in (0.1, 1.0, 10.0):
        model, numbers = by_hand(weight, seed)
        loss = metrics.evaluate(model, some_test)
        found |= {f"{weight:g}: error": loss.reconstruction, f"{weight:g}: kl": loss.kl}
        found[f"{weight:g}: std"] = numbers[-10:, 2].mean()
    return found


@paddle.enable_grad()
def by_hand(weight, seed):
    """The notebook's training, step by step -> VAE, [150, 3] numbers: error, KL, std."""
    train = data.load("mnist", "train")[:19_200]
    paddle.seed(seed)
    encoder = TwoHeads()  # before the decoder, as in the notebook: the same initial weights
    layers = nn.Flatten(), nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
    decoder = nn.Sequential(*layers, nn.Unflatten(1, [1, 28, 28]))
    both = [*encoder.parameters(), *decoder.parameters()]
    adam = paddle.optimizer.Adam(2e-3, parameters=both)
    paddle.seed(seed)
    numbers = []
    for x, _ in data.batches(train, 128, rng=np.random.default_rng(seed)):
        mean, logvar = encoder(x)
        std = paddle.exp(0.5 * logvar)
        y = decoder(mean + std * paddle.randn(mean.shape))
        error, kl = losses.squared_error(y, x).mean(), losses.kl_divergence(mean, logvar).mean()
        (error + weight * kl).backward()
        adam.step()
        adam.clear_grad()
        numbers.append((error.item(), kl.item(), std.mean().item()))
    return VAE(encoder, decoder), np.array(numbers)
