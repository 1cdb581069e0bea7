"""Realising locks with the real uv: exactly what was locked, once, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from wheels import WheelIndex, serve

from fpack.errors import EnvironmentBuildError, Location, NetworkError
from fpack.events import Event
from fpack.flow.environment import Environment
from fpack.packager.indexes import Indexes
from fpack.packager.lock import lock_environments
from fpack.packager.lockfile import Lock, Package
from fpack.packager.platforms import host_platform
from fpack.packager.realize import Prefix, realize
from fpack.packager.request import NamedRequest

HOST = host_platform()
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def index(tmp_path: Path) -> WheelIndex:
    made = WheelIndex(tmp_path / "índex of mine")
    made.add("fw-base", "1.0", commands=["fw-hello"])
    return made


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.delenv("FPACK_OFFLINE", raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cäche of mine"


@pytest.fixture
def lock(tmp_path: Path, index: WheelIndex) -> Lock:
    return locked(tmp_path, index.indexes, {"fw-base": "1.0"})


def locked(tmp_path: Path, indexes: Indexes, packages: dict[str, str]) -> Lock:
    request = NamedRequest("a", "Flow", ("a",), Environment(packages, {}, OWN, Location("flow.py")))
    found = lock_environments(
        [request], tmp_path / "locks", platforms=[HOST], indexes=indexes, emit=lambda _: None
    )
    return found["a"].lock


def build(lock: Lock, cache: Path, events: list[Event] | None = None, **options: object) -> Prefix:
    emit = (lambda _: None) if events is None else events.append
    return realize(lock, HOST, cache=cache, indexes=Indexes({}), emit=emit, **options)  # type: ignore[arg-type]


def run(prefix: Prefix, code: str) -> str:
    done = subprocess.run(
        [prefix.python, "-c", code],
        cwd=prefix.path,
        env=prefix.environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def leftovers(cache: Path) -> list[str]:
    """What is in the cache besides finished environments and the empty files that builders lock."""
    return [path.name for path in (cache / "envs").iterdir() if path.name[0] == "." and path.is_dir()]


def test_prefix_holds_what_was_locked(lock: Lock, cache: Path) -> None:
    """The prefix has the locked packages and no others, its commands run, its place is its id."""
    prefix = build(lock, cache)
    names = "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions()))"
    assert run(prefix, names) == "[('fw-base', '1.0'), ('obstore', '0.9.0'), ('zstandard', '0.23.0')]"
    hello = subprocess.run([prefix.path / "bin" / "fw-hello"], capture_output=True, text=True, check=True)
    assert hello.stdout == "1.0\n"
    assert prefix.path == cache / "envs" / lock.environment_id(HOST)
    assert leftovers(cache) == []


def test_finished_prefix_starts_nothing(
    lock: Lock, cache: Path, index: WheelIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the prefix is there, no uv starts, nothing is said, and it takes next to no time."""
    first = build(lock, cache)
    monkeypatch.setenv("PATH", "")
    events: list[Event] = []
    start = time.perf_counter()
    assert build(lock, cache, events) == first
    assert time.perf_counter() - start < 0.02
    assert events == []


