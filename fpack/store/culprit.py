"""The part of a value that cannot be pickled, found by trying its parts one by one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_DEPTH = 40  # how far down to look
_WIDTH = 100_000  # how many parts of one container to try


@dataclass(frozen=True)
class Culprit:
    """Where the part is (`.model.lock`, `[3]['key']`; "" for the value itself), its type, pickle's error."""

    path: str
    type: str
    error: Exception

    def __str__(self) -> str:
        reason = f"{type(self.error).__name__}: {self.error}"
        return f"its part {self.path} is of type {self.type}\n{reason}" if self.path else reason


def find(value: object, error: Exception) -> Culprit:
    """Return the innermost part of `value` that fails to pickle on its own; `error` is how `value` failed."""
    path = ""
    for _ in range(_DEPTH):
        for step, part in _parts(value):
            failure = _failure(part)
            if failure is not None:
                path, value, error = path + step, part, failure
                break
        else:
            break
    kind = type(value)
    return Culprit(path, f"{kind.__module__}.{kind.__qualname__}", error)


def _failure(value: object) -> Exception | None:
    try:
        pickle.Pickler(_Nowhere(), protocol=5, buffer_callback=_drop).dump(value)
    except Exception as error:  # noqa: BLE001  # a __reduce__ of the user's may raise anything
        return error
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield the parts of a value that pickle descends into, each with how one writes it after the value."""
    if isinstance(value, dict):
        for index, (key, part) in enumerate(islice(value.items(), _WIDTH)):
            yield f"[{_shown(key)}]", part
            if type(key) not in (str, int):
                yield f".keys()[{index}]", key
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(islice(value, _WIDTH)):
            yield f"[{index}]", part
    elif isinstance(value, (set, frozenset)):
        for part in islice(value, _WIDTH):
            yield f"{{{_shown(part)}}}", part
    for name, part in _attributes(value).items():
        yield f".{name}", part


def _attributes(value: object) -> dict[str, object]:
    """Return what pickle would save as the value's attributes; nothing where it has ways of its own."""
    if isinstance(value, type):
        return {}
    try:
        reduced = value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001  # as above; such a value is the culprit itself
        return {}
    state = reduced[2] if isinstance(reduced, tuple) and len(reduced) > 2 else None
    halves = state if isinstance(state, tuple) and len(state) == 2 else (state,)  # a pair with __slots__
    found: dict[str, object] = {}
    for half in halves:
        if isinstance(half, dict):
            found.update({str(name): part for name, part in half.items()})
    return found


def _shown(key: object) -> str:
    try:
        text = repr(key)
    except Exception:  # noqa: BLE001  # a __repr__ of the user's
        text = f"<{type(key).__qualname__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Nowhere:
    """Takes what a pickler writes and forgets it."""

    def write(self, data: bytes) -> int:
        return len(data)


def _drop(_: pickle.PickleBuffer) -> bool:
    return False
