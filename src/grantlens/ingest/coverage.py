"""Coverage: the stretches of time for which a log is really there, and what its clock is worth.

Both are worked out from counts per minute (table activity), which each load adds for its own files only: adding a day to
a year costs the day, and one look at these counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from grantlens.ingest import silence
from grantlens.loaders import COVERED
from grantlens.relations import causal_pair
from grantlens.schema import TIMES

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.loaders import Loader

DEFAULT_ERROR_SECONDS = 5.0
"""Error of a clock of which nobody states another."""

MIN_PAIRS = 5
"""Causal pairs that an hour needs before it says anything about a clock."""


def count_events(
    engine: Engine, batch_id: int, loader: Loader, holds: Collection[str], shown: pa.Table | None = None
) -> None:
    """Count the events of new files, and note that coverage and clocks of their streams are due.

    Parameters
    ----------
    engine
        The store, inside the load's transaction.
    batch_id
        The first of the new files.
    loader
        Their loader, which knows what they would show, had something happened. A native file, which may mix or split the logs, covers
        those that it has rows of, or those that it says.
    holds
        The logs of which they have rows.
    shown
        Between which times, `since` and `until`, records of each `file` and `tenant` show that a `log` is there. Without these or rows,
        files have no time, so they show nothing.
    """
    if not holds and not shown:
        return
    values = {
        "batch": batch_id,
        "carries": [log for log in loader.carries if log not in loader.shown_by],
        "by_presence": loader.name == "native",
        "covered": loader.covered,
        "source": loader.name,
    }
    if loader.covered is not None:
        engine.execute(_MARK_COVERED, values)
    if shown:
        with engine.registered("file_shown", shown):
            engine.execute(_MARK_SHOWN, values)
    for log in holds:
        # Of a log that may be shown in part, what was before and after is counted apart, in the same minute too.
        apart = loader.covered is not None or shown is not None or log in loader.shown_by
        if log == "usage":
            engine.execute(_FIRST_USES, values)
            engine.execute(_COUNT_CALLS_APART if apart else _COUNT_CALLS, values)
        else:
            engine.execute((_COUNT_APART if apart else _COUNT).format(log=log, time=TIMES[log]), values)
    if loader.covered is None and values["carries"]:
        engine.execute(_MARK_ENDS, values)
    if not coverage_is_due(engine):
        engine.execute("INSERT INTO meta SELECT 'coverage_due_from_batch', $batch::VARCHAR", values)


def coverage_is_due(engine: Engine) -> bool:
    """True if files were loaded of which coverage and clocks tell nothing yet: a load was stopped, or is at work."""
    return bool(engine.value(f"SELECT count(*) FROM meta WHERE {_IS_DUE}"))


def coverage_of_all_is_due(engine: Engine) -> None:
    """Note, inside a transaction, that coverage and clocks of every stream are to be worked out anew, and drop them.

    A stream of which nothing is left would not be touched any more.
    """
    engine.execute(f"DELETE FROM meta WHERE {_IS_DUE}")
    engine.execute("INSERT INTO meta VALUES ('coverage_due_from_batch', '0')")
    for table in ("coverage", "clock"):
        engine.execute(f"DELETE FROM {table}")


def refresh_coverage(engine: Engine) -> None:
    """Work out coverage and clocks of the streams that new files touched, if any did.

    Once for all files of a load: it reads the counts of the whole stream, and to do so for each of thousands of small files
    would cost more than to load them.
    """
    if not coverage_is_due(engine):
        return
    values = {**silence.VALUES, "error": DEFAULT_ERROR_SECONDS, "min_pairs": MIN_PAIRS}
    with engine.transaction():
        engine.execute("CREATE OR REPLACE TEMP TABLE touched AS " + _TOUCHED)
        steps = silence.SILENCES if engine.value(_TO_JUDGE, values) else silence.NONE_JUDGED
        engine.execute(_DROP_COVERAGE)
        engine.execute(_COVERAGE.format(silences=steps), values)
        engine.execute("CREATE OR REPLACE TEMP TABLE touched AS " + _ALL_OF_SOURCE)
        engine.execute(_DROP_CLOCK)
        engine.execute(_CLOCK if engine.value(_TO_COMPARE) else _CLOCK_ALONE, values)
        engine.execute("DROP TABLE temp.touched")
        engine.execute(f"DELETE FROM meta WHERE {_IS_DUE}")


@contextmanager
def coverage_refreshed(engine: Engine) -> Iterator[None]:
    """Files are loaded inside; coverage and clocks tell of them afterwards, whatever ended the load."""
    try:
        yield
    except BaseException:
        with suppress(Exception):  # where this fails too, the next one who opens the store for writing does it
            refresh_coverage(engine)
        raise
    refresh_coverage(engine)


_IS_DUE = "name = 'coverage_due_from_batch'"

# Calls are counted by a number for source and tenant: comparing these texts for each call would cost as much as the rest.
_CALLS = """
INSERT INTO activity
WITH caller AS (
    SELECT caller_id, source, tenant, dense_rank() OVER (ORDER BY source, tenant) AS stream
    FROM usage_caller SEMI JOIN (SELECT caller_id FROM caller_first WHERE batch_id >= $batch) USING (caller_id)
),
named AS (
    SELECT DISTINCT stream, source, tenant FROM caller
),{marked}
counted AS (
    SELECT u.batch_id, c.stream, epoch_us(used_at) // 60000000 AS minute, count(*) AS records, min(used_at) AS first_event,
           max(used_at) AS last_event, bool_and(epoch_us(used_at) % 1000000 = 0) AS whole_seconds{within}
    FROM usage_row u JOIN caller c USING (caller_id){beside}
    WHERE u.batch_id >= $batch
    GROUP BY ALL
)
SELECT c.batch_id, s.source, s.tenant, 'usage', make_timestamptz(c.minute * 60000000), c.records, c.first_event, c.last_event,
       c.whole_seconds
