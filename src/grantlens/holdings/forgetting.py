"""Taking old calls out of a store: what somebody did long ago need not be kept for ever.

What gave and took access stays: what lives today may be older than any call. The file is written anew afterwards, for the place
of a deleted row on disk still holds it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from grantlens.engine.duckdb import owner_only, quote
from grantlens.engine.opening import MEMORY
from grantlens.errors import StoreError
from grantlens.ingest.coverage import coverage_of_all_is_due, refresh_coverage
from grantlens.schema.migrations import EVENT_KEYS_ANEW
from grantlens.window import format_time
from grantlens.writing import in_place_of

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine


@dataclass(frozen=True)
class Forgotten:
    """What was taken out of a store.

    Parameters
    ----------
    before
        Calls before it are gone: a whole minute, UTC.
    calls
        How many were taken out.
    kept
        How many calls are left.
    callers
        Of how many combinations of client, subject and token no call is left.
    """

    before: datetime
    calls: int
    kept: int
    callers: int


def old_calls(engine: Engine, before: datetime) -> Forgotten:
    """Return what `forget_calls` would take out, and change nothing."""
    before = before.replace(second=0, microsecond=0)  # coverage counts by the minute
    calls, kept, callers, newest = engine.rows(_COUNTED, {"before": before})[0]
    if calls and not kept:
        raise StoreError(
            f"Every call of {engine.path} is before {format_time(before)}: the newest is of {format_time(newest)}.",
            "Name an earlier time; or delete the store, and load the logs that are to be kept into a new one.",
        )
    return Forgotten(before, calls, kept, callers)


def forget_calls(engine: Engine, before: datetime) -> Forgotten:
    """Take the calls before a time out of the tables, and all that only they brought: callers, targets, excerpts of rejected records.

    Coverage begins where calls are left; `forgotten` says what is gone. The file is to be written anew, see `write_anew`.

    Raises
    ------
    StoreError
        If no call would be left.
    """
    found = old_calls(engine, before)
    if found.calls:
        with engine.transaction(large=True):
            for statement in _FORGET:
                engine.execute(statement, {"before": found.before, "now": datetime.now(UTC)})
            taken_out(engine)
        refresh_coverage(engine)
    return found


def taken_out(engine: Engine) -> None:
    """Take out what no call that is left names, make what the store keeps for itself anew, and note that the file is to be written anew."""
    for statement in _TAKEN_OUT:
        engine.execute(statement)
    coverage_of_all_is_due(engine)


def write_anew(engine: Engine) -> bool:
    """Write the store into a new file that takes the place of its own, if rows were taken out of it since that was last done.

    Everything else that stands in it comes along. Another file is then open than the one that stands there: close the engine.
    """
    if not engine.value(f"SELECT count(*) FROM meta WHERE {_IS_DUE}"):
        return False
    if engine.path.startswith(MEMORY):
        engine.execute(f"DELETE FROM meta WHERE {_IS_DUE}")
        return False
    place = Path(os.path.realpath(engine.path))
    # What a killed process left: nobody else writes beside a store that is open. What has no such name is somebody's copy.
    for left in place.parent.glob(f".{escape(place.name)}.*"):
        if re.fullmatch(r"\d+(\.wal)?", left.name.removeprefix(f".{place.name}.")):
            left.unlink()
    old = engine.value("SELECT current_database()")
    fresh = quote(f"{old}_anew")
    with owner_only(), in_place_of(place) as new:
        engine.execute(f"ATTACH $new AS {fresh}", {"new": str(new)})
        try:
            engine.execute(f"COPY FROM DATABASE {quote(old)} TO {fresh}")
            engine.execute(f"DELETE FROM {fresh}.main.meta WHERE {_IS_DUE}")
        finally:
            engine.execute(f"DETACH {fresh}")
        engine.execute("CHECKPOINT")
    return True


_IS_DUE = "name = 'write_anew_due'"

_COUNTED = """
SELECT count(*) FILTER (used_at < $before), count(*) FILTER (used_at >= $before),
       count(DISTINCT caller_id) - count(DISTINCT caller_id) FILTER (used_at >= $before), max(used_at)
FROM usage_row
"""

_FORGET = (
    "INSERT INTO forgotten SELECT batch_id, $before, count(*), $now FROM usage_row WHERE used_at < $before GROUP BY batch_id",
    "DELETE FROM usage_row WHERE used_at < $before",
    # A file that went on after the time covers what comes after it: its end is marked there, as a load marks it.
    """
    INSERT INTO activity
    SELECT batch_id, source, tenant, log, $before, 0, $before, $before, true
    FROM activity
    WHERE log = 'usage' AND records = 0
    GROUP BY batch_id, source, tenant, log
    HAVING min(first_event) < $before AND max(last_event) >= $before
    """,
    "DELETE FROM activity WHERE log = 'usage' AND first_event < $before",
    "UPDATE rejected SET excerpt = NULL WHERE batch_id IN (SELECT batch_id FROM batch WHERE last_event < $before)",
)

_TAKEN_OUT = (
    "DELETE FROM usage_caller WHERE caller_id NOT IN (SELECT caller_id FROM usage_row)",
    "DELETE FROM caller_first WHERE caller_id NOT IN (SELECT caller_id FROM usage_caller)",
    "DELETE FROM usage_target WHERE target_id NOT IN (SELECT target_id FROM usage_row)",
    "DELETE FROM usage_operation WHERE target_id NOT IN (SELECT target_id FROM usage_target)",
    *EVENT_KEYS_ANEW,
    "INSERT INTO meta SELECT 'write_anew_due', 'true' WHERE NOT EXISTS (FROM meta WHERE name = 'write_anew_due')",
)
