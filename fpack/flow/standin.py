"""Stand-ins for modules that this machine lacks, so that a flow can be described without its packages.

Only an `import` in the user's own files is answered with a stand-in, and only where it is not guarded by
`except ImportError`: a library that looks whether another one is there still gets the truth.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any, NoReturn

_GUARDS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class StandInUsedError(RuntimeError):
    """The flow file needs, while it is imported, a value from a module that is not here."""

    def __init__(self, name: str, action: str) -> None:
        module = name.partition(".")[0]
        super().__init__(f"`{name}` is {action}, but {module} is not installed here")
        self.fpack_hint = (
            f"use {module} inside the steps, or install it for the Python that runs fpack: "
            "at the top of the file a missing module can be imported and named, not computed with"
        )


class StandInAttributeError(AttributeError):
    """A special attribute, as `__version__`, of a module that is not here."""

    def __init__(self, name: str) -> None:
        module = name.partition(".")[0]
        super().__init__(f"`{name}` is looked at, but {module} is not installed here")
        self.fpack_hint = f"use {module} inside the steps, or install it for the Python that runs fpack"


class StandIn:
    """An attribute of a missing module: it can be named, called, subclassed and used as a decorator."""

    def __init__(self, name: str) -> None:
        self.__dict__["_fpack_name"] = name

    def __getattr__(self, attribute: str) -> StandIn:
        if attribute.startswith("__") and attribute.endswith("__"):
            raise StandInAttributeError(f"{self._fpack_name}.{attribute}")
        return StandIn(f"{self._fpack_name}.{attribute}")

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        decorates = len(arguments) == 1 and not options and callable(arguments[0])
        if decorates and not isinstance(arguments[0], StandIn):
            return arguments[0]  # what it decorates stays what it is
        return StandIn(f"{self._fpack_name}(...)")

    def __getitem__(self, key: Any) -> StandIn:
        return StandIn(f"{self._fpack_name}[...]")  # generics: `torch.Tensor[int]`

    def __setitem__(self, key: Any, value: Any) -> None:
        return None  # settings: `plt.rcParams["figure.dpi"] = 100`

    def __delitem__(self, key: Any) -> None:
        return None

    def __or__(self, other: Any) -> StandIn:
        return self  # unions in annotations

    __ror__ = __or__

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (type(self._fpack_name.rpartition(".")[2], (), {}),)

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def __repr__(self) -> str:
        return f"<stand-in for {self._fpack_name}>"


def _refuse(action: str) -> Any:
    def refuse(self: StandIn, *arguments: Any) -> NoReturn:
        raise StandInUsedError(str(self.__dict__["_fpack_name"]), action)

    return refuse


for _action, _names in {
    "counted or looped over": "len iter next contains",
    "used as a number": "int float index complex round abs neg pos invert trunc",
    "computed with": "add sub mul matmul truediv floordiv mod pow and xor lshift rshift "
    "radd rsub rmul rmatmul rtruediv rfloordiv rmod rpow rand rxor",
    "compared": "lt le gt ge",
    "looked at": "bool",
    "turned into a path or bytes": "fspath bytes",
}.items():
    for _name in _names.split():
        setattr(StandIn, f"__{_name}__", _refuse(_action))


class _StandInModule(ModuleType):
    def __getattr__(self, attribute: str) -> StandIn:
        if attribute.startswith("__") and attribute.endswith("__"):
            raise StandInAttributeError(f"{self.__name__}.{attribute}")
        return StandIn(f"{self.__name__}.{attribute}")


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder of the path: makes a stand-in for what the user's files import and nobody has."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.join(os.path.realpath(folder), "")
        self.made: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parent = name.rpartition(".")[0]
        if parent:
            if not isinstance(sys.modules.get(parent), _StandInModule):
                return None
        elif not self._imported_by_user():
            return None
        if not parent:
            self.made.append(name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        return None

    def _imported_by_user(self) -> bool:
        frame = sys._getframe(2)
        while frame.f_back is not None and _is_importlib(frame.f_code):
            if frame.f_code.co_name == "find_spec":  # `importlib.util.find_spec`: a question, no import
                return False
            frame = frame.f_back
        code: CodeType = frame.f_code
        path = os.path.realpath(code.co_filename)
        mine = path.startswith(self.folder) and "site-packages" not in path[len(self.folder) :].split(os.sep)
        return mine and not _is_guarded(code.co_filename, frame.f_lineno)


def _is_importlib(code: CodeType) -> bool:
    return code.co_filename.startswith("<frozen importlib") or "importlib" in code.co_filename.split(os.sep)


@functools.lru_cache(maxsize=64)
def _guarded_lines(file: str) -> frozenset[int]:
    """The lines of a file's `try` bodies that an `except ImportError` or a wider one follows."""
    with open(file, "rb") as source:
        tree = ast.parse(source.read())
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_catches_import_error(handler) for handler in node.handlers):
            for statement in node.body:
                lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return frozenset(lines)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _GUARDS for node in ast.walk(handler.type))


def _is_guarded(file: str, line: int) -> bool:
    return line in _guarded_lines(file)
