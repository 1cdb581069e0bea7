"""Conda packages made from nothing: an archive, and the entry that lists it in a channel."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import zstandard

PLACEHOLDER = ("/opt/fpack_placehold" + "_placehold" * 24)[:255]
"""The prefix that packages are built for, as long as conda-build's: installing overwrites it."""

_SECONDS = 1_700_000_000
_ZIP_TIME = (2023, 11, 14, 22, 13, 20)
_ARCHITECTURES = {"64": "x86_64"}


@dataclass(frozen=True)
class File:
    """One member of a package: a file with its bits, or a symbolic link to `link`."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


Files = Mapping[str, File | bytes | str]
"""Path in the prefix to content; text and bytes are ordinary files that are not executable."""


def make_package(
    folder: Path,
    name: str,
    version: str,
    *,
    build: str = "0",
    number: int = 0,
    subdir: str = "noarch",
    depends: Sequence[str] = (),
    constrains: Sequence[str] = (),
    noarch: Literal["python", "generic", ""] = "",
    files: Files | None = None,
    entry_points: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    kind: Literal[".conda", ".tar.bz2"] = ".conda",
) -> tuple[Path, dict[str, Any]]:
    """Write `<folder>/<subdir>/<name>-<version>-<build><kind>`; its path and its entry for repodata.json.

    The bytes depend on the arguments alone. A file that holds PLACEHOLDER is listed as one to relocate, as
    binary where it has a zero byte. `extra` goes over the fields of `index.json`.
    """
    members = {path: _file(content) for path, content in sorted((files or {}).items())}
    system, _, machine = subdir.partition("-")
    index: dict[str, Any] = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": number,
        "subdir": subdir,
        "arch": _ARCHITECTURES.get(machine, machine) or None,
        "platform": system if machine else None,
        "depends": list(depends),
        "constrains": list(constrains),
        "license": "MIT",
        "timestamp": _SECONDS * 1000,
        **({"noarch": noarch} if noarch else {}),
        **(extra or {}),
    }
    info: dict[str, Any] = {
        "index.json": index,
        "paths.json": {"paths": [_path(*member) for member in members.items()], "paths_version": 1},
        "about.json": {"license": "MIT", "summary": name},
    }
    if noarch == "python":
        link = {"type": "python", "entry_points": list(entry_points)}
        info["link.json"] = {"noarch": link, "package_metadata_version": 1}
    about = {f"info/{file}": File(json.dumps(content).encode()) for file, content in info.items()}
    about["info/files"] = File("".join(f"{path}\n" for path in members).encode())
    stem = f"{name}-{version}-{build}"
    write = _conda if kind == ".conda" else _tar_bz2
    archive = folder / subdir / f"{stem}{kind}"
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(write(stem, dict(sorted(about.items())), members))
    return archive, repodata_entry(archive, index)


def repodata_entry(archive: Path, index: Mapping[str, Any]) -> dict[str, Any]:
    """What `repodata.json` says of `archive`, whose metadata is `index`."""
    content = archive.read_bytes()
    return {
        **index,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }


def _file(content: File | bytes | str) -> File:
    if isinstance(content, File):
        return content
    return File(content.encode() if isinstance(content, str) else content)


def _path(path: str, file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_path": path,
        "path_type": "softlink" if file.link else "hardlink",
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "size_in_bytes": len(file.content),
    }
    if PLACEHOLDER.encode() in file.content:
        entry["prefix_placeholder"] = PLACEHOLDER
        entry["file_mode"] = "binary" if b"\0" in file.content else "text"
    return entry


def _conda(stem: str, about: Mapping[str, File], members: Mapping[str, File]) -> bytes:
    parts = {
        "metadata.json": json.dumps({"conda_pkg_format_version": 2}).encode(),
        f"pkg-{stem}.tar.zst": zstandard.compress(_tar(members.items()), 3),
        f"info-{stem}.tar.zst": zstandard.compress(_tar(about.items()), 3),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for name, content in parts.items():
            opened.writestr(zipfile.ZipInfo(name, _ZIP_TIME), content)
    return archive.getvalue()


def _tar_bz2(stem: str, about: Mapping[str, File], members: Mapping[str, File]) -> bytes:
    return bz2.compress(_tar([*about.items(), *members.items()]), 3)


def _tar(members: Iterable[tuple[str, File]]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as opened:
        for path, file in members:
            member = tarfile.TarInfo(path)
            member.mtime = _SECONDS
            member.mode = 0o777 if file.link else file.mode
            member.size = len(file.content)
            if file.link:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, file.link, 0
            opened.addfile(member, io.BytesIO(file.content))
    return archive.getvalue()
