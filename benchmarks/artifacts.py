"""Artifacts: what `self.x = value` costs when a step ends and `self.x` in the next, in fpack and in Metaflow.

    python benchmarks/artifacts.py --metaflow-python PYTHON [--quick] [--repeats N] [--folder F] [--case C]

Each measurement is a process of its own with a new store, fpack and Metaflow in turn. Timed are the calls
that a task makes: here `Blobs.save` and one record, there `TaskDataStore.init_task`, `save_artifacts` and
`done`; then, in another process, `Blobs.load`, there `TaskDataStore.load_artifacts`. Not timed are making
the value, starting Python, and importing either one, numpy and pandas. `save` ends when the call returns,
`on disk` when sync(2) does. `memory` is what a process grew by at most, while it saved + while it loaded, the
loaded value included.

Alike for both: before each call the disk has finished with all earlier writes, what is loaded is in the page
cache, and the machine's free memory has just been in use, since a virtual machine may have to ask its host
for what it has not used for some seconds. The strings of the DataFrame are Python objects.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

CASES = {
    "array": "float64, uniformly random",
    "frame": "DataFrame: 4 columns of floats, 3 of integers, 2 of strings",
    "dicts": "list of small dicts",
}
SIZES = {"array": 1 << 30, "frame": 500_000_000, "dicts": 100_000}  # bytes, bytes in memory, dicts
COLUMNS = ("save", "on disk", "load")


def make(case: str, scale: float) -> tuple[Any, int]:
    """Return the value of a case, and the bytes that it takes: in memory, or pickled for the dicts."""
    import pickle

    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    size = int(SIZES[case] * scale)
    if case == "array":
        array = random.random(size // 8)
        return array, array.nbytes
    if case == "dicts":
        dicts = [{"id": i, "name": f"user {i}", "score": i / 7, "tags": ["a", "b"]} for i in range(size)]
        return dicts, len(pickle.dumps(dicts))
    pd.set_option("mode.string_storage", "python")
    rows = size // 192
    cities = np.array([f"city {i}" for i in range(200)], dtype=object)
    columns: dict[str, Any] = {f"float{i}": random.standard_normal(rows) for i in range(4)}
    columns |= {f"int{i}": random.integers(0, 10 ** (2 * i + 2), rows) for i in range(3)}
    columns |= {"city": cities[random.integers(0, 200, rows)], "key": [f"key-{i:08d}" for i in range(rows)]}
    frame = pd.DataFrame(columns)
    return frame, int(frame.memory_usage(deep=True).sum())


def fingerprint(value: Any) -> Any:
    """Return something that tells whether what was loaded is what was saved."""
    if isinstance(value, list):
        return [len(value), value[0], value[-1]]
    if hasattr(value, "columns"):
        return [list(value.columns), len(value), str(value.iloc[-1].tolist()), float(value["float0"].sum())]
    return [str(value.dtype), value.shape[0], float(value.sum())]


def fpack(store: str) -> tuple[Callable[[Any], None], Callable[[], Any]]:
    """Return what saves a value and what loads it."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from fpack.store.blobs import Blobs, Ref
    from fpack.store.root import Root

    root = Root.open(store)
    record = "flows/Bench/1/start/1/0.json"

    def save(value: Any) -> None:
        root.create(record, json.dumps(Blobs(root).save(value).to_json()).encode())

    def load() -> Any:
        return Blobs(root).load(Ref.from_json(json.loads(root.get(record))))

    return save, load


def metaflow(store: str) -> tuple[Callable[[Any], None], Callable[[], Any]]:
    """Return what saves a value and what loads it."""
    from metaflow.datastore import FlowDataStore
    from metaflow.event_logger import NullEventLogger
    from metaflow.metaflow_environment import MetaflowEnvironment
    from metaflow.monitor import NullMonitor
    from metaflow.plugins.datastores.local_storage import LocalStorage

    datastore = FlowDataStore(
        "Bench",
        MetaflowEnvironment(None),
        None,
        NullEventLogger(),
        NullMonitor(),
        storage_impl=LocalStorage,
        ds_root=store,
    )

    def save(value: Any) -> None:
        task = datastore.get_task_datastore("1", "start", "1", attempt=0, mode="w")
        task.init_task()
        task.save_artifacts([("x", value)])
        task.done()

    def load() -> Any:
        task = datastore.get_task_datastore("1", "start", "1")
        return dict(task.load_artifacts(["x"]))["x"]

    return save, load


def use_memory(size: int) -> None:
    """Use so much memory, in a child so that it does not count as this process's own, and give it back."""
    child = os.fork()
    if child == 0:
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for start in range(0, size, mmap.PAGESIZE):
            block[start] = 1
        os._exit(0)
    os.waitpid(child, 0)


