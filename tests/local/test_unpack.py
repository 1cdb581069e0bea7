"""Unpacking wheels: what pip would have installed, for any target, and nothing over another package's file."""

from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from badwheels import INFO, good_record, plain_files, record_line, write_wheel
from trees import tree
from wheels import make_wheel

from fpack.errors import LockFileError
from fpack.packager.claims import Claims
from fpack.packager.record import parse_record, row_of
from fpack.packager.unpack import Target, unpack
from fpack.packager.uv import run_uv
from fpack.packager.wheel import Wheel, read_wheel

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = "lib/python3.12/site-packages"
TARGET = Target("3.12", "/opt/fpack/env/bin/python", SITE)

SCHEMES = {
    "bad.py": b"x = 1\n",
    "bad-1.0.data/purelib/pure.py": b"",
    "bad-1.0.data/platlib/sub/plat.py": b"y = 2\n",
    "bad-1.0.data/scripts/tool": b"#!python\nprint('tool')\n",
    "bad-1.0.data/scripts/shell": b"#!/bin/sh\necho shell\n",
    "bad-1.0.data/headers/bad.h": b"/* */\n",
    "bad-1.0.data/data/share/bad/data.txt": b"data\n",
    f"{INFO}/entry_points.txt": b"[console_scripts]\nbad-cmd = bad:main\n[gui_scripts]\nbad-gui = bad:gui.run\n",
}


def bad(path: Path, **how: object) -> Wheel:
    return read_wheel(write_wheel(path, **how), "bad", "1.0")  # type: ignore[arg-type]


def unpacked(folder: Path, *wheels: Wheel, target: Target = TARGET, claims: Claims | None = None) -> Path:
    folder.mkdir()
    unpack(wheels, folder, target, claims or Claims())
    return folder


def named(folder: Path, name: str, files: dict[str, bytes]) -> Wheel:
    info = f"{name}-1.0.dist-info"
    return read_wheel(write_wheel(folder / f"{name}.whl", files, info=info), name, "1.0")


def test_each_scheme_has_its_place(tmp_path: Path) -> None:
    """Files of the `.data` folder go to the places of their schemes, everything else to site-packages."""
    found = tree(unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files=SCHEMES)))
    assert {path for path, (kind, *_) in found.items() if kind == "file"} == {
        f"{SITE}/bad.py",
        f"{SITE}/pure.py",
        f"{SITE}/sub/plat.py",
        "bin/tool",
        "bin/shell",
        "bin/bad-cmd",
        "bin/bad-gui",
        "include/python3.12/bad/bad.h",
        "share/bad/data.txt",
        *(
            f"{SITE}/{INFO}/{name}"
            for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt")
        ),
    }


def test_scripts_name_the_target(tmp_path: Path) -> None:
    """Python scripts and entry points start the target's interpreter, others what they did."""
    out = unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files=SCHEMES))
    for name in ("tool", "bad-cmd", "bad-gui"):
        assert (out / "bin" / name).read_text().startswith("#!/opt/fpack/env/bin/python\n")
    assert (out / "bin" / "shell").read_bytes() == SCHEMES["bad-1.0.data/scripts/shell"]


def test_modes_are_normal(tmp_path: Path) -> None:
    """Folders and what may run are 0755, the rest is 0644, whatever the wheel and the umask say."""
    files = {"bad.py": b"", "bad/run.sh": b"#!/bin/sh\n"}
    modes = {"bad.py": stat.S_IFREG | 0o4600, "bad/run.sh": stat.S_IFREG | 0o6711}
    before = os.umask(0o077)
    try:
        found = tree(unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files=files, modes=modes)))
    finally:
        os.umask(before)
    assert found[f"{SITE}/bad.py"][1] == 0o644
    assert found[f"{SITE}/bad/run.sh"][1] == 0o755
    assert {mode for kind, mode, _ in found.values() if kind == "folder"} == {0o755}


def test_record_lists_what_is_there(tmp_path: Path) -> None:
    """The RECORD that is left lists every file that was written with its hash, and its own line."""
    out = unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files=SCHEMES))
    site = out / SITE
    rows = parse_record((site / INFO / "RECORD").read_text())
    there = {os.path.relpath(path, site) for path in out.rglob("*") if path.is_file()}
    assert set(rows) == there
    for path, row in rows.items():
        if path != f"{INFO}/RECORD":
            assert row == row_of(path, (site / path).read_bytes())
    assert (site / INFO / "INSTALLER").read_text() == "fpack\n"


