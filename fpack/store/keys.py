"""Where things are in a root: the names of its objects, and the names that people write."""

from __future__ import annotations

from typing import NamedTuple


class TaskKey(NamedTuple):
    """One attempt of one task. Ids are text; `attempt` counts from 0."""

    run: str
    step: str
    task: str
    attempt: int = 0

    @property
    def pathspec(self) -> str:
        return f"{self.run}/{self.step}/{self.task}"


def run_folder(flow: str, run: str) -> str:
    return f"flows/{flow}/{run}"


def run_key(flow: str, run: str) -> str:
    return f"flows/{flow}/{run}/run.json"


def end_key(flow: str, run: str) -> str:
    return f"flows/{flow}/{run}/end.json"


def wave_key(flow: str, run: str, number: int) -> str:
    """The run's journal: one entry per decision to start tasks, numbered so that listing gives its order."""
    return f"flows/{flow}/{run}/journal/{number:06d}.json"


def record_key(flow: str, key: TaskKey) -> str:
    return f"flows/{flow}/{key.run}/{key.step}/{key.task}/{key.attempt}.json"


def log_key(flow: str, key: TaskKey) -> str:
    return f"flows/{flow}/{key.run}/{key.step}/{key.task}/{key.attempt}.log"


def claim_key(run: int) -> str:
    """Holds the name of the flow to which a run number belongs; run numbers are dense over the whole root."""
    return f"runs/{run:09d}"
