"""Lock files on disk: conda-lock's unified format, version 1, the same bytes for the same lock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fpack.errors import Location, LockFileError
from fpack.packager.lockfile import Lock, Package

SUFFIX = ".conda-lock.yml"

_BANNER = """\
# The exact packages of one environment, written by fpack. Commit this file; do not edit it.
# `fpack lock` refreshes it when a declaration changes, `fpack lock --upgrade` takes newer versions.
# The format is conda-lock's: conda-lock, micromamba and mamba read it too.
"""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_ASSUMED = ("glibc", "cuda", "osx")
_BETWEEN_SPECS = "; "  # a match spec may have spaces, commas and bars in it

_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]*", re.IGNORECASE)
_VERSION = re.compile(r"[0-9a-z][0-9a-z.!+_-]*", re.IGNORECASE)
_URL = re.compile(r"(https?|file|s3|gs|oci)://[^\s\"\\]+")


@dataclass(frozen=True)
class LockHeader:
    """The part of a lock file above its packages: enough to tell what it answers, without reading all."""

    python: str
    requirements: tuple[str, ...]
    steps: tuple[str, ...]
    request_ids: Mapping[str, str]
    environment_ids: Mapping[str, str]
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    assumes: Mapping[str, str] = field(default_factory=dict)


def format_lock(lock: Lock) -> str:
    """The text of `lock`. It depends on nothing else: not on the time, the host, or fpack's version."""
    ids = {platform: lock.environment_id(platform) for platform in lock.platforms}
    metadata = {
        "content_hash": {platform: lock.request_ids[platform] for platform in lock.platforms},
        "channels": [{"url": channel, "used_env_vars": []} for channel in lock.channels],
        "platforms": list(lock.platforms),
        "sources": [],
        "custom_metadata": {
            "python": lock.python,
            "requirements": " ".join(lock.requirements),
            **({"conda": _BETWEEN_SPECS.join(lock.conda)} if lock.conda else {}),
            **{name: lock.assumes[name] for name in _ASSUMED if name in lock.assumes},
            "steps": " ".join(sorted(lock.steps)),
            **{f"environment_id.{platform}": ids[platform] for platform in lock.platforms},
        },
    }
    ordered = sorted(lock.packages, key=lambda package: (package.manager, package.name, package.platform))
    content = {"version": 1, "metadata": metadata, "package": [_entry(package) for package in ordered]}
    text = yaml.dump(
        content,
        Dumper=_DUMPER,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=1_000_000,
    )
    return _BANNER + str(text)


def read_lock(path: Path) -> Lock:
    """The lock in the file at `path`; `LockFileError` with the line where it is not one that fpack wrote."""
    return parse_lock(_read_text(path), path)


def read_header(path: Path) -> LockHeader:
    """What stands above the packages of the lock file at `path`; they are not parsed."""
    return parse_header(_read_text(path), path)


def parse_lock(text: str, path: Path) -> Lock:
    """The lock that `text` describes; `path` is for messages."""
    _refuse_conflict(text, path)
    content = _parse(text, path)
    header = _header(content, path)
    packages = []
    for index, entry in enumerate(_part(content, "package", list, path)):
        try:
            packages.append(_package(entry))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            why = f"package {index + 1} is not one that fpack can install: {error}"
            raise _broken(path, why, _line_of_package(text, index))
    lock = Lock(
        python=header.python,
        requirements=header.requirements,
        steps=header.steps,
        request_ids=header.request_ids,
        packages=tuple(packages),
        conda=header.conda,
        channels=header.channels,
        assumes=header.assumes,
    )
    for platform, recorded in header.environment_ids.items():
        if lock.environment_id(platform) != recorded:
            raise _broken(path, f"its packages for {platform} are not those that fpack locked", 0)
    return lock


def parse_header(text: str, path: Path) -> LockHeader:
    """The header that `text` begins with; `path` is for messages."""
    _refuse_conflict(text, path)
    return _header(_parse(text.partition("\npackage:")[0], path), path)


