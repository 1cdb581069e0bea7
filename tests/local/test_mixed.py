"""Packages of conda and of PyPI in one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from channel import Channel, small_channel
from condalocks import LINUX, CondaLocks, versions
from flows import Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wheels import WheelIndex

from fpack.errors import SolveError
from fpack.packager.lock import lock_environments
from fpack.packager.lockformat import read_lock


@pytest.fixture
def index(tmp_path: Path) -> WheelIndex:
    made = WheelIndex(tmp_path / "index")
    made.add("fw-app", "2.0", needs=["fp-core>=2"])
    made.add("fw-app", "1.0", needs=["fp-core"])
    made.add("fw-new", "1.0", needs=["fp-core>=2"])
    made.add("fp-core", "2.5")
    made.add("fp-opencv-python", "5.0")
    made.add("fw-vision", "1.0", needs=["fp-opencv-python"])
    return made


@pytest.fixture
def locks(tmp_path: Path, channel: Channel, index: WheelIndex, monkeypatch: pytest.MonkeyPatch) -> CondaLocks:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    return CondaLocks(tmp_path, channel.url, index.indexes)


def test_pypi_is_solved_around_conda(locks: CondaLocks) -> None:
    """What conda gives is there: PyPI's packages are those that go with it, and none comes twice."""
    found = locks.locked({"fp-hello": ""}, {"fw-app": ""})
    assert versions(found) == {"fp-hello": "0.3.0", "fp-core": "1.1.0", "fw-app": "1.0"}
    assert len({package.name for package in found}) == len(found)


def test_names_of_pypi_are_read_from_the_package(locks: CondaLocks) -> None:
    """A conda package whose distribution has another name still keeps that from coming twice."""
    assert versions(locks.locked({"fp-cv": ""}, {"fw-vision": ""})) == {"fp-cv": "4.0", "fw-vision": "1.0"}


def test_a_conflict_names_where_the_version_comes_from(locks: CondaLocks) -> None:
    """What PyPI cannot go with is said to come from @conda, in the step, with its version."""
    with pytest.raises(SolveError) as caught:
        locks.locked({"fp-hello": ""}, {"fw-new": ""})
    assert caught.value.what.startswith("fp-core 1.1.0 comes from @conda in step `train`")
    assert "fw-new depend on fp-core>=2" in caught.value.why
    assert str(locks.cache) not in str(caught.value)


def test_the_runtime_may_come_from_conda(locks: CondaLocks, tmp_path: Path) -> None:
    """What a task needs comes from PyPI, unless conda's solve provides it."""
    channel = small_channel(tmp_path / "mine")
    channel.add_python("zstandard", "0.25.0")
    locks.channel = channel.url
    requests = [locks.request("a", {"zstandard": "", "fp-core": ""}), locks.request("b", {"fp-core": ""})]
    locked = locks.lock(*requests)
    managers = {
        name: {package.name: package.manager for package in each.lock.on(LINUX)}
        for name, each in locked.items()
    }
    assert managers["Train-a"]["zstandard"] == "conda"
    assert managers["Train-b"]["zstandard"] == managers["Train-b"]["obstore"] == "pip"


def test_relock_keeps_both(locks: CondaLocks, index: WheelIndex) -> None:
    """A change to what is asked of PyPI leaves conda's packages and the other wheels as they are."""
    before = locks.locked({"fp-num": "1.26.4"}, {"fw-app": "1.0"})
    index.add("obstore", "0.9.5")
    after = locks.locked({"fp-num": "1.26.4"}, {"fw-app": "1.0", "fw-vision": ""})
    assert [package for package in after if package in before] == before


def test_a_native_package_is_seen(locks: CondaLocks, index: WheelIndex) -> None:
    """A dist-info in lib/pythonX.Y/site-packages is found as one in a noarch package's is."""
    index.add("fp-num", "9.9")
    index.add("fw-math", "1.0", needs=["fp-num"])
    assert versions(locks.locked({"fp-num": "1.26.4"}, {"fw-math": ""}))["fp-num"] == "1.26.4"


