"""An environment on this machine, ready to run in, and the marker in it by which it is known to be whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MARKER = "fpack-environment.json"

_OTHER_PYTHON = (
    *("CONDA_DEFAULT_ENV", "CONDA_PREFIX", "CONDA_PROMPT_MODIFIER", "CONDA_SHLVL"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE"),
    *("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__"),
)


@dataclass(frozen=True)
class Prefix:
    """An environment on this machine: its folder, and the interpreter in it that sees its packages alone.

    `is_conda` tells a conda prefix from a virtual environment; `activation` are the variables that its
    packages want set.
    """

    path: Path
    python: Path
    is_conda: bool = False
    activation: tuple[tuple[str, str], ...] = ()

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env` for a process that runs in this prefix: its commands come first, no other Python leaks in.

        Bytecode may be written whatever the user's shell says: the prefix is fpack's, and without it every
        task would compile what it imports.
        """
        kept = {name: value for name, value in env.items() if name not in _OTHER_PYTHON}
        path = os.pathsep.join(part for part in (str(self.path / "bin"), env.get("PATH")) if part)
        place = str(self.path)
        own = {"CONDA_PREFIX": place, "CONDA_DEFAULT_ENV": place} if self.is_conda else {"VIRTUAL_ENV": place}
        return {**kept, **dict(self.activation), "PATH": path, **own}


def ready_prefix(target: Path) -> Prefix | None:
    """The finished prefix at `target`, unless the Python that it was made from has gone or was exchanged.

    None as well for a conda prefix that was moved: its own place is written all over it.
    """
    try:
        marker = json.loads((target / _MARKER).read_bytes())
        python = target / "bin" / "python"
        base = os.path.realpath(python)
        if marker["base"] != base or not os.path.exists(base):
            return None
        activation = tuple(sorted(marker.get("activation", {}).items()))
        return Prefix(target, python, bool(marker.get("conda", False)), activation)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_marker(
    building: Path,
    target: Path,
    python: str,
    *,
    is_conda: bool = False,
    activation: Mapping[str, str] | None = None,
) -> None:
    """Mark what is in `building` as a whole prefix for Python `python`, that of `target` once it is there."""
    base = os.path.realpath(building / "bin" / "python")
    own = os.path.realpath(building) + os.sep
    if base.startswith(own):
        base = os.path.join(os.path.realpath(target.parent), target.name, base.removeprefix(own))
    marker = {
        "environment": target.name,
        "python": python,
        "base": base,
        **({"conda": True, "activation": dict(activation or {})} if is_conda else {}),
    }
    (building / _MARKER).write_text(json.dumps(marker) + "\n", encoding="utf-8")
