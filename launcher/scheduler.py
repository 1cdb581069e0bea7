"""What runs next: a pure state machine from the records of ended tasks to the waves that follow them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from fpack.errors import DeclarationError
from fpack.flow.graph import FlowGraph, Step
from fpack.store.keys import TaskKey
from fpack.store.records import Split, TaskRecord, Wave


class Scheduler:
    """Knows the graph and what has ended, and gives each task its number.

    A join is ready when as many tasks have arrived as its split has branches or items; which tasks belong
    together is told by the innermost split that they carry.
    """

    def __init__(self, graph: FlowGraph) -> None:
        self.steps: Mapping[str, Step] = graph.steps
        self._next_task = 1
        self._arrived: dict[tuple[str, TaskKey], dict[int, TaskKey]] = {}

    def begin(self) -> Wave:
        return self._wave("start", 1, (), ())

    def onward(self, record: TaskRecord) -> Iterator[Wave]:
        """The waves that a task, now done, sets off. Call it once for each task."""
        onward = record.onward
        if onward is None:
            return
        key = record.key
        for index, target in enumerate(onward.targets):
            if target not in self.steps:
                raise DeclarationError(
                    f"step `{target}`, which run {key.run} goes on to, is no longer in the flow",
                    hint="run the flow again from its start",
                )
            splits = record.splits
            count = 1
            if onward.foreach is not None:
                count = onward.count
                splits = (*splits, Split(key.step, *_task(key), 0, count, onward.foreach))
            elif len(onward.targets) > 1:
                splits = (*splits, Split(key.step, *_task(key), index, len(onward.targets), None))
            if self.steps[target].is_join:
                yield from self._arrive(target, key, splits)
            else:
                yield self._wave(target, count, (key,), splits)

    def again(self, wave: Wave, index: int = 0) -> Wave:
        """A task of an earlier wave by itself, under a new number: for a run that goes on from another."""
        splits = wave.splits
        if wave.count > 1 or index:
            splits = (*splits[:-1], dataclasses.replace(splits[-1], index=splits[-1].index + index))
        return self._wave(wave.step, 1, wave.inputs, splits)

    def _arrive(self, join: str, key: TaskKey, splits: tuple[Split, ...]) -> Iterator[Wave]:
        split = splits[-1]
        arrived = self._arrived.setdefault((join, split.key), {})
        arrived[split.index] = key
        if len(arrived) == split.count:
            del self._arrived[join, split.key]
            inputs = tuple(arrived[index] for index in sorted(arrived))
            yield self._wave(join, 1, inputs, splits[:-1])

    def _wave(self, step: str, count: int, inputs: tuple[TaskKey, ...], splits: tuple[Split, ...]) -> Wave:
        wave = Wave(step, self._next_task, count, inputs, splits)
        self._next_task += count
        return wave


def _task(key: TaskKey) -> tuple[str, str, int]:
    return key.run, key.task, key.attempt


def split_of(wave: Wave, index: int) -> tuple[Split, ...]:
    """The splits around the task of a wave that is `index` places after its first."""
    if wave.count == 1:
        return wave.splits
    *outer, inner = wave.splits
    return (*outer, dataclasses.replace(inner, index=inner.index + index))
