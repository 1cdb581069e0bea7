"""Several things at once in threads: all of them, or the first error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")


def each(tasks: Sequence[Callable[[], Result]], *, workers: int) -> list[Result]:
    """What each of `tasks` returns, in their order, `workers` at a time.

    After an error no further one starts. The error of the first task in order that has one is raised, once
    all have ended that had started.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(task) for task in tasks]
        wait(futures, return_when=FIRST_EXCEPTION)
        pool.shutdown(wait=True, cancel_futures=True)
    for future in futures:
        if not future.cancelled() and future.exception() is not None:
            future.result()
    return [future.result() for future in futures]
