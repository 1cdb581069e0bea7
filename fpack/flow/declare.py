"""Decorators record what they were told and where; whether it makes sense is said later, all at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fpack.errors import Location

Declared = TypeVar("Declared", bound=Callable[..., Any])

_STEP = "__fpack_step__"
_ON_STEP = "__fpack_decorators__"
_ON_FLOW = "__fpack_flow_decorators__"


@dataclass(frozen=True)
class Decoration:
    """One use of a decorator: its name, the values given, and the arguments that it does not know."""

    name: str
    values: dict[str, Any]
    unknown: tuple[str, ...]
    where: Location

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(self.values)


def call_site(depth: int = 2) -> Location:
    """The line, in the user's file, of the call `depth` frames up."""
    frame = sys._getframe(depth)
    return Location(frame.f_code.co_filename, frame.f_lineno)


def decorate_step(
    name: str, function: Declared | None, values: dict[str, Any], unknown: dict[str, Any]
) -> Any:
    """Make a step decorator that works bare (`@retry`) and called (`@retry(times=2)`)."""
    decoration = Decoration(name, values, tuple(unknown), call_site(3))

    def attach(function: Declared) -> Declared:
        function.__dict__.setdefault(_ON_STEP, []).append(decoration)
        return function

    return attach if function is None else attach(function)


def decorate_flow(name: str, flow: type | None, values: dict[str, Any], unknown: dict[str, Any]) -> Any:
    """Make a decorator of a whole FlowSpec class."""
    decoration = Decoration(name, values, tuple(unknown), call_site(3))

    def attach(flow: type) -> type:
        setattr(flow, _ON_FLOW, [*flow.__dict__.get(_ON_FLOW, []), decoration])
        return flow

    return attach if flow is None else attach(flow)


def mark_step(function: Declared) -> Declared:
    function.__dict__[_STEP] = True
    return function


def is_step(attribute: object) -> bool:
    return getattr(attribute, _STEP, False) is True


def step_decorations(function: Callable[..., Any]) -> list[Decoration]:
    """The decorators of a step, in the order in which they were applied (from the bottom up)."""
    found: list[Decoration] = getattr(function, _ON_STEP, [])
    return found


def flow_decorations(flow: type) -> list[Decoration]:
    """The decorators of a flow class, those of its base classes first."""
    found: list[Decoration] = []
    for base in reversed(flow.__mro__):
        found.extend(base.__dict__.get(_ON_FLOW, []))
    return found
