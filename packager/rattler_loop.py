"""The one place that runs rattler's coroutines: run elsewhere, they may abort the interpreter as it exits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

Result = TypeVar("Result")

_inflight = 0
_counting = threading.Lock()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that knows how many of rattler's threads are inside it at this moment."""

    def call_soon_threadsafe(  # type: ignore[override, unused-ignore]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        global _inflight
        with _counting:
            _inflight += 1
        try:
            return super().call_soon_threadsafe(callback, *args, context=context)
        finally:
            with _counting:
                _inflight -= 1


def run_rattler(work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns, once none of rattler's threads is inside the interpreter any more.

    rattler hands its results over from threads of its own. Its call back into Python may still be under way
    when `asyncio.run` has returned; if the process ends then, the thread aborts it (SIGABRT, SIGSEGV). So
    this waits for them. A process that has run this must never fork: the child would hang in rattler.
    """
    loop = _Loop()
    try:
        return loop.run_until_complete(work)
    finally:
        try:
            _cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
            while _inflight:
                time.sleep(0.0005)
            time.sleep(0.005)  # from the count's end to the thread's leaving the interpreter


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """End what an error or Ctrl-C has left running in `loop`."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
