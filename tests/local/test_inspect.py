"""Looking at a flow file: whatever stands in it and beside it, the answer is the graph or a clear message."""

from __future__ import annotations

import json
import sys

import pytest
from flows import Desk

STEPS = """
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
"""


NEIGHBOURS = [
    "launcher.py", "packager/__init__.py", "templates/__init__.py", "images/__init__.py", "cli.py", "click.py",
    "json.py", "random.py", "socket.py", "queue.py", "inspect.py", "tempfile.py", "types.py", "token.py",
    "logging.py", "code.py", "calendar.py", "obstore.py", "zstandard.py", "yaml.py", "filelock.py", "tests.py",
    "task.py", "store/__init__.py", "flow_of_mine/__init__.py", "traceback.py", "platform.py",
]  # fmt: skip


def test_neighbours_break_nothing(desk: Desk) -> None:
    """Files beside the flow that are named as modules of Python's, of fpack's and of its libraries are harmless."""
    for name in NEIGHBOURS:
        path = desk.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"raise SystemExit('imported {name} of the user')\n")
    desk.write(f"""
        class Train(FlowSpec):
{STEPS}
    """)
    assert len(desk.shown()["steps"]) == 2
    desk.launch()
    desk.launch(FPACK_START="exec")
    assert desk.fpack("logs", "1").code == 0
    assert desk.run(sys.executable, "flow.py", "show").code in (0, 1)  # here Python itself prefers the user's


@pytest.mark.parametrize("shadow", ["fpack.py", "fpack/__init__.py"])
def test_a_shadow_of_fpack_is_refused(desk: Desk, shadow: str) -> None:
    """A file that `import fpack` would find instead is named, before anything is imported."""
    path = desk.folder / shadow
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('imported')\n")
    desk.write(f"class Train(FlowSpec):{STEPS}")
    said = desk.refusal()
    assert f"{shadow} beside the flow hides fpack itself" in said
    assert f"hint: rename {shadow}" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "class Train(FlowSpec)\n    pass\n",
            ["flow.py is not valid Python", "(flow.py:2)", "class Train(FlowSpec)"],
        ),
        ("def f():\nreturn\n", ["flow.py is not valid Python", "indented", "(flow.py:3)"]),
        (
            "import sys\nsys.exit(4)\n",
            ["ended Python while it was imported (exit code 4)", "__name__", "(flow.py:3)"],
        ),
        ("import os\nos._exit(4)\n", ["ended Python while it was imported (exit code 4)", "flow.py"]),
        ("raise KeyboardInterrupt\n", ["flow.py cannot be imported: KeyboardInterrupt", "(flow.py:2)"]),
        (
            "x = 1\ny = x / 0\n",
            ["cannot be imported: ZeroDivisionError: division by zero", "flow.py:3", "x / 0"],
        ),
        ("import json.nothing\n", ["No module named 'json.nothing'", "flow.py:2"]),
        ("x = 1\n", ["flow.py defines no flow", "class Train(FlowSpec):"]),
        ("", ["flow.py defines no flow"]),
        (
            f"class A(FlowSpec):{STEPS}\nclass B(FlowSpec):{STEPS}",
            ["flow.py defines several flows: A, B", "keep one flow a file"],
        ),
        ("x = '\udce4'\n", ["flow.py is not valid Python"]),
    ],
)
def test_files_that_cannot_be_loaded(desk: Desk, text: str, said: list[str]) -> None:
    """A file that is no Python, raises, exits, or holds no flow or two is told with its line."""
    (desk.folder / "flow.py").write_bytes(b"from fpack import *\n" + text.encode("utf-8", "surrogateescape"))
    message = desk.refusal()
    for part in said:
        assert part in message


def test_paths_that_are_no_flow(desk: Desk) -> None:
    """A missing file is told with the one that was meant; a folder and a text file are told to be no Python."""
    desk.write(f"class Train(FlowSpec):{STEPS}", "train.py")
    assert "there is no file trian.py" in desk.refusal("trian.py")
    assert "did you mean train.py?" in desk.refusal("trian.py")
    (desk.folder / "notes.txt").write_text("x")
    assert "notes.txt is no Python file" in desk.refusal("notes.txt")
    assert ". is no Python file" in desk.refusal(".")


def test_a_loud_and_clinging_file(desk: Desk) -> None:
    """A megabyte of prints, a child that lives on and a thread that never ends do not hold anything up."""
    desk.write(f"""
        import subprocess, sys, threading
        print("x" * 1_000_000)
        print("y" * 1_000_000, file=sys.stderr)
        child = subprocess.Popen(["sleep", "600"])
        open("child.pid", "w").write(str(child.pid))
        threading.Thread(target=threading.Event().wait).start()

        class Train(FlowSpec):
{STEPS}
    """)
    try:
        assert len(desk.shown()["steps"]) == 2
    finally:
        desk.run("sh", "-c", "kill $(cat child.pid)")


def test_a_flow_from_another_file(desk: Desk) -> None:
    """Steps of a base class in another file are read there, mistakes in them are told there, and they run."""
    (desk.folder / "basis.py").write_text(
        "from fpack import FlowSpec, step\nclass Base(FlowSpec):\n    @step\n    def start(self):\n"
        "        self.x = 1\n        self.next(self.middle)\n    @step\n    def end(self):\n        pass\n"
    )
    desk.write("""
        from basis import Base

        class Train(Base):
            @step
            def middle(self):
                self.next(self.end)

        Alias = Train
    """)
    desk.launch()
    assert desk.artifacts("1")["end"] == [{"x": 1}]
    desk.write("from basis import Base\nclass Train(Base):\n    pass\n")
    said = desk.refusal()
    assert "step `start` goes on to `middle`, which is no step (basis.py:4)" in said


def test_every_mistake_is_told_at_once(desk: Desk) -> None:
    """`check` and `launch` tell all mistakes with their lines, and exit with 3; `--json` gives them as data."""
    desk.write("""
        class Train(FlowSpec):
            n = Parameter("n", type=int, default="many")

            @resources(memory="lots")
            @step
            def start(self):
                self.next(self.trian)

            @step
            def train(self):
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    for command in ("check", "launch"):
        said = desk.fpack(command, "flow.py").err
        assert "error: 3 things to mend in flow.py" in said
        assert "flow.py:4: parameter `n` takes a whole number, not 'many'" in said
        assert "flow.py:6: step `start`: `@resources(memory='lots')` is not a whole number of MiB" in said
        assert "flow.py:8: step `start` goes on to `trian`, which is no step" in said
        assert "hint: did you mean `train`?" in said
    outcome = desk.fpack("check", "flow.py", "--json")
    assert outcome.code == 3
    assert [each["where"]["line"] for each in json.loads(outcome.out)] == [4, 6, 8]
