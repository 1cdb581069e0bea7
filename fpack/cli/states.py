"""The state of a run or a task, in the words that `ps` and `show` use."""

from __future__ import annotations

from fpack.client.history import TaskState
from fpack.launcher.liveness import is_alive
from fpack.store.records import RunEnd, RunRecord

COLOURS = {"done": "green", "running": "cyan", "failed": "red", "stopped": "yellow", "interrupted": "yellow"}


def run_state(run: RunRecord, end: RunEnd | None) -> str:
    """done, failed, stopped; running; or interrupted, when its launcher is gone without a word."""
    if end is not None:
        return end.status
    alive = is_alive(run.launcher)
    if alive is None:
        return f"running on {run.launcher.get('host')}, or interrupted"
    return "running" if alive else "interrupted"


def task_state(task: TaskState, run_status: str) -> str:
    """done, failed, or as its run: a task without a record runs for as long as its run does."""
    if task.record is not None:
        return task.record.status
    return run_status if run_status not in ("done", "failed") else "never started"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `0.4 s`, `3 m 20 s`, `2 h 05 m`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} m"
