"""A folder or a bucket prefix that holds everything a project's runs leave behind.

Keys are relative paths with `/` between the parts. A bucket is reached through obstore. A folder is reached
with plain system calls: a task is a forked process, and obstore's runtime does not outlive a fork.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from fpack.errors import StoreError

Buffer: TypeAlias = bytes | bytearray | memoryview

# What a killed writer leaves behind: `name#17`. obstore's LocalStore names and hides them in the same way.
STAGED = re.compile(r"#\d+$")

_OUTSIDE = {"", ".", ".."}  # no part of a key

_Reader = TypeVar("_Reader", bound="Reader")


class Reader(ABC):
    """An object of the store, open for reading by ranges, from any number of threads at once.

    `size` is the length of the object in bytes.
    """

    size: int

    @abstractmethod
    def read(self, start: int, stop: int) -> Buffer:
        """Return the bytes from `start` up to `stop`; fewer where the object ends before."""

    def close(self) -> None:  # noqa: B027  # a bucket has nothing to give back
        """Give back what reading holds."""

    def __enter__(self: _Reader) -> _Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Root(ABC):
    """Where runs, artifacts and code are kept: the only state that fpack has.

    Every method raises `StoreError`, with a hint, where the root cannot be read or written, and `ValueError`
    for a key that no root can hold. `url` is what `open` needs to find the same root again, from any folder.
    `streams` is how many ranges of one object are best asked for at once.
    """

    url: str
    is_local: bool
    streams: int

    @classmethod
    def open(cls, url: str | os.PathLike[str]) -> Root:
        """Return the root at a folder's path, a `file://` URL or `s3://bucket/prefix`, there or not."""
        from fpack.store.folder import Folder

        if isinstance(url, os.PathLike):
            return Folder(os.fspath(url))
        scheme, separator, _ = url.partition("://")
        if not separator:
            return Folder(url)
        if scheme == "file":
            return Folder(unquote(urlsplit(url).path))
        if scheme == "s3":
            from fpack.store.bucket import Bucket

            return Bucket(url)
        raise StoreError(
            f"no store can be kept at {url}",
            why=f"fpack knows no `{scheme}://` roots",
            hint="give a folder, or s3://bucket/prefix",
        )

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Return the object at `key`; KeyError(key) where there is none."""

    @abstractmethod
    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the objects at `keys` in their order, None for an absent one; at once where that helps."""

    @abstractmethod
    def create(self, key: str, data: bytes) -> bool:
        """Write `data` where nothing is yet, whole or not at all; False where `key` is taken already.

        Of any number of processes that create the same key, exactly one gets True.
        """

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write `data` over whatever is there, whole or not at all; the last writer wins: for hints only."""

    @abstractmethod
    def write(self, key: str, pieces: Iterable[Buffer]) -> None:
        """Stream `pieces` into one object, whole or not at all.

        For content that `key` itself determines: which of two writers wins is not said.
        """

    @abstractmethod
    def reader(self, key: str) -> Reader:
        """Open the object at `key` for reading by ranges; KeyError(key) where there is none."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Say whether there is an object at `key`."""

    @abstractmethod
    def children(self, prefix: str, after: str = "") -> tuple[list[str], list[str]]:
        """Return the names one level below `prefix`, as (folders, files), each sorted by code point.

        Names that sort at or before `after` are left out. Where there is nothing, both are empty.
        """

    @abstractmethod
    def local_path(self, key: str) -> Path | None:
        """Return where `key` is on this machine's disk; None for a bucket."""

    def __repr__(self) -> str:
        return f"Root.open({self.url!r})"


def checked(key: str) -> str:
    """Return `key`; ValueError where it could leave the root, or could not be told from a staged file."""
    if "\0" in key or STAGED.search(key) or not _OUTSIDE.isdisjoint(key.split("/")):
        raise ValueError(f"not a key of a store: {key!r}")
    return key
