"""What tasks print: on the terminal while it happens, and with `fpack logs` ever after."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from flows import FPACK, Desk

from fpack.store.keys import TaskKey, log_key

TALK = """
    import os, sys, time

    class Talk(FlowSpec):
        @step
        def start(self):
            print("one"); print("two", file=sys.stderr); sys.stdout.write("no end")
            self.items = ["a", "b"]
            self.next(self.say, foreach="items")

        @retry(times=1)
        @step
        def say(self):
            print("say", self.input, current.retry_count)
            if current.retry_count == 0 and self.input == "b":
                raise ValueError("once")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            print("last")
"""


@pytest.fixture
def talked(desk: Desk) -> Desk:
    """A desk at which TALK has run."""
    desk.write(TALK)
    desk.launch("--max-workers", "1")
    return desk


def test_logs_of_a_run_a_step_and_a_task(talked: Desk) -> None:
    """Lines of several tasks have their task in front, in order of time; those of one have nothing."""
    everything = talked.fpack("logs").out
    assert talked.fpack("logs", "1").out == talked.fpack("logs", "Talk/1").out == everything
    lines = everything.splitlines()
    assert sorted(lines[:3]) == ["[1/start/1] no end", "[1/start/1] one", "[1/start/1] two"]
    assert [line for line in lines[3:] if re.search(r"\] (say|last)\b", line)] == [
        "[1/say/2] say a 0",
        "[1/say/3] say b 0",
        "[1/say/3] say b 1",
        "[1/end/5] last",
    ]
    assert "[1/say/3] ValueError: once" in lines
    assert "[1/say/2] say a 0" in talked.fpack("logs", "1/say").out
    assert talked.fpack("logs", "1/say/2").out == talked.fpack("logs", "Talk/1/say/2").out == "say a 0\n"
    assert talked.fpack("logs", "1/join").out == ""


def test_logs_in_part_and_as_data(talked: Desk) -> None:
    """One stream, the last lines, times, and JSON with the attempt of each line."""
    assert talked.fpack("logs", "1/start", "--stderr").out == "two\n"
    assert sorted(talked.fpack("logs", "1/start", "--stdout").out.splitlines()) == ["no end", "one"]
    assert talked.fpack("logs", "1", "--tail", "1").out == "[1/end/5] last\n"
    assert talked.fpack("logs", "1", "--tail", "0").out == ""
    timed = talked.fpack("logs", "1/end", "--timestamps").out
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z last\n", timed)
    rows = [
        json.loads(line) for line in talked.fpack("logs", "1/say/3", "--stdout", "--json").out.splitlines()
    ]
    assert [(row["attempt"], row["text"], row["stream"]) for row in rows] == [
        (0, "say b 0", "out"),
        (1, "say b 1", "out"),
    ]
    wrong = talked.fpack("logs", "1", "--stdout", "--stderr")
    assert (wrong.code, "exclude each other" in wrong.err) == (2, True)


def test_what_there_is_no_log_of(desk: Desk) -> None:
    """A run, step or task that does not exist is told, and so is text that is no run."""
    assert "no run has been launched from here" in desk.fpack("logs").err
    desk.write(TALK)
    desk.launch()
    for spec, said in {
        "9": "there is no run 9",
        "1/nothing": "run Talk/1 has no step `nothing`",
        "1/say/99": "run Talk/1 has no task `say/99`",
    }.items():
        outcome = desk.fpack("logs", spec)
        assert (outcome.code, outcome.out) == (3, ""), outcome
        assert said in outcome.err
    assert desk.fpack("logs", "1/say/2/x").code == 2


def test_following(desk: Desk) -> None:
    """`-f` prints what is there, what comes, a second attempt too, and ends when the run does, with every line."""
    desk.write("""
        import os, pathlib, time

        def wait_for(name):
            while not pathlib.Path(name).exists():
                time.sleep(0.01)

        class Follow(FlowSpec):
            @retry(times=1)
            @step
            def start(self):
                print("attempt", current.retry_count)
                wait_for(f"go{current.retry_count}")
                if current.retry_count == 0:
                    raise ValueError("once")
                self.next(self.end)

            @step
            def end(self):
                for number in range(2000):
                    print(number)
    """)
    process = desk.start("launch", "flow.py", "--quiet")
    assert process.stdout is not None
    while not (desk.folder / ".fpack" / log_key("Follow", TaskKey("1", "start", "1"))).exists():
        assert process.poll() is None
    follower = desk.start("logs", "1", "-f")
    assert follower.stdout is not None
    said = []
    with follower:
        for line in follower.stdout:
            said.append(line)
            for attempt in ("0", "1"):
                if f"attempt {attempt}" in line:
                    (desk.folder / f"go{attempt}").touch()
    process.communicate(timeout=30)
    assert (follower.returncode, process.returncode) == (0, 0)
    assert [line.split()[-1] for line in said[-2000:]] == [str(number) for number in range(2000)]
    assert sum("attempt" in line for line in said) == 2


def test_output_of_any_kind(desk: Desk) -> None:
    """Ten megabytes on one line, bytes that are no text, progress bars, and a child's output: all of it is there."""
    desk.write("""
        import os, subprocess, sys

        class Odd(FlowSpec):
            @step
            def start(self):
                print("x" * 10_000_000)
                self.next(self.bytes)

            @step
            def bytes(self):
                os.write(1, bytes(range(256)) + b"\\n")
                print("\\ud800 half a letter", "ü")
                self.next(self.bar)

            @step
            def bar(self):
                for percent in range(101):
                    sys.stderr.write(f"\\r{percent}%")
                sys.stderr.write("\\n")
                subprocess.run(["sh", "-c", "echo from a child"])
                self.next(self.end)

            @step
            def end(self):
                print("end")
    """)
    outcome = desk.fpack("launch", "flow.py")
    assert outcome.code == 0
    assert outcome.err.count("x" * 1_000_000) >= 10
    assert "".join(re.findall("x{100,}", outcome.err)).count("x") == 10_000_000
    assert max(len(line) for line in outcome.err.splitlines()) >= 10_000_000
    long = desk.fpack("logs", "1/start").out
    assert long == "x" * 10_000_000 + "\n"
    assert "\\ud800 half a letter ü" in desk.fpack("logs", "1/bytes").out
    assert sorted(desk.fpack("logs", "1/bar").out.splitlines()) == ["100%", "from a child"]
    first = desk.run("sh", "-c", f"{shlex.join(FPACK)} logs 1 | head -c 10")
    assert first.out == "[1/start/1"
    assert first.err == ""


def test_nothing_is_lost_when_a_task_dies(desk: Desk) -> None:
    """What a task printed before it was killed is in its log, to the last line, in order."""
    desk.write("""
        import os, signal

        class Dies(FlowSpec):
            @step
            def start(self):
                for number in range(3000):
                    print(number)
                os.kill(os.getpid(), signal.SIGKILL)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    assert desk.fpack("launch", "flow.py").code == 1
    assert desk.fpack("logs", "1").out.split() == [str(number) for number in range(3000)]
