"""`file=` and `index=` of the package decorators, through the real command and the real uv."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from flows import Desk, Outcome
from hypothesis import given
from hypothesis import strategies as st
from wheels import WheelIndex, serve, sha256

from fpack.errors import DeclarationError, Location
from fpack.flow.environment import Environment
from fpack.flow.sources import DeclaredFile
from fpack.packager.declared_files import merge_files, read_files
from fpack.packager.listing import UnreadableFileError
from fpack.packager.requirements_file import parse_requirements

HERE = Location("flow.py", 5)
SECRET = "s3cret-of-mine"


def flow(decorator: str) -> str:
    return f"""
class Train(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    {decorator}
    @step
    def end(self):
        import fw_base
        print("fw_base", fw_base.__version__)
"""


@pytest.fixture
def index(desk: Desk) -> WheelIndex:
    made = WheelIndex(desk.folder / "index")
    for version in ("1.0", "1.5", "2.0"):
        made.add("fw-base", version)
    made.add("fw-top", "1.0", needs=["fw-base"])
    return made


def lock(desk: Desk, index: WheelIndex, *arguments: str) -> Outcome:
    return desk.fpack(
        "lock",
        "flow.py",
        *arguments,
        UV_DEFAULT_INDEX=index.url,
        UV_CACHE_DIR=str(desk.folder / "uv"),
        UV_PYTHON_DOWNLOADS="never",
    )


def locked(desk: Desk) -> str:
    (file,) = (desk.folder / "fpack.locks").iterdir()
    return file.read_text()


def merged(folder: Path, path: str, text: str, platform: str = "linux-64", **packages: str) -> dict[str, str]:
    (folder / path).write_text(text)
    declared = DeclaredFile("conda" if path.endswith("yml") else "pypi", path, HERE)
    environment = Environment(dict(packages), {}, "3.12", HERE, files=(declared,))
    found, _ = merge_files(environment, read_files([declared], folder), platform, "3.12")
    return found.pypi


def test_requirements(desk: Desk, index: WheelIndex) -> None:
    """Packages and constraints of a file are locked; another content makes the lock stale, another place not."""
    desk.write(flow('@pypi(file="requirements.txt")'))
    (desk.folder / "requirements.txt").write_text("fw-top  # why\n-c bounds.txt\n")
    (desk.folder / "bounds.txt").write_text("fw-base<2\nfw-unknown==1\n")
    assert lock(desk, index).code == 0
    assert "fw_base-1.5" in locked(desk)
    (desk.folder / "bounds.txt").write_text("fw-base<1.5\n")
    assert lock(desk, index, "--check").code == 8
    (desk.folder / "bounds.txt").write_text("fw-unknown==1\nfw-base<2\n")
    assert lock(desk, index, "--check").code == 0
    (desk.folder / "deps").mkdir()
    for name in ("requirements.txt", "bounds.txt"):
        shutil.move(desk.folder / name, desk.folder / "deps" / name)
    desk.write(flow('@pypi(file="deps/requirements.txt")'))
    assert lock(desk, index, "--check").code == 0


def test_hash(desk: Desk, index: WheelIndex) -> None:
    """A wheel that is none of those whose hashes a file gives is refused."""
    good = sha256(index.folder / "files" / "fw_base-1.0-py3-none-any.whl")
    desk.write(flow('@pypi(file="requirements.txt")'))
    requirements = desk.folder / "requirements.txt"
    requirements.write_text(f"fw-base==1.0 --hash=sha256:{'0' * 64}\n")
    outcome = lock(desk, index)
    assert (outcome.code, "is not the file whose hash" in outcome.err) == (1, True), outcome
    requirements.write_text(f"fw-base==1.0 \\\n  --hash=sha256:{good} --hash=sha256:{'0' * 64}\n")
    assert lock(desk, index).code == 0


def test_uv_lock(desk: Desk, index: WheelIndex) -> None:
    """The pins of a uv.lock are locked as they are; one that its pyproject.toml has left behind is refused."""
    pyproject = desk.folder / "pyproject.toml"
    pyproject.write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["fw-base<2"]\n'
    )
    how = ("--no-config", "--offline", "--python", sys.executable, "--default-index", index.url)
    made = desk.run("uv", "lock", *how, UV_PYTHON_DOWNLOADS="never", PATH=f"{sys.exec_prefix}/bin")
    assert made.code == 0, made
    index.add("fw-base", "1.6")
    desk.write(flow('@pypi(file="uv.lock")'))
    outcome = lock(desk, index)
    assert outcome.code == 0, outcome
    assert "fw_base-1.5" in locked(desk)
    pyproject.write_text(pyproject.read_text().replace('"fw-base<2"', '"fw-base<2", "fw-top"'))
    outcome = lock(desk, index)
    assert outcome.code == 3, outcome
    assert "fw-top" in outcome.err
    pyproject.unlink()
    assert "no pyproject.toml beside it" in lock(desk, index).err


def test_environment_yml_of_wheels(tmp_path: Path) -> None:
    """The list of pip's in an environment.yml becomes packages of PyPI."""
    text = "name: x\nchannels: [conda-forge]\ndependencies:\n- python=3.12\n- pip:\n  - fw-base>=1\n"
    assert merged(tmp_path, "environment.yml", text) == {"fw-base": ">=1"}


def test_pyproject(tmp_path: Path) -> None:
    """A project's dependencies are taken, markers seen with the target's eyes."""
    text = '[project]\nname = "x"\ndependencies = ["a>1; sys_platform == \'darwin\'", "b"]\n'
    assert merged(tmp_path, "pyproject.toml", text) == {"b": ""}
    assert merged(tmp_path, "pyproject.toml", text, "osx-arm64") == {"a": ">1", "b": ""}


def test_declaration_goes_over_the_file(tmp_path: Path) -> None:
    """A package that the decorator names itself is the decorator's."""
    assert merged(tmp_path, "r.txt", "numpy==1\npandas\n", numpy="==2") == {"numpy": "==2", "pandas": ""}


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("r.txt", "numpy\n-e .\n", "r.txt, line 2: an editable package"),
        ("r.txt", "x @ https://u:pw@host.example.invalid/x.whl\n", "r.txt, line 1: x comes from a URL"),
        (
            "environment.yml",
            "dependencies:\n- numpy\n- vc  # [win]\n",
            "environment.yml, line 3: it has a selector",
        ),
        ("environment.yml", "dependencies:\n- a\nvariables:\n  A: b\n", "line 3: it has `variables:`"),
        ("environment.yml", "dependencies: [\n", "it is not YAML"),
        ("pyproject.toml", "[project]\nname = \n", "pyproject.toml, line 2: it is not TOML"),
        ("pyproject.toml", "[tool.poetry]\n", "it has no [project]"),
        ("pylock.toml", 'lock-version = "2.0"\n', "pylock.toml, line 1: its lock-version"),
    ],
)
def test_unreadable(tmp_path: Path, path: str, text: str, told: str) -> None:
    """What a file says that cannot be locked is told with its line, at the decorator's, without a password."""
    with pytest.raises(DeclarationError) as caught:
        merged(tmp_path, path, text)
    assert told in caught.value.what
    assert caught.value.where == HERE
    assert "pw" not in str(caught.value)


