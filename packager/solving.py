"""All environments and platforms of a flow, solved at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from fpack.errors import FpackError
from fpack.events import Emit, Event
from fpack.packager.indexes import Indexes, user_indexes
from fpack.packager.lockfile import Package
from fpack.packager.lockwork import LockWork
from fpack.packager.pypi import solve_pypi

_SOLVES_AT_ONCE = 8
"""More than most machines have cores: uv waits for the network more than it computes."""

Solved = dict[str, tuple[Package, ...]]
"""What was found for each platform."""


def solve_all(
    work: Sequence[LockWork], *, indexes: Indexes | None, offline: bool, emit: Emit
) -> list[Solved | FpackError]:
    """For each work what its platforms came to, or why one of them came to nothing.

    Events are emitted by the calling thread alone, in the order in which solves end.
    """
    if not any(each.platforms for each in work):
        return [{} for _ in work]
    indexes = user_indexes() if indexes is None else indexes
    for missing in indexes.missing:
        message = f"pip is configured for {missing}, which does not exist; left out"
        emit(Event("lock.index-missing", message, "detail"))
    results: list[Solved | FpackError] = [{} for _ in work]
    with ThreadPoolExecutor(_SOLVES_AT_ONCE) as pool:
        started: dict[Future[tuple[tuple[Package, ...], float]], tuple[int, str]] = {}
        for number, each in enumerate(work):
            for platform in each.platforms:
                emit(_started(each, platform))
                started[pool.submit(_solve, each, platform, indexes, offline)] = (number, platform)
        for future in as_completed(started):
            number, platform = started[future]
            so_far = results[number]
            try:
                packages, seconds = future.result()
            except FpackError as error:
                results[number] = so_far if isinstance(so_far, FpackError) else _placed(error, work[number])
                continue
            emit(_ended(work[number], platform, len(packages), seconds))
            if not isinstance(so_far, FpackError):
                so_far[platform] = packages
    return results


def _solve(
    work: LockWork, platform: str, indexes: Indexes, offline: bool
) -> tuple[tuple[Package, ...], float]:
    """The packages of one platform, and the seconds that it took."""
    start = time.perf_counter()
    request = work.place.lead.on(platform)
    packages = solve_pypi(request, pins=work.pins.get(platform, ()), indexes=indexes, offline=offline)
    return packages, time.perf_counter() - start


def _placed(error: FpackError, work: LockWork) -> FpackError:
    """`error` with the step and the line of the declaration that led to it."""
    error.step = error.step or work.place.title
    error.where = error.where or work.place.lead.environment.where
    return error


def _started(work: LockWork, platform: str) -> Event:
    data = {"steps": work.place.title, "platform": platform, "reason": work.reason}
    return Event("lock.solving", f"Locking {work.place.title} for {platform}: {work.reason}", "detail", data)


def _ended(work: LockWork, platform: str, packages: int, seconds: float) -> Event:
    message = f"Locked {work.place.title}: {packages} packages for {platform} in {seconds:.1f} s"
    data = {"steps": work.place.title, "platform": platform, "packages": packages, "seconds": seconds}
    return Event("lock.solved", message, data=data)
