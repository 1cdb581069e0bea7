"""What a flow instance sees: the artifacts that came into a task, or those that a past task left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fpack.errors import ArtifactError, StoreError
from fpack.flow.inputs import Inputs
from fpack.flow.spec import FlowSpec, ForeachFrame
from fpack.store.blobs import Blobs, Ref
from fpack.store.keys import TaskKey
from fpack.store.records import Split, TaskRecord
from fpack.store.runs import Runs


class ArtifactView:
    """The view of one task: `refs` it has, `splits` it is in. Nothing is loaded before it is asked for."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        refs: Mapping[str, Ref],
        splits: Sequence[Split],
        blobs: Blobs,
        read: Callable[[TaskKey], TaskRecord],
    ) -> None:
        self.parameters = parameters
        self._refs = dict(refs)
        self._splits = splits
        self._blobs = blobs
        self._read = read
        self._frames: list[ForeachFrame] | None = None

    def load(self, name: str) -> Any:
        ref = self._refs[name]
        try:
            return self._blobs.load(ref)
        except ArtifactError as error:
            what = f"artifact `{name}` cannot be loaded: {error.what}"
            raise ArtifactError(what, why=error.why, hint=error.hint) from error

    def refs(self) -> Mapping[str, Ref]:
        return self._refs

    def adopt(self, refs: Mapping[str, Ref]) -> None:
        self._refs.update(refs)

    def foreach_frames(self) -> Sequence[ForeachFrame]:
        if self._frames is None:
            self._frames = [
                ForeachFrame(split.step, split.foreach, split.index, split.count, self._item(split))
                for split in self._splits
                if split.foreach is not None
            ]
        return self._frames

    def _item(self, split: Split) -> Any:
        onward = self._read(split.key).onward
        assert onward is not None
        assert onward.items is not None
        return self._blobs.load(onward.items)[split.index]


def bare_instance(flow: type[FlowSpec], view: ArtifactView) -> FlowSpec:
    """An instance of the user's class that looks into `view`; its `__init__` is not called."""
    instance = flow.__new__(flow)
    object.__setattr__(instance, "_fpack_view", view)
    object.__setattr__(instance, "_fpack_transition", None)
    object.__setattr__(instance, "_fpack_removed", set())
    return instance


class Past:
    """The tasks that went before one, read once each."""

    def __init__(self, runs: Runs, flow: str) -> None:
        self._runs = runs
        self._flow = flow
        self._known: dict[TaskKey, TaskRecord] = {}

    def read(self, key: TaskKey) -> TaskRecord:
        return self.read_all([key])[0]

    def read_all(self, wanted: Sequence[TaskKey]) -> list[TaskRecord]:
        unknown = [key for key in wanted if key not in self._known]
        for key, record in zip(unknown, self._runs.read_records(self._flow, unknown), strict=True):
            if record is None:
                raise StoreError(
                    f"what task {key.pathspec} left is no longer in {self._runs.root.url}",
                    hint="run the flow again from its start",
                )
            self._known[key] = record
        return [self._known[key] for key in wanted]


def join_inputs(
    flow: type[FlowSpec],
    parameters: Mapping[str, Any],
    records: Sequence[TaskRecord],
    blobs: Blobs,
    past: Past,
) -> Inputs:
    """The `inputs` of a join, one instance of the flow for each of `records`."""
    instances = [
        bare_instance(flow, ArtifactView(parameters, record.artifacts, record.splits, blobs, past.read))
        for record in records
    ]
    return Inputs(instances, [record.key.step for record in records])
