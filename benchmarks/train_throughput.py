"""Training speed of L1's VAE: paddle.nn, paddle_vae and PyTorch, side by side in one run.

Each contender is a process of its own with its own settings, kept alive; they take turns, so that
whatever else the machine does meets all alike. A step is: take a batch from the training set in
memory, forward, loss, backward, Adam. Prints images a second (the median over the rounds), the
ratios, the share of this machine's matrix-product peak, and each contender's peak memory.

    python benchmarks/train_throughput.py [--json] [--quick]

PyTorch comes from requirements-bench.txt; without it its rows are left out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tqdm import tqdm

# Forward and backward, 2 per multiply-add of every layer, three times, as the layers are defined.
# paddle_vae gets the same results from fewer, so its share of the peak is of useful operations.
MFLOP_AN_IMAGE = 59.7
CONTENDERS = ["paddle_nn", "paddle_vae", "torch_contiguous", "torch_channels_last"]
PAUSE = 0.25  # seconds between turns: MKL's threads spin for 0.2 after their last product
# What paddle_vae.runtime would leave alone, and so must not reach the contenders
SETTINGS = ("MKL_", "OMP_", "KMP_", "MALLOC_", "FLAGS_", "GLIBC_TUNABLES", "PADDLE_VAE_TUNE")


def data_set(count=4096):
    """Random bytes as images, [count, 1, 28, 28]: the speed does not depend on what they show."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)


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
    adam = paddle.optimizer.Adam(1e-4, beta1=0.5, parameters=network.parameters())

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
    """The package as a learner uses it: the same calls as in paddle_vae.fit."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import paddle_vae as pv  # before paddle, so that its settings are in force

    import paddle  # isort: skip

    model, images = pv.VAE(), data_set()
    adam = paddle.optimizer.Adam(
        1e-4, beta1=0.5, parameters=model.parameters(), use_multi_tensor=True
    )

    def step(rows):
        image = pv.data.scale(images[rows], (-1.0, 1.0))
        pv.losses.parts(model(image), image).total.backward()
        adam.step()
        adam.clear_grad()

    return step


def torch_step(channels_last):
    """The same network in PyTorch, eager, default settings."""
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
    adam = torch.optim.Adam(network.parameters(), 1e-4, betas=(0.5, 0.999))

    def step(rows):
        image = torch.from_numpy(images[rows].astype(np.float32) / 127.5 - 1)
        image = image.contiguous(memory_format=layout)
        output, mean, logvar = network(image)
        error = ((output - image) ** 2).sum() / len(rows)
        kl = -0.5 * (1 + logvar - mean**2 - torch.exp(logvar)).sum() / len(rows)
        adam.zero_grad()
        (error + kl).backward()
        adam.step()

    return step


def peak_memory_mb():
    """The most memory that this process has held, in MiB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def work(name):
    """The contender's side: answer each request line on stdin with one line of JSON."""
    import numpy as np

    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not mix with them
    if name == "sgemm":
        step = sgemm()
    else:
        step = {
            "paddle_nn": paddle_nn,
            "paddle_vae": paddle_vae,
            "torch_contiguous": lambda: torch_step(False),
            "torch_channels_last": lambda: torch_step(True),
        }[name]()
    rng, at_start = np.random.default_rng(1), peak_memory_mb()
    for line in sys.stdin:
        size, steps = json.loads(line)
        seconds = []
        for _ in range(steps):
            rows = rng.integers(0, 4096, size)
            start = time.perf_counter()
            step(rows)
            seconds.append(time.perf_counter() - start)
        print(json.dumps([seconds, peak_memory_mb(), at_start]), file=answers, flush=True)


