"""A task's log while it grows: in place where the root is a folder, in one piece at the end elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import BinaryIO, cast

from fpack.errors import StoreError
from fpack.store.logs import LogLine
from fpack.store.root import Root


class LogFile:
    """Takes a task's lines; can be read from the root once closed, and before where the root is a folder."""

    def __init__(self, root: Root, key: str) -> None:
        self._root = root
        self._key = key
        path = root.local_path(key)
        self._in_place = path is not None
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file: BinaryIO = path.open("ab", buffering=0)
            else:
                self._file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
        except OSError as error:
            raise _unwritable(root, error) from error

    def write(self, lines: Iterable[LogLine]) -> None:
        data = b"".join(line.encode() for line in lines)
        if data:
            try:
                self._file.write(data)
            except OSError as error:
                raise _unwritable(self._root, error) from error

    def close(self) -> None:
        if not self._in_place:
            self._file.seek(0)
            self._root.create(self._key, self._file.read())
        self._file.close()


def _unwritable(root: Root, error: OSError) -> StoreError:
    return StoreError(
        f"a task's log cannot be written to {root.url}",
        why=error.strerror or str(error),
        hint="make room there, or name another root with FPACK_ROOT",
    )
