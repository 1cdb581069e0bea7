"""Wheels that no build tool makes: any member, any RECORD, any header, so that a test can break one rule."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

INFO = "bad-1.0.dist-info"
WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

Files = Mapping[str, bytes]


def record_line(path: str, content: bytes, algorithm: str = "sha256") -> str:
    """The line of a RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(content)}\n"


def plain_files(files: Files | None = None, info: str = INFO) -> dict[str, bytes]:
    """What the smallest good wheel has besides its RECORD, and `files`."""
    metadata = f"Metadata-Version: 2.1\nName: {info.split('-')[0]}\nVersion: 1.0\n".encode()
    return {f"{info}/METADATA": metadata, f"{info}/WHEEL": WHEEL, **(files or {})}


def good_record(files: Files, info: str = INFO) -> str:
    return "".join(record_line(*file) for file in files.items()) + f"{info}/RECORD,,\n"


def write_wheel(
    path: Path,
    files: Files | None = None,
    *,
    record: str | None = None,
    info: str = INFO,
    modes: Mapping[str, int] | None = None,
    stored: bool = False,
) -> Path:
    """A wheel of `files`, a good one but for them, unless `record` is given. `modes` are whole `st_mode`s."""
    members = plain_files(files, info)
    text = good_record(members, info) if record is None else record
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, f"{info}/RECORD": text.encode()}.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = archive.compression
            member.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(member, content)
    return path
