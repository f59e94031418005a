"""Every revocation of the window, whether it worked, and how long withdrawn access went on working."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask, covered_logs
from grantlens.findings.intervals import by_minute, calls_after, intervals
from grantlens.plain import plain_rows
from grantlens.relations.covered_token import why_doubted
from grantlens.schema.apart import as_logged
from grantlens.window import format_time, parse_time
from grantlens.wording import listed, number, plural, when

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

ANSWERS = ("yes", "no", "not_demonstrated")
"""Was it effective?"""

REVOCATION_SQL = f"""
WITH tried AS (
    SELECT source, revocation_event, count(*) AS cases,
           max(last_success_s) AS last_success_s, min(first_denial_s) AS first_denial_s,
           sum(uses_after)::BIGINT AS uses_after,
           max(lag_lower_s) AS lag_lower_s,
           CASE WHEN count(*) = count(lag_upper_s) THEN max(lag_upper_s) END AS lag_upper_s,
           max(last_success_at) FILTER (uses_after > 0 AND denial_after_last_success_at IS NULL AND why_unknown IS NULL) AS still_at,
           max(denial_after_last_success_at) FILTER (why_unknown IS NULL) AS by_at, min(why_unknown) AS why_unknown,
           count(*) FILTER (denial_after_last_success_at IS NOT NULL) AS ended_cases,
           count(DISTINCT token_id) FILTER (tests > 0 AND alive AND token_kind IS DISTINCT FROM 'refresh') AS tokens_tried
    FROM revoked_use
    GROUP BY source, revocation_event
),
ended AS (
    SELECT source, revocation_event, count(DISTINCT token_id) AS tokens,
           count(DISTINCT token_id) FILTER (alive) AS tokens_alive,
           count(DISTINCT token_id) FILTER (alive AND token_kind IS DISTINCT FROM 'refresh') AS tokens_to_try,
           bool_or(alive) AS anything_alive
    FROM covered_token
    GROUP BY source, revocation_event
),
reissued AS (
    SELECT DISTINCT r.source, r.revocation_event
    FROM effective_revocation r
    JOIN (SELECT unnest($reissued::STRUCT(source VARCHAR, tenant VARCHAR, revocation_event VARCHAR)[], recursive := true)) f
        ON f.source = r.source AND f.revocation_event = {as_logged("r.revocation_event")} AND coalesce(f.tenant = r.tenant, true)
)
SELECT r.source, r.tenant, r.revocation_event, r.record.seen_at AS revoked_at, epoch(r.revoked_at - r.record.seen_at) AS by_issuance_s, r.kind, r.target_kind,
       CASE r.target_kind WHEN 'token' THEN r.token_id WHEN 'credential' THEN r.token_id WHEN 'grant' THEN r.grant_id
            WHEN 'session' THEN r.session_id WHEN 'client' THEN r.client_id WHEN 'subject' THEN r.subject_id
            END AS target_id,
       r.client_id, r.subject_id, r.grant_id, r.initiator, r.actor_id, r.reason,
       (epoch_us(r.record.seen_at) - epoch_us(r.decided_at)) / 1e6 AS decided_s,
       (epoch_us(r.record.seen_at) - epoch_us(r.requested_at)) / 1e6 AS requested_s,
       coalesce(e.tokens, 0) AS tokens, coalesce(e.tokens_alive, 0) AS tokens_alive,
       coalesce(e.tokens_to_try, 0) AS tokens_to_try, coalesce(t.tokens_tried, 0) AS tokens_tried,
       coalesce(e.anything_alive, false) AS anything_alive,
       coalesce(t.cases, 0) AS cases, coalesce(t.ended_cases, 0) AS ended_cases,
       t.last_success_s, t.first_denial_s, coalesce(t.uses_after, 0) AS uses_after, t.lag_lower_s, t.lag_upper_s,
       t.still_at, t.by_at,
       {why_doubted("r.doubt")} AS why_doubted, t.why_unknown,
       CASE WHEN x.revocation_event IS NOT NULL OR t.still_at IS NOT NULL AND r.doubt IS NULL THEN 'no'
            WHEN t.by_at IS NOT NULL THEN 'yes'
            ELSE 'not_demonstrated' END AS effective,
       x.revocation_event IS NOT NULL AS reissued,
       -- As its log has it.
       n.enabled_at - (r.revoked_at - r.record.seen_at) AS enabled_at
