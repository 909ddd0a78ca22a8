"""Several processes, on one machine or more, that train one model: each computes its part of every
batch, and their gradients are added up by Paddle's all_reduce (NCCL on GPUs, gloo on CPUs).

Processes are started by `python -m paddle_vae train NAME --processes N`, or by Paddle's launcher,
which is also for several machines (tests/test_distributed.py has the commands for two). They take
the same steps as one process does, but for batch norm, which sees only its process's part of a
batch, and for rounding, which a training amplifies: their losses part from those of one process as
those of two threads part from those of one.
"""

import contextlib
import math
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
import paddle

from . import models, runtime
from .errors import InputError

PARENT = "PADDLE_VAE_PARENT"  # the process that started this one by `launch`


def rank():
    """Which of the processes this is: 0 is the one that prints and writes."""
    return int(os.environ.get("PADDLE_TRAINER_ID", 0)) if processes() > 1 else 0


def processes():
    """How many processes train together: 1 unless a launcher started this one."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", 1))


def join():
    """Meet the other processes, at the first call; raises InputError where they cannot meet."""
    if processes() == 1 or paddle.distributed.is_initialized():
        return
    try:
        paddle.distributed.init_parallel_env()
    except NotImplementedError as error:  # no GPU
        remedy = "set PADDLE_DISTRI_BACKEND=gloo"
        raise InputError(f"the launcher names no way to talk between CPUs: {remedy}") from error


def agree_on(model):
    """Give all processes the weights, and running statistics, of the first."""
    for value in [*model.parameters(), *model.buffers()]:
        paddle.distributed.broadcast(value, 0)


def part(image, label):
    """This process's rows of a batch -> (images, labels, their share of the batch, first row).

    Where there are fewer rows than processes, some get one that counts nothing. A part begins at an
    even row: Paddle draws normal numbers in pairs, and noise_of cannot begin within one.
    """
    count, each = len(image), 2 * math.ceil(len(image) / processes() / 2)
    first = min(rank() * each, count - 1)
    last = min(first + each, count)
    share = 0.0 if rank() * each >= count else (last - first) / count
    return image[first:last], label[first:last], share, first


@contextlib.contextmanager
def noise_of(model, first, count):
    """Inside, a VAE's noise is that of rows `first` and following of a batch of `count`; after it,
    the random state is as if the whole batch had been drawn, in every process."""
    if not isinstance(model, models.VAE):
        yield
        return
    state = paddle.get_rng_state()
    if first:
        paddle.randn([first, model.latent_dim])
    yield
    paddle.set_rng_state(state)
    paddle.randn([count, model.latent_dim])


def learn(model, image, label, told, loss):
    """The gradients of a whole batch, each process from its part -> the batch's losses in parts,
    and whether any process was told to stop; loss: as Run.loss."""
    rows, labels, share, first = part(image, label)
    with noise_of(model, first, len(image)):
        parts = loss(rows, labels)
    (parts.total * share).backward()
    stop = bool(told) or orphaned()
    *parts, stop = _add_up(model, [*(share * number.item() for number in parts), stop])
    return parts, stop > 0


def _add_up(model, numbers):
    """Add up the gradients over all processes, and a list of numbers -> the sums of the latter.

    In one message: Paddle's DataParallel, and an all_reduce of the numbers after it, are several,
    of sizes at which gloo is slow, and take a fifth of a step of two processes. All weights that
    learn are of one dtype; those without a gradient in some process count as zeros there.
    """
    weights = [weight for weight in model.parameters() if not weight.stop_gradient]
    gradients = [paddle.zeros_like(w) if w.grad is None else w.grad for w in weights]
    numbers = paddle.to_tensor(numbers, gradients[0].dtype)
    everything = paddle.concat([*(gradient.flatten() for gradient in gradients), numbers])
    paddle.distributed.all_reduce(everything)
    sizes = [gradient.size for gradient in gradients]
    *gradients, numbers = paddle.split(everything, [*sizes, len(numbers)])
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.reshape(weight.shape)
    return numbers.tolist()


def total(numbers):
    """The sums over all processes of a list of numbers, as a list of floats."""
    found = paddle.to_tensor(np.array(numbers, "float64"))
    paddle.distributed.all_reduce(found)
    return found.tolist()


def agree(steps, path):
    """Raise InputError unless all processes found a checkpoint after as many steps."""
    found = total([steps, steps**2])
    if found[1] * processes() != found[0] ** 2:
        raise InputError(f"{path} is not the same for all processes: give a folder they all see")


def orphaned():
    """Whether the process that started this one by `launch` is gone."""
    parent = os.environ.get(PARENT)
    return parent is not None and os.getppid() != int(parent)


def launch(count, command):
    """Run a command, a list such as ["python", "mine.py"], in so many processes on this machine,
    which share its cores -> the exit status.

    The first one prints; the last line of another is shown where that one failed alone.
    """
    address = f"127.0.0.1:{_free_port()}"
    threads = str(max(1, math.floor(runtime.cores() / count)))
    shared = {"MKL_NUM_THREADS": threads, "OMP_NUM_THREADS": threads} | os.environ
    shared |= {"PADDLE_TRAINERS_NUM": str(count), "PADDLE_MASTER": address}
    shared |= {PARENT: str(os.getpid())}
    if runtime.device() == "cpu":
        shared["PADDLE_DISTRI_BACKEND"] = "gloo"
    with contextlib.ExitStack() as stack:
        outputs = [None] + [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count - 1)]
        workers = []
        for number, output in enumerate(outputs):
            own = {"PADDLE_TRAINER_ID": str(number), "FLAGS_selected_gpus": str(number)}
            own["PADDLE_CURRENT_ENDPOINT"] = f"127.0.0.1:{number}"
            env = shared | own
            workers.append(subprocess.Popen(command, env=env, stdout=output, stderr=output))
        statuses = _wait(workers)
        for output, status in zip(outputs[1:], statuses[1:], strict=True):
            if status and not statuses[0]:
                output.seek(0)
                lines = output.read().decode(errors="replace").strip().splitlines()
                print(*lines[-1:], file=sys.stderr)
        return statuses[0] or max(statuses)


def _wait(workers):
    """Until all have ended -> their statuses. SIGTERM is passed on; after the first failure, the
    others get ten seconds to end by themselves, since they may wait for the failed one for ever."""

    def end(*_):
        for worker in workers:
            if worker.poll() is None:
                worker.terminate()

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, end)  # the terminal tells the workers too
    try:
        failed = None
        while any(worker.poll() is None for worker in workers):
            if failed is None and any(worker.poll() for worker in workers):
                failed = time.monotonic()
            if failed is not None and time.monotonic() > failed + 10:
                for worker in workers:
                    if worker.poll() is None:
                        worker.kill()
            time.sleep(0.05)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return [worker.wait() for worker in workers]


def _free_port():
    """A port where nobody listens, below those that systems give to outgoing connections: one of
    them could take it before the workers do."""
    for _ in range(100):
        port = 20_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise InputError("this machine lets no port of 127.0.0.1 be used: give --processes 1")