FROM counted c JOIN named s USING (stream)
"""

_MARKED = """
    SELECT batch_id, source, tenant, min(first_event) AS since, max(last_event) AS until
    FROM activity WHERE batch_id >= $batch AND log = '{log}' AND records = 0
    GROUP BY batch_id, source, tenant
"""

_COUNT_CALLS = _CALLS.format(marked="", within="", beside="")

_COUNT_CALLS_APART = _CALLS.format(
    marked=f"""
marked AS (
    SELECT m.batch_id, s.stream, m.since, m.until
    FROM ({_MARKED.format(log="usage")}) m JOIN named s ON s.source = m.source AND s.tenant IS NOT DISTINCT FROM m.tenant
),""",
    within=", used_at BETWEEN m.since AND m.until AS within",
    beside=" LEFT JOIN marked m ON m.batch_id = u.batch_id AND m.stream = c.stream",
)

_COUNT = """
INSERT INTO activity
SELECT batch_id, source, tenant, '{log}', date_trunc('minute', {time}), count(*), min({time}), max({time}),
       bool_and(epoch_us({time}) % 1000000 = 0)
FROM {log}
WHERE batch_id >= $batch
GROUP BY ALL
"""

_COUNT_APART = f"""
INSERT INTO activity
SELECT l.batch_id, l.source, l.tenant, '{{log}}', date_trunc('minute', {{time}}), count(*), min({{time}}), max({{time}}),
       bool_and(epoch_us({{time}}) % 1000000 = 0)
