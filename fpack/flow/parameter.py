"""A flow's parameters: their declaration, and how a command line's text becomes their value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import Any

from fpack.errors import Location, ParameterError
from fpack.flow.declare import call_site


class JSONType:
    """The type of a parameter whose text is JSON and whose value is what the text says."""


TYPES: dict[Any, str] = {str: "str", int: "int", float: "float", bool: "bool", JSONType: "json"}
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})


class Parameter:
    """A value that is given when a run starts: `alpha = Parameter("alpha", default=0.1, help="…")`.

    In a step it is `self.alpha`, and read-only. `type` is str, int, float, bool or `JSONType`; without it,
    the type of the default. `default` may be a function of one context argument, called at launch.
    `separator` splits the text into a list of strings.
    """

    def __init__(
        self,
        name: str,
        default: Any = None,
        type: Any = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool = True,
        separator: str | None = None,
        **unknown: Any,
    ) -> None:
        self.name = name
        self.default = default
        self.type = type
        self.help = help
        self.required = required
        self.show_default = show_default
        self.separator = separator
        self.unknown = tuple(unknown)
        self.where = call_site()

    def __get__(self, flow: Any, owner: type | None = None) -> Any:
        if flow is None:
            return self
        return flow._fpack_view.parameters[self.name]

    def __set__(self, flow: Any, value: Any) -> None:
        raise AttributeError(f"parameter `{self.name}` cannot be changed: assign to another name")


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter as plain data. `type` is one of str, int, float, bool and json."""

    name: str
    attribute: str
    type: str
    default: Any
    required: bool
    help: str
    separator: str | None
    where: Location

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ParameterSpec:
        return cls(**{**data, "where": Location(**data["where"])})

    def convert(self, text: str) -> Any:
        """The value that `text` stands for; ParameterError when it is of another type."""
        if self.separator is not None:
            return text.split(self.separator)
        try:
            if self.type == "int":
                return int(text)
            if self.type == "float":
                return float(text)
            if self.type == "bool":
                return _parse_bool(text)
            if self.type == "json":
                return json.loads(text)
        except ValueError as error:
            wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "json": "JSON"}
            raise ParameterError(
                f"parameter `{self.name}` takes {wanted[self.type]}, not {text!r}",
                why=str(error) if self.type == "json" else "",
                hint=f"`--{self.name} VALUE`, declared at {self.where}",
                where=self.where,
            ) from None
        return text


def _parse_bool(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError(text)


def evaluate_default(parameter: Parameter, flow: str, user: str) -> Any:
    """The default's value; one that is a function is called with the flow's, user's and parameter's name."""
    if not callable(parameter.default):
        return parameter.default
    context = SimpleNamespace(flow_name=flow, user_name=user, parameter_name=parameter.name, logger=print)
    try:
        return parameter.default(context)
    except Exception as error:  # noqa: BLE001 - whatever the user's function does
        raise ParameterError(
            f"parameter `{parameter.name}`: its default function failed: {type(error).__name__}: {error}",
            hint="it is called with one argument, the context, whenever the flow is looked at",
        ) from None


def resolve(
    specs: tuple[ParameterSpec, ...],
    given: Mapping[str, str],
    variables: Mapping[str, str],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The value of every parameter, by name.

    What was `given` on the command line comes first, then the value that the run had which this one goes on
    from (`before`), then the variables `FPACK_RUN_<NAME>` and `METAFLOW_RUN_<NAME>`, then the default.
    ParameterError for one that is unknown, missing or of a wrong type.
    """
    import difflib

    known = {spec.name: spec for spec in specs}
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise ParameterError(
                f"this flow has no parameter `{name}`",
                why=f"it has {', '.join(f'`{n}`' for n in known)}" if known else "it declares none",
                hint=f"did you mean `--{close[0]}`?"
                if close
                else "`fpack show FLOW` lists them, `fpack launch --help` all other options",
            )
    values: dict[str, Any] = {}
    for spec in specs:
        variable = spec.name.upper().replace("-", "_")
        text = given.get(
            spec.name, variables.get(f"FPACK_RUN_{variable}", variables.get(f"METAFLOW_RUN_{variable}"))
        )
        if before and spec.name in before and spec.name not in given:
            values[spec.name] = before[spec.name]
        elif text is not None:
            values[spec.name] = spec.convert(text)
        elif spec.required:
            raise ParameterError(
                f"parameter `{spec.name}` is required",
                hint=f"add `--{spec.name} VALUE`" + (f" ({spec.help})" if spec.help else ""),
                where=spec.where,
            )
        else:
            values[spec.name] = spec.default
    return values
