"""The files that a declaration names (`file=`), read and merged into its environment for one platform.

    DeclaredFile ──read──▶ Listing ──merge──▶ Environment, Bounds

The request is made from the outcome, so a lock knows what was asked for and not where that stood: to move
a file changes nothing, to change what it says makes the lock stale.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fpack.errors import DeclarationError, Location
from fpack.flow.environment import Environment
from fpack.flow.sources import DeclaredFile
from fpack.packager.listing import Listing, UnreadableFileError, Wish, marker_environment


@dataclass(frozen=True)
class Bounds:
    """What files say of packages beside asking for them.

    `constraints` are canonical requirements that hold for a package if it is there; `hashes`
    ("name sha256") are the only files that the package may be. Both sorted.
    """

    constraints: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


def read_files(files: Iterable[DeclaredFile], folder: Path) -> tuple[Listing, ...]:
    """What each file says; paths are relative to `folder`, the flow's.

    `DeclarationError` with the decorator's line, which names the line of the file that is at fault.
    """
    listings = []
    for declared in files:
        try:
            listings.append(_read(declared.path, folder))
        except UnreadableFileError as error:
            place = os.path.relpath(error.file, folder) + (f", line {error.line}" if error.line else "")
            raise DeclarationError(f"{place}: {error.what}", hint=error.hint, where=declared.where)
    return tuple(listings)


def merge_files(
    environment: Environment, listings: Sequence[Listing], platform: str, python: str
) -> tuple[Environment, Bounds]:
    """`environment` with what its files list for `platform` and `python`, and what they bound.

    A file's packages go over those that were declared below it, by their name; the declaration's own, of the
    same decorator or above, go over the file's. `DeclarationError` where a file excludes `python`.
    """
    seen = marker_environment(platform, python)
    pypi, conda = dict(environment.pypi), dict(environment.conda)
    constraints: dict[str, str] = {}
    hashes: dict[str, tuple[str, ...]] = {}
    channels: tuple[str, ...] = environment.channels
    for declared, listing in zip(environment.files, listings, strict=True):
        _check_python(declared, listing, python)
        below = {canonicalize_name(_project(name)) for name in declared.over.get("pypi", ())}
        above = {canonicalize_name(_project(name)) for name in environment.pypi} - below
        for name, group in _grouped(listing.pypi, seen).items():
            if name in above:
                continue
            wanted = [wish for wish in group if not wish.is_constraint]
            text = _specifier(group if wanted else [wish for wish in group if wish.is_constraint])
            if not wanted:
                constraints[name] = text
                continue
            for old in [each for each in pypi if canonicalize_name(_project(each)) == name]:
                del pypi[old]
            constraints.pop(name, None)
            extras = sorted({extra for wish in wanted for extra in wish.requirement.extras})
            pypi[f"{name}[{','.join(extras)}]" if extras else name] = text
            hashes[name] = tuple(sorted({digest for wish in group for digest in wish.hashes}))
        _merge_conda(conda, environment, declared, listing)
        if not environment.channels and listing.channels:
            channels = listing.channels
    bounds = Bounds(
        tuple(sorted(name + text for name, text in constraints.items())),
        tuple(sorted(f"{name} {digest}" for name, digests in hashes.items() for digest in digests)),
    )
    return replace(environment, pypi=pypi, conda=conda, channels=channels), bounds


def files_python(environment: Environment, listings: Sequence[Listing]) -> str | None:
    """The Python that is asked for: the declaration's, else that of the last file that names one."""
    named = [listing.python for listing in listings if listing.python]
    return environment.python or (named[-1] if named else None)


def _read(path: str, folder: Path) -> Listing:
    from fpack.packager import environment_yml, project_files, requirements_file

    bare, _, bracketed = path.partition("[")
    extras = [extra.strip() for extra in bracketed.rstrip("]").split(",") if extra.strip()]
    file = folder / bare
    if file.suffix in (".yml", ".yaml"):
        return environment_yml.read_environment(file)
    if file.name == "pyproject.toml":
        return project_files.read_pyproject(file, extras)
    if file.name == "uv.lock":
        return project_files.read_uv_lock(file, extras)
    if file.suffix == ".toml":
        return project_files.read_pylock(file)
    return requirements_file.read_requirements(file)


def _project(declared: str) -> str:
    return re.split(r"[\[\s]", declared, maxsplit=1)[0]


def _grouped(wishes: Iterable[Wish], seen: Mapping[str, str]) -> dict[str, list[Wish]]:
    """The wishes that hold for this target, by their project."""
    groups: dict[str, list[Wish]] = {}
    for wish in wishes:
        marker = wish.requirement.marker
        if marker is None or marker.evaluate(dict(seen)):
            groups.setdefault(wish.name, []).append(wish)
    return groups


def _specifier(wishes: Iterable[Wish]) -> str:
    """All clauses at once, in one order whatever that of the lines was."""
    clauses = {str(clause) for wish in wishes for clause in wish.requirement.specifier}
    return ",".join(sorted(clauses))


def _merge_conda(
    conda: dict[str, str], environment: Environment, declared: DeclaredFile, listing: Listing
) -> None:
    def bare(name: str) -> str:
        return name.rpartition("::")[2].lower()

    above = {bare(name) for name in environment.conda} - {
        bare(name) for name in declared.over.get("conda", ())
    }
    for name, rest in listing.conda:
        if bare(name) not in above:
            for old in [each for each in conda if bare(each) == bare(name)]:
                del conda[old]
            conda[name] = rest


def _check_python(declared: DeclaredFile, listing: Listing, python: str) -> None:
    full = python if python.count(".") == 2 else f"{python}.9999"
    if listing.requires_python and not SpecifierSet(listing.requires_python).contains(full):
        raise DeclarationError(
            f"{declared.path} is for Python {listing.requires_python}, and the step runs on {python}",
            hint='say which: python="3.12"',
            where=Location(declared.where.file, declared.where.line),
        )
