"""Decorators' values: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from declared import declared, decorated

from fpack.flow.graph import Catch, Resources, Retry


def test_values_reach_the_step(tmp_path: Path) -> None:
    """What a step's decorators say is what its step in the graph says, numbers in text included."""
    step = decorated(
        tmp_path,
        """
        @pypi(packages={"numpy": "2.*", "ray[default]": ""}, python="3.12")
        @resources(cpu="0.5", gpu=2, memory=16000, disk=100, shared_memory=64)
        @retry(times=2, minutes_between_retries=0.5)
        @timeout(seconds=30, minutes=1, hours="0.5")
        @catch(var="failure", print_exception=False)
        @environment(vars={"THREADS": 4})
        """,
    ).graph.steps["start"]
    assert step.environment is not None
    assert step.environment.pypi == {"numpy": "2.*", "ray[default]": ""}
    assert step.environment.python == "3.12"
    assert step.resources == Resources(cpu=0.5, gpu=2, memory=16000, disk=100, shared_memory=64)
    assert (step.retry, step.timeout) == (Retry(2, 0.5), 1890)
    assert step.catch == Catch("failure", print_exception=False)
    assert step.variables == {"THREADS": "4"}


def test_a_bare_decorator_has_its_defaults(tmp_path: Path) -> None:
    """`@retry` is `@retry()`, `@catch` is `@catch()`, and a step without any has nothing."""
    described = decorated(tmp_path, "@retry\n@catch")
    start, end = described.graph.steps["start"], described.graph.steps["end"]
    assert (start.retry, start.catch) == (Retry(3, 2.0), Catch(None, True))
    assert (end.retry, end.catch, end.timeout, end.environment) == (Retry(), None, None, None)


@pytest.mark.parametrize(
    ("decorator", "said", "hint"),
    [
        ('@resources(memory="lots")', "`@resources(memory='lots')` is not a whole number of MiB", "16000"),
        ('@resources(memory="16GB")', "is not a whole number of MiB", "memory=16000 is 16000 MiB"),
        ("@resources(memory=0)", "is not a whole number of MiB", "16000"),
        ("@resources(memory=1.5)", "is not a whole number of MiB", "16000"),
        ("@resources(cpu=-1)", "`@resources(cpu=-1)` is not a number of CPUs", "cpu=1"),
        ("@resources(cpu=True)", "is not a number of CPUs", "cpu=1"),
        ("@resources(cpu=float('inf'))", "is not a number of CPUs", "cpu=1"),
        ("@resources(cpu=float('nan'))", "is not a number of CPUs", "cpu=1"),
        ("@resources(cpu=[4])", "is not a number of CPUs", "cpu=1"),
        ("@resources(gpu=0.5)", "is not a whole number of GPUs", "gpu=1"),
        ("@resources(mem=100)", "`@resources` has no argument `mem`", "did you mean `memory`?"),
        ("@resources(zzz=100)", "`@resources` has no argument `zzz`", "it has cpu, gpu, memory, disk"),
        ("@retry(time=1)", "`@retry` has no argument `time`", "did you mean `times`?"),
        ("@retry(times=6)", "`@retry(times=6)` is too many", "5 at the most"),
        ("@retry(times=-1)", "`@retry(times=-1)` is not a whole number of retries", "times=1"),
        ("@retry(times=1.5)", "is not a whole number of retries", "times=1"),
        ('@retry(minutes_between_retries="soon")', "is not a number of minutes", "minutes_between_retries"),
        ("@timeout", "`@timeout` gives no time", "@timeout(minutes=30)"),
        ("@timeout(seconds=0)", "`@timeout` gives no time", "@timeout(minutes=30)"),
        ("@timeout(seconds=-5)", "`@timeout(seconds=-5)` is not a number of seconds", "seconds=1"),
        ("@timeout(minuts=5)", "`@timeout` has no argument `minuts`", "did you mean `minutes`?"),
        ('@catch(var="not a name")', "`@catch(var='not a name')` is no artifact name", "var="),
        ('@catch(var="class")', "`@catch(var='class')` is no artifact name", "var="),
        ("@catch(var=1)", "`@catch(var=1)` is no artifact name", "var="),
        ('@catch(var="end")', "`@catch(var='end')` is the name of a step", "another name"),
        ('@catch(var="input")', "`@catch(var='input')` is a name of FlowSpec's own", "another name"),
        ('@environment(vars=["A"])', "takes a dict of names to values", '{"NAME": "value"}'),
        ("@environment(vars={1: 2})", "takes a dict of names to values", '{"NAME": "value"}'),
        ('@environment(vars={"A=B": "1"})', "`@environment`: 'A=B' is no name of a variable", "letters"),
        ('@environment(vars={"": "1"})', "`@environment`: '' is no name of a variable", "letters"),
        ('@environment(vars={"A": "x\\0y"})', "the value of `A` has a zero byte", "take it out"),
        ('@pypi(package={"a": "1"})', "`@pypi` has no argument `package`", "did you mean `packages`?"),
        ('@pypi(packages=["numpy"])', "`@pypi(packages=...)` takes a dict, not list", '{"numpy": ">=2"}'),
        ('@pypi(packages={"numpy": 2})', "'numpy': 2 is not a name and a version", '{"numpy": "2"}'),
        ("@pypi(python=3.12)", "`@pypi(python=3.12)` is no version", 'python="3.12"'),
        ("@retry(times=1)  # here\n@retry(times=2)", "`@retry` stands here twice", "keep one of them"),
        (
            '@pypi(python="3.12")  # here\n@conda(python="3.11")',
            "`@conda` asks for Python 3.11 and `@pypi` for Python 3.12",
            "give it in one place",
        ),
        (
            '@pypi(packages={"numpy": "2.*"})  # here\n@conda(packages={"numpy": "1.*"})',
            "`@conda` asks for numpy 1.* and `@pypi` for numpy 2.*",
            "name numpy in one of them",
        ),
    ],
)
def test_bad_values_are_told_with_their_line(tmp_path: Path, decorator: str, said: str, hint: str) -> None:
    """A value that means nothing is one mistake, named as it was written, on its line, with a way out."""
    error = decorated(tmp_path, decorator).error
    assert said in error.what
    assert error.what.startswith("step `start`: ")
    assert hint in error.hint