FROM effective_revocation r
LEFT JOIN tried t USING (source, revocation_event)
LEFT JOIN ended e USING (source, revocation_event)
LEFT JOIN reissued x USING (source, revocation_event)
LEFT JOIN enabled_again n USING (source, revocation_event)
WHERE r.record.seen_at >= $since AND r.record.seen_at < $until
ORDER BY list_position(['no', 'not_demonstrated', 'yes'], effective), coalesce(t.uses_after, 0) DESC, r.record.seen_at,
r.source, r.revocation_event
"""
"""One row for each revocation, with its answer; reads relations and takes $reissued from REV-2."""


def revocations(engine: Engine, values: Mapping[str, Any], findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each revocation with `effective`, `given_again_at` and `answer`; reads relations revoked_use and covered_token."""
    reissued = [
        {name: finding[name] for name in ("source", "tenant")}
        | {"revocation_event": finding["detail"]["revocation_event"]}
        for finding in findings
        if finding["rule"] == "REV-2" and finding["verdict"] == "violation"
    ]
    rows = ask(engine, REVOCATION_SQL, {**values, "reissued": reissued})
    again: dict[tuple[str, str], list[tuple[str | None, float]]] = {}
    for finding in findings:
        if finding["rule"] == "REV-9" and finding["verdict"] == "violation":
            place, detail = (finding["source"], finding["detail"]["revocation_event"]), finding["detail"]
            again.setdefault(place, []).append((finding["tenant"], detail["given_after_s"]))
    for row in rows:
        row["given_again_at"] = _first_given(
            row, row.pop("by_issuance_s"), again.get((row["source"], row["revocation_event"]), ())
        )
        row["answer"] = answer(row)
    return rows


def _first_given(row: Mapping[str, Any], by_issuance_s: float, given: Iterable[tuple[str | None, float]]) -> str | None:
    """Return when it was first given again, as that was logged; what is of other tenants came after another revocation of the same id."""
    after_s = min(
        (after for home, after in given if None in (home, row["tenant"]) or home == row["tenant"]), default=None
    )
    if after_s is None:
        return None
    return format_time(parse_time(row["revoked_at"]) + timedelta(seconds=by_issuance_s + after_s))


def answer(row: Mapping[str, Any]) -> str:
    """Say whether a revocation was effective, and if it was undone, in the words of an answer sheet.

    Examples
    --------
    >>> row = {"effective": "yes", "by_at": "2026-07-01T10:05:00Z", "cases": 2, "ended_cases": 1}
    >>> answer({**row, "tokens_to_try": 8, "tokens_tried": 1, "given_again_at": None, "enabled_at": None})
    'yes, by 2026-07-01 10:05:00 UTC (in 1 of 2 places where it was tried; of 8 tokens not known to have expired 1 was tried)'
    """
    given, enabled = row["given_again_at"], row["enabled_at"]
    return (
        _worked(row)
        + (f"; its holder gave it access again at {when(given)} UTC" if given else "")
        + (f"; it was enabled again at {when(enabled)} UTC" if enabled else "")
    )


def _worked(row: Mapping[str, Any]) -> str:
    if row["effective"] == "yes":
        said = []
        if row["ended_cases"] < row["cases"]:
            said.append(f"in {row['ended_cases']} of {row['cases']} places where it was tried")
        if row["tokens_tried"] < row["tokens_to_try"]:
            tried = row["tokens_tried"] or "none"
            said.append(
                f"of {plural(row['tokens_to_try'], 'token')} not known to have expired {tried} {'was' if tried in (1, 'none') else 'were'} tried"
            )
        return f"yes, by {when(row['by_at'])} UTC" + (f" ({'; '.join(said)})" if said else "")
    if row["effective"] == "no":
        parts = [f"still succeeding at {when(row['still_at'])} UTC"] if row["still_at"] else []
        parts += ["a new token was issued from what had been revoked"] if row["reissued"] else []
        return "no, " + " and ".join(parts)
    if why := row["why_doubted"] or row["why_unknown"]:
        return f"not demonstrated: {why}"
    if row["cases"] and row["last_success_s"] is not None:
        return "not demonstrated: the last success is too close to the revocation to tell which came first, and no refusal because of the token followed"
    if row["cases"]:
        return "not demonstrated: what was tried afterwards neither succeeded nor was refused because of the token"
    if not row["anything_alive"] and not row["target_id"] and row["target_kind"] != "policy":
        return f"not demonstrated: the log does not say which {row['target_kind']} it ended"
    if not row["anything_alive"]:
        return "not demonstrated: nothing that was known to be alive was covered by it"
    return "not demonstrated: no call with it afterwards is in the logs held"


