"""Realising locks with conda packages: a prefix that runs, whole or not there, and shared safely."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from channel import Channel, small_channel
from channelserver import serve_channel
from condalock import ENOUGH, conda_packages, lock_of, wheel_package
from condapackage import File
from trees import tree
from wheels import WheelIndex

from fpack.errors import EnvironmentBuildError, FpackError
from fpack.events import Event
from fpack.packager.indexes import Indexes
from fpack.packager.lockfile import Lock
from fpack.packager.lockformat import format_lock
from fpack.packager.platforms import host_platform
from fpack.packager.realize import Prefix, realize
from fpack.packager.sources import Sources
from fpack.packager.stage import stage
from fpack.packager.uv import run_uv

HOST = host_platform()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> WheelIndex:
    made = WheelIndex(tmp_path_factory.mktemp("wheels") / "index")
    made.add("fw-base", "1.0", commands=["fw-hello"], needs=["fp-num>=2"])
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cäche of mine"


@pytest.fixture
def own(tmp_path: Path) -> Channel:
    """A channel to change."""
    return small_channel(tmp_path / "own channel")


def mixed(channel: Channel, index: WheelIndex, *more: str, url: str = "") -> Lock:
    """A lock of conda packages, `more` of them in version 1.0, and of wheels."""
    conda = conda_packages(channel, {**ENOUGH, **dict.fromkeys(more, "1.0")}, url=url)
    return lock_of([*conda, *(wheel_package(path) for path in (index.folder / "files").iterdir())])


def build(lock: Lock, cache: Path, events: list[Event] | None = None, *, offline: bool = False) -> Prefix:
    emit = (lambda _: None) if events is None else events.append
    return realize(lock, HOST, cache=cache, indexes=Indexes({}), offline=offline, emit=emit)


def run(prefix: Prefix, *command: str) -> str:
    env = prefix.environment(os.environ)
    program = shutil.which(command[0], path=env["PATH"])
    assert program is not None
    done = subprocess.run([program, *command[1:]], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in (cache / "envs").iterdir() if path.name[0] == "." and path.is_dir()]


def test_prefix_runs(channel: Channel, index: WheelIndex, cache: Path) -> None:
    """Its Python is the locked one, conda's and wheels' modules and commands work, each in one copy."""
    prefix = build(mixed(channel, index), cache)
    assert run(prefix, "python", "-c", "import sys; print(sys.prefix)") == str(prefix.path)
    assert run(prefix, "fp-which-python") == str(prefix.path)
    assert run(prefix, "fp-hello") == f"hello from {prefix.path} 1.1.0"
    assert run(prefix, "fw-hello") == "1.0"
    listed = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"
    names = ["fp-core", "fp-hello", "fp-num", "fp-old", "fw-base", "obstore", "zstandard"]
    assert run(prefix, "python", "-I", "-c", listed) == str(names)
    assert leftovers(cache) == []


def test_pip_check_is_content(channel: Channel, index: WheelIndex, cache: Path) -> None:
    """Uv finds every distribution installed and their requirements met, also across the two managers."""
    prefix = build(mixed(channel, index), cache)
    checked = run_uv(["pip", "check", "--python", str(prefix.python)])
    assert checked.returncode == 0, checked.stderr
    assert "7 packages" in checked.stderr


def test_environment_is_activated(
    own: Channel, index: WheelIndex, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process gets what conda's activation would have set, with the prefix's own place in it, and no more."""
    script = 'export ODD_HOME="$CONDA_PREFIX/share/odd"\nexport ODD_TEXT="a b\nc"\ncd /\necho noise\n'
    files = {
        "etc/conda/activate.d/odd.sh": script,
        "etc/conda/activate.d/broken.sh": "no-such-command\n",
        "etc/conda/env_vars.d/odd.json": '{"ODD_JSON": "yes"}',
    }
    own.add("fp-odd", "1.0", files=files)
    monkeypatch.setenv("VIRTUAL_ENV", "/stray")
    monkeypatch.setenv("CONDA_PREFIX", "/stray")
    monkeypatch.setenv("CONDA_PROMPT_MODIFIER", "(stray)")
    monkeypatch.setenv("PYTHONPATH", "/stray")
    monkeypatch.setenv("ODD_JSON", "from the user")
    prefix = build(mixed(own, index, "fp-odd"), cache)
    env = build(mixed(own, index, "fp-odd"), cache).environment(os.environ)
    assert env["ODD_HOME"] == f"{prefix.path}/share/odd"
    assert env["ODD_TEXT"] == "a b\nc"
    assert env["ODD_JSON"] == "yes"
    assert env["FP_DATA"] == "1"
    assert env["CONDA_PREFIX"] == str(prefix.path)
    assert env["PATH"].startswith(f"{prefix.path}/bin:")
    assert not {"VIRTUAL_ENV", "CONDA_PROMPT_MODIFIER", "PYTHONPATH"} & env.keys()
    assert "/stray" not in env.values()
    own_names = {"ODD_HOME", "ODD_TEXT", "ODD_JSON", "FP_DATA", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"}
    assert env.keys() - os.environ.keys() <= own_names


def test_script_that_fails_is_told(own: Channel, index: WheelIndex, cache: Path) -> None:
    """An activation script that ends its shell costs its variables, not the environment."""
    own.add("fp-odd", "1.0", files={"etc/conda/activate.d/odd.sh": "exit 3\n"})
    events: list[Event] = []
    prefix = build(mixed(own, index, "fp-odd"), cache, events)
    assert prefix.activation == ()
    assert [event.level for event in events if event.type == "environment.activation"] == ["warning"]
    assert run(prefix, "fw-hello") == "1.0"


READY = """
import json, sys, time
from pathlib import Path
from fpack.packager.lockformat import read_lock
from fpack.packager.realize import realize
lock = read_lock(Path(sys.argv[1]))
start = time.perf_counter()
prefix = realize(lock, sys.argv[2], cache=Path(sys.argv[3]), emit=print)
seconds = time.perf_counter() - start
heavy = [name for name in ("rattler", "urllib3", "zstandard") if name in sys.modules]
print(json.dumps([str(prefix.path), seconds, heavy]))
"""


def test_finished_prefix_starts_nothing(
    channel: Channel, index: WheelIndex, cache: Path, tmp_path: Path
) -> None:
    """Where the prefix is there, it takes two milliseconds at most and imports none of what builds it."""
    lock = mixed(channel, index)
    prefix = build(lock, cache)
    file = tmp_path / "a.conda-lock.yml"
    file.write_text(format_lock(lock))
    done = subprocess.run(
        [sys.executable, "-c", READY, file, HOST, cache], capture_output=True, text=True, check=True
    )
    place, seconds, heavy = json.loads(done.stdout)
    assert place == str(prefix.path)
    assert seconds < 0.002
    assert heavy == []


def test_moved_cache_is_noticed(channel: Channel, index: WheelIndex, cache: Path, tmp_path: Path) -> None:
    """A conda prefix names its own place: after its cache was moved it is made again."""
    lock = mixed(channel, index)
    build(lock, cache)
    cache.rename(tmp_path / "moved")
    events: list[Event] = []
    prefix = build(lock, tmp_path / "moved", events)
    assert "environment.building" in [event.type for event in events]
    assert run(prefix, "fp-which-python") == str(prefix.path)
    assert build(lock, tmp_path / "moved") == prefix


def test_relative_cache_is_good(
    channel: Channel, index: WheelIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that is named relative to the current folder makes a prefix that runs from any other."""
    monkeypatch.chdir(tmp_path)
    prefix = build(mixed(channel, index), Path("cache"))
    monkeypatch.chdir("/")
    assert run(prefix, "fp-hello") == f"hello from {tmp_path}/cache/envs/{prefix.path.name} 1.1.0"


def test_cached_packages_need_no_server(channel: Channel, index: WheelIndex, cache: Path) -> None:
    """An environment is made again offline from what the cache holds; what it lacks is named."""
    with serve_channel(channel.folder) as server:
        lock = mixed(channel, index, url=server.url)
        prefix = build(lock, cache)
    shutil.rmtree(prefix.path)
    assert run(build(lock, cache, offline=True), "fw-hello") == "1.0"
    with pytest.raises(FpackError, match=r"offline.*fp-core 1\.1\.0"):
        build(lock, cache.with_name("empty"), offline=True)
    assert leftovers(cache.with_name("empty")) == []


def test_tampered_package_is_refused(own: Channel, index: WheelIndex, cache: Path) -> None:
    """A package that was exchanged in its folder is not installed, and nothing is left behind."""
    lock = mixed(own, index)
    own.add("fp-data", "1.0", noarch="generic", files={"share/evil": File(b"evil")})
    with pytest.raises(EnvironmentBuildError, match=r"fp-data==1\.0 is not the file that was locked"):
        build(lock, cache)
    assert leftovers(cache) == []
    assert not (cache / "envs" / lock.environment_id(HOST)).exists()


def test_written_prefix_does_not_reach_images(
    channel: Channel, index: WheelIndex, cache: Path, tmp_path: Path
) -> None:
    """A step that writes over a file of its environment changes no image that is made from the same cache."""
    lock = mixed(channel, index)
    clean = stage(lock, HOST, tmp_path / "one", sources=Sources(tmp_path / "c"), emit=lambda _: None)
    prefix = build(lock, cache)
    (prefix.path / "share/fp/data.txt").write_text("written over\n")
    (module,) = prefix.path.glob("lib/python*/site-packages/fp_core/__init__.py")
    module.write_text("evil = 1\n")
    after = stage(lock, HOST, tmp_path / "two", sources=Sources(cache), emit=lambda _: None)
    assert tree(after.folder) == tree(clean.folder)


def test_cache_that_takes_nothing(channel: Channel, index: WheelIndex, tmp_path: Path) -> None:
    """A cache that cannot be written is an error with a next step."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentBuildError, match="cannot be made") as caught:
        build(mixed(channel, index), tmp_path / "file" / "cache")
    assert "FPACK_CACHE" in caught.value.hint


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of a few megabytes."""
    place = tmp_path / "small disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs the right to mount a small file system: {done.stderr.strip()}")
    return place


def test_full_disk_is_told(channel: Channel, index: WheelIndex, small_disk: Path) -> None:
    """On a full disk the error says so, and what was begun is removed."""
    try:
        with pytest.raises(EnvironmentBuildError) as caught:
            build(mixed(channel, index), small_disk / "cache")
        assert "No space left" in caught.value.why
        assert caught.value.hint
        assert leftovers(small_disk / "cache") == []
    finally:
        subprocess.run(["umount", str(small_disk)], check=False)


def test_two_at_once(channel: Channel, index: WheelIndex, cache: Path) -> None:
    """Of two that want the same environment one builds, the other waits, says so, and finds it done."""
    lock = mixed(channel, index)
    events: list[list[Event]] = [[], []]
    threads = [threading.Thread(target=build, args=(lock, cache, told)) for told in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = sorted([event.type for event in each if event.level == "info"] for each in events)
    assert told == [["environment.building", "environment.ready"], ["environment.waiting"]]


BUILDER = """
import sys
from pathlib import Path
from fpack.packager.indexes import Indexes
from fpack.packager.lockformat import read_lock
from fpack.packager.realize import realize
realize(read_lock(Path(sys.argv[1])), sys.argv[2], cache=Path(sys.argv[3]), indexes=Indexes({}), emit=print)
"""


def test_kill_leaves_nothing_that_is_trusted(
    channel: Channel, index: WheelIndex, cache: Path, tmp_path: Path
) -> None:
    """Killed at any moment, a builder leaves no prefix or a whole one, and the next one goes on from there."""
    lock = mixed(channel, index)
    file = tmp_path / "a.conda-lock.yml"
    file.write_text(format_lock(lock))
    whole = tree(
        stage(lock, HOST, tmp_path / "w", sources=Sources(tmp_path / "c"), emit=lambda _: None).folder
    )
    target = cache / "envs" / lock.environment_id(HOST)
    for milliseconds in (150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 700):
        builder = subprocess.Popen(
            [sys.executable, "-c", BUILDER, file, HOST, cache], stdout=subprocess.DEVNULL
        )
        time.sleep(milliseconds / 1000)
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        if target.exists():
            assert whole.keys() <= tree(target).keys()
            shutil.rmtree(target)
    prefix = build(lock, cache)
    assert whole.keys() <= tree(prefix.path).keys()
    assert run(prefix, "fp-hello") == f"hello from {prefix.path} 1.1.0"
    assert leftovers(cache) == []
    again = stage(lock, HOST, tmp_path / "again", sources=Sources(cache), emit=lambda _: None)
    assert tree(again.folder) == whole


@pytest.mark.parametrize("round_", range(3))
def test_no_crash_at_exit(channel: Channel, index: WheelIndex, tmp_path: Path, round_: int) -> None:
    """A process that has built a conda prefix ends as it should: rattler's threads do not bring it down."""
    file = tmp_path / "a.conda-lock.yml"
    file.write_text(format_lock(mixed(channel, index)))
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", BUILDER, file, HOST, tmp_path / str(number)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for builder in builders:
        _, said = builder.communicate()
        assert builder.returncode == 0, said
