"""Ending a run before its end: by Ctrl-C, by `fpack stop`, by killing one of its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flows import Desk

LONG = """
    import os, signal, subprocess, sys, time

    class Long(FlowSpec):
        @step
        def start(self):
            self.items = [0, 1]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            if "STUBBORN" in os.environ:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "300"])
            print("ready", os.getpid(), child.pid, os.getppid(), flush=True)
            while self.input == 0 or "FAIL" not in os.environ:
                time.sleep(300)
            time.sleep(float(os.environ["FAIL"]))
            raise ValueError("as asked")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@contextmanager
def under_way(
    desk: Desk, tasks: int = 2, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], list[list[int]]]]:
    """A launch of LONG whose tasks have said that they are ready: their pids, their children's, their parents'."""
    desk.write(LONG)
    process = desk.start("launch", "flow.py", "--max-workers", "2", **variables)
    assert process.stdout is not None
    ready: list[list[int]] = []
    try:
        for line in process.stdout:
            found = re.search(r"ready (\d+) (\d+) (\d+)", line)
            if found:
                ready.append([int(number) for number in found.groups()])
            if len(ready) == tasks:
                break
        yield process, ready
    finally:
        process.kill()
        process.communicate()


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(is_there(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if is_there(pid)]
        time.sleep(0.02)


def test_ctrl_c_stops_tasks(desk: Desk) -> None:
    """SIGINT, as a terminal sends it to the whole group, ends tasks and their children and says how to go on."""
    with under_way(desk) as (process, ready):
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopping 2 running task(s)" in said
    assert "error: run 1 was stopped" in said
    assert "`fpack resume flow.py --run 1` goes on where it stood" in said
    assert "Traceback" not in said
    wait_until_gone([pid for pids in ready for pid in pids])
    assert "stopped" in desk.fpack("ps").out
    assert "stopped by the user" in desk.fpack("show", "1").out


def test_ctrl_c_twice_kills(desk: Desk) -> None:
    """Tasks that do not end when they are asked to are killed by a second SIGINT, without a wait."""
    with under_way(desk, STUBBORN="1") as (process, ready):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        for line in process.stdout:
            if "Stopping 2 running task(s)" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=4)  # less than tasks are given to end by themselves
    assert process.returncode == 130
    wait_until_gone([pid for pids in ready for pid in pids])


def test_stop(desk: Desk) -> None:
    """`fpack stop` ends a run from elsewhere, says so, and refuses one that has ended."""
    with under_way(desk) as (process, ready):
        assert "running" in desk.fpack("ps", "--running").out
        stopped = desk.fpack("stop", "1")
        assert (stopped.code, stopped.err) == (0, "Run Long/1 stopped\n")
        process.communicate(timeout=30)
    assert process.returncode == 130
    wait_until_gone([pid for pids in ready for pid in pids])
    refused = desk.fpack("stop", "1")
    assert refused.code == 3
    assert "run Long/1 is not running here: it is stopped" in refused.err


def test_a_failure_stops_the_others(desk: Desk) -> None:
    """When a task has failed for good, the others are ended, and the run tells of the one that failed."""
    with under_way(desk, FAIL="0.05") as (process, ready):
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "error: step `work` failed: ValueError: as asked (flow.py:" in said
    assert "item 1 of `items`" in said
    wait_until_gone([pids[0] for pids in ready])
    assert re.search(r"stopped, because work/\d failed", desk.fpack("show", "1").out)


def test_a_killed_launcher_leaves_nothing_behind(desk: Desk) -> None:
    """After kill -9 of the launcher its tasks, their children and its templates end, and the run is interrupted."""
    with under_way(desk) as (process, ready):
        process.kill()
        process.wait(timeout=30)
        wait_until_gone([pid for pids in ready for pid in pids])
    assert "interrupted" in desk.fpack("ps").out


def test_a_killed_template_is_told(desk: Desk) -> None:
    """After kill -9 of the process that starts tasks, these are ended and the run fails with a clear error."""
    with under_way(desk) as (process, ready):
        os.kill(ready[0][2], signal.SIGKILL)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the process that starts this environment's tasks died" in said
    assert "Traceback" not in said
    wait_until_gone([pid for pids in ready for pid in pids])


def test_a_killed_template_takes_its_own_tasks_alone(desk: Desk) -> None:
    """A step that has a template of its own goes on when the template of another dies, and that one is tried again."""
    desk.write("""
        import os, signal, time, pathlib

        class Two(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)

            @environment(vars={"PYTHONHASHSEED": "1"})
            @step
            def a(self):
                while not pathlib.Path("killed").exists():
                    time.sleep(0.01)
                self.attempt_a = current.retry_count
                self.next(self.join)

            @retry(times=1)
            @step
            def b(self):
                if current.retry_count == 0:
                    os.kill(os.getppid(), signal.SIGKILL)
                    time.sleep(300)
                pathlib.Path("killed").touch()
                self.attempt_b = current.retry_count
                self.next(self.join)

            @step
            def join(self, inputs):
                self.merge_artifacts(inputs)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch("--max-workers", "2")
    assert desk.artifacts("1")["end"] == [{"attempt_a": 0, "attempt_b": 1}]


@pytest.mark.parametrize("child", ['["sleep", "300"]', '["yes"]'])
def test_a_child_that_holds_the_output(desk: Desk, child: str) -> None:
    """A process that a task leaves behind, silent or talking on, does not keep the task from ending."""
    desk.write(f"""
        import subprocess

        class Child(FlowSpec):
            @step
            def start(self):
                child = subprocess.Popen({child})
                open("child.pid", "w").write(str(child.pid))
                print("last line")
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    try:
        assert "last line" in desk.launch().printed
    finally:
        desk.run("sh", "-c", "kill $(cat child.pid)")
