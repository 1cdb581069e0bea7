"""A flow as `fpack show` prints it: each step with where it goes on to, and what it asks for."""

from __future__ import annotations

from typing import Any

from fpack.cli.style import paint
from fpack.flow.environment import Environment
from fpack.flow.graph import FlowGraph, Resources, Step


def flow_data(graph: FlowGraph) -> dict[str, Any]:
    """The flow as JSON: `parameters` and `steps`, as they are declared."""
    return {"v": 1, **graph.to_json()}


def print_flow(graph: FlowGraph) -> None:
    print(paint(graph.name, "bold") + (f": {_first_line(graph.doc)}" if graph.doc else ""))
    for spec in graph.parameters:
        default = "required" if spec.required else f"default {spec.default!r}"
        print(f"  --{spec.name} {spec.type.upper()}  {default}{f'  {spec.help}' if spec.help else ''}")
    print()
    width = max(len(name) for name in graph.steps)
    for step in graph.steps.values():
        line = f"{paint(step.name.ljust(width), 'bold')}  {_onward(step)}"
        print(line + (f"  {paint('joins', 'dim')}" if step.is_join else ""))
        for detail in _details(step):
            print(f"{' ' * width}  {paint(detail, 'dim')}")


def _first_line(doc: str) -> str:
    return doc.strip().splitlines()[0]


def _onward(step: Step) -> str:
    if step.kind == "end":
        return "ends"
    targets = ", ".join(step.targets)
    return f"→ {targets} for each of `{step.foreach}`" if step.foreach else f"→ {targets}"


def _details(step: Step) -> list[str]:
    details = [_first_line(step.doc)] if step.doc else []
    if step.environment:
        details += _environment(step.environment)
    details += [text for text in (_resources(step.resources), _attempts(step)) if text]
    return details


def _environment(environment: Environment) -> list[str]:
    python = f"Python {environment.python}, " if environment.python else ""
    return [
        f"{manager}: {python}" + ", ".join(f"{name} {version or 'any'}" for name, version in packages.items())
        for manager, packages in (("conda", environment.conda), ("pypi", environment.pypi))
        if packages or (manager == "pypi" and not environment.conda)
    ]


def _resources(resources: Resources) -> str:
    parts = [f"{value:g} {name}" for name, value in (("cpu", resources.cpu), ("gpu", resources.gpu)) if value]
    sizes = {"memory": resources.memory, "disk": resources.disk, "shared memory": resources.shared_memory}
    return ", ".join([*parts, *(f"{value} MiB {name}" for name, value in sizes.items() if value)])


def _attempts(step: Step) -> str:
    parts = []
    if step.retry.times:
        parts.append(f"retries: {step.retry.times}")
    if step.timeout:
        parts.append(f"timeout: {step.timeout:g} s")
    if step.catch:
        parts.append(f"catches into `{step.catch.var}`" if step.catch.var else "catches")
    return ", ".join(parts)
