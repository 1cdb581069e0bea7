"""Realising: a locked environment becomes a prefix on this machine, once, under the user's cache.

    <cache>/envs/<environment id>/        a virtual environment, whole or not there at all
    <cache>/envs/.<environment id>.lock   held by the one that builds it
    <cache>/envs/.<environment id>.*/     what is being built; moved to its name when it is done

A prefix is built beside its place and renamed into it. So whoever finds it may trust it, whenever the
builder was killed and whatever a uv that outlived it still writes. The lock only spares a second builder
the work.

Nothing is compiled to bytecode here. Python does that when a module is first imported, for what is imported
alone: compiling all of scikit-learn and its like takes many times as long as installing it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fpack.errors import EnvironmentBuildError
from fpack.events import Emit, Event
from fpack.packager.cache import alone
from fpack.packager.indexes import Indexes, user_indexes
from fpack.packager.install import create_prefix, install_packages
from fpack.packager.interpreters import find_python
from fpack.packager.lockfile import Lock
from fpack.packager.platforms import host_platform
from fpack.packager.uv import is_offline

_MARKER = "fpack-environment.json"

_OTHER_PYTHON = (
    "CONDA_PREFIX",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "__PYVENV_LAUNCHER__",
)


@dataclass(frozen=True)
class Prefix:
    """An environment on this machine: its folder, and the interpreter in it that sees its packages alone."""

    path: Path
    python: Path

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` for a process that runs in this prefix: its commands come first, no other Python leaks in.

        Bytecode may be written whatever the user's shell says: the prefix is fpack's, and without it every
        task would compile what it imports.
        """
        kept = {name: value for name, value in env.items() if name not in _OTHER_PYTHON}
        path = os.pathsep.join(part for part in (str(self.path / "bin"), env.get("PATH")) if part)
        return {**kept, "PATH": path, "VIRTUAL_ENV": str(self.path)}


def realize(
    lock: Lock,
    platform: str,
    *,
    cache: Path,
    offline: bool = False,
    indexes: Indexes | None = None,
    emit: Emit,
) -> Prefix:
    """The prefix of `lock` on this machine, built if it is not there yet.

    Nothing is started where it is. `EnvironmentBuildError` says why it cannot be built (a wrong hash, a full
    disk), `NetworkError` and `PythonMissingError` what is out of reach; neither leaves anything behind that a
    later run would trust.
    """
    name = lock.environment_id(platform)
    target = cache / "envs" / name
    ready = _ready(target)
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
            return _ready(target) or _build(lock, platform, target, offline, indexes, emit)
    except OSError as error:
        raise EnvironmentBuildError(
            f"the environment cannot be made under {cache}",
            why=os.strerror(error.errno) if error.errno else str(error),
            hint="make room or rights there, or set FPACK_CACHE to another folder",
        )


def _ready(target: Path) -> Prefix | None:
    """The finished prefix at `target`, unless the Python that it was made from has gone or was exchanged."""
    try:
        marker = json.loads((target / _MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    python = target / "bin" / "python"
    base = os.path.realpath(python)
    is_good = isinstance(marker, dict) and marker.get("base") == base and os.path.exists(base)
    return Prefix(target, python) if is_good else None


def _build(
    lock: Lock, platform: str, target: Path, offline: bool, indexes: Indexes | None, emit: Emit
) -> Prefix:
    """Build the prefix beside `target` and move it there."""
    _set_aside(target)
    _sweep(target)
    packages = lock.on(platform)
    python = find_python(lock.python, offline=offline, emit=emit)
    emit(
        Event(
            "environment.building",
            f"Installing {len(packages)} packages for Python {lock.python}",
            data={"environment": target.name, "packages": len(packages), "python": lock.python},
        )
    )
    start = time.perf_counter()
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        create_prefix(building, python)
        install_packages(
            building,
            lock.python,
            packages,
            indexes=user_indexes() if indexes is None else indexes,
            offline=offline,
        )
        base = os.path.realpath(building / "bin" / "python")
        marker = {"environment": target.name, "python": lock.python, "base": base}
        (building / _MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
        building.rename(target)
        _sweep(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    seconds = time.perf_counter() - start
    data = {"environment": target.name, "path": str(target), "seconds": seconds}
    emit(Event("environment.ready", f"Environment {target.name} is ready after {seconds:.1f} s", data=data))
    return Prefix(target, target / "bin" / "python")


def _set_aside(target: Path) -> None:
    """Take a prefix that is no good any more out of its place, at one stroke, for the sweep."""
    if target.exists() or target.is_symlink():
        target.rename(Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent), "old"))


def _sweep(target: Path) -> None:
    """Remove what killed builders left, as far as a uv that outlived one is not still writing it."""
    for left in target.parent.glob(f".{target.name}.*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def _waiting(name: str) -> Event:
    return Event("environment.waiting", f"Waiting: another fpack is building environment {name}")
