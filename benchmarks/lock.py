"""What locking costs on real conda-forge records, and what Metaflow's method costs for the PyPI half.

    python benchmarks/lock.py DATA [--repeat 5]

DATA is a folder that is a conda channel, or a .tar.xz of one. It may hold records alone: what its packages
provide to Python is taken from their names, and put into the cache before anything is measured. PyPI's half is
solved with the index that pip is configured for. Every measurement is a process of its own with warm caches and
no lock file; printed is the fastest, which other work on the machine disturbs least. Times are of the call that
locks, imports excluded, but for `fpack lock --check`, which is the whole command.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

MEMBERS = """
import json, resource, sys, tempfile, time
from pathlib import Path
import rattler
from fpack.errors import Location
from fpack.flow.environment import Environment
from fpack.packager import conda, conda_client
from fpack.packager.lock import lock_environments, stale_environments
from fpack.packager.request import NamedRequest
from fpack.cli.main import leave

asked = json.loads(sys.argv[1])
def named(i, packages, pypi):
    environment = Environment(pypi, packages, "3.12", Location("flow.py"), (asked["channel"],))
    return NamedRequest(f"Flow-s{i}", "Flow", (f"s{i}",), environment)
requests = [named(i, *each) for i, each in enumerate(asked["environments"])]
with tempfile.TemporaryDirectory() as folder:
    locks = Path(folder, "fpack.locks")
    start = time.perf_counter()
    locked = lock_environments(
        requests, locks, platforms=asked["platforms"], cache=Path(asked["cache"]), emit=lambda event: None
    )
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    assert not stale_environments(requests, locks, platforms=asked["platforms"])
    check = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
packages = sum(len(each.lock.packages) for each in locked.values())
print(json.dumps({"seconds": seconds, "check": check, "peak": peak, "packages": packages}))
leave(0)
"""

SETS: tuple[dict[str, str], ...] = (
    {"numpy": "", "pandas": ""},
    {"numpy": "", "pandas": "", "scikit-learn": ""},
    {"pytorch": "2.*"},
    {"numpy": "<2", "pandas": "", "scipy": ""},
    {"jupyterlab": ""},
    {"scipy": "", "scikit-learn": ""},
    {"pandas": "", "jupyterlab": ""},
    {"pytorch": "2.*", "pandas": ""},
    {"numpy": "1.26.*"},
    {"scipy": "", "pandas": "", "numpy": ""},
)

PYPI = ("numpy", "pandas", "scikit-learn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        channel = find_channel(options.data, Path(folder))
        cache = Path(folder, "cache")
        fill_cache(channel, cache)
        both = ["linux-64", "osx-arm64"]
        runs = {
            "10 environments x 2 platforms": ([(each, {}) for each in SETS], both),
            "1 environment x 1 platform": ([(SETS[1], {})], ["linux-64"]),
            "1 mixed environment (conda numpy, PyPI scikit-learn)": (
                [({"numpy": ""}, {"scikit-learn": ""})],
                ["linux-64"],
            ),
        }
        for title, (environments, platforms) in runs.items():
            asked = {
                "channel": channel.as_uri(),
                "environments": environments,
                "platforms": platforms,
                "cache": str(cache),
            }
            found = [measure(asked) for _ in range(options.repeat + 1)]
            best = min(found[1:], key=lambda each: each["seconds"])
            print(
                f"{title}: {best['seconds'] * 1000:.0f} ms warm, {found[0]['seconds'] * 1000:.0f} ms at first, "
                f"{best['packages']} packages, peak {best['peak']:.0f} MiB"
            )
        measure_check(channel, cache, Path(folder), options.repeat)
        measure_pypi(Path(folder), options.repeat)


def find_channel(data: Path, folder: Path) -> Path:
    """The channel's own folder, unpacked where need be: the one that holds `noarch`."""
    if data.is_file():
        with tarfile.open(data) as archive:
            archive.extractall(folder / "data")
        data = folder / "data"
    return next(path.parent for path in sorted(data.resolve().rglob("noarch")))