pools = st.sampled_from(["fp-hello", "fp-core", "fp-num", "fp-cv"])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conda=st.lists(pools, unique=True, min_size=1), app=st.booleans())
def test_order_never_changes_a_byte(locks: CondaLocks, conda: list[str], app: bool) -> None:
    """A lock made from nothing is the same bytes whatever the order of the declarations."""
    pypi = {"fw-app": "", "fw-vision": ""} if app else {}
    texts = []
    for order in (1, -1):
        wanted = dict.fromkeys(conda[::order], "")
        for path in locks.folder.glob("*"):
            path.unlink()
        locks.locked(wanted, dict(list(pypi.items())[::order]))
        texts.append(locks.content())
    assert texts[0] == texts[1]


def test_the_file_comes_back(locks: CondaLocks) -> None:
    """A lock that is read from its file is the lock that was written, channels and assumptions included."""
    request = locks.request("train", {"fp-torch": ">=2", "fp-core": "<2|>=1"}, {"fw-app": ""}, gpu=True)
    locked = lock_environments(
        [request],
        locks.folder,
        platforms=[LINUX, "osx-arm64"],
        indexes=locks.indexes,
        cache=locks.cache,
        emit=locks.events.append,
    )["Train-train"]
    read = read_lock(locked.path)
    assert read.conda == ("fp-core <2|>=1", "fp-torch >=2")
    assert (read.channels, read.assumes) == (
        (locks.channel,),
        {"glibc": "2.28", "cuda": "12.8", "osx": "13.0"},
    )
    assert sorted(read.packages, key=repr) == sorted(locked.lock.packages, key=repr)


FLOW = """
class Train(FlowSpec):
    @conda(packages=["fp-hello>=0.3"], python="3.12", channels=["CHANNEL"])
    @pypi(packages={"fw-app": ""})
    @step
    def start(self):
        self.next(self.end)

    @conda(packages={"fp-torch": ""}, python="3.12", channels=["CHANNEL"])
    @resources(gpu=1)
    @step
    def end(self):
        pass
"""


def desk_variables(tmp_path: Path, index: WheelIndex) -> dict[str, Any]:
    return {
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_DEFAULT_INDEX": index.url,
    }


def test_the_command(desk: Desk, tmp_path: Path, channel: Channel, index: WheelIndex) -> None:
    """`fpack lock` locks a mixed step and a GPU step of one flow; `--check` then finds nothing stale."""
    desk.write(FLOW.replace("CHANNEL", channel.url))
    variables = desk_variables(tmp_path, index)
    done = desk.fpack("lock", "flow.py", **variables)
    assert done.code == 0, done
    assert done.out.split() == [f"fpack.locks/Train-{step}.conda-lock.yml" for step in ("start", "end")]
    assert desk.fpack("lock", "flow.py", "--check", **variables).code == 0
    desk.write(FLOW.replace("CHANNEL", channel.url).replace(">=0.3", ">=0.2"))
    stale = desk.fpack("lock", "flow.py", "--check", **variables)
    assert stale.code == 8
    assert "fp-hello >=0.3 → fp-hello >=0.2" in stale.err


def test_locking_never_ends_in_a_crash(
    desk: Desk, tmp_path: Path, channel: Channel, index: WheelIndex
) -> None:
    """The threads of rattler do not abort the interpreter when the command ends, however often it is run."""
    desk.write(FLOW.replace("CHANNEL", channel.url))
    variables = desk_variables(tmp_path, index)
    codes = {desk.fpack("lock", "flow.py", "--upgrade", "-q", **variables).code for _ in range(10)}
    assert codes == {0}


def test_mistakes_have_their_lines(desk: Desk) -> None:
    """A malformed match spec and an unknown argument are reported before anything is solved, with their lines."""
    desk.write(
        """
        class Train(FlowSpec):
            @conda(packages={"numpy": "^2"}, chanels=["x"])
            @step
            def start(self):
                self.next(self.end)

            @conda(packages=["numpy >>2", 3], channels=["https://me:hunter2@host/x"])
            @step
            def end(self):
                pass
        """
    )
    done = desk.fpack("check", "flow.py")
    assert done.code == 3
    assert "no argument `chanels`" in done.err
    assert "3 is no match spec" in done.err
    assert "holds a password or a token" in done.err
    assert "hunter2" not in done.err + done.out
    desk.write(
        """
        class Train(FlowSpec):
            @conda(packages={"numpy": "^2"})
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    done = desk.fpack("check", "flow.py")
    assert done.code == 3
    assert "conda package 'numpy': '^2' is not a version" in done.err
    assert "flow.py:" in done.err
