"""Which grants, tokens and callers are the case itself, among the rows that came along to judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.case.asked import Asked

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

NEEDS = (
    "issued", "token", "grant_state", "grant_life", "named_caller", "caller_segment", "effective_revocation", "covered_token",
    "revoked_caller", "clock_error", "operation_class", "revoked_use", "ambiguous_revocation", "canonical_identity", "decided", "decided_access",
    "removal", "borrowed_token",
)  # fmt: skip
"""What the questions of a case read."""

_GRANTS = {
    "client": "SELECT DISTINCT source, grant_id FROM grant_state WHERE {own}",
    # Its own, and what its clients were given for everyone.
    "subject": """
SELECT source, grant_id FROM grant_state WHERE {own}
UNION SELECT source, grant_id FROM grant_state
WHERE subject_id IS NULL AND subject_kind = 'user' AND (source, client_id) IN (
    SELECT (source, client_id) FROM issued WHERE {own} UNION SELECT (source, client_id) FROM named_caller WHERE {own})""",
    # The id as logged, or the one that the relations gave to the row.
    "grant": """
SELECT source, grant_id FROM issued WHERE {own}
UNION SELECT i.source, i.grant_id FROM issued i
JOIN (FROM issuance WHERE {own}) o ON o.source = i.source AND o.tenant IS NOT DISTINCT FROM i.tenant AND o.event_id = i.event_id
UNION SELECT source, grant_id FROM usage_caller WHERE {own}
UNION SELECT source, grant_id FROM revocation WHERE {own}""",
    "token": """
SELECT DISTINCT source, grant_id FROM token
WHERE token_id IN (SELECT token_id FROM focus_token) AND grant_id IS NOT NULL""",
}

# What was issued to it; and what it used, where no issuance tells whose it was: a key may be older than the log.
_OWN_TOKENS = """
SELECT source, token_id FROM token WHERE {own}
UNION
SELECT c.source, c.token_id FROM (FROM named_caller WHERE {own} AND token_id IS NOT NULL) c ANTI JOIN token USING (source, token_id)"""

_TOKENS = {
    "client": _OWN_TOKENS,
    "subject": _OWN_TOKENS,
    "grant": "SELECT DISTINCT source, token_id FROM token JOIN focus_grant USING (source, grant_id)",
    # The token and what was refreshed from it; what was exchanged for it, or given to another client, is downstream.
    "token": """
WITH RECURSIVE named AS (
    SELECT source, token_id, client_id FROM token WHERE token_id = $id
    UNION SELECT source, token_id, client_id FROM usage_caller WHERE token_id = $id
    UNION SELECT source, token_id, NULL FROM revocation WHERE token_id = $id
),
own AS (
    SELECT source, token_id, min(client_id) AS client_id FROM named GROUP BY source, token_id
    UNION
    SELECT t.source, t.token_id, coalesce(t.client_id, o.client_id) FROM own o
    JOIN token t ON t.source = o.source AND t.parent_token_id = o.token_id AND t.kind <> 'exchange'
        AND coalesce(t.client_id = o.client_id, true)
)
SELECT DISTINCT source, token_id FROM own""",
}

_CALLERS = {
    "client": "SELECT caller_id FROM named_caller WHERE {own}",
    "subject": "SELECT caller_id FROM named_caller WHERE {own}",
    "grant": """
SELECT c.caller_id FROM named_caller c JOIN focus_grant g ON g.source = c.source AND g.grant_id = c.grant_id
UNION SELECT s.caller_id FROM caller_segment s JOIN named_caller c USING (caller_id)
JOIN focus_grant g ON g.source = c.source AND g.grant_id = s.grant_id""",
    "token": "SELECT c.caller_id FROM named_caller c JOIN focus_token t USING (source, token_id)",
}

# A role that is taken on with a key is another client, as CloudTrail tells it.
_DOWNSTREAM = """
WITH RECURSIVE holder AS (
    SELECT source, token_id, min(client_id) AS client_id
    FROM (SELECT source, token_id, client_id FROM token UNION ALL SELECT source, token_id, client_id FROM usage_caller)
    SEMI JOIN focus_token USING (source, token_id)
    GROUP BY source, token_id
),
child AS (
    SELECT t.*, f.token_id AS from_token_id FROM token t JOIN holder f ON f.source = t.source
           AND f.token_id = t.parent_token_id
    WHERE (t.kind = 'exchange' OR t.client_id <> f.client_id) AND NOT EXISTS (SELECT 1 FROM focus_token x WHERE x.source = t.source
        AND x.token_id = t.token_id)
    UNION
    SELECT t.*, c.from_token_id FROM child c JOIN token t ON t.source = c.source AND t.parent_token_id = c.token_id
    WHERE NOT EXISTS (SELECT 1 FROM focus_token x WHERE x.source = t.source AND x.token_id = t.token_id)
)
SELECT DISTINCT ON (source, token_id) * FROM child ORDER BY source, token_id, from_token_id"""

_NAMES = ("focus_grant", "focus_token", "focus_caller", "focus_child")


def lay_focus(engine: Engine, about: Asked) -> None:
    """Make the tables focus_grant, focus_token, focus_caller and focus_child; reads `NEEDS`."""
    steps = {"focus_grant": _GRANTS, "focus_token": _TOKENS}
    order = ("focus_token", "focus_grant") if about.kind == "token" else ("focus_grant", "focus_token")
    for name in order:
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS {about.into(steps[name][about.kind])}", {"id": about.id}
        )
    engine.execute(f"CREATE OR REPLACE TEMP TABLE focus_caller AS {about.into(_CALLERS[about.kind])}", {"id": about.id})
    engine.execute(f"CREATE OR REPLACE TEMP TABLE focus_child AS {_DOWNSTREAM}")


def drop_focus(engine: Engine) -> None:
    """Drop what `lay_focus` made."""
    for name in _NAMES:
        engine.execute(f"DROP TABLE IF EXISTS temp.{name}")