def work(tool: str, phase: str, case: str, store: str, scale: float) -> dict[str, Any]:
    """Save or load once, and return the seconds, the peak of memory and the value's fingerprint."""
    import numpy  # noqa: F401  # so that loading does not wait for it
    import pandas  # noqa: F401

    save, load = {"fpack": fpack, "metaflow": metaflow}[tool](store)
    value, size = make(case, scale) if phase == "save" else (None, 0)
    os.sync()
    use_memory(5 * int(SIZES["array"] * scale))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if phase == "save":
        save(value)
    else:
        value = load()
    seconds = {phase: time.perf_counter() - start}
    os.sync()
    if phase == "save":
        seconds["on disk"] = time.perf_counter() - start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"seconds": seconds, "size": size, "peak": peak, "value": fingerprint(value)}


def measure(pythons: dict[str, str], case: str, scale: float, repeats: int, folder: str) -> dict[str, Any]:
    """Run a case with both tools in turn; return for each the seconds of every repeat, and sizes."""
    found: dict[str, Any] = {
        tool: {name: [] for name in COLUMNS} | {"peak": {"save": 0, "load": 0}} for tool in pythons
    }
    values = set()
    for _ in range(repeats):
        for tool, python in pythons.items():
            with tempfile.TemporaryDirectory(prefix=f"{tool}-", dir=folder) as store:
                for phase in ("save", "load"):
                    command = [python, __file__, "--work", tool, phase, case, store, str(scale)]
                    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                    values.add(json.dumps(answer["value"]))
                    for name, seconds in answer["seconds"].items():
                        found[tool][name].append(seconds)
                    found[tool]["peak"][phase] = max(found[tool]["peak"][phase], answer["peak"])
                    found["size"] = answer["size"] or found["size"]
                files = [path for path in Path(store).rglob("*") if path.is_file()]
                found[tool]["disk"] = sum(path.stat().st_size for path in files)
    assert len(values) == 1, f"not everything that was loaded is what was saved: {values}"
    return found


def show(case: str, found: dict[str, Any]) -> None:
    """Print a case as a table: seconds as median (fastest), speed by the median, and the ratios."""
    size = found["size"]
    print(f"\n{case}: {CASES[case]}, {size / 1e6:,.0f} MB")
    print(f"{'':10}" + "".join(f"{name:>28}" for name in COLUMNS) + f"{'bytes on disk':>16}{'memory':>19}")
    for tool in ("fpack", "metaflow"):
        cells = ""
        for name in COLUMNS:
            seconds = found[tool][name]
            speed = f"{size / 1e6 / median(seconds):,.0f} MB/s"
            cells += f"{median(seconds):9.3f} ({min(seconds):.3f}) s {speed:>10}".rjust(28)
        memory = " + ".join(f"{peak / 1e6:,.0f}" for peak in found[tool]["peak"].values())
        print(f"{tool:10}{cells}{found[tool]['disk']:16,}{memory:>16} MB")
    ratios = [median(found["metaflow"][name]) / median(found["fpack"][name]) for name in COLUMNS]
    share = found["fpack"]["disk"] / found["metaflow"]["disk"]
    print(f"{'':10}" + "".join(f"{ratio:.1f} times faster".rjust(28) for ratio in ratios) + f"{share:>15.0%}")


def versions(python: str, *modules: str) -> str:
    """Return the versions of Python and of some modules; exit with advice where one of them lacks."""
    code = f"import platform, {', '.join(modules)}; print('Python', platform.python_version(), end='')"
    code += "".join(f"; print(', {name}', {name}.__version__, end='')" for name in modules)
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if result.returncode:
        lacking = (result.stderr.strip().splitlines() or ["it does not start"])[-1]
        sys.exit(
            f"{python}: {lacking}\n"
            f"It needs {', '.join(modules)}. For Metaflow's side: python -m venv metaflow-venv && "
            "metaflow-venv/bin/pip install metaflow numpy pandas"
        )
    return result.stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--metaflow-python", metavar="PYTHON", help="an interpreter that has metaflow, numpy, pandas"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--folder", help="where the stores are made (default: the folder for temporary files)"
    )
    parser.add_argument("--case", choices=CASES, action="append", help="only this one; may be repeated")
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        tool, phase, case, store, scale = options.work
        print(json.dumps(work(tool, phase, case, store, float(scale))))
        return
    if not options.metaflow_python:
        parser.error("--metaflow-python is needed, to measure Metaflow in the same go")
    print(f"fpack:    {versions(sys.executable, 'zstandard', 'numpy', 'pandas')}")
    print(f"metaflow: {versions(options.metaflow_python, 'metaflow', 'numpy', 'pandas')}")
    print(f"cores:    {os.cpu_count()}, load {os.getloadavg()[0]:.1f}; median (fastest) of {options.repeats}")
    pythons = {"fpack": sys.executable, "metaflow": options.metaflow_python}
    for case in options.case or CASES:
        scale = 0.1 if options.quick else 1
        show(
            case,
            measure(pythons, case, scale, max(3, options.repeats), options.folder or tempfile.gettempdir()),
        )


if __name__ == "__main__":
    main()
