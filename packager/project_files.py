"""The packages of a Python project: its pyproject.toml, its uv.lock, or a pylock.toml (PEP 621, 735, 751)."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from fpack.packager.listing import (
    Listing,
    UnreadableFileError,
    Wish,
    from_elsewhere,
    line_of,
    read_text,
    wishes,
)
from fpack.packager.requirements_file import parse_requirements
from fpack.packager.uv import run_uv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_pyproject(file: Path, extras: Sequence[str]) -> Listing:
    """The project's dependencies, with those of `extras`: optional dependencies or dependency groups."""
    text, content = _load(file)
    project = _project(content, text, file)
    for part in ("dependencies", *(["optional-dependencies"] if extras else [])):
        if part in project.get("dynamic", ()):
            line = line_of(text, "dynamic")
            raise UnreadableFileError(
                file, line, f"its {part} are dynamic", "name a requirements.txt instead"
            )
    wanted = list(project.get("dependencies", ()))
    for extra in extras:
        wanted += _extra(content, extra, text, file, ())
    return Listing(pypi=tuple(wishes(wanted, text, file)), requires_python=_requires(project, text, file))


def read_uv_lock(file: Path, extras: Sequence[str]) -> Listing:
    """The packages that uv locked for the project beside the file, with their hashes.

    A lock that does not answer its pyproject.toml any more is refused: uv itself would need the network and
    the project's Python to tell.
    """
    locked = _load(file)[1]
    beside = file.parent / "pyproject.toml"
    if not beside.is_file():
        raise UnreadableFileError(file, 0, "there is no pyproject.toml beside it", "keep the two together")
    text, content = _load(beside)
    project = _project(content, text, beside)
    stale = _stale(locked, content, project)
    if stale:
        raise UnreadableFileError(file, 0, f"it is stale: {stale}", "run `uv lock` in its folder")
    options: list[str] = []
    for extra in extras:
        _extra(content, extra, text, beside, ())
        options += ["--extra" if _optional(content, extra) is not None else "--group", extra]
    what = ["--frozen", "--no-emit-project", "--no-emit-workspace", "--no-default-groups", *options]
    how = ["--format", "requirements-txt", "--no-header", "--no-annotate", "--quiet", "--offline"]
    python = ["--no-python-downloads", "--python", sys.executable]
    done = run_uv(["export", *what, *how, *python, "--project", str(file.parent.absolute())])
    if done.returncode != 0:
        why = re.sub(r"(?<=://)[^/\s@]+@", "", done.stderr).strip().removeprefix("error: ")
        raise UnreadableFileError(file, 0, f"uv cannot read it: {why}", "run `uv lock` in its folder")
    listing = parse_requirements(done.stdout, file, {}, line=0)
    return Listing(pypi=listing.pypi, requires_python=_requires(project, text, beside))


def read_pylock(file: Path) -> Listing:
    """The packages of a pylock.toml, each with the hashes of its wheels."""
    text, content = _load(file)
    version = str(content.get("lock-version", ""))
    if version.split(".")[0] != "1":
        line = line_of(text, "lock-version")
        raise UnreadableFileError(file, line, f"its lock-version is {version!r}", "fpack reads version 1")
    found = []
    for package in content.get("packages", ()):
        name = str(package.get("name", ""))
        line = line_of(text, f'name = "{name}"')
        if any(kind in package for kind in ("vcs", "directory", "archive")):
            raise from_elsewhere(file, line, name)
        if "version" not in package:
            raise UnreadableFileError(file, line, f"it gives no version of {name}")
        hashes = [wheel.get("hashes", {}).get("sha256") for wheel in package.get("wheels", ())]
        marker = f"; {package['marker']}" if "marker" in package else ""
        (wish,) = wishes([f"{name}=={package['version']}{marker}"], text, file)
        found.append(Wish(wish.requirement, tuple(sorted({each for each in hashes if each}))))
    return Listing(pypi=tuple(found), requires_python=_requires(content, text, file))


def _load(file: Path) -> tuple[str, dict[str, Any]]:
    text = read_text(file)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UnreadableFileError(
            file, int(line.group(1)) if line else 0, f"it is not TOML: {error}", "mend it"
        )


