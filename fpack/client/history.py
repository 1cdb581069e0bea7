"""How far a run has come: its tasks as its journal and their records tell, at any moment."""

from __future__ import annotations

from dataclasses import dataclass

from fpack.errors import NotFoundError
from fpack.store.keys import TaskKey
from fpack.store.records import Adoption, RunEnd, RunRecord, TaskRecord, Wave
from fpack.store.runs import Runs


@dataclass(frozen=True)
class TaskState:
    """A task with its latest attempt's record; None while it waits or runs, or if its launcher died first.

    `wave` started it. An adopted task belongs to an earlier run, which its key names.
    """

    key: TaskKey
    record: TaskRecord | None
    wave: Wave
    adopted: bool = False


@dataclass(frozen=True)
class History:
    """A run: as it began, as it ended (None: it has not), and every task that it started or adopted."""

    run: RunRecord
    end: RunEnd | None
    tasks: tuple[TaskState, ...]

    def part(self, step: str | None, task: str | None) -> list[TaskState]:
        """The tasks of one step, or one of them; with None, all. NotFoundError if there is no such thing.

        A step of the flow that the run has not come to yet has no tasks, which is no error.
        """
        found = [
            each for each in self.tasks if step in (None, each.key.step) and task in (None, each.key.task)
        ]
        steps = [each["name"] for each in self.run.graph["steps"]]
        if not found and ((step is not None and step not in steps) or task is not None):
            what = f"task `{step}/{task}`" if task else f"step `{step}`"
            raise NotFoundError(
                f"run {self.run.flow}/{self.run.run} has no {what}",
                hint=f"`fpack show {self.run.flow}/{self.run.run}` lists its steps and tasks",
            )
        return found


def read_history(runs: Runs, flow: str, run: str) -> History:
    """All of a run's tasks in the order in which they were started; NotFoundError if there is no such run."""
    begun = runs.read_run(flow, run)
    end = runs.read_end(flow, run)  # before the journal, which is whole once this is there
    states: dict[TaskKey, TaskState] = {}
    for entry in runs.read_journal(flow, run):
        if isinstance(entry, Adoption):
            states[entry.key] = TaskState(entry.key, None, entry.wave, adopted=True)
        else:
            for index in range(entry.count):
                key = TaskKey(run, entry.step, str(entry.first + index))
                states[key] = TaskState(key, None, entry)
    latest = _latest_records(runs, flow, list(states))
    tasks = [
        TaskState(latest[key].key, latest[key], state.wave, state.adopted) if key in latest else state
        for key, state in states.items()
    ]
    return History(begun, end, tuple(tasks))


def _latest_records(runs: Runs, flow: str, keys: list[TaskKey]) -> dict[TaskKey, TaskRecord]:
    """The record of each task's last attempt that has one: a failed attempt may have a successor."""
    latest: dict[TaskKey, TaskRecord] = {}
    waiting = {key: key for key in keys}
    while waiting:
        records = runs.read_records(flow, list(waiting.values()))
        again: dict[TaskKey, TaskKey] = {}
        for (first, key), record in zip(waiting.items(), records, strict=True):
            if record is not None:
                latest[first] = record
                if record.status == "failed":
                    again[first] = key._replace(attempt=key.attempt + 1)
        waiting = again
    return latest