FROM {{log}} l
LEFT JOIN ({_MARKED}) m ON m.batch_id = l.batch_id AND m.source = l.source AND m.tenant IS NOT DISTINCT FROM l.tenant
WHERE l.batch_id >= $batch
GROUP BY l.batch_id, l.source, l.tenant, date_trunc('minute', {{time}}), {{time}} BETWEEN m.since AND m.until
"""

_MARK_SHOWN = """
INSERT INTO activity
SELECT $batch + file, $source, tenant, log, date_trunc('minute', moment), 0, moment, moment, true
FROM (SELECT file, tenant, log, unnest([min(since), max(until)]) AS moment FROM file_shown GROUP BY file, tenant, log)
"""

# A stream that lives shows that a log it carries had nothing to say: its ends are marked with zero records.
_MARK_ENDS = """
INSERT INTO activity
WITH ends AS (
    SELECT batch_id, source, tenant, min(first_event) AS first_event, max(last_event) AS last_event
    FROM activity WHERE batch_id >= $batch AND records > 0 GROUP BY batch_id, source, tenant
),
carried AS (
    SELECT e.*, unnest($carries) AS log FROM ends e
)
SELECT c.batch_id, c.source, c.tenant, c.log, date_trunc('minute', m.moment), 0, m.moment, m.moment, true
FROM carried c, LATERAL (SELECT unnest([c.first_event, c.last_event]) AS moment) m
WHERE NOT $by_presence
   OR EXISTS (SELECT 1 FROM activity a WHERE a.batch_id = c.batch_id AND a.source = c.source
              AND a.tenant IS NOT DISTINCT FROM c.tenant AND a.log::VARCHAR = c.log AND a.records > 0)
"""

_MARK_COVERED = f"""
INSERT INTO activity
SELECT b.batch_id, c.source, c.tenant, c.log, date_trunc('minute', c.moment), 0, c.moment, c.moment, true
FROM (SELECT batch_id FROM batch WHERE batch_id >= $batch) b,
     (SELECT source, tenant, log, unnest([since, until]) AS moment
      FROM (SELECT unnest(from_json($covered, '{COVERED}'), recursive := true)) s(source, tenant, log, since, until)) c
"""

_FIRST_USES = """
INSERT INTO caller_first
SELECT batch_id, caller_id, min(used_at) FROM usage_row WHERE batch_id >= $batch GROUP BY batch_id, caller_id
"""

_NEW = f"SELECT source, tenant FROM activity WHERE batch_id >= (SELECT value::INTEGER FROM meta WHERE {_IS_DUE})"

_TOUCHED = f"SELECT DISTINCT source, tenant FROM ({_NEW})"

# Calls may name no tenant where issuance does: a file of one is news for the clocks of all.
_ALL_OF_SOURCE = f"SELECT DISTINCT source, tenant FROM activity SEMI JOIN ({_NEW}) USING (source)"

_DROP_COVERAGE = """
DELETE FROM coverage c USING touched t WHERE c.source = t.source AND c.tenant IS NOT DISTINCT FROM t.tenant
"""

# Sources of which a log may be large enough to have its silences judged, or long enough to hold a record that is far from it.
_TO_JUDGE = """
SELECT count(*) FROM (
    SELECT sum(a.records) AS records, epoch(max(a.last_event)) - epoch(min(a.first_event)) AS seconds
    FROM activity a JOIN touched t ON t.source = a.source AND t.tenant IS NOT DISTINCT FROM a.tenant
    GROUP BY a.source, a.tenant
)
WHERE records >= $min_events OR (records >= $far_among AND seconds > $far_seconds)
"""

# Only a token that was used before one of its issues can tell of a usage clock that runs behind.
_TO_COMPARE = """
SELECT EXISTS (
    FROM caller_first f
    JOIN usage_caller c USING (caller_id)
    JOIN issuance i ON i.source = c.source AND i.token_id = c.token_id
    WHERE f.first_used_at < i.issued_at AND i.source IN (SELECT source FROM touched)
)
"""

# A file that carries a log marked from when until when. Rows of a log that a file does not carry then are facts, and its silence is none:
# they make stretches of their own, beside those of the files that do carry it.
_COVERAGE = """
INSERT INTO coverage
WITH counted AS (
    SELECT a.*, NOT coalesce(a.first_event >= min(a.first_event) FILTER (a.records = 0) OVER of_file
                             AND a.last_event <= max(a.last_event) FILTER (a.records = 0) OVER of_file, false) AS in_part
    FROM activity a JOIN touched t ON t.source = a.source AND t.tenant IS NOT DISTINCT FROM a.tenant
    WINDOW of_file AS (PARTITION BY a.batch_id, a.source, a.tenant, a.log)
),
minute AS MATERIALIZED (
    SELECT source, tenant, log, in_part, minute, sum(records) AS records, min(first_event) AS first_event, max(last_event) AS last_event
    FROM counted
    GROUP BY ALL
),
{silences},
numbered AS (
    SELECT *, sum(CASE WHEN after_gap THEN 1 ELSE 0 END) OVER (PARTITION BY source, tenant, log, in_part ORDER BY minute) AS stretch
    FROM judged
)
SELECT source, tenant, log, min(first_event), max(last_event) + to_microseconds(1), false, sum(records),
       nullif(concat_ws('; ',
           CASE WHEN bool_and(far) THEN 'years from the rest of the log: is the time right?'
                WHEN in_part THEN 'shown in part: its silence proves nothing'
                WHEN any_value(looked_at)
                THEN coalesce(format('a gap of under {{:,}} hours can hide', ceil(round(any_value(told_from), 1))::BIGINT),
                              'its own silences are too long or too few: no gap can be told')
                WHEN any_value(has_rhythm) THEN format('under {{:,}} records: no gap can be told', $min_events)
                ELSE format('under {{:,}} records in less than two weeks: no gap can be told', $min_events_short) END,
           CASE WHEN log = 'usage' AND min(first_event) IN (SELECT before FROM forgotten) THEN 'calls before it were forgotten' END), ''),
       in_part, bool_and(far)
