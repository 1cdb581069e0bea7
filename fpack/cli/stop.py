"""`fpack stop`."""

from __future__ import annotations

import os
import signal
import time

import click

from fpack.cli import options

HELP = """Stop a run that goes on, on this machine.

\b
Example:
  fpack stop 7

Its tasks are asked to end, and killed if they have not after some seconds.
"""

PATIENCE = 15.0
"""Seconds to wait for the launcher; it gives its tasks five before it kills them."""


@click.command(help=HELP)
@click.argument("run")
@options.root_option
def command(run: str, root: str | None) -> None:
    from fpack.cli.roots import find_run
    from fpack.cli.states import run_state
    from fpack.errors import NotFoundError

    runs, flow, number = find_run(run, root)
    record = runs.read_run(flow, number)
    state = run_state(record, runs.read_end(flow, number))
    if state != "running":
        raise NotFoundError(
            f"run {flow}/{number} is not running here: it is {state}", hint="`fpack ps` lists runs"
        )
    os.kill(int(record.launcher["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while runs.read_end(flow, number) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    end = runs.read_end(flow, number)
    click.echo(f"Run {flow}/{number} {'is ending' if end is None else end.status}", err=True)
