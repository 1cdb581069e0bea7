"""uv's reports of failure are told in the words of a declaration; the reports here are as uv printed them."""

from __future__ import annotations

import pytest

from fpack.errors import NetworkError, SolveError
from fpack.packager.request import EnvironmentRequest
from fpack.packager.solve_errors import explain_failed_solve

REQUEST = EnvironmentRequest("linux-64", "3.13", ("flask==2.0", "fw-nat", "numpy>=2"))


def unsolvable(cause: str, hint: str = "") -> str:
    """A report of uv's that ends as all such reports do."""
    report = "error: No solution found when resolving dependencies\n  cause: " + cause
    report += ", we can conclude that your requirements are unsatisfiable."
    return f"{report}\n\nhint: {hint}" if hint else report


def explained(stderr: str, *, offline: bool = False) -> SolveError | NetworkError:
    error = explain_failed_solve(stderr, REQUEST, offline=offline)
    assert isinstance(error, SolveError | NetworkError)
    assert error.hint, "every error has a next step"
    return error


def test_unknown_package() -> None:
    """A package that no index has is named."""
    error = explained(
        unsolvable("Because fw-nat was not found in the package registry and you require fw-nat")
    )
    assert isinstance(error, SolveError)
    assert error.what == "there is no package named fw-nat"


def test_version_that_does_not_exist() -> None:
    """A version that was never published is named, and the rest of uv's report is cut."""
    error = explained(unsolvable("Because there is no version of flask==2.0 and you require flask==2.0"))
    assert isinstance(error, SolveError)
    assert error.what == "there is no flask 2.0 in the package index"
    assert "conclude" not in str(error)


def test_wheels_for_other_pythons() -> None:
    """Where a package has wheels for other Pythons, the error says which."""
    cause = (
        "Because fw-nat==1.0 has no wheels with a matching Python ABI tag (e.g., `cp313`) and only "
        "fw-nat==1.0 is available, we can conclude that all versions of fw-nat cannot be used.\n"
        "         And because you require fw-nat"
    )
    hint = (
        "You require CPython 3.13 (`cp313`), but we only found wheels for `fw-nat` (v1.0) with the following "
        "Python ABI tags: `cp37m`, `cp39`, `cp310`"
    )
    error = explained(unsolvable(cause, hint))
    assert error.what == "fw-nat 1.0 has no wheel for Python 3.13 on linux-64"
    assert error.why == "it has wheels for Python 3.7, 3.9, 3.10"


def test_wheels_for_other_platforms() -> None:
    """Where a package has wheels for other platforms, the error says which."""
    cause = (
        "Because fw-nat==1.0 has no wheels with a matching platform tag (e.g., `manylinux_2_28_x86_64`) and "
        "only fw-nat==1.0 is available, we can conclude that all versions of fw-nat cannot be used.\n"
        "         And because you require fw-nat"
    )
    hint = "Wheels are available for `fw-nat` (v1.0) on the following platform: `macosx_11_0_arm64`"
    error = explained(unsolvable(cause, hint))
    assert error.what == "fw-nat 1.0 has no wheel for Python 3.13 on linux-64"
    assert error.why == "it has wheels for macosx_11_0_arm64"


def test_source_only_package() -> None:
    """A package without any wheel is refused with the reason that nothing is built."""
    cause = "Because flask==2.0 has no usable wheels and you require flask==2.0"
    hint = (
        "Wheels are required for `flask` because building from source is disabled for all packages "
        "(i.e., with `--no-build`)"
    )
    error = explained(unsolvable(cause, hint))
    assert error.what == "flask 2.0 has no wheel for Python 3.13 on linux-64"
    assert "wheels only" in error.why


def test_contradiction() -> None:
    """Requirements that contradict each other are shown as uv's chain of reasons, in the step's words."""
    cause = (
        "Because all versions of flask depend on numpy<2 and you require flask, we can conclude that you "
        "require numpy<2.\n         And because you require numpy>=2"
    )
    error = explained(unsolvable(cause))
    assert isinstance(error, SolveError)
    assert "the step requires numpy>=2" in error.why
    assert "you require" not in error.why


REFUSED = """\
error: Request failed after 3 retries in 9.2s
  cause: Failed to fetch: http://127.0.0.1:9/simple/flask/
  cause: error sending request for url (http://127.0.0.1:9/simple/flask/)
  cause: Connection refused (os error 111)"""

UNAUTHORIZED = unsolvable(
    "Because flask was not found in the package registry and you require flask==2.0",
    "An index URL (http://user:s3cret@127.0.0.1:8/simple) could not be queried due to a lack of valid "
    "authentication credentials (401 Unauthorized)",
)

UNTRUSTED = """\
error: Failed to fetch: https://localhost:8766/simple/flask/
  cause: error sending request for url (https://localhost:8766/simple/flask/)
  cause: client error (Connect)
  cause: invalid peer certificate: UnknownIssuer"""

UNCACHED = unsolvable(
    "Because flask was not found in the cache and you require flask==2.0",
    "Packages were unavailable because the network was disabled. When the network is disabled, registry "
    "packages may only be read from the cache.",
)


@pytest.mark.parametrize(
    ("stderr", "what"),
    [
        (REFUSED, "cannot reach http://127.0.0.1:9/simple/flask/"),
        (UNAUTHORIZED, "http://127.0.0.1:8/simple refused access: 401 Unauthorized"),
        (UNTRUSTED, "the certificate of https://localhost:8766/simple/flask/ is not trusted"),
        (UNCACHED, "offline, and not in uv's cache: flask"),
    ],
)
def test_network(stderr: str, what: str) -> None:
    """A failure of the network is told as one, with the place that it failed at and no credential."""
    error = explained(stderr, offline=stderr is UNCACHED)
    assert isinstance(error, NetworkError)
    assert error.what == what
    assert "s3cret" not in str(error)


def test_unknown_report_is_shown() -> None:
    """A report that fpack does not know is handed on, not swallowed."""
    assert "gremlins" in explained("error: gremlins in the machine").why
