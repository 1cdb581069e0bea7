"""Folders compared as an image would see them: names, bytes, modes and link targets, no times."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path


def tree(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Everything below `folder` by its path: kind, mode, and the content's hash or the link's target."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(parent, name)
            status = path.lstat()
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                entry = ("link", 0, os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                entry = ("folder", mode, "")
            else:
                entry = ("file", mode, hashlib.sha256(path.read_bytes()).hexdigest())
            found[str(path.relative_to(folder))] = entry
    return found