def lag(engine: Engine, values: Mapping[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bounds on how long revoked access went on working, overall and by resource server.

    A revocation of something alive that nobody tried stands in as (0, unbounded): leaving it out would make every
    quantile look better than it is.
    """
    from grantlens.analysis.survival import MIN_EVENTS, estimate

    timed = plain_rows(intervals(engine, values)[0])
    cases = [
        {
            "source": row["source"],
            "tenant": row["tenant"],
            "revocation_event": row["revocation_event"],
            "revoked_at": format_time(row["revoked_at"]),
            "resource_server": row["resource_server"],
            "lower": row["lag_lower_s"],
            "upper": row["lag_upper_s"],
            "join_key": row["join_key"],
            "last_success_s": row["last_success_s"],
            "uses_after": row["uses_after"],
            "censored": row["censored"],
            "tried": row["attempts"] > 0,
        }
        for row in timed
    ]
    verdicts = Counter(row["effective"] for row in rows)
    answer: dict[str, Any] = {
        "verdicts": {name: verdicts.get(name, 0) for name in ANSWERS},
        "n": len(cases), "events": 0, "right_share": None, "left_share": None, "confidence": 0.95,
        "estimated": False, "least": MIN_EVENTS, "untried": sum(not case["tried"] for case in cases),
        "too_close": sum(case["last_success_s"] is not None and not case["uses_after"] for case in cases),
        "sentence": None, "quantiles": [], "acceptance": by_minute(calls_after(engine, values)),
        "by_server": by_server(engine, timed), "intervals": cases,
        "why_empty": None if rows else none_ended(engine, values),
    }  # fmt: skip
    if not cases:
        return answer
    found = estimate(
        [case["lower"] for case in cases],
        [case["upper"] for case in cases],
        cluster=[(row["source"], row["revocation_event"], row["revoked_at"]) for row in timed],
        censored=[case["censored"] if case["tried"] else "untried" for case in cases],
    )
    answer |= {
        "events": found.events, "right_share": found.right_share, "left_share": found.left_share,
        "estimated": found.npmle is not None, "sentence": found.sentence(), "quantiles": _quantiles(found),
    }  # fmt: skip
    return answer


def none_ended(engine: Engine, values: Mapping[str, Any]) -> str:
    """Say that nothing was ended, and what else the revocation logs tell of: who reads 0 beside a log that has rows asks what they are."""
    if "revocation" not in covered_logs(engine, values):
        return "No revocation log covers any of this period, so how long revoked access went on working is not known."
    said = "No revocation that ended access is recorded in the logs held for this period"
    others = dict(engine.rows(_OTHERS, {name: values[name] for name in ("since", "until")}))
    if not others:
        return f"{said}."
    told = listed([f"{what} {number(count)}" for what, count in others.items()])
    return f"{said}. {NONE_ENDED}{told}."


NONE_ENDED = "They hold other records, which ended none: "
"""Begins what the revocation logs hold beside what ends access."""

_OTHERS = """
SELECT CASE WHEN outcome = 'success' THEN kind::VARCHAR ELSE 'refused or failed' END AS what, count(*)
FROM revocation WHERE revoked_at >= $since AND revoked_at < $until
GROUP BY what ORDER BY what
"""


def _quantiles(found: Any) -> list[dict[str, Any]]:
    rows = []
    for spot, bound in enumerate(found.bounds):
        likely = found.npmle[spot] if found.npmle else (None, None, None)
        band = found.bands[spot] if found.bands else None
        rows.append(
            {
                "tau": bound.tau,
                "lower": bound.lower,
                "upper": bound.upper,
                "band_lower": bound.band_lower,
                "band_upper": bound.band_upper,
                "likely_lower": likely[1],
                "likely_upper": likely[2],
                "boot_lower": band.lower if band else None,
                "boot_upper": band.upper if band else None,
            }
        )
    return rows


def by_server(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the revocations that were put to the test tell of each resource server, the most often tried first.

    Parameters
    ----------
    engine
        The open store.
    rows
        Those of `grantlens.findings.intervals.intervals`.
    """
    from grantlens.analysis.survival import quantile_bounds

    checks = dict(engine.rows("SELECT resource_server, validation::VARCHAR FROM server"))
    groups: dict[str | None, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["attempts"] > 0:
            groups.setdefault(row["resource_server"], []).append(row)
    told = []
    for server, group in groups.items():
        (median,) = quantile_bounds([c["lag_lower_s"] for c in group], [c["lag_upper_s"] for c in group], taus=(0.5,))
        told.append(
            {
                "resource_server": server,
                "validation": checks.get(server),
                "n": len(group),
                "median_lower": median.lower,
                "median_upper": median.upper,
                "longest_s": max((c["last_success_s"] for c in group if c["uses_after"]), default=None),
                "right": sum(c["censored"] == "right" for c in group),
            }
        )
    return sorted(told, key=lambda row: (-row["n"], row["resource_server"] or ""))
