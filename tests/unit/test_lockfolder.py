"""Which file holds which environment: found by content, named once, never taken from another."""

from __future__ import annotations

from pathlib import Path

from fpack.errors import Location
from fpack.flow.environment import Environment
from fpack.packager.lockfolder import Place, place, unused_files
from fpack.packager.lockformat import LockHeader
from fpack.packager.request import NamedRequest

FOLDER = Path("fpack.locks")
PLATFORMS = ("linux-64", "osx-arm64")


def request(step: str, version: str, flow: str = "Train") -> NamedRequest:
    environment = Environment({"numpy": version}, {}, "3.12", Location("flow.py", 1))
    return NamedRequest(f"{flow}-{step}", flow, (step,), environment)


def header(*requests: NamedRequest, platforms: tuple[str, ...] = PLATFORMS) -> LockHeader:
    ids = {name: requests[0].on(name).request_id for name in platforms}
    steps = tuple(label for found in requests for label in found.labels)
    return LockHeader("3.12", (), steps, ids, {})


def file(name: str) -> Path:
    return FOLDER / f"{name}.conda-lock.yml"


def placed(*requests: NamedRequest, whole_flow: bool = True, **headers: LockHeader) -> list[Place]:
    found = {file(name.replace("_", "-")): header for name, header in headers.items()}
    return place(requests, FOLDER, found, PLATFORMS, whole_flow=whole_flow)


def test_new_environment_takes_its_name() -> None:
    """An environment that is nowhere yet gets a file of the name that the caller gives it."""
    (found,) = placed(request("start", "1"))
    assert (found.path, found.header, found.answered) == (file("Train-start"), None, False)
    assert found.stale_platforms(PLATFORMS) == PLATFORMS


def test_same_environment_shares_a_file() -> None:
    """Steps that ask for the same have one file, which lists them all."""
    (found,) = placed(request("start", "1"), request("end", "1"))
    assert found.path == file("Train-start")
    assert found.labels == ("Train/end", "Train/start")


def test_file_is_found_by_content() -> None:
    """A file that the user renamed is still the one."""
    (found,) = placed(request("start", "1"), renamed=header(request("start", "1")))
    assert (found.path, found.answered) == (file("renamed"), True)
    assert found.stale_platforms(PLATFORMS) == ()


def test_changed_declaration_keeps_its_file() -> None:
    """A step whose declaration changed replaces its own file, so that its old versions can be kept."""
    (found,) = placed(request("start", "2"), Train_start=header(request("start", "1")))
    assert (found.path, found.answered) == (file("Train-start"), False)
    assert found.stale_platforms(["linux-64"]) == PLATFORMS, "all that the file has must follow"


def test_shared_file_is_not_taken_from_those_who_stay() -> None:
    """Where one of two steps changes, the other keeps the file, though it bears the name of the first."""
    old = header(request("start", "1"), request("end", "1"))
    start, end = placed(request("start", "2"), request("end", "1"), Train_start=old)
    assert (end.path, end.answered) == (file("Train-start"), True)
    assert (start.path, start.answered) == (file("Train-start-2"), False)


def test_some_steps_alone_take_no_file_of_others() -> None:
    """When only some steps are locked, a file that steps outside of these use is left to them."""
    old = header(request("start", "1"), request("end", "1"))
    (found,) = placed(request("start", "2"), Train_start=old, whole_flow=False)
    assert found.path == file("Train-start-2")
    (found,) = placed(request("start", "2"), Train_start=old, whole_flow=True)
    assert found.path == file("Train-start"), "in the whole flow `end` has gone"


def test_file_of_another_flow_is_not_taken() -> None:
    """A file of the wanted name that another flow uses is left to it."""
    (found,) = placed(request("start", "2"), Train_start=header(request("start", "1", flow="Score")))
    assert found.path == file("Train-start-2")


def test_missing_platform_is_added() -> None:
    """A file that lacks a platform is the right one, and only that platform is stale."""
    only_linux = header(request("start", "1"), platforms=("linux-64",))
    (found,) = placed(request("start", "1"), Train_start=only_linux)
    assert found.answered
    assert found.stale_platforms(PLATFORMS) == ("osx-arm64",)


def test_unused_files_of_this_flow_alone_are_told() -> None:
    """A file that no step of the flow uses any more is unused; one of another flow is left out."""
    headers = {
        file("used"): header(request("start", "1")),
        file("old"): header(request("gone", "0")),
        file("foreign"): header(request("start", "0", flow="Score")),
    }
    places = place([request("start", "1")], FOLDER, headers, PLATFORMS, whole_flow=True)
    assert unused_files(headers, places) == [file("old")]
