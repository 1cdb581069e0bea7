"""One declared conda package as a canonical match spec: equal wishes are equal text.

The text is made here and not by rattler, whose spelling may change between releases: every lock's request
id depends on it, and to read a lock must not cost the import of a solver. What comes out is a spec that
rattler takes in its strict mode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fpack.errors import DeclarationError, Location

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_CLAUSE = re.compile(r"(==|!=|>=|<=|~=|=|>|<|)\s*(\d+!)?([0-9a-z][0-9a-z._+-]*?)(\.?\*)?", re.IGNORECASE)
_BUILD = re.compile(r"[0-9A-Za-z_.+*-]+")
_FIELD = re.compile(r"\s*(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^\s,'\"]+))\s*(?:,|$)")
_EXACT = ("", "==", "=")


def canonical_specs(packages: Mapping[str, str], where: Location) -> tuple[str, ...]:
    """`packages` (name to what stands behind it, in the user's spelling) as sorted match specs.

    The outcome is the same for every order and spelling that mean the same. `DeclarationError` names the
    package at fault.
    """
    found: dict[str, str] = {}
    for declared, wanted in packages.items():
        channel, _, name = declared.rpartition("::")
        name = name.strip().lower()
        if not _NAME.fullmatch(name):
            raise _unreadable(declared, wanted, "", where)
        if name in found:
            raise DeclarationError(
                f"package {name!r} is declared twice", hint="keep one of the lines", where=where
            )
        try:
            rest = _canonical(wanted.strip())
        except ValueError as error:
            raise _unreadable(declared, wanted, str(error), where)
        found[name] = f"{channel}::{name}{rest}" if channel else f"{name}{rest}"
    return tuple(found[name] for name in sorted(found))


def spec_name(spec: str) -> str:
    """The package that a canonical spec is about: `numpy` of `conda-forge::numpy >=2`."""
    return spec.rpartition("::")[2].partition(" ")[0].partition("[")[0]


def spec_channel(spec: str) -> str:
    """The channel that a canonical spec insists on, "" without one."""
    return spec.rpartition("::")[0]


def _canonical(wanted: str) -> str:
    """What stands behind the name: ` <version>`, ` <version> <build>`, then `[build_number=…]`."""
    fields: dict[str, str] = {}
    bracketed = re.fullmatch(r"(.*?)\[(.*)\]", wanted, re.DOTALL)
    if bracketed:
        wanted, fields = bracketed.group(1).strip(), _fields(bracketed.group(2))
    version, build = _split(wanted)
    version = fields.get("version", version)
    build = fields.get("build", build)
    version = _version(version, is_exact=bool(build) and not re.search("[,|]", version))
    if build and not _BUILD.fullmatch(build):
        raise ValueError(f"{build!r} is no build")
    number = f'[build_number="{fields["build_number"]}"]' if "build_number" in fields else ""
    if build and build != "*":
        return f" {version or '*'} {build}{number}"
    return f" {version}{number}" if version else number


def _split(wanted: str) -> tuple[str, str]:
    """The version and the build, which stand apart or are joined by `=` (`2.7.*=*cuda*`)."""
    joined = re.sub(r"\s*([,|])\s*", r"\1", wanted)
    joined = re.sub(r"([=<>!~])\s+", r"\1", joined)
    version, _, build = joined.partition(" ")
    if not build:
        match = re.fullmatch(r"([=<>!~]*[^=<>!~]*[^=<>!~,|])=([^=]+)", version)
        if match:
            version, build = match.groups()
    return version, build.strip()


def _fields(text: str) -> dict[str, str]:
    """The keys in brackets: `version`, `build`, `build_number`."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _FIELD.match(text, position)
        if not match:
            raise ValueError(f"{text[position:]!r} is no key=value")
        key, *values = match.groups()
        if key not in ("version", "build", "build_number"):
            raise ValueError(f"fpack reads version, build and build_number in brackets, not {key}")
        found[key] = next(value for value in values if value is not None).strip()
        position = match.end()
    if not re.fullmatch(r"((==|>=|<=|>|<)?\d+)?", found.get("build_number", "")):
        raise ValueError(f"{found['build_number']!r} is no build number")
    return found


def _version(text: str, *, is_exact: bool) -> str:
    """`text` with its clauses in order: a bare version is `==`, `=1.2` is `1.2.*` unless it `is_exact`, which
    one version with a build is."""
    if text.strip() in ("", "*", "None", "=*", "==*"):
        return ""
    either = ("".join(part.split()) for part in text.split("|"))
    return "|".join(sorted({",".join(sorted({_clause(c, is_exact) for c in p.split(",")})) for p in either}))


def _clause(text: str, is_exact: bool) -> str:
    match = _CLAUSE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no version")
    operator, epoch, number, star = match.groups()
    version = (epoch or "") + number.lower()
    if operator in _EXACT:
        if star or (operator == "=" and not is_exact):
            return f"{version}.*"
        return f"=={version}"
    if operator == "!=" and star:
        return f"!={version}.*"
    if operator == ">" and star:
        return f">={version}"
    return f"{operator}{version}"


def _unreadable(declared: str, wanted: str, why: str, where: Location) -> DeclarationError:
    return DeclarationError(
        f"conda package {declared!r}: {wanted!r} is not a version"
        if _NAME.fullmatch(declared.rpartition("::")[2].lower())
        else f"{declared!r} is not the name of a conda package",
        why=why,
        hint='write "2.2.3", ">=2.2,<3", "2.2.*", "2.7.* *cuda*", or "" for any version',
        where=where,
    )