def _entry(package: Package) -> dict[str, object]:
    """A package with the fields that conda-lock's models demand, in its order."""
    md5 = {"md5": package.md5} if package.md5 else {}
    build = {"build": package.build} if package.build else {}
    return {
        "name": package.name,
        "version": package.version,
        "manager": package.manager,
        "platform": package.platform,
        "dependencies": dict(sorted(package.dependencies)),
        "url": package.url,
        "hash": {**md5, "sha256": package.sha256},
        **build,
        "category": "main",
        "optional": False,
    }


def _package(entry: dict[str, Any]) -> Package:
    """The package that `entry` describes; `ValueError` where a field could not have come from fpack."""
    manager = entry["manager"]
    if manager not in ("conda", "pip"):
        raise ValueError(f"unknown manager {manager!r}")
    hashes = entry["hash"]
    checks = (
        (_NAME, entry["name"], "name"),
        (_VERSION, entry["version"], "version"),
        (_URL, entry["url"], "url"),
        (_SHA256, hashes.get("sha256"), "sha256"),
    )
    for pattern, value, what in checks:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"{what} {value!r} cannot be")
    return Package(
        manager,
        entry["name"],
        entry["version"],
        str(entry["platform"]),
        entry["url"],
        hashes["sha256"],
        str(hashes.get("md5", "")),
        str(entry.get("build", "")),
        tuple(sorted((str(name), str(bound)) for name, bound in (entry.get("dependencies") or {}).items())),
    )


def _header(content: Any, path: Path) -> LockHeader:
    if not isinstance(content, dict) or content.get("version") != 1:
        raise _broken(path, "it is not a conda-lock file of version 1", 1)
    metadata = _part(content, "metadata", dict, path)
    request_ids = _part(metadata, "content_hash", dict, path)
    custom = metadata.get("custom_metadata") or {}
    prefix = "environment_id."
    channels = metadata.get("channels") or ()
    return LockHeader(
        python=str(custom.get("python", "")),
        requirements=tuple(str(custom.get("requirements", "")).split()),
        steps=tuple(str(custom.get("steps", "")).split()),
        request_ids={str(platform): str(found) for platform, found in request_ids.items()},
        environment_ids={
            key.removeprefix(prefix): str(found) for key, found in custom.items() if key.startswith(prefix)
        },
        conda=tuple(spec for spec in str(custom.get("conda", "")).split(_BETWEEN_SPECS) if spec),
        channels=tuple(str(each["url"] if isinstance(each, dict) else each) for each in channels),
        assumes={name: str(custom[name]) for name in _ASSUMED if name in custom},
    )


def _part(content: dict[str, Any], name: str, kind: type, path: Path) -> Any:
    if not isinstance(content.get(name), kind):
        raise _broken(path, f"its part `{name}` is missing or damaged", 0)
    return content[name]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _broken(path, str(error), 0)


def _refuse_conflict(text: str, path: Path) -> None:
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        raise LockFileError(
            f"lock file {path.name} has a merge conflict in line {line}",
            hint=f"run `fpack lock`, or take either side first: git checkout --ours {path.name}",
            where=Location(str(path), line),
        )


def _parse(text: str, path: Path) -> Any:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - it is one of the two safe ones
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise _broken(path, f"it is not YAML: {problem}", mark.line + 1 if mark else 0)


def _line_of_package(text: str, index: int) -> int:
    """The line on which package number `index`, counted from 0, starts."""
    lines = text.splitlines()
    start = lines.index("package:") if "package:" in lines else 0
    starts = [number for number, line in enumerate(lines, 1) if number > start and line.startswith("- ")]
    return starts[index] if index < len(starts) else 0


def _broken(path: Path, why: str, line: int) -> LockFileError:
    return LockFileError(
        f"lock file {path.name} cannot be used",
        why=why + (f" (line {line})" if line else ""),
        hint="restore it from git, or delete it and run `fpack lock`",
        where=Location(str(path), line),
    )
