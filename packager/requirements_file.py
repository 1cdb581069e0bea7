"""pip's requirements files: every line of the format that can be locked, and a plain refusal of the others."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from fpack.packager.listing import Listing, UnreadableFileError, Wish, from_elsewhere, read_text

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_HASH = re.compile(r"\s--hash[=\s]\s*(\S+)")
_OPTION = re.compile(r"\s--[a-z]")
_ELSEWHERE = re.compile(
    r"^(\.{0,2}/|~|[a-z+]+://|(git|hg|svn|bzr)\+)|\.(whl|zip|tar\.\w+|tgz)(\s|$)", re.IGNORECASE
)

_INDEXES = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
}
_MEANINGLESS = ("--prefer-binary", "--only-binary", "--require-hashes", "--no-index", "--trusted-host")
"""fpack takes wheels alone and locks every hash; how to reach an index is for this machine's configuration."""


def read_requirements(file: Path, env: Mapping[str, str] = os.environ) -> Listing:
    """What the requirements file asks for, with what it includes; `UnreadableFileError` names the line."""
    return parse_requirements(read_text(file), file, env)


def parse_requirements(text: str, file: Path, env: Mapping[str, str] = os.environ, line: int = 1) -> Listing:
    """What `text` asks for, as it stands in `file` from `line` on; `${VARIABLES}` are `env`'s, as for pip."""
    parser = _Parser(env)
    parser.read(text, file, line, is_constraint=False)
    indexes = {name: tuple(dict.fromkeys(urls)) for name, urls in parser.indexes.items()}
    return Listing(pypi=tuple(parser.wishes), indexes=indexes)


class _Parser:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.wishes: list[Wish] = []
        self.indexes: dict[str, list[str]] = {}
        self._env = env
        self._open: list[Path] = []

    def read(self, text: str, file: Path, first: int, *, is_constraint: bool) -> None:
        for number, line in _logical_lines(text, first):
            # A variable may hold a password: what a message shows is the line as it was written.
            if line.startswith("-"):
                self._option(line, file, number, is_constraint=is_constraint)
            else:
                self.wishes.append(_wish(line, file, number, is_constraint=is_constraint))

    def _option(self, line: str, file: Path, number: int, *, is_constraint: bool) -> None:
        match = re.fullmatch(r"(-[a-zA-Z]|--[a-z-]+)(?:\s*=\s*|\s+|(?<=^-[a-zA-Z]))?(.*)", line)
        name, value = (match.group(1), match.group(2).strip()) if match else (line.split()[0], "")
        value = next(iter(shlex.split(value)), "") if value[:1] in "\"'" and value else value
        if name in ("-r", "--requirement", "-c", "--constraint"):
            self._include(value, file, number, is_constraint=is_constraint or name in ("-c", "--constraint"))
        elif name in _INDEXES:
            place = self._expanded(value, file, number)
            if name in ("-f", "--find-links") and "://" not in place:
                place = str((file.parent / place).absolute())
            self.indexes.setdefault(_INDEXES[name], []).append(place)
        elif name in ("-e", "--editable"):
            raise from_elsewhere(file, number, "an editable package")
        elif name == "--pre":
            raise UnreadableFileError(
                file, number, "--pre is for all packages at once", 'ask for one: "name>=2.0rc1"'
            )
        elif name not in _MEANINGLESS:
            raise UnreadableFileError(
                file, number, f"{name} is an option that fpack cannot honour", "take it out"
            )

    def _include(self, value: str, file: Path, number: int, *, is_constraint: bool) -> None:
        if "://" in value:
            raise UnreadableFileError(
                file, number, "it includes a file from the network", "keep that file beside the flow"
            )
        included = file.parent / value
        here = (*self._open, file)
        if included.resolve() in [each.resolve() for each in here]:
            raise UnreadableFileError(file, number, f"{value} includes itself", "take the line out")
        if not included.is_file():
            raise UnreadableFileError(
                file, number, f"there is no file {value}", "paths are relative to this file"
            )
        self._open.append(file)
        self.read(read_text(included), included, 1, is_constraint=is_constraint)
        self._open.pop()

    def _expanded(self, text: str, file: Path, number: int) -> str:
        for name in _VARIABLE.findall(text):
            if name not in self._env:
                raise UnreadableFileError(file, number, f"the variable {name} is not set", f"set {name}")
        return _VARIABLE.sub(lambda found: self._env[found.group(1)], text)


def _logical_lines(text: str, first: int) -> Iterator[tuple[int, str]]:
    """Each line with its number, without comments; one that ends in a backslash goes on in the next."""
    joined, start = "", 0
    for number, raw in enumerate(text.splitlines(), first):
        start = start if joined else number
        is_comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not is_comment:
            joined += raw[:-1] + " "
            continue
        line = _COMMENT.sub("", joined + ("" if joined and is_comment else raw)).strip()
        joined = ""
        if line:
            yield start, line
    if joined.strip():
        yield start, _COMMENT.sub("", joined).strip()


def _wish(line: str, file: Path, number: int, *, is_constraint: bool) -> Wish:
    hashes = []
    for each in _HASH.findall(line):
        algorithm, _, digest = each.partition(":")
        if algorithm != "sha256" or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise UnreadableFileError(file, number, f"--hash={algorithm}:… is no sha256", "give a sha256")
        hashes.append(digest)
    text = _HASH.sub("", line).strip()
    if _OPTION.search(text):
        option = _OPTION.search(text)
        assert option
        name = text[option.start() :].split()[0].partition("=")[0]
        raise UnreadableFileError(
            file, number, f"{name} is an option that fpack cannot honour", "take it out"
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        if _ELSEWHERE.search(text):
            raise from_elsewhere(file, number, "a package")
        shown = text.split("://")[0]
        raise UnreadableFileError(file, number, f"{shown!r} is no requirement", 'write "name==1.2"')
    if requirement.url:
        raise from_elsewhere(file, number, requirement.name)
    return Wish(requirement, tuple(sorted(hashes)), is_constraint)
