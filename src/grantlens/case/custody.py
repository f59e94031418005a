"""The chain of custody of a written case: from which files, by which version, into which files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = "grantlens.custody/1"


def custody(document: Mapping[str, Any], written: list[Path], loaded: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return the custody record of a case.

    Parameters
    ----------
    document
        The case, schema `grantlens.case/1`.
    written
        The files that were written; their hashes are taken from the disk.
    loaded
        When each file of the evidence was loaded.
    """
    manifest, made = document["manifest"], document["reproduce"]
    return {
        "schema": SCHEMA,
        "case": document["about"],
        "window": document["window"],
        "now": document["now"],
        "made_by": document["made_by"],
        "command": made["command"],
        "brought": {name: value for name, value in made.items() if name != "command"},
        "evidence": {
            "manifest_sha256": manifest["sha256"],
            "contents_sha256": manifest["contents_sha256"],
            "files": [{**file, "loaded_at": loaded[file["path"], file["sha256"]]} for file in manifest["batches"]],
        },
        "written": [{"file": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)} for path in written],
        "unchanged": "The files of the evidence were only read. `grantlens verify STORE` checks that they still are what they were "
        "when they were loaded.",
        "cannot_show": manifest["limits"],
        "handed_over": [],
    }


def custody_text(record: Mapping[str, Any]) -> str:
    """Return the record as text that people can read and add to."""
    return json.dumps(record, indent=1, ensure_ascii=True) + "\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
