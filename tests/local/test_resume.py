"""Going on: from a failure, from a stop, from a launcher that was killed; and one step by itself."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from flows import Desk, Outcome

TRAIN = """
    import os

    class Train(FlowSpec):
        alpha = Parameter("alpha", default=1)
        beta = Parameter("beta", default="b")

        @step
        def start(self):
            self.made_by = current.run_id
            self.items = [10, 20, 30]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            if os.environ.get("FAIL") == str(self.input):
                raise ValueError("as asked")
            self.result = self.input * self.alpha
            self.made_by = current.run_id
            self.next(self.join)

        @step
        def join(self, inputs):
            self.results = [one.result for one in inputs]
            self.made = [one.made_by for one in inputs]
            self.next(self.end)

        @step
        def end(self):
            self.origin = current.origin_run_id
            self.betas = self.beta
            if os.environ.get("FAIL") == "end":
                raise ValueError("as asked")
"""


def started(outcome: Outcome) -> list[str]:
    return sorted(f"{event['step']}/{event['task']}" for event in outcome.of("task.started"))


def resume(desk: Desk, *arguments: str) -> Outcome:
    outcome = desk.fpack("resume", "flow.py", "--json", *arguments)
    assert outcome.code == 0, outcome
    return outcome


def test_what_is_done_is_kept(desk: Desk) -> None:
    """A run goes on with what is not done, keeps its parameters, and can be gone on from in its turn."""
    desk.write(TRAIN)
    failed = desk.fpack("launch", "flow.py", "--alpha", "2", "--max-workers", "1", FAIL="20")
    assert failed.code == 1
    assert "task 1/work/3, item 1 of `items`" in failed.err
    again = desk.fpack("resume", "flow.py", FAIL="end")
    assert again.code == 1
    assert "Going on from run 1: 2 task(s) are done" in again.err
    last = resume(desk)
    assert started(last) == ["end/6"] or [name.partition("/")[0] for name in started(last)] == ["end"]
    (end,) = desk.artifacts("3")["end"]
    assert end["results"] == [20, 40, 60]
    assert end["made"] == ["1", "2", "2"]
    assert end["origin"] == "2"
    assert desk.fpack("resume", "flow.py", "--run", "1").code == 0


def test_a_step_and_all_after_it_again(desk: Desk) -> None:
    """`resume --step` runs a step again although it was done, with what follows, and nothing before it."""
    desk.write(TRAIN)
    desk.launch("--beta", "x")
    again = resume(desk, "--step", "join")
    assert [name.partition("/")[0] for name in started(again)] == ["end", "join"]
    assert desk.artifacts("2")["end"][0]["betas"] == "x"
    everything = resume(desk, "--step", "start")
    assert len(started(everything)) == 6


def test_one_step_by_itself(desk: Desk) -> None:
    """`launch --step` runs that step alone on what the latest successful run left, and says which that was."""
    desk.write(TRAIN)
    desk.launch("--alpha", "2", "--beta", "kept")
    assert desk.fpack("launch", "flow.py", FAIL="10").code == 1  # run 2, which left nothing to take
    alone = desk.fpack("launch", "flow.py", "--step", "work", "--alpha", "5")
    assert (alone.code, alone.out) == (0, "Train/3\n")
    assert "Step work on what run 1 left" in alone.err
    assert alone.err.count("Task is starting.") == 3
    assert [task["result"] for task in desk.artifacts("3")["work"]] == [50, 100, 150]
    following = desk.fpack("launch", "flow.py", "--step", "join")
    assert "Step join on what run 3 left" in following.err
    assert desk.artifacts("4")["join"][0]["results"] == [50, 100, 150]
    named = desk.fpack("launch", "flow.py", "--step", "end", "--from", "1", "--alpha", "7")
    assert named.code == 0, named
    (end,) = desk.artifacts("5")["end"]
    assert (end["results"], end["betas"]) == ([20, 40, 60], "kept")
    failed = desk.fpack("launch", "flow.py", "--step", "work", "--from", "2")
    assert failed.code == 0, failed
    assert desk.launch("--step", "start").of("run.origin") == []


def test_what_cannot_be_gone_on_from_is_told(desk: Desk) -> None:
    """Without a run, with a wrong one, with one that never came so far, or with one step's: what to do instead."""
    desk.write(TRAIN)

    def refused(*arguments: str) -> str:
        outcome = desk.fpack(*arguments)
        assert outcome.code == 3, outcome
        assert "hint: " in outcome.err
        return outcome.err

    assert "there is no run of Train to go on from" in refused("resume", "flow.py")
    assert "no successful run of Train left the inputs of step `join`" in refused(
        "launch", "flow.py", "--step", "join"
    )
    assert "flow Train has no step `jion`" in refused("launch", "flow.py", "--step", "jion")
    desk.fpack("launch", "flow.py", "--max-workers", "1", FAIL="10")
    assert "there is no run Train/9" in refused("resume", "flow.py", "--run", "9")
    assert "run 1 never came as far as step `join`" in refused(
        "launch", "flow.py", "--step", "join", "--from", "1"
    )
    desk.launch("--step", "start")
    assert "run 2 ran step `start` alone" in refused("resume", "flow.py", "--run", "2")
    desk.write(TRAIN.replace("class Train", "class Other"), "other.py")
    assert "there is no run Other/1" in refused("resume", "other.py", "--run", "1")
    assert "run Train/1 is one of flow Train, not of Other" in refused(
        "resume", "other.py", "--run", "Train/1"
    )


