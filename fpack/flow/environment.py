"""The environment that a step declares, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fpack.errors import Location
from fpack.flow.sources import DeclaredFile


@dataclass(frozen=True)
class Environment:
    """What a step asks for, flow-level defaults merged in, in the user's own spelling.

    `pypi` and `conda` map a package's name (with its extras, `ray[default]`, or its channel,
    `conda-forge::numpy`) to a version or a specifier; `python` is "3.12", "3.12.4" or None for the launching
    interpreter's X.Y. `where` is the line of the declaration that decides, for messages. `channels` are
    conda's, the first one first, none for the default ones. `gpu` says that conda may assume a GPU. `files`
    list further packages, and are read by the packager; `index` is the name or the URL, without credentials,
    of the package index that is asked before the user's own.
    """

    pypi: dict[str, str]
    conda: dict[str, str]
    python: str | None
    where: Location
    channels: tuple[str, ...] = ()
    gpu: bool = False
    files: tuple[DeclaredFile, ...] = ()
    index: str = ""

    @property
    def uses_conda(self) -> bool:
        return bool(self.conda) or any(file.manager == "conda" for file in self.files)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Environment:
        return cls(
            pypi=data["pypi"],
            conda=data["conda"],
            python=data["python"],
            where=Location(**data["where"]),
            channels=tuple(data.get("channels", ())),
            gpu=data.get("gpu", False),
            files=tuple(DeclaredFile.from_json(file) for file in data.get("files", ())),
            index=data.get("index", ""),
        )
