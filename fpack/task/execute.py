"""One attempt of one task, from its order to its record.

Load the user's file, bind an instance of the flow to what came in, call the step, check that it goes on
where its source says, save what it assigned, write the record. Everything that can go wrong in between ends
as a failed record, unless `@catch` makes a result of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fpack.errors import ArtifactError, FpackError, Location, StoreError
from fpack.flow.current import current
from fpack.flow.graph import Step
from fpack.flow.load import find_flow, import_flow_module
from fpack.flow.source import assignment_lines
from fpack.flow.spec import FlowSpec, Transition
from fpack.store.blobs import Blobs, Ref
from fpack.store.records import Failure, Onward, RunRecord, TaskRecord
from fpack.store.root import Root
from fpack.store.runs import Runs
from fpack.task.alarm import alarm
from fpack.task.failure import caught, failure_of, format_exception
from fpack.task.order import RunContext, TaskOrder
from fpack.task.view import ArtifactView, Past, bare_instance, join_inputs


class ForeachError(FpackError):
    """A foreach that cannot be run."""


class TransitionError(FpackError):
    """A step went on otherwise than its source says."""


def execute(context: RunContext, order: TaskOrder) -> bool:
    """Make the attempt; True when the task is done, False when it failed. Both are in the store by then."""
    started = time.time()
    runs = Runs(Root.open(context.root))
    attempt = Attempt(context, order, runs)
    try:
        refs, onward = attempt.make()
        record = attempt.record("done", started, refs, onward)
    except BaseException as error:  # noqa: BLE001 - a step may raise anything, SystemExit included
        failure = failure_of(error, context.file)
        sys.stderr.write(failure.traceback)
        record = attempt.record("failed", started, {}, None, failure)
    try:
        runs.add_record(context.run.flow, record)
    except StoreError as error:  # the launcher will say that the task left no result; this says why
        sys.stderr.write(format_exception(error))
        return False
    return record.status == "done"


class Attempt:
    """The parts of one attempt, in the order in which they happen."""

    def __init__(self, context: RunContext, order: TaskOrder, runs: Runs) -> None:
        self.context = context
        self.order = order
        self.step = Step.from_json(next(s for s in context.run.graph["steps"] if s["name"] == order.key.step))
        self.blobs = Blobs(runs.root)
        self.past = Past(runs, context.run.flow)

    def make(self) -> tuple[dict[str, Ref], Onward | None]:
        """Run the step's code; give what it left, and where it goes on to."""
        current._begin(_facts(self.context.run, self.order))
        module = import_flow_module(self.context.file)
        flow = find_flow(module, self.context.file, self.context.run.flow)
        records = self.past.read_all(self.order.inputs)
        parameters = self.context.run.parameters
        # A join starts with nothing but its inputs; any other step with all that came before it.
        refs = {} if self.step.is_join or not records else records[0].artifacts
        view = ArtifactView(parameters, refs, self.order.splits, self.blobs, self.past.read)
        instance = bare_instance(flow, view)
        arguments = (
            [join_inputs(flow, parameters, records, self.blobs, self.past)] if self.step.is_join else []
        )
        self._call(instance, arguments)
        transition = self._transition(instance)
        onward = self._onward(transition)
        return self._save(instance, view), onward

    def _call(self, instance: FlowSpec, arguments: Sequence[Any]) -> None:
        catch = self.step.catch
        failure: Failure | None = None
        error: BaseException | None = None
        if self.order.fallback:
            before = self.past.read(self.order.key._replace(attempt=self.order.key.attempt - 1))
            failure = before.failure or Failure("", "the task ended without a word")
        else:
            try:
                with alarm(self.step.timeout, self.step.name):
                    getattr(instance, self.step.name)(*arguments)
            except Exception as raised:
                if catch is None or not self.order.is_last:
                    raise
                error, failure = raised, failure_of(raised, self.context.file)
                if catch.print_exception:
                    sys.stderr.write(failure.traceback)
        if catch is not None and catch.var is not None:
            setattr(instance, catch.var, caught(failure, error) if failure else None)
        if failure is not None:
            object.__setattr__(instance, "_fpack_transition", Transition(self.step.targets))

    def _transition(self, instance: FlowSpec) -> Transition | None:
        transition = instance._fpack_transition
        asked = (transition.targets, transition.foreach) if transition else ((), None)
        if asked != (self.step.targets, self.step.foreach):
            raise TransitionError(
                f"step `{self.step.name}` went on to {_shown(*asked)}, "
                f"but its source says {_shown(self.step.targets, self.step.foreach)}",
                hint="say `self.next` once, in the step itself, as its last statement",
                step=self.step.name,
                where=self.step.where,
            )
        return transition

    def _onward(self, transition: Transition | None) -> Onward | None:
        if transition is None:
            return None
        if transition.foreach is None:
            return Onward(transition.targets)
        # What has no fixed places (a set, a dict, a column of a frame) is saved as the list that it was here.
        fixed = isinstance(transition.items, (list, tuple, range, str))
        items = transition.items if fixed else list(transition.items)
        if not len(items):
            raise ForeachError(
                f"`{transition.foreach}` is empty: there is nothing to run `{transition.targets[0]}` on",
                hint=f"give `{transition.foreach}` at least one item",
                step=self.step.name,
                where=self._assigned(transition.foreach),
            )
        ref = self._save_one(transition.foreach, items)
        return Onward(transition.targets, transition.foreach, len(items), ref)

    def _save(self, instance: FlowSpec, view: ArtifactView) -> dict[str, Ref]:
        kept = {name: ref for name, ref in view.refs().items() if name not in instance._fpack_removed}
        mine = {name: self._save_one(name, value) for name, value in instance.__dict__.items()}
        return {**kept, **mine}

    def _save_one(self, name: str, value: object) -> Ref:
        try:
            return self.blobs.save(value)
        except ArtifactError as error:
            raise ArtifactError(
                f"artifact `{name}` of step `{self.step.name}` cannot be saved",
                why=error.why,
                hint=error.hint,
                step=self.step.name,
                where=self._assigned(name),
            ) from None

    def _assigned(self, name: str) -> Location:
        """The last line at which the step assigns an artifact; that of the step where it does not."""
        module = sys.modules[self.context.run.graph["module"]]
        flow = find_flow(module, self.context.file, self.context.run.flow)
        lines = assignment_lines(getattr(flow, self.step.name), name)
        return Location(self.step.where.file, lines[-1] if lines else self.step.where.line)

    def record(
        self,
        status: Any,
        started: float,
        refs: Mapping[str, Ref],
        onward: Onward | None,
        failure: Failure | None = None,
    ) -> TaskRecord:
        order = self.order
        return TaskRecord(
            order.key, status, started, time.time(), order.inputs, order.splits, refs, onward, failure
        )


def _shown(targets: Sequence[str], foreach: str | None) -> str:
    names = ", ".join(f"`{name}`" for name in targets) or "nowhere"
    return f"{names} for each of `{foreach}`" if foreach else names


def _facts(run: RunRecord, order: TaskOrder) -> dict[str, Any]:
    return {
        "flow_name": run.flow,
        "run_id": run.run,
        "step_name": order.key.step,
        "task_id": order.key.task,
        "retry_count": order.key.attempt,
        "origin_run_id": run.origin,
        "pathspec": f"{run.flow}/{order.key.pathspec}",
        "username": run.user,
        "namespace": f"user:{run.user}",
        "tags": frozenset(run.tags),
        "parameter_names": list(run.parameters),
        "tempdir": os.environ.get("TMPDIR") or tempfile.gettempdir(),
    }
