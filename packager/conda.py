"""Conda requests solved by rattler in this process: every environment and platform through one gateway.

Whatever is solved is solved for its target: the virtual packages come from the request, so the outcome is
the same on a laptop with a GPU and on a CI runner without one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpack.errors import FpackError, SolveError
from fpack.packager.channels import ChannelAccess, channel_source
from fpack.packager.conda_client import open_client, open_gateway
from fpack.packager.conda_errors import Catalogue, explain_conda_error, explain_unread_package
from fpack.packager.lockfile import Package
from fpack.packager.provided import DistributionCache, may_provide, merged, read_distributions
from fpack.packager.rattler_loop import run_rattler
from fpack.packager.request import EnvironmentRequest
from fpack.packager.urls import without_credentials

if TYPE_CHECKING:
    from rattler import Gateway, GenericVirtualPackage, RepoDataRecord
    from rattler.networking import Client

_PATIENCE = timedelta(minutes=2)
_READS_AT_ONCE = 16


@dataclass(frozen=True)
class CondaWork:
    """One request to solve. Packages in `pins` are kept where it allows; `folder` is the flow's.

    With `other_builds` their versions are kept alone: they were solved for another machine, and a build for a
    machine without a GPU would stay although there is one now.
    """

    request: EnvironmentRequest
    pins: tuple[Package, ...]
    folder: Path
    other_builds: bool = False


@dataclass(frozen=True)
class CondaSolution:
    """The packages of an environment, sorted by name, and the Python distributions in them by their names."""

    packages: tuple[Package, ...]
    provided: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def python(self) -> str:
        """The exact version of the Python among the packages."""
        return next(package.version for package in self.packages if package.name == "python")


def solve_conda(
    work: Sequence[CondaWork], *, access: ChannelAccess, cache: Path, offline: bool
) -> list[CondaSolution | FpackError]:
    """For each work its solution, or the `SolveError` or `NetworkError` that says why there is none."""
    if not work:
        return []
    client = open_client(access)
    solver = _Solver(client, open_gateway(client, cache, offline=offline), DistributionCache(cache), offline)
    return run_rattler(solver.solve_all(work))


class _Solver:
    def __init__(
        self, client: Client, gateway: Gateway, distributions: DistributionCache, offline: bool
    ) -> None:
        self._client = client
        self._gateway = gateway
        self._distributions = distributions
        self._offline = offline
        self._reading = asyncio.Semaphore(_READS_AT_ONCE)

    async def solve_all(self, work: Sequence[CondaWork]) -> list[CondaSolution | FpackError]:
        return await asyncio.gather(*(self._settle(each) for each in work))

    async def _settle(self, work: CondaWork) -> CondaSolution | FpackError:
        start = time.perf_counter()
        try:
            records = await self._solve(work)
            packages = tuple(sorted((_package(record, work.request) for record in records), key=_by_name))
            provided = await asyncio.gather(*(self._read(record) for record in records))
        except FpackError as error:
            return error
        return CondaSolution(packages, merged(provided), time.perf_counter() - start)

    async def _solve(self, work: CondaWork) -> list[RepoDataRecord]:
        from rattler import MatchSpec, solve
        from rattler.exceptions import GatewayError, SolverError

        request = work.request
        sources = [channel_source(channel, work.folder) for channel in request.channels]
        asked: dict[str, Any] = {"sources": sources, "platforms": [request.platform, "noarch"]}
        python = f"=={request.python}" if request.python.count(".") > 1 else f"{request.python}.*"
        asked_of_solver: dict[str, Any] = {
            **asked,
            "specs": [MatchSpec(spec) for spec in (*request.conda, f"python {python}")],
            "gateway": self._gateway,
            "virtual_packages": [_virtual(text) for text in request.virtual],
            "timeout": _PATIENCE,
        }
        try:
            if not work.other_builds:
                return await solve(
                    **asked_of_solver, locked_packages=await self._records_of(work.pins, asked)
                )
            try:
                versions = [MatchSpec(f"{pin.name} =={pin.version}") for pin in work.pins]
                return await solve(**asked_of_solver, constraints=versions)
            except SolverError:
                return await solve(**asked_of_solver)
        except (SolverError, GatewayError) as error:
            catalogue = Catalogue(self._gateway, sources, request.platform)
            raise await explain_conda_error(error, request, catalogue, offline=self._offline)

    async def _records_of(self, pins: Sequence[Package], asked: dict[str, Any]) -> list[RepoDataRecord]:
        """The channels' own records of `pins`: the solver takes them as candidates, so they are whole."""
        from rattler import MatchSpec

        if not pins:
            return []
        specs = [MatchSpec(f"{pin.name} =={pin.version} {pin.build}") for pin in pins]
        found = await self._gateway.query(**asked, specs=specs, recursive=False)
        wanted = {pin.sha256 for pin in pins}
        records = {
            record.sha256.hex(): record
            for records in found
            for record in records
            if record.sha256 is not None
        }
        return [record for sha256, record in records.items() if sha256 in wanted]

    async def _read(self, record: RepoDataRecord) -> tuple[tuple[str, str], ...]:
        """The distributions that the package of `record` provides."""
        if not may_provide(record) or record.sha256 is None:
            return ()
        sha256 = record.sha256.hex()
        found = self._distributions.get(sha256)
        if found is None:
            if self._offline and not record.url.startswith("file:"):
                raise explain_unread_package(record.file_name, "", offline=True)
            async with self._reading:
                try:
                    found = await read_distributions(record, self._client)
                except Exception as error:  # noqa: BLE001 - rattler raises half a dozen kinds here
                    raise explain_unread_package(record.file_name, str(error), offline=False)
            self._distributions.put(sha256, found)
        return found


def _virtual(text: str) -> GenericVirtualPackage:
    from rattler import GenericVirtualPackage, PackageName, Version
    from rattler.package import BuildString

    name, version, build = text.split("=")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))


def _package(record: RepoDataRecord, request: EnvironmentRequest) -> Package:
    name = record.name.normalized
    if record.sha256 is None:
        raise SolveError(
            f"{name} {record.version} cannot be locked for {request.platform}",
            why="its channel gives no sha256 for it",
            hint="ask the channel's owner to index it anew, or take another version",
        )
    return Package(
        manager="conda",
        name=name,
        version=str(record.version),
        platform=request.platform,
        url=without_credentials(record.url),
        sha256=record.sha256.hex(),
        md5=record.md5.hex() if record.md5 is not None else "",
        build=str(record.build),
        dependencies=_dependencies(record.depends),
    )


def _dependencies(depends: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What a package depends on, by name; as in conda-lock, without what the machine itself has to be."""
    found: dict[str, list[str]] = {}
    for dependency in depends:
        name, _, bound = dependency.partition(" ")
        if not name.startswith("__"):
            found.setdefault(name, []).append(bound.strip())
    return tuple(sorted((name, ",".join(filter(None, bounds))) for name, bounds in found.items()))


def _by_name(package: Package) -> str:
    return package.name
