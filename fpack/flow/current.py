"""`current`: what a step can ask about the task that it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Current:
    """Facts about the running task; outside of a task every one but `is_running_flow` is None."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}

    @property
    def is_running_flow(self) -> bool:
        return bool(self._facts)

    def _begin(self, facts: Mapping[str, Any]) -> None:
        self._facts = dict(facts)

    def get(self, name: str, default: Any = None) -> Any:
        return self._facts.get(name, default)

    def __contains__(self, name: str) -> bool:
        return self._facts.get(name) is not None

    flow_name = property(lambda self: self._facts.get("flow_name"), doc="The flow's class name.")
    run_id = property(lambda self: self._facts.get("run_id"), doc="The run's id, as text.")
    step_name = property(lambda self: self._facts.get("step_name"), doc="The step's name.")
    task_id = property(lambda self: self._facts.get("task_id"), doc="The task's id, as text.")
    retry_count = property(lambda self: self._facts.get("retry_count"), doc="Attempts before this one.")
    origin_run_id = property(
        lambda self: self._facts.get("origin_run_id"), doc="The run that this one goes on from."
    )
    pathspec = property(lambda self: self._facts.get("pathspec"), doc="`Flow/run/step/task`.")
    username = property(lambda self: self._facts.get("username"), doc="Who launched the run.")
    namespace = property(lambda self: self._facts.get("namespace"), doc="The run's namespace, `user:NAME`.")
    tags = property(lambda self: self._facts.get("tags", frozenset()), doc="The run's tags.")
    parameter_names = property(lambda self: self._facts.get("parameter_names"), doc="The flow's parameters.")
    tempdir = property(lambda self: self._facts.get("tempdir"), doc="A folder for scratch files.")


current = Current()
