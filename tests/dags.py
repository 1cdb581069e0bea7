"""Random flows, right by construction, and what each of their tasks must compute, by an oracle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from fpack.errors import Location
from fpack.flow.graph import Kind, Step

Stack = tuple[int, ...]
Visit = tuple[str, Stack, str]
"""A task: its step, its index in each foreach around it, and the mark that it must leave."""


@dataclass(frozen=True)
class Task:
    """A step; a join where it follows a Fork or a Loop."""

    name: str


@dataclass(frozen=True)
class Fork:
    """What the step before it splits into; an empty branch goes straight to the join."""

    branches: tuple[Chain, ...]


@dataclass(frozen=True)
class Loop:
    """What the step before it does for each of some items, `size` or a few more of them."""

    size: int
    body: Chain


Chain = tuple["Task | Fork | Loop", ...]


@dataclass
class Node:
    """A step as the graph has it; `size` is that of its foreach."""

    is_join: bool
    targets: list[str] = field(default_factory=list)
    size: int = 0


def mark(step: str, came_in: Sequence[str], stack: Stack) -> str:
    """What a task leaves: it depends on its step, on its items, and on what came in, in its order."""
    return hashlib.sha256(repr((step, list(came_in), list(stack))).encode()).hexdigest()[:12]


def size_at(size: int, stack: Stack) -> int:
    """How many items a foreach has; loops that are nested differ from item to item."""
    return size + sum(stack) % 2


def visits(chain: Chain) -> list[Visit]:
    """Every task of a flow with its mark, by interpreting the chain; `end` is the last."""
    found: list[Visit] = []

    def run(chain: Chain, came_in: list[str], stack: Stack) -> str:
        for part in chain:
            if isinstance(part, Task):
                came_in = [mark(part.name, came_in, stack)]
                found.append((part.name, stack, came_in[0]))
            elif isinstance(part, Fork):
                came_in = [run(branch, came_in, stack) for branch in part.branches]
            else:
                count = size_at(part.size, stack)
                came_in = [run(part.body, came_in, (*stack, index)) for index in range(count)]
        return came_in[0]

    run(chain, [], ())
    return found


def nodes(chain: Chain) -> dict[str, Node]:
    """The graph of a chain."""
    found: dict[str, Node] = {}

    def link(chain: Chain, tails: list[str], is_join: bool = False) -> list[str]:
        for part in chain:
            if isinstance(part, Task):
                found[part.name] = Node(is_join)
                for tail in tails:
                    found[tail].targets.append(part.name)
                tails, is_join = [part.name], False
            elif isinstance(part, Fork):
                tails, is_join = [end for branch in part.branches for end in link(branch, tails)], True
            else:
                found[tails[0]].size = part.size
                tails, is_join = link(part.body, tails), True
        return tails

    link(chain, [])
    return found


def to_steps(graph: dict[str, Node]) -> dict[str, Step]:
    """The same graph as fpack's own; step number n stands on line n."""

    def kind(node: Node) -> Kind:
        if not node.targets:
            return "end"
        return "foreach" if node.size else "split" if len(node.targets) > 1 else "linear"

    return {
        name: Step(
            name=name,
            kind=kind(node),
            is_join=node.is_join,
            targets=tuple(node.targets),
            foreach=f"items_{name}" if node.size else None,
            doc="",
            where=Location("flow.py", line),
        )
        for line, (name, node) in enumerate(graph.items(), 1)
    }


def source(chain: Chain, name: str = "Random") -> str:
    """The flow's file: each task prints its step, its items and its mark."""
    lines = [
        "from fpack import FlowSpec, step",
        "from dags import mark, size_at",
        f"class {name}(FlowSpec):",
    ]
    for step, node in nodes(chain).items():
        came_in = (
            "[one.mark for one in inputs]" if node.is_join else "[]" if step == "start" else "[self.mark]"
        )
        lines += [
            "    @step",
            f"    def {step}(self{', inputs' if node.is_join else ''}):",
            "        stack = tuple(index for index, _, _ in self.foreach_stack())",
            f"        self.mark = mark({step!r}, {came_in}, stack)",
            f"        print('visit', {step!r}, *stack, self.mark)",
        ]
        if node.size:
            lines.append(f"        self.items_{step} = list(range(size_at({node.size}, stack)))")
        targets = ", ".join(f"self.{target}" for target in node.targets)
        how = f", foreach='items_{step}'" if node.size else ""
        lines.append(f"        self.next({targets}{how})" if node.targets else "        pass")
    return "\n".join(lines) + "\n"


_PLAIN, _FORK, _LOOP = "plain", "fork", "loop"


@st.composite
def chains(draw: st.DrawFn, depth: int = 3, longest: int = 2) -> Chain:
    """A whole flow, from `start` to `end`."""
    numbers = iter(range(1, 10_000))
    return (Task("start"), *_rest(draw, depth, longest, numbers), Task("end"))


def _rest(draw: st.DrawFn, depth: int, longest: int, numbers: Iterator[int]) -> Chain:
    """What may follow a step: plain steps, and splits with their joins."""
    parts: list[Task | Fork | Loop] = []
    for _ in range(draw(st.integers(0, longest))):
        what = draw(st.sampled_from([_PLAIN, _FORK, _LOOP])) if depth else _PLAIN
        if what == _PLAIN:
            parts.append(Task(f"s{next(numbers)}"))
            continue
        if what == _FORK:
            branches = [_branch(draw, depth, longest, numbers) for _ in range(draw(st.integers(1, 2)))]
            straight = len(branches) == 1 or draw(st.booleans())
            parts.append(Fork((*branches, ()) if straight else tuple(branches)))
        else:
            parts.append(Loop(draw(st.integers(1, 3)), _branch(draw, depth, longest, numbers)))
        parts.append(Task(f"s{next(numbers)}"))
    return tuple(parts)


def _branch(draw: st.DrawFn, depth: int, longest: int, numbers: Iterator[int]) -> Chain:
    first = Task(f"s{next(numbers)}")
    return (first, *_rest(draw, depth - 1, longest, numbers))
