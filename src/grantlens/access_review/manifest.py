"""What the review rests on, so that anybody can check it: files with hashes, catalogues, register, versions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask
from grantlens.schema.ledger import READ_AGAIN

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


LIMITS = (
    "The hashes show which files were loaded. Who collected them, and whether they are all and as they were written, they do not show.",
    "Nothing here shows that the rows of the store still say what these files say: whoever can write to the store can change them. "
    "Whoever doubts it loads the files into an empty store and compares the reports.",
    "Who ran grantlens is not recorded: whoever signs for this names it.",
)
"""What a manifest cannot show; it goes wherever the manifest goes."""


def manifest(engine: Engine) -> dict[str, Any]:
    """Return every loaded file, one hash over them all, one over their contents alone, and what these cannot show; and the calls
    of these files that were taken out of the store again.

    The first hash depends on the paths as they were given, the second does not: it is the same wherever the files lie, whatever
    they are called and in whatever order they were loaded. When a file was loaded is left out: it changes nothing in what the
    file says.
    """
    batches = ask(
        engine,
        "SELECT path, sha256, bytes, loader, loader_version, records, issuance, usage, revocation, "
        "ignored, duplicates, "
        'rejected, first_event AS "first", last_event AS "last", note FROM batch ORDER BY path, sha256',
    )
    return {
        "sha256": digest(batches),
        "contents_sha256": contents(batches),
        "limits": list(LIMITS),
        "batches": batches,
        "forgotten": ask(
            engine,
            "SELECT path, sha256, before, calls, forgotten_at FROM forgotten JOIN batch USING (batch_id) "
            "ORDER BY path, sha256, forgotten_at, before",
        ),
        "read_again": ask(engine, f"SELECT path, sha256, rejected FROM batch WHERE {READ_AGAIN} ORDER BY path, sha256"),
        "unloaded": ask(
            engine,
            'SELECT path, sha256, loader, records, "rows", unloaded_at FROM unloaded ORDER BY unloaded_at, path, sha256',
        ),
    }


def contents(batches: list[dict[str, Any]]) -> str:
    r"""Return one hash over the hashes of files: each once, in their order as text, a line each, as `sort -u | sha256sum` has it.

    Examples
    --------
    >>> contents([{"sha256": "b"}, {"sha256": "a"}, {"sha256": "b"}]) == hashlib.sha256(b"a\nb\n").hexdigest()
    True
    """
    return hashlib.sha256(
        "".join(f"{name}\n" for name in sorted({row["sha256"] for row in batches})).encode()
    ).hexdigest()


def loaded(engine: Engine) -> dict[tuple[str, str], str]:
    """Return when each file (path, sha256) was loaded."""
    rows = ask(engine, "SELECT path, sha256, min(loaded_at) AS loaded_at FROM batch GROUP BY ALL")
    return {(row["path"], row["sha256"]): row["loaded_at"] for row in rows}


def rejected(engine: Engine) -> list[dict[str, Any]]:
    """Return why records of each file were kept aside, and how many; the most frequent reasons, since each may quote a value."""
    return ask(
        engine,
        "SELECT path, sha256, reason, count(*) AS records FROM rejected JOIN batch USING (batch_id) "
        f"WHERE NOT {READ_AGAIN} GROUP BY ALL "
        "ORDER BY records DESC, path, sha256, reason LIMIT 200",
    )


def basis(engine: Engine) -> dict[str, Any]:
    """Return the side tables that the verdicts also depend on, each with a hash of its content."""
    catalogues = ask(engine, "SELECT catalogue, source, version, operations, sha256 FROM cat_meta ORDER BY catalogue")
    # Who says nothing of these has the entry that a review had named before there were such columns.
    later = ("networks", "approved_tenants", "approved_hours", "approved_resources", "calls_per_day")
    register = [
        {name: value for name, value in row.items() if name not in later or value is not None}
        for row in ask(engine, "SELECT * FROM register ORDER BY ALL")
    ]
    servers = ask(engine, "SELECT * REPLACE (validation::VARCHAR AS validation) FROM server ORDER BY ALL")
    clocks = ask(engine, "SELECT * REPLACE (log::VARCHAR AS log) FROM stated_clock ORDER BY ALL")
    identities = ask(engine, "SELECT * FROM identity ORDER BY ALL")
    decisions = ask(
        engine, "SELECT * REPLACE (decision::VARCHAR AS decision, cause::VARCHAR AS cause) FROM decision ORDER BY ALL"
    )
    reviews = ask(engine, "SELECT * FROM review_snapshot ORDER BY ALL")
    types = ask(engine, "SELECT * FROM details_type ORDER BY ALL")
    entries = [row["registered_at"] for row in register if row["registered_at"]]
    return {
        "catalogues": catalogues,
        "register": {
            "clients": len(register),
            "newest": max(entries, default=None),
            "oldest": min(entries, default=None),
            "sha256": digest([register, reviews, *([types] if types else [])]),
        },
        "servers": {"rows": len(servers), "sha256": digest(servers)},
        "clocks": {"rows": len(clocks), "sha256": digest(clocks)},
        "identities": {"rows": len(identities), "sha256": digest(identities)},
        "decisions": {"rows": len(decisions), "sha256": digest(decisions)},
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
