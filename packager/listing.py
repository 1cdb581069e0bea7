"""What a file of packages says (`file=` of @pypi and @conda), whichever format it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_MACHINES = {"linux-64": "x86_64", "linux-aarch64": "aarch64", "osx-arm64": "arm64", "osx-64": "x86_64"}


class UnreadableFileError(Exception):
    """A line of a user's file that cannot be used; `line` is 0 where the whole file is meant."""

    def __init__(self, file: Path, line: int, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.file = file
        self.line = line
        self.what = what
        self.hint = hint


@dataclass(frozen=True)
class Wish:
    """One requirement of a file, with the sha256 of the files that it may be; a constraint only bounds."""

    requirement: Requirement
    hashes: tuple[str, ...] = ()
    is_constraint: bool = False

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


@dataclass(frozen=True)
class Listing:
    """All that a file asks for. `conda` are a match spec's name and rest; `indexes` (of pip's option names)
    may hold credentials, so they are not printed. `requires_python` is a specifier that Python has to meet.
    """

    pypi: tuple[Wish, ...] = ()
    conda: tuple[tuple[str, str], ...] = ()
    channels: tuple[str, ...] = ()
    python: str | None = None
    requires_python: str = ""
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


def marker_environment(platform: str, python: str) -> dict[str, str]:
    """What a marker (PEP 508) sees on `platform` under `python`: the target's values, never this machine's.

    A Python without a patch number counts as its first release, as uv has it.
    """
    is_linux = platform.startswith("linux")
    full = python if python.count(".") == 2 else f"{python}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": _MACHINES[platform],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux" if is_linux else "Darwin",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": "linux" if is_linux else "darwin",
        "extra": "",
    }


def read_text(file: Path) -> str:
    """The text of a user's file; `UnreadableFileError` where there is none, or it is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UnreadableFileError(file, 0, "there is no such file", "paths are relative to the flow file")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UnreadableFileError(file, line, "it is not UTF-8", "save it as UTF-8")
    except OSError as error:
        raise UnreadableFileError(file, 0, error.strerror or "it cannot be read", "make it a readable file")


def line_of(text: str, wanted: str) -> int:
    """The first line of `text` that has `wanted` in it, 0 without one: TOML's readers tell no lines."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if wanted in line), 0)


def wishes(wanted: Sequence[str], text: str, file: Path) -> list[Wish]:
    """The requirements in a TOML file's list; `text` is the file's, for lines."""
    from packaging.requirements import InvalidRequirement

    found = []
    for each in wanted:
        if not isinstance(each, str):
            raise UnreadableFileError(file, 0, f"{each!r} is no requirement", "requirements are text")
        try:
            requirement = Requirement(each)
        except InvalidRequirement:
            raise UnreadableFileError(file, line_of(text, each), f"{each!r} is no requirement")
        if requirement.url:
            raise from_elsewhere(file, line_of(text, each), requirement.name)
        found.append(Wish(requirement))
    return found


def from_elsewhere(file: Path, line: int, what: str) -> UnreadableFileError:
    """The refusal of a package from a URL, a path or a repository. Its address may hold a password."""
    return UnreadableFileError(
        file,
        line,
        f"{what} comes from a URL or a folder, and a step's packages come from an index",
        "publish it as a wheel to an index (a folder of wheels will do), and name it with its version",
    )
