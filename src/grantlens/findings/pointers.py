"""Which log records stand behind findings: what their rules named, as places in the logs."""

from __future__ import annotations

from collections.abc import Iterable

from grantlens.relations import ordered
from grantlens.rule.rule import Rule

_RECORDS = """
    SELECT finding_no, record.seen_at, record.batch_id, record.line_no, record.event_id
    FROM (SELECT finding_no, unnest(records) AS record FROM numbered)
    WHERE record.batch_id IS NOT NULL"""

_CALLS = """
    SELECT c.finding_no, u.used_at, u.batch_id, u.line_no, u.event_id
    FROM (SELECT finding_no, unnest(calls) AS usage_id FROM numbered) c JOIN usage_row u USING (usage_id)"""

_PAIRS = """
    SELECT p.finding_no, u.used_at, u.batch_id, u.line_no, u.event_id
    FROM (
        -- The calls of a pair: all of them, or - where nothing is wrong - the first and the last.
        SELECT n.finding_no, p.caller_id, p.segment_id, p.operation_id, p.outcome, p.denial_reason, p.first_used_at AS seen_from,
               CASE WHEN n.verdict = 'clear' AND NOT $every_call THEN p.first_used_at ELSE p.last_used_at END AS seen_until
        FROM (SELECT finding_no, verdict, unnest(firsts) AS first_no FROM numbered) n JOIN used_pair p USING (first_no)
        UNION
        SELECT n.finding_no, p.caller_id, p.segment_id, p.operation_id, p.outcome, p.denial_reason, p.last_used_at, p.last_used_at
        FROM (SELECT finding_no, unnest(lasts) AS last_no FROM numbered) n JOIN used_pair p USING (last_no)
    ) p
    JOIN usage_row u ON u.caller_id = p.caller_id AND u.used_at >= p.seen_from AND u.used_at <= p.seen_until
        AND u.outcome = p.outcome AND u.denial_reason IS NOT DISTINCT FROM p.denial_reason
    LEFT JOIN usage_operation o ON o.target_id = u.target_id
    LEFT JOIN caller_segment s ON s.caller_id = u.caller_id AND s.valid_from <= u.used_at AND s.valid_until > u.used_at
    WHERE o.operation_id IS NOT DISTINCT FROM p.operation_id AND s.segment_id IS NOT DISTINCT FROM p.segment_id"""


def pointers(rules: Iterable[Rule]) -> str:
    """Return the SELECT of finding_no, seen_at, batch_id, line_no and event_id; it reads `numbered`."""
    return "\n    UNION".join((_RECORDS, _CALLS, _PAIRS) if _counts_pairs(rules) else (_RECORDS, _CALLS))


def relations_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the names of all relations that these rules, their evidence and its coverage read, in order."""
    rules = tuple(rules)
    needed = {"covered_time", *(name for rule in rules for name in rule.needs)}
    if _counts_pairs(rules):
        needed.add("caller_segment")
    return tuple(relation.name for relation in ordered(sorted(needed)))


def _counts_pairs(rules: Iterable[Rule]) -> bool:
    """Tell whether the rules name evidence by pairs; the count of pairs is dear, and most REV rules do without."""
    return any(relation.name == "used_pair" for relation in ordered(name for rule in rules for name in rule.needs))
