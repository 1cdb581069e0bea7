"""What changed between two locks of one environment, and why it had to be solved again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fpack.packager.lockfile import Lock, Package
from fpack.packager.matchspec import spec_name
from fpack.packager.request import EnvironmentRequest
from fpack.packager.requirements import project_name


class Asked(Protocol):
    """What a lock, or the top of its file, says of the request that it answers."""

    @property
    def python(self) -> str: ...
    @property
    def requirements(self) -> tuple[str, ...]: ...
    @property
    def request_ids(self) -> Mapping[str, str]: ...
    @property
    def conda(self) -> tuple[str, ...]: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def assumes(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Change:
    """One package that is another than before; `old` is "" where it is new, `new` is "" where it went."""

    platform: str
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        if not self.old:
            return f"+ {self.name} {self.new}"
        if not self.new:
            return f"- {self.name} {self.old}"
        if self.old == self.new:
            return f"{self.name} {self.new} (another file)"
        return f"{self.name} {self.old} → {self.new}"


def changes_between(old: Lock | None, new: Lock) -> tuple[Change, ...]:
    """Every package that differs, by platform and name; nothing for a lock that is wholly new."""
    if old is None:
        return ()
    found = []
    for platform in new.platforms:
        if platform not in old.request_ids:
            continue
        before, after = _by_name(old.on(platform)), _by_name(new.on(platform))
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was is None or now is None or was.content != now.content:
                versions = was.version if was else "", now.version if now else ""
                found.append(Change(platform, name, *versions))
    return tuple(found)


def summary(changes: Iterable[Change]) -> str:
    """The changes on one line; one that is the same on every platform is told once."""
    return ", ".join(dict.fromkeys(str(change) for change in changes))


def reason(old: Asked, request: EnvironmentRequest) -> str:
    """Why `request` has to be solved, by how it differs from what `old` was the answer to."""
    differences = []
    if old.python != request.python:
        differences.append(f"python {old.python or '?'} → {request.python}")
    differences += _differences(_by(project_name, old.requirements), _by(project_name, request.pypi))
    differences += _differences(_by(spec_name, old.conda), _by(spec_name, request.conda))
    if old.conda and request.conda and old.channels != request.channels:
        differences.append(f"channels {', '.join(old.channels)} → {', '.join(request.channels)}")
    if request.platform in old.request_ids:
        differences += _differences(_assumed(old.assumes, request.platform), _assumed(request.assumes))
    if differences:
        return "declaration changed: " + ", ".join(differences)
    return "new platform" if request.platform not in old.request_ids else "asked in another way by this fpack"


def assumes_otherwise(old: Asked, request: EnvironmentRequest) -> bool:
    """Whether `old` was solved for a machine that is not that of `request`: without a GPU, for one."""
    before = _assumed(old.assumes, request.platform)
    return request.platform in old.request_ids and before != _assumed(request.assumes)


def _by_name(packages: Iterable[Package]) -> dict[str, Package]:
    return {package.name: package for package in packages}


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    found = []
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was and now and was != now:
            found.append(f"{was} → {now}")
        elif was != now:
            found.append(f"+ {now}" if now else f"- {was}")
    return found


def _by(name: Callable[[str], str], wishes: Iterable[str]) -> dict[str, str]:
    return {name(wish): wish for wish in wishes}


def _assumed(assumes: Mapping[str, str], platform: str = "") -> dict[str, str]:
    """What is assumed of the machine, said as people do; of a lock, what concerns `platform` alone."""
    foreign = {"linux": ("osx",), "osx": ("glibc", "cuda")}.get(platform.partition("-")[0], ())
    return {name: f"{name} {version}" for name, version in assumes.items() if name not in foreign}
