"""The floors of the house: an import goes down only, and a task needs next to nothing."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import fpack

FLOORS = [
    ("fpack.errors", "fpack.events"),
    ("fpack.flow",),
    ("fpack.store",),
    ("fpack.task", "fpack.client"),
    ("fpack.images", "fpack.templates"),
    ("fpack.packager",),
    ("fpack.launcher",),
    ("fpack.cli",),
]
"""From the ground up. What stands on one floor does not import its neighbours there, but for the ground."""

RUNTIME = ("fpack.errors", "fpack.events", "fpack.flow", "fpack.store", "fpack.task", "fpack.client")
"""What is there in every step's environment, beside `RUNTIME_NEEDS`, which is locked in with the rest."""

RUNTIME_NEEDS = {"obstore", "zstandard"}

HOUSE = Path(fpack.__file__ or "").parent
ROOTS = {
    "fpack": HOUSE,
    **{
        f"fpack.{name}": HOUSE / name if (HOUSE / name).is_dir() else HOUSE.parent / name
        for name in ("packager", "launcher", "images", "templates")
    },
}


def sources() -> dict[str, Path]:
    """Every module of fpack by its name, whether its folder is linked into the package or not."""
    found: dict[str, Path] = {}
    for package, folder in ROOTS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts])
            found[name.removesuffix(".__init__")] = path
    return found


SOURCES = sources()


def imports(name: str) -> set[str]:
    """Every module that `name` imports, anywhere in it, but for those that only types need."""
    found: set[str] = set()
    tree = ast.parse(SOURCES[name].read_bytes())
    for_types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} line {node.lineno}: a relative import"
            module = node.module or ""
            # `from fpack.store import keys` imports the module keys; `from fpack.errors import X` does not.
            found |= {
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in SOURCES else module
                for alias in node.names
            }
    return found


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def floor_of(module: str) -> int:
    return next((height for height, names in enumerate(FLOORS) if package_of(module) in names), len(FLOORS))


INSIDE = [name for name in SOURCES if name not in ("fpack", "fpack.__main__")]


def test_every_module_has_a_floor() -> None:
    """A new package has to be given its place before anything can be said of its imports."""
    assert [name for name in INSIDE if floor_of(name) == len(FLOORS)] == []
    assert {package_of(name) for name in INSIDE} == {name for names in FLOORS for name in names}


@pytest.mark.parametrize("name", INSIDE)
def test_an_import_goes_down(name: str) -> None:
    """A module imports from its own package and from the floors below it, and from nowhere else in fpack."""
    for module in imports(name):
        if not (module == "fpack" or module.startswith("fpack.")):
            continue
        if module == "fpack":
            assert floor_of(name) >= floor_of("fpack.packager"), f"{name} imports the front door"
            continue
        assert (
            package_of(module) == package_of(name) or floor_of(module) < floor_of(name) or floor_of(name) == 0
        ), f"{name} imports {module}"


@pytest.mark.parametrize("name", [name for name in INSIDE if package_of(name) in RUNTIME])
def test_a_task_needs_next_to_nothing(name: str) -> None:
    """What runs inside a step's environment imports the standard library, two libraries, and itself."""
    for module in imports(name):
        top = module.partition(".")[0]
        if top == "fpack":
            assert package_of(module) in RUNTIME, f"{name} imports {module}"
        else:
            assert top in sys.stdlib_module_names or top in RUNTIME_NEEDS, f"{name} imports {module}"


def test_the_front_door_opens_on_declarations_alone() -> None:
    """`import fpack` in a flow file loads what declares flows, which needs nothing but Python."""
    assert {package_of(module) for module in imports("fpack") if module.startswith("fpack")} == {"fpack.flow"}
    for name in INSIDE:
        if package_of(name) == "fpack.flow":
            tops = {module.partition(".")[0] for module in imports(name)}
            assert tops <= {"fpack", *sys.stdlib_module_names}, name
