"""Reading `7`, `7/train`, `7/train/3`, and the same with the flow in front: `Train/7/train/3`."""

from __future__ import annotations

import click


def split_pathspec(text: str) -> tuple[str, str | None, str | None]:
    """(run, step, task): the run is `7` or `Train/7`; the others are None where the text ends before."""
    parts = text.strip("/").split("/")
    # A flow's name is a Python name and cannot begin with a digit; a run's id can.
    run = "/".join(parts[:2]) if not parts[0][:1].isdigit() else parts[0]
    rest = parts[2:] if not parts[0][:1].isdigit() else parts[1:]
    if not all(parts) or len(rest) > 2 or (run == parts[0] and not run[:1].isdigit()):
        raise click.UsageError(
            f"`{text}` is no RUN[/STEP[/TASK]]: write `7`, `7/train` or `Train/7/train/3`."
        )
    return run, rest[0] if rest else None, rest[1] if len(rest) > 1 else None
