"""fpack's own part that runs inside every step's environment, in a folder by its content.

A step's environment does not hold fpack; it holds what this part imports. The copy keeps a run whole when
fpack is upgraded while it goes on, and keeps whatever lies beside fpack out of the step's path.
"""

from __future__ import annotations

import compileall
import functools
import hashlib
import os
import py_compile
import shutil
import tempfile
from pathlib import Path

import fpack
from fpack.errors import EnvironmentBuildError

PARTS = ("__init__.py", "errors.py", "flow", "store", "task", "client")
"""The floors up to the task and the client: they import the standard library, obstore and zstandard."""


@functools.cache
def runtime_folder(cache: Path) -> Path:
    """The folder to put on a task's path, made once per content; EnvironmentBuildError if it cannot."""
    sources = _sources()
    digest = hashlib.sha256()
    for name, path in sources.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    folder = cache / "runtime" / digest.hexdigest()[:16]
    if not folder.exists():
        try:
            _copy(sources, folder)
        except OSError as error:
            raise EnvironmentBuildError(
                f"fpack's runtime cannot be written to {folder.parent}",
                why=error.strerror or str(error),
                hint="make room there, or name another folder with FPACK_CACHE",
            ) from error
    return folder


def _sources() -> dict[str, Path]:
    root = Path(fpack.__file__ or "").parent
    files = [
        path
        for part in PARTS
        for path in ([root / part] if part.endswith(".py") else (root / part).glob("*.py"))
    ]
    return {f"fpack/{path.relative_to(root).as_posix()}": path for path in sorted(files)}


def _copy(sources: dict[str, Path], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tmp-"))
    try:
        for name, path in sources.items():
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        # Compiled here once: in a shell that forbids bytecode, every process would do it anew.
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(
            staging, quiet=2, stripdir=staging, prependdir=folder, invalidation_mode=unchecked
        )
        os.chmod(staging, 0o755)
        os.rename(staging, folder)
    except FileExistsError:
        pass  # another launcher was faster, with the same content
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
