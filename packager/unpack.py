"""Wheels into a prefix, for any platform and Python from any host: the installer that fpack brings along.

`wheel_entries` says which files a wheel becomes (PEP 427, and the entry points specification), `unpack`
writes them. What comes out depends on the wheel and the target alone: the same bytes and modes everywhere.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fpack.packager.archive import refusal
from fpack.packager.claims import Claims
from fpack.packager.commands import command_script, entry_points, with_interpreter
from fpack.packager.record import Row, format_record, row_of
from fpack.packager.wheel import Member, Wheel
from fpack.packager.workers import each

INSTALLER = b"fpack\n"

_WRITERS = 4


@dataclass(frozen=True)
class Target:
    """What wheels are unpacked for.

    `python` is its version ("3.12"), `interpreter` the absolute path at which it will be, `site_packages`
    where its packages are, from the prefix.
    """

    python: str
    interpreter: str
    site_packages: str


@dataclass(frozen=True)
class Entry:
    """One file of a prefix: its path below it, and its content, which is checked while it is read."""

    path: str
    content: Member | bytes
    is_executable: bool
    row: Row
    """How RECORD lists it."""


def wheel_entries(wheel: Wheel, target: Target) -> list[Entry]:
    """The files that `wheel` becomes, sorted by path; `LockFileError` refuses it."""
    try:
        return _entries(wheel, target)
    except ValueError as error:
        raise refusal(wheel.package, f"it has {error}")


def unpack(wheels: Sequence[Wheel], folder: Path, target: Target, claims: Claims) -> None:
    """Put `wheels` into the prefix `folder`; `claims` are the files that it has.

    `LockFileError` refuses a wheel before anything of any is written, or while writing where a file's
    content is not what it should be; `folder` is then good for nothing.
    """
    planned = [(wheel, wheel_entries(wheel, target)) for wheel in wheels]
    kept = [(wheel, [entry for entry in found if _claim(claims, wheel, entry)]) for wheel, found in planned]
    make_folders(folder, {posixpath.dirname(entry.path) for _, entries in kept for entry in entries})
    each([partial(_write, wheel, entries, folder) for wheel, entries in kept], workers=_WRITERS)


def make_folders(folder: Path, paths: Iterable[str]) -> None:
    """Make these folders below `folder`, each open to all for reading."""
    known = {""}
    for path in sorted(paths):
        missing = []
        while path not in known:
            known.add(path)
            missing.append(path)
            path = posixpath.dirname(path)
        for each_path in reversed(missing):
            made = folder / each_path
            if not made.is_dir():
                made.mkdir()
                made.chmod(0o755)


def _entries(wheel: Wheel, target: Target) -> list[Entry]:
    site = target.site_packages
    found: dict[str, Entry] = {}

    def add(path: str, content: Member | bytes, is_executable: bool) -> None:
        if path in found:
            raise ValueError(f"two files for {path!r}")
        listed = posixpath.relpath(path, site)
        row = row_of(listed, content) if isinstance(content, bytes) else _row(listed, content)
        found[path] = Entry(path, content, is_executable, row)

    replaced = f"{wheel.info}/INSTALLER"
    for path, member in wheel.members.items():
        if path != replaced:
            placed, is_script = _place(path, wheel, target)
            content = _script(member, target) if is_script else member
            add(placed, content, is_script or member.is_executable)
    for name, (module, callable_name) in entry_points(wheel.text("entry_points.txt") or "").items():
        found.pop(f"bin/{name}", None)  # as pip has it: a declared command goes before a script of its name
        add(f"bin/{name}", command_script(target.interpreter, module, callable_name), True)
    add(f"{site}/{replaced}", INSTALLER, False)
    record = f"{wheel.info}/RECORD"
    rows = [*(entry.row for entry in found.values()), Row(record)]
    add(f"{site}/{record}", format_record(rows), False)
    return [found[path] for path in sorted(found)]


def _place(path: str, wheel: Wheel, target: Target) -> tuple[str, bool]:
    """Where in a prefix a wheel's file belongs, and whether it is a script."""
    top, _, rest = path.partition("/")
    if not rest or not top.endswith(".data"):
        return f"{target.site_packages}/{path}", False
    scheme, _, inner = rest.partition("/")
    folder = {
        "purelib": target.site_packages,
        "platlib": target.site_packages,
        "scripts": "bin",
        "headers": f"include/python{target.python}/{wheel.name}",
        "data": "",
    }.get(scheme)
    if folder is None or not inner:
        raise ValueError(f"{path!r}, for a place that no prefix has")
    return posixpath.join(folder, inner), scheme == "scripts"


def _script(member: Member, target: Target) -> Member | bytes:
    """A script for the target's interpreter; what is no Python script stays as it is."""
    start = bytes(next(iter(member.chunks()), b"")[:8])
    return with_interpreter(member.read(), target.interpreter) if start == b"#!python" else member


def _row(path: str, member: Member) -> Row:
    return Row(path, member.algorithm, member.digest, member.size)


def _claim(claims: Claims, wheel: Wheel, entry: Entry) -> bool:
    """Whether `entry` has yet to be written: another package may have brought the same file."""
    if entry.row.algorithm == "sha256":
        digest = entry.row.digest
    else:
        content = entry.content
        digest = row_of("", content if isinstance(content, bytes) else content.read()).digest
    return claims.take(entry.path, wheel.package, digest)


def _write(wheel: Wheel, entries: Sequence[Entry], folder: Path) -> None:
    """Write the files of one wheel; none of them may be there already."""
    root = str(folder)
    for entry in entries:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(f"{root}/{entry.path}", flags, 0o600)
        try:
            if isinstance(entry.content, bytes):
                _write_all(file, entry.content)
            else:
                for chunk in entry.content.chunks():
                    _write_all(file, chunk)
            os.fchmod(file, 0o755 if entry.is_executable else 0o644)
        except ValueError as error:
            raise refusal(wheel.package, f"it has {error}")
        finally:
            os.close(file)


def _write_all(file: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
