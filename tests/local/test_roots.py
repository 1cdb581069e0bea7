"""Roots that a launch is given: where they are, and what is said of one that takes nothing more."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest
from flows import Desk

SMALL = """
    class Small(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_a_root_from_a_variable_is_where_the_user_stands(desk: Desk) -> None:
    """FPACK_ROOT and `--root` are relative to the folder of the command, for launch as for every other."""
    desk.write(SMALL, "deep/flow.py")
    assert desk.fpack("launch", "deep/flow.py", FPACK_ROOT="store").code == 0
    assert (desk.folder / "store" / "flows").is_dir()
    assert "Small/1" in desk.fpack("ps", FPACK_ROOT="store").out
    assert desk.fpack("launch", "deep/flow.py", "--root", "store").out == "Small/2\n"


def one_error(desk: Desk, root: Path) -> str:
    """Launch with a root that cannot take it: one error on stderr, nothing on stdout, no traceback anywhere."""
    outcome = desk.fpack("launch", "flow.py", FPACK_ROOT=str(root))
    assert outcome.code in (1, 5), outcome
    assert outcome.out == ""
    assert outcome.err.count("error: ") == 1, outcome
    assert "Traceback" not in outcome.err
    assert "fpack itself failed" not in outcome.err
    assert "hint: " in outcome.err
    return outcome.err


def test_a_root_that_cannot_be_written(desk: Desk) -> None:
    """A root below a file, and one that nobody may write, give one clear error."""
    desk.write(SMALL)
    (desk.folder / "file").write_text("")
    assert str(desk.folder / "file") in one_error(desk, desk.folder / "file" / "root")
    assert "/proc/fpack" in one_error(desk, Path("/proc/fpack"))


FULL = """
    class Full(FlowSpec):
        @step
        def start(self):
            self.big = bytes(range(256)) * 40_000
            WHAT
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.mark.parametrize(
    "what", ["self.more = __import__('os').urandom(4_000_000)", "print('x' * 4_000_000)"]
)
def test_a_full_root(desk: Desk, what: str) -> None:
    """When no more can be written, in a task or in the launcher, the run ends with one clear error."""
    desk.write(FULL.replace("WHAT", what))
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "del sys.path[0]; from fpack.cli import main; main()"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    outcome = desk.run(sys.executable, "-c", script, "launch", "flow.py")
    assert outcome.code in (1, 5), outcome
    assert outcome.err.count("error: ") == 1, outcome
    assert "Traceback" not in outcome.err
    assert "fpack itself failed" not in outcome.err
    assert desk.fpack("ps").code == desk.fpack("logs", "1").code == desk.fpack("show", "1").code == 0
