"""Launching through the real command: what it prints where, its exit codes, and bad input of every kind."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys

import pytest
from flows import FPACK, Desk

SMALL = """
    class Small(FlowSpec):
        alpha = Parameter("alpha", default=1)
        beta = Parameter("beta", default="b")
        needed = Parameter("needed-one", type=float, required=True)

        @step
        def start(self):
            self.seen = [self.alpha, self.beta, self.needed]
            print("alpha", self.alpha)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_stdout_has_the_run_alone(desk: Desk) -> None:
    """What a program needs is on stdout, what a person reads on stderr; a task's lines have its place in front."""
    desk.write(SMALL)
    outcome = desk.fpack("launch", "flow.py", "--needed-one", "2", "--tag", "a", "--tag", "b c")
    assert (outcome.code, outcome.out) == (0, "Small/1\n")
    lines = outcome.err.splitlines()
    assert lines[0] == "Workflow starting (run-id 1):"
    assert lines[1].startswith("[1/start/1 (pid ")
    assert [line.partition("] ")[2] for line in lines[1:-1]] == [
        "Task is starting.",
        "alpha 1",
        "Task finished successfully.",
        "Task is starting.",
        "Task finished successfully.",
    ]
    assert lines[-1].startswith("Done! (")
    quiet = desk.fpack("launch", "flow.py", "--needed-one", "2", "--quiet")
    assert (quiet.out, quiet.err) == ("Small/2\n", "")
    assert desk.runs().read_run("Small", "1").tags == ("a", "b c")


def test_json_is_one_object_a_line(desk: Desk) -> None:
    """`--json` prints versioned events, one a line, the run's end last, also when the run fails."""
    desk.write(SMALL.replace("def end(self):\n            pass", "def end(self):\n            print(1 / 0)"))
    outcome = desk.fpack("launch", "flow.py", "--needed-one", "2", "--json")
    assert outcome.code == 1
    assert all(event["v"] == 1 for event in outcome.events)
    types = [type for type, _ in itertools.groupby(event["type"] for event in outcome.events)]
    assert types == [
        "run.started",
        *("task.started", "task.log", "task.done"),
        *("task.started", "task.log", "task.failed"),
        "run.failed",
    ]
    (failed,) = outcome.of("task.failed")
    assert (failed["step"], failed["failure"]) == ("end", "ZeroDivisionError: division by zero")


