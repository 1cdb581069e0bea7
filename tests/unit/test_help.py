"""Help: there for every command and option, quick to come, and readable on a narrow terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from fpack.cli.main import COMMANDS, SETTINGS, SUMMARIES, group

HEAVY = {
    "boto3", "botocore", "docker", "conda_lock", "jinja2", "rattler", "obstore", "zstandard", "yaml",
    "packaging", "filelock", "uv", "numpy", "asyncio", "multiprocessing", "http", "urllib.request",
    "fpack.packager",
    "fpack.launcher", "fpack.store", "fpack.task",
}  # fmt: skip
"""What no help may import; the libraries because they are slow, the rest because they lead there."""

LOOK = """
import json, sys
sys.argv = ["fpack", *sys.argv[1:]]
from fpack.cli import main
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def help_of(name: str) -> str:
    each = command(name) if name else group
    settings = {"info_name": f"fpack {name}".strip(), "max_content_width": SETTINGS["max_content_width"]}
    return each.get_help(click.Context(each, **settings))


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """`fpack --help` loads neither the libraries that take long to import nor what leads to them."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Usage: fpack" in done.stdout
    assert HEAVY.isdisjoint(json.loads(done.stderr))


def test_a_flow_file_imports_nothing_heavy(tmp_path: Path) -> None:
    """`from fpack import FlowSpec` loads what declares flows, so that it is quick in every task."""
    code = "import json, sys, fpack; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {*HEAVY, "click", "fpack.cli", "json.tool"}.isdisjoint(json.loads(done.stdout))


@pytest.mark.parametrize("name", COMMANDS)
def test_everything_has_help(name: str) -> None:
    """Every command, and every option of it, says what it does; the list of commands has a line for each."""
    assert command(name).help
    assert SUMMARIES[name].endswith(".")
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"fpack {name}: {parameter.opts}"
            assert not parameter.hidden


@pytest.mark.parametrize("name", COMMANDS)
def test_help_starts_with_examples(name: str) -> None:
    """After one sentence come examples, each a command line of this very command."""
    _, sentence, examples, *_ = help_of(name).split("\n\n")
    assert sentence.strip().endswith(".")
    assert examples.strip().startswith("Example")
    shown = [line.strip() for line in examples.splitlines()[1:]]
    assert any(line.startswith(f"fpack {name}") for line in shown)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_80_columns(name: str) -> None:
    """No line of any help is wider than 80 columns."""
    assert [line for line in help_of(name).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_name_options_that_exist(name: str) -> None:
    """An option in an example is one that the command has; a flow's own parameter is `--alpha`."""
    known = {
        text for parameter in command(name).params for text in (*parameter.opts, *parameter.secondary_opts)
    }
    words = {word.strip("`,.") for word in (command(name).help or "").split()}
    used = {word for word in words if word.startswith("-") and word.strip("-")}
    assert used <= {*known, "--alpha", "--NAME"}, name


def test_the_front_page_is_short() -> None:
    """`fpack` alone says what there is in at most 30 lines, with examples."""
    page = help_of("")
    assert len(page.splitlines()) <= 30
    assert page.count("  fpack ") >= 3
    assert all(name in page for name in COMMANDS)
