"""The warm process of one environment: started once a run, it makes each task a fork of itself.

Python, fpack's runtime and its libraries are imported before the first task comes; the user's modules are
not. A fork copies one thread only: a lock that another thread holds stays locked in the child for ever, a
GPU context does not work there, and random numbers that were seeded at import come out the same in every
child. So by default a task imports the user's file in its own process, as if it had been started afresh.
With `preload` the file is imported here, once, and tasks start in a few milliseconds whatever it imports;
should the import start threads or open a GPU, it is undone by starting over without it.

The launcher is at the other end of a socket. Each order comes with the two descriptors that take the task's
output; `started` and `ended` go back. When the launcher goes away, so do the tasks.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
from typing import Any, NoReturn

from fpack.task.order import RunContext, TaskOrder

HEADER = struct.Struct("!Q")
"""An order on the socket: the length of its JSON, with the two descriptors, and then the JSON."""

_UNFIT = 77

GRACE = 5.0
"""Seconds between asking a task to end and killing it, when the launcher is gone."""


def main(arguments: list[str]) -> NoReturn:
    """`DESCRIPTOR MODE`: serve orders that come over that socket. MODE is fork, exec or preload."""
    connection = socket.socket(fileno=int(arguments[0]))
    mode = arguments[1]
    received = receive(connection)
    assert received is not None
    context = RunContext.from_json(received[0])
    import fpack.task.execute  # noqa: F401 - imported here so that no task has to

    if mode == "preload":
        _try_preload(context)
    gc.collect()
    gc.freeze()  # keeps the collector of a child from touching, hence copying, what it shares with us
    Template(connection, context, mode).serve()
    os._exit(0)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors; None when the other end is closed."""
    head, descriptors, _, _ = socket.recv_fds(connection, HEADER.size, 2)
    while head and len(head) < HEADER.size:
        head += connection.recv(HEADER.size - len(head))
    if not head:
        return None
    (length,) = HEADER.unpack(head)
    parts: list[bytes] = []
    while length:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return json.loads(b"".join(parts)), list(descriptors)


class Template:
    """Forks a task for each order, and tells when it ends."""

    def __init__(self, connection: socket.socket, context: RunContext, mode: str) -> None:
        self.connection = connection
        self.context = context
        self.mode = mode
        self.running: set[int] = set()

    def serve(self) -> None:
        """Serve until the launcher closes its end; then end what is still running."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, or no byte is written
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # The terminal's Ctrl-C reaches the launcher too, which decides what becomes of the tasks.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([self.connection.fileno(), woken], [], [])
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                self._reap()
            if self.connection.fileno() in ready:
                message = receive(self.connection)
                if message is None:
                    break
                self._start(*message)
        self._end_all()

    def _start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_task(order, descriptors)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # whoever is first: nobody is to be told of it before it has its group
        self.running.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        self._tell({"started": pid})

    def _tell(self, message: dict[str, int]) -> None:
        # A launcher that is gone is noticed by its end of the socket, not here.
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def _reap(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self.running.discard(pid)
            self._tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for number, wait in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 1.0)):
            for pid in self.running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, number)
            waited = 0.0
            while self.running and waited < wait:
                self._reap()
                threading.Event().wait(0.02)
                waited += 0.02

    def _become_task(self, data: dict[str, Any], descriptors: list[int]) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)  # a group of its own, so that what the step starts can be stopped with it
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.connection.close()
            _redirect(descriptors)
            order = TaskOrder.from_json(data)
            steps = {step["name"]: step for step in self.context.run.graph["steps"]}
            os.environ.update(steps[order.key.step]["variables"] or {})
            if self.mode == "exec":
                _exec_task(self.context, order)
            code = run_task(self.context, order)
        except BaseException:  # noqa: BLE001 - nothing may get back into the template's loop
            sys.excepthook(*sys.exc_info())
        finally:
            _finish(code)
        raise AssertionError("unreachable")


def run_task(context: RunContext, order: TaskOrder) -> int:
    """The task itself, in a process of its own; its exit code."""
    import faulthandler

    from fpack.task.execute import execute

    faulthandler.enable()
    gc.unfreeze()
    # Processes that the task starts find the flow's own modules, too.
    path = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), os.path.dirname(context.file)]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    if "numpy.random" in sys.modules:  # its global generator, unlike Python's own, does not notice a fork
        sys.modules["numpy.random"].seed()
    return 0 if execute(context, order) else 1


def _redirect(descriptors: list[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in zip([nothing, *descriptors], (0, 1, 2), strict=True):
        os.dup2(source, target)
        os.close(source)
    # New ones, for the old took note of what was behind their descriptors. A line is sent when it ends.
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _finish(code: int) -> NoReturn:
    """End as Python would, waiting for the user's threads and running their exit functions; then for good."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _exec_task(context: RunContext, order: TaskOrder) -> NoReturn:
    """Replace the fork by a Python that starts from nothing, for what a fork cannot do."""
    import tempfile

    handover = tempfile.TemporaryFile()  # noqa: SIM115 - lives until the new program has read it
    handover.write(json.dumps({"context": context.to_json(), "order": order.to_json()}).encode())
    handover.seek(0)
    os.set_inheritable(handover.fileno(), True)
    boot = (
        "import sys; sys.path = [sys.argv[1], *filter(None, sys.path)]; "
        "from fpack.task.template import main_exec; main_exec()"
    )
    runtime = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    os.execv(sys.executable, [sys.executable, "-u", "-c", boot, runtime, str(handover.fileno())])


def main_exec() -> NoReturn:
    """The other end of `_exec_task`."""
    with os.fdopen(int(sys.argv[2]), "rb") as handover:
        data = json.load(handover)
    sys.argv = [""]
    _finish(run_task(RunContext.from_json(data["context"]), TaskOrder.from_json(data["order"])))


def _try_preload(context: RunContext) -> None:
    """Go on as a child that has imported the user's file; where it is not fit to fork, without."""
    pid = os.fork()
    if pid == 0:
        if _preload(context):
            return
        os._exit(_UNFIT)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != _UNFIT:
        os._exit(0)  # the child has served, to the end


def _preload(context: RunContext) -> bool:
    from fpack.flow.load import import_flow_module

    try:
        import_flow_module(context.file)
    except Exception:  # noqa: BLE001 - each task will meet it again, and report it where it can be read
        return False
    return is_forkable()


def is_forkable() -> bool:
    """Whether this process has one thread, Python's and the system's both counted, and no GPU open.

    False as well where that cannot be told, which is everywhere but on Linux.
    """
    if threading.active_count() > 1 or not os.path.isdir("/proc/self/task"):
        return False
    if len(os.listdir("/proc/self/task")) > 1:
        return False
    return not any(_target(name).startswith(_GPUS) for name in os.listdir("/proc/self/fd"))


_GPUS = ("/dev/nvidia", "/dev/dri", "/dev/kfd")


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""  # the one that listed the folder is closed by now
