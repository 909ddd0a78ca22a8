"""Training speed of L1's VAE: paddle_vae, paddle.nn, PyTorch, TensorFlow and JAX, side by side.

Each contender is a process of its own with its own settings, kept alive; they take turns, so that
whatever else the machine does meets all alike. A step is: take a batch from the training set in
memory, forward, loss, backward, Adam. Prints images a second (the median over all steps but the
first of each turn, which comes after a pause that no training makes), the ratio to the best of the
others, the share of this machine's matrix-product peak, and memory.

    python benchmarks/train_throughput.py [--json] [--quick] [--cores N]

A name with _kept is that contender, told by glibc's variables to keep the memory that it frees, as
paddle_vae does by itself. paddle_vae_x2 is two processes of half the cores each, which share every
batch. --cores: run each contender on so many cores, the last ones. On a busy machine, read the
column of processor time: images for each second that a process computed, on all its cores together.

The others come from requirements-bench.txt; without one, its rows are left out. With all of them it
takes a quarter of an hour, and --quick some four minutes, most of them for torch.compile.
"""

import argparse
import importlib.util
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import time

from contenders import CONTENDERS, sgemm
from tqdm import tqdm

# Forward and backward, 2 per multiply-add of every layer, three times, as the layers are defined.
# paddle_vae gets the same results from fewer, so its share of the peak is of useful operations.
MFLOP_AN_IMAGE = 59.7
PAUSE = 0.25  # seconds between turns: MKL's threads spin for 0.2 after their last product
# What paddle_vae.runtime would leave alone, and so must not reach the contenders
SETTINGS = ("MKL_", "OMP_", "KMP_", "MALLOC_", "FLAGS_", "GLIBC_TUNABLES", "PADDLE_VAE_TUNE")
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 28), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}


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
    step = sgemm() if name == "sgemm" else CONTENDERS[name][0]()
    rng, at_start = np.random.default_rng(1), peak_memory_mb()
    for line in sys.stdin:
        size, steps = json.loads(line)
        seconds, processor = [], []
        for _ in range(steps):
            rows = rng.integers(0, 4096, size)
            start, begun = time.perf_counter(), time.process_time()
            step(rows)
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - begun)
        answer = [seconds, processor, peak_memory_mb(), at_start]
        print(json.dumps(answer), file=answers, flush=True)


class Contender:
    """A process that runs steps on request, or two that run each step together."""

    def __init__(self, name, cores):
        kind = name.removesuffix("_kept").removesuffix("_x2")
        env = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
        env |= {"PADDLE_VAE_TUNE": "0"} if kind == "paddle_nn" else {}
        env |= KEPT if name.endswith("_kept") else {}
        each = [(env, cores)]
        if name.endswith("_x2"):
            half = max(1, len(cores) // 2)
            shares = cores[:half], cores[half:] or cores
            with socket.socket() as free:
                free.bind(("127.0.0.1", 20_000 + secrets.randbelow(10_000)))  # raises if taken
                master = f"127.0.0.1:{free.getsockname()[1]}"
            env |= {"PADDLE_TRAINERS_NUM": "2", "PADDLE_MASTER": master}
            env |= {"PADDLE_DISTRI_BACKEND": "gloo"}
            own = [{"PADDLE_TRAINER_ID": f"{i}"} for i in (0, 1)]
            own = [o | {"PADDLE_CURRENT_ENDPOINT": f"127.0.0.1:{i}"} for i, o in enumerate(own)]
            each = [(env | own, share) for own, share in zip(own, shares, strict=True)]
        self.name, self.processes = name, []
        for env, share in each:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, __file__, "--work", kind, "--on", ",".join(map(str, share))],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    env=env, text=True,
                )
            )  # fmt: skip

    def run(self, size, steps):
        """Seconds of each of `steps` steps, processor time of each, both of all processes, the peak
        memory so far, and that before any step."""
        time.sleep(PAUSE)
        for process in self.processes:
            process.stdin.write(json.dumps([size, steps]) + "\n")
            process.stdin.flush()
        answers = [process.stdout.readline() for process in self.processes]
        if not all(answers):
            raise RuntimeError(f"{self.name} died with code {self.processes[0].wait()}")
        (seconds, *first), *others = map(json.loads, answers)
        for _, *more in others:
            first[0] = [a + b for a, b in zip(first[0], more[0], strict=True)]
            first[1:] = [a and a + b for a, b in zip(first[1:], more[1:], strict=True)]
        return seconds, *first

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait()


