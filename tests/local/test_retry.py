"""What happens when a step fails: it is tried again, given up on, or caught; and what a step's process is given."""

from __future__ import annotations

import pytest
from flows import Desk, Outcome

from fpack.flow.caught import CaughtException


def failures(outcome: Outcome) -> list[str]:
    return [event["failure"] for event in outcome.of("task.failed")]


def test_a_step_is_tried_again(desk: Desk) -> None:
    """@retry makes another attempt after an exception, and after a death without one, with clean artifacts."""
    desk.write("""
        import os, signal

        class Again(FlowSpec):
            @step
            def start(self):
                self.items = [0, 1, 2]
                self.next(self.work, foreach="items")

            @retry(times=2)
            @step
            def work(self):
                assert not hasattr(self, "half"), "an earlier attempt left something behind"
                self.half = True
                if current.retry_count == 0 and self.input == 1:
                    raise ValueError("first try")
                if current.retry_count == 0 and self.input == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                if current.retry_count == 1 and self.input == 2:
                    os._exit(3)
                self.attempt = current.retry_count
                self.next(self.join)

            @step
            def join(self, inputs):
                self.attempts = [one.attempt for one in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    outcome = desk.launch("--max-workers", "3")
    assert desk.artifacts("1")["end"][0]["attempts"] == [0, 1, 2]
    assert sorted(failures(outcome)) == [
        "ValueError: first try",
        "its process ended with exit code 3 and left no result",
        "its process was killed (SIGKILL): perhaps the machine was out of memory",
    ]
    assert all(event["again"] for event in outcome.of("task.failed"))
    again = [event["message"] for event in outcome.of("task.started") if event["attempt"]]
    assert sorted(again) == ["Task is starting (attempt 2)."] * 2 + ["Task is starting (attempt 3)."]


def test_a_step_is_given_up_on(desk: Desk) -> None:
    """After its last attempt a step has failed, and with it the run, with the step's line and what to do next."""
    desk.write("""
        class Never(FlowSpec):
            @retry(times=1)
            @step
            def start(self):
                raise KeyError("what is missing")  # line 7
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    outcome = desk.fpack("launch", "flow.py")
    assert outcome.code == 1
    assert outcome.out == ""
    assert "error: step `start` failed: KeyError: 'what is missing' (flow.py:7)" in outcome.err
    assert "`fpack resume flow.py --run 1`" in outcome.err
    assert "`fpack launch flow.py --step start --from 1`" in outcome.err
    assert outcome.err.count("Task is starting") == 2
    assert outcome.err.count('raise KeyError("what is missing")') == 2
    assert "fpack/task" not in outcome.err


CATCH = """
    import ctypes, os, signal, sys

    def crash(how):
        if how == "raise":
            raise ValueError("caught me")
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "leave":
            os._exit(0)
        if how == "segfault":
            ctypes.string_at(0)
        if how == "exit":
            sys.exit("leaving")
        if how == "unpicklable exception":
            error = ValueError("with a lambda")
            error.why = lambda: 1
            raise error
        if how == "rude exception":
            class Rude(Exception):
                def __str__(self):
                    raise RuntimeError("no text")
            raise Rude

    class Catch(FlowSpec):
        @step
        def start(self):
            self.ways = ["no", "raise", "kill", "leave", "segfault", "exit", "unpicklable exception",
                         "rude exception", "artifact"]
            self.next(self.work, foreach="ways")

        @catch(var="failure", print_exception=False)
        @step
        def work(self):
            self.way = self.input
            crash(self.input)
            if self.input == "artifact":
                self.result = lambda: 1
            self.next(self.join)

        @step
        def join(self, inputs):
            self.found = {name: one.failure for name, one in zip(inputs[0].ways, inputs)}
            self.kept = [name for name, one in zip(inputs[0].ways, inputs) if hasattr(one, "way")]
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_whatever_happens_is_caught(desk: Desk) -> None:
    """@catch lets the run go on after an exception, a signal, an exit, a crash, or an artifact that cannot be saved."""
    desk.write(CATCH)
    desk.launch("--max-workers", "4")
    (end,) = desk.artifacts("1")["end"]
    found: dict[str, CaughtException | None] = end["found"]
    assert found["no"] is None
    said = {name: str(caught) for name, caught in found.items() if caught is not None}
    assert len(said) == 8
    assert said["raise"] == "ValueError: caught me"
    assert "SIGKILL" in said["kill"]
    assert "exit code 0" in said["leave"]
    assert "SIGSEGV" in said["segfault"]
    assert said["exit"] == "SystemExit: leaving"
    assert said["unpicklable exception"] == "ValueError: with a lambda"
    assert "Rude" in said["rude exception"]
    assert "artifact `result` of step `work` cannot be saved" in said["artifact"]
    caught = found["raise"]
    assert caught is not None
    assert isinstance(caught.exception, ValueError)
    assert 'raise ValueError("caught me")' in caught.stacktrace
    # What a step had assigned before its exception is kept; a process that died has kept nothing.
    assert set(end["kept"]) >= {"no", "raise", "unpicklable exception"}


def test_retries_go_before_catching(desk: Desk) -> None:
    """With @retry and @catch, the exception is caught after the last attempt only, and printed."""
    desk.write("""
        class Both(FlowSpec):
            @catch(var="failure")
            @retry(times=2)
            @step
            def start(self):
                self.attempt = current.retry_count
                raise ValueError(f"attempt {current.retry_count}")
                self.next(self.end)

            @step
            def end(self):
                assert self.attempt == 2
                assert str(self.failure) == "ValueError: attempt 2"
    """)
    outcome = desk.launch()
    assert len(failures(outcome)) == 2
    assert "ValueError: attempt 2" in outcome.printed


TIMEOUTS = """
    import ctypes, signal, time

    class Slow(FlowSpec):
        @step
        def start(self):
            self.ways = ["python", "stubborn", "c"]
            self.next(self.work, foreach="ways")

        @catch(var="failure", print_exception=False)
        @timeout(seconds=0.2)
        @step
        def work(self):
            if self.input == "python":
                while True:
                    time.sleep(10)
            elif self.input == "stubborn":
                while True:
                    try:
                        time.sleep(10)
                    except Exception:
                        pass
            else:
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                ctypes.CDLL(None).sleep(60)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.said = [str(one.failure) for one in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_a_timeout_is_kept_by_force(desk: Desk) -> None:
    """@timeout ends Python code by an exception, and what does not notice, C code among it, by a signal."""
    desk.write(TIMEOUTS)
    desk.launch("--max-workers", "3")
    python, stubborn, c = desk.artifacts("1")["end"][0]["said"]
    assert python == "StepTimeoutError: step `work` took longer than its @timeout of 0.2 s"
    assert stubborn == c == "killed: it took longer than its @timeout of 0.2 s"


def test_variables_are_there_from_the_first_import(desk: Desk) -> None:
    """@environment holds while the flow's file is imported, for what Python reads as it starts, and for children."""
    desk.write("""
        import os, subprocess, sys

        AT_IMPORT = os.environ.get("MINE")

        class Variables(FlowSpec):
            @environment(vars={"MINE": "ä b=c", "PYTHONHASHSEED": "42", "LD_BIND_NOW": 1})
            @step
            def start(self):
                assert AT_IMPORT == os.environ["MINE"] == "ä b=c"
                assert os.environ["LD_BIND_NOW"] == "1"
                self.hash = hash("text")
                code = "import os, fpack; print(os.environ['MINE'], hash('text'))"
                said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True).stdout
                assert said.split() == ["ä", "b=c", str(self.hash)]
                self.next(self.plain)

            @environment(vars={"MINE": "other"})
            @step
            def plain(self):
                assert AT_IMPORT == "other" and "LD_BIND_NOW" not in os.environ
                self.next(self.end)

            @step
            def end(self):
                assert AT_IMPORT is None
    """)
    desk.launch()
    desk.launch()
    assert desk.artifacts("1")["end"] == desk.artifacts("2")["end"]


@pytest.mark.parametrize("mode", ["exec", "preload"])
def test_every_way_to_start_is_the_same(desk: Desk, mode: str) -> None:
    """Whether tasks are forked or started afresh, they print, fail, are caught, and leave the same."""
    desk.write(CATCH.replace('"segfault", ', ""))
    desk.launch("--max-workers", "4", FPACK_START=mode)
    found = desk.artifacts("1")["end"][0]["found"]
    assert sum(caught is not None for caught in found.values()) == 7


def test_what_cannot_be_forked_is_started_afresh(desk: Desk) -> None:
    """With `preload`, a file that starts a thread as it is imported is imported by each task instead."""
    desk.write("""
        import os, threading, time

        IMPORTED_BY = os.getpid()
        threading.Thread(target=time.sleep, args=(0.3,), daemon=True).start()

        class Threads(FlowSpec):
            @step
            def start(self):
                assert IMPORTED_BY == os.getpid()
                self.next(self.end)

            @step
            def end(self):
                assert IMPORTED_BY == os.getpid()
    """)
    desk.launch(FPACK_START="preload")
