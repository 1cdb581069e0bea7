"""The launcher's end of a template process (`fpack.task.template`): starting it, giving it orders."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpack.task.order import RunContext, TaskOrder
from fpack.task.template import HEADER

if TYPE_CHECKING:
    from fpack.packager.realize import Prefix  # with all that it takes to build one

BOOT = (
    "import sys; sys.path = [sys.argv[1], *filter(None, sys.path)]; "
    "from fpack.task.template import main; main(sys.argv[2:])"
)


@dataclass(frozen=True)
class Interpreter:
    """The Python that a step's tasks run in: of its `prefix`, or, without one, fpack's own."""

    python: Path
    prefix: Prefix | None = None

    def variables(self, runtime: Path, own: Mapping[str, str]) -> dict[str, str]:
        """The variables of a template, made from fpack's `own`.

        What the user's shell puts on Python's path is seen in fpack's own Python alone. The flow's folder is
        put there by each task: a template must not meet a `random.py` of the user's.
        """
        kept = self.prefix.environment(own) if self.prefix else dict(own)
        path = [str(runtime), *kept.get("PYTHONPATH", "").split(os.pathsep)]
        return {**kept, "PYTHONPATH": os.pathsep.join(part for part in path if part)}


class Worker:
    """A running template. Its socket (`fileno`) is readable when a task has started or ended."""

    def __init__(
        self, interpreter: Interpreter, context: RunContext, runtime: Path, mode: str, own: Mapping[str, str]
    ) -> None:
        self._connection, theirs = socket.socketpair()
        variables = interpreter.variables(runtime, own)
        self._process = subprocess.Popen(
            [str(interpreter.python), "-c", BOOT, str(runtime), str(theirs.fileno()), mode],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=variables,
            start_new_session=True,  # the terminal's Ctrl-C is the launcher's to answer
        )
        theirs.close()
        self._buffer = b""
        self._starting: list[TaskOrder] = []
        with contextlib.suppress(OSError):  # as in `start`
            self._send(context.to_json())

    def fileno(self) -> int:
        return self._connection.fileno()

    def start(self, order: TaskOrder, out: int, err: int) -> None:
        """Have the order carried out, its output going to these descriptors."""
        self._starting.append(order)
        with contextlib.suppress(OSError):  # a template that has died is told by `read`
            self._send(order.to_json(), [out, err])

    def _send(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        data = json.dumps(message).encode()
        if descriptors:
            socket.send_fds(self._connection, [HEADER.pack(len(data))], descriptors)
        else:
            self._connection.sendall(HEADER.pack(len(data)))
        self._connection.sendall(data)

    def read(self) -> tuple[list[tuple[TaskOrder, int]], list[tuple[int, int]], bool]:
        """Tasks started with their pids, pids ended with their codes, and whether the template lives."""
        try:
            data = self._connection.recv(1 << 16)
        except OSError:
            data = b""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        started: list[tuple[TaskOrder, int]] = []
        ended: list[tuple[int, int]] = []
        for line in lines:
            message = json.loads(line)
            if "started" in message:
                started.append((self._starting.pop(0), message["started"]))
            else:
                ended.append((message["ended"], message["status"]))
        return started, ended, bool(data)

    def close(self) -> None:
        """Let the template go; it ends what it still runs."""
        self._connection.close()
        self._process.wait()
