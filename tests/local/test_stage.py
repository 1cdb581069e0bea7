"""Staging: the same tree on every machine, for any platform, and one that runs where it says it is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from channel import Channel, small_channel
from channelserver import serve_channel
from condalock import ENOUGH, conda_packages, lock_of, wheel_package
from condapackage import File
from condapython import MINOR
from trees import tree
from wheels import WheelIndex

from fpack.errors import EnvironmentBuildError, FpackError, LockFileError
from fpack.events import Event
from fpack.packager.indexes import Indexes
from fpack.packager.lockfile import Lock
from fpack.packager.platforms import host_platform
from fpack.packager.sources import Sources
from fpack.packager.stage import IMAGE_PREFIX, Staged, stage

HOST = host_platform()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> WheelIndex:
    made = WheelIndex(tmp_path_factory.mktemp("wheels") / "index")
    made.add("fw-base", "1.0", commands=["fw-hello"])
    return made


@pytest.fixture
def own(tmp_path: Path) -> Channel:
    """A channel to change."""
    return small_channel(tmp_path / "own channel")


def wheels(index: WheelIndex, platform: str = HOST) -> Lock:
    """A lock of wheels alone."""
    return lock_of([wheel_package(path, platform) for path in (index.folder / "files").iterdir()], platform)


def mixed(channel: Channel, index: WheelIndex, platform: str = HOST, url: str = "") -> Lock:
    """A lock of conda packages and wheels."""
    both = [*conda_packages(channel, ENOUGH, platform, url), *wheels(index, platform).packages]
    return lock_of(both, platform)


def staged(
    lock: Lock, tmp_path: Path, name: str = "one", *, events: list[Event] | None = None, **options: str
) -> Staged:
    """`lock` staged in a folder of its own from a cache of its own."""
    emit = (lambda _: None) if events is None else events.append
    sources = Sources(tmp_path / f"cache of {name}", indexes=Indexes({}))
    return stage(lock, lock.platforms[0], tmp_path / name, sources=sources, emit=emit, **options)


def refused(lock: Lock, tmp_path: Path, kind: type[FpackError]) -> FpackError:
    """The error that staging `lock` ends with; nothing is left in the folder."""
    with pytest.raises(kind) as caught:
        staged(lock, tmp_path, "refused")
    assert list((tmp_path / "refused").iterdir()) == []
    return caught.value


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-arm64"])
def test_two_fresh_caches_make_one_tree(
    channel: Channel, index: WheelIndex, tmp_path: Path, platform: str
) -> None:
    """Staged twice, with another cache, umask and order of packages, an environment is the same tree."""
    lock = mixed(channel, index, platform)
    first = staged(lock, tmp_path, "one")
    before = os.umask(0o077)
    try:
        turned = lock_of(reversed(lock.packages), platform)
        second = staged(turned, tmp_path, "two")
    finally:
        os.umask(before)
    assert tree(first.folder) == tree(second.folder)
    assert (first.files, first.size) == (second.files, second.size)
    assert first.folder.stat().st_mode == second.folder.stat().st_mode


def test_server_and_credentials_leave_no_trace(channel: Channel, index: WheelIndex, tmp_path: Path) -> None:
    """Fetched over HTTP, a tree names the lock's URLs and nothing of the machine that made it."""
    with serve_channel(channel.folder) as server:
        lock = mixed(channel, index, url=server.url)
        made = staged(lock, tmp_path)
        record = json.loads((made.folder / "conda-meta" / "fp-data-1.0-0.json").read_text())
        assert record["url"] == f"{server.url}/noarch/fp-data-1.0-0.conda"
        assert record["channel"] == server.url
    for path in made.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert str(tmp_path).encode() not in path.read_bytes(), path
    assert "timestamp" not in record
    assert not list(made.folder.rglob("*.pyc"))
    assert not (made.folder / "CACHEDIR.TAG").exists()


