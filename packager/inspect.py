"""A flow file to its graph, through a process of its own (`fpack.flow.inspect`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from fpack.errors import DeclarationError, DeclarationErrors, FlowLoadError, Location
from fpack.events import Emit, Event
from fpack.flow.graph import FlowGraph
from fpack.flow.inspect import error_from_json
from fpack.flow.load import check_file
from fpack.packager.cache import cache_folder
from fpack.packager.project import Project
from fpack.packager.runtime import runtime_folder

BOOT = (
    "import sys; sys.path = [sys.argv[1], *filter(None, sys.path)]; "
    "from fpack.flow.inspect import main; main(sys.argv[2:])"
)
"""`-c` and not `-m`: the folder that the user stands in must not come before fpack's own on the path."""

MOST_SHOWN = 2000
"""Bytes of what a file printed that are shown when its import ended Python."""


def begin_inspection(project: Project, flow_file: str) -> Inspection:
    """Start looking at a flow file, in a process of its own."""
    return Inspection(flow_file, runtime_folder(cache_folder(project.variables)), user=project.user())


class Inspection:
    """The look at a flow file, begun when this is made, so that its caller can do something meanwhile.

    `runtime` is the folder that has fpack's own part (`runtime_folder`). FlowLoadError for a path that is no
    Python file.
    """

    def __init__(self, file: str, runtime: Path, *, user: str) -> None:
        check_file(file)
        self._file = file
        # Files and not pipes, which a flow file that starts a child could keep open.
        self._answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `graph`
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `graph`
        self._child = subprocess.Popen(
            [
                *(sys.executable, "-c", BOOT, str(runtime)),
                *(os.path.abspath(file), user, str(self._answer.fileno())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._printed,
            stderr=subprocess.STDOUT,
            pass_fds=[self._answer.fileno()],
        )

    def graph(self, emit: Emit) -> FlowGraph:
        """Wait for the flow's graph.

        DeclarationErrors with every mistake in it; FlowLoadError when it cannot be imported. Modules that
        this machine lacks are stood in for, which an event (`flow.stand_in`) tells.
        """
        self._child.wait()
        with self._answer, self._printed:
            self._answer.seek(0)
            text = self._answer.read()
            self._printed.seek(max(0, self._printed.seek(0, os.SEEK_END) - MOST_SHOWN))
            printed = self._printed.read()
        if not text:
            raise FlowLoadError(
                f"{os.path.basename(self._file)} ended Python while it was imported "
                f"(exit code {self._child.returncode})",
                why=printed.decode(errors="replace").strip(),
                hint="look at what the file does when it is imported",
                where=Location(self._file),
            )
        graph = self._read(json.loads(text))
        if graph.stand_ins:
            names = ", ".join(graph.stand_ins)
            message = f"Not installed here, stood in for: {names}"
            emit(Event("flow.stand_in", message, "detail", {"modules": list(graph.stand_ins)}))
        return graph

    def _read(self, answer: dict[str, object]) -> FlowGraph:
        match answer:
            case {"errors": list(errors)}:
                found = [error_from_json(DeclarationError, each) for each in errors]
                raise DeclarationErrors(self._file, found)
            case {"error": dict(error)}:
                raise error_from_json(FlowLoadError, error)
            case {"graph": dict(graph), "secret_urls": dict(urls)}:
                return replace(FlowGraph.from_json(graph), secret_urls=urls)
        raise AssertionError(answer)
