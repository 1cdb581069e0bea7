"""Commands: entry points, and the line that names their interpreter."""

from __future__ import annotations

import pytest

from fpack.packager.commands import command_script, entry_points, shebang, with_interpreter


def test_console_and_gui_scripts_are_commands() -> None:
    """Both kinds of scripts become commands, extras aside; other groups do not."""
    text = """
[console_scripts]
One.two = pkg.mod:main
three = pkg:App.run [extra, other]
[gui_scripts]
four= pkg : main
[pytest11]
five = pkg
"""
    assert entry_points(text) == {
        "One.two": ("pkg.mod", "main"),
        "three": ("pkg", "App.run"),
        "four": ("pkg", "main"),
    }
    assert entry_points("") == {}


@pytest.mark.parametrize(
    "line",
    [
        "../x = a:b",
        "a/b = a:b",
        ". = a:b",
        ".. = a:b",
        "x = a",
        "x = a:b; import os",
        "x = a:b()",
        "x = a.b:c\n evil",
        "= a:b",
    ],
)
def test_hostile_entry_point_is_refused(line: str) -> None:
    """A name that is no file name, or an object that is more than a name, is refused."""
    with pytest.raises(ValueError, match="entry point"):
        entry_points(f"[console_scripts]\n{line}\n")


def test_damaged_entry_points_are_refused() -> None:
    """A file that is not in the format is refused."""
    with pytest.raises(ValueError, match="entry points"):
        entry_points("x = a:b\n")


def test_script_calls_its_object() -> None:
    """A script imports what it needs of its object's path and exits with what it returns."""
    text = command_script("/opt/env/bin/python", "pkg.mod", "App.run").decode()
    assert text.startswith("#!/opt/env/bin/python\n")
    assert "from pkg.mod import App\n" in text
    assert text.endswith("sys.exit(App.run())\n")
    compile(text, "script", "exec")


@pytest.mark.parametrize("interpreter", ["/a path/bin/python", "/" + "a" * 130 + "/python"])
def test_long_or_spaced_interpreter_runs_through_a_shell(interpreter: str) -> None:
    """Where a kernel could not read the line, the script is one for a shell and for Python at once."""
    text = shebang(interpreter).decode()
    assert text.startswith("#!/bin/sh\n")
    assert f'"{interpreter}"' in text
    compile(text, "script", "exec")


def test_placeholder_line_is_replaced() -> None:
    """`#!python` and `#!pythonw` become the target's interpreter; another first line stays."""
    assert with_interpreter(b"#!python\nx\n", "/p") == b"#!/p\nx\n"
    assert with_interpreter(b"#!pythonw -u\nx", "/p") == b"#!/p\nx"
    assert with_interpreter(b"#!/bin/sh\nx", "/p") == b"#!/bin/sh\nx"
    assert with_interpreter(b"\x7fELF", "/p") == b"\x7fELF"
