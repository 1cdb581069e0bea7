"""Whether a graph can run: every step is reached, every split is joined, every road leads to `end`.

The walk carries, along every edge, the splits that are still open there. A split or a foreach opens one, a
join closes one; a step that is reached along several edges must find the same splits open on each. That one
rule covers missing joins, joins of different splits, and branches that never come back.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from fpack.errors import DeclarationError, Location
from fpack.flow.graph import Step


@dataclass(frozen=True)
class Open:
    """A split that is not joined yet: its step, and the branch of it that this road took."""

    split: str
    branch: str


Road = tuple[Open, ...]


def check_graph(flow: str, steps: Mapping[str, Step], where: Location) -> list[DeclarationError]:
    """Everything that keeps these steps from being a flow; `where` is the class, for what has no line."""
    errors = _check_ends(flow, steps, where) + _check_targets(steps)
    if errors or any(step.kind != "end" and not step.targets for step in steps.values()):
        return errors  # the walk below would repeat them, or blame other steps for one that cannot be read
    cycle = _find_cycle(steps)
    if cycle:
        first = steps[cycle[0]]
        return [
            _error(first, f"goes round in a circle: {' → '.join(cycle)}", "a flow goes forward, to `end`")
        ]
    reached = _reached(steps)
    unreached = [
        _error(step, "is never reached", f"name it in some step's `self.next`, or delete `{name}`")
        for name, step in steps.items()
        if name not in reached
    ]
    return _check_splits({name: steps[name] for name in reached}) + unreached


def _error(step: Step, what: str, hint: str) -> DeclarationError:
    return DeclarationError(f"step `{step.name}` {what}", hint=hint, step=step.name, where=step.where)


def _check_ends(flow: str, steps: Mapping[str, Step], where: Location) -> list[DeclarationError]:
    errors = [
        DeclarationError(
            f"flow `{flow}` has no step `{name}`",
            hint=f"add a method `{name}(self)` with `@step` above it",
            where=where,
        )
        for name in ("start", "end")
        if name not in steps
    ]
    if "start" in steps and steps["start"].is_join:
        errors.append(_error(steps["start"], "cannot be a join", "write `def start(self)`"))
    if "end" in steps:
        end = steps["end"]
        if end.targets:
            errors.append(_error(end, "goes on to another step", "take `self.next` out of `end`"))
        if end.is_join:
            errors.append(_error(end, "cannot be a join", "add a join step before `end`"))
    return errors


def _check_targets(steps: Mapping[str, Step]) -> list[DeclarationError]:
    errors: list[DeclarationError] = []
    for step in steps.values():
        if step.kind == "end" and step.name != "end":
            errors.append(
                _error(step, "does not say what comes next", "end it with `self.next(self.<step>)`")
            )
        if step.kind == "foreach" and step.catch:
            errors.append(_error(step, "is a foreach and cannot have `@catch`", "put `@catch` on its target"))
        for target in step.targets:
            if target not in steps:
                close = difflib.get_close_matches(target, steps, 1)
                errors.append(
                    _error(
                        step,
                        f"goes on to `{target}`, which is no step",
                        f"did you mean `{close[0]}`?" if close else f"add `@step` to a method `{target}`",
                    )
                )
            elif step.kind == "foreach" and steps[target].is_join:
                errors.append(
                    _error(
                        step,
                        f"is a foreach straight into the join `{target}`",
                        "put a step that works on one item in between",
                    )
                )
    return errors


def _find_cycle(steps: Mapping[str, Step]) -> list[str]:
    """The steps of a circle, its first again at the end; empty when there is none."""
    done: set[str] = set()
    for origin in steps:
        path: list[str] = []
        trail = [(origin, iter(steps[origin].targets))] if origin not in done else []
        path += [origin] if trail else []
        while trail:
            name, targets = trail[-1]
            target = next((t for t in targets if t not in done), None)
            if target is None:
                done.add(name)
                trail.pop()
                path.pop()
            elif target in path:
                return [*path[path.index(target) :], target]
            else:
                trail.append((target, iter(steps[target].targets)))
                path.append(target)
    return []


def _check_splits(steps: Mapping[str, Step]) -> list[DeclarationError]:
    errors: dict[str, DeclarationError] = {}
    arrivals: dict[str, list[tuple[str, Road]]] = {name: [] for name in steps}
    arrivals["start"] = [("", ())]
    expected = {name: sum(name in step.targets for step in steps.values()) for name in steps}
    ready = ["start"]
    while ready:
        step = steps[ready.pop(0)]
        road = _road_into(step, arrivals[step.name], steps, errors)
        for target in step.targets:
            onward = road if step.kind == "linear" else (*road, Open(step.name, target))
            arrivals[target].append((step.name, onward))
            if len(arrivals[target]) == expected[target]:
                ready.append(target)
    return list(errors.values())


def _road_into(
    step: Step,
    arrived: list[tuple[str, Road]],
    steps: Mapping[str, Step],
    errors: dict[str, DeclarationError],
) -> Road:
    """The splits that are open inside a step; a mistake is noted once and the walk goes on with a guess."""
    sources = " and ".join(f"`{name}`" for name, _ in arrived)
    roads = dict.fromkeys(road for _, road in arrived)  # no set, whose order differs from run to run
    if not step.is_join:
        if len(roads) > 1:
            errors[step.name] = _error(
                step,
                f"is reached from {sources} but does not join them",
                f"write `def {step.name}(self, inputs)`, or add a join step before it",
            )
        road = min(roads, key=len)
        if step.name == "end" and road and step.name not in errors:
            split = steps[road[-1].split]
            errors[step.name] = _error(
                split, "splits, and nothing joins it again", "add a step that takes `(self, inputs)`"
            )
        return road
    if not all(roads):
        errors[step.name] = _error(
            step, "is a join, but nothing is split before it", f"write `def {step.name}(self)`"
        )
        return ()
    outer = {road[:-1] for road in roads}
    splits = {road[-1].split for road in roads}
    if len(outer) > 1 or len(splits) > 1:
        errors[step.name] = _error(
            step,
            f"joins {sources}, which are not branches of one split",
            "join the branches of the inner split first",
        )
    else:
        split = steps[next(iter(splits))]
        missing = sorted(set(split.targets) - {road[-1].branch for road in roads})
        if split.kind == "split" and missing:
            errors[step.name] = _error(
                step,
                f"joins only some branches of `{split.name}`: {', '.join(f'`{m}`' for m in missing)} missing",
                "let every branch go on to the same join",
            )
    return min(roads, key=len)[:-1]


def _reached(steps: Mapping[str, Step]) -> list[str]:
    """The steps that lie on some way from `start`."""
    reached = ["start"]
    for name in reached:  # grows while it is walked
        reached += [target for target in steps[name].targets if target not in reached]
    return reached
