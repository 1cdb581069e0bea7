"""PyPI requests solved by `uv pip compile`: exact wheels, each with its URL and sha256."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fpack.errors import SolveError
from fpack.packager.indexes import Indexes
from fpack.packager.lockfile import Package
from fpack.packager.platforms import UV_PLATFORMS
from fpack.packager.request import EnvironmentRequest
from fpack.packager.solve_errors import explain_failed_solve
from fpack.packager.stubs import Provided
from fpack.packager.urls import without_credentials
from fpack.packager.uv import run_uv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def solve_pypi(
    request: EnvironmentRequest,
    *,
    pins: Sequence[Package] = (),
    provided: Provided | None = None,
    indexes: Indexes,
    offline: bool = False,
) -> tuple[Package, ...]:
    """The wheels that satisfy `request`, sorted by name.

    Versions in `pins` are kept where the request allows. What is `provided` by conda is there already: the
    rest has to go with it, and it is not among the wheels. Only wheels are considered: nothing is built,
    nothing of a package runs. `SolveError` where no set of wheels satisfies the request, `NetworkError`
    where an index cannot be asked.
    """
    with tempfile.TemporaryDirectory(prefix="fpack-lock-") as folder:
        solution = Path(folder, "pylock.solution.toml")
        if pins:
            solution.write_text(_pylock_of_pins(pins), encoding="utf-8")
        how = ["--quiet", "--no-header", "--no-build", "--no-python-downloads"]
        if offline:
            how.append("--offline")
        python = ["--python", sys.executable, "--python-version", request.python]
        target = [*python, "--python-platform", UV_PLATFORMS[request.platform]]
        around = provided.constraints(Path(folder, "provided.txt")) if provided else []
        if request.constraints:
            bounds = Path(folder, "constraints.txt")
            bounds.write_text("\n".join(request.constraints) + "\n", encoding="utf-8")
            around = [*around, "--constraint", str(bounds)]
        output = ["--format", "pylock.toml", "--output-file", str(solution)]
        done = run_uv(
            ["pip", "compile", "-", *how, *target, *around, *output],
            settings={**indexes.settings, "UV_NO_WRAP": "1"},
            stdin="\n".join(request.pypi) + "\n",
        )
        if done.returncode != 0:
            raise explain_failed_solve(done.stderr, request, provided, offline=offline)
        solved = tomllib.loads(solution.read_text(encoding="utf-8"))
    packages = [_package(entry, request) for entry in solved.get("packages", [])]
    for package in packages:
        _check_hash(package, request)
    return tuple(sorted(packages, key=lambda package: package.name))


def _pylock_of_pins(pins: Sequence[Package]) -> str:
    """The old versions in the file that uv is about to overwrite: it prefers what it finds there."""
    entries = [f'[[packages]]\nname = "{pin.name}"\nversion = "{pin.version}"\n' for pin in pins]
    return 'lock-version = "1.0"\ncreated-by = "fpack"\n' + "".join(entries)


def _package(entry: dict[str, Any], request: EnvironmentRequest) -> Package:
    """One package of uv's answer. With a platform given, uv names exactly one wheel for each."""
    name = str(entry["name"])
    wheels = entry.get("wheels", [])
    sha256 = wheels[0].get("hashes", {}).get("sha256") if wheels else None
    if len(wheels) != 1 or not sha256:
        raise SolveError(
            f"{name} {entry.get('version', '')} cannot be locked for {request.platform}",
            why="its index gives no sha256 for its wheel" if wheels else "it has no wheel",
            hint="ask the index's owner for hashes, or take another version",
        )
    return Package(
        manager="pip",
        name=name,
        version=str(entry["version"]),
        platform=request.platform,
        url=without_credentials(_wheel_url(wheels[0])),
        sha256=str(sha256),
    )


def _check_hash(package: Package, request: EnvironmentRequest) -> None:
    """`SolveError` for a wheel that is none of those whose hashes the declaration's file gives."""
    allowed = {each.partition(" ")[2] for each in request.hashes if each.startswith(f"{package.name} ")}
    if allowed and package.sha256 not in allowed:
        raise SolveError(
            f"{package.name} {package.version} is not the file whose hash the declaration gives",
            why=f"its wheel for {request.platform} has sha256 {package.sha256}",
            hint="name the hashes of the wheels for every platform that is locked, or none",
        )


def _wheel_url(wheel: dict[str, Any]) -> str:
    if "url" in wheel:
        return str(wheel["url"])
    return Path(os.path.abspath(str(wheel["path"]))).as_uri()
