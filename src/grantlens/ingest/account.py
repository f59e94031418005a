"""The account of one file: its number, its counts, its row in `batch`."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from grantlens.ingest.content import Content
from grantlens.ingest.outcome import COUNTS
from grantlens.plain import plain

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader

_IN_VAIN = "issuance + usage + revocation + duplicates = 0 AND rejected > 0"
"""Of a file that was read so, nothing is known but that it was not understood: read again, in another way, it may be."""

CAPS = {50_000: "Purview search", 100_000: "audit log search"}
"""Numbers of records at which exports are known to be cut off."""


class Account:
    """What is counted while a file is loaded."""

    def __init__(self, engine: Engine, path: str, loader: Loader | None = None) -> None:
        self.engine = engine
        self.path = path
        self.loader = loader
        self.batch_id: int = engine.value("SELECT coalesce(max(batch_id), 0) + 1 FROM batch")
        self.counts = dict.fromkeys(COUNTS, 0)
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.notes: list[str] = []

    def add(self, count: str, number: int) -> None:
        """Add to one of the counts."""
        self.counts[count] += number

    def saw(self, first: datetime | None, last: datetime | None) -> None:
        """Widen the period of the file."""
        if first is not None and last is not None:
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)

    def close(self, content: Content) -> dict[str, Any]:
        """Write the batch and return it."""
        cap = CAPS.get(self.counts["records"])
        if cap:
            self.notes.append(
                f"exactly {self.counts['records']} records: a {cap} is cut off there, so events may be missing"
            )
        sha256 = content.digest()
        note = "; ".join(self.notes) or None
        for table in ("rejected", "ignored", "batch"):
            self.engine.execute(
                f"DELETE FROM {table} WHERE batch_id IN (SELECT batch_id FROM batch WHERE sha256 = $sha256 AND {_IN_VAIN})",
                {"sha256": sha256},
            )
        self.engine.execute(
            "INSERT INTO batch VALUES ($batch_id, $path, $sha256, $bytes, $loader, $version, $records, $issuance, $usage, "
            "$revocation, $ignored, $duplicates, $rejected, $first, $last, $loaded_at, $note)",
            {
                "batch_id": self.batch_id,
                "path": self.path,
                "sha256": sha256,
                "bytes": content.taken,
                "loader": self.loader.name if self.loader else None,
                "version": self.loader.version if self.loader else None,
                **self.counts,
                "first": self.first,
                "last": self.last,
                "loaded_at": datetime.now(UTC),
                "note": note,
            },
        )
        return _entry(
            self.path, self.loader.name if self.loader else None, sha256, self.counts, self.first, self.last, note
        )

    def close_empty(self, content: Content, why: str | None) -> dict[str, Any]:
        """Write the batch of a file without records."""
        self.notes += [why] if why else []
        return self.close(content)


def already_loaded(engine: Engine, path: str) -> dict[str, Any] | None:
    """Return the entry of a file whose bytes are in the store already, else None; of one that was read in vain, None.

    Only a file of a size that was loaded before is read for it.
    """
    with closing(Content(path)) as content:
        if not engine.value("SELECT count(*) FROM batch WHERE bytes = $size", {"size": content.bytes}):
            return None
        sha256 = content.digest()
    found = engine.rows(
        "SELECT path, loader, records, issuance + usage + revocation + duplicates, ignored, rejected, first_event, last_event "
        f"FROM batch WHERE sha256 = $sha256 AND NOT ({_IN_VAIN}) ORDER BY batch_id LIMIT 1",
        {"sha256": sha256},
    )
    if not found:
        return None
    before, loader, records, rows, ignored, rejected, first, last = found[0]
    counts = dict.fromkeys(COUNTS, 0) | {
        "records": records,
        "duplicates": rows,
        "ignored": ignored,
        "rejected": rejected,
    }
    return _entry(path, loader, sha256, counts, first, last, f"already loaded as {before}: nothing was changed")


def noting_other_loader(entry: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """Return the entry of a file that is in the store, with a note if it was read by another loader than is wanted now.

    Examples
    --------
    >>> noting_other_loader({"loader": "github", "note": "already loaded"}, "okta")["note"]
    'already loaded; it was read as github: to read it as okta, take it out first (grantlens unload)'
    """
    read_as = entry["loader"]
    if wanted is None or read_as is None or wanted == read_as:
        return entry
    note = f"{entry['note']}; it was read as {read_as}: to read it as {wanted}, take it out first (grantlens unload)"
    return {**entry, "note": note}


def _entry(
    path: str, loader: str | None, sha256: str, counts: dict[str, int], first: Any, last: Any, note: str | None
) -> dict[str, Any]:
    entry = {"path": path, "loader": loader, "sha256": sha256, **counts, "first": first, "last": last, "note": note}
    return plain(entry)