def test_a_flow_that_has_changed(desk: Desk) -> None:
    """Steps that are gone are named; parameters that are new have their default in a run that goes on."""
    desk.write(TRAIN)
    desk.fpack("launch", "flow.py", "--max-workers", "1", FAIL="20")
    desk.write(TRAIN.replace("self.work", "self.toil").replace("def work", "def toil"))
    gone = desk.fpack("resume", "flow.py")
    assert gone.code == 3
    assert "step `work`, which run 1 goes on to, is no longer in the flow" in gone.err
    assert desk.runs().numbers("Train") == ["1"]
    new = 'beta = Parameter("beta", default="b")\n        gamma = Parameter("gamma", default=9)'
    desk.write(
        TRAIN.replace('beta = Parameter("beta", default="b")', new).replace("= self.beta", "= self.gamma")
    )
    resume(desk)
    assert desk.artifacts("2")["end"][0]["betas"] == 9


CHAIN = """
    import os, pathlib

    class Chain(FlowSpec):
        @step
        def start(self):
            self.items = list(range(4))
            self.next(self.a, foreach="items")

        @step
        def a(self):
            self.sum = self.input
            self.next(self.b)

        @step
        def b(self):
            self.sum += 100
            self.next(self.join)

        @step
        def join(self, inputs):
            self.sum = sum(one.sum for one in inputs)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.mark.parametrize("seed", [0, 106, 124])
def test_a_launcher_killed_at_any_moment(desk: Desk, seed: int) -> None:
    """After kill -9, again and again, every command reads the store, no task is done twice, and the result is right."""
    desk.write(CHAIN)
    moments = random.Random(seed)
    command = ["launch", "flow.py", "--json", "--max-workers", "2"]
    for attempt in range(3):
        process = desk.start(*command)
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 9 + 6 * attempt)):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=30)
        for looking in (["ps"], ["ps", "--json"], ["logs"], ["show", "1"], ["show", "1", "--json"]):
            looked = desk.fpack(*looking)
            assert looked.code == 0, looked
        command = ["resume", "flow.py", "--json", "--max-workers", "2"]
    resume(desk)
    runs = desk.runs().numbers("Chain")
    assert desk.artifacts(runs[0])["end"][0]["sum"] == 406
    # A task is done once over all the runs: in one of them, and taken over by those that follow.
    records = list((desk.folder / ".fpack/flows/Chain").glob("*/*/*/*.json"))
    done = [path.parts[-4:-1] for path in records if '"status":"done"' in path.read_text()]
    assert len(done) == len(set(done)) == 11
    states = desk.fpack("ps").out
    assert "interrupted" in states or "done" in states


def test_a_run_that_was_killed_before_it_began(desk: Desk) -> None:
    """What a launcher leaves that dies between its first two writes breaks no command."""
    desk.write(CHAIN)
    desk.launch()
    root = Path(desk.folder / ".fpack")
    (root / "flows" / "Chain" / "2").mkdir()
    (root / "runs" / "000000002").write_text("Chain")
    (root / "flows" / "Broken" / "3").mkdir(parents=True)
    for command in (["ps"], ["logs"], ["resume", "flow.py"], ["launch", "flow.py", "--step", "join"]):
        outcome = desk.fpack(*command)
        assert outcome.code == 0, outcome
    assert desk.fpack("show", "2").code == 3
    assert desk.fpack("launch", "flow.py").code == 0


def test_a_run_that_goes_on_is_not_resumed(desk: Desk) -> None:
    """Two launchers on the tasks of one run would do them twice; so the second is refused while the first lives."""
    desk.write("""
        import time

        class Long(FlowSpec):
            @step
            def start(self):
                print("here", flush=True)
                time.sleep(60)
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    process = desk.start("launch", "flow.py")
    assert process.stdout is not None
    for line in process.stdout:
        if "here" in line:
            break
    refused = desk.fpack("resume", "flow.py")
    assert refused.code == 3
    assert "run 1 goes on still" in refused.err
    assert "`fpack stop 1` ends it" in refused.err
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
