"""Flow files for tests: written where a test wants them, launched through the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = "from fpack import *\n"


@dataclass(frozen=True)
class Outcome:
    """What a command did. `events` are the lines of `--json`, where that was asked for."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Desk:
    """A folder in which a user works, with a cache of its own."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("FPACK_", "METAFLOW_"))
        }
        return {**kept, "FPACK_CACHE": str(self.folder / ".cache"), "FPACK_USER": "tester", "NO_COLOR": "1"}

    def write(self, source: str, name: str = "flow.py") -> Path:
        """Write a flow file: `source`, dedented, below the imports."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + textwrap.dedent(source), encoding="utf-8")
        return path

    def fpack(self, *arguments: str, timeout: float = 60, **variables: str) -> Outcome:
        """Run the fpack command here, to its end."""
        return self.run(sys.executable, "-m", "fpack", *arguments, timeout=timeout, **variables)

    def run(self, *command: str, timeout: float = 60, **variables: str) -> Outcome:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the fpack command here, and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "fpack", *arguments],
            cwd=self.folder,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
