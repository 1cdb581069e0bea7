"""The environments of a flow's steps: which ones there are, and putting them on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from fpack.errors import DeclarationError, DeclarationErrors
from fpack.events import Emit
from fpack.flow.graph import FlowGraph
from fpack.packager.lock import LockedEnvironment, lock_environments
from fpack.packager.lockwork import Upgrade
from fpack.packager.platforms import host_platform
from fpack.packager.realize import Prefix, realize
from fpack.packager.request import NamedRequest

LOCK_FOLDER = "fpack.locks"
"""Beside the flow file; to be committed with it."""


def named_requests(graph: FlowGraph, steps: Collection[str] | None = None) -> list[NamedRequest]:
    """One request for each distinct environment of these steps (default: of all), in their order."""
    groups: dict[str, list[str]] = {}
    for step in graph.steps.values():
        if step.environment is not None and (steps is None or step.name in steps):
            content = repr((sorted(step.environment.pypi.items()), sorted(step.environment.conda.items())))
            groups.setdefault(f"{content} {step.environment.python}", []).append(step.name)
    requests = []
    for names in groups.values():
        environment = graph.steps[names[0]].environment
        assert environment is not None
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
    upgrade: Upgrade = None,
    frozen: bool,
    offline: bool,
    emit: Emit,
) -> dict[str, LockedEnvironment]:
    """The lock of each step that has an environment, by the step's name; solved where need be."""
    check_requests(graph)
    requests = named_requests(graph, steps)
    folder = Path(graph.file).parent / LOCK_FOLDER
    locked = lock_environments(
        requests, folder, frozen=frozen, upgrade=upgrade, offline=offline, whole_flow=steps is None, emit=emit
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
