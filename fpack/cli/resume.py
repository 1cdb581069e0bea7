"""`fpack resume`."""

from __future__ import annotations

import click

from fpack.cli import options
from fpack.cli.render import renderer

HELP = """Go on from a run that failed or was stopped, as a new run.

\b
Examples:
  fpack resume flow.py                 the latest run
  fpack resume flow.py --run 7
  fpack resume flow.py --step train    run `train`, and all after it, again

What the run has done is taken over as it is, without copying a byte; its
parameters are kept. Only what is not done is run.
"""


@click.command(help=HELP)
@options.flow_argument
@click.option("--run", "origin", metavar="RUN", help="The run to go on from  [default: the latest]")
@click.option("--step", metavar="STEP", help="Run this step and all after it, even if done.")
@options.run_options
def command(
    flow: str | None,
    origin: str | None,
    step: str | None,
    tags: tuple[str, ...],
    max_workers: int | None,
    frozen: bool,
    offline: bool,
    root: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from fpack.launcher.launch import launch
    from fpack.launcher.prepare import LaunchOptions

    project = options.project_for(flow, root)
    run = launch(
        project,
        LaunchOptions(
            flow_file=project.flow_file(flow),
            tags=tags,
            max_workers=max_workers,
            only=step,
            origin=origin,
            resume=True,
            frozen=frozen,
            offline=offline,
        ),
        renderer(as_json=as_json, quiet=quiet, verbose=verbose),
    )
    if not as_json:
        print(f"{run.flow}/{run.run}")
