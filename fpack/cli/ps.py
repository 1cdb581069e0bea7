"""`fpack ps`."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from fpack.cli import options

HELP = """List runs, newest first.

\b
Examples:
  fpack ps                 the latest 20
  fpack ps --running
  fpack ps --limit 0 --json
"""


@click.command(help=HELP)
@click.option("--running", is_flag=True, help="Only runs that go on.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="At most so many; 0 is all.",
)
@options.root_option
@options.json_option
def command(running: bool, limit: int, root: str | None, as_json: bool) -> None:
    from fpack.cli.roots import roots_here
    from fpack.cli.states import COLOURS, duration
    from fpack.cli.table import print_table

    rows = [row for runs in roots_here(root) for row in _rows(runs, 0 if running else limit)]
    rows.sort(key=lambda row: row["created"], reverse=True)
    if running:
        rows = [row for row in rows if row["status"].startswith("running")]
    rows = rows[:limit] if limit else rows
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("No runs here" if not running else "Nothing is running here", err=True)
        return
    print_table(
        ("RUN", "STATUS", "STARTED", "TOOK", "USER", "TAGS"),
        [
            (
                f"{row['flow']}/{row['run']}",
                row["status"],
                f"{datetime.fromtimestamp(row['created']):%Y-%m-%d %H:%M}",
                duration(row["seconds"]),
                row["user"],
                " ".join(row["tags"]),
            )
            for row in rows
        ],
        COLOURS,
    )


def _rows(runs: Any, limit: int) -> list[dict[str, Any]]:
    from fpack.cli.states import run_state
    from fpack.errors import FpackError

    rows = []
    for flow in runs.flows():
        for number in runs.numbers(flow)[: limit or None]:
            try:
                run, end = runs.read_run(flow, number), runs.read_end(flow, number)
            except FpackError:
                continue  # a launcher that was killed before it had begun its run leaves a folder at most
            seconds = end.ended - run.created if end else None
            if end is None and run_state(run, end) == "running":
                seconds = datetime.now(timezone.utc).timestamp() - run.created
            rows.append(
                {
                    "flow": flow,
                    "run": number,
                    "status": run_state(run, end),
                    "created": run.created,
                    "seconds": seconds,
                    "user": run.user,
                    "tags": list(run.tags),
                    "only": run.only,
                    "origin": run.origin,
                    "root": runs.root.url,
                }
            )
    return rows
