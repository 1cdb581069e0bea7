"""A wheel as a checked list of members, read without unpacking it (PEP 427).

`read_wheel` reads the archive's directory and RECORD alone and refuses every wheel whose members are not
exactly the files that RECORD lists. Contents are checked while they are read, against the archive's sizes and
checksums and against RECORD's hashes.
"""

from __future__ import annotations

import hashlib
import mmap
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from fpack.packager.archive import check_size, refusal, safe_path
from fpack.packager.record import UNLISTED, Row, parse_record

_HEADER = struct.Struct("<I22xHH")
_SIGNATURE = 0x04034B50
_UTF8 = 0x800
_ENCRYPTED = 0x1

_SLICE = 128 * 1024
"""Compressed bytes fed to zlib at a time: it copies what it leaves over, so one big piece is quadratic."""

_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Member:
    """One file of a wheel. `packed` are its bytes as the archive has them: deflated, or as they are.

    `size` is that of the content, `crc` its CRC-32, `digest` its hash as RECORD has it ("" for RECORD).
    """

    path: str
    packed: memoryview
    is_deflated: bool
    size: int
    crc: int
    is_executable: bool
    algorithm: str = ""
    digest: str = ""

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The content piece by piece; `ValueError`, at the latest after the last, if it is another one."""
        digest = hashlib.new(self.algorithm or "sha256")
        size, crc = 0, 0
        for chunk in _inflate(self.packed) if self.is_deflated else (self.packed,):
            size += len(chunk)
            if size > self.size:
                break
            crc = zlib.crc32(chunk, crc)
            digest.update(chunk)
            yield chunk
        if size != self.size or crc != self.crc:
            raise ValueError(f"{self.path!r}, which is not what the archive's directory says")
        if self.digest and digest.hexdigest() != self.digest:
            raise ValueError(f"{self.path!r}, which is not what its RECORD says")

    def read(self) -> bytes:
        """The whole content, checked."""
        return b"".join(self.chunks())


@dataclass(frozen=True)
class Wheel:
    """A wheel: its members by path, RECORD and its signatures left out, sorted.

    `package` names it to people ("numpy 2.1.0"), `name` is its project's normalised name, `info` its
    `.dist-info` folder.
    """

    package: str
    name: str
    info: str
    members: Mapping[str, Member]

    def text(self, name: str) -> str | None:
        """A file of the `.dist-info` folder, None where there is none; a refusal if it is not UTF-8."""
        member = self.members.get(f"{self.info}/{name}")
        try:
            return member.read().decode() if member else None
        except ValueError as error:
            raise refusal(self.package, f"it has {error}" if str(error) else f"its {name} is not text")


def read_wheel(path: Path, name: str, version: str) -> Wheel:
    """The wheel of project `name` in the file at `path`, which stays mapped; `LockFileError` refuses it."""
    package = f"{name} {version}"
    try:
        with path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, view)
        return _wheel(package, name, members)
    except (ValueError, zipfile.BadZipFile, NotImplementedError, struct.error) as error:
        raise refusal(package, f"it has {error}")


def _wheel(package: str, name: str, members: dict[str, Member]) -> Wheel:
    """The wheel that `members` make up, if RECORD lists just them; `ValueError` otherwise."""
    folders = {top for top in (path.split("/", 1)[0] for path in members) if top.endswith(".dist-info")}
    if len(folders) != 1:
        raise ValueError(f"{len(folders)} .dist-info folders where a wheel has one")
    (info,) = folders
    project = info.removesuffix(".dist-info").rpartition("-")[0]
    if canonicalize_name(project) != canonicalize_name(name):
        raise ValueError(f"the files of another project, {project}")
    if f"{info}/RECORD" not in members:
        raise ValueError("no RECORD")
    record = parse_record(members[f"{info}/RECORD"].read().decode())
    signatures = {f"{info}/{unlisted}" for unlisted in UNLISTED}
    listed = {path: row for path, row in record.items() if path not in signatures}
    content = {path: member for path, member in members.items() if path not in signatures}
    for path in sorted(content.keys() ^ listed.keys()):
        raise ValueError(
            f"the file {path!r}, which its RECORD does not list"
            if path in content
            else f"a RECORD that lists {path!r}, which it has not"
        )
    wheel = Wheel(
        package, canonicalize_name(name), info, {p: _listed(content[p], listed[p]) for p in sorted(content)}
    )
    _check_format(wheel)
    return wheel


def _listed(member: Member, row: Row) -> Member:
    """`member` with the hash that RECORD has for it."""
    if not row.digest:
        raise ValueError(f"a RECORD without a hash for {row.path!r}")
    if row.size is not None and row.size != member.size:
        raise ValueError(f"{row.path!r}, whose size is not what its RECORD says")
    return Member(
        member.path,
        member.packed,
        member.is_deflated,
        member.size,
        member.crc,
        member.is_executable,
        row.algorithm,
        row.digest,
    )


def _check_format(wheel: Wheel) -> None:
    """`ValueError` for a version of the format that is newer than these rules."""
    for line in (wheel.text("WHEEL") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "wheel-version" and value.strip().split(".")[0] == "1":
            return
    raise ValueError("no WHEEL file that says Wheel-Version 1")


def _members(archive: zipfile.ZipFile, view: memoryview) -> dict[str, Member]:
    """The files of `archive`, which is mapped at `view`; `ValueError` for what a wheel must not have."""
    check_size(sum(info.file_size for info in archive.infolist()), len(view))
    members: dict[str, Member] = {}
    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ValueError(f"{info.filename!r}, whose bytes belong to another file as well")
        start, end = _extent(info, view)
        if info.is_dir():
            safe_path(info.filename.rstrip("/"))
            continue
        path = safe_path(info.filename)
        if path in members:
            raise ValueError(f"two files named {path!r}")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            kind = "symbolic link" if stat.S_ISLNK(mode) else "device or pipe"
            raise ValueError(f"the {kind} {path!r}, where a wheel has files alone")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ValueError(f"{path!r}, encrypted or compressed in a way that wheels are not")
        members[path] = Member(
            path,
            view[start:end],
            info.compress_type == zipfile.ZIP_DEFLATED,
            info.file_size,
            info.CRC,
            bool(mode & 0o111),
        )
    return members


def _extent(info: zipfile.ZipInfo, view: memoryview) -> tuple[int, int]:
    """Where the bytes of a member start and end, by a local header that agrees with the directory."""
    signature, name_size, extra_size = _HEADER.unpack_from(view, info.header_offset)
    name_start = info.header_offset + _HEADER.size
    start = name_start + name_size + extra_size
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
    if signature != _SIGNATURE or view[name_start : name_start + name_size] != name:
        raise ValueError(f"{info.filename!r}, under another name in its own header")
    if start + info.compress_size > len(view):
        raise ValueError(f"{info.filename!r}, which is cut off")
    return start, start + info.compress_size


def _inflate(packed: memoryview) -> Iterator[bytes]:
    """The content of a raw deflate stream; `ValueError` where it ends early or goes on after its end."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for start in range(0, len(packed), _SLICE):
            piece: bytes | memoryview = packed[start : start + _SLICE]
            while len(piece) and not stream.eof:
                yield stream.decompress(piece, _PIECE)
                piece = stream.unconsumed_tail
            if stream.eof and (stream.unused_data or start + _SLICE < len(packed)):
                raise ValueError("bytes after the end of a compressed file")
        yield stream.flush()
    except zlib.error as error:
        raise ValueError(f"a damaged compressed file ({error})")
    if not stream.eof:
        raise ValueError("a compressed file without an end")
