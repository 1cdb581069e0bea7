"""What a conda package holds, read from its archive and checked before anything else touches it (CEP 35).

rattler unpacks an archive wherever its members say, links whatever `paths.json` names and writes a command
for every entry point. So each of those names is looked at here first: absolute paths, `..`, links that lead
out, devices, members under a name twice or behind a link, and a package that is not the locked one are
refused.
"""

from __future__ import annotations

import bz2
import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import zstandard

from fpack.packager.archive import check_size, refusal, safe_link, safe_path
from fpack.packager.cache import write_whole
from fpack.packager.lockfile import Package

_FORMAT = 1
"""Of what is kept of an archive: raised when there is more to check."""

_BLOCK = 1024 * 1024
_LARGEST_WINDOW = 1 << 31
_BUILD = re.compile(r"[A-Za-z0-9_.+!-]*")
_ENTRY_POINT = re.compile(r"\s*([\w+-][\w.+-]*)\s*=\s*[\w.]+\s*:\s*[\w.]+\s*")
_NEEDED = ("info/index.json", "info/paths.json", "info/files", "info/link.json")


@dataclass(frozen=True)
class CondaContents:
    """A conda package's own metadata (`info/index.json`), and the files that it brings.

    `files` maps paths as the package has them to the sha256 of their content, for a link to its target
    ("-> target"). `commands` are the entry points of a `noarch: python` package.
    """

    index: Mapping[str, Any]
    files: Mapping[str, str]
    commands: tuple[str, ...] = ()

    @property
    def site_packages(self) -> str:
        """Where a `python` package says that packages go, from the prefix (CEP 17)."""
        major, minor = str(self.index["version"]).split(".")[:2]
        return str(self.index.get("python_site_packages_path") or f"lib/python{major}.{minor}/site-packages")

    def placed(self, site_packages: str) -> dict[str, str]:
        """`files` by their path in a prefix whose Python packages are in `site_packages`."""
        if self.index.get("noarch") != "python":
            return dict(self.files)
        folders = {"site-packages/": f"{site_packages}/", "python-scripts/": "bin/"}
        placed = {}
        for path, digest in self.files.items():
            folder = next((each for each in folders if path.startswith(each)), "")
            placed[folders.get(folder, "") + path.removeprefix(folder)] = digest
        return {**placed, **{f"bin/{name}": f"command {self.index['name']}" for name in self.commands}}