def fill_cache(channel: Path, cache: Path) -> None:
    """Note for each record that depends on Python a distribution of its own name and version."""
    from fpack.packager.provided import DistributionCache

    known = DistributionCache(cache)
    for platform in ("noarch", "linux-64", "osx-arm64"):
        index = json.loads(next((channel / platform).glob("repodata.json")).read_bytes())
        for record in [*index["packages"].values(), *index["packages.conda"].values()]:
            known.put(record["sha256"], ((record["name"], record["version"]),))


def measure(asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", MEMBERS, json.dumps(asked)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_check(channel: Path, cache: Path, folder: Path, repeat: int) -> None:
    """`fpack lock --check` of a flow with 20 environments, start of the interpreter included."""
    lines = ["from fpack import FlowSpec, conda, step", "class Flow(FlowSpec):"]
    names = ["start", *(f"s{number}" for number in range(1, 19)), "end"]
    for number, (name, onward) in enumerate(zip(names, [*names[1:], ""], strict=True)):
        packages = {**SETS[number % len(SETS)], **({"tzdata": ""} if number >= len(SETS) else {})}
        lines += [
            f"    @conda(packages={packages!r}, python='3.12', channels=[{channel.as_uri()!r}])",
            "    @step",
            f"    def {name}(self):",
            f"        self.next(self.{onward})" if onward else "        pass",
        ]
    flow = folder / "flow.py"
    flow.write_text("\n".join(lines) + "\n")
    env = {**os.environ, "FPACK_CACHE": str(cache)}
    fpack = [sys.executable, "-c", "import sys; from fpack.cli import main; main()"]
    subprocess.run([*fpack, "lock", str(flow), "-q"], env=env, check=True, stdout=subprocess.DEVNULL)
    files = len(list((folder / "fpack.locks").iterdir()))
    seconds = fastest([*fpack, "lock", str(flow), "--check", "-q"], env, repeat)
    nothing = fastest([*fpack, "check", str(flow)], env, repeat)
    print(
        f"fpack lock --check of {files} environments: {seconds * 1000:.0f} ms in all, "
        f"of which `fpack check` alone takes {nothing * 1000:.0f} ms"
    )


def measure_pypi(folder: Path, repeat: int) -> None:
    """The PyPI half: uv as fpack runs it, and pip as Metaflow runs it, for the same packages and target."""
    own = folder / "pypi.py"
    own.write_text(
        "import time\nfrom fpack.packager.indexes import user_indexes\n"
        "from fpack.packager.pypi import solve_pypi\nfrom fpack.packager.request import EnvironmentRequest\n"
        "indexes = user_indexes()\nstart = time.perf_counter()\n"
        f"solve_pypi(EnvironmentRequest('linux-64', '3.12', {PYPI!r}), indexes=indexes)\n"
        "print(time.perf_counter() - start)\n"
    )
    times = [
        float(subprocess.run([sys.executable, own], capture_output=True, text=True, check=True).stdout)
        for _ in range(repeat + 1)
    ]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report"]
    target = ["--python-version", "3.12", "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64"]
    target += ["--platform", "manylinux2014_x86_64", "--target", str(folder / "target")]
    command = [*pip, str(folder / "report.json"), *target, *PYPI]
    peer = fastest(command, dict(os.environ), max(1, repeat // 2))
    print(
        f"PyPI half ({', '.join(PYPI)}): fpack {min(times[1:]) * 1000:.0f} ms warm, {times[0] * 1000:.0f} ms "
        f"at first; pip install --dry-run --report {peer * 1000:.0f} ms warm"
    )


def fastest(command: list[str], env: dict[str, str], repeat: int) -> float:
    """The fastest of some runs, in seconds, after one that warms the caches."""
    times = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times[1:])


if __name__ == "__main__":
    main()
