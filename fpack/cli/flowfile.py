"""`python flow.py run --alpha 0.2`: the commands of a flow file, for those who come from Metaflow."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from fpack.cli import launch as launch_module
from fpack.cli.main import SETTINGS, leave, run

WITH_FLOW = {"run": "launch", "resume": "resume", "show": "show", "check": "check", "lock": "lock"}
"""The commands of a flow file, and the fpack commands that they are with that file as FLOW."""


def main() -> NoReturn:
    """The process that a flow file becomes; `sys.argv` is the file and its arguments."""
    file, *arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        names = ", ".join(WITH_FLOW)
        print(
            f"Usage: python {file} COMMAND [OPTIONS]\n\nCommands: {names}\n\n"
            f"`python {file} run --help` says more."
        )
        sys.exit(0)
    name, *rest = arguments
    if name not in WITH_FLOW:
        print(f"error: there is no command `{name}`\nhint: it has {', '.join(WITH_FLOW)}", file=sys.stderr)
        sys.exit(2)
    import importlib

    module = launch_module if name == "run" else importlib.import_module(f"fpack.cli.{WITH_FLOW[name]}")
    command: click.Command = module.command
    command.context_settings = {**SETTINGS, **command.context_settings}
    leave(run(command, [file, *rest], name=f"python {file} {name}"))
