"""A locked environment as data: every package of every platform, exact to the byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Manager = Literal["conda", "pip"]


@dataclass(frozen=True)
class Package:
    """One package on one platform, as conda-lock lists it; `sha256` is that of the file behind `url`."""

    manager: Manager
    name: str
    version: str
    platform: str
    url: str
    sha256: str
    md5: str = ""
    build: str = ""
    dependencies: tuple[tuple[str, str], ...] = ()

    @property
    def content(self) -> list[str]:
        """What makes this package itself, wherever it is fetched from."""
        return [self.manager, self.name, self.version, self.build, self.sha256]


@dataclass(frozen=True)
class Lock:
    """One environment on all its platforms: what was asked, and what the answer was.

    `request_ids` maps each locked platform to the id of the request that was solved for it. `python`,
    `requirements`, `conda` (match specs), `channels` and `assumes` (glibc, cuda, osx) repeat that request for
    people; `steps` are those that use it ("Train/start").
    """

    python: str
    requirements: tuple[str, ...]
    steps: tuple[str, ...]
    request_ids: Mapping[str, str]
    packages: tuple[Package, ...]
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    assumes: Mapping[str, str] = field(default_factory=dict)

    @property
    def platforms(self) -> tuple[str, ...]:
        return tuple(sorted(self.request_ids))

    def on(self, platform: str) -> tuple[Package, ...]:
        """The packages of one platform, sorted by name; none where it is not locked."""
        return tuple(package for package in self.packages if package.platform == platform)

    def environment_id(self, platform: str) -> str:
        """16 hex digits that stand for the environment's content on `platform`.

        Taken from the content alone: a package that moves to another mirror changes nothing, one that is
        rebuilt under the same version does. The Python is an entry of its own, since wheels bring none.
        """
        entries = [package.content for package in self.on(platform)]
        if not any(manager == "conda" and name == "python" for manager, name, *_ in entries):
            entries.append(["python", "python", self.python, "", ""])
        text = json.dumps(["fpack-env-v1", platform, sorted(entries)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
