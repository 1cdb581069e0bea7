"""What a run and its tasks leave behind, as frozen data: `run.json`, the journal, a record per attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fpack.store.blobs import Ref
from fpack.store.keys import TaskKey

FORMAT = 1
"""The version of everything written here. A reader refuses what is newer than itself."""


@dataclass(frozen=True)
class Split:
    """One split that is open around a task: who split, this task's branch or item, and of how many."""

    step: str
    run: str
    task: str
    attempt: int
    index: int
    count: int
    foreach: str | None

    def to_json(self) -> list[Any]:
        return [self.step, self.run, self.task, self.attempt, self.index, self.count, self.foreach]

    @property
    def key(self) -> TaskKey:
        return TaskKey(self.run, self.step, self.task, self.attempt)


@dataclass(frozen=True)
class Wave:
    """Tasks that are started together: one, or `count` of them, one per item of the innermost split.

    Their ids are `first`, `first + 1`, …; each takes the next index of that split. All share `inputs`.
    """

    step: str
    first: int
    count: int
    inputs: tuple[TaskKey, ...]
    splits: tuple[Split, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "v": FORMAT,
            "step": self.step,
            "first": self.first,
            "count": self.count,
            "inputs": [list(key) for key in self.inputs],
            "splits": [split.to_json() for split in self.splits],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Wave:
        return cls(
            data["step"],
            data["first"],
            data["count"],
            tuple(TaskKey(*key) for key in data["inputs"]),
            tuple(Split(*split) for split in data["splits"]),
        )


@dataclass(frozen=True)
class Adoption:
    """A journal entry that takes over a task of an earlier run, with all that it left, as done."""

    key: TaskKey
    wave: Wave

    def to_json(self) -> dict[str, Any]:
        return {**self.wave.to_json(), "adopt": list(self.key)}


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: the exception's type and message, and the user's own frames.

    `where` is (file, line, function) of the innermost of them. `type` is empty when no exception was
    raised: the process was killed, or ran out of time.
    """

    type: str
    message: str
    traceback: str = ""
    where: tuple[str, int, str] | None = None

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "message": self.message, "traceback": self.traceback, "where": self.where}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Failure:
        where = data["where"]
        return cls(data["type"], data["message"], data["traceback"], where and tuple(where))

    def __str__(self) -> str:
        return ": ".join(part for part in (self.type, self.message) if part)


@dataclass(frozen=True)
class Onward:
    """Where a task goes on to; for a foreach, over how many items, and where these are."""

    targets: tuple[str, ...]
    foreach: str | None = None
    count: int = 0
    items: Ref | None = None

    def to_json(self) -> dict[str, Any]:
        items = self.items and self.items.to_json()
        return {"targets": self.targets, "foreach": self.foreach, "count": self.count, "items": items}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Onward:
        items = data["items"] and Ref.from_json(data["items"])
        return cls(tuple(data["targets"]), data["foreach"], data["count"], items)


@dataclass(frozen=True)
class TaskRecord:
    """One attempt of a task, as it ended. Times are seconds since the epoch; None if it never began."""

    key: TaskKey
    status: Literal["done", "failed"]
    started: float | None
    ended: float
    inputs: tuple[TaskKey, ...] = ()
    splits: tuple[Split, ...] = ()
    artifacts: Mapping[str, Ref] = field(default_factory=dict)
    onward: Onward | None = None
    failure: Failure | None = None

    @property
    def failure_type(self) -> str:
        """The exception's type; empty when the attempt is done, or ended without raising one."""
        return self.failure.type if self.failure else ""

    def to_json(self) -> dict[str, Any]:
        return {
            "v": FORMAT,
            "key": list(self.key),
            "status": self.status,
            "started": self.started,
            "ended": self.ended,
            "inputs": [list(key) for key in self.inputs],
            "splits": [split.to_json() for split in self.splits],
            "artifacts": {name: ref.to_json() for name, ref in self.artifacts.items()},
            "onward": self.onward and self.onward.to_json(),
            "failure": self.failure and self.failure.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaskRecord:
        return cls(
            TaskKey(*data["key"]),
            data["status"],
            data["started"],
            data["ended"],
            tuple(TaskKey(*key) for key in data["inputs"]),
            tuple(Split(*split) for split in data["splits"]),
            {name: Ref.from_json(ref) for name, ref in data["artifacts"].items()},
            data["onward"] and Onward.from_json(data["onward"]),
            data["failure"] and Failure.from_json(data["failure"]),
        )


@dataclass(frozen=True)
class RunRecord:
    """A run as it began. `graph` is the flow's graph as JSON; `launcher` tells whose process drives it.

    `origin` is the run whose results it goes on from, `only` the one step that it runs, where that is so.
    `environments` maps a step to the id of its locked environment.
    """

    flow: str
    run: str
    created: float
    user: str
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    graph: Mapping[str, Any]
    launcher: Mapping[str, Any]
    backend: str = "local"
    origin: str | None = None
    only: str | None = None
    environments: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"v": FORMAT, **vars(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunRecord:
        fields = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "tags": tuple(data["tags"])})


@dataclass(frozen=True)
class RunEnd:
    """How a run ended, written once."""

    status: Literal["done", "failed", "stopped"]
    ended: float
    failed: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return {"v": FORMAT, "status": self.status, "ended": self.ended, "failed": list(self.failed)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunEnd:
        return cls(data["status"], data["ended"], tuple(data["failed"]))
