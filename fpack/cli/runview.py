"""A run as `fpack show` prints it: its steps, their tasks, and what these left."""

from __future__ import annotations

from typing import Any

from fpack.cli.states import COLOURS, duration, run_state, task_state
from fpack.cli.style import paint
from fpack.cli.table import print_table
from fpack.client.history import History, TaskState


def run_data(history: History, step: str | None, task: str | None) -> dict[str, Any]:
    """The run as JSON, or one part of it; NotFoundError if it has no such step or task."""
    status = run_state(history.run, history.end)
    tasks = history.part(step, task)
    run = history.run
    return {
        "v": 1,
        "flow": run.flow,
        "run": run.run,
        "status": status,
        "created": run.created,
        "ended": history.end and history.end.ended,
        "user": run.user,
        "tags": list(run.tags),
        "parameters": dict(run.parameters),
        "origin": run.origin,
        "only": run.only,
        "tasks": [_task_data(state, status) for state in tasks],
    }


def _task_data(state: TaskState, status: str) -> dict[str, Any]:
    record = state.record
    seconds = None
    if record is not None and record.started is not None:
        seconds = round(record.ended - record.started, 3)
    return {
        "run": state.key.run,
        "step": state.key.step,
        "task": state.key.task,
        "attempt": state.key.attempt,
        "status": task_state(state, status),
        "items": [split.index for split in record.splits if split.foreach] if record else [],
        "seconds": seconds,
        "failure": str(record.failure) if record and record.failure else None,
        "artifacts": {
            name: {"type": ref.type, "size": ref.size} for name, ref in sorted(record.artifacts.items())
        }
        if record
        else {},
    }


def print_run(data: dict[str, Any], *, with_artifacts: bool) -> None:
    took = duration(data["ended"] - data["created"]) if data["ended"] else ""
    state = paint(data["status"], COLOURS.get(data["status"], "bold"))
    print(f"{paint(data['flow'] + '/' + data['run'], 'bold')}  {state}  {took}".rstrip())
    if data["origin"]:
        what = f"step {data['only']} on the results of" if data["only"] else "goes on from"
        print(f"{what} run {data['origin']}")
    for name, value in data["parameters"].items():
        print(f"  {name} = {value!r}")
    print()
    rows = []
    for task in data["tasks"]:
        origin = f" of run {task['run']}" if task["run"] != data["run"] else ""
        items = "/".join(str(index) for index in task["items"])
        attempt = str(task["attempt"] + 1) if task["attempt"] else ""
        names = ", ".join(task["artifacts"]) if not with_artifacts else ""
        left = task["failure"].splitlines()[0] if task["failure"] else _shorten(names)
        rows.append(
            (
                task["step"],
                task["task"] + origin,
                items,
                attempt,
                task["status"],
                duration(task["seconds"]),
                left,
            )
        )
    if rows:
        print_table(("STEP", "TASK", "ITEM", "ATTEMPT", "STATUS", "TOOK", "ARTIFACTS"), rows, COLOURS)
    if with_artifacts:
        for task in data["tasks"]:
            print(f"\n{task['step']}/{task['task']}")
            for name, artifact in task["artifacts"].items():
                print(f"  {name}  {artifact['type']}  {_bytes(artifact['size'])}")


def _shorten(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _bytes(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":
            break
    return f"{value:.1f} {unit}"
