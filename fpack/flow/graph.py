"""The graph of a flow as frozen data: what every later stage works from, and what `run.json` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from fpack.errors import Location
from fpack.flow.environment import Environment
from fpack.flow.parameter import ParameterSpec

Kind = Literal["linear", "split", "foreach", "end"]


@dataclass(frozen=True)
class Resources:
    """What a step asks of its machine. Counts, and MiB; None where the backend's default holds."""

    cpu: float | None = None
    gpu: int | None = None
    memory: int | None = None
    disk: int | None = None
    shared_memory: int | None = None


@dataclass(frozen=True)
class Retry:
    """How often a failed task is tried again, and how many minutes a remote backend waits in between."""

    times: int = 0
    minutes: float = 0.0


@dataclass(frozen=True)
class Catch:
    """The artifact that takes the exception (None: no artifact), and whether it is printed as well."""

    var: str | None
    print_exception: bool


@dataclass(frozen=True)
class Step:
    """One step. `kind` is how it goes on: to one step, to several at once, to one per item, or nowhere."""

    name: str
    kind: Kind
    is_join: bool
    targets: tuple[str, ...]
    foreach: str | None
    doc: str
    where: Location
    environment: Environment | None = None
    resources: Resources = Resources()
    retry: Retry = Retry()
    timeout: float | None = None
    catch: Catch | None = None
    variables: Mapping[str, str] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        environment = data["environment"]
        return cls(
            **{
                **data,
                "targets": tuple(data["targets"]),
                "where": Location(**data["where"]),
                "environment": environment and Environment.from_json(environment),
                "resources": Resources(**data["resources"]),
                "retry": Retry(**data["retry"]),
                "catch": data["catch"] and Catch(**data["catch"]),
            }
        )


@dataclass(frozen=True)
class FlowGraph:
    """A flow: its name, its file, its parameters, and its steps in the order in which they are reached.

    `secret_urls` are the URLs of its indexes that have credentials, by what is left without them. They are
    no part of the JSON, which run records keep.
    """

    name: str
    file: str
    module: str
    doc: str
    parameters: tuple[ParameterSpec, ...]
    steps: Mapping[str, Step]
    stand_ins: tuple[str, ...] = ()
    secret_urls: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        del data["secret_urls"]
        data["steps"] = list(data["steps"].values())
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FlowGraph:
        return cls(
            **{
                **data,
                "parameters": tuple(ParameterSpec.from_json(p) for p in data["parameters"]),
                "steps": {step["name"]: Step.from_json(step) for step in data["steps"]},
                "stand_ins": tuple(data["stand_ins"]),
            }
        )
