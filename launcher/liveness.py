"""Whether a run's launcher is still there."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any


def process_start(pid: int) -> str:
    """When a process started, as text that only has to be equal for the same process; "" if there is none.

    A pid alone is not enough: after a restart of the machine it belongs to another program.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", "rb") as boot:
            return f"{boot.read().decode().strip()[:8]}-{fields[19].decode()}" if fields[0] != b"Z" else ""
    except (OSError, IndexError):
        return _started_elsewhere(pid)


def _started_elsewhere(pid: int) -> str:
    """Without /proc, as on a Mac: all that can be told cheaply is that some process has the pid."""
    if os.path.isdir("/proc/self"):
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"


def is_alive(launcher: Mapping[str, Any]) -> bool | None:
    """Whether the launcher that began a run lives; None where it runs on another machine."""
    if launcher.get("host") != socket.gethostname():
        return None
    started = process_start(int(launcher.get("pid", 0)))
    return bool(started) and started == launcher.get("start")
