"""rattler's reports of failure, cut to their cause, each with the one hint that helps."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fpack.errors import FpackError, NetworkError, SolveError
from fpack.packager.conda_tree import cut_tree
from fpack.packager.request import EnvironmentRequest

if TYPE_CHECKING:
    from rattler import Gateway

_SECRETS = re.compile(r"(?<=://)[^/\s@]+@|(?<=/)t/[^/\s]+/")
_PREAMBLE = re.compile(r"Cannot solve the request because of: (The following packages are incompatible\n)?")
_ABSENT = re.compile(r"No candidates were found for ([^\s,]+) (.+?)\.?(?=\n|$)")
_OTHER_PLATFORMS = ("linux-64", "osx-arm64", "linux-aarch64")
_SHOWN_VERSIONS = 8


@dataclass(frozen=True)
class Catalogue:
    """What channels have, asked only when something went wrong."""

    gateway: Gateway
    sources: Sequence[str]
    platform: str

    async def names(self, platform: str = "") -> set[str]:
        from rattler.platform import Subdir

        platforms = [Subdir(platform or self.platform), Subdir("noarch")]
        return {name.normalized for name in await self.gateway.names(self.sources, platforms)}

    async def versions(self, name: str) -> list[str]:
        """The versions of a package, newest first."""
        from rattler import MatchSpec
        from rattler.platform import Subdir

        platforms = [Subdir(self.platform), Subdir("noarch")]
        found = await self.gateway.query(self.sources, platforms, [MatchSpec(name)], recursive=False)
        versions = {record.version for records in found for record in records}
        return [str(version) for version in sorted(versions, reverse=True)]


async def explain_conda_error(
    error: Exception, request: EnvironmentRequest, catalogue: Catalogue, *, offline: bool
) -> FpackError:
    """The error to raise for rattler's: `NetworkError` where asking again may help, else `SolveError`."""
    from rattler.exceptions import SolverError

    text = _SECRETS.sub("", str(error)).strip()
    if not isinstance(error, SolverError):
        return _explain_gateway(text, request, offline=offline)
    if "has been cancelled" in text:
        return SolveError(
            f"solving for {request.platform} took too long",
            hint="narrow the versions of the packages that you declare",
        )
    absent = _ABSENT.search(text)
    if absent:
        try:
            return await _explain_absent(absent.group(1), absent.group(2), request, catalogue)
        except Exception:  # noqa: BLE001, S110 - the channel may fail here too; then the solver's words do
            pass
    tree = cut_tree(_PREAMBLE.sub("", text))
    return SolveError(
        f"no set of conda packages satisfies the declaration, for Python {request.python} on "
        f"{request.platform}",
        why=tree,
        hint=_hint(tree, request),
    )


async def _explain_absent(
    name: str, wanted: str, request: EnvironmentRequest, catalogue: Catalogue
) -> SolveError:
    """A package that was asked for and is not there: no such name, not here, or no such version."""
    channels = ", ".join(request.channels)
    names = await catalogue.names()
    if name in names:
        versions = await catalogue.versions(name)
        more = ", …" if len(versions) > _SHOWN_VERSIONS else ""
        return SolveError(
            f"there is no {name} {wanted} for {request.platform} in {channels}",
            why=f"there are {', '.join(versions[:_SHOWN_VERSIONS])}{more}",
            hint=f"declare a version of {name} that exists",
        )
    for platform in _OTHER_PLATFORMS:
        if platform != request.platform and name in await catalogue.names(platform):
            return SolveError(
                f"{name} is not to be had for {request.platform}",
                why=f"{channels} has it for {platform}",
                hint=f"lock without {request.platform}, or declare another package",
            )
    close = difflib.get_close_matches(name, names, 1)
    return SolveError(
        f"there is no conda package named {name} in {channels}",
        hint=f"did you mean {close[0]}?" if close else "name its channel, or declare it with @pypi",
    )


def explain_unread_package(file: str, text: str, *, offline: bool) -> NetworkError:
    """The error for a package whose list of files could not be read."""
    if offline:
        return NetworkError(
            f"offline, and it is not known what {file} provides to Python",
            hint="run once with the network (unset FPACK_OFFLINE)",
        )
    return NetworkError(
        f"cannot read the list of files in {file}",
        why=_SECRETS.sub("", text),
        hint="try again; if it stays, the channel lists a package that it does not have",
    )


def _hint(tree: str, request: EnvironmentRequest) -> str:
    assumed = request.assumes
    if "__cuda" in tree:
        if "cuda" not in assumed:
            return "the step declares no GPU: add @resources(gpu=1), or ask for a build without CUDA"
        return f"machines with a GPU are taken to have CUDA {assumed['cuda']}: ask for an older build"
    if "__glibc" in tree and "glibc" in assumed:
        return f"base images have glibc {assumed['glibc']}: ask for an older version, or a build for it"
    if "__osx" in tree and "osx" in assumed:
        return f"macOS is taken to be {assumed['osx']}: ask for an older version"
    return "loosen one of the versions named above"


def _explain_gateway(text: str, request: EnvironmentRequest, *, offline: bool) -> FpackError:
    """What kept a channel's index from being read."""
    url = re.search(r"(?:https?|file|s3|gs|oci)://[^\s)'\"`]+", text)
    place = url.group(0) if url else ", ".join(request.channels)
    if "no usable repodata cache" in text or (offline and "cache" in text):
        return NetworkError(
            f"offline, and the index of {place} is not in the cache",
            why=f"locking for {request.platform} needs it",
            hint="run once with the network (unset FPACK_OFFLINE)",
        )
    if "could not find subdir" in text or (place.startswith("file:") and "No such file" in text):
        return SolveError(
            f"there is no conda channel {place.rstrip('/')}",
            why=text.partition("\n")[0],
            hint="check its spelling; a private one may want credentials",
        )
    denied = re.search(r"401 Unauthorized|403 Forbidden", text)
    if denied:
        return NetworkError(
            f"{place} refused access: {denied.group(0)}",
            hint="name a variable with the token in the channel's URL, https://host/t/${TOKEN}/channel, or a "
            "file with credentials in RATTLER_AUTH_FILE",
        )
    last = text.rpartition("Caused by: ")[2].strip()
    if "certificate" in text:
        return NetworkError(
            f"the certificate of {place} is not trusted",
            why=last,
            hint="set SSL_CERT_FILE to your company's certificates",
        )
    if "not a supported scheme" in text:
        return SolveError(f"a conda channel cannot be reached: {text}", hint="write its URL with https://")
    slow = "timed out" in text
    return NetworkError(
        f"{place} does not answer in time" if slow else f"cannot reach {place}",
        why=last,
        hint="check the network and the proxy; with FPACK_OFFLINE=1 fpack uses what is cached",
    )
