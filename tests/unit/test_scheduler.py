"""The scheduler: whatever order tasks end in, each runs once, with what it needs, in order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from dags import Chain, Fork, Loop, Node, Stack, Task, chains, mark, nodes, size_at, to_steps, visits
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError
from fpack.flow.graph import FlowGraph
from fpack.launcher.scheduler import Scheduler, split_of
from fpack.store.keys import TaskKey
from fpack.store.records import Onward, Split, TaskRecord, Wave


def flow_graph(chain: Chain) -> FlowGraph:
    return FlowGraph("Random", "flow.py", "flow", "", (), to_steps(nodes(chain)))


@dataclass
class Simulation:
    """Runs waves as tasks would, in an order drawn by `order`; marks stand for their artifacts."""

    graph: dict[str, Node]
    scheduler: Scheduler
    order: random.Random
    run: str = "1"
    waiting: list[tuple[TaskKey, Wave, int]] = field(default_factory=list)
    marks: dict[TaskKey, str] = field(default_factory=dict)
    stacks: dict[TaskKey, Stack] = field(default_factory=dict)
    records: dict[TaskKey, TaskRecord] = field(default_factory=dict)

    def add(self, wave: Wave) -> None:
        for index in range(wave.count):
            self.waiting.append((TaskKey(self.run, wave.step, str(wave.first + index)), wave, index))

    def go(self) -> None:
        while self.waiting:
            key, wave, index = self.waiting.pop(self.order.randrange(len(self.waiting)))
            for following in self.scheduler.onward(self.finish(key, wave, index)):
                self.add(following)

    def finish(self, key: TaskKey, wave: Wave, index: int) -> TaskRecord:
        assert key not in self.records, "a task id was given twice"
        node = self.graph[key.step]
        splits = split_of(wave, index)
        stack = tuple(split.index for split in splits if split.foreach)
        self.stacks[key] = stack
        self.marks[key] = mark(key.step, [self.marks[one] for one in wave.inputs], stack)
        onward = None
        if node.size:
            onward = Onward(tuple(node.targets), f"items_{key.step}", size_at(node.size, stack))
        elif node.targets:
            onward = Onward(tuple(node.targets))
        self.records[key] = TaskRecord(key, "done", 0.0, 1.0, wave.inputs, splits, {}, onward)
        return self.records[key]

    def seen(self) -> list[tuple[str, Stack, str]]:
        return [(key.step, self.stacks[key], made) for key, made in self.marks.items()]


def simulate(chain: Chain, seed: int = 0) -> Simulation:
    graph = flow_graph(chain)
    simulation = Simulation(nodes(chain), Scheduler(graph), random.Random(seed))
    simulation.add(simulation.scheduler.begin())
    simulation.go()
    return simulation


@given(chains(), st.integers())
def test_every_task_runs_once_on_the_right_inputs(chain: Chain, seed: int) -> None:
    """In whatever order tasks end, each runs once, and its inputs are those of the oracle, in their order."""
    simulation = simulate(chain, seed)
    assert sorted(simulation.seen()) == sorted(visits(chain))


@given(chains(), st.integers())
def test_ids_are_dense(chain: Chain, seed: int) -> None:
    """A run's tasks are numbered from 1, none twice and none left out."""
    numbers = sorted(int(key.task) for key in simulate(chain, seed).records)
    assert numbers == list(range(1, len(numbers) + 1))


@given(chains(), st.integers())
def test_a_join_closes_what_a_split_opened(chain: Chain, seed: int) -> None:
    """At the end no split is open, and the tasks of one split carry the places 0, 1, … of its count."""
    simulation = simulate(chain, seed)
    (end,) = (record for record in simulation.records.values() if record.key.step == "end")
    assert end.splits == ()
    places: dict[TaskKey, set[int]] = {}
    counts: dict[TaskKey, int] = {}
    for record in simulation.records.values():
        for split in record.splits:
            places.setdefault(split.key, set()).add(split.index)
            counts[split.key] = split.count
            assert split.key in simulation.records
    straight = 1  # a branch that goes straight to the join has no task that would carry its place
    for key, found in places.items():
        assert counts[key] - straight <= len(found) <= counts[key]
        assert max(found) < counts[key]


