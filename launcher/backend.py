"""What the scheduler asks of a place where tasks run, and what it hears back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fpack.store.keys import TaskKey
from fpack.store.logs import LogLine
from fpack.task.order import TaskOrder


@dataclass(frozen=True)
class Began:
    """A task has a process or a job now; `where` says which, for a person (`pid 52979`)."""

    key: TaskKey
    where: str


@dataclass(frozen=True)
class Said:
    """A task printed a line, or a piece of a long one."""

    key: TaskKey
    line: LogLine


@dataclass(frozen=True)
class Ended:
    """A task is over. Whether it is done, its record says; `reason` is for when it left none."""

    key: TaskKey
    reason: str


BackendEvent = Began | Said | Ended


class Backend(Protocol):
    """A place where tasks run. All calls come from one thread."""

    def submit(self, orders: Sequence[TaskOrder]) -> None:
        """Start these tasks; consecutive ones of one step may become an array. Does not wait."""

    def wait(self, timeout: float) -> list[BackendEvent]:
        """What happened, in order, waiting up to `timeout` seconds for the first of it."""

    def stop(self, *, force: bool) -> None:
        """Ask every running task to end, or with `force` end it. `wait` still reports each of them."""

    def close(self) -> None:
        """Give back what the backend holds; no task is running any more."""
