"""The environments of a flow's steps: which ones there are, and putting them on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from fpack.errors import DeclarationError, DeclarationErrors
from fpack.events import Emit
from fpack.flow.graph import FlowGraph
from fpack.packager.channels import CondaSettings, conda_settings
from fpack.packager.lock import LockedEnvironment, lock_environments
from fpack.packager.lockwork import Upgrade
from fpack.packager.platforms import host_platform
from fpack.packager.project import find_project
from fpack.packager.realize import Prefix, realize
from fpack.packager.request import NamedRequest

LOCK_FOLDER = "fpack.locks"
"""Beside the flow file; to be committed with it."""


def project_settings(graph: FlowGraph) -> CondaSettings:
    """What the project around the flow says of conda."""
    project = find_project(Path(graph.file).absolute().parent, os.environ)
    return conda_settings(project.settings, project.folder / "pyproject.toml")


def named_requests(graph: FlowGraph, steps: Collection[str] | None = None) -> list[NamedRequest]:
    """One request for each distinct environment of these steps (default: of all), in their order."""
    groups: dict[str, list[str]] = {}
    for step in graph.steps.values():
        if step.environment is not None and (steps is None or step.name in steps):
            content = json.dumps({**step.environment.to_json(), "where": None}, sort_keys=True)
            groups.setdefault(content, []).append(step.name)
    requests = []
    for names in groups.values():
        environment = graph.steps[names[0]].environment
        assert environment is not None
        if environment.uses_conda and not environment.channels:
            environment = replace(environment, channels=project_settings(graph).channels)
        requests.append(NamedRequest(f"{graph.name}-{names[0]}", graph.name, tuple(names), environment))
    return requests


def check_requests(graph: FlowGraph) -> None:
    """DeclarationErrors for every environment that is declared in a way that no solver could read."""
    errors: list[DeclarationError] = []
    for request in named_requests(graph):
        try:
            request.on(host_platform())
        except DeclarationError as error:
            errors.append(error)
    if errors:
        raise DeclarationErrors(graph.file, errors)


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
    check_requests(graph)
    requests = named_requests(graph, steps)
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


def realize_flow(
    locked: Mapping[str, LockedEnvironment], *, cache: Path, offline: bool, emit: Emit
) -> dict[str, Prefix]:
    """The prefix of each step's environment on this machine, by the step's name."""
    platform = host_platform()
    prefixes: dict[str, Prefix] = {}
    known: dict[str, Prefix] = {}
    for step, each in locked.items():
        name = each.lock.environment_id(platform)
        if name not in known:
            known[name] = realize(each.lock, platform, cache=cache, offline=offline, emit=emit)
        prefixes[step] = known[name]
    return prefixes
