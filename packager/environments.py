"""The environments of a flow's steps: which ones there are, and putting them on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fpack.errors import DeclarationError, DeclarationErrors
from fpack.events import Emit
from fpack.flow.graph import FlowGraph
from fpack.packager.channels import ChannelAccess, CondaSettings, channel_access, conda_settings
from fpack.packager.indexes import user_indexes
from fpack.packager.lock import LockedEnvironment, lock_environments
from fpack.packager.lockwork import Upgrade
from fpack.packager.own_indexes import PypiSettings, declared_url, pypi_settings
from fpack.packager.platforms import host_platform
from fpack.packager.project import find_project
from fpack.packager.realize import Prefix, realize
from fpack.packager.request import NamedRequest

LOCK_FOLDER = "fpack.locks"
"""Beside the flow file; to be committed with it."""


def project_settings(graph: FlowGraph) -> CondaSettings:
    """What the project around the flow says of conda."""
    return conda_settings(*_tables(graph))


def pypi_project(graph: FlowGraph) -> PypiSettings:
    """What the project around the flow says of package indexes."""
    return pypi_settings(*_tables(graph))


def _tables(graph: FlowGraph) -> tuple[Mapping[str, Any], Path]:
    """`[tool.fpack]` of the project around the flow, and the file that it stands in."""
    project = find_project(Path(graph.file).absolute().parent, os.environ)
    return project.settings, project.folder / "pyproject.toml"


def named_requests(graph: FlowGraph, steps: Collection[str] | None = None) -> list[NamedRequest]:
    """One request for each distinct environment of these steps (default: of all), in their order."""
    groups: dict[str, list[str]] = {}
    for step in graph.steps.values():
        if step.environment is not None and (steps is None or step.name in steps):
            content = json.dumps({**step.environment.to_json(), "where": None}, sort_keys=True)
            groups.setdefault(content, []).append(step.name)
    pypi = pypi_project(graph) if groups else PypiSettings()
    channels: tuple[str, ...] = ()
    requests = []
    for names in groups.values():
        environment = graph.steps[names[0]].environment
        assert environment is not None
        if environment.uses_conda and not channels:
            channels = project_settings(graph).channels
        requests.append(
            NamedRequest(
                f"{graph.name}-{names[0]}",
                graph.name,
                tuple(names),
                environment,
                folder=Path(graph.file).absolute().parent,
                project_channels=channels if environment.uses_conda else (),
                index=declared_url(environment.index, graph.secret_urls, pypi, environment.where),
                project=pypi,
            )
        )
    return requests


def check_requests(graph: FlowGraph) -> list[NamedRequest]:
    """The requests of the whole flow; DeclarationErrors for all that are declared as no solver could read."""
    requests = named_requests(graph)
    errors: list[DeclarationError] = []
    for request in requests:
        try:
            request.on(host_platform())
        except DeclarationError as error:
            errors.append(error)
    if errors:
        raise DeclarationErrors(graph.file, errors)
    return requests


def lock_flow(
    graph: FlowGraph,
    *,
    steps: Collection[str] | None = None,
    platforms: Collection[str] | None = None,
    upgrade: Upgrade = None,
    frozen: bool,
    offline: bool,
    emit: Emit,
) -> dict[str, LockedEnvironment]:
    """The lock of each step that has an environment, by the step's name; solved where need be."""
    checked = check_requests(graph)
    requests = checked if steps is None else named_requests(graph, steps)
    folder = Path(graph.file).parent / LOCK_FOLDER
    conda = project_settings(graph) if any(each.environment.uses_conda for each in requests) else None
    locked = lock_environments(
        requests,
        folder,
        platforms=platforms,
        frozen=frozen,
        upgrade=upgrade,
        offline=offline,
        whole_flow=steps is None,
        conda=conda,
        emit=emit,
    )
    return {step: locked[request.name] for request in requests for step in request.steps}


def flow_channels(graph: FlowGraph) -> ChannelAccess:
    """How the conda channels of the flow are reached; ConfigError when a variable that one needs is not set."""
    settings = project_settings(graph)
    declared = [channel for request in named_requests(graph) for channel in request.channels]
    return channel_access([*declared, *settings.channels], settings)


def realize_flow(
    graph: FlowGraph, locked: Mapping[str, LockedEnvironment], *, cache: Path, offline: bool, emit: Emit
) -> dict[str, Prefix]:
    """The prefix of each step's environment on this machine, by the step's name."""
    platform = host_platform()
    prefixes: dict[str, Prefix] = {}
    known: dict[str, Prefix] = {}
    for step, each in locked.items():
        name = each.lock.environment_id(platform)
        if name not in known:
            known[name] = realize(
                each.lock,
                platform,
                cache=cache,
                offline=offline,
                indexes=each.own.over(user_indexes()),
                channels=lambda: flow_channels(graph),
                emit=emit,
            )
        prefixes[step] = known[name]
    return prefixes
