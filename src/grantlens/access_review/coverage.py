"""What the logs can show: covered stretches, clocks, calls that a catalogue knows, calls that belong to a grant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask
from grantlens.loaders import loaders
from grantlens.window import in_time

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

MEANING = {
    "token": "The very token: everything, lag included.",
    "grant": "The grant, not the token: lag of the grant as a whole.",
    "session": "The session that issued the token.",
    "client_subject": "Client and subject while they held exactly one grant: never a claim about one token.",
    "unattributed": "No grant can be named, or several could: such calls carry no conclusion about a grant.",
}
"""What a finding can claim, by the key that joins a call to its grant; the strongest first."""

_STRETCHES = """
SELECT source, tenant, log::VARCHAR AS log, in_part, is_gap, note,
       greatest(covered_from, $since) AS "from", least(covered_until, $until) AS "until",
       (epoch_us(least(covered_until, $until)) - epoch_us(greatest(covered_from, $since)))
           / (epoch_us($until::TIMESTAMPTZ) - epoch_us($since::TIMESTAMPTZ)) AS share
FROM coverage
WHERE covered_from < $until AND covered_until > $since
ORDER BY source, tenant, list_position(['issuance', 'usage', 'revocation'], log::VARCHAR), in_part, covered_from
"""

_LACKS = """
SELECT source, tenant, any_value(lacks) AS lacks
FROM watched_time WHERE covered_from < $until AND covered_until > $since
GROUP BY source, tenant HAVING bool_and(in_part) AND count(lacks) > 0
"""

# Stretches reach beyond the period: its own rows are counted. A file shows a log in part unless it marked from when until when it is whole,
# and then what it has before and after.
_ROWS = """
WITH called AS (
    SELECT batch_id, caller_id, count(*) AS records
    FROM usage_row WHERE used_at >= $since AND used_at < $until
    GROUP BY ALL
),
counted AS (
    SELECT batch_id, source, tenant, 'issuance' AS log, count(*) AS records
    FROM issuance WHERE issued_at >= $since AND issued_at < $until
    GROUP BY ALL
    UNION ALL
    SELECT u.batch_id, c.source, c.tenant, 'usage', sum(u.records)
    FROM called u JOIN usage_caller c USING (caller_id)
    GROUP BY ALL
    UNION ALL
    SELECT batch_id, source, tenant, 'revocation', count(*)
    FROM revocation WHERE revoked_at >= $since AND revoked_at < $until
    GROUP BY ALL
),
marked AS (
    SELECT batch_id, source, tenant, log::VARCHAR AS log, min(first_event) AS since, max(last_event) AS until
    FROM activity WHERE records = 0
    GROUP BY ALL
),
outlived AS (
    SELECT m.* FROM marked m
    SEMI JOIN activity a ON a.batch_id = m.batch_id AND a.source = m.source AND a.tenant IS NOT DISTINCT FROM m.tenant AND a.log::VARCHAR = m.log
                            AND (a.first_event < m.since OR a.last_event > m.until)
),
timed AS (
    SELECT batch_id, source, tenant, 'issuance' AS log, issued_at AS happened_at FROM issuance
    UNION ALL
    SELECT batch_id, source, tenant, 'revocation', revoked_at FROM revocation
    UNION ALL
    SELECT u.batch_id, c.source, c.tenant, 'usage', u.used_at FROM usage_row u JOIN usage_caller c USING (caller_id)
    WHERE u.batch_id IN (SELECT batch_id FROM outlived WHERE log = 'usage')
),
outside AS (
    SELECT t.source, t.tenant, t.log, count(*) AS records
    FROM timed t JOIN outlived o ON o.batch_id = t.batch_id AND o.source = t.source AND o.tenant IS NOT DISTINCT FROM t.tenant AND o.log = t.log
    WHERE t.happened_at >= $since AND t.happened_at < $until AND NOT t.happened_at BETWEEN o.since AND o.until
    GROUP BY ALL
)
SELECT source, tenant, log, in_part, sum(records)::BIGINT AS records
FROM (
    SELECT n.source, n.tenant, n.log, m.batch_id IS NULL AS in_part, n.records
    FROM counted n
    LEFT JOIN marked m ON m.batch_id = n.batch_id AND m.source = n.source AND m.tenant IS NOT DISTINCT FROM n.tenant AND m.log = n.log
    UNION ALL
    SELECT source, tenant, log, is_part, CASE WHEN is_part THEN records ELSE -records END FROM outside, (SELECT unnest([true, false]) AS is_part)
)
GROUP BY ALL
"""

_CLOCKS = """
SELECT source, tenant, log, grid_s, error_s, offset_s, estimated_offset_s, assumed
FROM clock_error ORDER BY source, tenant, list_position(['issuance', 'usage', 'revocation'], log)
"""

_TARGETS = """
WITH called AS (
    SELECT target_id, count(*) AS calls
    FROM usage_row WHERE used_at >= $since AND used_at < $until
    GROUP BY target_id
)
SELECT t.resource_server, o.operation_id IS NOT NULL AS known, coalesce(o.match, 'unmatched') AS match,
       coalesce(o.label, t.operation, concat_ws(' ', t.method, t.target), 'nothing logged') AS label,
       sum(c.calls)::BIGINT AS calls
