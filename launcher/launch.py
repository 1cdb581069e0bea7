"""Launching a flow on this machine, from its file to the end of its run.

    inspect ──▶ parameters ──▶ lock ──▶ realise ──▶ begin the run ──▶ drive it

The first four are `prepare`: a run that exists has everything that its tasks need.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Sequence

from fpack.errors import ConfigError, Location, RunFailedError, RunStoppedError
from fpack.events import Emit, Event
from fpack.launcher.drive import Drive
from fpack.launcher.liveness import process_start
from fpack.launcher.local import LocalBackend
from fpack.launcher.prepare import LaunchOptions, Prepared, prepare
from fpack.launcher.scheduler import Scheduler
from fpack.packager.inspect import Inspection, begin_inspection
from fpack.packager.project import Project
from fpack.store.records import Adoption, RunRecord, TaskRecord, Wave
from fpack.task.order import RunContext

START_MODES = ("fork", "exec", "preload")
"""How a task's process comes to be (`fpack.task.template`)."""


def launch(
    project: Project, options: LaunchOptions, emit: Emit, inspection: Inspection | None = None
) -> RunRecord:
    """Run the flow; gives the run as it began once it has ended well.

    RunFailedError when a task failed for good, RunStoppedError when the user stopped it, and any of the
    errors of the stages before.
    """
    mode = _start_mode(project)
    inspection = inspection or begin_inspection(project, options.flow_file)
    ready = prepare(project, options, inspection, emit)
    scheduler = Scheduler(ready.graph)
    entries = _first_entries(ready, options, scheduler)
    run = ready.runs.begin(_run_record(project, options, ready), entries)
    _announce(run, entries, emit)
    context = RunContext(ready.runs.root.url, os.path.abspath(options.flow_file), run)
    backend = LocalBackend(
        context, ready.runs.root, ready.interpreters, ready.runtime, mode=mode, variables=project.variables
    )
    drive = Drive(
        run.flow,
        run.run,
        ready.graph,
        ready.runs,
        scheduler,
        backend,
        emit,
        max_workers=options.max_workers or os.cpu_count() or 1,
        onward=run.only is None,
    )
    try:
        _drive(drive, entries)
    finally:
        backend.close()
    return run


def _start_mode(project: Project) -> str:
    # Elsewhere than on Linux, system libraries may refuse to work in a fork that has not exec'ed.
    mode = project.setting("start") or ("fork" if sys.platform == "linux" else "exec")
    if mode not in START_MODES:
        raise ConfigError(
            f"tasks cannot be started by {mode!r}",
            hint=f"`start` under [tool.fpack], or FPACK_START, is one of {', '.join(START_MODES)}",
            where=Location(str(project.folder / "pyproject.toml")),
        )
    return mode


def _first_entries(
    ready: Prepared, options: LaunchOptions, scheduler: Scheduler
) -> Sequence[Wave | Adoption]:
    """What the run begins with; all else follows from how these tasks end."""
    if ready.origin is None:
        return [scheduler.begin()]
    if options.resume:
        return list(ready.origin.resume(scheduler, options.only))
    return list(ready.origin.only(ready.graph, scheduler, str(options.only)))


def _run_record(project: Project, options: LaunchOptions, ready: Prepared) -> RunRecord:
    return RunRecord(
        flow=ready.graph.name,
        run="",
        created=time.time(),
        user=project.user(),
        tags=tuple(options.tags),
        parameters=ready.parameters,
        graph=ready.graph.to_json(),
        launcher={"host": socket.gethostname(), "pid": os.getpid(), "start": process_start(os.getpid())},
        origin=ready.origin.run.run if ready.origin else None,
        only=None if options.resume else options.only,
        environments=ready.environments,
    )


def _announce(run: RunRecord, entries: Sequence[Wave | Adoption], emit: Emit) -> None:
    if run.origin is not None:
        kept = sum(isinstance(entry, Adoption) for entry in entries)
        message = f"Going on from run {run.origin}: {kept} task(s) are done"
        if run.only is not None:
            message = f"Step {run.only} on what run {run.origin} left"
        emit(Event("run.origin", message, data={"origin": run.origin}))
    data = {"flow": run.flow, "run": run.run}
    emit(Event("run.started", f"Workflow starting (run-id {run.run}):", data=data))


def _drive(drive: Drive, entries: Sequence[Wave | Adoption]) -> None:
    began = time.monotonic()
    before = {number: signal.signal(number, drive.stopping.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        end = drive.go(entries)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    seconds = time.monotonic() - began
    data = {"run": drive.run, "status": end.status, "seconds": round(seconds, 3)}
    if end.status == "done":
        drive.emit(Event("run.done", f"Done! ({seconds:.1f} s)", data=data))
        return
    drive.emit(Event(f"run.{end.status}", f"Run {drive.run} {end.status}", data=data))
    file = shlex.quote(os.path.relpath(drive.graph.file))
    go_on = f"`fpack resume {file} --run {drive.run}` goes on where it stood"
    if end.status == "stopped":
        raise RunStoppedError(f"run {drive.run} was stopped", hint=go_on)
    raise _failed(drive.failed[0], go_on, file)


def _failed(record: TaskRecord, go_on: str, file: str) -> RunFailedError:
    failure = record.failure
    assert failure is not None
    where = Location(failure.where[0], failure.where[1]) if failure.where else None
    key = record.key
    items = [f"item {split.index} of `{split.foreach}`" for split in record.splits if split.foreach]
    headline, _, more = str(failure).partition("\n")
    task = f"task {key.pathspec}" + (f", {', '.join(items)}" if items else "")
    return RunFailedError(
        f"step `{key.step}` failed: {headline}",
        why=f"{more}\n{task}".strip(),
        hint=f"{go_on}; `fpack launch {file} --step {key.step} --from {key.run}` runs this step alone",
        step=key.step,
        where=where,
    )