def sgemm():
    """A product of two 2048 x 2048 matrices, with the package's settings: this machine's peak."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import paddle_vae  # noqa: F401

    import paddle  # isort: skip

    a, b = paddle.randn([2048, 2048]), paddle.randn([2048, 2048])
    return lambda _: paddle.matmul(a, b)


class Contender:
    """A process that runs steps on request."""

    def __init__(self, name):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        if name == "paddle_nn":
            clean["PADDLE_VAE_TUNE"] = "0"
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=clean, text=True,
        )  # fmt: skip

    def run(self, size, steps):
        """Seconds of each of `steps` steps, the peak memory so far, and that before any step."""
        time.sleep(PAUSE)
        self.process.stdin.write(json.dumps([size, steps]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[-1]} died with code {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(names, sizes, rounds, steps):
    """{name: {size: images a second}}, {name: [peak MiB at 64, at start]}, sgemm's GFLOP/s."""
    contenders = {name: Contender(name) for name in names}
    peak = Contender("sgemm")
    seconds = {name: {size: [] for size in sizes} for name in names}
    bar = tqdm(total=len(sizes) * rounds, unit="round", desc="measuring")
    memory, products = {}, []
    try:
        for size in sorted(sizes, key=lambda size: size != 64):  # 64 first: its peak memory counts
            for name in names:  # warm up, unmeasured
                contenders[name].run(size, 2)
            peak.run(1, 2)
            for _ in range(rounds):
                for name in names:
                    taken, *mb = contenders[name].run(size, max(1, steps * 64 // size))
                    seconds[name][size] += taken
                    if size == 64:
                        memory[name] = mb
                products += peak.run(1, 3)[0]
                bar.update()
    finally:
        bar.close()
        for contender in [*contenders.values(), peak]:
            contender.close()
    speed = {
        name: {size: size / statistics.median(taken) for size, taken in by_size.items()}
        for name, by_size in seconds.items()
    }
    return speed, memory, 2 * 2.048**3 / statistics.median(products)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    arguments.add_argument("--quick", action="store_true", help="batch 64 alone, fewer rounds")
    arguments.add_argument("--work", help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    if arguments.work:
        return work(arguments.work)
    names = [n for n in CONTENDERS if "torch" not in n or importlib.util.find_spec("torch")]
    sizes = [64] if arguments.quick else [32, 64, 128, 256, 512]
    speed, memory, gflops = measure(names, sizes, *((6, 6) if arguments.quick else (12, 8)))
    at_64 = {name: speed[name][64] for name in names}
    ours = at_64["paddle_vae"]
    torch_speeds = [at_64[name] for name in names if "torch" in name]
    result = {
        **{name: round(at_64.get(name, 0)) or None for name in CONTENDERS},
        "ratio_to_torch": round(ours / max(torch_speeds), 3) if torch_speeds else None,
        "ratio_to_paddle_nn": round(ours / at_64["paddle_nn"], 2),
        "sgemm_gflops": round(gflops, 1),
        "share_of_peak": round(ours * MFLOP_AN_IMAGE / 1000 / gflops, 3),
        "peak_memory_mb": {name: peak for name, (peak, _) in memory.items()},
        "memory_before_training_mb": {name: start for name, (_, start) in memory.items()},
        "images_a_second": {
            name: {size: round(value) for size, value in by_size.items()}
            for name, by_size in speed.items()
        },
    }
    if arguments.json:
        print(json.dumps(result))
        return
    print("images a second, by batch size")
    head = "".join(f"{size:>8}" for size in sizes)
    print(f"{'':<20}{head}{'peak MiB':>10}{'at start':>10}")
    for name in names:
        row = "".join(f"{speed[name][size]:>8.0f}" for size in sizes)
        print(f"{name:<20}{row}" + "".join(f"{mb or 0:>10.0f}" for mb in memory[name]))
    print("memory: the whole process, libraries included, after the rounds of batch 64")
    for key in ("ratio_to_torch", "ratio_to_paddle_nn", "sgemm_gflops", "share_of_peak"):
        print(f"{key:<20}{result[key]!s:>8}")


if __name__ == "__main__":
    main()
