"""Locking in tests: requests for conda packages, a folder of locks, and what was told meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fpack.errors import Location
from fpack.events import Event
from fpack.flow.environment import Environment
from fpack.packager.channels import CondaSettings
from fpack.packager.indexes import Indexes
from fpack.packager.lock import LockedEnvironment, lock_environments
from fpack.packager.lockfile import Package
from fpack.packager.request import NamedRequest

LINUX, ARM, MAC = "linux-64", "linux-aarch64", "osx-arm64"
HERE = Location("flow.py", 7)


class CondaLocks:
    """A folder of lock files, with a channel and an index for all that is locked there."""

    def __init__(self, folder: Path, channel: str, indexes: Indexes) -> None:
        self.folder = folder / "flow" / "fpack.locks"
        self.cache = folder / "cache"
        self.channel = channel
        self.indexes = indexes
        self.conda = CondaSettings()
        self.events: list[Event] = []

    def request(
        self,
        step: str,
        conda: dict[str, str],
        pypi: dict[str, str] | None = None,
        *,
        gpu: bool = False,
        python: str | None = "3.12",
        channels: Sequence[str] = (),
    ) -> NamedRequest:
        asked = Environment(pypi or {}, conda, python, HERE, tuple(channels) or (self.channel,), gpu)
        return NamedRequest(f"Train-{step}", "Train", (step,), asked)

    def lock(self, *requests: NamedRequest, **options: Any) -> dict[str, LockedEnvironment]:
        self.events.clear()
        defaults: dict[str, Any] = {
            "platforms": [LINUX],
            "indexes": self.indexes,
            "conda": self.conda,
            "cache": self.cache,
            "emit": self.events.append,
        }
        return lock_environments(requests, self.folder, **{**defaults, **options})

    def locked(self, conda: dict[str, str], pypi: dict[str, str] | None = None, **how: Any) -> list[Package]:
        """The packages of one step on linux-64."""
        options: dict[str, Any] = {name: how.pop(name) for name in ("upgrade", "offline") if name in how}
        request = self.request("train", conda, pypi, **how)
        return list(self.lock(request, **options)["Train-train"].lock.on(LINUX))

    def told(self, type_: str) -> list[str]:
        return [event.message for event in self.events if event.type == type_]

    def content(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.iterdir()}


def versions(packages: Sequence[Package]) -> dict[str, str]:
    """What was locked, by name, without what every environment has."""
    found = {package.name: package.version for package in packages}
    return {name: found[name] for name in found if name not in ("python", "obstore", "zstandard")}
