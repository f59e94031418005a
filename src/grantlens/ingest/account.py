"""The accounts of files: their numbers, their counts, their rows in `batch`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from grantlens.ingest.key import file_of
from grantlens.ingest.outcome import COUNTS
from grantlens.plain import plain
from grantlens.reading.content import Content
from grantlens.schema.ledger import IN_VAIN

if TYPE_CHECKING:
    import numpy as np

    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader

_BATCH = (
    "INSERT INTO batch VALUES ($batch_id, $path, $sha256, $bytes, $loader, $loader_version, $records, $issuance, $usage, "
    "$revocation, $ignored, $duplicates, $rejected, $first_event, $last_event, $loaded_at, $note)"
)

_IN_VAIN = f"SELECT bytes, sha256 FROM batch WHERE path = $path AND bytes < $bytes AND {IN_VAIN}"

_UNSEEN = (1 << 63) - 1
"""Microseconds that no event tells."""

CAPS = {50_000: "Purview search", 100_000: "audit log search"}
"""Numbers of records at which exports are known to be cut off."""


class Account:
    """What is counted while a file is loaded."""

    def __init__(self, path: str, loader: Loader | None = None, notes: Iterable[str] = ()) -> None:
        self.path = path
        self.loader = loader
        self.counts = dict.fromkeys(COUNTS, 0)
        self.notes = [*notes]

    def closed(self, content: Content) -> dict[str, Any]:
        """Return the row of the file in `batch`, without its key and its period."""
        cap = CAPS.get(self.counts["records"])
        if cap:
            self.notes.append(
                f"exactly {self.counts['records']} records: a {cap} is cut off there, so events may be missing"
            )
        return {
            "path": self.path,
            "sha256": content.digest(),
            "bytes": content.taken,
            "loader": self.loader.name if self.loader else None,
            "loader_version": self.loader.version if self.loader else None,
            **self.counts,
            "note": "; ".join(self.notes) or None,
        }


class Accounts:
    """The accounts of the files that are loaded together, in the order of their numbers.

    Parameters
    ----------
    engine
        The open store.
    files
        An account for each file.

    Attributes
    ----------
    batch_id
        Key of the first file; those of the others follow.
    """

    def __init__(self, engine: Engine, files: Sequence[Account]) -> None:
        import numpy as np

        self.files = files
        self.batch_id: int = engine.value("SELECT coalesce(max(batch_id), 0) + 1 FROM batch")
        self._engine = engine
        self._first_us = np.full(len(files), _UNSEEN, np.int64)
        self._last_us = np.full(len(files), -_UNSEEN, np.int64)

    def counted(self, keys: np.ndarray) -> np.ndarray:
        """Return how many of the records with these keys each file has."""
        import numpy as np

        return np.bincount(file_of(keys), minlength=len(self.files))

    def add(self, count: str, numbers: np.ndarray) -> None:
        """Add to one of the counts of each file."""
        for file, number in zip(self.files, numbers.tolist(), strict=True):
            file.counts[count] += number

    def saw(self, keys: np.ndarray, times_us: np.ndarray) -> None:
        """Widen the period of each file by the times of events, in microseconds, of the records with these keys."""
        import numpy as np

        for ends, widen in ((self._first_us, np.minimum), (self._last_us, np.maximum)):
            widen.at(ends, file_of(keys), times_us)

    def total(self, count: str) -> int:
        """Return one of the numbers over all files."""
        return sum(file.counts[count] for file in self.files)

    def close(self, contents: Iterable[Content]) -> list[dict[str, Any]]:
        """Write the batches and return them; what was read in vain of the same bytes before is no longer counted."""
        contents = [*contents]
        ends = zip(self._first_us.tolist(), self._last_us.tolist(), strict=True)
        rows = [
            file.closed(content) | {"first_event": _moment(first), "last_event": _moment(last)}
            for file, content, (first, last) in zip(self.files, contents, ends, strict=True)
        ]
        grown = [
            hash for file, content in zip(self.files, contents, strict=True) for hash in self._grown(file, content)
        ]
        hashes = {"hashes": [*(row["sha256"] for row in rows), *grown]}
        read_before = f"SELECT batch_id FROM batch WHERE sha256 IN (SELECT unnest($hashes)) AND {IN_VAIN}"
        if in_vain := [batch for (batch,) in self._engine.rows(read_before, hashes)]:
            for table in ("rejected", "ignored", "batch"):
                self._engine.execute(
                    f"DELETE FROM {table} WHERE batch_id IN (SELECT unnest($batches))", {"batches": in_vain}
                )
        now = datetime.now(UTC)
        for number, row in enumerate(rows):
            self._engine.execute(_BATCH, {"batch_id": self.batch_id + number, "loaded_at": now, **row})
        return [entry(**row) for row in rows]

    def _grown(self, file: Account, content: Content) -> Iterator[str]:
        """Give the hashes of what was read in vain under the name of a file, and is its beginning: its records are of this load now."""
        known = {"path": file.path, "bytes": content.taken}
        for size, sha256 in self._engine.rows(_IN_VAIN, known):
            if content.begins_with(size, sha256):
                yield sha256


def entry(**row: Any) -> dict[str, Any]:
    """Return a batch as `grantlens load --json` prints it."""
    shown = ("path", "loader", "sha256", *COUNTS)
    return plain(
        {name: row[name] for name in shown}
        | {"first": row["first_event"], "last": row["last_event"], "note": row["note"]}
    )


def _moment(microseconds: int) -> datetime | None:
    return (
        None if abs(microseconds) == _UNSEEN else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    )
