"""`fpack check`."""

from __future__ import annotations

import json

import click

from fpack.cli import options
from fpack.cli.render import renderer

HELP = """Find every mistake in a flow's declarations, without running anything.

\b
Example:
  fpack check flow.py

Needs no network and none of the flow's packages. Exit code 3 when there is
something to mend.
"""


@click.command(help=HELP)
@options.flow_argument
@options.json_option
@options.verbose_option
def command(flow: str | None, as_json: bool, verbose: bool) -> int:
    from fpack.errors import DeclarationErrors
    from fpack.flow.inspect import error_to_json
    from fpack.packager.environments import check_requests
    from fpack.packager.inspect import begin_inspection

    project = options.project_for(flow)
    try:
        graph = begin_inspection(project, project.flow_file(flow)).graph(
            renderer(as_json=False, verbose=verbose)
        )
        check_requests(graph)
    except DeclarationErrors as error:
        if not as_json:
            raise
        print(json.dumps([error_to_json(each) for each in error.errors], indent=2))
        return error.exit_code
    if as_json:
        print("[]")
    else:
        click.echo(f"{graph.name}: {len(graph.steps)} steps, nothing to mend", err=True)
    return 0
