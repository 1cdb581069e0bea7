"""The package files of a lock on this machine, each under its sha256: fetched once, checked at every use.

    <cache>/pkgs/<sha256>.whl, .conda, .tar.bz2      whole files
    <cache>/pkgs/.<sha256>.*                         one that is being fetched; moved to its name when checked

A name is the content's hash, so nobody needs a lock: two that fetch the same file put the same bytes there.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from fpack.errors import EnvironmentBuildError, NetworkError
from fpack.packager.lockfile import Package
from fpack.packager.workers import each

Fetch = Callable[[str, Path], None]
"""Writes what is at a URL to a file."""

_FETCHERS = 8
_SUFFIXES = (".whl", ".conda", ".tar.bz2")
_BLOCK = 1024 * 1024
_A_DAY = 24 * 60 * 60


class PackageFiles:
    """The package files under `cache`; with `offline`, those that are there are all there are."""

    def __init__(self, cache: Path, *, offline: bool) -> None:
        self._folder = cache / "pkgs"
        self._offline = offline

    def get(self, packages: Sequence[Package], fetch: Fetch) -> list[Path]:
        """The files of `packages`, in their order, each with the sha256 of its lock entry.

        `fetch` brings those that are not there. `EnvironmentBuildError` where one is not the file that was
        locked, `NetworkError` where one cannot be fetched; `OSError` where the disk does not take it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        return each([partial(self._one, package, fetch) for package in packages], workers=_FETCHERS)

    def missing(self, packages: Sequence[Package]) -> list[Package]:
        """Those of `packages` that would be fetched."""
        return [package for package in packages if not self._place(package).is_file()]

    def _one(self, package: Package, fetch: Fetch) -> Path:
        place = self._place(package)
        with suppress(FileNotFoundError):
            if file_sha256(place) == package.sha256:
                return place
        if self._offline and urlsplit(package.url).scheme != "file":
            raise NetworkError(
                f"offline, and not in fpack's cache: {package.name} {package.version}",
                why="installing the environment needs it",
                hint="run once with the network (unset FPACK_OFFLINE)",
            )
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=f".{package.sha256}.")
        os.close(handle)
        try:
            fetch(package.url, Path(temporary))
            found = file_sha256(Path(temporary))
            if found != package.sha256:
                raise _other_file(package, found)
            os.chmod(temporary, 0o644)
            os.replace(temporary, place)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        return place

    def _sweep(self) -> None:
        """Remove what fetches that were killed left, a day ago or earlier: none takes that long."""
        for left in self._folder.glob(".*"):
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - _A_DAY:
                    left.unlink()

    def _place(self, package: Package) -> Path:
        """Where the file of `package` belongs. The suffix is kept: it says what kind of archive it is."""
        path = urlsplit(package.url).path
        suffix = next((suffix for suffix in _SUFFIXES if path.endswith(suffix)), "")
        return self._folder / f"{package.sha256}{suffix}"


def file_sha256(path: Path) -> str:
    """The sha256 of the file at `path`, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _other_file(package: Package, found: str) -> EnvironmentBuildError:
    return EnvironmentBuildError(
        f"{package.name}=={package.version} is not the file that was locked",
        why=f"locked sha256 {package.sha256}\nfetched sha256 {found}",
        hint="if its publisher replaced it, lock the new file: `fpack lock --upgrade`; else beware",
    )
