"""RECORD: the list of a distribution's files with their hashes, in a wheel and beside what is installed.

The rules are those of the packaging specifications "Recording installed projects" (PEP 376, 627) and "Binary
distribution format" (PEP 427).
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")
"""The files beside a wheel's RECORD that it has no hash of: itself, and signatures of it."""

_ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Row:
    """One file: its path (in a wheel from its root, installed from site-packages), its hash and its size.

    `digest` is hexadecimal; it and `size` are empty and None where nothing is known: for RECORD itself.
    """

    path: str
    algorithm: str = ""
    digest: str = ""
    size: int | None = None


def row_of(path: str, content: bytes) -> Row:
    """The row of a file with this content."""
    return Row(path, "sha256", hashlib.sha256(content).hexdigest(), len(content))


def parse_record(text: str) -> Mapping[str, Row]:
    """The rows of a RECORD by path; `ValueError` says what is wrong with it."""
    rows: dict[str, Row] = {}
    try:
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except csv.Error as error:
        raise ValueError(f"a RECORD that cannot be read ({error})")
    for line in lines:
        if len(line) != 3:
            raise ValueError(f"a RECORD with the line {','.join(line)!r}")
        path, digest, size = line
        if path in rows:
            raise ValueError(f"a RECORD that lists {path!r} twice")
        if size and not (size.isascii() and size.isdigit()):
            raise ValueError(f"a RECORD with the size {size!r} for {path!r}")
        rows[path] = Row(path, *_parse_digest(path, digest), int(size) if size else None)
    return rows


def format_record(rows: Iterable[Row]) -> bytes:
    """The RECORD with these rows, sorted, as pip writes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in sorted(rows, key=lambda row: row.path):
        encoded = base64.urlsafe_b64encode(bytes.fromhex(row.digest)).rstrip(b"=").decode()
        digest = f"{row.algorithm}={encoded}" if row.digest else ""
        writer.writerow((row.path, digest, "" if row.size is None else row.size))
    return text.getvalue().encode()


def _parse_digest(path: str, text: str) -> tuple[str, str]:
    """The algorithm and the hexadecimal digest of `sha256=…`, both empty where the field is."""
    if not text:
        return "", ""
    algorithm, _, encoded = text.partition("=")
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"a RECORD with a hash for {path!r} that proves nothing ({algorithm})")
    try:
        digest = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.new(algorithm).digest_size:
        raise ValueError(f"a RECORD with a damaged hash for {path!r}")
    return algorithm, digest.hex()
