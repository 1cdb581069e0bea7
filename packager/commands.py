"""Commands in a prefix's `bin`: what entry points become, and the line that names their interpreter."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping

_SECTIONS = ("console_scripts", "gui_scripts")
_NAME = re.compile(r"[\w+-][\w.+-]*")
_OBJECT = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<object>[\w.]+)\s*(?:\[[\w\s,.-]*\])?")

_LONGEST = 127
"""Bytes of a `#!` line that every kernel that fpack runs on reads whole, its newline included."""

_SCRIPT = """\
# -*- coding: utf-8 -*-
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({object}())
"""


def entry_points(text: str) -> Mapping[str, tuple[str, str]]:
    """The commands that `entry_points.txt` declares: name to module and callable; `ValueError` if damaged."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(f"entry points that cannot be read ({error.message.splitlines()[0]})")
    found: dict[str, tuple[str, str]] = {}
    for section in _SECTIONS:
        for name, value in parser.items(section) if parser.has_section(section) else ():
            reference = _OBJECT.fullmatch(value.strip())
            if not _NAME.fullmatch(name) or reference is None:
                raise ValueError(f"an entry point that is none: {name} = {value}")
            found[name] = (reference["module"], reference["object"])
    return found


def command_script(interpreter: str, module: str, callable_name: str) -> bytes:
    """The script in `bin` that calls `callable_name` of `module` under `interpreter`."""
    first = callable_name.split(".")[0]
    body = _SCRIPT.format(module=module, first=first, object=callable_name)
    return shebang(interpreter) + body.encode()


def with_interpreter(script: bytes, interpreter: str) -> bytes:
    """A wheel's script with its first line, `#!python` and the like, made to name `interpreter` (PEP 427)."""
    if not script.startswith(b"#!python"):
        return script
    return shebang(interpreter) + script.partition(b"\n")[2]


def shebang(interpreter: str) -> bytes:
    """The first line of a script for `interpreter`, an absolute path.

    A kernel reads no path with a space in it, nor a long one. Then it is the line that pip writes: a shell
    runs it as its command, Python reads it as a string.
    """
    simple = f"#!{interpreter}\n".encode()
    if len(simple) <= _LONGEST and " " not in interpreter:
        return simple
    return f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''\n".encode()
