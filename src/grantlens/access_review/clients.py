"""Clients: what each held and did in the window, in all tenants together, with owner and purpose of the register."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grantlens.access_review.ask import ask
from grantlens.access_review.grants import USES

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_CLIENTS = """
WITH held AS (
    SELECT client_id, max(client_name) AS client_name, list(DISTINCT tenant) AS tenants
    FROM grant_life
    WHERE client_id IS NOT NULL AND (closed_at IS NULL OR closed_at > $since)
    GROUP BY client_id
),
called AS (
    SELECT c.client_id, max(c.client_name) AS client_name, list(DISTINCT c.tenant) AS tenants, sum(p.events)::BIGINT AS calls,
           max(p.last_used_at) AS last_used_at, bool_or(u.actor_chain[1] = c.client_id) AS acts
    FROM used_pair p JOIN named_caller c USING (caller_id) JOIN usage_caller u USING (caller_id)
    WHERE c.client_id IS NOT NULL
    GROUP BY c.client_id
),
asked AS (
    SELECT coalesce(s.app_id, i.client_id) AS client_id, max(i.client_name) AS client_name, list(DISTINCT i.tenant) AS tenants,
           -- Where a chain is no claim act, it may name whoever asked for the token: a cloud's own service, or an admin.
           -- A client that an agent's own account consented to is no agent by that.
           bool_or((i.subject_kind = 'agent' AND (i.kind NOT IN ('consent', 'change') OR i.subject_id IS NULL))
                   OR (len(i.actor_chain) > 0 AND d.actors IS NOT NULL)
                   OR (i.actor_chain[1] = i.client_id AND coalesce(i.subject_id, i.actor_chain[2]) IS NOT NULL)) AS acts
    FROM issuance i
    LEFT JOIN same_client s ON s.source = i.source AND s.id = i.client_id
    LEFT JOIN declared d ON d.source = i.source
    WHERE i.client_id IS NOT NULL AND i.issued_at >= $since AND i.issued_at < $until
    GROUP BY ALL
)
SELECT client_id, coalesce(r.name, h.client_name, a.client_name, c.client_name) AS name,
       coalesce(h.client_name, a.client_name, c.client_name) AS logged_name,
       -- the log says that it acts for others
       coalesce(r.kind, CASE WHEN a.acts OR c.acts THEN 'agent' END) AS kind, r.client_id IS NOT NULL AS registered,
       nullif(trim(r.owner), '') AS owner, nullif(trim(r.purpose), '') AS purpose, r.status, r.registered_at,
       list_sort(list_distinct(coalesce(h.tenants, []) || coalesce(c.tenants, []) || coalesce(a.tenants, []))) AS tenants,
       coalesce(c.calls, 0) AS calls, c.last_used_at
FROM held h
FULL JOIN called c USING (client_id)
FULL JOIN asked a USING (client_id)
LEFT JOIN registered_client r USING (client_id)
"""


def clients(
    engine: Engine, values: Mapping[str, Any], findings: list[dict[str, Any]], grants: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return each client seen in the window, those without an owner first; reads `grant_life`.

    Parameters
    ----------
    engine, values
        Where to ask, and the window.
    findings
        Of the review: violations are counted.
    grants
        The grants of the window: counted by state, and what could be seen of their use tells how no call of a client is to be read.
    """
    violations = Counter(finding["client_id"] for finding in findings if finding["verdict"] == "violation")
    states = Counter((grant["client_id"], grant["state"]) for grant in grants)
    uses: dict[str, set[str]] = {}
    for grant in grants:
        uses.setdefault(grant["client_id"], set()).add(grant["use"])

    def use(row: dict[str, Any]) -> str | None:
        return "seen" if row["calls"] else next((use for use in USES if use in uses.get(row["client_id"], ())), None)

    def held(row: dict[str, Any]) -> dict[str, int]:
        live, indeterminate, ended = (states[row["client_id"], state] for state in ("live", "indeterminate", "ended"))
        return {"grants": live + indeterminate + ended, "live": live, "indeterminate": indeterminate}

    rows = [{**row, **held(row)} for row in ask(engine, _CLIENTS, values)]
    rows.sort(
        key=lambda row: (
            row["owner"] is not None, not row["live"], not row["indeterminate"], -row["calls"], row["client_id"]
        )
    )  # fmt: skip
    return [{**row, "use": use(row), "violations": violations[row["client_id"]]} for row in rows]
