"""Locking: every environment of a flow becomes exact packages, in one committed file each.

    requests ──place──▶ files ──compare──▶ work ──solve──▶ Locks ──write──▶ files

1. **place** (`lockfolder`): requests for the same environment are one; each gets the file that holds it, or
   the file that held what it was before, or a new name.
2. **compare** (`lockwork`): a file remembers, for each platform, the id of the request that it answers.
   Where the ids agree there is nothing to do.
3. **solve** (`solving`, `conda`, `pypi`): what is stale, all environments and platforms at once, conda's
   part first and PyPI's around what conda gives. Versions that the
   old file had are kept where the declaration allows, so that a lock changes as little as it can.
4. **write** (`lockformat`): whole files or none, and none whose text would stay the same.

`stale_environments` is the first half alone: it reads the tops of the files, solves nothing and needs no
network.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from fpack.errors import FpackError, LockFileError, LockStaleError
from fpack.events import Emit, Event
from fpack.packager.cache import cache_folder, write_whole
from fpack.packager.channels import CondaSettings
from fpack.packager.indexes import Indexes
from fpack.packager.lockdiff import Change, changes_between, reason, summary
from fpack.packager.lockfile import Lock
from fpack.packager.lockfolder import place, read_folder, unused_files
from fpack.packager.lockformat import format_lock
from fpack.packager.lockwork import LockWork, Upgrade, lock_work
from fpack.packager.own_indexes import OwnIndexes
from fpack.packager.platforms import default_platforms, known_platforms
from fpack.packager.request import NamedRequest
from fpack.packager.solving import Solved, SolveOptions, solve_all
from fpack.packager.uv import is_offline


@dataclass(frozen=True)
class LockedEnvironment:
    """A lock and the file that it is in; `reason` is "" and `changes` empty where nothing had to be done."""

    lock: Lock
    path: Path
    reason: str = ""
    changes: tuple[Change, ...] = ()
    own: OwnIndexes = field(default_factory=OwnIndexes)


@dataclass(frozen=True)
class Stale:
    """An environment that the lock files do not answer, on at least one platform, and why.

    `recorded` are the platforms that its file has, stale or not.
    """

    requests: tuple[NamedRequest, ...]
    path: Path
    platforms: tuple[str, ...]
    reason: str
    recorded: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step for request in self.requests for step in request.steps))


def lock_environments(
    requests: Sequence[NamedRequest],
    folder: Path,
    *,
    platforms: Collection[str] | None = None,
    frozen: bool = False,
    upgrade: Upgrade = None,
    offline: bool = False,
    whole_flow: bool = True,
    indexes: Indexes | None = None,
    conda: CondaSettings | None = None,
    cache: Path | None = None,
    emit: Emit,
) -> dict[str, LockedEnvironment]:
    """The lock of every request, by its name; what is missing or stale is solved and written to `folder`.

    `platforms` are locked beside those that a file already has. `frozen` forbids solving: `LockStaleError`
    if any were needed. `upgrade` is "all" or the packages that may take newer versions. `whole_flow` says
    that `requests` are all that their flows ask for; pass False to lock some steps only. `indexes` and
    `cache` default to the user's own; `conda` is what the project says of channels. Raises the first
    `SolveError` or `NetworkError`, after the other environments were written.
    """
    wanted = known_platforms(platforms) if platforms else default_platforms()
    if frozen:
        _refuse_stale(stale_environments(requests, folder, platforms=wanted, whole_flow=whole_flow))
    headers = read_folder(folder, broken=lambda error: emit(_broken(error)))
    places = place(requests, folder, headers, wanted, whole_flow=whole_flow)
    work = [lock_work(found, wanted, None if frozen else upgrade, emit) for found in places]
    options = SolveOptions(
        indexes=indexes,
        conda=conda or CondaSettings(),
        folder=folder.parent,
        cache=cache or cache_folder(),
        offline=is_offline(offline),
    )
    solved = solve_all(work, options, emit)
    locked: dict[str, LockedEnvironment] = {}
    failures: list[FpackError] = []
    for each, solution in zip(work, solved, strict=True):
        if isinstance(solution, FpackError):
            failures.append(solution)
            continue
        result = _settle(each, solution, emit, frozen=frozen)
        locked.update(
            {request.name: replace(result, own=request.own_indexes) for request in each.place.requests}
        )
    if failures:
        for other in failures[1:]:
            emit(Event("lock.failed", f"{other.step}: {other.what}", "warning"))
        raise failures[0]
    if whole_flow:
        for path in unused_files(headers, places):
            message = f"{path.name} locks an environment that no step uses any more; you may delete it"
            emit(Event("lock.unused", message, data={"file": str(path)}))
    return locked


def stale_environments(
    requests: Sequence[NamedRequest],
    folder: Path,
    *,
    platforms: Collection[str] | None = None,
    whole_flow: bool = True,
) -> list[Stale]:
    """What `lock_environments` would have to solve; `LockFileError` for a broken lock file."""
    wanted = known_platforms(platforms) if platforms else default_platforms()
    found = []
    for each in place(requests, folder, read_folder(folder), wanted, whole_flow=whole_flow):
        stale = each.stale_platforms(wanted)
        if stale:
            why = reason(each.header, each.lead.on(stale[0])) if each.header else "no lock file"
            recorded = tuple(each.header.request_ids) if each.header else ()
            found.append(Stale(each.requests, each.path, stale, why, recorded))
    return found


def _settle(work: LockWork, solved: Solved, emit: Emit, *, frozen: bool) -> LockedEnvironment:
    """Write what was solved, unless the file says so already, and tell what is another than before."""
    lock = work.result(solved)
    path = work.place.path
    if frozen:
        return LockedEnvironment(lock, path)
    if not solved:
        with suppress(LockFileError):  # only the list of steps can be another: no reason to fail
            _write(path, format_lock(lock))
        return LockedEnvironment(lock, path)
    _write(path, format_lock(lock))
    changes = changes_between(work.old, lock)
    told = summary(changes) or ("the same packages" if work.old else f"{len(lock.packages)} packages")
    data = {"file": str(path), "reason": work.reason, "changes": [str(change) for change in changes]}
    emit(Event("lock.written", f"{path.name} ({work.reason}): {told}", data=data))
    local = [package.name for package in lock.packages if package.url.startswith("file:")]
    if local:
        message = (
            f"{path.name} names {len(local)} files of this machine ({local[0]}, …): others cannot install it"
        )
        emit(Event("lock.local-files", message, "warning", {"file": str(path), "packages": local}))
    return LockedEnvironment(lock, path, work.reason, changes)


def _write(path: Path, text: str) -> None:
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise LockFileError(
            f"cannot write the lock file {path}",
            why=os.strerror(error.errno) if error.errno else str(error),
            hint="make room, or make the folder writable",
        )


def _broken(error: LockFileError) -> Event:
    return Event("lock.broken", f"{error.what}; its environment is locked anew", "warning")


def _refuse_stale(stale: Sequence[Stale]) -> None:
    """`LockStaleError` with every stale environment and why, if there is any."""
    if not stale:
        return
    steps = [step for each in stale for step in each.steps]
    raise LockStaleError(
        f"the lock of {'step' if len(steps) == 1 else 'steps'} {', '.join(steps)} is missing or stale",
        why="\n".join(
            f"{', '.join(each.steps)} ({', '.join(each.platforms)}): {each.reason}" for each in stale
        ),
        hint=f"run `fpack lock{_platform_options(stale)}` and commit what it writes",
        step=steps[0] if steps else None,
        where=stale[0].requests[0].environment.where,
    )


def _platform_options(stale: Sequence[Stale]) -> str:
    """What `fpack lock` has to be told for it to lock these platforms: nothing, if it would anyway."""
    wanted = {name for each in stale for name in each.platforms}
    if wanted <= {*default_platforms(), *_recorded(stale)}:
        return ""
    return "".join(f" --platform {name}" for name in sorted(wanted))


def _recorded(stale: Sequence[Stale]) -> set[str]:
    """The platforms that the stale files have already, which are locked anew with any other."""
    return {name for each in stale for name in each.recorded}
