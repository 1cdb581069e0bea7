"""Finding the root that a run is in, for the commands that are given a run and no flow."""

from __future__ import annotations

import os
from pathlib import Path

from fpack.cli.options import project_for
from fpack.errors import NotFoundError
from fpack.store.root import Root
from fpack.store.runs import Runs

DEPTH = 3
"""How many folders deep roots are looked for: as deep as `examples/digits/.fpack`."""


def roots_here(root: str | None) -> list[Runs]:
    """The roots to look in: the one named by option, variable or setting, else every `.fpack` below here."""
    project = project_for(None, root)
    configured = project.setting("root")
    if configured is not None:
        return [Runs(Root.open(project.root_of("")))]
    return [Runs(Root.open(path)) for path in _below(Path.cwd(), DEPTH)]


def _below(folder: Path, depth: int) -> list[Path]:
    found = []
    for name, sub in sorted(_folders(folder)):
        if name == ".fpack":
            found.append(sub)
        elif depth > 0 and not name.startswith(".") and name not in ("node_modules", "__pycache__"):
            found += _below(sub, depth - 1)
    return sorted(found, key=lambda path: len(path.parts))


def _folders(folder: Path) -> list[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            return [(e.name, Path(e.path)) for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def find_run(spec: str | None, root: str | None) -> tuple[Runs, str, str]:
    """`Flow/7`, `7`, or None for the latest run, to its root, flow and id; NotFoundError with what to do."""
    roots = roots_here(root)
    if not roots:
        raise NotFoundError(
            "no run has been launched from here", hint="`fpack launch FLOW`, or name a `--root`"
        )
    if spec is None:
        return _latest(roots)
    found: list[tuple[Runs, str, str]] = []
    for runs in roots:
        try:
            found.append((runs, *runs.find(spec)))
        except NotFoundError:
            continue
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(f"there is no run {spec}", hint="`fpack ps` lists the runs")
    where = "\n".join(f"{flow}/{run} in {runs.root.url}" for runs, flow, run in found)
    raise NotFoundError(f"there are several runs {spec}", why=where, hint="name one of these with `--root`")


def _newest(runs: Runs, flow: str) -> list[tuple[float, str]]:
    """A flow's newest run and when it began; none for a flow whose every launcher was killed too early."""
    for run in runs.numbers(flow):
        try:
            return [(runs.read_run(flow, run).created, run)]
        except NotFoundError:
            continue
    return []


def _latest(roots: list[Runs]) -> tuple[Runs, str, str]:
    newest = [
        (created, index, flow, run)
        for index, runs in enumerate(roots)
        for flow in runs.flows()
        for created, run in _newest(runs, flow)
    ]
    if not newest:
        raise NotFoundError("no run has been launched from here", hint="`fpack launch FLOW`")
    _, index, flow, run = max(newest)
    return roots[index], flow, run
