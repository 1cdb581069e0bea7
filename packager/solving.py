"""All environments and platforms of a flow, solved at once.

Conda goes first where a step has any, all of it in one go, in this thread; what it gives to Python is then
what uv solves around. Requests without conda are with uv meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from fpack.errors import FpackError
from fpack.events import Emit, Event
from fpack.packager.channels import CondaSettings, channel_access
from fpack.packager.indexes import Indexes, user_indexes
from fpack.packager.lockdiff import assumes_otherwise
from fpack.packager.lockfile import Manager, Package
from fpack.packager.lockwork import LockWork
from fpack.packager.pypi import solve_pypi
from fpack.packager.request import EnvironmentRequest
from fpack.packager.requirements import canonical_requirements
from fpack.packager.stubs import Provided

_SOLVES_AT_ONCE = 8
"""More than most machines have cores: uv waits for the network more than it computes."""

Solved = dict[str, tuple[Package, ...]]
"""What was found for each platform."""

_Packages = tuple[Package, ...]


@dataclass(frozen=True)
class SolveOptions:
    """How to solve: from which `indexes` (None: the user's own), with which settings of conda's.

    `folder` is the flow's, `cache` the user's.
    """

    indexes: Indexes | None
    conda: CondaSettings
    folder: Path
    cache: Path
    offline: bool


@dataclass(frozen=True)
class _Task:
    """One platform of one work, and what conda has found for it so far."""

    number: int
    work: LockWork
    request: EnvironmentRequest
    packages: _Packages = ()
    provided: Provided | None = None
    seconds: float = 0.0

    @property
    def is_for_another_machine(self) -> bool:
        return self.work.old is not None and assumes_otherwise(self.work.old, self.request)

    def pins(self, manager: Manager) -> _Packages:
        pins = self.work.pins.get(self.request.platform, ())
        return tuple(package for package in pins if package.manager == manager)


def solve_all(work: Sequence[LockWork], options: SolveOptions, emit: Emit) -> list[Solved | FpackError]:
    """For each work what its platforms came to, or why one of them came to nothing.

    Events are emitted by the calling thread alone, in the order in which solves end.
    """
    results: list[Solved | FpackError] = [{} for _ in work]
    tasks = [
        _Task(number, each, each.place.lead.on(platform))
        for number, each in enumerate(work)
        for platform in each.platforms
    ]
    if not tasks:
        return results
    indexes = user_indexes() if options.indexes is None else options.indexes
    for missing in indexes.missing:
        message = f"pip is configured for {missing}, which does not exist; left out"
        emit(Event("lock.index-missing", message, "detail"))
    for task in tasks:
        emit(_started(task))

    def fail(task: _Task, error: FpackError) -> None:
        if not isinstance(results[task.number], FpackError):
            results[task.number] = _placed(error, task.work)

    with ThreadPoolExecutor(_SOLVES_AT_ONCE) as pool:
        started: dict[Future[tuple[list[_Packages], float]], list[_Task]] = {}

        def start(group: list[_Task]) -> None:
            own = group[0].work.place.lead.own_indexes.over(indexes)
            started[pool.submit(_solve_pypi, group, own, options.offline)] = group

        for task in tasks:
            if not task.request.conda:
                start([task])
        solved = []
        for task, outcome in _solve_conda([task for task in tasks if task.request.conda], options):
            if isinstance(outcome, FpackError):
                fail(task, outcome)
            else:
                solved.append(outcome)
        for group in _alike(solved):
            start(group)
        for future in as_completed(started):
            try:
                wheels, seconds = future.result()
            except FpackError as error:
                for task in started[future]:
                    fail(task, error)
                continue
            for task, found in zip(started[future], wheels, strict=True):
                packages = (*task.packages, *found)
                emit(_ended(task, len(packages), task.seconds + seconds))
                so_far = results[task.number]
                if not isinstance(so_far, FpackError):
                    so_far[task.request.platform] = packages
    return results


def _solve_conda(tasks: Sequence[_Task], options: SolveOptions) -> Iterator[tuple[_Task, _Task | FpackError]]:
    """Each task with its conda packages, or what was in the way of them."""
    if not tasks:
        return
    from fpack.packager.conda import CondaWork, solve_conda

    requests = [request for task in tasks for request in task.work.place.requests]
    declared = [channel for request in requests for channel in request.channels]
    outcomes = solve_conda(
        [
            CondaWork(
                task.request, task.pins("conda"), options.folder, other_builds=task.is_for_another_machine
            )
            for task in tasks
        ],
        access=channel_access([*declared, *options.conda.channels], options.conda),
        cache=options.cache,
        offline=options.offline,
    )
    for task, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, FpackError):
            yield task, outcome
            continue
        provided = Provided(outcome.provided, task.work.place.title, options.cache)
        request = replace(task.request, python=outcome.python)
        yield (
            task,
            replace(
                task, request=request, packages=outcome.packages, provided=provided, seconds=outcome.seconds
            ),
        )


def _alike(tasks: Sequence[_Task]) -> list[list[_Task]]:
    """The tasks in groups that uv may solve as one: those that need PyPI for the task runtime alone."""
    runtime = canonical_requirements({}, tasks[0].work.place.lead.environment.where) if tasks else ()
    groups: dict[object, list[_Task]] = {}
    for task in tasks:
        request, pins = task.request, task.pins("pip")
        alone = request.pypi != runtime or bool(request.constraints or request.hashes or request.index)
        groups.setdefault(id(task) if alone else (request.platform, request.python, pins), []).append(task)
    return list(groups.values())


def _solve_pypi(group: Sequence[_Task], indexes: Indexes, offline: bool) -> tuple[list[_Packages], float]:
    """The wheels of each of `group`, and the seconds that it took.

    Of several that ask for the same, uv is asked once, as if conda gave nothing. That answer holds for all
    where conda gives none of what is in it.
    """
    start = time.perf_counter()
    shared: _Packages | None = None
    found = []
    for task in group:
        provided = task.provided
        if len(group) > 1 and shared is None:
            shared = solve_pypi(task.request, pins=task.pins("pip"), indexes=indexes, offline=offline)
        is_shared = shared is not None and not (
            provided and any(package.name in provided.versions for package in shared)
        )
        found.append(
            shared
            if is_shared and shared is not None
            else solve_pypi(
                task.request, pins=task.pins("pip"), provided=provided, indexes=indexes, offline=offline
            )
        )
    return found, time.perf_counter() - start


def _placed(error: FpackError, work: LockWork) -> FpackError:
    """`error` with the step and the line of the declaration that led to it."""
    error.step = error.step or work.place.title
    error.where = error.where or work.place.lead.environment.where
    return error


def _started(task: _Task) -> Event:
    title, platform, reason = task.work.place.title, task.request.platform, task.work.reason
    data = {"steps": title, "platform": platform, "reason": reason}
    return Event("lock.solving", f"Locking {title} for {platform}: {reason}", "detail", data)


def _ended(task: _Task, packages: int, seconds: float) -> Event:
    title, platform = task.work.place.title, task.request.platform
    message = f"Locked {title}: {packages} packages for {platform} in {seconds:.1f} s"
    data = {"steps": title, "platform": platform, "packages": packages, "seconds": seconds}
    return Event("lock.solved", message, data=data)