def _project(content: Mapping[str, Any], text: str, file: Path) -> Mapping[str, Any]:
    project = content.get("project")
    if isinstance(project, dict):
        return project
    hint = "Poetry's own table is not read: `poetry export`, and name the requirements.txt"
    poetry = "poetry" in content.get("tool", {})
    raise UnreadableFileError(file, 0, "it has no [project]", hint if poetry else "list them under [project]")


def _requires(table: Mapping[str, Any], text: str, file: Path) -> str:
    wanted = str(table.get("requires-python", ""))
    try:
        SpecifierSet(wanted)
    except InvalidSpecifier:
        line = line_of(text, "requires-python")
        raise UnreadableFileError(file, line, f"requires-python = {wanted!r} is no specifier", '">=3.11"')
    return wanted


def _optional(content: Mapping[str, Any], extra: str) -> list[str] | None:
    return _named(content.get("project", {}).get("optional-dependencies", {}), extra)


def _named(table: Mapping[str, Any], name: str) -> list[Any] | None:
    """The entry of a table whose keys are normalised names."""
    return next(
        (each for key, each in table.items() if canonicalize_name(key) == canonicalize_name(name)), None
    )


def _extra(
    content: Mapping[str, Any], extra: str, text: str, file: Path, within: Collection[str]
) -> list[Any]:
    """The requirements of an extra, or of a dependency group, with those of the ones that it includes."""
    optional = _optional(content, extra)
    group = _named(content.get("dependency-groups", {}), extra)
    found = optional if optional is not None else group
    if found is None or canonicalize_name(extra) in within:
        what = "includes itself" if found is not None else "is no extra and no group of it"
        raise UnreadableFileError(file, line_of(text, extra), f"{extra!r} {what}", "name one that it has")
    own = canonicalize_name(str(content.get("project", {}).get("name", "")))
    here = {*within, canonicalize_name(extra)}
    wanted: list[Any] = []
    for each in found:
        if isinstance(each, dict) and isinstance(each.get("include-group"), str):
            wanted += _extra(content, each["include-group"], text, file, here)
            continue
        match = re.fullmatch(r"\s*([\w.-]+)\s*\[([^\]]*)\]\s*", each) if isinstance(each, str) else None
        if match and canonicalize_name(match.group(1)) == own:
            for further in match.group(2).split(","):
                wanted += _extra(content, further.strip(), text, file, here)
        else:
            wanted.append(each)
    return wanted


def _stale(locked: Mapping[str, Any], content: Mapping[str, Any], project: Mapping[str, Any]) -> str:
    """How the pyproject.toml asks for something else than what uv.lock says that it answers, or "".

    Markers are left out of the comparison, since uv writes them in its own way.
    """
    if "dependencies" in project.get("dynamic", ()):
        return ""
    name = canonicalize_name(str(project.get("name", "")))
    entry = next((each for each in locked.get("package", ()) if each.get("name") == name), None)
    if entry is None:
        return f"it does not lock {name}"
    metadata = entry.get("metadata", {})
    recorded = {_key(each) for each in metadata.get("requires-dist", ())}
    recorded |= {_key(each) for group in metadata.get("requires-dev", {}).values() for each in group}
    lists = [project.get("dependencies", ()), *project.get("optional-dependencies", {}).values()]
    lists += content.get("dependency-groups", {}).values()
    asked = {_key_of(Requirement(each)) for wanted in lists for each in wanted if isinstance(each, str)}
    own = {each for each in asked if each[0] == name}  # `all = ["name[one,two]"]`, which uv resolves
    differing = sorted({key[0] for key in (asked - own) ^ {key for key in recorded if key[0] != name}})
    return f"its pyproject.toml asks otherwise for {', '.join(differing)}" if differing else ""


def _key(entry: Mapping[str, Any]) -> tuple[str, str, SpecifierSet]:
    extras = ",".join(sorted(entry.get("extras", ())))
    return canonicalize_name(entry["name"]), extras, SpecifierSet(entry.get("specifier", ""))


def _key_of(requirement: Requirement) -> tuple[str, str, SpecifierSet]:
    extras = ",".join(sorted(canonicalize_name(extra) for extra in requirement.extras))
    return canonicalize_name(requirement.name), extras, requirement.specifier
