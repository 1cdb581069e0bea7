"""Conda packages into a prefix, for any platform from any host: rattler's installer behind one function.

rattler unpacks and links; what is before and after it is fpack's. Before: every archive has the sha256 that
was locked (rattler does not look at that of local files) and holds nothing that leads out of its place.
After: the records in `conda-meta` tell nothing of this machine, modes are 0644 and 0755.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fpack.errors import EnvironmentBuildError, LockFileError
from fpack.events import Emit, Event
from fpack.packager.claims import Claims
from fpack.packager.conda_archive import CondaContents
from fpack.packager.conda_meta import CLOBBERED, clean_metadata
from fpack.packager.lockfile import Package
from fpack.packager.rattler_loop import run_rattler

if TYPE_CHECKING:
    from rattler import RepoDataRecord
    from rattler.package_cache import PackageCache

_LONGEST_PREFIX = 255
"""Bytes that conda packages keep free for the path of their prefix."""


@dataclass(frozen=True)
class CondaPackage:
    """A locked package, its archive on this machine, and what that holds."""

    package: Package
    archive: Path
    contents: CondaContents


def install_conda(
    packages: Sequence[CondaPackage],
    folder: Path,
    *,
    prefix: str,
    platform: str,
    cache: Path,
    shares_files: bool,
    claims: Claims,
    emit: Emit,
) -> None:
    """Put `packages` into the empty `folder`, as a prefix of `platform` that will be found at `prefix`.

    Unpacked packages are kept under `cache`; with `shares_files`, the prefix has hard links to them where
    the disk can do that. No script of a package runs. `EnvironmentBuildError` where it cannot be done.
    """
    from rattler import Config, install
    from rattler.networking import Client
    from rattler.platform import Subdir

    if len(os.fsencode(prefix)) > _LONGEST_PREFIX:
        raise EnvironmentBuildError(
            f"the path of the environment is too long for conda packages: {prefix}",
            why=f"it has {len(os.fsencode(prefix))} bytes, and they keep {_LONGEST_PREFIX} free for it",
            hint="set FPACK_CACHE to a folder with a shorter path",
        )
    site_packages = python_of(packages).contents.site_packages
    for each in packages:
        _claim(each, site_packages, claims, emit)
    # Symbolic links stay allowed: without them rattler copies what a package's own links lead to.
    config = Config.from_toml("" if shares_files else "allow-hard-links = false")
    try:
        run_rattler(
            install(
                [_record(each) for each in packages],
                target_prefix=folder,
                alternative_target_prefix=prefix,
                platform=Subdir(platform),
                package_cache=_unpacked(cache / "conda", is_checked=not shares_files),
                client=Client(),  # archives are here already
                config=config,
                execute_link_scripts=False,
                show_progress=False,
            )
        )
    except Exception as error:  # noqa: BLE001 - rattler raises half a dozen kinds here
        raise _explain(error)
    shutil.rmtree(folder / CLOBBERED, ignore_errors=True)
    (folder / "CACHEDIR.TAG").unlink(missing_ok=True)  # it would keep an image's environment out of backups
    clean_metadata(folder, [each.package for each in packages])
    _normalise_modes(folder)


def python_of(packages: Sequence[CondaPackage]) -> CondaPackage:
    """The package of the interpreter; `LockFileError` where there is none."""
    for each in packages:
        if each.package.name == "python":
            return each
    raise LockFileError(
        "the lock has conda packages, but no python among them",
        hint="lock it anew: `fpack lock`",
    )


def _unpacked(folder: Path, *, is_checked: bool) -> PackageCache:
    """Where rattler keeps what it unpacked; with `is_checked`, every file's hash is compared at each use.

    Prefixes on this machine share files with it, so a program that writes into its environment changes it.
    """
    from rattler.package_cache import PackageCache, ValidationMode

    mode = ValidationMode.full() if is_checked else ValidationMode.fast()
    return PackageCache.new_layered([folder], validation_mode=mode)


def _record(each: CondaPackage) -> RepoDataRecord:
    """Rattler's record of a package: what it says of itself, and where its archive is."""
    from rattler import PackageRecord, RepoDataRecord
    from rattler.package import BuildString

    package, index = each.package, each.contents.index
    record = PackageRecord(
        name=package.name,
        version=package.version,
        build=BuildString.new_unchecked(package.build),
        build_number=int(index.get("build_number", 0)),
        subdir=str(index.get("subdir") or "noarch"),
        arch=index.get("arch"),
        platform=index.get("platform"),
        noarch=index.get("noarch"),
        depends=[str(need) for need in index.get("depends", ())],
        constrains=[str(bound) for bound in index.get("constrains", ())],
        sha256=bytes.fromhex(package.sha256),
        md5=bytes.fromhex(package.md5) if package.md5 else None,
        license=index.get("license"),
        license_family=index.get("license_family"),
        python_site_packages_path=index.get("python_site_packages_path"),
    )
    url = each.archive.absolute().as_uri()
    return RepoDataRecord(record, package.url.rpartition("/")[2], url, url.rpartition("/")[0])


def _claim(each: CondaPackage, site_packages: str, claims: Claims, emit: Emit) -> None:
    """Note what a package brings. conda lets two packages bring one file, so this only tells of it."""
    label = f"{each.package.name} {each.package.version}"
    for path, digest in each.contents.placed(site_packages).items():
        try:
            claims.take(path, label, digest)
        except LockFileError as error:
            emit(Event("environment.clash", error.what, "warning", {"path": path, "package": label}))


def _normalise_modes(folder: Path) -> None:
    """Give every folder 0755, every file 0755 if its owner may run it and 0644 otherwise."""
    folder.chmod(0o755)
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = f"{parent}/{name}"
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                continue
            wanted = 0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644
            if stat.S_IMODE(mode) != wanted:
                os.chmod(path, wanted)


def _explain(error: Exception) -> EnvironmentBuildError:
    text = str(error)
    if "No space left" in text or "os error 28" in text:
        return EnvironmentBuildError(
            "the disk is full", why=text, hint="make room, or set FPACK_CACHE to another disk"
        )
    if "os error 13" in text or "os error 30" in text:
        return EnvironmentBuildError(
            "a folder that is needed cannot be written",
            why=text,
            hint="set FPACK_CACHE to a folder of your own",
        )
    return EnvironmentBuildError(
        "the conda packages could not be installed", why=text, hint="`fpack lock --upgrade` may help"
    )
