"""What a flow costs on this machine beyond the user's own code: fpack and Metaflow, side by side.

    python benchmarks/local_run.py --metaflow-python PATH [--repeat 5]

PATH is a Python that has metaflow. The same flow files, but for the name they import from, are run in turn by
both, alternating, each from a fresh folder with its caches warm, bytecode included. Printed is the fastest of
the wall-clock times, which other work on the machine disturbs least, and for each flow the cost of a task: the
time beyond a two-step run, divided by the tasks beyond two.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LINEAR = """
from {module} import FlowSpec, step

class Linear(FlowSpec):
    @step
    def start(self):
        self.x = 0
        self.next(self.{first})
{middle}
    @step
    def end(self):
        print("x is", self.x)

if __name__ == "__main__":
    Linear()
"""

MIDDLE = """
    @step
    def {name}(self):
        self.x += 1
        self.next(self.{next})
"""

FOREACH = """
from {module} import FlowSpec, step

class Wide(FlowSpec):
    @step
    def start(self):
        self.items = list(range({width}))
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("total is", self.total)

if __name__ == "__main__":
    Wide()
"""


def linear(module: str, steps: int) -> str:
    names = ["start", *(f"step_{i}" for i in range(steps - 2)), "end"]
    middle = "".join(MIDDLE.format(name=names[i], next=names[i + 1]) for i in range(1, steps - 1))
    return LINEAR.format(module=module, first=names[1], middle=middle)


def timed(command: list[str], folder: Path, variables: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables, "PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}")
    return seconds


class Contest:
    """Runs each flow by both in turn, in folders of their own."""

    def __init__(self, folder: Path, metaflow_python: str, start: str, repeat: int) -> None:
        self.repeat = repeat
        self.pythons = {"fpack": sys.executable, "metaflow": metaflow_python}
        self.folders = {name: folder / name for name in self.pythons}
        self.variables = {
            "fpack": {"FPACK_CACHE": str(folder / "cache"), "FPACK_START": start},
            "metaflow": {
                "METAFLOW_USER": "benchmark",
                "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metaflow"),
                "METAFLOW_HOME": str(folder / "config"),
            },
        }
        for path in self.folders.values():
            path.mkdir()

    def run(self, arguments: list[str], source: Callable[[str], str] | None = None) -> dict[str, float]:
        """The fastest seconds of each; the first round warms up and does not count."""
        for name, folder in self.folders.items():
            if source is not None:
                (folder / "flow.py").write_text(source(name))
        times: dict[str, list[float]] = {name: [] for name in self.pythons}
        for _ in range(self.repeat + 1):
            for name, python in self.pythons.items():
                given = [word.replace("MODULE", name) for word in arguments]
                times[name].append(timed([python, *given], self.folders[name], self.variables[name]))
        return {name: min(each[1:]) for name, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--metaflow-python", required=True, help="a Python that has metaflow")
    parser.add_argument("--repeat", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--start", default="fork", help="how fpack starts tasks: fork, exec, preload")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(Path(folder), options.metaflow_python, options.start, options.repeat)
        row = "{:<28}{:>10}{:>12}{:>9}".format
        print(row("", "fpack", "Metaflow", "ratio"))

        def show(name: str, times: dict[str, float], unit: float = 1.0) -> None:
            ours, theirs = times["fpack"] / unit, times["metaflow"] / unit
            print(row(name, f"{ours * 1000:.1f} ms", f"{theirs * 1000:.0f} ms", f"{theirs / ours:.1f}x"))

        show("import", contest.run(["-c", "import MODULE"]))
        command = ["flow.py", "run"]
        two = contest.run(command, lambda module: linear(module, 2))
        show("2 steps", two)
        for label, tasks, source in (
            ("20 steps in a row", 20, lambda module: linear(module, 20)),
            ("foreach over 50", 53, lambda module: FOREACH.format(module=module, width=50)),
        ):
            times = contest.run(command, source)
            show(label, times)
            beyond = {name: times[name] - two[name] for name in times}
            show("  per task", beyond, unit=tasks - 2)


if __name__ == "__main__":
    main()
