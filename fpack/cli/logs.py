"""`fpack logs`."""

from __future__ import annotations

import json
import sys

import click

from fpack.cli import options

HELP = """Print what a run's tasks printed, merged in order of time.

\b
Examples:
  fpack logs                    the latest run
  fpack logs 7 -f               and whatever comes, until it ends
  fpack logs 7/train            one step
  fpack logs Train/7/train/3 --stderr

Each line has its task in front, unless there is but one.
"""


@click.command(help=HELP)
@click.argument("what", required=False, metavar="[RUN[/STEP[/TASK]]]")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run ends.")
@click.option("--stdout", "only_out", is_flag=True, help="Only what went to stdout.")
@click.option("--stderr", "only_err", is_flag=True, help="Only what went to stderr.")
@click.option("--timestamps", is_flag=True, help="Put the time in front of each line.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines that are there.")
@options.root_option
@options.json_option
def command(
    what: str | None,
    follow: bool,
    only_out: bool,
    only_err: bool,
    timestamps: bool,
    tail: int | None,
    root: str | None,
    as_json: bool,
) -> None:
    from fpack.cli.pathspec import split_pathspec
    from fpack.cli.roots import find_run
    from fpack.launcher.follow import LogReader
    from fpack.store.logs import stamp

    if only_out and only_err:
        raise click.UsageError("`--stdout` and `--stderr` exclude each other.")
    spec, step, task = split_pathspec(what) if what else (None, None, None)
    runs, flow, number = find_run(spec, root)
    wanted = "out" if only_out else "err" if only_err else None
    reader = LogReader(runs, flow, number, step, task)
    write = sys.stdout.write
    unfinished: object = None
    for key, line in reader.lines(follow=follow, tail=tail, stream=wanted):
        if as_json:
            place = {"run": key.run, "step": key.step, "task": key.task, "attempt": key.attempt}
            write(json.dumps({"v": 1, **place, **vars(line)}) + "\n")
        else:
            if unfinished != (key, line.stream):
                write("\n" if unfinished else "")
                write(f"{stamp(line.time)} " if timestamps else "")
                write(f"[{key.run}/{key.step}/{key.task}] " if reader.is_merged else "")
            write(line.text + ("\n" if line.whole else ""))
            unfinished = None if line.whole else (key, line.stream)
        if follow:
            sys.stdout.flush()
