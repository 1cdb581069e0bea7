"""What can go wrong, as a table: each class has a stable code and an exit code, each error a next step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """A line in a file of the user's; `line` is 1-based, 0 where only the file is known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        shown = os.path.relpath(self.file)
        if shown.startswith(".."):
            shown = self.file
        return f"{shown}:{self.line}" if self.line else shown


class FpackError(Exception):
    """An error that a user is told in full: what happened, why, and what to do next.

    `what` is one line in the user's words. `why` gives the cause alone (it may have several lines). `hint`
    is the next thing to do. `step` and `where` point into the user's flow. Library code raises; only the
    command line prints (`fpack.cli.errors`) and exits with `exit_code`.
    """

    code = "E-FPACK"
    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        step: str | None = None,
        where: Location | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.step = step
        self.where = where

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.hint and f"hint: {self.hint}") if part)


class DeclarationError(FpackError):
    """The flow file says something that cannot be: a step that does not exist, a value that is no number."""

    code = "E-DECLARATION"
    exit_code = 3


class DeclarationErrors(FpackError):
    """Every `DeclarationError` of a flow, found in one pass."""

    code = "E-DECLARATION"
    exit_code = 3

    def __init__(self, file: str, errors: Sequence[DeclarationError]) -> None:
        count = len(errors)
        super().__init__(
            f"{count} thing{'s' * (count > 1)} to mend in {os.path.basename(file)}",
            why="\n".join(f"{error.where}: {error.what}" for error in errors),
            hint=errors[0].hint,
            where=Location(file),
        )
        self.errors = tuple(errors)


class FlowLoadError(FpackError):
    """The flow file cannot be read or imported: no such file, a syntax error, an exception at import."""

    code = "E-FLOW"
    exit_code = 3


class ConfigError(FpackError):
    """`[tool.fpack]`, an environment variable or an option has a value that fpack cannot use."""

    code = "E-CONFIG"
    exit_code = 3


class ParameterError(FpackError):
    """A flow's parameter is missing, unknown, or has a value of another type than it declares."""

    code = "E-PARAMETER"
    exit_code = 2


class SolveError(FpackError):
    """No set of packages satisfies a step's declaration, or one of them has no wheel for the target."""

    code = "E-SOLVE"


class LockStaleError(FpackError):
    """A lock file is missing or does not match the declaration, and locking was not allowed."""

    code = "E-LOCK-STALE"
    exit_code = 8


class LockFileError(FpackError):
    """A lock file cannot be read, or holds something that fpack refuses to install."""

    code = "E-LOCK-FILE"
    exit_code = 3


class NetworkError(FpackError):
    """A package index, channel or registry could not be reached."""

    code = "E-NETWORK"
    exit_code = 5


class PythonMissingError(FpackError):
    """The Python version that a step asks for is neither here nor to be had from the network."""

    code = "E-PYTHON-MISSING"
    exit_code = 5


class EnvironmentBuildError(FpackError):
    """A locked environment could not be put on this machine: a wrong hash, a full disk."""

    code = "E-ENVIRONMENT"


class StoreError(FpackError):
    """The store cannot be read or written: a full disk, a read-only folder, missing permissions."""

    code = "E-STORE"
    exit_code = 5


class NotFoundError(FpackError):
    """A flow, run, step, task or artifact that was asked for does not exist in this store."""

    code = "E-NOT-FOUND"
    exit_code = 3


class ArtifactError(FpackError):
    """A value assigned to `self` cannot be saved, or a saved one cannot be loaded here."""

    code = "E-ARTIFACT"


class RunFailedError(FpackError):
    """A task of the run failed for good."""

    code = "E-RUN-FAILED"


class RunStoppedError(FpackError):
    """The user stopped the run."""

    code = "E-STOPPED"
    exit_code = 130
