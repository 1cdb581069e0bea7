"""What a step's source says about its way on: the `self.next(...)` at its end, read and never run."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from fpack.errors import DeclarationError, Location


@dataclass(frozen=True)
class NextCall:
    """`self.next(self.a, self.b)` or `self.next(self.a, foreach="items")`, and its line."""

    targets: tuple[str, ...]
    foreach: str | None
    where: Location


@dataclass(frozen=True)
class StepSource:
    """A step as its source has it. `is_join` is true for a step that takes `inputs`."""

    name: str
    where: Location
    doc: str
    is_join: bool
    next: NextCall | None


def step_code(function: Callable[..., Any]) -> CodeType:
    """The code that the author wrote, below what decorators that use `functools.wraps` put around it."""
    while (wrapped := getattr(function, "__wrapped__", None)) is not None:
        function = wrapped
    return function.__code__


def read_step(name: str, function: Callable[..., Any]) -> StepSource:
    """Read one step; DeclarationError, with the line, when its `self.next` cannot be understood."""
    code = step_code(function)
    node = _definition(code.co_filename, code.co_firstlineno)
    if isinstance(node, ast.AsyncFunctionDef):
        raise DeclarationError(
            f"step `{name}` is `async`, and nothing would await it",
            hint="write a plain `def`, and call `asyncio.run(...)` in it",
            step=name,
            where=Location(code.co_filename, node.lineno),
        )
    if node is None:
        raise DeclarationError(
            f"the source of step `{name}` cannot be found",
            hint="write each step as a plain method with `@step` above it",
            step=name,
            where=Location(code.co_filename, code.co_firstlineno),
        )
    where = Location(code.co_filename, node.lineno)
    arguments = len(node.args.posonlyargs) + len(node.args.args)
    if arguments not in (1, 2) or node.args.kwonlyargs or node.args.vararg or node.args.kwarg:
        raise DeclarationError(
            f"step `{name}` takes the wrong arguments",
            hint=f"`def {name}(self)`, or `def {name}(self, inputs)` for a join",
            step=name,
            where=where,
        )
    doc = ast.get_docstring(node) or ""
    return StepSource(name, where, doc, arguments == 2, _next_call(node, name, code.co_filename))


def assignment_lines(function: Callable[..., Any], attribute: str) -> list[int]:
    """The lines of a step at which `self.<attribute>` is assigned, for a message about that artifact."""
    code = step_code(function)
    node = _definition(code.co_filename, code.co_firstlineno)
    return [
        part.lineno
        for part in ast.walk(node or ast.Module([], []))
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and part.attr == attribute
        and _is_self(part.value)
    ]


@functools.lru_cache(maxsize=64)
def _parse(file: str) -> ast.Module:
    with open(file, "rb") as source:
        return ast.parse(source.read(), file)


def _definition(file: str, first_line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that starts at `first_line`, which is that of its first decorator."""
    try:
        tree = _parse(file)
    except (OSError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if start == first_line:
                return node
    return None


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _calls_of_next(node: ast.AST) -> Iterator[ast.Call]:
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr == "next"
            and _is_self(part.func.value)
        ):
            yield part


def _next_call(node: ast.FunctionDef, step: str, file: str) -> NextCall | None:
    calls = list(_calls_of_next(node))
    if not calls:
        return None
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    if len(calls) > 1:
        raise _unclear(calls[0], step, file, "`self.next` is called more than once in its step")
    last = node.body[-1]
    if not (isinstance(last, ast.Expr) and last.value is calls[0]):
        raise _unclear(calls[0], step, file, "`self.next` is not the last statement of its step")
    return _read_call(calls[0], step, file)


def _read_call(call: ast.Call, step: str, file: str) -> NextCall:
    targets: list[str] = []
    for argument in call.args:
        if not (isinstance(argument, ast.Attribute) and _is_self(argument.value)):
            shown = ast.unparse(argument)
            if isinstance(argument, ast.Dict):
                raise _unclear(call, step, file, "a switch, `self.next({...})`, is not supported yet")
            raise _unclear(call, step, file, f"`{shown}` is no step: write `self.next(self.<step>)`")
        targets.append(argument.attr)
    foreach: str | None = None
    for keyword in call.keywords:
        if keyword.arg is None:
            shown = ast.unparse(keyword.value)
            raise _unclear(call, step, file, f"`self.next(..., **{shown})` is unknown")
        if keyword.arg != "foreach":
            what = "is not supported yet" if keyword.arg in ("num_parallel", "condition") else "is unknown"
            raise _unclear(call, step, file, f"`self.next(..., {keyword.arg}=...)` {what}")
        name = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if not (isinstance(name, str) and name.isidentifier()):
            raise _unclear(call, step, file, '`foreach` takes the name of an artifact: `foreach="items"`')
        foreach = name
    if not targets:
        raise _unclear(call, step, file, "`self.next()` names no step")
    if foreach is not None and len(targets) > 1:
        raise _unclear(call, step, file, "a foreach goes to one step")
    if len(set(targets)) < len(targets):
        raise _unclear(call, step, file, "`self.next` names a step twice")
    return NextCall(tuple(targets), foreach, Location(file, call.lineno))


def _unclear(call: ast.Call, step: str, file: str, what: str) -> DeclarationError:
    return DeclarationError(
        f"step `{step}`: {what}",
        hint="end each step with one `self.next(self.a)`, `self.next(self.a, self.b)` or "
        '`self.next(self.a, foreach="items")`, outside of any `if`',
        step=step,
        where=Location(file, call.lineno),
    )
