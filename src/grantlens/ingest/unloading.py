"""Taking loaded files out of a store again: what was read in the wrong way, or is not ours, as if it had never been loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.errors import StoreError
from grantlens.handwritten import nearest
from grantlens.ingest.coverage import refresh_coverage
from grantlens.ingest.forgetting import taken_out
from grantlens.visible import visible
from grantlens.wording import listed, plural

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


@dataclass(frozen=True)
class Unloaded:
    """What was taken out of a store.

    Parameters
    ----------
    paths
        The files, as they were named when they were loaded; one that grew stands here once for each load.
    rows
        How many rows of the three logs came of them.
    records
        How many records they held.
    """

    paths: tuple[str, ...]
    rows: int
    records: int


def loads_of(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> Unloaded:
    """Return what `unload` would take out, and change nothing.

    Raises
    ------
    StoreError
        If a path was never loaded, or another file lacks rows that are there because of one of these.
    """
    found = engine.rows(_CHOSEN, {"batches": _batches(engine, paths)})
    return Unloaded(tuple(path for path, *_ in found), sum(row[1] for row in found), sum(row[2] for row in found))


def unload(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> Unloaded:
    """Take out all that came of these files. The store's file is to be written anew, see `forgetting.write_anew`."""
    chosen = _batches(engine, paths)
    found = loads_of(engine, paths)
    with engine.transaction(large=True):
        values = {"batches": chosen, "now": datetime.now(UTC)}
        for statement in _UNLOAD:
            engine.execute(statement, values)
        taken_out(engine)
    refresh_coverage(engine)
    return found


def _batches(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> list[int]:
    known: dict[str, list[int]] = {}
    for path, batch in engine.rows("SELECT path, batch_id FROM batch ORDER BY batch_id"):
        known.setdefault(path, []).append(batch)
    whole = {os.path.abspath(path): path for path in known}
    chosen: list[int] = []
    for path in (os.fspath(each) for each in paths):
        here = os.path.abspath(path)
        meant = [path] if path in known else [whole[here]] if here in whole else []
        meant = meant or [each for place, each in whole.items() if place.startswith(os.path.join(here, ""))]
        if not meant:
            raise _unknown(path, known)
        chosen += [batch for each in meant for batch in known[each]]
    chosen = [*dict.fromkeys(chosen)]
    lacking = engine.rows(_LACKING, {"batches": chosen})
    if lacking:
        named = listed(
            [visible(path) for path, _ in lacking[:3]] + ([plural(len(lacking) - 3, "other")] if lacking[3:] else [])
        )
        rows = sum(count for _, count in lacking)
        raise StoreError(
            f"{named} left out {plural(rows, 'row')} that {'was' if rows == 1 else 'were'} in the store already, perhaps from what is to go.",
            "Name these files too, and load them again afterwards.",
        )
    return chosen


def _unknown(path: str, known: Iterable[str]) -> StoreError:
    known = list(known)
    by_name = {Path(each).name: each for each in known}
    near = by_name.get(Path(path).name) or nearest(path, known)
    remedy = f"Did you mean {visible(near)}?" if near else "`grantlens verify STORE` names what was loaded."
    return StoreError(f"{visible(path)} was not loaded into this store.", remedy)


_CHOSEN = 'SELECT path, issuance + "usage" + revocation, records FROM batch WHERE batch_id IN (SELECT unnest($batches)) ORDER BY batch_id'

# Which of the rows that are left out were there already because of a file nobody keeps account of: those of the same loader, time and later.
_LACKING = """
SELECT o.path, sum(o.duplicates)::BIGINT
FROM batch o
WHERE o.batch_id NOT IN (SELECT unnest($batches)) AND o.duplicates > 0
  AND EXISTS (FROM batch c WHERE c.batch_id IN (SELECT unnest($batches)) AND c.batch_id < o.batch_id AND c.loader = o.loader
              AND c.issuance + c."usage" + c.revocation > 0 AND c.first_event <= o.last_event AND c.last_event >= o.first_event)
GROUP BY o.path
ORDER BY min(o.batch_id)
"""

_GONE = "batch_id IN (SELECT unnest($batches))"

_UNLOAD = (
    f'INSERT INTO unloaded SELECT path, sha256, bytes, loader, records, issuance + "usage" + revocation, $now FROM batch WHERE {_GONE}',
    *(
        f"DELETE FROM {table} WHERE {_GONE}"
        for table in (
            "issuance",
            "usage_row",
            "revocation",
            "ignored",
            "rejected",
            "forgotten",
            "caller_first",
            "activity",
            "batch",
        )
    ),
    "DELETE FROM declared WHERE source NOT IN (SELECT source FROM activity)",
)
