"""Merging the artifacts of a join's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpack.flow.spec import FlowSpec


class MergeError(Exception):
    """`merge_artifacts` was called in a way that cannot work."""


class UnhandledInMergeArtifactsException(MergeError):
    """Artifacts differ between the inputs of a join, and nobody said which to take."""

    def __init__(self, message: str, artifacts: list[str]) -> None:
        super().__init__(message)
        self.artifact_names = artifacts


class MissingInMergeArtifactsException(MergeError):
    """Artifacts that were asked for by name are missing in an input of the join."""

    def __init__(self, message: str, artifacts: list[str]) -> None:
        super().__init__(message)
        self.artifact_names = artifacts


def merge(flow: FlowSpec, inputs: list[FlowSpec], exclude: tuple[str, ...], include: tuple[str, ...]) -> None:
    """Set on `flow` what all inputs agree on. Contents are compared by their address: nothing is loaded."""
    if exclude and include:
        raise MergeError("merge_artifacts takes `include` or `exclude`, not both")
    if not inputs:
        raise MergeError("merge_artifacts works in a join, on its `inputs`")
    offered = [each._fpack_view.refs() for each in inputs]
    names = include or sorted({name for refs in offered for name in refs} - set(exclude))
    kept = set(flow.__dict__)
    chosen: dict[str, object] = {}
    differing: list[str] = []
    missing: list[str] = []
    for name in names:
        if name in kept:
            continue
        found = [refs[name] for refs in offered if name in refs]
        if include and len(found) < len(inputs):
            missing.append(name)
        elif any(ref != found[0] for ref in found):
            differing.append(name)
        else:
            chosen[name] = found[0]
    if missing:
        raise MissingInMergeArtifactsException(
            f"not every input of the join has {', '.join(missing)}, which `include` names", missing
        )
    if differing:
        raise UnhandledInMergeArtifactsException(
            f"the inputs of the join differ in {', '.join(differing)}: set "
            f"{'it' if len(differing) == 1 else 'them'} before merge_artifacts, or name "
            f"{'it' if len(differing) == 1 else 'them'} in `exclude`",
            differing,
        )
    flow._fpack_view.adopt(chosen)
