"""The folder of lock files that a user commits: which file holds which environment, what a new one is called.

A file is found by what it holds, never by its name, so a user may rename one, and steps or flows that ask
for the same environment share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fpack.errors import LockFileError
from fpack.packager.lockformat import SUFFIX, LockHeader, read_header
from fpack.packager.request import NamedRequest


@dataclass(frozen=True)
class Place:
    """One distinct environment, the requests for it, and the file that is or will be its own.

    `header` is None where there is no such file yet. `answered` says that the file holds this environment,
    for some platform at least; otherwise it holds what the environment was before.
    """

    requests: tuple[NamedRequest, ...]
    path: Path
    header: LockHeader | None
    answered: bool

    @property
    def lead(self) -> NamedRequest:
        """The request that speaks for all: they differ in their steps alone."""
        return self.requests[0]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({label for request in self.requests for label in request.labels}))

    @property
    def title(self) -> str:
        return ", ".join(dict.fromkeys(request.title for request in self.requests))

    def stale_platforms(self, platforms: Iterable[str]) -> tuple[str, ...]:
        """Those of `platforms` and of the file's own on which the file does not answer the request."""
        ids = self.header.request_ids if self.header else {}
        wanted = sorted({*platforms, *ids})
        return tuple(name for name in wanted if ids.get(name) != self.lead.on(name).request_id)


def read_folder(
    folder: Path, broken: Callable[[LockFileError], None] | None = None
) -> dict[Path, LockHeader]:
    """The headers of all lock files in `folder`, by path.

    One that cannot be read goes to `broken` and is left out; without `broken`, its error is raised.
    """
    headers = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            headers[path] = read_header(path)
        except LockFileError as error:
            if broken is None:
                raise
            broken(error)
    return headers


def place(
    requests: Sequence[NamedRequest],
    folder: Path,
    headers: Mapping[Path, LockHeader],
    platforms: Sequence[str],
    *,
    whole_flow: bool,
) -> list[Place]:
    """Give every distinct environment of `requests` its file, in the order of the requests.

    With `whole_flow`, `requests` are all that their flows ask for, so a file of theirs that answers none of
    them is free to be replaced. Otherwise a file stays with the steps that it names.
    """
    groups: dict[tuple[str, ...], list[NamedRequest]] = {}
    for request in requests:
        groups.setdefault(tuple(request.on(name).request_id for name in platforms), []).append(request)
    holders = {key: _holder(group[0], headers) for key, group in groups.items()}
    taken = {path for path in holders.values() if path}
    asked = {label for request in requests for label in request.labels}
    flows = {request.flow for request in requests}

    def is_free(path: Path) -> bool:
        if path in taken:
            return False
        others = set(headers[path].steps) - asked if path in headers else set()
        return all(whole_flow and label.partition("/")[0] in flows for label in others)

    places = []
    for key, group in groups.items():
        path = holders[key]
        answered = path is not None
        if path is None:
            path = next(path for path in _candidates(folder, group[0].name) if is_free(path))
            taken.add(path)
        places.append(Place(tuple(group), path, headers.get(path), answered))
    return places


def unused_files(headers: Mapping[Path, LockHeader], places: Sequence[Place]) -> list[Path]:
    """The files of these flows that hold none of their environments any more."""
    flows = {request.flow for found in places for request in found.requests}
    used = {found.path for found in places}
    return [
        path
        for path, header in headers.items()
        if path not in used and header.steps and all(step.partition("/")[0] in flows for step in header.steps)
    ]


def _holder(request: NamedRequest, headers: Mapping[Path, LockHeader]) -> Path | None:
    """The file that holds the environment of `request`; the one of its own name where several do."""
    holders = [
        path
        for path, header in headers.items()
        if any(found == request.on(name).request_id for name, found in header.request_ids.items())
    ]
    own = [path for path in holders if path.name == request.name + SUFFIX]
    return next(iter(own or holders), None)


def _candidates(folder: Path, name: str) -> Iterable[Path]:
    yield folder / f"{name}{SUFFIX}"
    for number in count(2):
        yield folder / f"{name}-{number}{SUFFIX}"
