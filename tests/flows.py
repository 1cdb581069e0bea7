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

from fpack.client.history import read_history
from fpack.store.blobs import Blobs
from fpack.store.root import Root
from fpack.store.runs import Runs

HEAD = "from fpack import *\n"

FPACK = (sys.executable, "-c", "import sys; del sys.path[0]; from fpack.cli import main; main()")
"""The fpack command, as the installed script starts it: without the folder that the user stands in."""


@dataclass(frozen=True)
class Outcome:
    """What a command did. `events` are the lines of `--json`, where that was asked for."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, type: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == type]

    @property
    def printed(self) -> list[str]:
        """The lines that tasks printed, as `--json` gives them."""
        return [event["message"] for event in self.of("task.log")]

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Desk:
    """A folder in which a user works, with a cache of its own unless it is given one."""

    folder: Path
    cache: Path | None = None

    @property
    def variables(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("FPACK_", "METAFLOW_"))
        }
        cache = str(self.cache or self.folder / ".cache")
        return {**kept, "FPACK_CACHE": cache, "FPACK_USER": "tester", "NO_COLOR": "1"}

    def write(self, source: str, name: str = "flow.py") -> Path:
        """Write a flow file: `source`, dedented, below the imports."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + textwrap.dedent(source), encoding="utf-8")
        return path

    def fpack(self, *arguments: str, **variables: str) -> Outcome:
        """Run the fpack command here, to its end."""
        return self.run(*FPACK, *arguments, **variables)

    def shown(self) -> dict[str, Any]:
        """What `show` says of flow.py, which it has to be able to read."""
        outcome = self.fpack("show", "flow.py", "--json")
        assert outcome.code == 0, outcome
        found: dict[str, Any] = json.loads(outcome.out)
        return found

    def refusal(self, file: str = "flow.py") -> str:
        """What `check` says of a file that cannot be loaded: never a traceback."""
        outcome = self.fpack("check", file)
        assert (outcome.code, outcome.out) == (3, ""), outcome
        assert "fpack itself failed" not in outcome.err
        assert "Traceback" not in outcome.err
        assert "hint: " in outcome.err
        return outcome.err

    def launch(self, *arguments: str, **variables: str) -> Outcome:
        """Launch flow.py and read its events; it has to end well."""
        outcome = self.fpack("launch", "flow.py", "--json", *arguments, **variables)
        assert outcome.code == 0, outcome
        return outcome

    def runs(self, root: str = ".fpack") -> Runs:
        """The runs in the root beside flow.py."""
        return Runs(Root.open(self.folder / root))

    def artifacts(self, spec: str) -> dict[str, list[dict[str, Any]]]:
        """What the tasks of a run left, in the order in which they were started, by their step."""
        runs = self.runs()
        flow, run = runs.find(spec)
        blobs = Blobs(runs.root)
        found: dict[str, list[dict[str, Any]]] = {}
        for task in read_history(runs, flow, run).tasks:
            refs = task.record.artifacts if task.record else {}
            found.setdefault(task.key.step, []).append({name: blobs.load(refs[name]) for name in refs})
        return found

    def run(self, *command: str, **variables: str) -> Outcome:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the fpack command here, in a process group of its own, and go on."""
        return subprocess.Popen(
            [*FPACK, *arguments],
            cwd=self.folder,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
