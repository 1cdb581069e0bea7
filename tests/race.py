"""Processes that wait for each other and then start at once, for tests of what two writers do to one key."""

from __future__ import annotations

import subprocess
import sys

_WAIT = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process that runs `code`, once it has imported and said so; `go` lets it loose."""
    preparation, _, work = code.partition("# go\n")
    process = subprocess.Popen(
        [sys.executable, "-c", preparation + _WAIT + work, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let a process that `start` returned begin its work."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def race(count: int, code: str, *arguments: str) -> list[str]:
    """Run `code` in `count` processes at once, its number the last argument; return what each printed."""
    processes = [start(code, *arguments, str(number)) for number in range(count)]
    for process in processes:
        go(process)
    printed = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count
    return printed
