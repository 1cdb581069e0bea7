"""The work that locking one environment takes: which platforms to solve, why, and what to keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from fpack.errors import LockFileError
from fpack.events import Emit, Event
from fpack.packager.lockdiff import reason
from fpack.packager.lockfile import Lock, Package
from fpack.packager.lockfolder import Place
from fpack.packager.lockformat import read_lock

Upgrade = str | Collection[str] | None
"""What may take a newer version although its old one still fits: "all", the named packages, or nothing."""


@dataclass(frozen=True)
class LockWork:
    """One environment's share of a `lock`: `platforms` are to be solved, none where its file is good.

    `old` is what the file holds, `released` names the packages that need not keep their old version.
    """

    place: Place
    old: Lock | None
    platforms: tuple[str, ...]
    released: frozenset[str]
    reason: str

    @property
    def pins(self) -> Mapping[str, tuple[Package, ...]]:
        """The packages whose versions to keep, by platform."""
        if self.old is None:
            return {}
        return {
            platform: tuple(package for package in self.old.on(platform) if package.name not in self.released)
            for platform in self.platforms
        }

    def result(self, solved: Mapping[str, Sequence[Package]]) -> Lock:
        """The lock that comes of `solved` (by platform) and of the platforms that were good as they were."""
        lead = self.place.lead
        good = self.place.header.request_ids if self.place.header and self.old else {}
        request_ids = {**good, **{platform: lead.on(platform).request_id for platform in solved}}
        kept = [
            package for package in (self.old.packages if self.old else ()) if package.platform not in solved
        ]
        request = lead.on(next(iter(request_ids)))
        assumes = [lead.on(platform).assumes for platform in request_ids]
        return Lock(
            python=request.python,
            requirements=request.pypi,
            steps=self._steps(),
            request_ids=request_ids,
            packages=(*kept, *(package for packages in solved.values() for package in packages)),
            conda=request.conda,
            channels=request.channels,
            assumes={name: version for each in assumes for name, version in each.items()},
        )

    def _steps(self) -> tuple[str, ...]:
        """The steps to write down; a file that is solved anew forgets those of this flow that left it."""
        recorded = self.place.header.steps if self.place.header else ()
        if not self.place.answered:
            flows = {request.flow for request in self.place.requests}
            recorded = tuple(step for step in recorded if step.partition("/")[0] not in flows)
        return tuple(sorted({*recorded, *self.place.labels}))


def lock_work(place: Place, platforms: Collection[str], upgrade: Upgrade, emit: Emit) -> LockWork:
    """What has to be done for `place`, to have it locked on `platforms` and on those that its file has."""
    old = _old_lock(place, emit)
    locked = place.header.request_ids if place.header and old else {}
    everything = tuple(sorted({*platforms, *locked}))
    if old is None:
        return LockWork(place, None, everything, frozenset(), "new")
    released = {package.name for package in old.packages}
    if upgrade != "all":
        upgraded = {canonicalize_name(name) for name in upgrade or ()}
        released = {name for name in released if canonicalize_name(name) in upgraded}
    if released:
        named = "" if upgrade == "all" else " " + ", ".join(sorted(released))
        return LockWork(place, old, everything, frozenset(released), f"upgrade{named}")
    stale = place.stale_platforms(platforms)
    why = reason(old, place.lead.on(stale[0])) if stale else ""
    return LockWork(place, old, stale, frozenset(), why)


def _old_lock(place: Place, emit: Emit) -> Lock | None:
    """The lock that the file holds. One that would be replaced anyway may be damaged: its pins are lost."""
    if place.header is None:
        return None
    try:
        return read_lock(place.path)
    except LockFileError as error:
        if place.answered:
            raise
        emit(Event("lock.broken", f"{error.what}; locking anew", "warning", {"file": str(place.path)}))
        return None
