"""Decorators' values to a step's settings: checked here, every mistake with its line."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fpack.errors import DeclarationError, Location
from fpack.flow.declare import Decoration
from fpack.flow.graph import Catch, Resources, Retry
from fpack.flow.layers import Complain, merged_environment

MOST_RETRIES = 5
"""Metaflow's bound: six attempts in all, one of which `@catch` may need."""


def step_settings(
    step: str, own: Sequence[Decoration], base: Sequence[Decoration], errors: list[DeclarationError]
) -> dict[str, Any]:
    """The fields of `Step` that decorators decide. Mistakes go to `errors`, and defaults take their place."""

    def complain(what: str, where: Location, hint: str = "") -> None:
        errors.append(DeclarationError(f"step `{step}`: {what}", hint=hint, step=step, where=where))

    by_name: dict[str, Decoration] = {}
    for decoration in own:
        if decoration.name in by_name:
            complain(f"`@{decoration.name}` stands here twice", decoration.where, "keep one of them")
        by_name[decoration.name] = decoration
        check_arguments(decoration, complain)

    settings: dict[str, Any] = {}
    readers: dict[str, tuple[str, Callable[[Decoration, Complain], Any]]] = {
        "resources": ("resources", _resources),
        "retry": ("retry", _retry),
        "timeout": ("timeout", _timeout),
        "catch": ("catch", _catch),
        "environment": ("variables", _variables),
    }
    for name, (field, read) in readers.items():
        if name in by_name:
            settings[field] = read(by_name[name], complain)
    environment = merged_environment(by_name, base, complain)
    gpu = bool(environment and environment.uses_conda and settings.get("resources", Resources()).gpu)
    settings["environment"] = replace(environment, gpu=gpu) if environment else None
    return settings


def check_arguments(decoration: Decoration, complain: Complain) -> None:
    """Report each argument that the decorator does not have."""
    for name in decoration.unknown:
        close = difflib.get_close_matches(name, decoration.known, 1)
        complain(
            f"`@{decoration.name}` has no argument `{name}`",
            decoration.where,
            f"did you mean `{close[0]}`?" if close else f"it has {', '.join(decoration.known)}",
        )


def _number(
    decoration: Decoration, argument: str, complain: Complain, *, whole: bool, unit: str, least: float = 0
) -> Any:
    value = decoration.values[argument]
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if number < least or number != number or number == float("inf") or (whole and number % 1):
            raise ValueError
    except (TypeError, ValueError):
        kind = "a whole number" if whole else "a number"
        complain(
            f"`@{decoration.name}({argument}={value!r})` is not {kind} of {unit}",
            decoration.where,
            f"{argument}=16000 is 16000 MiB" if unit == "MiB" else f"{argument}={int(least) or 1}",
        )
        return None
    return int(number) if whole else number


def _resources(decoration: Decoration, complain: Complain) -> Resources:
    sizes = {
        name: _number(decoration, name, complain, whole=True, unit="MiB", least=1)
        for name in ("memory", "disk", "shared_memory")
    }
    return Resources(
        cpu=_number(decoration, "cpu", complain, whole=False, unit="CPUs", least=0.25),
        gpu=_number(decoration, "gpu", complain, whole=True, unit="GPUs"),
        **sizes,
    )


def _retry(decoration: Decoration, complain: Complain) -> Retry:
    times = _number(decoration, "times", complain, whole=True, unit="retries") or 0
    minutes = _number(decoration, "minutes_between_retries", complain, whole=False, unit="minutes") or 0.0
    if times > MOST_RETRIES:
        complain(f"`@retry(times={times})` is too many", decoration.where, f"{MOST_RETRIES} at the most")
    return Retry(times, minutes)


def _timeout(decoration: Decoration, complain: Complain) -> float | None:
    scale = {"seconds": 1, "minutes": 60, "hours": 3600}
    parts = {name: _number(decoration, name, complain, whole=False, unit=name) for name in scale}
    total = float(sum((number or 0) * scale[name] for name, number in parts.items()))
    if not total and None not in parts.values() and not decoration.unknown:
        complain("`@timeout` gives no time", decoration.where, "@timeout(minutes=30)")
    return total or None


def _catch(decoration: Decoration, complain: Complain) -> Catch:
    var = decoration.values["var"]
    if var is not None and not (isinstance(var, str) and var.isidentifier() and not keyword.iskeyword(var)):
        complain(f"`@catch(var={var!r})` is no artifact name", decoration.where, '@catch(var="failure")')
        var = None
    return Catch(var, bool(decoration.values["print_exception"]))


def _variables(decoration: Decoration, complain: Complain) -> dict[str, str]:
    given = decoration.values["vars"]
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        complain(
            "`@environment(vars=...)` takes a dict of names to values", decoration.where, '{"NAME": "value"}'
        )
        return {}
    good: dict[str, str] = {}
    for name, value in given.items():
        if not name or "=" in name or "\0" in name:
            complain(
                f"`@environment`: {name!r} is no name of a variable",
                decoration.where,
                "use letters, digits and _",
            )
        elif "\0" in str(value):
            complain(
                f"`@environment`: the value of `{name}` has a zero byte", decoration.where, "take it out"
            )
        else:
            good[name] = str(value)
    return good
