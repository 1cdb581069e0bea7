"""The rules of a graph: what can run is accepted, what cannot is refused with a line."""

from __future__ import annotations

import copy

import pytest
from dags import Chain, Node, chains, nodes, to_steps
from hypothesis import given
from hypothesis import strategies as st

from fpack.errors import DeclarationError, Location
from fpack.flow.check import check_graph

HERE = Location("flow.py", 1)


def check(graph: dict[str, Node]) -> list[DeclarationError]:
    return check_graph("Random", to_steps(graph), HERE)


def graph_of(text: str) -> dict[str, Node]:
    """`start > a b; a > end` to a graph: `*` marks a foreach, `(j)` a join."""
    graph: dict[str, Node] = {}
    for part in text.split(";"):
        name, _, targets = part.partition(">")
        name = name.strip()
        graph[name.strip("()*")] = Node(name.startswith("("), targets.split(), size=2 * name.endswith("*"))
    return graph


def can_run(graph: dict[str, Node]) -> bool:
    """Whether the graph runs to its end, found out by doing it: two items a foreach, one task at a time."""
    if not {"start", "end"} <= graph.keys() or graph["end"].targets or graph["end"].is_join:
        return False
    if any(not node.targets and name != "end" for name, node in graph.items()):
        return False
    seen: set[tuple[str, object]] = set()
    # A token is a place (step), and for each open split (its task, this token's index, how many, foreach?).
    waiting: list[tuple[str, tuple[tuple[object, int, int, bool], ...]]] = [("start", ())]
    arrived: dict[tuple[str, object], set[int]] = {}
    while waiting:
        name, splits = waiting.pop()
        if name not in graph:
            return False
        node = graph[name]
        if node.is_join:
            if not splits:
                return False
            (task, index, count, _), splits = splits[-1], splits[:-1]
            indexes = arrived.setdefault((name, task), set())
            if index in indexes:
                return False
            indexes.add(index)
            if len(indexes) < count:
                continue
            del arrived[name, task]
        items = tuple(index for _, index, _, is_foreach in splits if is_foreach)
        if (name, items) in seen or len(seen) > 2000:
            return False  # a step runs once for each item
        seen.add((name, items))
        if name == "end" and splits:
            return False
        task = (name, items)
        if node.size:
            if graph.get(node.targets[0], Node(True)).is_join:
                return False
            waiting += [(node.targets[0], (*splits, (task, index, 2, True))) for index in range(2)]
        elif len(node.targets) > 1:
            count = len(node.targets)
            waiting += [
                (target, (*splits, (task, index, count, False))) for index, target in enumerate(node.targets)
            ]
        else:
            waiting += [(target, splits) for target in node.targets]
    return not arrived and {name for name, _ in seen} == graph.keys()


@given(chains())
def test_valid_flows_are_accepted(chain: Chain) -> None:
    """A flow whose every split is joined has nothing to mend, however deep it is nested."""
    graph = nodes(chain)
    assert can_run(graph)
    assert [str(error) for error in check(graph)] == []


@st.composite
def mutants(draw: st.DrawFn) -> dict[str, Node]:
    """A valid flow with one or two things changed."""
    graph = copy.deepcopy(nodes(draw(chains(depth=2))))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(list(graph)))
        node = graph[name]
        what = draw(st.sampled_from(["drop edge", "retarget", "add edge", "toggle join", "drop step"]))
        others = sorted(set(graph) - set(node.targets))
        if what == "drop edge" and node.targets:
            node.targets.remove(draw(st.sampled_from(node.targets)))
        elif what == "retarget" and node.targets and others:
            place = draw(st.integers(0, len(node.targets) - 1))
            node.targets[place] = draw(st.sampled_from(others))
        elif what == "add edge" and not node.size and others:
            node.targets.append(draw(st.sampled_from(others)))
        elif what == "toggle join":
            node.is_join = not node.is_join
        elif what == "drop step" and len(graph) > 1:
            del graph[name]
        if not node.targets:
            node.size = 0
    return graph


@given(mutants())
def test_verdict_is_that_of_a_simulation(graph: dict[str, Node]) -> None:
    """A graph is accepted exactly if it runs to its end; what is refused has a line for each mistake."""
    errors = check(graph)
    assert (not errors) == can_run(graph), [str(error) for error in errors]
    assert all(error.where is not None and error.where.line > 0 for error in errors)
    assert all(error.hint for error in errors)


@pytest.mark.parametrize(
    ("text", "said", "line", "hint"),
    [
        ("a > end; end", "flow `Random` has no step `start`", 1, "add a method `start(self)`"),
        ("start > a; a > start", "flow `Random` has no step `end`", 1, "add a method `end(self)`"),
        ("start > middel; middle > end; end", "goes on to `middel`, which is no step", 1, "mean `middle`?"),
        ("start > end; a > end; end", "step `a` is never reached", 2, "delete `a`"),
        ("start > a; a; end", "step `a` does not say what comes next", 2, "self.next(self.<step>)"),
        ("start > end; end > start", "step `end` goes on to another step", 2, "out of `end`"),
        ("start > a; a > b; b > a; end", "circle: a → b → a", 2, "goes forward"),
        ("start > a; a > a; end", "circle: a → a", 2, "goes forward"),
        (
            "start > a b; a > c; b > c; c > end; end",
            "`c` is reached from `a` and `b` but",
            4,
            "(self, inputs)",
        ),
        ("start > a b; a > end; b > end; end", "`end` is reached from `a` and `b` but", 4, "add a join step"),
        ("start* > a; a > end; end", "`start` splits, and nothing joins it again", 1, "(self, inputs)"),
        ("start > a; (a) > end; end", "step `a` is a join, but nothing is split", 2, "def a(self)"),
        ("start* > a; (a) > end; end", "`start` is a foreach straight into the join `a`", 1, "in between"),
        ("(start) > end; end", "step `start` cannot be a join", 1, "def start(self)"),
        ("start > a b; a > end; b > end; (end)", "step `end` cannot be a join", 4, "before `end`"),
        (
            "start > a b c; a > j; b > j; c > d; d > end; (j) > end; end",
            "`j` joins only some branches of `start`: `c` missing",
            6,
            "same join",
        ),
        (
            "start > a b; a > c d; c > j; d > j; b > j; (j) > end; end",
            "which are not branches of one split",
            6,
            "inner split first",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(text: str, said: str, line: int, hint: str) -> None:
    """Each mistake is named in the user's words, on the line of the step, with what to do."""
    errors = check(graph_of(text))
    found = [error for error in errors if said in error.what]
    assert found, [error.what for error in errors]
    assert found[0].where == Location("flow.py", line)
    assert hint in found[0].hint


def test_independent_mistakes_are_told_at_once() -> None:
    """Two steps that go nowhere and one that nobody reaches are three mistakes, not the first of them."""
    errors = check(graph_of("start > x; a > y; b; end"))
    assert [error.step for error in errors] == ["start", "a", "b"]
