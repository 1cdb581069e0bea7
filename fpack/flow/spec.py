"""FlowSpec: the class that a flow's author writes, and what a step sees as `self`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fpack.flow.declare import is_step

_ABSENT = object()


@dataclass(frozen=True)
class ForeachFrame:
    """One level of the foreach loops around a task: the item's place, how many there are, and the item."""

    step: str
    var: str
    index: int
    num_splits: int
    value: Any


@dataclass(frozen=True)
class Transition:
    """What a task asked for with `self.next`; `items` is the iterable of a foreach."""

    targets: tuple[str, ...]
    foreach: str | None = None
    items: Any = None


class TaskView(Protocol):
    """What a task, or a past task seen from a join, gives its flow instance to look things up in."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The run's parameters by name."""

    def load(self, name: str) -> Any:
        """The artifact that came in under `name`; KeyError when there is none."""

    def refs(self) -> Mapping[str, Any]:
        """The artifacts that came in, by name, as addresses that are equal when the contents are."""

    def adopt(self, refs: Mapping[str, Any]) -> None:
        """Let these artifacts count as come in."""

    def foreach_frames(self) -> Sequence[ForeachFrame]:
        """The foreach loops around the task, outermost first."""


class FlowSpec:
    """A flow: steps that are methods with `@step`, from `start` to `end`, each ending in `self.next(...)`.

    What a step assigns to `self` is an artifact: saved when the step ends, and there, unchanged, in every
    step after it. `MyFlow()` at the end of the file makes `python file.py run` work.
    """

    # Not in __dict__, which holds the artifacts and nothing else.
    __slots__ = ("__dict__", "__weakref__", "_fpack_removed", "_fpack_transition", "_fpack_view")

    _fpack_view: TaskView
    _fpack_transition: Transition | None
    _fpack_removed: set[str]

    def __init__(self, use_cli: bool = True) -> None:
        module = sys.modules.get(type(self).__module__)
        if use_cli and module is not None and module.__name__ == "__main__" and hasattr(module, "__file__"):
            _become_command_line(str(module.__file__))

    @property
    def input(self) -> Any:
        """The item of the innermost foreach that this task works on; None outside of one."""
        frames = self._fpack_view.foreach_frames()
        return frames[-1].value if frames else None

    @property
    def index(self) -> int | None:
        """The item's place in the innermost foreach, from 0; None outside of one."""
        frames = self._fpack_view.foreach_frames()
        return frames[-1].index if frames else None

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """(index, number of items, item) of each foreach around this task, outermost first."""
        return [(frame.index, frame.num_splits, frame.value) for frame in self._fpack_view.foreach_frames()]

    def next(self, *targets: Any, foreach: str | None = None) -> None:
        """Say which step comes next: one, several (`self.a, self.b`), or one per item of `foreach`."""
        if self._fpack_transition is not None:
            raise RuntimeError("self.next was called twice in one step")
        names = []
        for target in targets:
            if not is_step(target) or getattr(target, "__self__", None) is not self:
                raise TypeError(f"self.next takes steps of this flow, not {target!r}")
            names.append(target.__name__)
        items = None
        if foreach is not None:
            try:
                items = getattr(self, foreach)
                iter(items)
            except AttributeError:
                raise AttributeError(
                    f"self.next(foreach={foreach!r}): there is no artifact `{foreach}`"
                ) from None
            except TypeError:
                raise TypeError(
                    f"self.next(foreach={foreach!r}): `{foreach}` is of type {type(items).__name__}, "
                    "which cannot be looped over"
                ) from None
        object.__setattr__(self, "_fpack_transition", Transition(tuple(names), foreach, items))

    def merge_artifacts(
        self, inputs: Iterable[FlowSpec], exclude: Sequence[str] = (), include: Sequence[str] = ()
    ) -> None:
        """In a join, take over each artifact on which all the inputs agree.

        One that the join has set already is left alone. Those that differ must be set before, or be named
        in `exclude`; with `include`, only the named ones are taken.
        """
        from fpack.flow.merge import merge

        merge(self, list(inputs), tuple(exclude), tuple(include))

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is neither in __dict__ nor on the class: an artifact of an earlier step.
        if not name.startswith("__"):
            try:
                view = object.__getattribute__(self, "_fpack_view")
                if name not in object.__getattribute__(self, "_fpack_removed"):
                    value = view.load(name)
                    self.__dict__[name] = value
                    return value
            except (AttributeError, KeyError):
                pass
        raise AttributeError(f"flow `{type(self).__name__}` has no artifact `{name}` here")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(FlowSpec) and not name.startswith("__"):
            raise AttributeError(f"`{name}` is a name of FlowSpec's own: give the artifact another name")
        declared = getattr(type(self), name, _ABSENT)
        if declared is not _ABSENT and not hasattr(type(declared), "__set__"):
            if is_step(declared):
                raise AttributeError(f"`{name}` is a step: give the artifact another name")
            if not callable(declared):
                raise AttributeError(f"`{name}` is set on the class and cannot be changed: use another name")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        getattr(self, name)
        self._fpack_removed.add(name)
        self.__dict__.pop(name, None)

    def __getstate__(self) -> Any:
        raise TypeError(
            f"flow `{type(self).__name__}` cannot be pickled: pass on the artifacts that you need"
        )


def _become_command_line(file: str) -> None:
    """Replace this process, which has the user's modules in it, by a clean one for `file`'s commands."""
    sys.stdout.flush()
    sys.stderr.flush()
    boot = "import sys; sys.path = [*filter(None, sys.path)]; from fpack.cli.flowfile import main; main()"
    os.execv(sys.executable, [sys.executable, "-c", boot, os.path.abspath(file), *sys.argv[1:]])
