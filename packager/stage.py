"""Staging: a locked environment becomes the tree of a prefix, for any platform, byte for byte the same.

    lock ──fetch──▶ archives, each with its sha256 ──check──▶ contents ──▶ conda packages, by rattler
                                                                      └──▶ wheels, by fpack's own unpacker

`stage` makes what an image will have at `prefix`. `fill_prefix` is the same road for this machine, taken by
`realize` when conda packages are among those locked: what runs here is what will run there.

A staged tree depends on the lock, the platform, the prefix and the interpreter alone. Names, bytes, modes and
link targets are equal on every machine; modification times are not, whoever writes it into an archive sets
them. Bytecode is left out: Python's own kind holds a modification time.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fpack.errors import EnvironmentBuildError, LockFileError
from fpack.events import Emit, Event
from fpack.packager.cache import cache_folder
from fpack.packager.claims import Claims
from fpack.packager.conda_archive import known_contents
from fpack.packager.indexes import user_indexes
from fpack.packager.lockfile import Lock, Package
from fpack.packager.packages import PackageFiles
from fpack.packager.sources import Sources
from fpack.packager.unpack import Target, make_folders, unpack
from fpack.packager.uv import is_offline
from fpack.packager.wheel import read_wheel
from fpack.packager.workers import each

IMAGE_PREFIX = "/opt/fpack/env"

_READERS = 4


@dataclass(frozen=True)
class Staged:
    """A prefix made at `folder`, to be found at `prefix`; its interpreter, and what it takes on the disk."""

    folder: Path
    prefix: str
    interpreter: str
    files: int
    size: int


def stage(
    lock: Lock,
    platform: str,
    folder: Path,
    *,
    prefix: str = IMAGE_PREFIX,
    interpreter: str = "",
    sources: Sources | None = None,
    emit: Emit,
) -> Staged:
    """Make in `folder`, which is empty or not there, what `lock` has at `prefix` on `platform`.

    `interpreter` is the absolute path of the Python that runs scripts: that of the prefix unless given, as it
    must be for a lock without a `python` package. `LockFileError` where a package is one that is refused,
    `EnvironmentBuildError` or `NetworkError` where it cannot be had; `folder` is then empty again.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise EnvironmentBuildError(
                f"{folder} is not empty", hint="stage into a folder of its own, it is filled from nothing"
            )
        try:
            interpreter = fill_prefix(
                lock,
                platform,
                folder,
                prefix=prefix,
                interpreter=interpreter,
                sources=sources or Sources(cache_folder(), is_offline(False)),
                emit=emit,
            )
            _drop_bytecode(folder)
            return Staged(folder, prefix, interpreter, *_measure(folder))
        except BaseException:
            for left in folder.iterdir():
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
            raise
    except OSError as error:
        raise EnvironmentBuildError(
            f"the environment cannot be staged in {folder}",
            why=os.strerror(error.errno) if error.errno else str(error),
            hint="make room or rights there and in the cache (FPACK_CACHE)",
        )


def fill_prefix(
    lock: Lock,
    platform: str,
    folder: Path,
    *,
    prefix: str,
    interpreter: str = "",
    sources: Sources,
    shares_files: bool = False,
    emit: Emit,
) -> str:
    """Fill the empty `folder` with the packages of `lock`; the path that its scripts name as their Python.

    With `shares_files`, conda's files are hard links into the cache. Errors are those of `stage`, besides
    `OSError`; what is in `folder` after one is good for nothing.
    """
    packages = lock.on(platform)
    if platform not in lock.platforms:
        raise LockFileError(
            f"the environment is not locked for {platform}",
            why=f"it is for {', '.join(lock.platforms)}",
            hint=f"lock it for that platform too: `fpack lock --platform {platform}`",
        )
    files = PackageFiles(sources.cache, offline=sources.offline)
    _tell_fetching(files.missing(packages), emit)
    folder.chmod(0o755)
    interpreter = interpreter or f"{prefix}/bin/python"
    filling = _Filling(folder, prefix, platform, sources, shares_files, files, Claims(), emit)
    conda = [package for package in packages if package.manager == "conda"]
    minor = ".".join(lock.python.split(".")[:2])
    site_packages = filling.add_conda(conda) if conda else f"lib/python{minor}/site-packages"
    wheels = [package for package in packages if package.manager == "pip"]
    filling.add_wheels(wheels, Target(minor, interpreter, site_packages))
    return interpreter


@dataclass(frozen=True)
class _Filling:
    folder: Path
    prefix: str
    platform: str
    sources: Sources
    shares_files: bool
    files: PackageFiles
    claims: Claims
    emit: Emit

    def add_conda(self, packages: list[Package]) -> str:
        """Install conda packages; where Python's packages are in the prefix that they make."""
        from fpack.packager.conda_fetch import conda_fetcher
        from fpack.packager.conda_prefix import CondaPackage, install_conda, python_of

        archives = self.files.get(packages, conda_fetcher(self.sources.channels))
        pairs = list(zip(packages, archives, strict=True))
        found = each([partial(known_contents, path, package) for package, path in pairs], workers=_READERS)
        ready = [CondaPackage(*pair, contents) for pair, contents in zip(pairs, found, strict=True)]
        install_conda(
            ready,
            self.folder,
            prefix=self.prefix,
            platform=self.platform,
            cache=self.sources.cache,
            shares_files=self.shares_files,
            claims=self.claims,
            emit=self.emit,
        )
        return python_of(ready).contents.site_packages

    def add_wheels(self, packages: list[Package], target: Target) -> None:
        """Unpack wheels into the prefix, which has a site-packages folder even where there are none."""
        from fpack.packager.download import Downloader

        make_folders(self.folder, [target.site_packages])
        if packages:
            indexes = user_indexes() if self.sources.indexes is None else self.sources.indexes
            paths = self.files.get(packages, Downloader(indexes).fetch)
            pairs = zip(packages, paths, strict=True)
            wheels = [read_wheel(path, package.name, package.version) for package, path in pairs]
            unpack(wheels, self.folder, target, self.claims)


def _tell_fetching(missing: list[Package], emit: Emit) -> None:
    if missing:
        names = [package.name for package in missing]
        count = f"{len(names)} package{'s' * (len(names) > 1)}"
        emit(Event("environment.fetching", f"Fetching {count}", "detail", {"packages": names}))


def _drop_bytecode(folder: Path) -> None:
    """Take out what conda packages bring compiled: an image's times are not those that it was made for."""
    for found in sorted(folder.rglob("__pycache__")):
        if found.is_dir() and not found.is_symlink():
            for file in found.glob("*.pyc"):
                file.unlink()
            if not any(found.iterdir()):
                found.rmdir()


def _measure(folder: Path) -> tuple[int, int]:
    """How many files `folder` holds, links included, and their bytes."""
    sizes = [
        os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names
    ]
    return len(sizes), sum(sizes)
