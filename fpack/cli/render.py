"""The stream of events, printed: as lines for people, or as JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from fpack.cli.style import is_coloured, paint, step_colour
from fpack.events import Emit, Event


class LineRenderer:
    """One line per event, a task's with its place in front: `[40/start/413 (pid 52979)] Task is starting.`"""

    def __init__(self, stream: TextIO, *, quiet: bool = False, verbose: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._verbose = verbose
        self._coloured = is_coloured(stream)
        self._unfinished: object = None  # the task whose line has not ended yet

    def __call__(self, event: Event) -> None:
        if (event.level == "detail" and not self._verbose) or (self._quiet and event.level != "warning"):
            return
        data = event.data
        if "task" not in data:
            self._finish_line()
            text = f"{paint('warning:', 'yellow', self._stream)} " if event.level == "warning" else ""
            self._stream.write(f"{text}{event.message}\n")
            return
        key = (data["run"], data["step"], data["task"], data.get("stream"))
        if self._unfinished != key:
            self._finish_line()
            self._stream.write(self._prefix(data))
        self._stream.write(event.message)
        if data.get("whole", True):
            self._stream.write("\n")
            self._unfinished = None
        else:
            self._unfinished = key

    def _finish_line(self) -> None:
        if self._unfinished is not None:
            self._stream.write("\n")
            self._unfinished = None

    def _prefix(self, data: Any) -> str:
        where = f" ({data['where']})" if data.get("where") else ""
        prefix = f"[{data['run']}/{data['step']}/{data['task']}{where}]"
        return f"{paint(prefix, step_colour(data['step']), self._stream) if self._coloured else prefix} "


class JsonRenderer:
    """One JSON object per event and line: `{"v": 1, "type": "task.started", …}`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        data = {"v": 1, "type": event.type, "message": event.message, **event.data}
        self._stream.write(json.dumps(data) + "\n")
        self._stream.flush()


def renderer(
    *, as_json: bool, quiet: bool = False, verbose: bool = False, stream: TextIO | None = None
) -> Emit:
    """Events go to stderr, for stdout is for results alone; as JSON they are the result."""
    if as_json:
        return JsonRenderer(sys.stdout)
    out = stream or sys.stderr
    reconfigure = getattr(out, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return LineRenderer(out, quiet=quiet, verbose=verbose)
