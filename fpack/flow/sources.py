"""Where a declaration says that packages are listed, and where they come from: its `file=` and `index=`.

Both are recorded here and read by the packager. A file stays a path, and an index's URL loses what only its
owner should know (`secret_urls` hands that on apart from the graph, which run records hold).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fpack.errors import Location
from fpack.flow.declare import Decoration
from fpack.flow.urls import without_credentials

Complain = Callable[[str, Location, str], None]

_FILES = {
    "pypi": (
        re.compile(
            r"[^\[\]]+\.(txt|in)|([^\[\]]*/)?pylock(\.[^/.]+)?\.toml|([^\[\]]*/)?(pyproject\.toml|uv\.lock)(\[[^\[\]]*\])?"
        ),
        "requirements.txt, pyproject.toml, uv.lock or pylock.toml",
    ),
    "conda": (re.compile(r"[^\[\]]+\.ya?ml"), "environment.yml"),
}
_INDEX_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class DeclaredFile:
    """A file whose packages belong to an environment.

    `path` is as the user wrote it, relative to the flow file, with the extras that he wants of it in brackets
    (`pyproject.toml[train]`). `where` is the decorator's line. `over` names, by manager, the packages that
    were declared below it and that its own go over; all others of the environment go over the file's.
    """

    manager: str
    path: str
    where: Location
    over: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DeclaredFile:
        return cls(**{**data, "where": Location(**data["where"])})


def declared_file(decoration: Decoration, complain: Complain) -> str:
    """The path in the decorator's `file=`, "" without one or with one of no use."""
    given = decoration.values.get("file")
    if given is None:
        return ""
    pattern, kinds = _FILES[decoration.name.removesuffix("_base")]
    if isinstance(given, str) and pattern.fullmatch(given):
        return given
    complain(
        f"`@{decoration.name}(file={given!r})` is no file that it can read",
        decoration.where,
        f"it reads {kinds}, found from the flow file's folder",
    )
    return ""


class Layered:
    """The files of an environment's layers, and which of its packages came before each of them."""

    def __init__(self) -> None:
        self._found: list[DeclaredFile] = []
        self._put: dict[tuple[str, str], int] = {}

    def open_file(self, decoration: Decoration, complain: Complain) -> None:
        """Enter the layer of a decorator: its file goes over what was put before, and under what follows."""
        path = declared_file(decoration, complain)
        if path:
            manager = decoration.name.removesuffix("_base")
            self._found.append(DeclaredFile(manager, path, decoration.where))

    def put(self, manager: str, names: Iterable[str]) -> None:
        """Note that packages with these names are declared here."""
        self._put.update({(manager, name): len(self._found) for name in names})

    def files(self, packages: Mapping[str, Iterable[str]]) -> tuple[DeclaredFile, ...]:
        """The files; `packages` are the names that are left, by manager."""
        return tuple(
            replace(file, over={m: [n for n in packages[m] if self._put[m, n] <= number] for m in packages})
            for number, file in enumerate(self._found)
        )


def declared_index(decoration: Decoration, complain: Complain) -> str:
    """The name or the URL, without credentials, in the decorator's `index=`; "" without one."""
    given = decoration.values.get("index")
    if given is None:
        return ""
    if isinstance(given, str) and "://" in given:
        return without_credentials(given)
    if isinstance(given, str) and _INDEX_NAME.fullmatch(given):
        return given
    complain(
        f"`@{decoration.name}(index=...)` takes a URL, or the name of an index",
        decoration.where,
        'index="https://host/simple", or index="corp" with corp under [tool.fpack.pypi.indexes]',
    )
    return ""


def secret_urls(decorations: Iterable[Decoration]) -> dict[str, str]:
    """For each index's URL that had credentials: what is left of it, and the whole one."""
    urls = [decoration.values.get("index") for decoration in decorations]
    whole = [url for url in urls if isinstance(url, str) and "://" in url]
    return {without_credentials(url): url for url in whole if without_credentials(url) != url}
