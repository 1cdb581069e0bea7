"""Preparing a launch: what can be wrong with what the user gave is found here, before a run begins."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fpack.errors import NotFoundError
from fpack.events import Emit
from fpack.flow.graph import FlowGraph
from fpack.flow.parameter import resolve
from fpack.launcher.liveness import is_alive
from fpack.launcher.origin import Origin, find_origin
from fpack.launcher.worker import Interpreter
from fpack.packager.cache import cache_folder
from fpack.packager.inspect import Inspection
from fpack.packager.project import Project
from fpack.packager.runtime import runtime_folder
from fpack.store.root import Root
from fpack.store.runs import Runs


@dataclass(frozen=True)
class LaunchOptions:
    """What `fpack launch` and `fpack resume` were told.

    `only` runs one step on the inputs that run `origin` left (default: the latest that has them). `resume`
    goes on from `origin`, running what is not done there, and `only` and all after it, if given.
    """

    flow_file: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    max_workers: int | None = None
    only: str | None = None
    origin: str | None = None
    resume: bool = False
    frozen: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Prepared:
    """A launch with nothing left to fail but its tasks. The last two are by the step's name."""

    graph: FlowGraph
    runs: Runs
    runtime: Path
    origin: Origin | None
    parameters: Mapping[str, object]
    interpreters: Mapping[str, Interpreter]
    environments: Mapping[str, str]


def prepare(project: Project, options: LaunchOptions, inspection: Inspection, emit: Emit) -> Prepared:
    """Graph, origin, parameters and environments of a launch, with the errors of each of these stages."""
    graph = inspection.graph(emit)
    if options.only is not None and options.only not in graph.steps:
        raise NotFoundError(
            f"flow {graph.name} has no step `{options.only}`", hint=f"it has {', '.join(graph.steps)}"
        )
    runs = Runs(Root.open(project.root_of(options.flow_file)))
    origin = _origin(runs, graph, options)
    before = origin.run.parameters if origin is not None else None
    parameters = resolve(graph.parameters, options.parameters, project.variables, before)
    steps = graph.steps if options.only is None or options.resume else [options.only]
    interpreters, environments = _interpreters(project, options, graph, steps, emit)
    runtime = runtime_folder(cache_folder(project.variables))
    return Prepared(graph, runs, runtime, origin, parameters, interpreters, environments)


def _origin(runs: Runs, graph: FlowGraph, options: LaunchOptions) -> Origin | None:
    if options.resume:
        origin = find_origin(runs, graph.name, options.origin, lambda origin: origin.run.only is None)
        run = origin.run.run
        if is_alive(origin.run.launcher) and runs.read_end(graph.name, run) is None:
            raise NotFoundError(
                f"run {run} goes on still: there is nothing to resume",
                hint=f"`fpack logs {run} -f` follows it, `fpack stop {run}` ends it",
            )
        return origin
    step = options.only
    if step is None or (step == "start" and options.origin is None):
        return None
    return find_origin(runs, graph.name, options.origin, lambda it: bool(it.waves(graph, step)), step=step)


def _interpreters(
    project: Project, options: LaunchOptions, graph: FlowGraph, steps: Iterable[str], emit: Emit
) -> tuple[dict[str, Interpreter], dict[str, str]]:
    """Each step's Python, and the ids of the locked environments among them."""
    interpreters = {step: Interpreter(Path(sys.executable)) for step in steps}
    if all(graph.steps[step].environment is None for step in steps):
        return interpreters, {}  # and what locks and installs is not even imported
    from fpack.packager.environments import lock_flow, realize_flow

    whole = len(interpreters) == len(graph.steps)
    locked = lock_flow(
        graph,
        steps=None if whole else list(steps),
        frozen=options.frozen,
        offline=options.offline,
        emit=emit,
    )
    cache = cache_folder(project.variables)
    prefixes = realize_flow(graph, locked, cache=cache, offline=options.offline, emit=emit)
    interpreters |= {step: Interpreter(prefix.python, prefix) for step, prefix in prefixes.items()}
    return interpreters, {step: prefix.path.name for step, prefix in prefixes.items()}
