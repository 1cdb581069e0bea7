"""Other tools read what fpack writes: conda-lock its lock files, uv and pip its exports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flows import Desk
from wheels import WheelIndex

FLOW = """
class Train(FlowSpec):
    @pypi(packages={"fw-top": ""})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def index(desk: Desk) -> WheelIndex:
    made = WheelIndex(desk.folder / "index")
    made.add("fw-base", "1.0")
    made.add("fw-top", "1.0", needs=["fw-base>=1"])
    return made


@pytest.fixture
def lock(desk: Desk, index: WheelIndex) -> Path:
    """The lock file of a flow with one environment."""
    desk.write(FLOW)
    outcome = desk.fpack("lock", "flow.py", UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(desk.folder / "uv"))
    assert outcome.code == 0, outcome
    (found,) = (desk.folder / "fpack.locks").iterdir()
    return found


def exported(desk: Desk, format: str, name: str) -> Path:
    outcome = desk.fpack("lock", "flow.py", "--export", format)
    assert outcome.code == 0, outcome
    path = desk.folder / name
    path.write_text(outcome.out)
    return path


def run(*command: str | Path, folder: Path) -> str:
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "UV_PYTHON_DOWNLOADS": "never"}
    variables |= {"PIP_CONFIG_FILE": "/dev/null", "UV_CACHE_DIR": str(folder / "uv-of-its-own")}
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_conda_lock_parses(lock: Path) -> None:
    """conda-lock's own models, which forbid what they do not know, take a lock file with all its packages."""
    code = (
        "import sys; from pathlib import Path; from conda_lock.lockfile import parse_conda_lock_file as parse\n"
        "print(*sorted({package.name for package in parse(Path(sys.argv[1])).package}))"
    )
    assert run(sys.executable, "-W", "ignore", "-c", code, lock, folder=lock.parent).split() == [
        "fw-base",
        "fw-top",
        "obstore",
        "zstandard",
    ]


def test_conda_lock_renders(lock: Path) -> None:
    """`conda-lock render` makes the explicit list of a lock file, which needs no conda."""
    conda_lock = Path(sys.executable).with_name("conda-lock")
    run(conda_lock, "render", "-k", "explicit", "-p", "linux-64", lock, folder=lock.parent)
    (rendered,) = lock.parent.glob("*.lock")
    theirs = [line for line in rendered.read_text().splitlines() if line.startswith("# pip ")]
    assert [line.split()[2] for line in theirs] == ["fw-base", "fw-top", "obstore", "zstandard"]


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_exports_install(desk: Desk, lock: Path, index: WheelIndex, tool: str) -> None:
    """Uv installs the pylock and pip the requirements, hashes checked, into a Python that then has them."""
    environment = desk.folder / "venv"
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--no-config", "--python", sys.executable, environment, folder=desk.folder)
    python = environment / "bin" / "python"
    if tool == "uv":
        pylock = exported(desk, "pylock", "pylock.start.toml")
        run(
            uv,
            "pip",
            "install",
            "--no-config",
            "--offline",
            "--python",
            python,
            "-r",
            pylock,
            folder=desk.folder,
        )
    else:
        file = exported(desk, "requirements", "requirements.txt")
        wheels = ("--no-index", "--find-links", index.folder / "files")
        how = ("install", "--require-hashes", "-r", file, *wheels)
        run(sys.executable, "-m", "pip", "--python", python, *how, folder=desk.folder)
    assert run(python, "-c", "import fw_top; print(fw_top.__version__)", folder=desk.folder) == "1.0\n"
