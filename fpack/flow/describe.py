"""A FlowSpec class to its graph: reads every declaration, and reports all that is wrong with them at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fpack.errors import DeclarationError, FpackError, Location
from fpack.flow.check import check_graph
from fpack.flow.declare import Decoration, flow_decorations, is_step, step_decorations
from fpack.flow.graph import FlowGraph, Kind, Step
from fpack.flow.parameter import TYPES, JSONType, Parameter, ParameterSpec, evaluate_default
from fpack.flow.settings import check_arguments, step_settings
from fpack.flow.source import StepSource, read_step, step_code
from fpack.flow.sources import secret_urls

RESERVED = frozenset({"next", "input", "index", "foreach_stack", "merge_artifacts"})
"""What FlowSpec itself defines, so that no step or parameter may take the name."""


def describe(flow: type, file: str, user: str = "") -> tuple[FlowGraph, list[DeclarationError]]:
    """The flow's graph, and every mistake in it. With mistakes, the graph is only good for showing."""
    errors: list[DeclarationError] = []
    base = flow_decorations(flow)
    for decoration in base:
        check_arguments(decoration, _complaint(errors))
    steps: dict[str, Step] = {}
    for name, function in _attributes(flow).items():
        if is_step(function):
            step = _describe_step(name, function, base, errors)
            if step is not None:
                steps[name] = step
        elif callable(function) and step_decorations(function):
            first = step_decorations(function)[0]
            errors.append(
                DeclarationError(
                    f"`{name}` has `@{first.name}` but is no step",
                    hint="add `@step`, or take the decorator away",
                    where=first.where,
                )
            )
    parameters = _describe_parameters(flow, user, errors)
    _check_catches(flow, steps, errors)
    where = Location(file, _line_of(flow, file))
    errors += check_graph(flow.__name__, steps, where)
    graph = FlowGraph(
        name=flow.__name__,
        file=file,
        module=flow.__module__,
        doc=(flow.__doc__ or "").strip(),
        parameters=tuple(parameters),
        steps={step.name: step for step in _in_order(steps)},
        secret_urls=secret_urls(
            [*base, *(each for function in _attributes(flow).values() for each in _decorations(function))]
        ),
    )
    return graph, sorted(_once(errors), key=lambda error: error.where.line if error.where else 0)


def _decorations(function: Any) -> list[Decoration]:
    return step_decorations(function) if is_step(function) else []


def _complaint(errors: list[DeclarationError]) -> Callable[[str, Location, str], None]:
    return lambda what, where, hint: errors.append(DeclarationError(what, hint=hint, where=where))


def _once(errors: list[DeclarationError]) -> list[DeclarationError]:
    """A mistake in a flow-level decorator is met in each step; it is told once."""
    return list(
        {(error.what.partition("`: ")[2] or error.what, error.where): error for error in errors}.values()
    )


def _attributes(flow: type) -> dict[str, Any]:
    """What the class and its bases define, as it is written; a subclass goes over its bases."""
    found: dict[str, Any] = {}
    for base in reversed(flow.__mro__):
        if base.__module__ != "fpack.flow.spec" and base is not object:
            found.update(vars(base))
    return found


def _line_of(flow: type, file: str) -> int:
    import inspect

    try:
        return inspect.getsourcelines(flow)[1] if inspect.getsourcefile(flow) == file else 0
    except (OSError, TypeError):
        return 0


def _describe_step(
    name: str, function: Callable[..., Any], base: list[Decoration], errors: list[DeclarationError]
) -> Step | None:
    settings = step_settings(name, step_decorations(function), base, errors)
    try:
        source = read_step(name, function)
    except DeclarationError as error:
        errors.append(error)
        # Keeping the step, without a way on, spares the user a second message about steps that point to it.
        code = step_code(function)
        where = Location(code.co_filename, code.co_firstlineno)
        return Step(name, "linear", code.co_argcount == 2, (), None, "", where, **settings)
    if name in RESERVED:
        errors.append(
            DeclarationError(
                f"`{name}` is a name of FlowSpec's own and cannot be a step",
                hint="give the step another name",
                step=name,
                where=source.where,
            )
        )
    return Step(
        name=name,
        kind=_kind(source),
        is_join=source.is_join,
        targets=source.next.targets if source.next else (),
        foreach=source.next.foreach if source.next else None,
        doc=source.doc,
        where=source.where,
        **settings,
    )


def _kind(source: StepSource) -> Kind:
    if source.next is None:
        return "end"
    if source.next.foreach is not None:
        return "foreach"
    return "split" if len(source.next.targets) > 1 else "linear"