FROM called c
JOIN usage_target t USING (target_id)
LEFT JOIN usage_operation o USING (target_id)
GROUP BY ALL
ORDER BY t.resource_server NULLS LAST, calls DESC, label
"""

_JUDGED = """
SELECT coalesce(sum(p.events), 0)::BIGINT AS succeeded,
       coalesce(sum(p.events) FILTER (p.ended), 0)::BIGINT AS after_end,
       coalesce(sum(p.events) FILTER (NOT p.ended AND j.verdict <> 'unknown'), 0)::BIGINT AS judged_by_scope,
       coalesce(sum(p.events) FILTER (NOT p.ended AND j.verdict IN ('in_scope', 'in_scope_by_implication')
           AND g.approved_operations IS NOT NULL), 0)::BIGINT AS judged_by_purpose
FROM used_pair p
LEFT JOIN judged_question j ON j.operation_id = p.operation_id AND j.set_id = p.set_id AND j.application IS NOT DISTINCT FROM p.application
LEFT JOIN named_caller c ON c.caller_id = p.caller_id
LEFT JOIN registered_client g ON g.client_id = c.client_id
WHERE p.outcome = 'success'
"""

# A call whose operation no catalogue knows, by the log that holds it.
_UNKNOWN = """
SELECT u.source, sum(p.events)::BIGINT AS calls
FROM used_pair p JOIN usage_caller u USING (caller_id)
WHERE p.operation_id IS NULL AND NOT p.container
GROUP BY u.source
ORDER BY u.source
"""

_KEYS = """
SELECT coalesce(s.join_key, CASE WHEN c.token_known OR b.grant_id IS NOT NULL THEN 'token' END, 'unattributed') AS join_key,
       sum(p.events)::BIGINT AS calls