@given(chains(), st.integers(), st.data())
def test_one_task_can_be_run_again_by_itself(chain: Chain, seed: int, data: st.DataObject) -> None:
    """`again` gives each task of a wave its inputs and its place, under a number of its own."""
    first = simulate(chain, seed)
    graph = flow_graph(chain)
    scheduler = Scheduler(graph)
    waves = {}
    simulation = Simulation(nodes(chain), scheduler, random.Random(seed))
    waiting = [scheduler.begin()]
    while waiting:
        wave = waiting.pop()
        waves[wave.first] = wave
        for index in range(wave.count):
            key = TaskKey("1", wave.step, str(wave.first + index))
            waiting += scheduler.onward(simulation.finish(key, wave, index))
    wave = waves[data.draw(st.sampled_from(sorted(waves)))]
    index = data.draw(st.integers(0, wave.count - 1))
    single = Scheduler(graph).again(wave, index)
    assert (single.first, single.count, single.step, single.inputs) == (1, 1, wave.step, wave.inputs)
    assert split_of(single, 0) == split_of(wave, index)
    assert len(first.records) == len(simulation.records)


FOREACH: Chain = (Task("start"), Loop(3, (Task("work"),)), Task("join"), Task("end"))
FORK: Chain = (Task("start"), Fork(((Task("a"),), (Task("b"),))), Task("join"), Task("end"))


def test_a_foreach_is_one_wave() -> None:
    """All items of a foreach start together, as consecutive tasks: a backend can make an array of them."""
    scheduler = Scheduler(flow_graph(FOREACH))
    simulation = Simulation(nodes(FOREACH), scheduler, random.Random(0))
    start = simulation.finish(TaskKey("1", "start", "1"), scheduler.begin(), 0)
    (wave,) = scheduler.onward(start)
    assert (wave.step, wave.first, wave.count, wave.inputs) == ("work", 2, 3, (start.key,))
    assert [split_of(wave, index)[0].index for index in range(3)] == [0, 1, 2]


def test_a_join_waits_for_the_last() -> None:
    """Nothing starts before the last branch is done, and then one task on all of them, in branch order."""
    scheduler = Scheduler(flow_graph(FORK))
    simulation = Simulation(nodes(FORK), scheduler, random.Random(0))
    start = simulation.finish(TaskKey("1", "start", "1"), scheduler.begin(), 0)
    a, b = scheduler.onward(start)
    first = simulation.finish(TaskKey("1", "b", "3"), b, 0)
    assert list(scheduler.onward(first)) == []
    second = simulation.finish(TaskKey("1", "a", "2"), a, 0)
    (join,) = scheduler.onward(second)
    assert [key.step for key in join.inputs] == ["a", "b"]
    assert join.splits == ()


def test_tasks_of_an_earlier_run_count_as_arrived() -> None:
    """A run that goes on from another joins tasks of both: what belongs together is told by its split."""
    scheduler = Scheduler(flow_graph(FOREACH))
    split = Split("start", "1", "1", 0, 0, 2, "items")
    onward = Onward(("join",))

    def done(run: str, index: int) -> TaskRecord:
        place = Split(*{**vars(split), "index": index}.values())
        return TaskRecord(TaskKey(run, "work", str(index + 2)), "done", 0, 1, (), (place,), {}, onward)

    assert list(scheduler.onward(done("1", 0))) == []
    (join,) = scheduler.onward(done("2", 1))
    assert [key.run for key in join.inputs] == ["1", "2"]


def test_a_step_that_is_gone_is_told() -> None:
    """Going on from a run whose flow has lost a step since says which, and what to do."""
    scheduler = Scheduler(flow_graph(FORK))
    record = TaskRecord(TaskKey("7", "start", "1"), "done", 0, 1, onward=Onward(("vanished",)))
    with pytest.raises(DeclarationError, match="step `vanished`, which run 7 goes on to"):
        list(scheduler.onward(record))


def test_the_last_task_sets_off_nothing() -> None:
    """`end` has nothing after it."""
    record = TaskRecord(TaskKey("1", "end", "4"), "done", 0, 1)
    assert list(Scheduler(flow_graph(FORK)).onward(record)) == []
