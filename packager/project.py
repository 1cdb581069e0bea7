"""The project that a command works on: which flow file, which root, and what `[tool.fpack]` says."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpack.errors import ConfigError, FlowLoadError, Location

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KNOWN = frozenset({"flow", "root", "start"})
"""What `[tool.fpack]` may hold; its sub-tables belong to the stages that read them."""


@dataclass(frozen=True)
class Project:
    """`folder` holds the pyproject.toml with a `[tool.fpack]`, or else is where the command was given.

    A variable goes before the file: `FPACK_ROOT` before `root`, and so on.
    """

    folder: Path
    settings: Mapping[str, Any]
    variables: Mapping[str, str]

    def setting(self, name: str) -> str | None:
        """A setting's text: the variable `FPACK_<NAME>`, or the value in `[tool.fpack]`."""
        value = self.variables.get(f"FPACK_{name.upper()}") or self.settings.get(name)
        if value is not None and not isinstance(value, str):
            raise ConfigError(
                f"[tool.fpack] {name} = {value!r} is no text",
                hint=f'{name} = "..."',
                where=Location(str(self.folder / "pyproject.toml")),
            )
        return value

    def flow_file(self, given: str | None) -> str:
        """The flow file: the one given, the setting `flow`, or the only file here that defines a FlowSpec."""
        if given is not None:
            return given
        configured = self.setting("flow")
        if configured is not None:
            return str(self._base("flow") / configured)
        found = flow_files(Path.cwd())
        if len(found) == 1:
            return found[0].name
        if not found:
            raise FlowLoadError(
                "there is no flow in this folder",
                hint='name the file, or `flow = "…"` under [tool.fpack] in pyproject.toml',
            )
        names = ", ".join(path.name for path in found)
        raise FlowLoadError(f"there are several flows in this folder: {names}", hint="name one of them")

    def root_of(self, flow_file: str) -> str:
        """The root's URL or folder: the setting `root`, or `.fpack` beside the flow."""
        configured = self.setting("root")
        if configured is None:
            return str(Path(flow_file).resolve().parent / ".fpack")
        return configured if "://" in configured else str(self._base("root") / configured)

    def _base(self, name: str) -> Path:
        """What a setting's path is relative to: the folder of the file, or where the variable was given."""
        return Path.cwd() if self.variables.get(f"FPACK_{name.upper()}") else self.folder

    def user(self) -> str:
        """Who launches: FPACK_USER, METAFLOW_USER, SUDO_USER, USERNAME, USER, in this order."""
        for name in ("FPACK_USER", "METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"):
            if self.variables.get(name):
                return self.variables[name]
        import getpass

        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return "nobody"


def find_project(start: Path, variables: Mapping[str, str]) -> Project:
    """The nearest pyproject.toml with a `[tool.fpack]` from `start` upwards; without one, `start` itself."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                settings = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("fpack")
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"{path} is not valid TOML", why=str(error), hint="mend it", where=Location(str(path))
                ) from None
            if settings is not None:
                _check_settings(settings, path)
                return Project(folder, settings, variables)
    return Project(start, {}, variables)


def _check_settings(settings: Mapping[str, Any], path: Path) -> None:
    import difflib

    for name, value in settings.items():
        if name not in KNOWN and not isinstance(value, dict):
            close = difflib.get_close_matches(name, KNOWN, 1)
            raise ConfigError(
                f"[tool.fpack] has no setting `{name}`",
                hint=f"did you mean `{close[0]}`?" if close else f"it has {', '.join(sorted(KNOWN))}",
                where=Location(str(path)),
            )


def flow_files(folder: Path) -> list[Path]:
    """The Python files in a folder that define a class with FlowSpec as a base."""
    return sorted(path for path in folder.glob("*.py") if _defines_flow(path))


def _defines_flow(path: Path) -> bool:
    try:
        source = path.read_bytes()
    except OSError:
        return False
    try:
        tree = ast.parse(source) if b"FlowSpec" in source else ast.Module([], [])
    except (SyntaxError, ValueError):
        return b"(FlowSpec)" in source  # to be told what is wrong with it is better than not to find it
    return any(
        isinstance(node, ast.ClassDef)
        and any(
            (base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")) == "FlowSpec"
            for base in node.bases
        )
        for node in tree.body
    )
