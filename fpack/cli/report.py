"""Errors as people read them: what, why, and what to do next, always in this order."""

from __future__ import annotations

import os
import sys
import traceback

from fpack.cli.style import paint
from fpack.errors import DeclarationErrors, FpackError, Location


def report(error: FpackError) -> int:
    """Print an error to stderr; gives its exit code."""
    if isinstance(error, DeclarationErrors) and len(error.errors) == 1:
        error = error.errors[0]
    where = f" ({error.where})" if error.where and not isinstance(error, DeclarationErrors) else ""
    step = f"step `{error.step}`: " if error.step and f"`{error.step}`" not in error.what else ""
    print(f"{paint('error:', 'red')} {step}{error.what}{where}", file=sys.stderr)
    if isinstance(error, DeclarationErrors):
        for each in error.errors:
            print(f"  {each.where}: {each.what}", file=sys.stderr)
            if each.hint:
                print(f"    {paint('hint:', 'cyan')} {each.hint}", file=sys.stderr)
    else:
        for line in error.why.splitlines():
            print(f"  {line}", file=sys.stderr)
        if error.hint:
            print(f"{paint('hint:', 'cyan')} {error.hint}", file=sys.stderr)
    _annotate(error)
    if os.environ.get("FPACK_DEBUG"):
        traceback.print_exception(error)
    return error.exit_code


def report_bug(error: Exception) -> int:
    """Print an error that nobody foresaw, which is one of fpack's own."""
    print(f"{paint('error:', 'red')} fpack itself failed: {type(error).__name__}: {error}", file=sys.stderr)
    if os.environ.get("FPACK_DEBUG"):
        traceback.print_exception(error)
    else:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(f"  at {frame.filename}:{frame.lineno} in {frame.name}", file=sys.stderr)
        print(
            f"{paint('hint:', 'cyan')} FPACK_DEBUG=1 shows the whole traceback, to go with a report",
            file=sys.stderr,
        )
    return 1


def _annotate(error: FpackError) -> None:
    """On GitHub Actions, put the error on its line in the pull request."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    errors = error.errors if isinstance(error, DeclarationErrors) else (error,)
    for each in errors:
        where: Location | None = each.where
        place = f" file={os.path.relpath(where.file)},line={where.line or 1}" if where else ""
        print(f"::error{place}::{each.what}", file=sys.stderr)
