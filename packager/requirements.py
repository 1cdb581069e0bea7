"""One declared package as a canonical PEP 508 requirement, by the rules that Metaflow users know."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from fpack.errors import DeclarationError, Location

RUNTIME_REQUIREMENTS = {"obstore": ">=0.8", "zstandard": ">=0.22"}
"""What a task imports besides the standard library: in every environment, with the bounds of fpack's own."""

_ANY = ("", "*", "None")
_OPERATORS = ("=", "!", "~", "<", ">")


def canonical_requirements(packages: Mapping[str, str], where: Location) -> tuple[str, ...]:
    """`packages` (name to version, in the user's spelling) and the task runtime's needs, sorted.

    The outcome is the same for every order and spelling that mean the same. A package of the runtime that
    the user constrains himself keeps his constraint alone. `DeclarationError` names the package at fault.
    """
    found: dict[str, str] = {}
    for declared, version in packages.items():
        name, extras = _parse_name(declared, where)
        if name in found:
            raise DeclarationError(
                f"package {name!r} is declared twice", hint="keep one line, with all its extras", where=where
            )
        found[name] = extras + _specifier(declared, version, where)
    for name, bound in RUNTIME_REQUIREMENTS.items():
        wanted = found.get(name, "")
        if not any(operator in wanted for operator in _OPERATORS):
            found[name] = wanted + bound
    return tuple(sorted(name + rest for name, rest in found.items()))


def project_name(requirement: str) -> str:
    """The project that a canonical requirement is about: `ray` of `ray[default]>=2`."""
    return re.split(r"[^a-z0-9-]", requirement, maxsplit=1)[0]


def _parse_name(declared: str, where: Location) -> tuple[str, str]:
    """The normalised name and the sorted extras, `("ray", "[default,tune]")`."""
    try:
        parsed = Requirement(declared)
    except InvalidRequirement:
        parsed = None
    if parsed is None or parsed.specifier or parsed.url or parsed.marker:
        raise DeclarationError(
            f"{declared!r} is not a package name",
            hint='write packages={"name": "1.2"}, or {"name[extra]": ">=1.2,<2"}',
            where=where,
        )
    extras = sorted(canonicalize_name(extra) for extra in parsed.extras)
    return canonicalize_name(parsed.name), f"[{','.join(extras)}]" if extras else ""


def _specifier(declared: str, version: str, where: Location) -> str:
    """`version` with `==` where it has no operator. Its clauses are sorted, their spelling kept.

    The text is made here, not by `packaging`, whose spelling may change between releases: every lock's
    request id depends on it.
    """
    wanted = "" if version is None else str(version).strip()
    if wanted in _ANY:
        return ""
    clauses = ["".join(clause.split()) for clause in wanted.split(",")]
    with_operator = [clause if clause.startswith(_OPERATORS) else f"=={clause}" for clause in clauses]
    text = ",".join(sorted(set(with_operator)))
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        is_url = "://" in wanted or wanted.startswith("@")
        raise DeclarationError(
            f"package {declared!r}: {version!r} is not a version",
            why="a step's packages come from a package index, not from a URL" if is_url else "",
            hint='write "1.7.2", "1.7.*", ">=1.7,<2", or "" for any version',
            where=where,
        )
    return text
