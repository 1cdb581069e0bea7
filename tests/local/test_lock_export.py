"""`fpack lock --export`, from a flow's lock files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from flows import Desk
from wheels import WheelIndex

FLOW = """
class Train(FlowSpec):
    @pypi(packages={"fw-base": "1.0"}, python="3.12")
    @step
    def start(self):
        self.next(self.end)

    @pypi(packages={"fw-base": "2.0"}, python="3.12")
    @step
    def end(self):
        pass
"""

NOWHERE = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
"""An index that would be missed at once if anything were solved."""


@pytest.fixture
def locked(desk: Desk) -> Desk:
    """A desk with a flow of two environments, both locked."""
    index = WheelIndex(desk.folder / "index")
    for version in ("1.0", "2.0"):
        index.add("fw-base", version)
    desk.write(FLOW)
    outcome = desk.fpack("lock", "flow.py", UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(desk.folder / "uv"))
    assert outcome.code == 0, outcome
    return desk


def test_one_step(locked: Desk) -> None:
    """The lock of one step is printed, alone on stdout, without asking any index."""
    outcome = locked.fpack("lock", "flow.py", "--export", "requirements", "--step", "end", **NOWHERE)
    assert (outcome.code, outcome.err) == (0, "")
    assert "fw-base==2.0 \\\n    --hash=sha256:" in outcome.out


def test_several_environments(locked: Desk) -> None:
    """Where a flow has several environments, the user is told which steps there are to name."""
    outcome = locked.fpack("lock", "flow.py", "--export", "pylock")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--step (start, end)" in outcome.err


def test_stale(locked: Desk) -> None:
    """A stale lock is not exported: the command exits with 8 and says how to refresh it."""
    locked.write(FLOW.replace('"2.0"', '"2.1"'))
    outcome = locked.fpack("lock", "flow.py", "--export", "pylock", "--step", "end", **NOWHERE)
    assert (outcome.code, outcome.out) == (8, "")
    assert "fpack lock" in outcome.err


def test_platform_that_is_not_locked(locked: Desk) -> None:
    """A platform that no lock has is asked for with the command that locks it, which works."""
    arguments = ("lock", "flow.py", "--export", "pylock", "--step", "end", "--platform", "osx-arm64")
    outcome = locked.fpack(*arguments, **NOWHERE)
    assert outcome.code == 8, outcome
    assert "fpack lock --platform osx-arm64" in outcome.err
    index = (locked.folder / "index" / "simple").as_uri()
    again = locked.fpack("lock", "flow.py", "--platform", "osx-arm64", UV_DEFAULT_INDEX=index)
    assert again.code == 0, again
    assert "fw_base-2.0" in locked.fpack(*arguments, **NOWHERE).out


@pytest.mark.parametrize("wrong", [["--check"], ["--upgrade"], ["--json"]])
def test_export_changes_nothing(locked: Desk, wrong: list[str], tmp_path: Path) -> None:
    """An export that should also check or change a lock is refused, before anything is done."""
    outcome = locked.fpack("lock", "flow.py", "--export", "explicit", *wrong)
    assert outcome.code == 2, outcome
