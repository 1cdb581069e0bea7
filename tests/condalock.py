"""Locks of the tests' conda channel, written without a solver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from channel import Channel
from condapython import MINOR, VERSION
from wheels import sha256

from fpack.packager.lockfile import Lock, Package
from fpack.packager.platforms import host_platform

ENOUGH = {"fp-core": "1.1.0", "fp-hello": "0.3.0", "fp-num": "2.1.0", "fp-old": "1.0", "fp-data": "1.0"}
"""Packages of the small channel that get along: noarch and native ones, a .tar.bz2, commands, activation."""


def conda_package(folder: Path, url: str, file: str, entry: Mapping[str, Any], platform: str) -> Package:
    """The lock's line for `file` ("noarch/x-1-0.conda") of the channel in `folder`, served at `url`."""
    return Package(
        "conda",
        entry["name"],
        entry["version"],
        platform,
        f"{url}/{file}",
        sha256(folder / file),
        entry["md5"],
        entry["build"],
    )


def conda_packages(
    channel: Channel, wanted: Mapping[str, str], platform: str = "", url: str = ""
) -> list[Package]:
    """The lines for these versions, and for a Python; builds for another Python are left out."""
    platform = platform or host_platform()
    versions = {**wanted, "python": VERSION}
    return sorted(
        (
            conda_package(channel.folder, url or channel.url, f"{subdir}/{file}", entry, platform)
            for subdir in (platform, "noarch")
            for file, entry in channel.entries[subdir].items()
            if versions.get(entry["name"]) == entry["version"]
            and (not entry["build"].startswith("py3") or entry["build"] == f"py{MINOR.replace('.', '')}_0")
        ),
        key=lambda package: package.name,
    )


def wheel_package(wheel: Path, platform: str = "") -> Package:
    """The lock's line for a wheel in a folder."""
    name, version = wheel.name.split("-")[:2]
    return Package(
        "pip", name.replace("_", "-"), version, platform or host_platform(), wheel.as_uri(), sha256(wheel)
    )


def lock_of(packages: Iterable[Package], platform: str = "") -> Lock:
    """The lock of these packages for one platform."""
    return Lock(MINOR, (), (), {platform or host_platform(): ""}, tuple(packages))
