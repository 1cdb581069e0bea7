"""Writes the reference pages that follow from the code: `docs/cli.md` and `docs/errors.md`.

python docs/generate.py            write them
python docs/generate.py --check    exit with 1 if they are not what the code says
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from fpack import errors
from fpack.cli.main import COMMANDS, SETTINGS, group

HERE = Path(__file__).parent


def cli_page() -> str:
    parts = ["# Command line", "What each command prints with `--help`.", _help(["fpack"], group)]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        parts += [f"## fpack {name}", _help(["fpack", name], command)]
    return "\n\n".join(parts) + "\n"


def _help(words: list[str], command: click.Command) -> str:
    outer = click.Context(group, **SETTINGS) if command is not group else None
    context = click.Context(
        command,
        parent=outer,
        info_name=" ".join(words),
        terminal_width=80,
        **{**SETTINGS, **command.context_settings},
    )
    return f"```\n{command.get_help(context).rstrip()}\n```"


def errors_page() -> str:
    lines = [
        "# Errors",
        "",
        "Every error that fpack prints is of one of these classes, and scripts may rely on the exit codes. 2",
        "is also the code for a command line that cannot be read, 130 for an interrupt, 141 for a reader of",
        "the output that went away.",
        "",
        "| class | code | exit code | meaning |",
        "|---|---|---|---|",
    ]
    for error in vars(errors).values():
        if inspect.isclass(error) and issubclass(error, errors.FpackError) and error is not errors.FpackError:
            meaning = " ".join((inspect.getdoc(error) or "").split())
            lines.append(f"| `{error.__name__}` | `{error.code}` | {error.exit_code} | {meaning} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    pages = {HERE / "cli.md": cli_page(), HERE / "errors.md": errors_page()}
    if "--check" not in sys.argv[1:]:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path.name for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if stale:
        print(f"{', '.join(stale)} not up to date: run `python docs/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
