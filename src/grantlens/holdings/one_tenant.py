"""One tenant of a store, laid over the whole: all that reads the logs, relations too, sees its rows alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantlens.errors import StoreError
from grantlens.handwritten import nearest
from grantlens.wording import first_few, listed

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_KEYS = ("token_id", "grant_id", "session_id", "client_id", "subject_id")

_SOURCES = "SELECT DISTINCT source FROM {whole}.activity WHERE tenant = $tenant"

# Ids that only other tenants' rows name: what names no tenant, but one of these, is not this tenant's.
_OTHERS = f"""
WITH named AS (
    SELECT source, tenant, unnest({list(_KEYS)}) AS key, unnest([{", ".join(_KEYS)}]) AS id
    FROM (
        SELECT DISTINCT source, tenant, {", ".join(_KEYS)} FROM {{whole}}.issuance
        UNION SELECT source, tenant, {", ".join(_KEYS)} FROM {{whole}}.usage_caller
        UNION SELECT source, tenant, {", ".join(_KEYS)} FROM {{whole}}.revocation
    )
    WHERE tenant IS NOT NULL AND source IN (FROM tenant_source)
)
SELECT source, key, id FROM named WHERE id IS NOT NULL GROUP BY source, key, id HAVING bool_and(tenant <> $tenant)
"""

_ROWS = """
SELECT * FROM {whole}.{table} WHERE tenant = $tenant AND source IN (FROM tenant_source)
UNION ALL
SELECT r.* FROM {whole}.{table} r {others} WHERE r.tenant IS NULL AND r.source IN (FROM tenant_source)
"""

# Whether one of these was this tenant's nobody knows, and without the others' rows it would look so.
_UNSURE = """
SELECT source, revocation_event FROM effective_revocation WHERE doubt = 'client'
UNION
SELECT r.source, r.event_id
FROM revocation r
JOIN issuance i ON i.source = r.source AND i.client_id = r.client_id
    AND (r.target_kind = 'client' OR i.subject_id IS NOT DISTINCT FROM r.subject_id)
WHERE r.tenant IS NULL AND r.kind = 'downgrade' AND (r.target_kind = 'client' OR r.grant_id IS NULL)
GROUP BY r.source, r.event_id
HAVING min(i.tenant) < max(i.tenant)
"""

_STRETCHES = """
SELECT * FROM {whole}.{table} WHERE coalesce(tenant, $tenant) = $tenant AND source IN (FROM tenant_source)
"""

# A decision that names no tenant is this one's where something of it is known here.
_DECISIONS = """
SELECT * FROM {whole}.{table}
WHERE (source IS NULL OR source IN (FROM tenant_source))
  AND (tenant = $tenant
       OR tenant IS NULL AND (client_id IN (SELECT client_id FROM temp.issuance) OR subject_id IN (SELECT subject_id FROM temp.issuance)
                              OR grant_id IN (SELECT grant_id FROM temp.issuance) OR token_id IN (SELECT token_id FROM temp.issuance)))
"""

# A file of which no row was read may be of any tenant.
_FILES = """
SELECT * FROM {whole}.batch
WHERE batch_id IN (SELECT batch_id FROM temp.activity) OR batch_id NOT IN (SELECT batch_id FROM {whole}.activity)
"""


def lay_tenant(engine: Engine, tenant: str) -> None:
    """Lay the rows of one tenant over the tables of a store, for as long as it is open.

    Rows that name no tenant may be of any: they come along where their source names this one, unless what they name - token, grant,
    session, client or person - is only another tenant's, or they end a client that several have.

    Raises
    ------
    StoreError
        If no log names the tenant.
    """
    whole = engine.stored
    known = [
        name for (name,) in engine.rows("SELECT DISTINCT tenant FROM activity WHERE tenant IS NOT NULL ORDER BY ALL")
    ]
    if tenant not in known:
        raise StoreError(f"No log of {engine.path} names a tenant {tenant!r}.", _remedy(tenant, known))

    def lay(table: str, sql: str, **more: str) -> None:
        text = sql.format(whole=whole, table=table, **more)
        engine.execute(f"CREATE TEMP TABLE {table} AS {text}", {"tenant": tenant})

    others = " ".join(
        f"ANTI JOIN other_tenant {key} ON {key}.source = r.source AND {key}.key = '{key}' AND {key}.id = r.{key}"
        for key in _KEYS
    )
    lay("tenant_unsure", _UNSURE)
    lay("tenant_source", _SOURCES)
    lay("other_tenant", _OTHERS)
    unsure = "ANTI JOIN tenant_unsure u ON u.source = r.source AND u.revocation_event = r.event_id"
    for table in ("issuance", "usage_caller", "revocation"):
        lay(table, _ROWS, others=others + (f" {unsure}" if table == "revocation" else ""))
    for table in ("activity", "coverage"):
        lay(table, _STRETCHES)
    lay("decision", _DECISIONS)
    lay("batch", _FILES)
    engine.execute(
        f"CREATE TEMP VIEW usage_row AS SELECT * FROM {whole}.usage_row SEMI JOIN temp.usage_caller USING (caller_id)"
    )


def _remedy(tenant: str, known: list[str]) -> str:
    if near := nearest(tenant, known):
        return f"Did you mean {near}?"
    if not known:
        return "Its logs name no tenant at all."
    return f"Its logs name {listed(first_few(known, 5))}."
