"""An exception in a user's step to a `Failure`: the user's frames, without fpack's own."""

from __future__ import annotations

import os
import pickle
import traceback
from types import TracebackType

from fpack.errors import FlowLoadError, FpackError
from fpack.flow.caught import CaughtException
from fpack.store.records import Failure

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def failure_of(error: BaseException, file: str) -> Failure:
    """What went wrong, for the record. `file` is the flow's: its innermost frame is where to look."""
    frames = traceback.extract_tb(_without_ours(error.__traceback__))
    mine = [frame for frame in frames if frame.filename == file] or list(frames)
    where = (mine[-1].filename, mine[-1].lineno or 0, mine[-1].name) if mine else None
    if isinstance(error, FpackError) and error.where is not None:
        where = (error.where.file, error.where.line, error.step or "")
    return Failure(_type_name(error), _message(error), format_exception(error), where)


def format_exception(error: BaseException) -> str:
    """The traceback, with those of its causes, as Python prints it but for the frames of fpack's."""
    shown = traceback.TracebackException.from_exception(error)
    if isinstance(error, FpackError):
        return _format_ours(error, shown)
    todo = [shown]
    while todo:
        part = todo.pop()
        part.stack = traceback.StackSummary.from_list(
            [f for f in part.stack if not f.filename.startswith(_OURS)]
        )
        todo += [cause for cause in (part.__cause__, part.__context__) if cause is not None]
        todo += list(getattr(part, "exceptions", None) or ())
    return "".join(shown.format())


def _format_ours(error: FpackError, shown: traceback.TracebackException) -> str:
    """An error of fpack's: where the user's code met it, and what it says; never what led to it in here."""
    if isinstance(error, FlowLoadError) and error.__cause__ is not None:
        return format_exception(error.__cause__)
    inside = (_OURS, os.path.dirname(os.__file__) + os.sep)
    frames = [frame for frame in shown.stack if not frame.filename.startswith(inside)]
    return "".join(traceback.format_list(frames)) + f"{_type_name(error)}: {error}\n"


def caught(failure: Failure, error: BaseException | None) -> CaughtException:
    """What the artifact of `@catch` holds."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever the user's exception does when it is pickled
        error = None
    return CaughtException(failure.type, failure.message, failure.traceback, error)


def _without_ours(tb: TracebackType | None) -> TracebackType | None:
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OURS):
        tb = tb.tb_next
    return tb


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - whatever the user's exception does when it is printed
        return f"(its message cannot be shown: {type(another).__name__})"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    plain = kind.__module__ == "builtins" or kind.__module__.startswith("fpack.")
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"
