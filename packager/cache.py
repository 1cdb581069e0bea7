"""The user's cache folder, and what makes it safe to share: files written whole, one builder at a time."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where fpack keeps what it can make again: `FPACK_CACHE`, or this platform's place for caches."""
    if env.get("FPACK_CACHE"):
        return Path(env["FPACK_CACHE"]).expanduser().absolute()
    home = Path(env.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library/Caches/fpack"
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "fpack"


def write_whole(path: Path, text: str) -> None:
    """Write `path` so that a reader sees the old content or the new one, whenever this process dies."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def alone(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at `path`; call `waiting` first where another process has it.

    The kernel gives the lock back when a process ends, however it ends.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire(poll_interval=0.02)
    try:
        yield
    finally:
        lock.release()
