"""`fpack ps` and `fpack show`: runs and flows as people and programs read them."""

from __future__ import annotations

import json

from flows import Desk

FLOW = """
    @pypi_base(packages={"rich": "14.*"}, python="3.12")
    class Train(FlowSpec):
        '''Trains things.

        And more.
        '''
        alpha = Parameter("alpha", default=0.1, help="the rate")
        name = Parameter("name", required=True)

        @pypi(disabled=True)
        @step
        def start(self):
            '''Split the data.'''
            self.items = [1, 2]
            self.next(self.train, foreach="items")

        @pypi(packages={"numpy": ""})
        @resources(cpu=4, memory=16000, gpu=1)
        @retry(times=2)
        @timeout(minutes=2)
        @catch(var="failure")
        @step
        def train(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
"""

RUN = """
    class Run(FlowSpec):
        alpha = Parameter("alpha", default=0.5)

        @step
        def start(self):
            self.items = ["x", "y"]
            self.big = b"x" * 5000
            self.next(self.work, foreach="items")

        @step
        def work(self):
            if self.alpha > 1 and self.index == 1:
                raise ValueError("too large\\nby far")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_a_flow(desk: Desk) -> None:
    """`show FLOW` gives parameters, the steps in order, and what each asks for; `--json` the same as data."""
    desk.write(FLOW)
    shown = desk.fpack("show", "flow.py")
    assert shown.code == 0
    assert shown.out.splitlines()[0] == "Train: Trains things."
    for part in (
        "--alpha FLOAT  default 0.1  the rate",
        "--name STR  required",
        "→ train for each of `items`",
        "Split the data.",
        "→ end  joins",
        "pypi: Python 3.12, rich 14.*, numpy any",
        "4 cpu, 1 gpu, 16000 MiB memory",
        "retries: 2, timeout: 120 s, catches into `failure`",
    ):
        assert part in shown.out
    assert desk.fpack("show").out == shown.out
    data = json.loads(desk.fpack("show", "flow.py", "--json").out)
    assert [step["name"] for step in data["steps"]] == ["start", "train", "join", "end"]
    assert data["v"] == 1
    assert data["steps"][1]["resources"]["memory"] == 16000


def test_a_run(desk: Desk) -> None:
    """`show RUN` gives the state of every task, what failed and why; `show RUN/STEP` its artifacts with sizes."""
    desk.write(RUN)
    desk.launch()
    shown = desk.fpack("show", "1")
    assert shown.code == 0
    head, *rows = shown.out.splitlines()
    assert head.startswith("Run/1  done  ")
    assert "  alpha = 0.5" in rows
    states = [row.split() for row in rows[rows.index("") + 2 :]]
    assert [row[0] for row in states] == ["start", "work", "work", "join", "end"]
    assert all("done" in row for row in states)
    artifacts = desk.fpack("show", "1/start").out
    assert "big  bytes  4.9 KiB" in artifacts
    failed = desk.fpack("launch", "flow.py", "--alpha", "2", "--max-workers", "1")
    assert failed.code == 1
    shown = desk.fpack("show", "2")
    assert "ValueError: too large" in shown.out
    assert "by far" not in shown.out
    data = json.loads(desk.fpack("show", "2", "--json").out)
    assert data["status"] == "failed"
    assert [(task["step"], task["items"], task["status"]) for task in data["tasks"]] == [
        ("start", [], "done"),
        ("work", [0], "done"),
        ("work", [1], "failed"),
    ]
    assert data["tasks"][2]["failure"] == "ValueError: too large\nby far"


def test_what_is_not_there(desk: Desk) -> None:
    """A run, step or task that there is not is told, with what there is; so is a word that is neither."""
    desk.write(RUN)
    assert "no run has been launched from here" in desk.fpack("show", "1").err
    desk.launch()
    for spec, said in {
        "7": "there is no run 7",
        "Other/1": "there is no run Other/1",
        "1/trian": "run Run/1 has no step `trian`",
        "1/work/9": "run Run/1 has no task `work/9`",
    }.items():
        outcome = desk.fpack("show", spec)
        assert outcome.code == 3, outcome
        assert said in outcome.err
        assert "hint: " in outcome.err
    assert desk.fpack("show", "train").code == 2


def test_runs(desk: Desk) -> None:
    """`ps` lists the runs of every root below, newest first, with their tags; `--json` is an array, empty or not."""
    nothing = desk.fpack("ps")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "No runs here\n")
    assert desk.fpack("ps", "--json").out == "[]\n"
    desk.write(RUN)
    desk.write(RUN.replace("class Run", "class Other"), "sub/other.py")
    desk.launch("--tag", "nightly", "--tag", "v2")
    desk.fpack("launch", "flow.py", "--alpha", "3")
    desk.fpack("launch", "sub/other.py")
    header, *rows = desk.fpack("ps").out.splitlines()
    assert header.split() == ["RUN", "STATUS", "STARTED", "TOOK", "USER", "TAGS"]
    assert [row.split()[:2] for row in rows] == [["Other/1", "done"], ["Run/2", "failed"], ["Run/1", "done"]]
    assert rows[2].endswith("nightly v2")
    assert len(desk.fpack("ps", "--limit", "1").out.splitlines()) == 2
    data = json.loads(desk.fpack("ps", "--json").out)
    assert [(row["flow"], row["run"], row["status"]) for row in data] == [
        ("Other", "1", "done"),
        ("Run", "2", "failed"),
        ("Run", "1", "done"),
    ]
    assert desk.fpack("ps", "--running").err == "Nothing is running here\n"
    several = desk.fpack("show", "1")
    assert several.code == 3
    assert "there are several runs 1" in several.err
    assert desk.fpack("show", "Run/1").code == 0
    assert desk.fpack("ps", "--limit", "-1").code == 2


def test_a_record_that_is_damaged(desk: Desk) -> None:
    """A file of the store that is cut short is named as damaged, and other runs are listed all the same."""
    desk.write(RUN)
    desk.launch()
    desk.launch()
    path = desk.folder / ".fpack" / "flows" / "Run" / "1" / "run.json"
    path.write_bytes(path.read_bytes()[:100])
    outcome = desk.fpack("show", "1")
    assert outcome.code == 5
    assert "run 1 cannot be read: its file is damaged" in outcome.err
    assert "Run/2" in desk.fpack("ps").out


def test_a_newer_fpack(desk: Desk) -> None:
    """What a later version wrote is refused with the advice to upgrade, not misread."""
    desk.write(RUN)
    desk.launch()
    path = desk.folder / ".fpack" / "flows" / "Run" / "1" / "run.json"
    path.write_text(path.read_text().replace('"v":1', '"v":99'))
    outcome = desk.fpack("show", "1")
    assert outcome.code == 5
    assert "was written by a newer fpack" in outcome.err
