"""A flow file to its FlowSpec class: imports the file as a module, and finds the one flow in it."""

from __future__ import annotations

import difflib
import importlib.util
import os
import sys
import traceback
from types import ModuleType

from fpack.errors import FlowLoadError, Location
from fpack.flow.spec import FlowSpec

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def module_name(file: str) -> str:
    """The name under which a flow file is imported, hence under which its classes are pickled.

    It is the file's own name, so that a worker process that the user's code starts can import it as well;
    unless that would put it before a module of Python's or of fpack's.
    """
    stem = os.path.splitext(os.path.basename(file))[0].replace(".", "_")
    taken = stem in sys.stdlib_module_names or stem in ("fpack", "obstore", "zstandard", "__main__")
    return f"{stem}_flow" if taken else stem


def check_file(file: str) -> None:
    """FlowLoadError for a path that is no Python file, or beside which `import fpack` would go astray."""
    if not os.path.exists(file):
        folder = os.path.dirname(file) or "."
        here = [name for name in os.listdir(folder) if name.endswith(".py")] if os.path.isdir(folder) else []
        close = difflib.get_close_matches(os.path.basename(file), here, 1)
        raise FlowLoadError(
            f"there is no file {file}",
            hint=f"did you mean {os.path.join(os.path.dirname(file), close[0])}?"
            if close
            else "check the path",
        )
    if os.path.isdir(file) or not file.endswith(".py"):
        raise FlowLoadError(f"{file} is no Python file", hint="name the file that defines the FlowSpec")
    folder = os.path.dirname(os.path.abspath(file))
    for shadow in ("fpack.py", os.path.join("fpack", "__init__.py")):
        path = os.path.join(folder, shadow)
        if os.path.exists(path) and not os.path.samefile(os.path.dirname(path), _OURS):
            raise FlowLoadError(
                f"{shadow} beside the flow hides fpack itself",
                why=f"`import fpack` in {os.path.basename(file)} would import {path}",
                hint=f"rename {shadow}",
                where=Location(path),
            )


def import_flow_module(file: str) -> ModuleType:
    """Import a flow file, its folder first on the path, as a script's would be.

    FlowLoadError for a syntax error or an exception while it is imported, with the user's line.
    """
    folder = os.path.dirname(os.path.abspath(file))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = module_name(file)
    spec = importlib.util.spec_from_file_location(name, os.path.abspath(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise _syntax_error(file, error) from None
    except BaseException as error:
        raise _import_error(file, folder, error) from error
    return module


def find_flow(module: ModuleType, file: str, name: str | None = None) -> type[FlowSpec]:
    """The FlowSpec that a module defines: the one called `name`, or the only one that no other builds on."""
    flows = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, FlowSpec) and each.__module__ == module.__name__
    ]
    flows = list(dict.fromkeys(flows))  # one that has two names is one
    leaves = [flow for flow in flows if not any(flow in other.__mro__[1:] for other in flows)]
    if name is not None:
        leaves = [flow for flow in flows if flow.__name__ == name]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        raise FlowLoadError(
            f"{os.path.basename(file)} defines no {name or 'flow'}",
            hint="a flow is a class with FlowSpec as its base: `class Train(FlowSpec):`",
            where=Location(file),
        )
    names = ", ".join(flow.__name__ for flow in leaves)
    raise FlowLoadError(
        f"{os.path.basename(file)} defines several flows: {names}",
        hint="keep one flow a file",
        where=Location(file),
    )


def _syntax_error(file: str, error: SyntaxError) -> FlowLoadError:
    where = Location(error.filename or file, error.lineno or 0)
    return FlowLoadError(
        f"{os.path.basename(where.file)} is not valid Python: {error.msg}",
        why=(error.text or "").strip(),
        hint=f"mend line {where.line}",
        where=where,
    )


def _import_error(file: str, folder: str, error: BaseException) -> FlowLoadError:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(folder + os.sep)
    ]
    last = frames[-1] if frames else None
    where = Location(last.filename, last.lineno or 0) if last else Location(file)
    hint = getattr(error, "fpack_hint", "")
    if isinstance(error, ModuleNotFoundError):
        hint = (
            f"import `{error.name}` inside the steps that use it, or add it to the environment of every step"
        )
    what = f"cannot be imported: {type(error).__name__}" + (f": {error}" if str(error) else "")
    if isinstance(error, SystemExit):
        what = f"ended Python while it was imported (exit code {error.code})"
        hint = 'put what runs at the end of the file under `if __name__ == "__main__":`'
    return FlowLoadError(
        f"{os.path.basename(file)} {what}",
        why=f"line {where.line}: {last.line}" if last else "",
        hint=hint or "mend what runs when the file is imported",
        where=where,
    )
