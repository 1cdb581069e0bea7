"""Which package of a prefix owns which file: two may bring the same one, never two of one name."""

from __future__ import annotations

import posixpath

from fpack.errors import LockFileError


class Claims:
    """The files of a prefix that is being made, each with its package ("numpy 2.1.0") and its sha256."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, str]] = {}
        self._folders: dict[str, str] = {}

    def take(self, path: str, package: str, digest: str) -> bool:
        """Note that `package` brings `path`; False where another one has brought the very same file.

        `digest` is the file's sha256, anything that tells contents apart for a link. `LockFileError` where
        the two differ, or where the path of the one is a folder for the other.
        """
        owner, known = self._files.get(path, ("", ""))
        if owner and known != digest:
            raise _conflict(path, owner, package)
        if path in self._folders:
            raise _conflict(path, self._folders[path], package)
        parent = posixpath.dirname(path)
        while parent and parent not in self._folders:
            if parent in self._files:
                raise _conflict(parent, self._files[parent][0], package)
            self._folders[parent] = package
            parent = posixpath.dirname(parent)
        if not owner:
            self._files[path] = (package, digest)
        return not owner


def _conflict(path: str, first: str, second: str) -> LockFileError:
    return LockFileError(
        f"{first} and {second} both bring {path}, with different contents",
        why="whichever were installed last would break the other",
        hint="declare only one of the two, or versions of them that get along",
    )
