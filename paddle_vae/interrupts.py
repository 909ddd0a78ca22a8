"""Ctrl-C and SIGTERM while a model is trained."""

import signal
import threading
from contextlib import contextmanager


class Stopped(KeyboardInterrupt):
    """Ends a training that was told to stop; it says where the training is saved.

    told: the signals, as `noted` collects them; `signal` is the first of them.
    """

    def __init__(self, message, told=()):
        super().__init__(message)
        self.signal = told[0] if told else signal.SIGINT


@contextmanager
def interruptible():
    """Ctrl-C during a backward pass of our layers leaves Paddle as an OSError: inside this context
    it is a KeyboardInterrupt."""
    try:
        yield
    except OSError as error:
        if "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from None
        raise


@contextmanager
def noted(wanted=True):
    """Inside, Ctrl-C and SIGTERM only go into the list that is given, for the program to stop when
    it can; a second Ctrl-C interrupts at once. Where not wanted, or in another than the main
    thread, which gets no signals, the list stays empty and nothing changes."""
    told = []

    def note(number, _):
        if number == signal.SIGINT and number in told:
            raise KeyboardInterrupt
        told.append(number)

    if not wanted or threading.current_thread() is not threading.main_thread():
        yield told
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
