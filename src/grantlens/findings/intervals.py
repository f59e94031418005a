"""The interval in which each revocation took effect, for all revocations of a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

NEEDS = ("revoked_use", "covered_token", "effective_revocation", "clock_error")
"""Relations that must be worked out."""

SQL = """
SELECT u.revocation_event, u.source, u.tenant, u.client_id, u.subject_id, u.token_id, u.grant_id, u.resource_server, u.logged_at AS revoked_at,
       u.target_kind, u.initiator, u.last_success_s, u.first_denial_s, u.lag_lower_s, u.lag_upper_s,
       u.uses_after, u.censored, u.attempts, u.allowed_s, u.join_key
FROM revoked_use u
WHERE u.logged_at >= $since AND u.why_unknown IS NULL
UNION ALL
-- Nothing was tried afterwards, or nobody knows of whose access it was: the lag may be anything. Leaving these out would make every quantile too small.
SELECT r.revocation_event, r.source, r.tenant, r.client_id, r.subject_id, r.token_id, r.grant_id, NULL, r.record.seen_at,
       r.target_kind, r.initiator, NULL, NULL, 0, NULL, 0, 'right', 0, NULL, NULL
FROM effective_revocation r
WHERE r.record.seen_at >= $since AND r.record.seen_at < $until
  AND NOT EXISTS (SELECT 1 FROM revoked_use u WHERE u.source = r.source AND u.revocation_event = r.revocation_event AND u.why_unknown IS NULL)
  AND EXISTS (SELECT 1 FROM covered_token c
              WHERE c.source = r.source AND c.revocation_event = r.revocation_event AND c.alive IS DISTINCT FROM false)
ORDER BY revoked_at, revocation_event, token_id, grant_id, resource_server
"""

_CALLS = """
SELECT a.source, a.revocation_event, a.resource_server,
       (epoch_us(u.used_at - to_microseconds((k.offset_s * 1000000)::BIGINT)) - epoch_us(a.revoked_true)) / 1e6 AS after_s,
       u.outcome = 'success' AS accepted
FROM (
    SELECT source, revocation_event, resource_server, revoked_true, unnest(usage_ids) AS usage_id
    FROM revoked_use WHERE logged_at >= $since AND why_unknown IS NULL
) a
JOIN usage_row u USING (usage_id)
JOIN usage_caller c USING (caller_id)
JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
WHERE after_s >= 0
-- Several revocations may end one access: the call came after the first of them.
QUALIFY row_number() OVER (PARTITION BY usage_id ORDER BY a.revoked_true, a.source, a.revocation_event) = 1
ORDER BY after_s, a.source, a.revocation_event, usage_id
"""


def calls_after(engine: Engine, values: Mapping[str, Any]) -> pa.Table:
    """Return each call after a revocation, the first of its access, that succeeded or was refused because of the token; `values` binds $since."""
    return engine.arrow(_CALLS, values)


def by_minute(calls: pa.Table) -> list[dict[str, Any]]:
    """Return the share of these calls that was still accepted, for each minute of the first hour."""
    from grantlens.analysis.acceptance import acceptance_by_minute

    seconds, accepted, sources, events = (
        calls[name].to_pylist() for name in ("after_s", "accepted", "source", "revocation_event")
    )
    return acceptance_by_minute(seconds, accepted, list(zip(sources, events, strict=True)))


def intervals(engine: Engine, values: Mapping[str, Any]) -> tuple[pa.Table, str]:
    """Return the intervals and their SQL; `values` binds $since and $until."""
    return engine.arrow(SQL, values), SQL.strip()
