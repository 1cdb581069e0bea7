"""A run to go on from: which of its tasks are done, and which come next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fpack.client.history import read_history
from fpack.errors import NotFoundError
from fpack.flow.graph import FlowGraph
from fpack.launcher.scheduler import Scheduler, split_of
from fpack.store.keys import TaskKey
from fpack.store.records import Adoption, RunRecord, Split, TaskRecord, Wave
from fpack.store.runs import Runs

Place = tuple[str, tuple[TaskKey, ...], tuple[Split, ...]]
"""What makes a task the same in two runs: its step, what it works on, and its branches and items."""


@dataclass(frozen=True)
class Origin:
    """A run, with the tasks that it has done by their place, and the waves that it started."""

    run: RunRecord
    journal: tuple[Wave, ...]
    done: dict[Place, TaskRecord]

    def waves(self, graph: FlowGraph, step: str) -> list[Wave]:
        """The waves of a step: those that the run started, or those that its done tasks make ready."""
        started = [wave for wave in self.journal if wave.step == step]
        if started:
            return started
        scheduler = Scheduler(graph)
        if step == "start":
            return [scheduler.begin()]
        return [
            wave for record in self.done.values() for wave in scheduler.onward(record) if wave.step == step
        ]

    def only(self, graph: FlowGraph, scheduler: Scheduler, step: str) -> Iterator[Wave]:
        """The tasks of one step, to be run again on the same inputs."""
        for wave in self.waves(graph, step):
            for index in range(wave.count):
                yield scheduler.again(wave, index)

    def resume(self, scheduler: Scheduler, again: str | None = None) -> Iterator[Wave | Adoption]:
        """All entries of a run that goes on from this one: what is done is adopted, what is not is a wave.

        The step `again`, and so everything after it, is run even if it was done.
        """
        waiting = [scheduler.begin()]
        while waiting:
            wave = waiting.pop(0)
            found = [self._done(wave, index) for index in range(wave.count)]
            if wave.step == again or not any(found):
                yield wave
                continue
            for index, record in enumerate(found):
                single = scheduler.again(wave, index) if wave.count > 1 else wave
                if record is None:
                    yield single
                else:
                    yield Adoption(record.key, single)
                    waiting += scheduler.onward(record)

    def _done(self, wave: Wave, index: int) -> TaskRecord | None:
        return self.done.get((wave.step, wave.inputs, split_of(wave, index)))


def find_origin(
    runs: Runs, flow: str, wanted: str | None, fits: Callable[[Origin], bool], *, step: str = ""
) -> Origin:
    """The run `wanted`, or the latest that fits; where it is for one step, the latest that ended well."""
    if wanted is not None:
        found_flow, run = runs.find(wanted if "/" in wanted else f"{flow}/{wanted}")
        if found_flow != flow:
            raise NotFoundError(
                f"run {wanted} is one of flow {found_flow}, not of {flow}",
                hint="`fpack ps` lists all runs",
            )
        origin = read_origin(runs, found_flow, run)
        if not fits(origin) and not step:
            raise NotFoundError(
                f"run {wanted} ran step `{origin.run.only}` alone, so that there is nothing to go on with",
                hint=f"name run {origin.run.origin}, whose results it took"
                if origin.run.origin
                else "name another run with `--run`",
            )
        if not fits(origin):
            raise NotFoundError(
                f"run {wanted} never came as far as step `{step}`",
                hint="name another run with `--from`, or run the flow from its start",
            )
        return origin
    for run in runs.numbers(flow):
        end = runs.read_end(flow, run)
        if step and (end is None or end.status != "done"):
            continue
        try:
            origin = read_origin(runs, flow, run)
        except NotFoundError:
            continue  # its launcher was killed before it had written down that it began
        if fits(origin):
            return origin
    if step:
        raise NotFoundError(
            f"no successful run of {flow} left the inputs of step `{step}`",
            hint="run the whole flow first, or name a run with `--from RUN`",
        )
    raise NotFoundError(f"there is no run of {flow} to go on from", hint="`fpack launch` starts one")


def read_origin(runs: Runs, flow: str, run: str) -> Origin:
    """A run as it stands in the store, whether it has ended or not."""
    history = read_history(runs, flow, run)
    done = {
        (task.record.key.step, task.record.inputs, task.record.splits): task.record
        for task in history.tasks
        if task.record is not None and task.record.status == "done"
    }
    waves = dict.fromkeys(task.wave for task in history.tasks)
    return Origin(history.run, tuple(waves), done)
