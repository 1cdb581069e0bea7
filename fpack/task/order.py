"""What a task is told: the run that it belongs to, and its own place in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fpack.store.keys import TaskKey
from fpack.store.records import RunRecord, Split


@dataclass(frozen=True)
class TaskOrder:
    """One attempt to make. `is_last` says that no other follows, so that `@catch` has to act now.

    With `fallback` the step's code is not run: an earlier attempt ended without a word, as when the process
    was killed, and `@catch` turns that into a result.
    """

    key: TaskKey
    inputs: tuple[TaskKey, ...]
    splits: tuple[Split, ...]
    is_last: bool = True
    fallback: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "splits": [split.to_json() for split in self.splits]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaskOrder:
        return cls(
            TaskKey(*data["key"]),
            tuple(TaskKey(*key) for key in data["inputs"]),
            tuple(Split(*split) for split in data["splits"]),
            data["is_last"],
            data["fallback"],
        )


@dataclass(frozen=True)
class RunContext:
    """What all tasks of a run share: the root's URL, the flow's file on this machine, the run as it began."""

    root: str
    file: str
    run: RunRecord

    def to_json(self) -> dict[str, Any]:
        return {"root": self.root, "file": self.file, "run": self.run.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunContext:
        return cls(data["root"], data["file"], RunRecord.from_json(data["run"]))
