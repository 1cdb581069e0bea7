"""Driving a run: what ended decides what starts, until nothing is left or a task fails for good.

Every decision is written to the run's journal before it is acted upon, and every task writes its own
record, so that whatever is killed at whatever moment, the store tells how far the run came.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fpack.events import Emit, Event
from fpack.flow.graph import FlowGraph, Step
from fpack.launcher.backend import Backend, Began, Ended, Said
from fpack.launcher.scheduler import Scheduler, split_of
from fpack.store.keys import TaskKey
from fpack.store.records import Adoption, Failure, RunEnd, TaskRecord, Wave
from fpack.store.runs import Runs
from fpack.task.order import TaskOrder

GRACE = 5.0
"""Seconds that tasks get to end by themselves when the run is stopped, before they are killed."""


@dataclass
class _Task:
    order: TaskOrder
    where: str = ""
    began: float | None = None


@dataclass
class Stopping:
    """Whether, and how urgently, the user wants the run to end: 0 not, 1 in order, 2 at once."""

    wish: int = 0

    def ask(self, *_: object) -> None:
        """A signal handler."""
        self.wish += 1


@dataclass
class Drive:
    """One run under way. `run` is its id; `onward` says whether steps after the first ones are run too."""

    flow: str
    run: str
    graph: FlowGraph
    runs: Runs
    scheduler: Scheduler
    backend: Backend
    emit: Emit
    max_workers: int
    onward: bool = True
    stopping: Stopping = field(default_factory=Stopping)
    failed: list[TaskRecord] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    _entries: int = 0
    _waiting: deque[TaskOrder] = field(default_factory=deque)
    _running: dict[TaskKey, _Task] = field(default_factory=dict)

    def go(self, entries: Iterable[Wave | Adoption]) -> RunEnd:
        """Run these waves and what follows from them; the run's end is written down, and returned.

        The run began with these entries: they are in its journal already.
        """
        for entry in entries:
            self._entries += 1
            self._take(entry)
        killed_at: float | None = None
        while self._waiting or self._running:
            if self.stopping.wish == 0 and not self.failed:
                self._submit()
            else:
                self._waiting.clear()
                if killed_at is None:
                    self.backend.stop(force=False)
                    killed_at = self.clock() + GRACE
                    if self._running:
                        self._say("run.stopping", f"Stopping {len(self._running)} running task(s)")
                elif self.stopping.wish > 1 or self.clock() > killed_at:
                    self.backend.stop(force=True)
            for event in self.backend.wait(0.25):
                self._hear(event)
        status = "failed" if self.failed else "stopped" if self.stopping.wish else "done"
        failed = [f"{record.key.step}/{record.key.task}" for record in self.failed]
        end = RunEnd(status, self.clock(), failed)  # type: ignore[arg-type]
        self.runs.end(self.flow, self.run, end)
        return end

    def _enter(self, entry: Wave | Adoption) -> None:
        """Write a decision down, and act upon it."""
        self._entries += 1
        self.runs.add_wave(self.flow, self.run, self._entries, entry)
        self._take(entry)

    def _take(self, entry: Wave | Adoption) -> None:
        if isinstance(entry, Adoption):
            return
        step = self.graph.steps[entry.step]
        for index in range(entry.count):
            key = TaskKey(self.run, entry.step, str(entry.first + index))
            last = step.retry.times == 0
            self._waiting.append(TaskOrder(key, entry.inputs, split_of(entry, index), is_last=last))

    def _submit(self) -> None:
        orders: list[TaskOrder] = []
        while self._waiting and len(self._running) < self.max_workers:
            order = self._waiting.popleft()
            orders.append(order)
            self._running[order.key] = _Task(order)
        if orders:
            self.backend.submit(orders)

    def _hear(self, event: Began | Said | Ended) -> None:
        task = self._running[event.key]
        if isinstance(event, Began):
            task.where, task.began = event.where, self.clock()
            again = f" (attempt {event.key.attempt + 1})" if event.key.attempt else ""
            if task.order.fallback:
                again = " for `@catch`"
            self._tell(task, "task.started", f"Task is starting{again}.")
            if self.stopping.wish or self.failed:
                self.backend.stop(force=False)  # it was on its way when the others were asked to end
        elif isinstance(event, Said):
            line = event.line
            self._tell(task, "task.log", line.text, stream=line.stream, whole=line.whole)
        else:
            del self._running[event.key]
            self._ended(task, event.reason)

    def _ended(self, task: _Task, reason: str) -> None:
        key = task.order.key
        record = self.runs.read_record(self.flow, key)
        if record is None:
            record = self._record_silent(task, reason)
        if record.status == "done":
            self._tell(task, "task.done", "Task finished successfully.", seconds=self._seconds(record))
            if self.onward:
                for wave in self.scheduler.onward(record):
                    self._enter(wave)
            return
        stopped = self.stopping.wish or self.failed
        again = None if stopped else self._next_attempt(task.order, self.graph.steps[key.step])
        data = {"seconds": self._seconds(record), "failure": str(record.failure), "again": again is not None}
        if again is not None:
            how = "`@catch` takes it" if again.fallback else "it is tried again"
            self._tell(task, "task.failed", f"Task failed: {record.failure}; {how}.", **data)
            self._waiting.appendleft(again)
        else:
            self._tell(task, "task.failed", f"Task {'stopped' if stopped else 'failed'}.", **data)
            if not stopped:
                self.failed.append(record)

    def _record_silent(self, task: _Task, reason: str) -> TaskRecord:
        """The record of a task that left none: its process died, or was ended."""
        if self.stopping.wish:
            reason = "stopped by the user"
        elif self.failed:
            reason = f"stopped, because {self.failed[0].key.step}/{self.failed[0].key.task} failed"
        order = task.order
        record = TaskRecord(
            order.key,
            "failed",
            task.began,
            self.clock(),
            order.inputs,
            order.splits,
            failure=Failure("", reason),
        )
        self.runs.add_record(self.flow, record)
        return record

    @staticmethod
    def _next_attempt(order: TaskOrder, step: Step) -> TaskOrder | None:
        """The attempt that follows a failed one. A last one that `@catch` missed leaves it one more."""
        attempt = order.key.attempt + 1
        fallback = attempt > step.retry.times
        if order.fallback or (fallback and not step.catch):
            return None
        key = order.key._replace(attempt=attempt)
        return TaskOrder(key, order.inputs, order.splits, attempt >= step.retry.times, fallback)

    @staticmethod
    def _seconds(record: TaskRecord) -> float | None:
        return None if record.started is None else round(record.ended - record.started, 3)

    def _say(self, type: str, message: str) -> None:
        self.emit(Event(type, message, data={"run": self.run}))

    def _tell(self, task: _Task, type: str, message: str, **more: object) -> None:
        key = task.order.key
        place = {"run": key.run, "step": key.step, "task": key.task, "attempt": key.attempt}
        self.emit(Event(type, message, data={**place, "where": task.where, **more}))
