"""`--fail-on`: what the exit code of a scheduled run says. A run that could not judge is never a silent 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.cli.codes import FAILED, FINDINGS, FINE
from grantlens.cli.message import say
from grantlens.report.change import log_of
from grantlens.schema import LOGS
from grantlens.schema.ledger import IN_VAIN, READ_AGAIN
from grantlens.wording import agree, listed, plural

if TYPE_CHECKING:
    from grantlens.view import View

REJECTED_SHARE = 0.05
"""Share of rejected records above which a store, or a file of the period, is too thin to judge."""

REJECTED_FEW = 10
"""So many rejected records make a file too thin, or all of them: a small file has a large share soon."""

RHYTHM = {"least": 20, "days": 7.0, "factor": 2.0}
"""A log is expected to fall silent for `factor` times its longest silence: that is known once it showed a life of `least`
minutes over `days`, so that a weekend was among them."""

LATE_DAYS = 2.0
"""No log is late by less than this: small sources have days without a record."""

_MOST_NAMED = 5
"""Violations that are named on stderr: what a scheduler sends by mail."""

GIVEN_UP_DAYS = 30.0
"""A log that ended so long before the period is taken for given up: a source may be replaced by another."""


def exit_code(
    view: View,
    findings: Iterable[dict[str, Any]],
    fail_on: str | None,
    baseline: Mapping[str, Any] | None = None,
    *,
    named: bool = False,
) -> int:
    """Return 1 if a violation is as severe as `fail_on`, 2 if the data is too thin to judge, else 0.

    Without `fail_on` nothing is gated; a window of which no log covers anything is too thin all the same. With a
    `baseline` a log that covered something then must do so now: else what it showed would be taken for mended. What is too
    thin is told beside violations too: a log that stopped must not hide behind a finding that is there each night. `named` says
    which violations these are, where they are not printed: the worst first, and of many the first.
    """
    from grantlens.findings.severity import at_or_above

    worst = [] if fail_on is None else at_or_above(findings, fail_on)
    broken = len(worst)
    if broken:
        news = ", and new or worse than in the baseline" if baseline else ""
        say(f"{plural(broken, 'violation')} {agree(broken, 'is', 'are')} {fail_on} or worse{news}.")
    if named:
        _name(worst)
    too_thin = _tell_lacks(view, fail_on, baseline)
    return FINDINGS if broken else FAILED if too_thin else FINE


def _name(broken: list[dict[str, Any]]) -> None:
    from grantlens.report.outline import worst_first

    for finding in worst_first(broken)[:_MOST_NAMED]:
        say(f"  {finding['severity']} {finding['rule']}: {finding['title']}")
    if len(broken) > _MOST_NAMED:
        say(f"  and {len(broken) - _MOST_NAMED:,} more")


def _tell_lacks(view: View, fail_on: str | None, baseline: Mapping[str, Any] | None) -> bool:
    """Say what is too thin to judge; return whether anything is."""
    from grantlens.access_review.ask import covered_logs

    if not view.store.engine.value("SELECT count(*) FROM coverage"):
        say("Too thin to judge: the store holds no event. Load logs first: grantlens load STORE LOGS")
        return True
    covered = covered_logs(view.store.engine, view.window.parameters())
    lacks = [f"no {log} log covers any of {view.window}." for log in LOGS if log not in covered]
    if fail_on is None and len(lacks) < len(LOGS):
        return False
    lacks += [
        f"no {log_of(row)} covers any of {view.window}, and one covered the period of the baseline."
        for row in (baseline or {}).get("lost_logs", ())
    ]
    late = _late(view)
    lacks += [*late, *_rejected(view)]
    for lack in lacks:
        say(f"Too thin to judge: {lack}")
    if late:
        say(
            "Load what is missing. If a log reaches you late, end the period earlier (--until); if its source was given "
            "up, begin it later (--since)."
        )
    return bool(lacks)


def _late(view: View) -> list[str]:
    """Name each log that ends so much before the period does that its silence is no quiet time of its own."""
    from grantlens.ingest.far import near

    logs_end = near(view.store.engine)[1]
    # Where no end was asked for, the window ends with the logs: the present is what they are measured by.
    end = view.now if view.window.until == logs_end else min(view.window.until, view.now)
    known = {"since": view.window.since, "end": end, "late": LATE_DAYS, "given_up": GIVEN_UP_DAYS, **RHYTHM}
    return [_ends_early(end, *row) for row in view.store.engine.rows(_LATE, known)]


# What a log shows, and the ends of files that would have shown it, are its signs of life. Of a log with too few of them
# only this is known: a silence longer than all that the store covers is none of its habits. One stamp of a wrong clock, years
# ahead, is no sign that the log still comes.
_LATE = """
WITH stream AS (
    SELECT source, tenant, log, max(last_event) AS ends FROM activity WHERE last_event < $end GROUP BY ALL
),
late AS (
    SELECT * FROM stream
    WHERE epoch($end) - epoch(ends) > $late * 86400 AND epoch(ends) > epoch($since) - $given_up * 86400
),
sign AS (
    SELECT l.*, a.first_event, a.last_event,
           epoch(a.first_event) - epoch(max(a.last_event) OVER (
               PARTITION BY l.source, l.tenant, l.log ORDER BY a.first_event, a.last_event
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS silent_s
    FROM late l JOIN activity a ON a.source = l.source AND a.tenant IS NOT DISTINCT FROM l.tenant AND a.log = l.log
        AND a.last_event <= l.ends
),
habit AS (
    SELECT source, tenant, log, ends,
           CASE WHEN count(*) >= $least AND epoch(max(last_event)) - epoch(min(first_event)) >= $days * 86400
                THEN $factor * max(silent_s)
                ELSE (SELECT epoch(least(max(covered_until), $end)) - epoch(min(covered_from)) FROM coverage) END AS longest_s
    FROM sign
    GROUP BY ALL
)
SELECT source, tenant, list(log::VARCHAR ORDER BY log), min(ends)
FROM habit
WHERE epoch($end) - epoch(ends) > longest_s
GROUP BY source, tenant, ends::DATE
ORDER BY source, tenant, min(ends)
"""


def _ends_early(end: datetime, source: str, tenant: str | None, logs: list[str], ends: datetime) -> str:
    named = f"{listed(logs)} log{'s' if len(logs) > 1 else ''}"
    days = plural((end - ends).days, "day")
    return (
        f"the {named} of {source}{f' ({tenant})' if tenant else ''} end{'' if len(logs) > 1 else 's'} {ends:%Y-%m-%d}, "
        f"{days} before the end of the period ({end:%Y-%m-%d})."
    )


def _rejected(view: View) -> list[str]:
    """Say which records are not there to be judged: of the store, and of each file of the period."""
    store = view.store
    share = store.engine.value(_REJECTED_SHARE) or 0.0
    if share > REJECTED_SHARE:
        return [
            f"{share:.0%} of all records were rejected; see `grantlens coverage`. Load the files again under their names when they are "
            f"mended; {_IN_VAIN}."
        ]
    known = {**view.window.parameters(), "share": REJECTED_SHARE, "few": REJECTED_FEW}
    return [_kept_aside(*row) for row in store.engine.rows(_REJECTED, known)]


def _kept_aside(path: str, records: int, rejected: int, in_vain: bool, came_again: bool) -> str:
    said = f"{rejected} of {plural(records, 'record')} of {path} {agree(rejected, 'was', 'were')} rejected; see `grantlens coverage`. "
    if in_vain and came_again:
        return (
            f"{said}Another file of this name was loaded since, and nobody can tell whether it is the same, mended. If it is, take both "
            "out (grantlens unload) and load it again; if not, begin the period after it (--since)."
        )
    return f"{said}Load it again under its name when it is mended{f'; {_IN_VAIN}' if in_vain else ''}, or begin the period after it (--since)."


_IN_VAIN = "one of which nothing was read must be taken out first (grantlens unload)"

_REJECTED_SHARE = f"SELECT sum(rejected) / nullif(sum(records), 0) FROM batch WHERE NOT {READ_AGAIN}"

# A file of which nothing was read has no time of its own: what was loaded before the period began is not of the period. One
# that was mended and loaded again under its name is judged in place of its earlier version; of one of which nothing was read nobody
# can tell whether it is the same that came again, unless it only grew: then it is no longer there.
_REJECTED = f"""
SELECT path, records, rejected, {IN_VAIN}, EXISTS (FROM batch later WHERE later.path = b.path AND later.batch_id > b.batch_id)
FROM batch b
WHERE rejected > $share * records AND (rejected >= $few OR rejected = records)
  AND coalesce(first_event < $until AND last_event >= $since, loaded_at >= $since)
  AND NOT {READ_AGAIN}
ORDER BY batch_id
"""