FROM used_pair p
LEFT JOIN named_caller c ON c.caller_id = p.caller_id
LEFT JOIN caller_segment s ON s.segment_id = p.segment_id
LEFT JOIN borrowed_token b ON b.caller_id = p.caller_id
GROUP BY 1
"""


# What names no tenant joins by its id alone: where several tenants issued one, that is to be told. Grants that are told apart have other ids here.
_TAKEN_FOR_ONE = """
WITH named AS (
    SELECT source, tenant, unnest(['token', 'grant', 'session']) AS kind, unnest([token_id, grant_id, session_id]) AS id
    FROM issuance
    WHERE outcome = 'success' AND tenant IS NOT NULL
      AND source IN (SELECT source FROM coverage GROUP BY source HAVING min(tenant) < max(tenant))
)
SELECT source, kind, count(*) AS ids
FROM (SELECT source, kind, id FROM named WHERE id IS NOT NULL GROUP BY source, kind, id HAVING min(tenant) < max(tenant))
GROUP BY source, kind
ORDER BY source, list_position(['token', 'grant', 'session'], kind)
"""


def covered(engine: Engine, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each source, tenant and log, with the gaps inside the window.

    What a log shows only in part has a row of its own: its share is no time in which silence means anything. A usage log says what it lacks.
    """
    counted = {tuple(row.values())[:4]: row["records"] for row in ask(engine, _ROWS, values)}
    rows: dict[tuple, dict[str, Any]] = {}
    for stretch in ask(engine, _STRETCHES, values):
        key = (stretch["source"], stretch["tenant"], stretch["log"], stretch["in_part"])
        row = rows.setdefault(
            key,
            {
                "source": key[0],
                "tenant": key[1],
                "log": key[2],
                "in_part": key[3],
                "from": stretch["from"],
                "until": stretch["until"],
                "share": 0.0,
                "records": counted.get(key, 0),
                "gaps": [],
                "notes": [],
                "stretches": [],
            },
        )
        row["until"] = max(row["until"], stretch["until"], key=in_time)
        part = {"from": stretch["from"], "until": stretch["until"]}
        if stretch["is_gap"]:
            row["gaps"].append({**part, "note": stretch["note"]})
            continue
        row["stretches"].append(part)
        row["share"] += stretch["share"]
        if stretch["note"] and stretch["note"] not in row["notes"]:
            row["notes"].append(stretch["note"])
    for row in rows.values():
        row["share"] = 1.0 if row["share"] > 1 - 1e-12 else row["share"]  # a sum of all parts may miss 1 by a hair
    lacks = {(row["source"], row["tenant"]): row["lacks"] for row in ask(engine, _LACKS, values)}
    for row in rows.values():
        if row["log"] == "usage" and (row["source"], row["tenant"]) in lacks:
            row["notes"].append(lacks[row["source"], row["tenant"]])
    return list(rows.values())


def clocks(engine: Engine) -> list[dict[str, Any]]:
    """Return what is known, or assumed, of each clock."""
    return ask(engine, _CLOCKS)


def taken_for_one(engine: Engine) -> list[dict[str, Any]]:
    """Return how many tokens, grants and sessions of a source were issued under one id in several tenants."""
    return ask(engine, _TAKEN_FOR_ONE)


def map_coverage(engine: Engine, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of calls that a catalogue knows, what it does not know, and how many calls rules could judge."""
    servers: dict[str | None, dict[str, Any]] = {}
    for row in ask(engine, _TARGETS, values):
        name = row["resource_server"]
        server = servers.setdefault(name, {"resource_server": name, "calls": 0, "known": 0, "unknown": []})
        server["calls"] += row["calls"]
        if row["known"]:
            server["known"] += row["calls"]
        elif len(server["unknown"]) < 20:
            server["unknown"].append({"label": row["label"], "calls": row["calls"], "match": row["match"]})
    for server in servers.values():
        server["share"] = _ratio(server["known"], server["calls"])
    by_server = sorted(servers.values(), key=lambda row: (-row["calls"], row["resource_server"] or ""))
    calls, known = sum(row["calls"] for row in by_server), sum(row["known"] for row in by_server)
    shares = {"calls": calls, "known": known, "share": _ratio(known, calls), "by_server": by_server}
    return shares | {"could_know": _could_know(engine)} | ask(engine, _JUDGED)[0]


def _could_know(engine: Engine) -> list[dict[str, Any]]:
    """Return from what a catalogue can be built that is not in the store, and how many calls that none knows are of logs it describes."""
    there = {source for (source,) in engine.rows("SELECT source FROM cat_meta")}
    unknown: Counter[str] = Counter()
    for row in ask(engine, _UNKNOWN):
        loader = loaders().get(row["source"])
        if loader and loader.catalogue and loader.catalogue not in there:
            unknown[loader.catalogue] += row["calls"]
    return [{"source": source, "calls": calls} for source, calls in unknown.most_common()]


def attribution(engine: Engine) -> dict[str, Any]:
    """Return how many calls belong to a grant, by the key that joins them; reads relation used_pair."""
    calls = {row["join_key"]: row["calls"] for row in ask(engine, _KEYS)}
    total = sum(calls.values())
    attributed = total - calls.get("unattributed", 0)
    by_key = [
        {"join_key": key, "calls": calls[key], "share": _ratio(calls[key], total), "meaning": meaning}
        for key, meaning in MEANING.items()
        if calls.get(key)
    ]
    return {"calls": total, "attributed": attributed, "share": _ratio(attributed, total), "by_key": by_key}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
