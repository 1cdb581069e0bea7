"""Tasks as processes on this machine, each in its step's locked environment."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import selectors
import signal
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fpack.launcher.backend import BackendEvent, Began, Ended, Said
from fpack.launcher.lines import LineSplitter
from fpack.launcher.logfile import LogFile
from fpack.launcher.worker import Interpreter, Worker
from fpack.store.keys import TaskKey, log_key
from fpack.store.logs import LogLine
from fpack.store.root import Root
from fpack.task.order import RunContext, TaskOrder

CHUNK = 1 << 16
GRACE = 5.0
"""Seconds after a step's @timeout at which a task that did not notice it is killed."""

NEED_EXEC = ("LD_", "DYLD_", "PYTHON", "GLIBC_", "MALLOC_")
"""Variables that a program reads once, as it starts: a step that sets one needs a start of its own."""


@dataclass
class _Running:
    order: TaskOrder
    log: LogFile
    splitters: dict[int, LineSplitter]
    worker: Worker
    pid: int | None = None
    deadline: float | None = None
    reason: str = ""
    open: set[int] = field(default_factory=set)


class LocalBackend:
    """Starts a template per environment when its first task comes, and reads what the tasks print.

    `interpreters` maps each step to its Python. `mode` is how tasks start (`fpack.task.template`).
    """

    def __init__(
        self,
        context: RunContext,
        root: Root,
        interpreters: Mapping[str, Interpreter],
        runtime: Path,
        *,
        mode: str = "fork",
        variables: Mapping[str, str] = os.environ,
    ) -> None:
        self._context = context
        self._root = root
        self._interpreters = interpreters
        self._runtime = runtime
        self._mode = mode
        self._variables = variables
        self._steps = {step["name"]: step for step in context.run.graph["steps"]}
        self._selector = selectors.DefaultSelector()
        self._workers: dict[tuple[Interpreter, str], Worker] = {}
        self._running: dict[TaskKey, _Running] = {}
        self._by_pid: dict[int, TaskKey] = {}

    def submit(self, orders: Sequence[TaskOrder]) -> None:
        for order in orders:
            read_out, out = os.pipe()
            read_err, err = os.pipe()
            splitters = {read_out: LineSplitter("out"), read_err: LineSplitter("err")}
            log = LogFile(self._root, log_key(self._context.run.flow, order.key))
            worker = self._worker(order.key.step)
            self._running[order.key] = _Running(order, log, splitters, worker, open=set(splitters))
            for descriptor in splitters:
                os.set_blocking(descriptor, False)
                self._selector.register(descriptor, selectors.EVENT_READ, (order.key, descriptor))
            worker.start(order, out, err)
            os.close(out)
            os.close(err)
            # The environments that come next warm up while this task runs.
            for target in self._steps[order.key.step]["targets"]:
                if target in self._interpreters:
                    self._worker(target)

    def _worker(self, step: str) -> Worker:
        variables = self._steps[step]["variables"] or {}
        mode = "exec" if any(name.startswith(NEED_EXEC) for name in variables) else self._mode
        place = (self._interpreters[step], mode)
        if place not in self._workers:
            worker = Worker(place[0], self._context, self._runtime, mode, self._variables)
            self._workers[place] = worker
            self._selector.register(worker.fileno(), selectors.EVENT_READ, worker)
        return self._workers[place]

    def wait(self, timeout: float) -> list[BackendEvent]:
        now = time.monotonic()
        deadlines = [task.deadline for task in self._running.values() if task.deadline is not None]
        if deadlines:
            timeout = max(0.0, min(timeout, min(deadlines) - now))
        events: list[BackendEvent] = []
        for chosen, _ in self._selector.select(timeout):
            if isinstance(chosen.data, Worker):
                events += self._hear(chosen.data)
            else:
                key, descriptor = chosen.data
                if key in self._running:
                    events += self._read(self._running[key], descriptor)
        self._enforce_deadlines(time.monotonic())
        return events

    def _hear(self, worker: Worker) -> list[BackendEvent]:
        events: list[BackendEvent] = []
        started, ended, alive = worker.read()
        for order, pid in started:
            task = self._running[order.key]
            task.pid = pid
            self._by_pid[pid] = order.key
            limit = self._steps[order.key.step]["timeout"]
            if limit is not None:
                task.deadline = time.monotonic() + limit + GRACE
            events.append(Began(order.key, f"pid {pid}"))
        for pid, status in ended:
            if pid in self._by_pid:  # and no child of a template's own, which the user's import has left it
                events += self._end(self._by_pid[pid], _reason(status))
        if not alive:
            events += self._bury(worker)
        return events

    def _bury(self, worker: Worker) -> list[BackendEvent]:
        """A template has died, so that its tasks can no longer be watched: end them, and say so."""
        self._selector.unregister(worker.fileno())
        place = next(place for place, other in self._workers.items() if other is worker)
        del self._workers[place]
        worker.close()
        events: list[BackendEvent] = []
        for key, task in list(self._running.items()):
            if task.worker is worker:
                self._signal(task, signal.SIGKILL)
                events += self._end(key, "the process that starts this environment's tasks died")
        return events

    def _read(self, task: _Running, descriptor: int, *, whole: bool = False) -> list[BackendEvent]:
        """Lines that are there to be read; with `whole`, all that the pipe holds now."""
        left = _readable(descriptor) if whole else CHUNK  # more may come for ever, from a child of the task's
        lines: list[LogLine] = []
        # Not before it is known which process this is; what it prints meanwhile waits in the pipe.
        while task.pid is not None and left > 0:
            try:
                data = os.read(descriptor, CHUNK)
            except BlockingIOError:
                break
            if not data:
                self._shut(task, descriptor)
                break
            lines += task.splitters[descriptor].feed(data)
            left -= len(data) if whole else CHUNK
        task.log.write(lines)
        return [Said(task.order.key, line) for line in lines]

    def _shut(self, task: _Running, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        task.open.discard(descriptor)

    def _end(self, key: TaskKey, reason: str) -> list[BackendEvent]:
        task = self._running[key]
        events: list[BackendEvent] = []
        for descriptor in sorted(task.open):
            events += self._read(task, descriptor, whole=True)
        # A process that the task left behind may hold the pipe open; its output is no longer the task's.
        for descriptor in list(task.open):
            self._shut(task, descriptor)
        rest = [line for splitter in task.splitters.values() for line in splitter.finish()]
        task.log.write(rest)
        task.log.close()
        del self._running[key]
        if task.pid is not None:
            del self._by_pid[task.pid]
        return [*events, *(Said(key, line) for line in rest), Ended(key, task.reason or reason)]

    def _enforce_deadlines(self, now: float) -> None:
        for task in self._running.values():
            if task.deadline is not None and now >= task.deadline:
                task.deadline = None
                limit = self._steps[task.order.key.step]["timeout"]
                task.reason = f"killed: it took longer than its @timeout of {limit:g} s"
                self._signal(task, signal.SIGKILL)

    def stop(self, *, force: bool) -> None:
        for task in self._running.values():
            self._signal(task, signal.SIGKILL if force else signal.SIGTERM)

    def _signal(self, task: _Running, number: signal.Signals) -> None:
        if task.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(task.pid, number)

    def close(self) -> None:
        for worker in self._workers.values():
            self._selector.unregister(worker.fileno())
            worker.close()
        self._workers.clear()
        self._selector.close()


def _readable(descriptor: int) -> int:
    """How many bytes a pipe holds."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def _reason(status: int) -> str:
    """What an exit code says of a process that left no record."""
    if status >= 0:
        return f"its process ended with exit code {status} and left no result"
    name = signal.Signals(-status).name
    if status == -signal.SIGKILL:
        return f"its process was killed ({name}): perhaps the machine was out of memory"
    return f"its process was ended by {name}"
