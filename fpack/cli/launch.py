"""`fpack launch`."""

from __future__ import annotations

import sys

import click

from fpack.cli import options
from fpack.cli.arguments import parse_launch
from fpack.cli.render import renderer

HELP = """Run a flow on this machine, each step in its locked environment.

\b
Examples:
  fpack launch                            the one flow of this folder
  fpack launch flow.py --alpha 0.2        with a parameter of the flow's
  fpack launch flow.py --step train       one step, on what the latest
                                          successful run left
  fpack launch flow.py --step train --from 7

FLOW is the file; without it, the setting `flow` or the only flow in this
folder. A flow's parameters are options: `--NAME VALUE` (`fpack show FLOW`
lists them). Prints the run, `Flow/7`, on stdout; all else is on stderr.
"""


@click.command(help=HELP, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})
@click.option("--step", metavar="STEP", help="Run this step alone.")
@click.option("--from", "origin", metavar="RUN", help="With --step: the run whose results it takes.")
@click.option("--param", "named", multiple=True, metavar="NAME=VALUE", help="A parameter, whatever its name.")
@options.run_options
@click.argument("rest", nargs=-1, type=click.UNPROCESSED, metavar="[FLOW] [--NAME VALUE]...")
def command(
    step: str | None,
    origin: str | None,
    named: tuple[str, ...],
    tags: tuple[str, ...],
    max_workers: int | None,
    frozen: bool,
    offline: bool,
    root: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    rest: tuple[str, ...],
) -> None:
    flow, parameters = parse_launch(rest, named)
    if origin is not None and step is None:
        raise click.UsageError("`--from` goes with `--step`; `fpack resume` goes on from a run.")
    from fpack.packager.inspect import begin_inspection

    project = options.project_for(flow, root)
    flow_file = project.flow_file(flow)
    inspection = begin_inspection(project, flow_file)
    # Imported while the other process looks at the flow.
    from fpack.launcher.launch import launch
    from fpack.launcher.prepare import LaunchOptions

    run = launch(
        project,
        LaunchOptions(
            flow_file=flow_file,
            parameters=parameters,
            tags=tags,
            max_workers=max_workers,
            only=step,
            origin=origin,
            frozen=frozen,
            offline=offline,
        ),
        renderer(as_json=as_json, quiet=quiet, verbose=verbose),
        inspection,
    )
    if not as_json:
        print(f"{run.flow}/{run.run}", file=sys.stdout)
