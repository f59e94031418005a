"""What the review rests on, so that anybody can check it: files with hashes, catalogues, register, versions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


def manifest(engine: Engine) -> dict[str, Any]:
    """Return every loaded file, and one hash over them all.

    When a file was loaded is left out: it changes nothing in what the file says.
    """
    batches = ask(
        engine,
        "SELECT path, sha256, bytes, loader, loader_version, records, issuance, usage, revocation, "
        "ignored, duplicates, "
        'rejected, first_event AS "first", last_event AS "last", note FROM batch ORDER BY path, sha256',
    )
    return {"sha256": digest(batches), "batches": batches}


def basis(engine: Engine) -> dict[str, Any]:
    """Return the side tables that the verdicts also depend on, each with a hash of its content."""
    catalogues = ask(engine, "SELECT catalogue, source, version, operations, sha256 FROM cat_meta ORDER BY catalogue")
    register = ask(engine, "SELECT * FROM register ORDER BY ALL")
    servers = ask(engine, "SELECT * REPLACE (validation::VARCHAR AS validation) FROM server ORDER BY ALL")
    clocks = ask(engine, "SELECT * REPLACE (log::VARCHAR AS log) FROM stated_clock ORDER BY ALL")
    reviews = ask(engine, "SELECT * FROM review_snapshot ORDER BY ALL")
    entries = [row["registered_at"] for row in register if row["registered_at"]]
    return {
        "catalogues": catalogues,
        "register": {
            "clients": len(register),
            "newest": max(entries, default=None),
            "oldest": min(entries, default=None),
            "sha256": digest([register, reviews]),
        },
        "servers": {"rows": len(servers), "sha256": digest(servers)},
        "clocks": {"rows": len(clocks), "sha256": digest(clocks)},
    }


def made_by(engine: Engine) -> dict[str, str]:
    """Return the versions of what computed this."""
    from importlib.metadata import version

    return {"grantlens": version("grantlens"), "duckdb": engine.value("SELECT version()").lstrip("v")}


def digest(value: Any) -> str:
    """Return the SHA-256 of a plain value.

    Examples
    --------
    >>> digest([])[:8]
    '4f53cda1'
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
