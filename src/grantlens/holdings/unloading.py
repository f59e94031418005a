"""Taking loaded files out of a store again: what was read in the wrong way, or is not ours, as if it had never been loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.errors import StoreError
from grantlens.given_path import given_path
from grantlens.handwritten import nearest
from grantlens.holdings.forgetting import taken_out
from grantlens.ingest.coverage import refresh_coverage
from grantlens.visible import visible
from grantlens.wording import agree, first_few, listed, plural

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
    return _told(engine, _batches(engine, paths))


def _told(engine: Engine, batches: list[int]) -> Unloaded:
    found = engine.rows(_CHOSEN, {"batches": batches})
    return Unloaded(tuple(path for path, *_ in found), sum(row[1] for row in found), sum(row[2] for row in found))


def unload(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> Unloaded:
    """Take out all that came of these files. The store's file is to be written anew, see `forgetting.write_anew`."""
    chosen = _batches(engine, paths)
    found = _told(engine, chosen)
    if not chosen:
        return found
    with engine.transaction(large=True):
        values = {"batches": chosen, "now": datetime.now(UTC)}
        for statement in _UNLOAD:
            engine.execute(statement, values)
        taken_out(engine)
    refresh_coverage(engine)
    return found


def _batches(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> list[int]:
    known = engine.rows("SELECT path, batch_id FROM batch ORDER BY batch_id")
    places = [(os.path.abspath(path), batch) for path, batch in known]
    chosen: dict[int, None] = {}
    for given in paths:
        path = given_path(given, 'Name what was loaded: store.unload("logs/okta").', StoreError)
        here = os.path.abspath(path)
        inside = os.path.join(here, "")
        meant = [batch for place, batch in places if place == here or place.startswith(inside)]
        if not meant:
            raise _unknown(path, dict(known))
        chosen |= dict.fromkeys(meant)
    lacking = engine.rows(_LACKING, {"batches": [*chosen]})
    if lacking:
        named = listed(
            [visible(path) for path, _ in lacking[:3]] + ([plural(len(lacking) - 3, "other")] if lacking[3:] else [])
        )
        rows = sum(count for _, count in lacking)
        raise StoreError(
            f"{named} left out {plural(rows, 'row')} that {agree(rows, 'was', 'were')} in the store already, perhaps from what is to go.",
            "Name these files too, and load them again afterwards.",
        )
    return [*chosen]


def _unknown(path: str, known: Iterable[str]) -> StoreError:
    known = list(known)
    by_name = {Path(each).name: each for each in known}
    near = by_name.get(Path(path).name) or nearest(path, known)
    loaded = listed(first_few([visible(each) for each in known], 3))
    remedy = (
        f"Did you mean {visible(near)}?" if near else f"Loaded {agree(len(known), 'is', 'are')} {loaded or 'no files'}."
    )
    return StoreError(f"{visible(path)} was not loaded into this store.", remedy)


_CHOSEN = 'SELECT path, issuance + "usage" + revocation, records FROM batch WHERE batch_id IN (SELECT unnest($batches)) ORDER BY batch_id'

# Of which file a duplicate was one, nobody keeps account: it may be any earlier one of the same loader and time.
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
            "other_path",
            "forgotten",
            "caller_first",
            "activity",
            "batch",
        )
    ),
    "DELETE FROM declared WHERE source NOT IN (SELECT source FROM activity)",
)