def read_contents(path: Path, package: Package) -> CondaContents:
    """What the archive at `path`, that of `package`, holds; `LockFileError` refuses it."""
    try:
        found = _Found()
        for file, prefix in _tars(path):
            found.add_all(file, prefix, path.stat().st_size)
        return _contents(found, package)
    except (ValueError, KeyError, TypeError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        why = f"its metadata lacks {error}" if isinstance(error, KeyError) else f"it has {error}"
        raise refusal(f"{package.name} {package.version}", why)
    except (OSError, zstandard.ZstdError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise refusal(f"{package.name} {package.version}", f"it cannot be unpacked: {error}")


def known_contents(path: Path, package: Package) -> CondaContents:
    """`read_contents`, which reads all of an archive, done once: its outcome is kept beside the archive.

    Only for an archive that is named after its sha256: what was found in one must hold for it forever.
    """
    kept = path.with_name(f"{path.name}.contents-{_FORMAT}.json")
    key = [package.name, package.version, package.build]
    try:
        found = json.loads(kept.read_bytes())
        if found["package"] == key:
            return CondaContents(found["index"], found["files"], tuple(found["commands"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    contents = read_contents(path, package)
    found = {
        "package": key,
        "index": contents.index,
        "files": contents.files,
        "commands": contents.commands,
    }
    write_whole(kept, json.dumps(found))
    return contents


@dataclass
class _Found:
    """The members of an archive, as they are met."""

    digests: dict[str, str] = field(default_factory=dict)
    info: dict[str, bytes] = field(default_factory=dict)
    size: int = 0

    def add_all(self, file: IO[bytes], prefix: str, packed: int) -> None:
        """Look at every member of the tar in `file`; "info/" or "!info/" says where they must be."""
        with tarfile.open(fileobj=file, mode="r|", bufsize=_BLOCK) as archive:
            for member in archive:
                self.size += member.size
                check_size(self.size, packed)
                name = member.name.removeprefix("./").rstrip("/")
                if member.isdir() and name in ("", "."):
                    continue
                safe_path(name)
                if prefix and name.startswith("info/") == prefix.startswith("!") and not member.isdir():
                    raise ValueError(f"{name!r} in the wrong part of its archive")
                if not member.isdir():
                    self._add(name, member, archive)

    def _add(self, name: str, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        if name in self.digests:
            raise ValueError(f"two members named {name!r}")
        if member.issym():
            self.digests[name] = "-> " + safe_link(name, member.linkname)
        elif member.islnk():
            target = safe_path(member.linkname.removeprefix("./"))
            if self.digests.get(target, "->").startswith("->"):
                raise ValueError(f"the hard link {name!r} to {target!r}, which is no file before it")
            self.digests[name] = self.digests[target]
        elif member.isreg():
            file = archive.extractfile(member)
            assert file is not None
            if name in _NEEDED:
                self.info[name] = file.read()
            self.digests[name] = "" if name in _NEEDED else _sha256(file)
        else:
            raise ValueError(f"the device or pipe {name!r}")


def _contents(found: _Found, package: Package) -> CondaContents:
    links = {name for name, digest in found.digests.items() if digest.startswith("->")}
    for name in found.digests:
        for at in (at for at, character in enumerate(name) if character == "/"):
            if name[:at] in links:
                raise ValueError(f"{name!r}, behind the link {name[:at]!r}")
    index = json.loads(found.info["info/index.json"])
    locked = (package.name.lower(), package.version, package.build)
    here = tuple(str(index[key]) for key in ("name", "version", "build"))
    if (here[0].lower(), *here[1:]) != locked or not _BUILD.fullmatch(here[2]):
        raise ValueError(f"the files of another package, {'-'.join(here)}")
    if index.get("python_site_packages_path"):
        safe_path(index["python_site_packages_path"])
    listed = [safe_path(path) for path in _listed(found.info)]
    for path in listed:
        if path not in found.digests:
            raise ValueError(f"a list of files with {path!r}, which it has not")
    return CondaContents(index, {path: found.digests[path] for path in sorted(listed)}, _commands(found.info))


def _listed(info: Mapping[str, bytes]) -> list[str]:
    """The files that an installer links; very old packages list them in `info/files` alone."""
    if "info/paths.json" in info:
        entries = json.loads(info["info/paths.json"])["paths"]
        return [str(entry["_path"]) for entry in entries if entry.get("path_type") != "directory"]
    return info["info/files"].decode().splitlines()


def _commands(info: Mapping[str, bytes]) -> tuple[str, ...]:
    declared = json.loads(info.get("info/link.json", b"{}")).get("noarch", {}).get("entry_points", [])
    names = []
    for entry in declared:
        parsed = _ENTRY_POINT.fullmatch(str(entry))
        if parsed is None:
            raise ValueError(f"an entry point that is none: {entry}")
        names.append(parsed[1])
    return tuple(sorted(names))


def _tars(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The tar streams of the archive at `path`, and which members each may have."""
    if not path.name.endswith(".conda"):
        with bz2.open(path) as whole:
            yield whole, ""
        return
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        stems = {name[5:-8] for name in names if name.startswith("info-")}
        stem = stems.pop() if len(stems) == 1 else ""
        if names != [f"info-{stem}.tar.zst", "metadata.json", f"pkg-{stem}.tar.zst"]:
            raise ValueError(f"the parts {', '.join(names)}, where a package has one of each kind")
        unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        for part, prefix in (("info", "info/"), ("pkg", "!info/")):
            with archive.open(f"{part}-{stem}.tar.zst") as packed:
                # Like every other reader: on to the next frame, where a member may hide.
                yield unpacker.stream_reader(packed, read_size=_BLOCK, read_across_frames=True), prefix


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
