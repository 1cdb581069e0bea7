"""The platforms that fpack locks for, in conda's names, and what uv calls them."""

from __future__ import annotations

import platform as host
import sys
from collections.abc import Collection

from fpack.errors import ConfigError

GLIBC = "2_28"
"""The glibc that locked Linux wheels may need: distributions since 2019 and fpack's base images have it."""

UV_PLATFORMS = {
    "linux-64": f"x86_64-manylinux_{GLIBC}",
    "linux-aarch64": f"aarch64-manylinux_{GLIBC}",
    "osx-arm64": "aarch64-apple-darwin",
    "osx-64": "x86_64-apple-darwin",
}

CUDA = "12.8"
"""The CUDA that the driver of a machine with a GPU is taken to support: that of AWS's current GPU images."""

OSX = "13.0"
"""The macOS that packages may need, as in uv's idea of the platform."""

_ARCHITECTURES = {"linux-64": "x86_64", "linux-aarch64": "aarch64", "osx-arm64": "arm64", "osx-64": "x86_64"}

_HOSTS = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("darwin", "arm64"): "osx-arm64",
    ("darwin", "x86_64"): "osx-64",
}


def host_platform() -> str:
    """The platform of this machine; `ConfigError` where fpack cannot run steps."""
    machine = (sys.platform, host.machine())
    if machine not in _HOSTS:
        raise ConfigError(
            f"fpack does not run on {machine[0]} ({machine[1]})",
            hint=f"use one of {', '.join(UV_PLATFORMS)}; on Windows, the Linux subsystem",
        )
    return _HOSTS[machine]


def default_platforms() -> tuple[str, ...]:
    """What is locked unless the user says otherwise: this machine, and linux-64 for the cloud."""
    return known_platforms([host_platform(), "linux-64"])


def virtual_packages(platform: str, *, gpu: bool) -> tuple[str, ...]:
    """What conda may assume of a machine of `platform`, as `name=version=build`, sorted.

    It is the target's, never this machine's. Only with a `gpu` is there a CUDA: a step without one would
    otherwise get packages twelve times as large.
    """
    found = ["__unix=0=0", f"__archspec=1={_ARCHITECTURES[platform]}"]
    if platform.startswith("linux"):
        found += ["__linux=5.10=0", f"__glibc={GLIBC.replace('_', '.')}=0"]
        found += [f"__cuda={CUDA}=0"] if gpu else []
    else:
        found.append(f"__osx={OSX}=0")
    return tuple(sorted(found))


def known_platforms(names: Collection[str]) -> tuple[str, ...]:
    """`names` sorted and without repeats; `ConfigError` for one that fpack does not know."""
    unknown = sorted(set(names) - UV_PLATFORMS.keys())
    if unknown:
        raise ConfigError(
            f"unknown platform {unknown[0]!r}", hint=f"the platforms are {', '.join(UV_PLATFORMS)}"
        )
    return tuple(sorted(set(names)))
