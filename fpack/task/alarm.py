"""The clock of `@timeout`, inside the task: an exception in the user's own code, where it stands."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StepTimeoutError(Exception):
    """The step took longer than its `@timeout` allows."""


@contextmanager
def alarm(seconds: float | None, step: str) -> Iterator[None]:
    """Raise StepTimeoutError in the main thread after `seconds`.

    Code that is out of Python's reach, as in a long call of a C library, is killed by the launcher later.
    """
    if seconds is None:
        yield
        return

    def ring(number: int, frame: object) -> None:
        raise StepTimeoutError(f"step `{step}` took longer than its @timeout of {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
