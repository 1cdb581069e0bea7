"""Reading the steps of a file: where each goes on to, and what is said of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import Described, declared


def flow(folder: Path, start: str, more: str = "") -> Described:
    """A flow whose `start` has this body."""
    body = "\n".join(f"        {line}" for line in start.splitlines())
    return declared(
        folder,
        f"{more}\nclass Train(FlowSpec):\n    @step\n    def start(self):\n{body}\n"
        "    @step\n    def a(self):\n        self.next(self.join)\n"
        "    @step\n    def b(self):\n        self.next(self.join)\n"
        "    @step\n    def join(self, inputs):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\n",
    )


def test_the_ways_on_are_read(tmp_path: Path) -> None:
    """One target, several, or one for each item: `self.next` says it and nothing is run to know it."""
    described = flow(tmp_path, "self.next(\n    self.a,\n    self.b,\n)")
    steps = described.graph.steps
    assert described.errors == []
    assert (steps["start"].kind, steps["start"].targets) == ("split", ("a", "b"))
    assert (steps["a"].kind, steps["a"].targets) == ("linear", ("join",))
    assert (steps["join"].kind, steps["join"].is_join) == ("linear", True)
    assert (steps["end"].kind, steps["end"].targets) == ("end", ())
    assert list(steps) == ["start", "a", "b", "join", "end"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("if True:\n    self.next(self.a)  # here", "`self.next` is not the last statement of its step"),
        ("self.next(self.a)  # here\nprint(1)", "`self.next` is not the last statement of its step"),
        (
            "if self.big:\n    self.next(self.a)  # here\nelse:\n    self.next(self.b)",
            "`self.next` is called more than once",
        ),
        ("self.next(self.a)  # here\nself.next(self.b)", "`self.next` is called more than once"),
        ("if self.big:\n    self.next(self.a)  # here\nself.next(self.b)", "is called more than once"),
        ("self.next()  # here", "`self.next()` names no step"),
        ("self.next('a')  # here", "`'a'` is no step: write `self.next(self.<step>)`"),
        ("self.next(a)  # here", "`a` is no step"),
        ("self.next(*self.steps)  # here", "`*self.steps` is no step"),
        ("self.next(self.a, self.a)  # here", "names a step twice"),
        ("self.next(self.a, self.b, foreach='x')  # here", "a foreach goes to one step"),
        ("self.next(self.a, foreach=self.x)  # here", "`foreach` takes the name of an artifact"),
        ("self.next(self.a, foreach='not a name')  # here", "`foreach` takes the name of an artifact"),
        ("self.next({'x': self.a}, condition='y')  # here", "a switch, `self.next({...})`, is not supported"),
        ("self.next(self.a, num_parallel=4)  # here", "`self.next(..., num_parallel=...)` is not supported"),
        ("self.next(self.a, for_each='x')  # here", "`self.next(..., for_each=...)` is unknown"),
        ("self.next(self.a, **self.how)  # here", "`self.next(..., **self.how)` is unknown"),
    ],
)
def test_an_unclear_way_on_is_told_with_its_line(tmp_path: Path, body: str, said: str) -> None:
    """What cannot be read without running it is refused on the line of the call."""
    described = flow(tmp_path, body)
    mine = [error for error in described.errors if error.where and error.where.line == described.marked]
    assert len(mine) == 1, [str(error) for error in described.errors]
    assert said in mine[0].what
    assert mine[0].what.startswith("step `start`: ")
    assert "self.next(self.a)" in mine[0].hint


def test_a_decorator_of_the_users_own_is_seen_through(tmp_path: Path) -> None:
    """A step wrapped by a decorator that uses `functools.wraps` is read as it was written."""
    described = declared(
        tmp_path,
        """
        import functools

        def timed(function):
            @functools.wraps(function)
            def wrapper(*arguments, **options):
                return function(*arguments, **options)
            return wrapper

        class Train(FlowSpec):
            @retry(times=1)
            @step
            @timed
            def start(self):
                "Begin."
                self.next(self.a, self.b)

            @timed
            @step
            def a(self):
                self.next(self.join)

            @timed
            @step
            def b(self):
                self.next(self.join)

            @step
            @timed
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert [str(error) for error in described.errors] == []
    start = described.graph.steps["start"]
    assert (start.doc, start.targets, start.retry.times) == ("Begin.", ("a", "b"), 1)
    assert described.graph.steps["join"].is_join


@pytest.mark.parametrize(
    "signature",
    [
        "def start(self, inputs, more):",
        "def start():",
        "def start(self, *inputs):",
        "def start(self, *, x=1):",
    ],
)
def test_wrong_arguments_are_told(tmp_path: Path, signature: str) -> None:
    """A step takes `self`, a join `self` and `inputs`, and nothing takes anything else."""
    error = declared(
        tmp_path,
        f"""
        class Train(FlowSpec):
            @step
            {signature}  # here
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    ).error
    assert error.what == "step `start` takes the wrong arguments"
    assert "`def start(self, inputs)` for a join" in error.hint


def test_an_async_step_is_refused(tmp_path: Path) -> None:
    """A coroutine would never be awaited, so that a step may not be one."""
    error = declared(
        tmp_path,
        """
        class Train(FlowSpec):
            @step
            async def start(self):  # here
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    ).error
    assert "step `start` is `async`" in error.what
    assert "asyncio.run" in error.hint


@pytest.mark.parametrize("name", ["next", "input", "index", "foreach_stack", "merge_artifacts"])
def test_names_of_flowspecs_own_are_refused(tmp_path: Path, name: str) -> None:
    """A step that took the place of `self.next` or `self.input` would break every other."""
    described = declared(
        tmp_path,
        f"""
        class Train(FlowSpec):
            @step
            def start(self):
                self.next(self.{name})

            @step
            def {name}(self):  # here
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert f"`{name}` is a name of FlowSpec's own" in described.error.what


def test_steps_of_any_alphabet(tmp_path: Path) -> None:
    """Python's names are Unicode, and so are those of steps and artifacts."""
    described = declared(
        tmp_path,
        """
        class Führung(FlowSpec):
            @step
            def start(self):
                self.größen = [1, 2]
                self.next(self.训练, foreach="größen")

            @step
            def 训练(self):
                self.next(self.mitte)

            @step
            def mitte(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert described.errors == []
    assert list(described.graph.steps) == ["start", "训练", "mitte", "end"]
    assert described.graph.steps["start"].foreach == "größen"