def _check_catches(flow: type, steps: Mapping[str, Step], errors: list[DeclarationError]) -> None:
    """What `@catch` sets has to be a name that a step may assign to."""
    attributes = _attributes(flow)
    for step in steps.values():
        var = step.catch.var if step.catch else None
        if var is None or not (var in RESERVED or var in attributes):
            continue
        what = "a name of FlowSpec's own" if var in RESERVED else "the name of a step"
        if var not in RESERVED and not is_step(attributes[var]):
            what = "set on the class already"
        errors += [
            DeclarationError(
                f"step `{step.name}`: `@catch(var={var!r})` is {what}",
                hint="give the artifact another name",
                step=step.name,
                where=decoration.where,
            )
            for decoration in step_decorations(attributes[step.name])
            if decoration.name == "catch"
        ]


def _describe_parameters(flow: type, user: str, errors: list[DeclarationError]) -> list[ParameterSpec]:
    specs: list[ParameterSpec] = []
    for attribute, parameter in _attributes(flow).items():
        if not isinstance(parameter, Parameter):
            continue
        try:
            specs.append(_describe_parameter(flow, attribute, parameter, user, {s.name for s in specs}))
        except FpackError as error:
            errors.append(DeclarationError(error.what, why=error.why, hint=error.hint, where=parameter.where))
    return specs


def _describe_parameter(
    flow: type, attribute: str, parameter: Parameter, user: str, taken: set[str]
) -> ParameterSpec:
    def wrong(what: str, hint: str) -> DeclarationError:
        return DeclarationError(f"parameter `{parameter.name}`: {what}", hint=hint, where=parameter.where)

    if not isinstance(parameter.name, str) or not parameter.name.replace("-", "_").isidentifier():
        raise wrong("is no name", 'Parameter("learning_rate", default=0.1)')
    if parameter.name in taken:
        raise wrong("is declared twice", "give each parameter a name of its own")
    if attribute in RESERVED:
        raise wrong(f"`{attribute}` is a name of FlowSpec's own", "give it another name")
    if parameter.unknown:
        raise wrong(
            f"has no argument `{parameter.unknown[0]}`",
            "it has name, default, type, help, required, show_default, separator",
        )
    default = evaluate_default(parameter, flow.__name__, user)
    declared = parameter.type
    if declared is None:
        declared = type(default) if type(default) in TYPES else str
        if isinstance(default, (dict, list)) and parameter.separator is None:
            declared = JSONType
    if isinstance(declared, JSONType):
        declared = JSONType
    kind = TYPES.get(declared) if _hashable(declared) else None
    if kind is None:
        raise wrong(f"type {declared!r} is not supported", "str, int, float, bool or JSONType")
    spec = ParameterSpec(
        name=parameter.name,
        attribute=attribute,
        type=kind,
        default=None,
        required=bool(parameter.required) and default is None,
        help=parameter.help or "",
        separator=parameter.separator,
        where=parameter.where,
    )
    return ParameterSpec(**{**vars(spec), "default": _default(spec, default, wrong)})


def _hashable(declared: Any) -> bool:
    return getattr(type(declared), "__hash__", None) is not None


def _default(spec: ParameterSpec, default: Any, wrong: Callable[[str, str], DeclarationError]) -> Any:
    """The default as the value that it stands for: text is read as the command line's would be."""
    if default is None:
        return None
    if isinstance(default, str):
        return spec.convert(default)
    fits: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,)}
    wanted = fits.get(spec.type, ())
    if wanted and not (isinstance(default, wanted) and isinstance(default, bool) == (spec.type == "bool")):
        raise wrong(f"default {default!r} is no {spec.type}", f"give a default of type {spec.type}")
    if spec.type == "str" and spec.separator is None:
        raise wrong(f"default {default!r} is no text", "give `type=` as well, or a default that is text")
    try:
        json.dumps(default)
    except (TypeError, ValueError):
        raise wrong(
            f"default {default!r} cannot be written down", "a default is text, a number or JSON"
        ) from None
    return float(default) if spec.type == "float" else default


def _in_order(steps: Mapping[str, Step]) -> list[Step]:
    """Steps as a run reaches them, breadth first from `start`; then those that nothing reaches."""
    order: dict[str, Step] = {}
    waiting = ["start"]
    while waiting:
        name = waiting.pop(0)
        if name in steps and name not in order:
            order[name] = steps[name]
            waiting += steps[name].targets
    return [*order.values(), *(step for name, step in steps.items() if name not in order)]