def test_tree_is_that_of_uv(tmp_path: Path) -> None:
    """Uv installs the same files with the same bytes, but for what names the installer."""
    wheel = write_wheel(tmp_path / "bad-1.0-py3-none-any.whl", SCHEMES)
    other = tmp_path / "uv"
    made = run_uv(["venv", "--quiet", "--python", sys.executable, str(other)])
    assert made.returncode == 0, made.stderr
    python = str(other / "bin" / "python")
    done = run_uv(["pip", "install", "--quiet", "--no-deps", "--python", python, str(wheel)])
    assert done.returncode == 0, done.stderr
    target = Target(OWN, python, f"lib/python{OWN}/site-packages")
    ours = tree(unpacked(tmp_path / "out", read_wheel(wheel, "bad", "1.0"), target=target))
    theirs = tree(other)
    site = f"lib/python{OWN}/site-packages/{INFO}"
    generated = {f"{site}/INSTALLER", f"{site}/RECORD", "bin/bad-cmd", "bin/bad-gui", "include"}
    placed = {path: entry for path, entry in ours.items() if path not in generated}
    placed = {path: entry for path, entry in placed.items() if not path.startswith("include/")}
    assert {path: theirs.get(path) for path in placed} == placed
    assert generated - {"include"} <= theirs.keys()
    listed = {row[0] for row in csv.reader((other / site / "RECORD").read_text().splitlines())}
    own = set(parse_record((tmp_path / "out" / site / "RECORD").read_text()))
    kept = {path for path in own if "include/" not in path}
    assert kept <= listed


def test_commands_run(tmp_path: Path) -> None:
    """The commands of an unpacked wheel run under the interpreter that they name, in any folder."""
    wheel = read_wheel(make_wheel(tmp_path, "fw-base", "1.0", commands=["fw-hello"]), "fw-base", "1.0")
    target = Target(OWN, sys.executable, f"lib/python{OWN}/site-packages")
    for name in ("out", "a folder with spaces"):
        out = unpacked(tmp_path / name, wheel, target=target)
        env = {**os.environ, "PYTHONPATH": str(out / target.site_packages)}
        done = subprocess.run([out / "bin" / "fw-hello"], env=env, capture_output=True, text=True, check=True)
        assert done.stdout == "1.0\n"


def test_same_wheels_make_the_same_tree(tmp_path: Path) -> None:
    """Two unpackings differ in nothing, in whatever order the wheels come."""
    wheels = [named(tmp_path, name, {f"{name}/x.py": name.encode(), "ns/__init__.py": b""}) for name in "abc"]
    one = tree(unpacked(tmp_path / "one", *wheels))
    assert tree(unpacked(tmp_path / "two", *reversed(wheels))) == one


def test_two_packages_with_one_file_are_refused(tmp_path: Path) -> None:
    """Two packages that bring one file with different contents are refused by both their names."""
    one, two = (named(tmp_path, name, {"tests/__init__.py": name.encode()}) for name in ("one", "two"))
    with pytest.raises(LockFileError) as caught:
        unpacked(tmp_path / "out", one, two)
    assert "one 1.0 and two 1.0" in caught.value.what
    assert "tests/__init__.py" in caught.value.what
    assert list((tmp_path / "out").iterdir()) == []


def test_file_of_the_prefix_is_not_overwritten(tmp_path: Path) -> None:
    """A wheel's data may not take the place of what the prefix has already."""
    claims = Claims()
    claims.take("bin/python", "python 3.12", "00")
    wheel = bad(tmp_path / "bad.whl", files={"bad-1.0.data/data/bin/python": b"evil"})
    with pytest.raises(LockFileError, match=r"python 3\.12 and bad 1\.0"):
        unpacked(tmp_path / "out", wheel, claims=claims)


@pytest.mark.parametrize(
    "files",
    [
        {"bad-1.0.data/nowhere/x": b""},
        {"bad-1.0.data/x": b""},
        {"x.py": b"", "bad-1.0.data/purelib/x.py": b""},
        {f"{INFO}/entry_points.txt": b"[console_scripts]\n../../evil = bad:main\n"},
        {f"{INFO}/entry_points.txt": b"\xff"},
    ],
)
def test_wheel_without_a_place_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    """An unknown scheme, two files for one place or a hostile command is refused, and nothing is written."""
    with pytest.raises(LockFileError, match=r"bad 1\.0"):
        unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files=files))
    assert list((tmp_path / "out").iterdir()) == []


def test_content_that_lies_is_refused(tmp_path: Path) -> None:
    """A file whose content is not what RECORD says is refused while it is written."""
    record = good_record(plain_files()) + record_line("x.py", b"2")
    with pytest.raises(LockFileError, match=r"bad 1\.0") as caught:
        unpacked(tmp_path / "out", bad(tmp_path / "bad.whl", files={"x.py": b"1"}, record=record))
    assert "x.py" in caught.value.why


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """A file is never written through a link that is where it belongs."""
    (tmp_path / "out" / SITE).mkdir(parents=True)
    (tmp_path / "out" / SITE / "x.py").symlink_to(tmp_path / "outside")
    wheel = bad(tmp_path / "bad.whl", files={"x.py": b"1"})
    with pytest.raises(FileExistsError):
        unpack([wheel], tmp_path / "out", TARGET, Claims())
    assert not (tmp_path / "outside").exists()
