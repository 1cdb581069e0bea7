"""The decorators that a flow's author writes.

Each takes any argument without complaint: what it does not know, or cannot use, is reported with every
other mistake of the flow when it is described (`fpack.flow.settings`), not one at a time at import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fpack.flow.declare import Declared, decorate_flow, decorate_step, mark_step

Number = int | float | str
CondaPackages = Mapping[str, str] | Sequence[str]


def step(function: Declared) -> Declared:
    """Mark a method as a step of the flow."""
    return mark_step(function)


def pypi(
    function: Declared | None = None,
    /,
    *,
    packages: Mapping[str, str] | None = None,
    file: str | None = None,
    index: str | None = None,
    python: str | None = None,
    disabled: bool = False,
    **unknown: Any,
) -> Any:
    """Run the step in an environment of packages from PyPI.

    `packages` maps a name to a version (`"1.7.2"`, `"1.7.*"`: exactly that) or a specifier (`">=2,<3"`);
    an empty string is any version. `python` is "3.12" or the like; without it, the launching one's X.Y.
    `file` is a requirements.txt, pyproject.toml, uv.lock or pylock.toml beside the flow whose packages are
    wanted as well, `index` an index (its URL, or its name) to be asked before the user's own.
    `disabled=True` takes the step out of the flow-level environment.
    """
    values = _pypi_values(packages, file, index, python, disabled)
    return decorate_step("pypi", function, values, unknown)


def conda(
    function: Declared | None = None,
    /,
    *,
    packages: CondaPackages | None = None,
    libraries: CondaPackages | None = None,
    file: str | None = None,
    python: str | None = None,
    channels: Sequence[str] | None = None,
    disabled: bool = False,
    **unknown: Any,
) -> Any:
    """Run the step in an environment of conda packages, Python among them.

    `packages` maps a name to a version (`"2.2.3"`: exactly that) or a range (`">=2.2,<3"`), or lists match
    specs (`"pytorch=2.7.*=*cuda*"`, `"channel::name"`); `libraries` is an older name for it. `channels` are
    names or URLs, the first one first; without them, those of the project, or conda-forge. `file` is an
    environment.yml beside the flow whose packages are wanted as well. `@pypi` on the same step adds packages
    from PyPI to what conda gives.
    """
    values = _conda_values(packages, libraries, file, python, channels, disabled)
    return decorate_step("conda", function, values, unknown)


def pypi_base(
    flow: type | None = None,
    /,
    *,
    packages: Mapping[str, str] | None = None,
    file: str | None = None,
    index: str | None = None,
    python: str | None = None,
    disabled: bool = False,
    **unknown: Any,
) -> Any:
    """Give every step of the flow packages from PyPI; a step's own `@pypi` goes over it, key by key."""
    values = _pypi_values(packages, file, index, python, disabled)
    return decorate_flow("pypi_base", flow, values, unknown)


def _pypi_values(
    packages: Mapping[str, str] | None,
    file: str | None,
    index: str | None,
    python: str | None,
    disabled: bool,
) -> dict[str, Any]:
    return {"packages": packages, "file": file, "index": index, "python": python, "disabled": disabled}


def conda_base(
    flow: type | None = None,
    /,
    *,
    packages: CondaPackages | None = None,
    libraries: CondaPackages | None = None,
    file: str | None = None,
    python: str | None = None,
    channels: Sequence[str] | None = None,
    disabled: bool = False,
    **unknown: Any,
) -> Any:
    """Give every step of the flow conda packages; a step's own `@conda` goes over it, key by key."""
    values = _conda_values(packages, libraries, file, python, channels, disabled)
    return decorate_flow("conda_base", flow, values, unknown)


def _conda_values(
    packages: CondaPackages | None,
    libraries: CondaPackages | None,
    file: str | None,
    python: str | None,
    channels: Sequence[str] | None,
    disabled: bool,
) -> dict[str, Any]:
    return {
        "packages": packages,
        "libraries": libraries,
        "file": file,
        "python": python,
        "channels": channels,
        "disabled": disabled,
    }


def resources(
    function: Declared | None = None,
    /,
    *,
    cpu: Number | None = None,
    gpu: Number | None = None,
    memory: Number | None = None,
    disk: Number | None = None,
    shared_memory: Number | None = None,
    **unknown: Any,
) -> Any:
    """Ask for a machine: `cpu` and `gpu` are counts; `memory`, `disk` and `shared_memory` are in MiB."""
    values = {"cpu": cpu, "gpu": gpu, "memory": memory, "disk": disk, "shared_memory": shared_memory}
    return decorate_step("resources", function, values, unknown)


def environment(
    function: Declared | None = None, /, *, vars: Mapping[str, Any] | None = None, **unknown: Any
) -> Any:
    """Set environment variables for the step, before any of its modules is imported."""
    return decorate_step("environment", function, {"vars": vars}, unknown)


def retry(
    function: Declared | None = None,
    /,
    *,
    times: Number = 3,
    minutes_between_retries: Number = 2,
    **unknown: Any,
) -> Any:
    """Try a failed task again, up to `times` times. A local run does not wait in between."""
    values = {"times": times, "minutes_between_retries": minutes_between_retries}
    return decorate_step("retry", function, values, unknown)


def timeout(
    function: Declared | None = None,
    /,
    *,
    seconds: Number = 0,
    minutes: Number = 0,
    hours: Number = 0,
    **unknown: Any,
) -> Any:
    """Fail a task that takes longer than the sum of the three."""
    values = {"seconds": seconds, "minutes": minutes, "hours": hours}
    return decorate_step("timeout", function, values, unknown)


def catch(
    function: Declared | None = None,
    /,
    *,
    var: str | None = None,
    print_exception: bool = True,
    **unknown: Any,
) -> Any:
    """Let the run go on when the step fails for good; the artifact `var` then holds the exception."""
    return decorate_step("catch", function, {"var": var, "print_exception": print_exception}, unknown)
