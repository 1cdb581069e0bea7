"""The process that looks at a flow file: prints its graph, or what is wrong with it, as one line of JSON.

It runs apart from fpack's own, so that a user's modules never meet fpack's, and the user's prints never
meet the answer: the answer goes to the file descriptor that the caller names.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import Any, NoReturn

from fpack.errors import DeclarationErrors, FpackError, Location
from fpack.flow.describe import describe
from fpack.flow.graph import FlowGraph
from fpack.flow.load import find_flow, import_flow_module
from fpack.flow.standin import StandInFinder


def main(arguments: list[str]) -> NoReturn:
    """`FILE USER DESCRIPTOR [FLOW]`, as `fpack.packager.inspect` calls it."""
    file, user, descriptor, *name = arguments
    try:
        graph = inspect_flow(file, user, name[0] if name else None)
        answer: dict[str, Any] = {"graph": graph.to_json(), "secret_urls": dict(graph.secret_urls)}
    except DeclarationErrors as error:
        answer = {"errors": [error_to_json(each) for each in error.errors]}
    except FpackError as error:
        answer = {"error": error_to_json(error)}
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as out:
        json.dump(answer, out)
    os._exit(0)  # whatever threads and exit functions the user's file has left


def inspect_flow(file: str, user: str, name: str | None) -> FlowGraph:
    """Import the file and describe its flow; raises what `main` passes on."""
    finder = StandInFinder(os.path.dirname(os.path.abspath(file)))
    sys.meta_path.append(finder)
    module = import_flow_module(file)
    graph, errors = describe(find_flow(module, file, name), os.path.abspath(file), user)
    if errors:
        raise DeclarationErrors(file, errors)
    return dataclasses.replace(graph, stand_ins=tuple(finder.made))


def error_to_json(error: FpackError) -> dict[str, Any]:
    where = error.where and dataclasses.asdict(error.where)
    return {"what": error.what, "why": error.why, "hint": error.hint, "step": error.step, "where": where}


def error_from_json(kind: type[FpackError], data: dict[str, Any]) -> Any:
    return kind(**{**data, "where": data["where"] and Location(**data["where"])})
