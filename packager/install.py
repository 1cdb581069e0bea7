"""Packages into a prefix by `uv`: exactly the locked files, each checked against its sha256."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from fpack.errors import EnvironmentBuildError, FpackError
from fpack.packager.indexes import Indexes
from fpack.packager.lockfile import Package
from fpack.packager.solve_errors import explain_network_failure
from fpack.packager.uv import run_uv


def create_prefix(folder: Path, python: Path) -> None:
    """Make the empty `folder` a virtual environment over `python`, one that may be moved."""
    how = ["--quiet", "--no-project", "--relocatable", "--clear", "--no-python-downloads"]
    done = run_uv(["venv", *how, "--python", str(python), str(folder)])
    if done.returncode != 0:
        raise _explain(done.stderr, offline=False)


def install_packages(
    prefix: Path,
    python: str,
    packages: Sequence[Package],
    *,
    indexes: Indexes,
    offline: bool,
) -> None:
    """Install `packages`, for Python `python`, into `prefix` and nothing else: no dependency is looked for.

    `indexes` only lends its credentials and certificates: a lock has none. `EnvironmentBuildError` where a
    file has another sha256 than the lock says, or the disk does not take it; `NetworkError` where it cannot
    be fetched.
    """
    if not packages:
        return
    with tempfile.TemporaryDirectory(prefix="fpack-install-") as folder:
        pylock = Path(folder, "pylock.toml")
        pylock.write_text(pylock_text(python, packages), encoding="utf-8")
        how = ["--quiet", "--no-deps", "--require-hashes", "--no-build", "--no-python-downloads"]
        target = ["--python", str(prefix / "bin" / "python"), "--requirements", str(pylock)]
        command = ["pip", "install", *how, *target]
        # The cache first: a locked file cannot have changed, yet uv would ask its server whether it has.
        done = run_uv([*command, "--offline"], settings=indexes.settings)
        if done.returncode != 0 and not offline:
            done = run_uv(command, settings=indexes.settings)
    if done.returncode != 0:
        raise _explain(done.stderr, offline=offline)


def pylock_text(python: str, packages: Iterable[Package]) -> str:
    """The packages as a `pylock.toml` (PEP 751), each with its one wheel."""
    lines = ['lock-version = "1.0"', 'created-by = "fpack"', f'requires-python = ">={python}"']
    for package in packages:
        lines += [
            "[[packages]]",
            f"name = {_toml(package.name)}",
            f"version = {_toml(package.version)}",
            f"wheels = [{{ url = {_toml(package.url)}, hashes = {{ sha256 = {_toml(package.sha256)} }} }}]",
        ]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """`text` as a TOML string: JSON's are a part of TOML's."""
    return json.dumps(text)


def _explain(stderr: str, *, offline: bool) -> FpackError:
    """The error to raise for what uv said when it failed."""
    text = re.sub(r"(?<=://)[^/\s@]+@", "", stderr).strip()
    if "Hash mismatch" in text:
        package = re.search(r"Hash mismatch for `([^`]+)`", text)
        hashes = re.findall(r"sha256:([0-9a-f]{64})", text)
        return EnvironmentBuildError(
            f"{package.group(1) if package else 'a package'} is not the file that was locked",
            why="\n".join(
                f"{what} sha256 {found}" for what, found in zip(("locked", "fetched"), hashes, strict=False)
            ),
            hint="if its publisher replaced it, lock the new file: `fpack lock --upgrade`; else beware",
        )
    if re.search(r"No space left|os error 28|Disk quota exceeded", text):
        return EnvironmentBuildError(
            "the disk is full",
            why=text,
            hint="make room, or set FPACK_CACHE (and UV_CACHE_DIR) to another disk",
        )
    if re.search(r"Permission denied|Read-only file system|os error (13|30)\b", text):
        return EnvironmentBuildError(
            "a folder that is needed cannot be written",
            why=text,
            hint="set FPACK_CACHE (and UV_CACHE_DIR) to folders of your own",
        )
    unreachable = explain_network_failure(text, doing="installing the environment", offline=offline)
    if unreachable:
        return unreachable
    if "404 Not Found" in text:
        return EnvironmentBuildError(
            "a locked package is no longer where it was",
            why=text,
            hint="lock it anew: `fpack lock --upgrade`",
        )
    return EnvironmentBuildError(
        "the packages could not be installed", why=text, hint="`fpack lock --upgrade` may help"
    )
