"""Are the loaded files still what they were, and are their rows still in the store? Evidence points into them."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantlens.errors import LoadError
from grantlens.reading.content import Content
from grantlens.wording import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantlens.engine.duckdb import Engine

PACKED_ENDS = (".gz", ".zst")
"""What a rotated log that was packed has behind its name."""


@dataclass(frozen=True)
class Verified:
    """What became of the loaded files."""

    files: int
    differences: list[str]
    """One sentence for each file that is gone or has other bytes than when it was loaded last."""
    versions: list[str]
    """One sentence for each file that still holds what its last load saw, and grew or was packed since, or was loaded in other
    versions before."""
    rows: list[str]
    """One sentence for each file and log of which the store holds other than the number of rows that the load wrote, without those
    that were forgotten since."""


def verified(engine: Engine) -> Verified:
    """Compare each loaded file with what its last load saw.

    Paths are looked up as they were given: relative ones from the current folder.
    """
    found = Verified(engine.value("SELECT count(DISTINCT path) FROM batch"), [], [], list(_other_rows(engine)))
    for path, versions in engine.rows(_VERSIONS):
        *earlier, last = versions
        places = list(dict.fromkeys(place for version in versions for place in version["paths"] or ()))
        difference = _difference(path, last["bytes"], last["sha256"])
        if difference is None:
            seen = "is what its last load saw"
        elif os.path.isfile(path) and _begins_with(path, [last]):
            seen = "begins with what its last load saw, and grew since"
        elif packed := _packed(path, last["sha256"]):
            found.versions.append(f"{path} was packed since: {packed} unpacks to what its last load saw.")
            continue
        elif moved := _home(last, places):
            found.versions.append(
                f"{path} {_other(path)}, and what its last load saw is in {moved}, which was loaded since."
            )
            continue
        else:
            found.differences.append(difference)
            continue
        if difference or earlier:
            found.versions.append(f"{path} {seen}{f'; {_become(path, earlier, places)}' if earlier else '.'}")
    return found


_VERSIONS = """
WITH other AS (SELECT batch_id, list(path ORDER BY path) AS paths FROM other_path GROUP BY batch_id)
SELECT path, list({'bytes': bytes, 'sha256': sha256, 'paths': paths} ORDER BY batch_id)
FROM batch LEFT JOIN other USING (batch_id)
GROUP BY path
ORDER BY min(batch_id)
"""

_ROWS = """
WITH held AS (
    SELECT batch_id, 'issuance' AS log, count(*) AS held FROM issuance GROUP BY ALL
    UNION ALL
    SELECT batch_id, 'usage', count(*) FROM usage_row GROUP BY ALL
    UNION ALL
    SELECT batch_id, 'revocation', count(*) FROM revocation GROUP BY ALL
),
written AS (
    UNPIVOT (SELECT batch_id, path, issuance, usage - coalesce(f.calls, 0)::BIGINT AS usage, revocation
             FROM batch LEFT JOIN (SELECT batch_id, sum(calls) AS calls FROM forgotten GROUP BY batch_id) f USING (batch_id))
    ON issuance, usage, revocation INTO NAME log VALUE written
)
SELECT w.path, w.log, w.written, coalesce(h.held, 0)
FROM written w LEFT JOIN held h USING (batch_id, log)
WHERE w.written <> coalesce(h.held, 0)
ORDER BY w.batch_id, w.log
"""


def _other_rows(engine: Engine) -> Iterator[str]:
    for path, log, written, held in engine.rows(_ROWS):
        yield f"The load of {path} wrote {plural(written, f'{log} row')}, and the store holds {held:,}."


def _become(path: str, earlier: list[dict[str, Any]], places: list[str]) -> str:
    """Say what became of the earlier versions of a file: a log that only grew still begins with them."""
    if _begins_with(path, earlier):
        are = "the earlier version is" if len(earlier) == 1 else f"the {len(earlier)} earlier versions are"
        return f"it grew, and {are} its beginning, unchanged."
    homes = [_home(version, [path, *places]) for version in earlier]
    found = list(dict.fromkeys(home for home in homes if home))
    if found and None not in homes:
        are = "the earlier version is" if len(earlier) == 1 else f"the {len(earlier)} earlier versions are"
        return f"{are} in {listed(found)} now."
    were = "an earlier version was" if len(earlier) == 1 else f"{len(earlier)} earlier versions were"
    return f"{were} replaced by a later load: evidence of it is no longer in the file."


def _begins_with(path: str, versions: list[dict[str, Any]]) -> bool:
    """True if a file begins with each of its versions; it is read once, however many there are."""
    digest, read = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            for version in sorted(versions, key=lambda each: each["bytes"]):
                while read < version["bytes"] and (piece := file.read(min(version["bytes"] - read, 1 << 20))):
                    digest.update(piece)
                    read += len(piece)
                if read != version["bytes"] or digest.hexdigest() != version["sha256"]:
                    return False
    except OSError:
        return False
    return True


def _packed(path: str, sha256: str) -> str | None:
    """Return the packed file that took the place of one and unpacks to the same bytes, None if there is none."""
    for packed in (f"{path}{end}" for end in PACKED_ENDS):
        if os.path.exists(path) or not os.path.isfile(packed):
            continue
        digest = hashlib.sha256()
        with suppress(LoadError), closing(Content(packed)) as content:
            for block in content.blocks():
                digest.update(block)
            if digest.hexdigest() == sha256:
                return packed
    return None


def _home(version: dict[str, Any], places: list[str]) -> str | None:
    """Return the first place that begins with a version, None if there is none: one that came again, or what it grew to did."""
    return next((place for place in places if os.path.isfile(place) and _begins_with(place, [version])), None)


def _other(path: str) -> str:
    return "holds something else" if os.path.isfile(path) else "is gone"


def _difference(path: str, size: int, sha256: str) -> str | None:
    # False also for what no system takes for a path, as a store that somebody sent may hold.
    if not os.path.isfile(path):
        if Path(path).is_absolute():
            return f"{path} is gone."
        return f"{path} is not found from {Path.cwd()}: a path is looked up as it was given at load."
    try:
        with closing(Content(path)) as content:
            if content.bytes != size:
                return f"{path} has {content.bytes} bytes, it had {size}."
            if content.digest() != sha256:
                return f"{path} has other content than it had: its SHA-256 differs."
    except LoadError as error:
        return error.message
    return None
