"""Flows, run for real: every step as often as it must, on what it must, with what it left."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from dags import Chain, chains, nodes, source, visits
from flows import Desk
from hypothesis import HealthCheck, Phase, given, settings

TESTS = str(Path(__file__).parents[1])


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.generate],  # a smaller flow is seldom worth the seconds that it takes to find it
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(chain=chains(depth=3, longest=1))
def test_random_flows_do_what_the_oracle_says(cache: Path, chain: Chain) -> None:
    """Each task of a random flow runs once, and leaves what plain Python computes for it."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), cache)
        (desk.folder / "flow.py").write_text(source(chain), encoding="utf-8")
        outcome = desk.launch(PYTHONPATH=TESTS)
        expected = [" ".join(["visit", step, *map(str, stack), made]) for step, stack, made in visits(chain)]
        assert sorted(outcome.printed) == sorted(expected)
        assert [event["step"] for event in outcome.of("task.done")][-1] == "end"
        assert {event["step"] for event in outcome.of("task.started")} == set(nodes(chain))


def test_a_foreach_goes_over_anything(desk: Desk) -> None:
    """Whatever can be looped over: items, their places and the stack of loops are right."""
    desk.write("""
        import collections

        class Loops(FlowSpec):
            @step
            def start(self):
                self.kinds = {
                    "list": [1, "two", None], "tuple": (1, 2), "range": range(3), "text": "ab", "set": {7},
                    "dict": {"k": 1, "l": 2}, "deque": collections.deque([5, 6]), "bytes": b"xy",
                    "comprehension": [i * i for i in range(3)],
                }
                self.next(self.kind, foreach="kinds")

            @step
            def kind(self):
                self.name = self.input
                self.items = self.kinds[self.input]
                self.next(self.item, foreach="items")

            @step
            def item(self):
                assert self.foreach_stack()[-1] == (self.index, len(self.items), self.input)
                assert self.foreach_stack()[0][2] == self.name
                assert len(self.foreach_stack()) == 2
                self.seen = self.input
                self.next(self.back)

            @step
            def back(self, inputs):
                assert self.input == inputs[0].name
                self.name = inputs[0].name
                self.seen = [one.seen for one in inputs]
                self.next(self.out)

            @step
            def out(self, inputs):
                assert self.input is None and self.index is None and self.foreach_stack() == []
                self.seen = {one.name: one.seen for one in inputs}
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch()
    (end,) = desk.artifacts("1")["end"]
    assert end["seen"] == {
        "list": [1, "two", None],
        "tuple": [1, 2],
        "range": [0, 1, 2],
        "text": ["a", "b"],
        "set": [7],
        "dict": ["k", "l"],
        "deque": [5, 6],
        "bytes": [120, 121],
        "comprehension": [0, 1, 4],
    }


def test_a_foreach_over_an_array(desk: Desk) -> None:
    """The items of a numpy array are its own scalars, and those of its rows its rows."""
    pytest.importorskip("numpy")
    desk.write("""
        class Arrays(FlowSpec):
            @step
            def start(self):
                import numpy
                self.rows = numpy.arange(6).reshape(3, 2)
                self.next(self.row, foreach="rows")

            @step
            def row(self):
                self.total = int(self.input.sum())
                self.next(self.join)

            @step
            def join(self, inputs):
                self.totals = [one.total for one in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch()
    assert desk.artifacts("1")["end"][0]["totals"] == [1, 5, 9]


def test_artifacts_live_on(desk: Desk) -> None:
    """An artifact goes from step to step until it is overwritten, changed in place, or deleted."""
    desk.write("""
        import os

        class Life(FlowSpec):
            @step
            def start(self):
                self.kept, self.over, self.inside, self.gone, self.none = "k", 1, [1], "g", None
                self._hidden = {"a": b"x" * 5000}
                self.next(self.middle)

            @step
            def middle(self):
                self.over = self.over + 1
                self.inside.append(2)
                del self.gone
                assert not hasattr(self, "gone")
                self.pid = os.getpid()
                self.next(self.last)

            @step
            def last(self):
                assert not hasattr(self, "gone")
                assert self.pid != os.getpid()
                self.gone = "back"
                del self.pid
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch()
    left = desk.artifacts("1")
    assert left["end"] == [
        {
            "kept": "k",
            "over": 2,
            "inside": [1, 2],
            "gone": "back",
            "none": None,
            "_hidden": {"a": b"x" * 5000},
        }
    ]
    assert left["start"][0]["inside"] == [1]
    assert "gone" not in left["middle"][0]


def test_what_may_not_be_assigned(desk: Desk) -> None:
    """Parameters, class constants, steps and FlowSpec's names are read-only; the error says what to do."""
    desk.write("""
        class ReadOnly(FlowSpec):
            alpha = Parameter("alpha", default=0.5)
            config = Parameter("config", default={"a": 1})
            LIMIT = 10
            NOTHING = None

            @step
            def start(self):
                assert (self.alpha, self.config, self.LIMIT, self.NOTHING) == (0.5, {"a": 1}, 10, None)
                for name in ("alpha", "LIMIT", "NOTHING", "end", "input", "index"):
                    try:
                        setattr(self, name, 1)
                    except AttributeError as error:
                        print(name, "->", error)
                    else:
                        raise AssertionError(f"{name} could be assigned")
                try:
                    self.missing
                except AttributeError as error:
                    print("missing ->", error)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    said = "\n".join(desk.launch().printed)
    assert "alpha -> parameter `alpha` cannot be changed: assign to another name" in said
    assert "LIMIT -> `LIMIT` is set on the class and cannot be changed: use another name" in said
    assert "NOTHING -> `NOTHING` is set on the class and cannot be changed: use another name" in said
    assert "end -> `end` is a step: give the artifact another name" in said
    assert "input -> `input` is a name of FlowSpec's own: give the artifact another name" in said
    assert "missing -> flow `ReadOnly` has no artifact `missing` here" in said
