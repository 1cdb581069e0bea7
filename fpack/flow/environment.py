"""The environment that a step declares, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fpack.errors import Location


@dataclass(frozen=True)
class Environment:
    """What a step asks for, flow-level defaults merged in, in the user's own spelling.

    `pypi` and `conda` map a package's name (with its extras, `ray[default]`) to a version or a specifier;
    `python` is "3.12", "3.12.4" or None for the launching interpreter's X.Y. `where` is the line of the
    declaration that decides, for messages.
    """

    pypi: dict[str, str]
    conda: dict[str, str]
    python: str | None
    where: Location

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Environment:
        return cls(data["pypi"], data["conda"], data["python"], Location(**data["where"]))
