"""What a solved conda package gives to Python: distributions, by the names and versions that PyPI knows.

They are read from the package's own list of files, of which a server sends the few kilobytes that hold it.
No table of names is needed: whatever the package is called, `numpy-2.1.0.dist-info` in it says what it
installs. What was read once is kept for ever, under the package's sha256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from fpack.packager.cache import write_whole

if TYPE_CHECKING:
    from rattler import RepoDataRecord
    from rattler.networking import Client

_INFO = re.compile(
    r"site-packages/([A-Za-z0-9][^/]*?)-(\d[^/-]*)(?:-py[\d.]+)?\.(?:dist|egg)-info(?![^/\s\"])"
)
_LISTS = ("info/files", "info/paths.json")

Distributions = tuple[tuple[str, str], ...]
"""Normalised names with their versions."""


class DistributionCache:
    """What packages provide, in a folder of small files by the packages' sha256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "distributions"

    def get(self, sha256: str) -> Distributions | None:
        try:
            found = json.loads((self._folder / sha256[:2] / f"{sha256}.json").read_bytes())
            return tuple((str(name), str(version)) for name, version in found)
        except (OSError, ValueError, TypeError):
            return None

    def put(self, sha256: str, found: Distributions) -> None:
        path = self._folder / sha256[:2] / f"{sha256}.json"
        with suppress(OSError):  # only the time of another look is lost
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(found))


def may_provide(record: RepoDataRecord) -> bool:
    """Whether the package may have anything for Python in it, by what it depends on."""
    names = {dependency.partition(" ")[0] for dependency in record.depends}
    return bool(names & {"python", "python_abi"}) and record.name.normalized != "python"


async def read_distributions(record: RepoDataRecord, client: Client) -> Distributions:
    """The distributions in the package behind `record`, read from where its channel has it."""
    from rattler.package_streaming import PackageArchive

    if record.url.startswith("file:"):
        archive = await PackageArchive.from_path(unquote(urlsplit(record.url).path))
    else:
        archive = await PackageArchive.from_url(client, record.url)
    lists = await archive.read_files(_LISTS)
    return distributions_in(*(lists[name] or b"" for name in _LISTS))


def distributions_in(*lists: bytes) -> Distributions:
    """The distributions whose metadata folders stand in these lists of a package's files."""
    found = {
        canonicalize_name(name): version
        for content in lists
        for name, version in _INFO.findall(content.decode(errors="replace"))
    }
    return tuple(sorted(found.items()))


def merged(each: Sequence[Distributions]) -> dict[str, str]:
    """All of them, by name."""
    return {name: version for distributions in each for name, version in distributions}
