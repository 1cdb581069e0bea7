"""`fpack lock`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fpack.cli import options
from fpack.cli.render import renderer

HELP = """Lock the environments of a flow: exact packages with their hashes.

\b
Examples:
  fpack lock flow.py
  fpack lock flow.py --upgrade             newest versions that fit
  fpack lock flow.py --upgrade-package numpy
  fpack lock flow.py --check               exit code 8 when a lock is stale

Writes fpack.locks/ beside the flow, one file per distinct environment, to be
committed. What is locked already stays as it is unless its declaration
changed. `--check` needs no network.
"""


@click.command(help=HELP)
@options.flow_argument
@click.option("--check", is_flag=True, help="Solve nothing; exit with 8 when a lock is stale.")
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option(
    "--upgrade-package", "packages", multiple=True, metavar="NAME", help="Take the newest version of NAME."
)
@options.offline_option
@options.json_option
@options.quiet_option
@options.verbose_option
def command(
    flow: str | None,
    check: bool,
    upgrade: bool,
    packages: tuple[str, ...],
    offline: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from fpack.packager.environments import lock_flow
    from fpack.packager.inspect import begin_inspection

    project = options.project_for(flow)
    emit = renderer(as_json=as_json, quiet=quiet, verbose=verbose)
    graph = begin_inspection(project, project.flow_file(flow)).graph(emit)
    wanted = "all" if upgrade else set(packages) or None
    locked = lock_flow(graph, upgrade=wanted, frozen=check, offline=offline, emit=emit)
    files = {step: str(each.path) for step, each in locked.items()}
    if as_json:
        print(json.dumps({"v": 1, "type": "lock.done", "files": files}))
    else:
        for path in dict.fromkeys(files.values()):
            print(_shown(Path(path)))


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
