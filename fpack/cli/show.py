"""`fpack show`."""

from __future__ import annotations

import json
from typing import Any

import click

from fpack.cli import options
from fpack.cli.render import renderer

HELP = """Show a flow (its steps, environments, resources), or a run.

\b
Examples:
  fpack show flow.py
  fpack show 7              steps, tasks and times of run 7
  fpack show Train/7/end    with the artifacts of one step
"""


@click.command(help=HELP)
@click.argument("what", required=False, metavar="[FLOW|RUN]")
@options.root_option
@options.json_option
@options.verbose_option
def command(what: str | None, root: str | None, as_json: bool, verbose: bool) -> None:
    project = options.project_for(what if what and what.endswith(".py") else None, root)
    if what is None or what.endswith(".py"):
        from fpack.cli.flowview import flow_data, print_flow
        from fpack.packager.inspect import begin_inspection

        graph = begin_inspection(project, project.flow_file(what)).graph(
            renderer(as_json=False, verbose=verbose)
        )
        if as_json:
            print(json.dumps(flow_data(graph), indent=2))
        else:
            print_flow(graph)
        return
    data, text = _run_data(what, root)
    if as_json:
        print(json.dumps(data, indent=2))
    else:
        text()


def _run_data(what: str, root: str | None) -> tuple[dict[str, Any], Any]:
    from fpack.cli.pathspec import split_pathspec
    from fpack.cli.roots import find_run
    from fpack.cli.runview import print_run, run_data
    from fpack.client.history import read_history

    spec, step, task = split_pathspec(what)
    runs, flow, number = find_run(spec, root)
    history = read_history(runs, flow, number)
    data = run_data(history, step, task)
    return data, lambda: print_run(data, with_artifacts=step is not None)
