"""Realising: a locked environment becomes a prefix on this machine, once, under the user's cache.

    <cache>/envs/<environment id>/        a virtual environment or a conda prefix, whole or not there at all
    <cache>/envs/.<environment id>.lock   held by the one that builds it
    <cache>/envs/.<environment id>.*/     what is being built; moved to its name when it is done

A prefix is built beside its place and renamed into it. So whoever finds it may trust it, whenever the
builder was killed and whatever a uv that outlived it still writes. The lock only spares a second builder
the work.

Wheels alone go into a virtual environment, which may be moved, by uv. With conda packages it is a conda
prefix, whose files name its place: it is filled as an image's is (`stage.py`), wheels included, for the path
that it will have. So uv never runs the Python of a prefix that is not at its place yet, and what was seen to
work here is what an image holds.

Nothing is compiled to bytecode here. Python does that when a module is first imported, for what is imported
alone: compiling all of scikit-learn and its like takes many times as long as installing it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fpack.errors import EnvironmentBuildError
from fpack.events import Emit, Event
from fpack.packager.cache import alone
from fpack.packager.channels import ChannelAccess
from fpack.packager.indexes import Indexes, user_indexes
from fpack.packager.install import create_prefix, install_packages
from fpack.packager.interpreters import find_python
from fpack.packager.lockfile import Lock
from fpack.packager.platforms import host_platform
from fpack.packager.prefix import Prefix, ready_prefix, write_marker
from fpack.packager.sources import Sources
from fpack.packager.uv import is_offline

__all__ = ["Prefix", "realize"]


def realize(
    lock: Lock,
    platform: str,
    *,
    cache: Path,
    offline: bool = False,
    indexes: Indexes | None = None,
    channels: Callable[[], ChannelAccess] = ChannelAccess,
    emit: Emit,
) -> Prefix:
    """The prefix of `lock` on this machine, built if it is not there yet.

    `channels` says how conda's are reached; it is asked only when the prefix has to be built.

    Nothing is started where it is. `EnvironmentBuildError` says why it cannot be built (a wrong hash, a full
    disk), `NetworkError` and `PythonMissingError` what is out of reach; neither leaves anything behind that a
    later run would trust.
    """
    name = lock.environment_id(platform)
    target = cache.absolute() / "envs" / name
    ready = ready_prefix(target)
    if ready:
        return ready
    if platform != host_platform():
        raise EnvironmentBuildError(
            f"an environment for {platform} cannot be made on {host_platform()}",
            hint=f"lock it for {host_platform()} as well: `fpack lock`",
        )
    offline = is_offline(offline)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(target.parent / f".{name}.lock", lambda: emit(_waiting(name))):
            ready = ready_prefix(target)
            if ready:
                return ready
            sources = Sources(cache.absolute(), offline, indexes, channels())
            return _build(lock, platform, target, sources, emit)
    except OSError as error:
        raise EnvironmentBuildError(
            f"the environment cannot be made under {cache}",
            why=os.strerror(error.errno) if error.errno else str(error),
            hint="make room or rights there, or set FPACK_CACHE to another folder",
        )


def _build(lock: Lock, platform: str, target: Path, sources: Sources, emit: Emit) -> Prefix:
    """Build the prefix in a folder beside `target` and move it there."""
    _set_aside(target)
    _sweep(target)
    start = time.perf_counter()
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        if any(package.manager == "conda" for package in lock.on(platform)):
            _fill_conda_prefix(lock, platform, building, target, sources, emit)
        else:
            _fill_virtual_environment(lock, platform, building, target, sources, emit)
        building.rename(target)
        _sweep(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    built = ready_prefix(target)
    if built is None:
        raise EnvironmentBuildError(
            f"environment {target.name} has no Python that could run", hint="lock it anew: `fpack lock`"
        )
    seconds = time.perf_counter() - start
    data = {"environment": target.name, "path": str(target), "seconds": seconds}
    emit(Event("environment.ready", f"Environment {target.name} is ready after {seconds:.1f} s", data=data))
    return built


def _fill_conda_prefix(
    lock: Lock, platform: str, building: Path, target: Path, sources: Sources, emit: Emit
) -> None:
    """Make `building` the conda prefix that will be at `target`."""
    from fpack.packager.activation import activation
    from fpack.packager.stage import fill_prefix

    emit(_building(lock, platform, target))
    fill_prefix(lock, platform, building, prefix=str(target), sources=sources, shares_files=True, emit=emit)
    variables = activation(building, str(target), emit)
    write_marker(building, target, lock.python, is_conda=True, activation=variables)


def _fill_virtual_environment(
    lock: Lock, platform: str, building: Path, target: Path, sources: Sources, emit: Emit
) -> None:
    """Make `building` the virtual environment that will be at `target`."""
    python = find_python(lock.python, offline=sources.offline, emit=emit)
    emit(_building(lock, platform, target))
    create_prefix(building, python)
    indexes = user_indexes() if sources.indexes is None else sources.indexes
    install_packages(building, lock.python, lock.on(platform), indexes=indexes, offline=sources.offline)
    write_marker(building, target, lock.python)


def _set_aside(target: Path) -> None:
    """Take a prefix that is no good any more out of its place, at one stroke, for the sweep."""
    if target.exists() or target.is_symlink():
        target.rename(Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent), "old"))


def _sweep(target: Path) -> None:
    """Remove what killed builders left, as far as a uv that outlived one is not still writing it."""
    for left in target.parent.glob(f".{target.name}.*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def _building(lock: Lock, platform: str, target: Path) -> Event:
    packages = len(lock.on(platform))
    data = {"environment": target.name, "packages": packages, "python": lock.python}
    return Event(
        "environment.building", f"Installing {packages} packages for Python {lock.python}", data=data
    )


def _waiting(name: str) -> Event:
    return Event("environment.waiting", f"Waiting: another fpack is building environment {name}")
