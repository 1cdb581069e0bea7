"""The `inputs` of a join: the branches by name, the items by place, or one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpack.flow.spec import FlowSpec


class Inputs:
    """The tasks that a join brings together: `inputs.a`, `inputs[0]`, `for one in inputs`.

    Each is an instance of the flow as it stood at the end of that task, with its artifacts loaded when
    they are looked at.
    """

    def __init__(self, flows: Sequence[FlowSpec], steps: Sequence[str]) -> None:
        self._flows = list(flows)
        self._by_step = dict(zip(steps, flows, strict=True))

    def __getattr__(self, step: str) -> FlowSpec:
        if step.startswith("__") or step not in self.__dict__.get("_by_step", {}):
            raise AttributeError(f"this join has no input from a step `{step}`")
        return self._by_step[step]

    def __getitem__(self, index: int) -> FlowSpec:
        return self._flows[index]

    def __iter__(self) -> Iterator[FlowSpec]:
        return iter(self._flows)

    def __len__(self) -> int:
        return len(self._flows)