def test_missing_file(desk: Desk) -> None:
    """A file that is not there is a mistake in the declaration, on its line."""
    desk.write(flow('@pypi(file="nope.txt")'))
    outcome = desk.fpack("lock", "flow.py")
    assert outcome.code == 3
    assert "nope.txt: there is no such file" in outcome.err


@given(st.permutations(["a>=1", "b<2; python_version > '3'", "-c c.txt", "A<3", "c[y]", "c[x]>1"]))
def test_order_of_lines(lines: list[str]) -> None:
    """No order of the lines of a requirements file asks for anything else."""
    wanted = [line for line in lines if not line.startswith("-")]
    listing = parse_requirements("\n".join(wanted), Path("r.txt"), {})
    environment = Environment({}, {}, None, HERE, files=(DeclaredFile("pypi", "r.txt", HERE),))
    found, bounds = merge_files(environment, [listing], "linux-64", "3.12")
    assert found.pypi == {"a": "<3,>=1", "b": "<2", "c[x,y]": ">1"}
    assert bounds.constraints == ()


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=8, max_size=20))
def test_secret_in_a_file_is_never_told(secret: str) -> None:
    """Whatever line of a requirements file has a password in it, neither error nor listing shows it."""
    mark = f"zz9{secret}"
    for line in (
        "-i https://u:{}@h.invalid",
        "x @ https://u:{}@h.invalid/x.whl",
        "-e git+https://u:{}@h.invalid/x",
    ):
        try:
            shown = repr(parse_requirements(line.format(mark), Path("r.txt"), {}))
        except UnreadableFileError as error:
            shown = f"{error.what} {error.hint}"
        assert mark not in shown


@pytest.mark.parametrize("how", ["url", "name"])
def test_private_index(desk: Desk, index: WheelIndex, how: str) -> None:
    """A declared index is used with its credentials to lock and to install; nothing that is left has them."""
    public = WheelIndex(desk.folder / "public")
    with serve(index.folder, password=f"someone:{SECRET}") as host:
        given = f"http://someone:{SECRET}@{host}/simple" if how == "url" else "corp"
        (desk.folder / "pyproject.toml").write_text(
            f'[tool.fpack]\n[tool.fpack.pypi.indexes]\ncorp = "http://{host}/simple"\n'
        )
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        desk.write(flow(f'@pypi(packages={{"fw-base": "1.0"}}, index="{given}", python="{python}")'))
        variables = {
            "UV_DEFAULT_INDEX": public.url,
            "UV_CACHE_DIR": str(desk.folder / "uv"),
            "FPACK_CACHE": str(desk.folder / "cache of its own"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_HTTP_RETRIES": "0",
        }
        if how == "name":
            variables |= {"UV_INDEX_CORP_USERNAME": "someone", "UV_INDEX_CORP_PASSWORD": SECRET}
        done = desk.fpack("lock", "flow.py", "-v", **variables)
        assert done.code == 0, done
        launched = desk.fpack("launch", "flow.py", "--json", **variables)
    assert '"environment.ready"' in launched.out, launched
    assert SECRET not in done.out + done.err + launched.out + launched.err
    written = [path for folder in (".fpack", "fpack.locks") for path in (desk.folder / folder).rglob("*")]
    assert not [path for path in written if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert "fw_base-1.0" in locked(desk)


def test_unknown_index(desk: Desk) -> None:
    """A name that the project gives to no index is a mistake in the declaration."""
    desk.write(flow('@pypi(packages={}, index="corp")'))
    outcome = desk.fpack("lock", "flow.py")
    assert outcome.code == 3, outcome
    assert "[tool.fpack.pypi.indexes]" in outcome.err
