"""Stand-in wheels for what conda provides: with these as the only candidates, uv solves around conda.

A stub is a wheel with a name and a version and nothing in it. Given as a URL constraint it is the only
version there is, so uv picks other packages to go with it, or says that none does.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class Provided:
    """What conda gives to Python in a step: distributions with their versions, and whose `@conda` it is.

    `step` names the steps for messages; stubs are kept under `cache`.
    """

    versions: Mapping[str, str]
    step: str
    cache: Path

    def constraints(self, file: Path) -> list[str]:
        """Write them to `file`; uv's arguments that make it solve around them, and leave them out."""
        write_constraints(self.versions, file, self.cache)
        return ["--constraints", str(file), *(f"--no-emit-package={name}" for name in sorted(self.versions))]


_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_constraints(provided: Mapping[str, str], file: Path, cache: Path) -> None:
    """Write `file`, a constraint for each distribution (name to version); its stubs are kept in `cache`."""
    lines = []
    for name, version in sorted(provided.items()):
        with suppress(InvalidVersion):  # what PyPI has no word for cannot be compared with what it has
            lines.append(f"{name} @ {_stub(name, str(Version(version)), cache / 'stubs').as_uri()}\n")
    file.write_text("".join(lines), encoding="utf-8")


def _stub(name: str, version: str, folder: Path) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{stem}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: fpack\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "".join(f"{info}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD")),
    }
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    with os.fdopen(handle, "wb") as opened, zipfile.ZipFile(opened, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, _EPOCH), text)
    os.replace(temporary, path)
    return path
