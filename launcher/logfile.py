"""A task's log while it grows: in place where the root is a folder, in one piece at the end elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import BinaryIO, cast

from fpack.errors import StoreError
from fpack.store.logs import LogLine
from fpack.store.root import Root


class LogFile:
    """Takes a task's lines; can be read from the root once closed, and before where the root is a folder.

    A task that prints nothing leaves none.
    """

    def __init__(self, root: Root, key: str) -> None:
        self._root = root
        self._key = key
        self._path = root.local_path(key)
        self._file: BinaryIO | None = None

    def write(self, lines: Iterable[LogLine]) -> None:
        data = b"".join(line.encode() for line in lines)
        if not data:
            return
        try:
            self._file = self._file or self._open()
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise StoreError(
                f"a task's log cannot be written to {self._root.url}",
                why=error.strerror or str(error),
                hint="make room there, or name another root with FPACK_ROOT",
            ) from error

    def _open(self) -> BinaryIO:
        if self._path is None:
            return cast(BinaryIO, tempfile.TemporaryFile())
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.open("ab", buffering=0)

    def close(self) -> None:
        if self._file is None:
            return
        if self._path is None:
            self._file.seek(0)
            self._root.create(self._key, self._file.read())
        self._file.close()
