"""Locking with the real uv, against a package index that the tests make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheels import WheelIndex, serve, sha256

from fpack.errors import Location, LockFileError, LockStaleError, NetworkError, SolveError
from fpack.events import Event
from fpack.flow.environment import Environment
from fpack.packager.indexes import Indexes
from fpack.packager.lock import LockedEnvironment, lock_environments, stale_environments
from fpack.packager.request import NamedRequest

LINUX, MAC = "linux-64", "osx-arm64"
HERE = Location("flow.py", 7)


@pytest.fixture
def index(tmp_path: Path) -> WheelIndex:
    made = WheelIndex(tmp_path / "índex of mine")
    for version in ("1.0", "1.1", "2.0"):
        made.add("fw-base", version)
    made.add("fw-top", "1.0", needs=["fw-base>=1"])
    made.add("fw-native", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    made.add("fw-native", "1.0", tag="cp312-cp312-macosx_11_0_arm64")
    return made


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.delenv("FPACK_OFFLINE", raising=False)


class Locks:
    """A folder of lock files with its index, and the events of what was done to it."""

    def __init__(self, folder: Path, indexes: Indexes) -> None:
        self.folder = folder
        self.indexes = indexes
        self.events: list[Event] = []

    def lock(self, *requests: NamedRequest, **options: object) -> dict[str, LockedEnvironment]:
        self.events.clear()
        defaults = {"platforms": [LINUX], "indexes": self.indexes, "emit": self.events.append}
        return lock_environments(requests, self.folder, **{**defaults, **options})  # type: ignore[arg-type]

    def told(self, type_: str) -> list[str]:
        return [event.message for event in self.events if event.type == type_]

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def locks(tmp_path: Path, index: WheelIndex) -> Locks:
    return Locks(tmp_path / "a flöw" / "fpack.locks", index.indexes)


def request(step: str, packages: dict[str, str], python: str = "3.12") -> NamedRequest:
    return NamedRequest(f"Train-{step}", "Train", (step,), Environment(packages, {}, python, HERE))


def versions(locked: LockedEnvironment, platform: str = LINUX) -> dict[str, str]:
    found = {package.name: package.version for package in locked.lock.on(platform)}
    return {name: version for name, version in found.items() if name.startswith("fw-")}


def test_lock_is_exact(locks: Locks, index: WheelIndex) -> None:
    """A lock names every package with its dependencies and the runtime, each with its file's own sha256."""
    locked = locks.lock(request("start", {"fw-top": "", "fw-base": "1.*"}))["Train-start"]
    found = {package.name: package for package in locked.lock.packages}
    assert {name: package.version for name, package in found.items()} == {
        "fw-base": "1.1",
        "fw-top": "1.0",
        "obstore": "0.9.0",
        "zstandard": "0.23.0",
    }
    wheel = index.folder / "files" / "fw_base-1.1-py3-none-any.whl"
    assert found["fw-base"].sha256 == sha256(wheel)
    assert found["fw-base"].url == wheel.as_uri()
    assert locks.told("lock.solved")[0].startswith("Locked start: 4 packages for linux-64 in ")


def test_each_platform_gets_its_own_wheel(locks: Locks) -> None:
    """One file holds all platforms, each with the wheel that fits it, whatever this machine is."""
    lock = locks.lock(request("start", {"fw-native": "1.0"}), platforms=[LINUX, MAC])["Train-start"].lock
    urls = {package.platform: package.url for package in lock.packages if package.name == "fw-native"}
    assert "manylinux_2_17_x86_64" in urls[LINUX]
    assert "macosx_11_0_arm64" in urls[MAC]


