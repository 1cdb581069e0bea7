"""The user's pip configuration, said in uv's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpack.packager.indexes import user_indexes

MAIN = "https://main.example.invalid/simple"
EXTRA = "https://extra.example.invalid/simple"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A user without any configuration: pip's places for it are in an empty folder."""
    return {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "PIP_CONFIG_FILE": str(tmp_path / "c"),
    }


def settings(env: dict[str, str]) -> dict[str, str]:
    found = dict(user_indexes(env, default_index=lambda: "https://default.example.invalid/simple").settings)
    found.pop("SSL_CERT_FILE", None)
    return found


def configure(env: dict[str, str], text: str) -> None:
    Path(env["PIP_CONFIG_FILE"]).write_text(text)


def test_nothing_configured(env: dict[str, str]) -> None:
    """Without a configuration uv is told nothing."""
    configure(env, "[global]\nindex-url =\nextra-index-url =\nfind-links =\n")
    assert settings(env) == {}


def test_index_url(env: dict[str, str]) -> None:
    """The index of pip takes the place of uv's default one."""
    configure(env, f"[global]\nindex-url = {MAIN}\nextra-index-url =\nfind-links =\n")
    assert settings(env) == {"UV_DEFAULT_INDEX": MAIN}


def test_section_install_and_environment_win(env: dict[str, str]) -> None:
    """`[install]` wins over `[global]`, and `PIP_*` over both, as for pip."""
    configure(
        env,
        f"[install]\nindex_url = {MAIN}\n[global]\nindex-url = {EXTRA}\nextra-index-url =\nfind-links =\n",
    )
    assert settings(env) == {"UV_DEFAULT_INDEX": MAIN}
    assert settings({**env, "PIP_INDEX_URL": EXTRA}) == {"UV_DEFAULT_INDEX": EXTRA}


def test_extra_indexes_are_searched_as_pip_does(env: dict[str, str]) -> None:
    """The best version of all indexes wins, and of equals that of the main index, named or not."""
    configure(env, f"[global]\nextra-index-url =\n  {EXTRA}\nfind-links =\n")
    found = settings(env)
    assert found == {
        "UV_INDEX": f"https://default.example.invalid/simple {EXTRA}",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert settings({**env, "PIP_INDEX_URL": MAIN})["UV_INDEX"] == f"{MAIN} {EXTRA}"


def test_what_does_not_exist_is_left_out(env: dict[str, str], tmp_path: Path) -> None:
    """A folder that has gone stops nothing, and is told; one that is there is used."""
    here = tmp_path / "wheels"
    here.mkdir()
    gone = (tmp_path / "gone").as_uri()
    configure(env, f"[global]\nextra-index-url = {gone}\nfind-links = /nowhere/wheels {here}\n")
    found = user_indexes(env, default_index=str)
    assert found.settings["UV_FIND_LINKS"] == str(here)
    assert "UV_INDEX" not in found.settings
    assert found.missing == (gone, "/nowhere/wheels")


def test_no_index(env: dict[str, str], tmp_path: Path) -> None:
    """Where pip may ask no index, uv may not."""
    configure(env, f"[global]\nno-index = true\nextra-index-url = {EXTRA}\nfind-links = {tmp_path}\n")
    assert settings(env) == {
        "UV_NO_INDEX": "true",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_uv_settings_win(env: dict[str, str]) -> None:
    """A user who speaks to uv directly is taken at his word; pip's indexes are left aside."""
    configure(env, f"[global]\nindex-url = {MAIN}\n")
    assert settings({**env, "UV_INDEX": EXTRA}) == {"UV_INDEX": EXTRA}


def test_certificates_hold_in_either_case(env: dict[str, str], tmp_path: Path) -> None:
    """The certificates of pip serve uv as well, unless the user set others or they do not exist."""
    bundle = tmp_path / "company.pem"
    bundle.write_text("")
    configure(env, f"[global]\ncert = {bundle}\ntrusted-host = a.example.invalid\n  b.example.invalid\n")
    found = user_indexes({**env, "UV_INDEX": EXTRA}).settings
    assert found["SSL_CERT_FILE"] == str(bundle)
    assert found["UV_INSECURE_HOST"] == "a.example.invalid b.example.invalid"
    assert "SSL_CERT_FILE" not in user_indexes({**env, "UV_INDEX": EXTRA, "SSL_CERT_FILE": "own"}).settings
    configure(env, "[global]\ncert = /nowhere.pem\n")
    assert "SSL_CERT_FILE" not in user_indexes({**env, "UV_INDEX": EXTRA}).settings


def test_broken_configuration_is_not_our_affair(env: dict[str, str]) -> None:
    """A file that pip could not read either stops nothing."""
    configure(env, "[global\nindex-url")
    assert "UV_DEFAULT_INDEX" not in settings(env)
    assert "s3cret" not in repr(user_indexes({**env, "UV_INDEX": "https://me:s3cret@host.example.invalid"}))
