"""Activating a conda prefix without a shell: the variables that its packages set, found out once.

conda's contract is that a shell, when a prefix is activated, takes the values in
`etc/conda/env_vars.d/*.json` and sources `etc/conda/activate.d/*.sh`. A step starts without a shell, so the
scripts run once, when the prefix is made, and the values that they leave are kept with it. What depends on
the moment of activation (a script that prepends to a variable of the user's) is not carried over, nor are
additions to PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fpack.events import Emit, Event

_SOURCE = """
answer=$1; python=$2; shift 2
for script in "$@"; do . "$script"; done
"$python" -I -c 'import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], "w"))' "$answer"
"""

_OF_THE_SHELL = ("OLDPWD", "PATH", "PWD", "SHLVL", "_")
_PATIENCE = 60.0


def activation(folder: Path, prefix: str, emit: Emit, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the prefix that is in `folder` now and will be at `prefix`, sorted by name."""
    found = _declared(folder / "etc/conda/env_vars.d")
    scripts = sorted((folder / "etc/conda/activate.d").glob("*.sh"))
    if scripts:
        found |= _sourced(scripts, folder, found, env, emit)
    return {name: value.replace(str(folder), prefix) for name, value in sorted(found.items())}


def _declared(folder: Path) -> dict[str, str]:
    """The values in the JSON files of `env_vars.d`, later files over earlier ones."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            content = json.loads(file.read_bytes())
        except ValueError:
            continue  # as conda does: a damaged file sets nothing
        if isinstance(content, dict):
            found.update({str(name): str(value) for name, value in content.items()})
    return found


def _sourced(
    scripts: list[Path], folder: Path, declared: Mapping[str, str], env: Mapping[str, str], emit: Emit
) -> dict[str, str]:
    """What a shell has set after it sourced `scripts` with nothing of the user's around it."""
    before = {
        "HOME": env.get("HOME", str(folder)),
        "LANG": "C.UTF-8",
        "PATH": f"{folder}/bin:{os.defpath}",
        **declared,
        "CONDA_DEFAULT_ENV": str(folder),
        "CONDA_PREFIX": str(folder),
        "CONDA_SHLVL": "1",
    }
    with tempfile.TemporaryDirectory(prefix="fpack-activate-") as place:
        answer = Path(place, "environment.json")
        command = [shutil.which("bash") or "/bin/sh", "-c", _SOURCE, "activate", str(answer), sys.executable]
        try:
            done = subprocess.run(
                [*command, *map(str, scripts)],
                cwd=place,
                env=before,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_PATIENCE,
                check=False,
            )
            after = json.loads(answer.read_bytes())
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            names = ", ".join(script.name for script in scripts)
            data = {"scripts": names, "why": str(error)}
            emit(Event("environment.activation", f"Activation scripts failed: {names}", "warning", data))
            return {}
    if done.stderr.strip():
        said = done.stderr.decode(errors="replace").strip()
        emit(Event("environment.activation", f"Activation scripts said: {said}", "detail", {"said": said}))
    return {
        name: value
        for name, value in after.items()
        if value != before.get(name) and name not in _OF_THE_SHELL and not name.startswith("BASH_FUNC_")
    }