def test_lock_is_idempotent(locks: Locks) -> None:
    """Locking again solves nothing and writes nothing; locking from nothing writes the same bytes."""
    requests = [request("start", {"fw-top": ""}), request("end", {"fw-base": "1.0"})]
    locks.lock(*requests)
    before = locks.content()
    times = {path: path.stat().st_mtime_ns for path in locks.folder.iterdir()}
    locks.lock(*requests, indexes=Indexes({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/nowhere"}))
    assert {path: path.stat().st_mtime_ns for path in locks.folder.iterdir()} == times
    assert not locks.events
    for path in locks.folder.iterdir():
        path.unlink()
    locks.lock(*reversed(requests))
    assert locks.content() == before


def test_relock_keeps_old_versions(locks: Locks, index: WheelIndex) -> None:
    """A changed declaration changes what it must: other packages stay, though newer ones have come out."""
    locks.lock(request("start", {"fw-base": "<2"}))
    index.add("fw-base", "1.2")
    index.add("zstandard", "0.24.0")
    locked = locks.lock(request("start", {"fw-base": "<2", "fw-top": ""}))["Train-start"]
    assert versions(locked) == {"fw-base": "1.1", "fw-top": "1.0"}
    assert [str(change) for change in locked.changes] == ["+ fw-top 1.0"]
    assert locked.reason == "declaration changed: + fw-top"
    assert locks.told("lock.written") == [
        "Train-start.conda-lock.yml (declaration changed: + fw-top): + fw-top 1.0"
    ]


def test_upgrade(locks: Locks, index: WheelIndex) -> None:
    """An upgrade of one package moves it alone, an upgrade of all moves all; without, nothing moves."""
    asked = request("start", {"fw-base": "<2"})
    locks.lock(asked)
    index.add("fw-base", "1.2")
    index.add("zstandard", "0.24.0")
    assert versions(locks.lock(asked)["Train-start"]) == {"fw-base": "1.1"}
    locked = locks.lock(asked, upgrade={"FW_base"})["Train-start"]
    assert [str(change) for change in locked.changes] == ["fw-base 1.1 → 1.2"]
    locked = locks.lock(asked, upgrade="all")["Train-start"]
    assert [str(change) for change in locked.changes] == ["zstandard 0.23.0 → 0.24.0"]


def test_new_platform_leaves_the_others_alone(locks: Locks, index: WheelIndex) -> None:
    """A platform that joins is solved alone, and a later lock for fewer platforms drops none."""
    asked = request("start", {"fw-base": "<2"})
    locks.lock(asked)
    index.add("fw-base", "1.2")
    locked = locks.lock(asked, platforms=[MAC])["Train-start"]
    assert (versions(locked, LINUX), versions(locked, MAC)) == ({"fw-base": "1.1"}, {"fw-base": "1.2"})
    assert locks.lock(asked, platforms=[LINUX])["Train-start"].lock.platforms == (LINUX, MAC)


def test_identical_environments_share_a_file(locks: Locks) -> None:
    """Steps that ask for the same, in whatever spelling, are one environment in one file."""
    locked = locks.lock(request("start", {"fw-base": "1.0"}), request("end", {"FW_Base": "==1.0"}))
    assert locked["Train-start"].path == locked["Train-end"].path
    assert locked["Train-start"].lock.steps == ("Train/end", "Train/start")
    assert len(locks.content()) == 1


def test_frozen_and_check(locks: Locks) -> None:
    """A frozen lock refuses what it would have to solve, as the check tells; neither touches a file."""
    good, stale = request("start", {"fw-base": "1.0"}), request("end", {"fw-base": "2.0"})
    locks.lock(good)
    before = locks.content()
    assert stale_environments([good], locks.folder, platforms=[LINUX]) == []
    assert [found.steps for found in stale_environments([good, stale], locks.folder, platforms=[LINUX])] == [
        ("end",)
    ]
    with pytest.raises(LockStaleError, match="end") as caught:
        locks.lock(good, stale, frozen=True)
    assert "fpack lock" in caught.value.hint
    assert versions(locks.lock(good, frozen=True)["Train-start"]) == {"fw-base": "1.0"}
    assert locks.content() == before


def test_check_is_fast(locks: Locks) -> None:
    """Twenty environments are checked without parsing their packages."""
    requests = [request(f"s{number}", {"fw-base": f"!=9.{number}"}) for number in range(20)]
    locks.lock(*requests)
    start = time.perf_counter()
    assert stale_environments(requests, locks.folder, platforms=[LINUX]) == []
    assert time.perf_counter() - start < 0.2


def test_unused_file_is_told_and_left(locks: Locks) -> None:
    """A file that no step uses any more stays, and is spoken of."""
    locks.lock(request("start", {"fw-base": "1.0"}), request("end", {"fw-base": "2.0"}))
    locks.lock(request("start", {"fw-base": "1.0"}))
    assert locks.told("lock.unused")[0].startswith("Train-end.conda-lock.yml ")
    assert len(locks.content()) == 2


def test_merge_conflict_is_solved_anew(locks: Locks) -> None:
    """`lock` mends a file with a merge conflict and says so; a check refuses it."""
    asked = request("start", {"fw-base": "1.0"})
    path = locks.lock(asked)["Train-start"].path
    good = path.read_text()
    path.write_text(good.replace("package:", "<<<<<<< HEAD\npackage:"))
    with pytest.raises(LockFileError, match="merge conflict"):
        stale_environments([asked], locks.folder, platforms=[LINUX])
    locks.lock(asked)
    assert locks.told("lock.broken")
    assert path.read_text() == good


def test_failure_names_step_and_line_and_spares_the_others(locks: Locks) -> None:
    """What cannot be solved is told with its step and line; the others are locked all the same."""
    with pytest.raises(SolveError, match="there is no package named fw-nope") as caught:
        locks.lock(request("start", {"fw-nope": ""}), request("end", {"fw-base": ""}))
    assert (caught.value.step, caught.value.where) == ("start", HERE)
    assert list(locks.content()) == ["Train-end.conda-lock.yml"]


@pytest.mark.parametrize(
    ("packages", "python", "platform", "what", "why"),
    [
        ({"fw-native": ""}, "3.13", LINUX, "fw-native 1.0 has no wheel for Python 3.13 on linux-64", "3.12"),
        ({"fw-native": ""}, "3.12", "linux-aarch64", "fw-native 1.0 has no wheel for Python 3.12", "macosx"),
        ({"fw-base": "9"}, "3.12", LINUX, "there is no fw-base 9 in the package index", "fw-base"),
        ({"fw-top": "", "fw-base": "<1"}, "3.12", LINUX, "no set of packages", "the step requires fw-base<1"),
    ],
)
def test_unsolvable(
    locks: Locks, packages: dict[str, str], python: str, platform: str, what: str, why: str
) -> None:
    """What cannot be solved is told in the words of the declaration, with what there is instead."""
    with pytest.raises(SolveError) as caught:
        locks.lock(request("start", packages, python), platforms=[platform])
    assert what in caught.value.what
    assert why in str(caught.value)


def test_unreachable_index(locks: Locks) -> None:
    """An index that does not answer is an error of the network, with its address."""
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9"):
        locks.lock(request("start", {}), indexes=Indexes({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}))


@pytest.fixture
def guarded(index: WheelIndex) -> Iterator[str]:
    """The index behind the password of `someone`; its address, without `http://`."""
    with serve(index.folder, password="someone:s3cret") as host:
        yield f"{host}/simple"


def test_credentials_stay_out(locks: Locks, guarded: str) -> None:
    """A private index is read with its credentials, which no file and no event holds afterwards."""
    private = Indexes({"UV_DEFAULT_INDEX": f"http://someone:s3cret@{guarded}"})
    locks.lock(request("start", {"fw-base": "1.0"}), indexes=private)
    written = b"".join(locks.content().values()).decode()
    assert "/files/fw_base-1.0-py3-none-any.whl" in written
    for secret in ("s3cret", "someone"):
        assert secret not in written
        assert secret not in repr(locks.events)
        assert secret not in repr(private)


def test_refused_access(locks: Locks, guarded: str) -> None:
    """Wrong credentials are told as such, and not repeated."""
    wrong = Indexes({"UV_DEFAULT_INDEX": f"http://someone:wr0ng@{guarded}"})
    with pytest.raises(NetworkError, match="401") as caught:
        locks.lock(request("start", {}), indexes=wrong)
    assert "wr0ng" not in str(caught.value)


def test_offline(locks: Locks, guarded: str) -> None:
    """Without the network a lock comes from uv's cache, or says what the cache lacks."""
    private = Indexes({"UV_DEFAULT_INDEX": f"http://someone:s3cret@{guarded}"})
    asked = request("start", {"fw-base": "1.0"})
    with pytest.raises(NetworkError, match="offline, and not in uv's cache") as caught:
        locks.lock(asked, indexes=private, offline=True)
    assert "FPACK_OFFLINE" in caught.value.hint
    locks.lock(asked, indexes=private)
    before = locks.content()
    next(locks.folder.iterdir()).unlink()
    locks.lock(asked, indexes=private, offline=True)
    assert locks.content() == before
