"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fpack.packager.project import Project, find_project

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print results and errors alone.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Print details as well.")
frozen_option = click.option("--frozen", is_flag=True, help="Fail rather than lock anything.")
offline_option = click.option("--offline", is_flag=True, help="Use nothing but what is cached here.")
root_option = click.option("--root", metavar="ROOT", help="The store: a folder or s3://bucket/prefix.")
flow_argument = click.argument("flow", required=False, metavar="[FLOW]")


def run_options(command: Command) -> Command:
    """The options of every command that begins a run, in the order in which its help lists them."""
    for option in reversed(
        (
            click.option("--tag", "tags", multiple=True, metavar="TAG", help="Put a tag on the run."),
            click.option(
                "--max-workers",
                type=click.IntRange(min=1),
                metavar="N",
                help="Tasks at once  [default: cores]",
            ),
            frozen_option,
            offline_option,
            root_option,
            json_option,
            quiet_option,
            verbose_option,
        )
    ):
        command = option(command)
    return command


def project_for(flow: str | None, root: str | None = None) -> Project:
    """The project around the flow file, or around the folder where the command was given."""
    variables = {
        **os.environ,
        **({"FPACK_ROOT": os.path.abspath(root) if "://" not in root else root} if root else {}),
    }
    start = Path(flow).absolute().parent if flow else Path.cwd()
    return find_project(start, variables)