FROM numbered
GROUP BY source, tenant, log, in_part, stretch
UNION ALL
SELECT source, tenant, log, silent_from + to_microseconds(1), first_event, true, 0, 'silent for longer than chance explains', in_part, false
FROM numbered
WHERE after_gap AND beside_far IS NOT TRUE  -- nobody says that the log was to be there in the years up to a far record
"""

_DROP_CLOCK = """
DELETE FROM clock c USING touched t WHERE c.source = t.source AND c.tenant IS NOT DISTINCT FROM t.tenant
"""

_STAMP = """
    SELECT a.source, a.tenant, a.log, bool_and(a.whole_seconds) AS whole
    FROM activity a JOIN touched t ON t.source = a.source AND t.tenant IS NOT DISTINCT FROM a.tenant
    WHERE a.records > 0
    GROUP BY a.source, a.tenant, a.log
"""

_CLOCK_ALONE = f"""
INSERT INTO clock
SELECT source, tenant, log, CASE WHEN whole THEN 1.0 ELSE 0.0 END, $error, 0.0, NULL FROM ({_STAMP})
"""
"""The same as below where no token was used before its issue: to plan what compares clocks takes longer than to load a small file."""

# A token is issued before it is used. Where most pairs of an hour say the opposite, beyond the errors of both clocks, the usage clock
# runs behind (INT-6); the offset is applied only if most of the hours that can tell agree, else it is only reported.
_CLOCK = f"""
INSERT INTO clock
-- The pairs of what new files touched: those of all other sources would take longer than to load a small file.
WITH usage_caller AS (
    SELECT * FROM main.usage_caller SEMI JOIN touched USING (source)
),
issuance AS (
    SELECT * FROM main.issuance SEMI JOIN touched USING (source)
),
stamp AS ({_STAMP}),
pair AS (
    SELECT p.source, p.tenant, p.issued_at, p.apart_s, p.apart_s < -2 * $error - CASE WHEN s.whole THEN 1 ELSE 0 END AS inverted
    FROM ({causal_pair.RELATION.sql}) p
    JOIN stamp s ON s.source = p.source AND s.tenant IS NOT DISTINCT FROM p.tenant AND s.log = 'usage'
),{causal_pair.JUDGED}
SELECT s.source, s.tenant, s.log, CASE WHEN s.whole THEN 1.0 ELSE 0.0 END,
       $error + CASE WHEN s.log = 'usage' AND g.hours_behind > g.hours / 2 THEN e.spread_s ELSE 0 END,
       CASE WHEN s.log = 'usage' AND g.hours_behind > g.hours / 2 THEN e.offset_s ELSE 0.0 END,
       CASE WHEN s.log = 'usage' THEN e.offset_s END
FROM stamp s
LEFT JOIN agreement g ON g.source = s.source AND g.tenant IS NOT DISTINCT FROM s.tenant
LEFT JOIN estimate e ON e.source = s.source AND e.tenant IS NOT DISTINCT FROM s.tenant
"""
