"""A root that is a folder: every object a file, staged under another name and linked into place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from fpack.errors import StoreError
from fpack.store.root import STAGED, Buffer, Reader, Root, checked

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Folder(Root):
    """A root on this machine's disk, or on one that is mounted here.

    What it writes is whole even where the writer is killed; it does not wait for the disk, so a power cut may
    cost the last seconds.
    """

    is_local = True
    streams = 1

    def __init__(self, path: str) -> None:
        self.url = os.path.abspath(os.path.expanduser(path))

    def get(self, key: str) -> bytes:
        try:
            with open(self._path(key), "rb", buffering=0) as file:
                return file.read()
        except _ABSENT:
            raise KeyError(key) from None
        except OSError as error:
            raise _refused("read", self.url, key, error) from error

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._get_or_none(key) for key in keys]

    def _get_or_none(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except KeyError:
            return None

    def create(self, key: str, data: bytes) -> bool:
        return self._link(key, (data,))

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with self._writing(key), _staged(path, (data,)) as (staged, _):
            os.replace(staged, path)

    def write(self, key: str, pieces: Iterable[Buffer]) -> None:
        self._link(key, pieces)

    def _link(self, key: str, pieces: Iterable[Buffer]) -> bool:
        path = self._path(key)
        with self._writing(key), _staged(path, pieces) as (staged, descriptor):
            try:
                os.link(staged, path)
            except FileExistsError:
                # NFS may answer a link that it made with "exists", when its first answer was lost on the way.
                return os.fstat(descriptor).st_nlink == 2
            return True

    def reader(self, key: str) -> Reader:
        try:
            file = open(self._path(key), "rb", buffering=0)  # noqa: SIM115  # the reader closes it
        except _ABSENT:
            raise KeyError(key) from None
        except OSError as error:
            raise _refused("read", self.url, key, error) from error
        return _FileReader(file, self.url, key)

    def exists(self, key: str) -> bool:
        try:
            return stat.S_ISREG(os.stat(self._path(key)).st_mode)
        except _ABSENT:
            return False
        except OSError as error:
            raise _refused("read", self.url, key, error) from error

    def children(self, prefix: str, after: str = "") -> tuple[list[str], list[str]]:
        folders: list[str] = []
        files: list[str] = []
        prefix = prefix.strip("/")
        try:
            with os.scandir(self._path(prefix) if prefix else self.url) as entries:
                for entry in entries:
                    if entry.name > after and not STAGED.search(entry.name):
                        (folders if entry.is_dir() else files).append(entry.name)
        except _ABSENT:
            return [], []
        except OSError as error:
            raise _refused("list", self.url, prefix, error) from error
        return sorted(folders), sorted(files)

    def local_path(self, key: str) -> Path | None:
        return Path(self._path(key))

    def _path(self, key: str) -> str:
        return f"{self.url}/{checked(key)}"

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _refused("write", self.url, key, error) from error


class _FileReader(Reader):
    """A file, held open: it stays readable even when its name is taken away meanwhile."""

    def __init__(self, file: FileIO, root: str, key: str) -> None:
        self._file = file
        self._root = root
        self._key = key
        self.size = os.fstat(file.fileno()).st_size

    def read(self, start: int, stop: int) -> Buffer:
        try:
            return os.pread(self._file.fileno(), stop - start, start)
        except OSError as error:
            raise _refused("read", self._root, self._key, error) from error

    def close(self) -> None:
        self._file.close()


@contextmanager
def _staged(path: str, pieces: Iterable[Buffer]) -> Iterator[tuple[str, int]]:
    """Write `pieces` beside `path`, under a name that nobody lists; yield that name and its descriptor."""
    staged = f"{path}#{int.from_bytes(os.urandom(8), 'little')}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(staged, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(staged, flags, 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        yield staged, descriptor
    finally:
        os.close(descriptor)
        with suppress(OSError):  # gone by then, when it was renamed
            os.unlink(staged)


def _refused(verb: str, root: str, key: str, error: OSError) -> StoreError:
    return StoreError(
        f"cannot {verb} {key or 'anything'} in the store {root}",
        why=f"{error.strerror or error}",
        hint=_HINTS.get(error.errno or 0, "check that the folder can be reached, or choose another root"),
    )


_FULL = "make room on the disk that holds the store, or choose another root"
_FORBIDDEN = "give this user the right to do so on that folder, or choose another root"
_UNLINKED = "its file system has no hard links, which a store needs: choose another root"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "it is mounted read-only: mount it for writing, or choose another root",
    errno.ENOTSUP: _UNLINKED,
    errno.ENOSYS: _UNLINKED,
}
