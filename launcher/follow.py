"""Reading the logs of a run's tasks, merged, while the run goes on or after."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator

from fpack.client.history import History, read_history
from fpack.launcher.liveness import is_alive
from fpack.store.keys import TaskKey, log_key
from fpack.store.logs import LogLine, decode
from fpack.store.runs import Runs

POLL = 0.2
"""Seconds between two looks at the logs of a run that goes on."""

LATE = 10.0
"""Seconds after a task's end during which lines of its log may still come."""

Line = tuple[TaskKey, LogLine]


class LogReader:
    """The lines of a run, or of one of its steps or tasks, each given once, with the task it is from."""

    def __init__(
        self,
        runs: Runs,
        flow: str,
        run: str,
        step: str | None = None,
        task: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._runs = runs
        self._flow = flow
        self._run = run
        self._step = step
        self._task = task
        self._sleep = sleep
        self._read: dict[TaskKey, int] = {}
        self._finished: set[TaskKey] = set()
        self.is_merged = True

    def lines(self, *, follow: bool, tail: int | None = None, stream: str | None = None) -> Iterator[Line]:
        """What is there, in order of time; with `follow`, then what comes, until the run is over."""
        first = True
        while True:
            history = read_history(self._runs, self._flow, self._run)
            over = history.end is not None or is_alive(history.run.launcher) is False
            lines = [line for line in self._new_lines(history, over) if stream in (None, line[1].stream)]
            if first and tail is not None:
                lines = lines[len(lines) - tail :] if tail else []
            yield from lines
            if over or not follow:
                return
            first = False
            self._sleep(POLL)

    def _new_lines(self, history: History, over: bool) -> Iterator[Line]:
        tasks = history.part(self._step, self._task)
        self.is_merged = len(tasks) > 1
        per_task = []
        for task in tasks:
            record = task.record
            # An attempt that failed may have a successor, which has no record yet.
            for attempt in range(task.key.attempt + (1 if record and record.status == "done" else 2)):
                key = task.key._replace(attempt=attempt)
                # The launcher passes on a task's last lines after the task has written its record.
                ended = record is not None and attempt <= task.key.attempt
                ended = ended and record is not None and record.ended < time.time() - LATE
                per_task.append(self._of_attempt(key, over or ended))
        return heapq.merge(*per_task, key=lambda line: line[1].time)

    def _of_attempt(self, key: TaskKey, done: bool) -> list[Line]:
        if key in self._finished:
            return []
        try:
            data = self._runs.root.get(log_key(self._flow, key))[self._read.get(key, 0) :]
        except KeyError:
            return []
        # The last line may be half written; it is given once its end has come, or the task's.
        whole = data if done else data[: data.rfind(b"\n") + 1]
        self._read[key] = self._read.get(key, 0) + len(whole)
        if done:
            self._finished.add(key)
        return [(key, line) for line in decode(whole)]