def test_parameters(desk: Desk) -> None:
    """Parameters come as options, as `--param`, and from variables; negative numbers and odd text are values."""
    desk.write(SMALL)
    given = ["--alpha", "-3", "--beta=--x y=1 ü", "--param", "needed-one=-1e3"]
    desk.launch(*given)
    assert desk.artifacts("1")["end"][0]["seen"] == [-3, "--x y=1 ü", -1000.0]
    desk.launch("--needed-one", "-.5", FPACK_RUN_ALPHA="4", METAFLOW_RUN_BETA="m")
    assert desk.artifacts("2")["end"][0]["seen"] == [4, "m", -0.5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["parameter `needed-one` is required", "add `--needed-one VALUE`", "flow.py:"]),
        (["--needed-one", "much"], ["parameter `needed-one` takes a number, not 'much'", "flow.py:"]),
        (["--needed-one", "1", "--alhpa", "2"], ["no parameter `alhpa`", "did you mean `--alpha`?"]),
        (["--needed-one"], ["`--needed-one` needs a value"]),
        (["--needed-one", "1", "--max-workers", "0"], ["--max-workers", "x>=1"]),
        (["--needed-one", "1", "--param", "alpha"], ["`--param alpha` is not NAME=VALUE"]),
        (["--needed-one", "1", "other.py"], ["`other.py` is one argument too many"]),
        (["--from", "3"], ["`--from` goes with `--step`"]),
        (["-z"], ["There is no option `-z`"]),
    ],
)
def test_wrong_use_is_told(desk: Desk, arguments: list[str], said: list[str]) -> None:
    """A wrong command line is refused with 2, says what is wrong, and leaves no run behind."""
    desk.write(SMALL)
    outcome = desk.fpack("launch", "flow.py", *arguments)
    assert outcome.code == 2, outcome
    assert outcome.out == ""
    for part in said:
        assert part in outcome.err
    assert not (desk.folder / ".fpack" / "flows").exists()


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("[]", "ForeachError: `items` is empty: there is nothing to run `work` on (flow.py:6)"),
        ("iter(())", "ForeachError: `items` is empty: there is nothing to run `work` on (flow.py:6)"),
        (
            "5",
            "TypeError: self.next(foreach='items'): `items` is of type int, which cannot be looped over (flow.py:7)",
        ),
    ],
)
def test_a_foreach_over_nothing(desk: Desk, items: str, said: str) -> None:
    """A foreach without items fails on the line that made them so, and says what would have been run."""
    desk.write(f"""
        class Empty(FlowSpec):
            @step
            def start(self):
                self.items = {items}
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    outcome = desk.fpack("launch", "flow.py")
    assert outcome.code == 1
    assert f"error: step `start` failed: {said}" in outcome.err


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "self.fine = 1\nself.model = {'a': [lambda: 1]}",
            ["artifact `model` of step `start`", "(flow.py:7)", "['a'][0]"],
        ),
        (
            "self.x = (i for i in range(3))",
            ["artifact `x` of step `start` cannot be saved (flow.py:6)", "generator"],
        ),
        ("self.who = self.missing", ["flow `Bad` has no artifact `missing` here (flow.py:6)"]),
        ("import sys; sys.exit(3)", ["step `start` failed: SystemExit: 3 (flow.py:6)"]),
        ("raise ValueError('one\\ntwo')", ["step `start` failed: ValueError: one (flow.py:6)", "\n  two\n"]),
        ("raise ValueError", ["step `start` failed: ValueError (flow.py:6)"]),
        ("exec('self.' + 'next(self.end)')\nself.y = 1", ["self.next was called twice in one step"]),
    ],
)
def test_steps_that_fail(desk: Desk, body: str, said: list[str]) -> None:
    """Whatever a step does wrong, the message names step, line and cause, with no line of fpack's own."""
    indented = "\n".join(f"                {line}" for line in body.splitlines())
    desk.write(f"""
        class Bad(FlowSpec):
            @step
            def start(self):
{indented}
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    outcome = desk.fpack("launch", "flow.py")
    assert outcome.code in (1, 3)
    for part in said:
        assert part in outcome.err, outcome
    assert "fpack/task" not in outcome.err
    assert "fpack itself failed" not in outcome.err


def test_paths_with_spaces_and_letters_of_any_kind(desk: Desk) -> None:
    """A folder and a file with spaces, quotes and Unicode work, and the hint for going on can be pasted."""
    name = "naïve flöw 'x'.py"
    desk.write(
        """
        class Ünïcode(FlowSpec):
            @step
            def start(self):
                self.größe = "ß"
                if "FAIL" in __import__("os").environ:
                    raise ValueError("höher")
                self.next(self.训练)

            @step
            def 训练(self):
                print(self.größe)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        f"ein ördner/{name}",
    )
    path = f"ein ördner/{name}"
    failed = desk.fpack("launch", path, FAIL="1")
    assert failed.code == 1
    words = shlex.split(failed.err.rpartition("hint: `")[2].partition("`")[0])
    assert words == ["fpack", "resume", path, "--run", "1"]
    outcome = desk.run(*FPACK, *words[1:])
    assert (outcome.code, outcome.out) == (0, "Ünïcode/2\n")
    assert "/训练/" in outcome.err
    assert desk.fpack("logs", "Ünïcode/2/训练").out == "ß\n"


def test_a_flow_is_found(desk: Desk) -> None:
    """Without a path it is the setting's, or the only one in the folder; none and several are told."""
    assert "there is no flow in this folder" in desk.fpack("launch").err
    desk.write(SMALL, "one.py")
    assert desk.fpack("launch", "--needed-one", "1").out == "Small/1\n"
    desk.write(SMALL, "two.py")
    outcome = desk.fpack("launch", "--needed-one", "1")
    assert outcome.code == 3
    assert "there are several flows in this folder: one.py, two.py" in outcome.err
    (desk.folder / "pyproject.toml").write_text('[tool.fpack]\nflow = "two.py"\nroot = "store"\n')
    assert desk.fpack("launch", "--needed-one", "1").out == "Small/1\n"
    assert (desk.folder / "store" / "flows" / "Small" / "1" / "run.json").is_file()
    (desk.folder / "pyproject.toml").write_text('[tool.fpack]\nflwo = "two.py"\n')
    outcome = desk.fpack("launch")
    assert (outcome.code, "did you mean `flow`?" in outcome.err) == (3, True)


def test_a_flow_file_is_its_own_command(desk: Desk) -> None:
    """`python flow.py run --alpha 2` is `fpack launch flow.py --alpha 2`, and so are the others."""
    path = desk.write(SMALL)
    path.write_text(path.read_text() + '\nif __name__ == "__main__":\n    Small()\n')
    outcome = desk.run(sys.executable, "flow.py", "run", "--alpha", "2", "--needed-one", "1")
    assert (outcome.code, outcome.out) == (0, "Small/1\n")
    assert "alpha 2" in outcome.err
    assert "→ end" in desk.run(sys.executable, "flow.py", "show").out
    assert desk.run(sys.executable, "flow.py", "check").code == 0
    assert "Usage: python" in desk.run(sys.executable, "flow.py").out
    wrong = desk.run(sys.executable, "flow.py", "rnu")
    assert (wrong.code, "there is no command `rnu`" in wrong.err) == (2, True)
    wrong = desk.run(sys.executable, "flow.py", "run")
    assert (wrong.code, "parameter `needed-one` is required" in wrong.err) == (2, True)


def test_two_launches_at_once(desk: Desk) -> None:
    """Two launchers on one root get different runs, and each its own results."""
    desk.write(SMALL)
    both = [desk.start("launch", "flow.py", "--needed-one", str(number)) for number in (1, 2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(text.splitlines()[-1] for text in said) == ["Small/1", "Small/2"] or all(
        "Small/" in text for text in said
    )
    seen = sorted(desk.artifacts(run)["end"][0]["seen"][2] for run in ("1", "2"))
    assert seen == [1.0, 2.0]


def test_the_environment_is_left_alone(desk: Desk) -> None:
    """A launch writes into its root and its cache, and nowhere else."""
    desk.write(SMALL)
    before = set(os.listdir(desk.folder))
    desk.launch("--needed-one", "1")
    assert set(os.listdir(desk.folder)) - before <= {".fpack", "__pycache__"}
    assert json.loads((desk.folder / ".fpack/flows/Small/1/run.json").read_text())["user"] == "tester"
