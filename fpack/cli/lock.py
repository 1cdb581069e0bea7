"""`fpack lock`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fpack.cli import options
from fpack.cli.render import renderer

if TYPE_CHECKING:
    from fpack.events import Emit
    from fpack.flow.graph import FlowGraph
    from fpack.packager.lock import LockedEnvironment

HELP = """Lock the environments of a flow: exact packages with their hashes.

\b
Examples:
  fpack lock flow.py
  fpack lock flow.py --upgrade             newest versions that fit
  fpack lock flow.py --upgrade-package numpy
  fpack lock flow.py --check               exit code 8 when a lock is stale
  fpack lock flow.py --export requirements --step train > requirements.txt

Writes fpack.locks/ beside the flow, one file per distinct environment, to be
committed. What is locked already stays as it is unless its declaration
changed. `--check` and `--export` need no network.
"""

EXPORTS = ("explicit", "requirements", "pylock", "environment.yml")
"""`FORMATS` of `fpack.packager.export`, which `fpack lock --help` must not import."""


@click.command(help=HELP)
@options.flow_argument
@click.option("--check", is_flag=True, help="Solve nothing; exit with 8 when a lock is stale.")
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option(
    "--upgrade-package", "packages", multiple=True, metavar="NAME", help="Take the newest version of NAME."
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="NAME",
    help="Lock for NAME (linux-64, osx-arm64, …); without it, for this machine and linux-64.",
)
@click.option("--export", type=click.Choice(EXPORTS), help="Print a lock for another tool.")
@click.option("--step", metavar="STEP", help="The step whose lock to export.")
@options.offline_option
@options.json_option
@options.quiet_option
@options.verbose_option
def command(
    flow: str | None,
    check: bool,
    upgrade: bool,
    packages: tuple[str, ...],
    platforms: tuple[str, ...],
    export: str | None,
    step: str | None,
    offline: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from fpack.packager.environments import lock_flow
    from fpack.packager.inspect import begin_inspection

    if export and (check or upgrade or packages or as_json or len(platforms) > 1):
        raise click.UsageError(
            "--export prints one lock as it is: it goes with --step and one --platform alone."
        )
    if step and not export:
        raise click.UsageError("--step goes with --export: a lock is of the whole flow.")
    project = options.project_for(flow)
    emit = renderer(as_json=as_json, quiet=quiet, verbose=verbose)
    graph = begin_inspection(project, project.flow_file(flow)).graph(emit)
    if export:
        print(_exported(graph, export, step, platforms, emit), end="")
        return
    wanted = "all" if upgrade else set(packages) or None
    locked = lock_flow(graph, platforms=platforms, upgrade=wanted, frozen=check, offline=offline, emit=emit)
    files = {step: str(each.path) for step, each in locked.items()}
    if as_json:
        print(json.dumps({"v": 1, "type": "lock.done", "files": files}))
    else:
        for path in dict.fromkeys(files.values()):
            print(_shown(Path(path)))


def _exported(graph: FlowGraph, export: str, step: str | None, platforms: tuple[str, ...], emit: Emit) -> str:
    """The one lock that is asked for, as another tool reads it."""
    from fpack.events import Event
    from fpack.packager.environments import lock_flow
    from fpack.packager.export import export_text, left_out
    from fpack.packager.lockformat import SUFFIX
    from fpack.packager.platforms import host_platform

    if step is not None and step not in graph.steps:
        raise click.UsageError(f"There is no step `{step}`: the flow has {', '.join(graph.steps)}.")
    platform = platforms[0] if platforms else host_platform()
    chosen = None if step is None else [step]
    locked = lock_flow(graph, steps=chosen, platforms=[platform], frozen=True, offline=True, emit=emit)
    found = _the_only(locked, step)
    absent = left_out(found.lock, platform, export)
    if absent:
        message = (
            f"{len(absent)} conda packages are not in it ({absent[0].name}, …): {export} has no word for them"
        )
        emit(Event("lock.left-out", message, "warning", {"packages": [each.name for each in absent]}))
    return export_text(found.lock, platform, export, name=found.path.name.removesuffix(SUFFIX))


def _the_only(locked: Mapping[str, LockedEnvironment], step: str | None) -> LockedEnvironment:
    """The environment of these steps, if they have one and the same."""
    by_path = {each.path: each for each in locked.values()}
    if len(by_path) == 1:
        return next(iter(by_path.values()))
    if by_path:
        names = ", ".join(locked)
        raise click.UsageError(f"The flow has {len(by_path)} environments: name one with --step ({names}).")
    whose = f"Step `{step}`" if step else "The flow"
    raise click.UsageError(f"{whose} declares no environment, so there is no lock to export.")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
