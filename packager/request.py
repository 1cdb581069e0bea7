"""What is asked of a solver for one environment on one platform, and the id that a lock remembers it by."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from fpack.errors import DeclarationError, Location
from fpack.flow.environment import Environment
from fpack.packager.channels import DEFAULT_CHANNELS, canonical_channels
from fpack.packager.declared_files import files_python, merge_files, read_files
from fpack.packager.listing import Listing
from fpack.packager.matchspec import canonical_specs, spec_channel
from fpack.packager.own_indexes import OwnIndexes, PypiSettings
from fpack.packager.platforms import virtual_packages
from fpack.packager.requirements import canonical_requirements

SCHEMA = 1
"""Raised when the same request must be solved anew, which makes every lock stale."""

OLDEST_PYTHON = (3, 10)
"""The oldest Python that the task runtime runs on."""

_PYTHON = re.compile(r"(?:==)?(\d+)\.(\d+)(?:\.(\d+|\*))?")


@dataclass(frozen=True)
class EnvironmentRequest:
    """The inputs of a solve, canonical: equal requests are equal text, whatever order the user wrote.

    `python` is "3.12", or "3.12.4" where the user was that exact; `pypi` holds sorted PEP 508 requirements,
    `conda` sorted match specs. Where there are any, Python comes from conda as well, `channels` are asked in
    their order, and `virtual` is what conda may assume of the machine. `constraints` bound packages
    of PyPI that are there for another's sake, `hashes` ("name sha256") the files that one may be; `index` is
    the one that the declaration names. No host, user, time or credential is in it.
    """

    platform: str
    python: str
    pypi: tuple[str, ...]
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    virtual: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    index: str = ""

    @property
    def assumes(self) -> dict[str, str]:
        """What conda may assume, for people: the versions of `glibc` and, with a GPU, `cuda`, or of `osx`."""
        found = dict(text.removeprefix("__").split("=")[:2] for text in self.virtual)
        return {name: found[name] for name in ("glibc", "cuda", "osx") if name in found}

    def canonical(self) -> str:
        """The request as JSON; a part that it has no use for is left out, so a new one changes no old id."""
        content: dict[str, object] = {
            "schema": SCHEMA,
            "platform": self.platform,
            "python": self.python,
            "pypi": self.pypi,
        }
        later = {
            "conda": self.conda,
            "channels": self.channels,
            "virtual": self.virtual,
            "constraints": self.constraints,
            "hashes": self.hashes,
            "index": self.index,
        }
        content |= {name: value for name, value in later.items() if value}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @property
    def request_id(self) -> str:
        return hashlib.sha256(self.canonical().encode()).hexdigest()


@dataclass(frozen=True)
class NamedRequest:
    """An environment to lock, with what people call it.

    `name` becomes the lock file's name where the environment has none yet. `steps` are the steps of `flow`
    that use it. The files that the environment names are relative to `folder`; `project_channels` are asked
    where neither it nor a file names one. `index` is what uv is told of the declared one; `project` says the
    project's own.
    """

    name: str
    flow: str
    steps: tuple[str, ...]
    environment: Environment
    folder: Path = field(default=Path(), compare=False)
    project_channels: tuple[str, ...] = ()
    index: str = field(default="", compare=False, repr=False)
    project: PypiSettings = field(default_factory=PypiSettings)

    @cached_property
    def listings(self) -> tuple[Listing, ...]:
        """What the environment's files say, read once."""
        return read_files(self.environment.files, self.folder)

    def on(self, platform: str) -> EnvironmentRequest:
        wanted = files_python(self.environment, self.listings)
        python = canonical_python(wanted, self.environment.where)
        declared = replace(self.environment, python=wanted)
        merged, bounds = merge_files(declared, self.listings, platform, python)
        if not merged.channels:
            merged = replace(merged, channels=self.project_channels)
        request = request_for(merged, platform=platform)
        return replace(request, constraints=bounds.constraints, hashes=bounds.hashes, index=declared.index)

    @property
    def own_indexes(self) -> OwnIndexes:
        """The indexes that this environment adds to the user's own, credentials and all."""
        return OwnIndexes(self.index, self.listings, self.project)

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that is declared, in the user's own words."""
        files = (channel for listing in self.listings for channel in listing.channels)
        return (*self.environment.channels, *files, *self.project_channels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The steps as a lock file lists them, `Train/start`."""
        return tuple(sorted(f"{self.flow}/{step}" for step in self.steps))

    @property
    def title(self) -> str:
        """The steps as a message names them, "start, train"."""
        return ", ".join(self.steps) or self.name


def request_for(environment: Environment, *, platform: str) -> EnvironmentRequest:
    """What `environment` asks for on `platform`; `DeclarationError` where it says what cannot be."""
    python = canonical_python(environment.python, environment.where)
    pypi = canonical_requirements(environment.pypi, environment.where)
    if not environment.conda:
        return EnvironmentRequest(platform, python, pypi)
    conda = canonical_specs(environment.conda, environment.where)
    insisted = sorted({spec_channel(spec) for spec in conda} - {""})
    channels = canonical_channels([*(environment.channels or DEFAULT_CHANNELS), *insisted], environment.where)
    virtual = virtual_packages(platform, gpu=environment.gpu)
    return EnvironmentRequest(platform, python, pypi, conda, channels, virtual)


def canonical_python(declared: str | None, where: Location) -> str:
    """The declared Python as "3.12" or "3.12.4"; None is the launching interpreter's X.Y."""
    if declared is None:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    match = _PYTHON.fullmatch("".join(str(declared).split()))
    if not match:
        raise DeclarationError(
            f"python={declared!r} is not a Python version", hint='write python="3.12"', where=where
        )
    major, minor, patch = match.groups()
    if (int(major), int(minor)) < OLDEST_PYTHON:
        raise DeclarationError(
            f"a step cannot run on Python {declared}",
            why="the task runtime needs Python 3.10 or newer",
            hint='write python="3.10", or a newer one',
            where=where,
        )
    version = f"{int(major)}.{int(minor)}"
    return version if patch in (None, "*") else f"{version}.{int(patch)}"