def measure(names, sizes, rounds, steps, cores):
    """{name: {size: images a second}}, the same for each second of processor time,
    {name: [peak MiB at 64, at start]}, sgemm's GFLOP/s."""
    contenders = {name: Contender(name, cores) for name in names}
    peak = Contender("sgemm", cores)
    seconds = {name: {size: [] for size in sizes} for name in names}
    processor = {name: {size: [] for size in sizes} for name in names}
    bar = tqdm(total=len(sizes) * rounds, unit="round", desc="measuring")
    memory, products = {}, []
    try:
        for size in sorted(sizes, key=lambda size: size != 64):  # 64 first: its peak memory counts
            for name in names:  # warm up, unmeasured
                contenders[name].run(size, 3)
            peak.run(1, 2)
            for _ in range(rounds):
                for name in names:
                    count = 1 + max(1, steps * 64 // size)
                    taken, computed, *mb = contenders[name].run(size, count)
                    seconds[name][size] += taken[1:]
                    processor[name][size] += computed[1:]
                    if size == 64:
                        memory[name] = mb
                products += peak.run(1, 3)[0]
                bar.update()
    finally:
        bar.close()
        for contender in [*contenders.values(), peak]:
            contender.close()
    speeds = [
        {
            name: {size: size / statistics.median(taken) for size, taken in by_size.items()}
            for name, by_size in found.items()
        }
        for found in (seconds, processor)
    ]
    return *speeds, memory, 2 * 2.048**3 / statistics.median(products)


def choose():
    """The names to measure; says on stderr what is left out."""
    names, missing = [], []
    for name, (_, module) in CONTENDERS.items():
        if importlib.util.find_spec(module) is None:
            missing.append(name)
        elif name == "paddle_nn":
            names.append(name)
        elif name == "paddle_vae":
            names += [name, "paddle_vae_x2"]
        else:
            names += [name, f"{name}_kept"] if sys.platform == "linux" else [name]
    if missing:
        how = "pip install -r requirements-bench.txt"
        print(f"left out, as not installed: {', '.join(missing)} ({how})", file=sys.stderr)
    return names


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--json", action="store_true", help="print one JSON object")
    arguments.add_argument("--quick", action="store_true", help="batches of 64 and 128 alone")
    arguments.add_argument("--cores", metavar="N", type=int, help="for each contender")
    arguments.add_argument("--work", help=argparse.SUPPRESS)
    arguments.add_argument("--on", default="", help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    if arguments.work:
        if arguments.on:  # before a framework counts them
            os.sched_setaffinity(0, map(int, arguments.on.split(",")))
        return work(arguments.work)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    cores = cores[-(arguments.cores or len(cores)) :]
    names = choose()
    sizes = [64, 128] if arguments.quick else [32, 64, 128, 256, 512]
    rounds = (5, 8) if arguments.quick else (6, 8)
    speed, computed, memory, gflops = measure(names, sizes, *rounds, cores)
    others = [name for name in names if not name.startswith("paddle_vae")]
    ratios = {}
    for size in sizes:
        best = max(others, key=lambda name: speed[name][size])
        ratios[size] = {
            "best_of_the_others": best,
            "paddle_vae": round(speed["paddle_vae"][size] / speed[best][size], 3),
            "paddle_vae_x2": round(speed["paddle_vae_x2"][size] / speed[best][size], 3),
            "by_processor_time": round(
                computed["paddle_vae"][size] / max(computed[name][size] for name in others), 3
            ),
        }
    ours = speed["paddle_vae"][64]
    result = {
        "cores": len(cores) or os.cpu_count(),
        "images_a_second": {
            name: {size: round(value) for size, value in by_size.items()}
            for name, by_size in speed.items()
        },
        "images_a_processor_second_at_64": {name: round(computed[name][64]) for name in names},
        "ratio_to_the_best": ratios,
        "ratio_to_each_at_64": {name: round(ours / speed[name][64], 3) for name in others},
        "sgemm_gflops": round(gflops, 1),
        "share_of_peak": round(ours * MFLOP_AN_IMAGE / 1000 / gflops, 3),
        "peak_memory_mb": {name: peak for name, (peak, _) in memory.items()},
        "memory_before_training_mb": {name: start for name, (_, start) in memory.items()},
    }
    if arguments.json:
        print(json.dumps(result))
        return None
    print(f"images a second, by batch size, on {result['cores']} cores")
    head = "".join(f"{size:>7}" for size in sizes)
    print(f"{'':<25}{head}{'64, a proc. s':>15}{'peak MiB':>10}{'at start':>10}")
    for name in names:
        row = "".join(f"{speed[name][size]:>7.0f}" for size in sizes)
        row += f"{computed[name][64]:>15.0f}"
        print(f"{name:<25}{row}" + "".join(f"{mb or 0:>10.0f}" for mb in memory[name]))
    print("memory: the whole process, libraries included, after the rounds of batch 64")
    for size, found in ratios.items():
        print(
            f"batch {size}: {found['paddle_vae']} times the best of the others, "
            f"{found['best_of_the_others']}; by processor time {found['by_processor_time']}; "
            f"two processes {found['paddle_vae_x2']}"
        )
    print(f"sgemm {result['sgemm_gflops']} GFLOP/s, share of it {result['share_of_peak']}")
    return None


if __name__ == "__main__":
    sys.exit(main())