def test_surroundings_do_not_leak(
    lock: Lock, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set in the user's shell changes neither what is installed nor what the prefix can import."""
    stray = tmp_path / "stray"
    stray.mkdir()
    (stray / "fw_stray.py").write_text("")
    (stray / "constraints.txt").write_text("fw-base==9\n")
    for name, value in {
        "PYTHONPATH": str(stray),
        "PYTHONHOME": str(stray),
        "VIRTUAL_ENV": str(stray),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_TARGET": str(stray),
        "UV_PREFIX": str(stray),
        "UV_CONSTRAINT": str(stray / "constraints.txt"),
        "UV_PYTHON": "2.7",
        "UV_NO_BINARY": "1",
        "UV_CONFIG_FILE": str(stray / "none.toml"),
    }.items():
        monkeypatch.setenv(name, value)
    prefix = build(lock, cache)
    assert run(prefix, "import fw_base; print(fw_base.__version__)") == "1.0"
    assert run(prefix, "import importlib.util as u; print(u.find_spec('fw_stray'))") == "None"
    assert sorted(path.name for path in stray.iterdir()) == ["constraints.txt", "fw_stray.py"]


def test_tampered_file_is_refused(lock: Lock, cache: Path, index: WheelIndex) -> None:
    """A file other than the one that was locked is not installed, though it comes from a folder."""
    index.add("fw-base", "1.0", modules={"evil.py": ""})
    with pytest.raises(EnvironmentBuildError, match="not the file that was locked") as caught:
        build(lock, cache)
    assert "locked sha256" in caught.value.why
    assert leftovers(cache) == []
    assert not (cache / "envs" / lock.environment_id(HOST)).exists()


def test_missing_file_is_told(lock: Lock, cache: Path, index: WheelIndex) -> None:
    """A wheel that has gone from where it was is told by name."""
    (index.folder / "files" / "fw_base-1.0-py3-none-any.whl").unlink()
    with pytest.raises(EnvironmentBuildError) as caught:
        build(lock, cache)
    assert "fw_base-1.0" in str(caught.value)


def test_offline_says_what_is_missing(cache: Path) -> None:
    """Without the network, the error names the package that uv's cache lacks."""
    url = "http://127.0.0.1:9/fw_base-1.0-py3-none-any.whl"
    lock = Lock(OWN, (), (), {HOST: ""}, (Package("pip", "fw-base", "1.0", HOST, url, "a" * 64),))
    with pytest.raises(NetworkError, match=r"fw-base==1\.0"):
        build(lock, cache, offline=True)
    with pytest.raises(NetworkError, match=r"cannot reach http://127\.0\.0\.1:9"):
        build(lock, cache)


def test_cached_wheels_need_no_network(tmp_path: Path, index: WheelIndex, cache: Path) -> None:
    """What uv has in its cache is installed though its server has gone: a locked file cannot have changed."""
    with serve(index.folder) as host:
        served = Indexes({"UV_DEFAULT_INDEX": f"http://{host}/simple"})
        lock = locked(tmp_path, served, {"fw-base": "1.0"})
        build(lock, cache)
    assert run(build(lock, cache / "other"), "import fw_base; print('here')") == "here"


def test_private_index_lends_its_credentials(tmp_path: Path, index: WheelIndex, cache: Path) -> None:
    """A wheel behind a password is installed with the credentials of the user's index: the lock has none."""
    with serve(index.folder, password="someone:s3cret") as host:
        private = Indexes({"UV_DEFAULT_INDEX": f"http://someone:s3cret@{host}/simple"})
        lock = locked(tmp_path, private, {"fw-base": "1.0"})
        with pytest.raises(NetworkError, match="401"):
            build(lock, cache)
        prefix = realize(lock, HOST, cache=cache, indexes=private, emit=lambda _: None)
    assert run(prefix, "import fw_base; print('here')") == "here"


def test_vanished_interpreter_is_noticed(lock: Lock, cache: Path) -> None:
    """A prefix whose Python was uninstalled, or replaced by another one, is built again."""
    prefix = build(lock, cache)
    for other in ("/nowhere/python3", "/bin/sh"):
        prefix.python.unlink()
        prefix.python.symlink_to(other)
        events: list[Event] = []
        assert run(build(lock, cache, events), "print('works')") == "works"
        assert [event.type for event in events] == ["environment.building", "environment.ready"]
    assert leftovers(cache) == []


@pytest.mark.parametrize("damage", ["", "{", '{"base": null}', "[]"])
def test_damaged_marker_is_not_trusted(lock: Lock, cache: Path, damage: str) -> None:
    """A prefix whose marker is not the one that was written is built again."""
    marker = build(lock, cache).path / "fpack-environment.json"
    good = marker.read_text()
    marker.write_text(damage)
    build(lock, cache)
    assert json.loads(marker.read_text()) == json.loads(good)


def test_place_that_takes_nothing(lock: Lock, tmp_path: Path) -> None:
    """A cache that cannot be written is an error with a next step."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentBuildError, match="cannot be made") as caught:
        build(lock, tmp_path / "file" / "cache")
    assert "FPACK_CACHE" in caught.value.hint


def test_two_at_once(lock: Lock, cache: Path) -> None:
    """Of two that want the same environment one builds, the other waits, says so, and finds it done."""
    events: list[list[Event]] = [[], []]
    threads = [threading.Thread(target=build, args=(lock, cache, told)) for told in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = sorted([event.type for event in each] for each in events)
    assert told == [["environment.building", "environment.ready"], ["environment.waiting"]]


BUILDER = """
import sys
from pathlib import Path
from fpack.packager.indexes import Indexes
from fpack.packager.lockformat import read_lock
from fpack.packager.realize import realize
realize(read_lock(Path(sys.argv[1])), sys.argv[2], cache=Path(sys.argv[3]), indexes=Indexes({}), emit=print)
"""


def test_kill_leaves_nothing_that_is_trusted(tmp_path: Path, index: WheelIndex, cache: Path) -> None:
    """Killed at any moment, a builder leaves no prefix or a whole one, and the next one cleans up."""
    index.add("fw-big", "1.0", modules={f"fw_big_{number}.py": "x = 1\n" for number in range(300)})
    lock = locked(tmp_path, index.indexes, {"fw-base": "1.0", "fw-big": ""})
    (file,) = (tmp_path / "locks").iterdir()
    target = cache / "envs" / lock.environment_id(HOST)
    for milliseconds in (60, 100, 140, 180, 220, 260, 300, 400):
        builder = subprocess.Popen(
            [sys.executable, "-c", BUILDER, str(file), HOST, str(cache)], stdout=subprocess.DEVNULL
        )
        time.sleep(milliseconds / 1000)
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        assert (
            not target.exists() or run(Prefix(target, target / "bin" / "python"), "import fw_big_299") == ""
        )
    assert run(build(lock, cache), "import fw_big_0, fw_big_299, fw_base; print('whole')") == "whole"
