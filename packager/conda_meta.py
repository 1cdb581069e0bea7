"""conda-meta: what an installer writes down about a prefix, kept to what its packages say of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fpack.packager.lockfile import Package

FOLDER = "conda-meta"

CLOBBERED = "__clobbers__"
"""Where rattler puts the file of a package whose place another one has taken."""

_KEPT = (
    *("name", "version", "build", "build_number", "subdir", "noarch", "arch", "platform", "features"),
    *("depends", "constrains", "track_features", "license", "license_family", "python_site_packages_path"),
)


def clean_metadata(prefix: Path, packages: list[Package]) -> None:
    """Rewrite the records in `prefix`, so that the same packages leave the same bytes on every machine.

    What is left out tells of this machine: where the cache is, how files were linked, when something
    happened. URLs are those of the lock. `history` is left empty: by it conda knows a prefix.
    """
    folder = prefix / FOLDER
    by_name = {package.name.lower(): package for package in packages}
    for file in sorted(folder.glob("*.json")):
        record = json.loads(file.read_bytes())
        cleaned = _clean(record, by_name[str(record["name"]).lower()])
        text = json.dumps(cleaned, indent=1, sort_keys=True, ensure_ascii=False)
        file.unlink()  # it may be a link into the cache
        file.write_text(text + "\n", encoding="utf-8")
    for file in folder.iterdir():
        if file.suffix != ".json":
            file.unlink()
    (folder / "history").write_bytes(b"")


def _clean(record: dict[str, Any], package: Package) -> dict[str, Any]:
    base, _, name = package.url.rpartition("/")
    paths = record["paths_data"]["paths"]
    return {
        **{key: record[key] for key in _KEPT if key in record},
        "url": package.url,
        "channel": base.rpartition("/")[0],
        "fn": name,
        "sha256": package.sha256,
        **({"md5": package.md5} if package.md5 else {}),
        "files": sorted(path for path in record["files"] if not path.startswith(CLOBBERED)),
        "paths_data": {
            "paths_version": record["paths_data"]["paths_version"],
            "paths": sorted(
                (path for path in paths if not path["_path"].startswith(CLOBBERED)),
                key=lambda path: str(path["_path"]),
            ),
        },
    }