def test_mistakes_are_told_all_at_once(tmp_path: Path) -> None:
    """Mistakes on several lines are reported together, in the order of their lines."""
    described = decorated(tmp_path, '@resources(memory="lots", cpu="many")\n@retry(times=9)\n@timeout')
    lines = [error.where.line for error in described.errors if error.where]
    assert len(lines) == 4
    assert lines == sorted(lines)


BASE = '@pypi_base(packages={"numpy": "1.*", "rich": "14.*"}, python="3.11")'


def test_a_step_goes_over_the_flow_key_by_key(tmp_path: Path) -> None:
    """A step's own package or Python takes the place of the flow's; all else of the flow's stays."""
    described = decorated(tmp_path, '@pypi(packages={"numpy": "2.*"}, python="3.12")', BASE)
    start, end = (described.graph.steps[name].environment for name in ("start", "end"))
    assert start is not None
    assert end is not None
    assert (start.pypi, start.python) == ({"numpy": "2.*", "rich": "14.*"}, "3.12")
    assert (end.pypi, end.python) == ({"numpy": "1.*", "rich": "14.*"}, "3.11")


def test_a_step_can_leave_the_environment_of_the_flow(tmp_path: Path) -> None:
    """`@pypi(disabled=True)` runs the step in the launching interpreter."""
    described = decorated(tmp_path, "@pypi(disabled=True)", BASE)
    assert described.graph.steps["start"].environment is None
    assert described.graph.steps["end"].environment is not None


def test_flow_and_step_may_not_contradict_each_other(tmp_path: Path) -> None:
    """One Python for conda from the flow and another for PyPI from the step is a contradiction."""
    error = decorated(tmp_path, '@pypi(python="3.12")', '@conda_base(python="3.11")').error
    assert "`@conda` asks for Python 3.11 and `@pypi` for Python 3.12" in error.what


def test_a_mistake_of_the_flow_is_told_once(tmp_path: Path) -> None:
    """What is wrong above the class is wrong for every step, and is one mistake all the same."""
    error = decorated(tmp_path, "@retry", "@pypi_base(packages=3)  # here").error
    assert "`@pypi_base(packages=...)` takes a dict, not int" in error.what
    error = decorated(tmp_path, "@retry", "@pypi_base(pakages={})  # here").error
    assert "`@pypi_base` has no argument `pakages`" in error.what
    assert "did you mean `packages`?" in error.hint


def test_a_decorator_without_step_is_a_mistake(tmp_path: Path) -> None:
    """A method with `@retry` but no `@step` would never run, which nobody means."""
    error = declared(
        tmp_path,
        """
        class Train(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @retry  # here
            def train(self):
                pass

            @step
            def end(self):
                pass
        """,
    ).error
    assert "`train` has `@retry` but is no step" in error.what
    assert "add `@step`" in error.hint


def test_base_classes_come_first(tmp_path: Path) -> None:
    """A flow has its bases' steps and environments; what it says itself goes over them."""
    described = declared(
        tmp_path,
        """
        @pypi_base(packages={"rich": "13.*", "numpy": "2.*"})
        class Base(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass

        @pypi_base(packages={"rich": "14.*"})
        class Train(Base):
            @retry
            @step
            def end(self):
                pass
        """,
    )
    assert described.errors == []
    assert described.graph.name == "Train"
    assert described.graph.steps["end"].retry.times == 3
    environment = described.graph.steps["start"].environment
    assert environment is not None
    assert environment.pypi == {"rich": "14.*", "numpy": "2.*"}