def test_tree_runs_at_its_place(channel: Channel, index: WheelIndex, tmp_path: Path) -> None:
    """Once it is where its prefix says, everything in a staged tree runs: Python, conda's and wheels' commands."""
    place = tmp_path / "a place" / "env"
    place.parent.mkdir()
    made = staged(mixed(channel, index), tmp_path, prefix=str(place))
    made.folder.rename(place)
    env = {"PATH": f"{place}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*command: str) -> str:
        return subprocess.run(
            command,
            executable=place / "bin" / command[0],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert run("python", "-c", "import sys, fp_num, fw_base; print(sys.prefix)") == str(place)
    assert run("fp-which-python") == str(place)
    assert run("fp-hello") == f"hello from {place} 1.1.0"
    assert run("fw-hello") == "1.0"
    records = (
        "import importlib.metadata as m; print(all(d.read_text('INSTALLER') for d in m.distributions()))"
    )
    assert run("python", "-I", "-c", records) == "True"


def test_wheels_alone_take_the_given_python(index: WheelIndex, tmp_path: Path) -> None:
    """Without a python package there are site-packages and commands, which start the interpreter that is given."""
    made = staged(wheels(index), tmp_path, interpreter="/usr/local/bin/python3")
    assert sorted(path.name for path in made.folder.iterdir()) == ["bin", "lib"]
    assert (made.folder / "bin" / "fw-hello").read_text().startswith("#!/usr/local/bin/python3\n")
    assert (made.folder / f"lib/python{MINOR}/site-packages/fw_base.py").is_file()
    other = staged(wheels(index), tmp_path, "two")
    assert (other.folder / "bin" / "fw-hello").read_text().startswith(f"#!{IMAGE_PREFIX}/bin/python\n")


def test_nothing_locked_is_an_empty_prefix(tmp_path: Path) -> None:
    """A lock without packages makes an empty site-packages folder."""
    made = staged(lock_of([]), tmp_path)
    assert set(tree(made.folder)) == {"lib", f"lib/python{MINOR}", f"lib/python{MINOR}/site-packages"}
    assert made.files == 0


def test_prefix_is_written_into_files(own: Channel, tmp_path: Path) -> None:
    """Text and binary files of conda packages name the prefix that was asked for."""
    packages = conda_packages(own, {"fp-prefix": "1.0"}, "linux-64")
    made = staged(lock_of(packages, "linux-64"), tmp_path, prefix="/opt/elsewhere")
    assert (made.folder / "etc/fp.conf").read_text() == "root=/opt/elsewhere/share\n"
    assert b"/opt/elsewhere/lib\0" in (made.folder / "lib/fp.bin").read_bytes()
    assert (made.folder / "bin/fp-script").read_text().startswith("#!/opt/elsewhere/bin/python\n")


def test_no_script_runs(own: Channel, tmp_path: Path) -> None:
    """A post-link script is installed and not run."""
    made = staged(lock_of(conda_packages(own, {"fp-postlink": "1.0"}, "linux-64"), "linux-64"), tmp_path)
    assert (made.folder / "bin/.fp-postlink-post-link.sh").is_file()
    assert not list(made.folder.rglob("postlink.txt"))


def test_odd_modes_and_links(own: Channel, tmp_path: Path) -> None:
    """Special bits are dropped, private files opened, links kept; bytecode that is packed is left out."""
    files = {
        "bin/suid": File(b"x", 0o4711),
        "share/private": File(b"y", 0o600),
        "share/link": File(link="private"),
        "share/folder/x": "x",
        "share/folder-link": File(link="folder"),
        "lib/__pycache__/old.pyc": b"stale",
    }
    own.add("fp-odd", "1.0", files=files)
    found = tree(staged(lock_of(conda_packages(own, {"fp-odd": "1.0"})), tmp_path).folder)
    assert found["bin/suid"][:2] == ("file", 0o755)
    assert found["share/private"][:2] == ("file", 0o644)
    assert found["share/link"] == ("link", 0, "private")
    assert found["share/folder-link"] == ("link", 0, "folder")
    assert not any("__pycache__" in path for path in found)


def test_tampered_package_is_refused(own: Channel, tmp_path: Path) -> None:
    """A conda package that was exchanged in its folder after it was locked is not installed."""
    lock = lock_of(conda_packages(own, ENOUGH))
    own.add("fp-data", "1.0", noarch="generic", files={"share/evil": "evil"})
    error = refused(lock, tmp_path, EnvironmentBuildError)
    assert "fp-data==1.0 is not the file that was locked" in error.what


def test_hostile_package_is_refused(own: Channel, tmp_path: Path) -> None:
    """A locked package whose archive leads out of the prefix is refused, and writes nothing there."""
    own.add("fp-evil", "1.0", files={"share/x": File(link="/etc/passwd")})
    error = refused(lock_of(conda_packages(own, {"fp-evil": "1.0"})), tmp_path, LockFileError)
    assert "fp-evil 1.0" in error.what


def test_conda_and_wheel_with_one_file_are_refused(own: Channel, index: WheelIndex, tmp_path: Path) -> None:
    """A wheel that would replace a conda package's file is refused by both names."""
    own.add("fp-first", "1.0", files={f"lib/python{MINOR}/site-packages/fw_base.py": "other = 1\n"})
    packages = [*conda_packages(own, {"fp-first": "1.0"}), *wheels(index).packages]
    error = refused(lock_of(packages), tmp_path, LockFileError)
    assert "fp-first 1.0 and fw-base 1.0" in error.what


def test_conda_packages_with_one_file_are_told(own: Channel, tmp_path: Path) -> None:
    """Two conda packages may bring one file, as in conda; it is told, and the dependent one's stays."""
    own.add("fp-one", "1.0", files={"share/both": "one"})
    own.add("fp-two", "1.0", files={"share/both": "two"}, depends=["fp-one"])
    events: list[Event] = []
    lock = lock_of(conda_packages(own, {"fp-one": "1.0", "fp-two": "1.0"}))
    made = staged(lock, tmp_path, events=events)
    assert (made.folder / "share/both").read_text() == "two"
    assert not (made.folder / "__clobbers__").exists()
    (told,) = [event for event in events if event.type == "environment.clash"]
    assert "fp-one 1.0 and fp-two 1.0" in told.message
    record = json.loads((made.folder / "conda-meta/fp-one-1.0-0.json").read_text())
    assert not [path for path in record["files"] if "clobber" in path]


def test_conda_without_python_is_refused(own: Channel, tmp_path: Path) -> None:
    """A lock with conda packages and no python among them is refused."""
    packages = [package for package in conda_packages(own, ENOUGH) if package.name != "python"]
    assert "no python" in refused(lock_of(packages), tmp_path, LockFileError).what


def test_long_prefix_is_refused(channel: Channel, tmp_path: Path) -> None:
    """A prefix longer than conda packages keep room for is refused."""
    with pytest.raises(EnvironmentBuildError, match="too long"):
        staged(lock_of(conda_packages(channel, ENOUGH)), tmp_path, prefix="/" + "x" * 300)


def test_wrong_use_is_told(channel: Channel, tmp_path: Path) -> None:
    """A platform that is not locked, a folder in use and one that cannot be are errors with a next step."""
    lock = lock_of(conda_packages(channel, ENOUGH))
    sources = Sources(tmp_path / "cache")
    with pytest.raises(LockFileError, match="not locked for osx-64"):
        stage(lock, "osx-64", tmp_path / "out", sources=sources, emit=lambda _: None)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine")
    with pytest.raises(EnvironmentBuildError, match="not empty"):
        stage(lock, HOST, tmp_path / "used", sources=sources, emit=lambda _: None)
    assert (tmp_path / "used" / "file").read_text() == "mine"
    with pytest.raises(EnvironmentBuildError, match="cannot be staged"):
        stage(lock, HOST, tmp_path / "used" / "file" / "x", sources=sources, emit=lambda _: None)


def test_second_staging_needs_no_server(channel: Channel, index: WheelIndex, tmp_path: Path) -> None:
    """What is in the cache is staged though its server has gone; offline says what is missing."""
    with serve_channel(channel.folder) as server:
        lock = mixed(channel, index, url=server.url)
        first = staged(lock, tmp_path)
    sources = Sources(tmp_path / "cache of one", offline=True, indexes=Indexes({}))
    again = stage(lock, HOST, tmp_path / "again", sources=sources, emit=lambda _: None)
    assert tree(again.folder) == tree(first.folder)
    with pytest.raises(FpackError, match=r"offline.*fp-core"):
        stage(lock, HOST, tmp_path / "x", sources=Sources(tmp_path / "y", offline=True), emit=lambda _: None)
