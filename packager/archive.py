"""What every package's archive must keep to before one byte of it is unpacked."""

from __future__ import annotations

import posixpath
import re

from fpack.errors import LockFileError

_DRIVE = re.compile(r"[A-Za-z]:")

_MOST_RATIO = 200
_SMALL = 256 * 1024 * 1024


def refusal(package: str, why: str) -> LockFileError:
    """The error that refuses `package` ("name 1.2"), for `why`."""
    return LockFileError(
        f"{package} holds what fpack refuses to install",
        why=why,
        hint="its archive is broken or hostile: lock another version of it, and tell its publisher",
    )


def safe_path(path: str) -> str:
    """`path`, if it is the one plain way to say a place below its root; `ValueError` says what it is instead.

    Refused are absolute paths, `..`, and every spelling that another tool may read as either: `\\`, a drive,
    empty and `.` parts, control characters.
    """
    if not path or path.startswith("/") or _DRIVE.match(path):
        raise ValueError(f"the absolute path {path!r}")
    if "\\" in path or any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise ValueError(f"the path {path!r}, with a character that no path has")
    parts = path.split("/")
    if ".." in parts:
        raise ValueError(f"the path {path!r}, which leaves its place")
    if "" in parts or "." in parts:
        raise ValueError(f"the path {path!r}, which is not in its plain form")
    return path


def safe_link(path: str, target: str) -> str:
    """`target` of the symbolic link at `path`, if it stays below their root; `ValueError` otherwise.

    Read by its words alone. A link over another link stays inside as well, since that one was read too.
    """
    if not target or "\0" in target or target.startswith("/"):
        raise ValueError(f"the link {path!r} to the absolute path {target!r}")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if place == ".." or place.startswith("../"):
        raise ValueError(f"the link {path!r} to {target!r}, which leaves its place")
    return target


def check_size(unpacked: int, packed: int) -> None:
    """`ValueError` for an archive of `packed` bytes that unpacks to so many that it is a bomb."""
    if unpacked > max(_SMALL, packed * _MOST_RATIO):
        raise ValueError(f"{unpacked:,} bytes packed into {packed:,}: a decompression bomb")
