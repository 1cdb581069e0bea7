"""The `fpack` command: finds the subcommand, runs it, and turns what goes wrong into a message and a code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

import click

from fpack.errors import FpackError

COMMANDS = {
    "check": "Run",
    "launch": "Run",
    "resume": "Run",
    "stop": "Run",
    "logs": "Look",
    "ps": "Look",
    "show": "Look",
    "lock": "Environments",
}
"""Each subcommand, and the heading under which `fpack` lists it. It is `command` in `fpack.cli.<name>`."""

EXAMPLES = """\b
Examples:
  fpack launch flow.py --alpha 0.2     run a flow on this machine
  fpack launch flow.py --step train    run one step on earlier results
  fpack logs 7 -f                      follow the output of run 7
"""

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module when the subcommand is run, so that `--help` is instant."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        import importlib

        command: click.Command = importlib.import_module(f"fpack.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = arguments[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f" Did you mean `fpack {close[0]}`?" if close else ""
            raise click.UsageError(f"There is no command `{name}`.{hint}", context)
        return super().resolve_command(context, arguments)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(COMMANDS.values()):
            rows = []
            for name, under in COMMANDS.items():
                if under == heading:
                    rows.append((name, SUMMARIES[name]))
            with formatter.section(heading):
                formatter.write_dl(rows)


SUMMARIES = {
    "check": "Find every mistake in a flow's declarations.",
    "launch": "Run a flow, or one step of it.",
    "resume": "Go on from a run that failed or was stopped.",
    "stop": "Stop a run.",
    "logs": "Print what a run's tasks printed.",
    "ps": "List runs.",
    "show": "Show a flow, or a run.",
    "lock": "Lock the environments of a flow.",
}
"""What each subcommand does; here and not in its module, so that listing them imports none of them."""


@click.group(cls=LazyGroup, context_settings=SETTINGS, epilog=EXAMPLES, no_args_is_help=True)
@click.version_option(None, "--version", package_name="fpack", message="fpack %(version)s")
def group() -> None:
    """Run flows whose steps have locked environments of their own."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """The entry point: exits with the code of the error table (`fpack.errors`)."""
    leave(run(group, sys.argv[1:] if arguments is None else arguments))


def leave(code: int) -> NoReturn:
    """End the process; at once where rattler was used, whose threads may abort an interpreter as it ends."""
    if "rattler" in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # whoever read it has gone
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(command: click.Command, arguments: list[str], name: str = "fpack") -> int:
    """Run a command; what goes wrong becomes one message on stderr, and a code."""
    try:
        result: Any = command.main(arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return 130
    except KeyboardInterrupt:
        print("\nInterrupted", file=sys.stderr)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FpackError as error:
        from fpack.cli.report import report

        return report(error)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; Python must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001 - whatever nobody foresaw must not end in a traceback
        from fpack.cli.report import report_bug

        return report_bug(error)
