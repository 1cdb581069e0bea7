"""Where a Python of a given version is on this machine, or how it gets here."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from fpack.errors import PythonMissingError
from fpack.events import Emit, Event
from fpack.packager.request import OLDEST_PYTHON
from fpack.packager.uv import run_uv, stream_uv


def find_python(version: str, *, offline: bool = False, emit: Emit) -> Path:
    """An interpreter of `version` ("3.12", or "3.12.4" exactly), never that of a virtual environment.

    The launching interpreter is taken if it fits, then one that is installed here, then one that uv fetches.
    `PythonMissingError` where there is none and none can be fetched.
    """
    return (
        launching_python(version)
        or installed_python(version)
        or _fetch_python(version, offline=offline, emit=emit)
    )


def launching_python(version: str) -> Path | None:
    """The interpreter behind the running one, if it is an ordinary CPython of `version`."""
    own = ".".join(str(part) for part in sys.version_info[: version.count(".") + 1])
    is_ordinary = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    # Not `sys._base_executable`: under Python 3.10 it is that of the virtual environment.
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return base if own == version and is_ordinary and os.access(base, os.X_OK) else None


def installed_python(version: str) -> Path | None:
    """An interpreter of `version` on the PATH, of pyenv, or fetched by uv before."""
    found = run_uv(
        ["python", "find", "--system", "--no-python-downloads", f"cpython@{version}"],
        settings={"UV_PYTHON_SEARCH_PATH": python_search_path(os.environ)},
    )
    return Path(found.stdout.strip()) if found.returncode == 0 and found.stdout.strip() else None


def python_search_path(env: Mapping[str, str]) -> str:
    """The folders to search, pyenv's versions for its shims: those fail for all versions but one."""
    root = Path(env.get("PYENV_ROOT") or Path(env.get("HOME") or Path.home()) / ".pyenv")
    versions = sorted(str(folder) for folder in root.glob("versions/*/bin"))
    path = (env.get("UV_PYTHON_SEARCH_PATH") or env.get("PATH") or "").split(os.pathsep)
    others = [folder for folder in path if folder and Path(folder) != root / "shims"]
    return os.pathsep.join([*others, *versions])


def installed_versions() -> list[str]:
    """The versions that steps can run on and that are here, "3.12.1", newest last."""
    listed = run_uv(
        ["python", "list", "--only-installed", "--no-python-downloads", "--output-format", "json"],
        settings={"UV_PYTHON_SEARCH_PATH": python_search_path(os.environ)},
    )
    try:
        entries = json.loads(listed.stdout)
    except ValueError:
        return []
    versions = {
        tuple(int(part) for part in entry["version"].split("."))
        for entry in entries
        if entry.get("implementation") == "cpython" and entry.get("variant", "default") == "default"
        if entry["version"].replace(".", "").isdigit()
    }
    return [".".join(map(str, version)) for version in sorted(versions) if version >= OLDEST_PYTHON]


def _fetch_python(version: str, *, offline: bool, emit: Emit) -> Path:
    """Have uv install Python `version` into its own folder: nothing of the system is touched."""
    if offline:
        raise _missing(version, "fetching it was not allowed (offline)")
    emit(
        Event(
            "python.fetching",
            f"Fetching Python {version}: it is not on this machine",
            data={"python": version},
        )
    )
    problems: list[str] = []

    def tell(line: str) -> None:
        problems.append(line)
        emit(Event("python.progress", line, "detail"))

    code = stream_uv(["python", "install", "--no-bin", f"cpython@{version}"], tell)
    found = installed_python(version) if code == 0 else None
    if found is None:
        causes = [line.removeprefix("cause: ") for line in problems if line.startswith(("cause:", "error:"))]
        raise _missing(
            version, f"uv could not fetch it: {causes[-1] if causes else 'it knows no such version'}"
        )
    emit(Event("python.fetched", f"Fetched Python {version}", data={"python": version, "path": str(found)}))
    return found


def _missing(version: str, why: str) -> PythonMissingError:
    here: Sequence[str] = installed_versions()
    return PythonMissingError(
        f"Python {version} is not on this machine",
        why=f"{why}\nhere are: {', '.join(here) or 'none that steps can run on'}",
        hint=f'declare one of those with python="…", or install Python {version}',
    )
