"""The part of a store that a case is about, laid over the whole.

Inside the block the tables of the three logs hold the rows of the case only, so relations cost what the case weighs
and not what the store weighs. Everything that shares client and subject with the case comes along, and the tokens
before and after its own: the relations decide over all grants of a pair, and over lineage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from grantlens.case.asked import Asked, unknown

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine

_STEPS = 16
"""Exchanges and rotations that lineage is followed through, in either direction."""

_EVERYONES = "subject_id IS NULL AND subject_kind = 'user' AND grant_id NOT LIKE 'derived:%'"
"""What an admin gave a client for everyone: the tokens of each person may belong to it, see the relation `issued`."""

_OWN_PAIR = """
SELECT client_id, subject_id FROM issuance WHERE {own}
UNION SELECT client_id, subject_id FROM usage_caller WHERE {own}"""

_PAIR = {
    "client": _OWN_PAIR,
    "subject": _OWN_PAIR,
    "grant": f"""
WITH everyones AS (
    SELECT client_id FROM issuance WHERE grant_id = $id AND {_EVERYONES}
)
SELECT client_id, subject_id FROM issuance WHERE grant_id = $id OR client_id IN (FROM everyones)
UNION SELECT client_id, subject_id FROM usage_caller WHERE grant_id = $id OR client_id IN (FROM everyones)
UNION SELECT client_id, subject_id FROM revocation WHERE grant_id = $id""",
    "token": """
SELECT client_id, subject_id FROM issuance WHERE token_id = $id OR parent_token_id = $id
UNION SELECT client_id, subject_id FROM usage_caller WHERE token_id = $id
UNION SELECT client_id, subject_id FROM revocation WHERE token_id = $id""",
}
"""Whose rows to take: a token or a grant brings the client and subject that it belongs to."""

_BY_ID = """
SELECT rowid AS row_no FROM issuance WHERE {own}
UNION SELECT i.rowid FROM issuance i
JOIN (SELECT DISTINCT source, tenant, token_id FROM usage_caller WHERE {own}) c
    ON c.source = i.source AND c.token_id = i.parent_token_id AND (c.tenant IS NULL OR i.tenant IS NULL OR c.tenant = i.tenant)"""
"""Its own rows, and the tokens that were made from those that it used: they may have been issued before the log begins."""

_BY_PAIR = """
SELECT i.rowid AS row_no FROM issuance i
JOIN case_pair p ON p.client_id = i.client_id AND p.subject_id IS NOT DISTINCT FROM i.subject_id
UNION SELECT rowid FROM issuance WHERE token_id = $id OR parent_token_id = $id OR grant_id = $id"""

_FOR_EVERYONE = f"""
SELECT rowid AS row_no FROM issuance
WHERE client_id IN (SELECT client_id FROM case_pair) AND {_EVERYONES}
  AND rowid NOT IN (SELECT row_no FROM case_issuance)"""

# A client, token or session that several tenants have is known as such by rows of each, where its end may be any one's: see `effective_revocation`.
_OTHER_TENANTS = """
WITH ended AS (
    SELECT * FROM revocation WHERE tenant IS NULL
),
ours AS (
    SELECT * FROM issuance WHERE rowid IN (SELECT row_no FROM case_issuance)
)
SELECT row_no FROM (
    SELECT min(rowid) AS row_no FROM issuance
    WHERE outcome = 'success' AND tenant IS NOT NULL AND client_id IN (SELECT client_id FROM ended SEMI JOIN case_pair USING (client_id) WHERE grant_id IS NULL)
    GROUP BY source, tenant, client_id
    UNION
    SELECT i.rowid FROM issuance i SEMI JOIN (FROM ended SEMI JOIN ours USING (source, token_id)) r ON r.source = i.source AND r.token_id = i.token_id
    UNION
    SELECT i.rowid FROM issuance i SEMI JOIN (FROM ended SEMI JOIN ours USING (source, session_id)) r ON r.source = i.source AND r.session_id = i.session_id
)
WHERE row_no NOT IN (SELECT row_no FROM case_issuance)"""

# A token id is one tenant's: where both records name theirs, these are the same.
_LINEAGE = """
SELECT i.rowid AS row_no FROM issuance i
SEMI JOIN case_token t ON t.source = i.source AND t.token_id = i.parent_token_id AND (t.tenant IS NULL OR i.tenant IS NULL OR t.tenant = i.tenant)
WHERE i.rowid NOT IN (SELECT row_no FROM case_issuance)
UNION
SELECT i.rowid FROM issuance i
SEMI JOIN case_token t ON t.source = i.source AND t.parent_token_id = i.token_id AND (t.tenant IS NULL OR i.tenant IS NULL OR t.tenant = i.tenant)
WHERE i.rowid NOT IN (SELECT row_no FROM case_issuance)"""

# What is called with in a tenant that issued none of the id came from another one.
_NOT_OF_ITS_OWN = """NOT EXISTS (
    SELECT 1 FROM issuance o WHERE o.source = c.source AND o.token_id = c.token_id AND o.tenant = c.tenant)"""

_CALLERS = f"""
SELECT caller_id FROM usage_caller WHERE {{own}}
UNION SELECT c.caller_id FROM usage_caller c JOIN case_token t ON t.source = c.source AND t.token_id = c.token_id
WHERE t.tenant IS NULL OR c.tenant IS NULL OR t.tenant = c.tenant OR {_NOT_OF_ITS_OWN}
UNION SELECT c.caller_id FROM usage_caller c JOIN case_pair p ON p.client_id = c.client_id
    AND p.subject_id IS NOT DISTINCT FROM c.subject_id
WHERE c.token_id IS NULL"""

_USED_TOKENS = f"""
SELECT DISTINCT i.rowid AS row_no FROM issuance i
JOIN (FROM usage_caller SEMI JOIN case_caller USING (caller_id)) c ON c.source = i.source AND c.token_id = i.token_id
WHERE (c.tenant IS NULL OR i.tenant IS NULL OR c.tenant = i.tenant OR {_NOT_OF_ITS_OWN})
  AND i.rowid NOT IN (SELECT row_no FROM case_issuance)"""

_REVOCATIONS = """
WITH ours AS (
    SELECT * FROM issuance WHERE rowid IN (SELECT row_no FROM case_issuance)
),
named AS (
    SELECT source, tenant, token_id, session_id FROM ours
    UNION SELECT source, tenant, token_id, NULL FROM usage_caller SEMI JOIN case_caller USING (caller_id)
),
ending AS (
    SELECT r.rowid AS row_no FROM revocation r
    SEMI JOIN named n ON n.source = r.source AND n.token_id = r.token_id AND (n.tenant IS NULL OR r.tenant IS NULL OR n.tenant = r.tenant)
    UNION
    SELECT r.rowid FROM revocation r
    SEMI JOIN named n ON n.source = r.source AND n.session_id = r.session_id AND (n.tenant IS NULL OR r.tenant IS NULL OR n.tenant = r.tenant)
)
SELECT r.* FROM revocation r
WHERE {own_r}
   OR r.rowid IN (SELECT row_no FROM ending)
   OR r.grant_id IN (SELECT grant_id FROM ours WHERE grant_id IS NOT NULL)
   OR (r.client_id IN (SELECT client_id FROM case_pair)
       AND (r.subject_id IS NULL OR r.subject_id IN (SELECT subject_id FROM case_pair)))
   OR (r.target_kind = 'subject' AND r.subject_id IN (SELECT subject_id FROM case_pair WHERE subject_id IS NOT NULL))
   OR r.target_kind = 'policy'"""

# Callers are numbered as they appear, so DuckDB skips the stretches of the log that hold none of them.
_CALLS = "SELECT * FROM usage_row WHERE caller_id IN (SELECT caller_id FROM case_caller)"

ASIDE = "tenant_part_{}"
"""What a table is called during a case that a tenant's rows are laid over, see `grantlens.holdings.one_tenant`."""

_NOTES = ("case_id", "case_pair", "case_issuance", "case_token", "case_caller")


_LAID = """
SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END FROM system.information_schema.tables
WHERE table_catalog = 'temp' AND table_name = $name"""


@contextmanager
def narrowed(engine: Engine, about: Asked, tenant: str | None) -> Iterator[None]:
    """Lay the rows of a case over the tables of the store until the block ends.

    Raises
    ------
    CaseError
        If the id occurs nowhere.
    """
    laid: list[str] = []
    aside: list[tuple[str, str]] = []
    engine.is_narrowed = True
    try:
        _note(engine, about, tenant)
        parts = {
            "issuance": "SELECT * FROM issuance WHERE rowid IN (SELECT row_no FROM case_issuance)",
            "usage_caller": "SELECT * FROM usage_caller WHERE caller_id IN (SELECT caller_id FROM case_caller)",
            "revocation": about.into(_REVOCATIONS),
            "usage_row": _CALLS,
        }
        # All are chosen before the first is laid over its table: one choice reads the others.
        for table, sql in parts.items():
            engine.execute(f"CREATE OR REPLACE TEMP TABLE case_part_{table} AS {sql}", {"id": about.id})
        for table in parts:
            for (kind,) in engine.rows(_LAID, {"name": table}):
                engine.execute(f"ALTER {kind} temp.{table} RENAME TO {ASIDE.format(table)}")
                aside.append((kind, table))
            engine.execute(f"ALTER TABLE temp.case_part_{table} RENAME TO {table}")
            laid.append(table)
        for table, key in (("cat_operation", "op_id"), ("cat_requirement", "op_id")):
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM {engine.stored}.{table} WHERE {key} IN ("
                "SELECT o.operation_id FROM usage_operation o "
                "WHERE o.target_id IN (SELECT DISTINCT target_id FROM temp.usage_row))"
            )
            laid.append(table)
        yield
    finally:
        for name in (
            *laid,
            *_NOTES,
            *(f"case_part_{table}" for table in ("issuance", "usage_caller", "revocation", "usage_row")),
        ):
            engine.execute(f"DROP TABLE IF EXISTS temp.{name}")
        for kind, table in aside:
            engine.execute(f"ALTER {kind} temp.{ASIDE.format(table)} RENAME TO {table}")
        engine.is_narrowed = False


def everyones_issuance(engine: Engine) -> str:
    """Return the table from which the issuance of a case was chosen: the store's, or a tenant's part of it."""
    aside = ASIDE.format("issuance")
    if engine.rows(_LAID, {"name": aside}):
        return f"temp.{aside}"
    return f"{engine.stored}.issuance"


def _note(engine: Engine, about: Asked, tenant: str | None) -> None:
    """Note which rows belong to the case."""
    values = {"id": about.id}
    engine.execute("CREATE OR REPLACE TEMP TABLE case_id (source VARCHAR, id VARCHAR)")
    if about.ids:
        pairs = {"sources": [source for source, _ in about.ids], "ids": [id for _, id in about.ids]}
        engine.execute("INSERT INTO temp.case_id SELECT unnest($sources), unnest($ids)", pairs)
    first = about.into(_BY_ID) if about.kind in ("client", "subject") else _BY_PAIR
    engine.execute(f"CREATE OR REPLACE TEMP TABLE case_pair AS {about.into(_PAIR[about.kind])}", values)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE case_issuance AS {first}", values)
    engine.execute(f"INSERT INTO temp.case_issuance {_FOR_EVERYONE}")
    _follow(engine)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE case_caller AS {about.into(_CALLERS)}", values)
    # Tokens that this client used though they were issued to another.
    engine.execute(f"INSERT INTO temp.case_issuance {_USED_TOKENS}")
    engine.execute(f"INSERT INTO temp.case_issuance {_OTHER_TENANTS}")
    found = engine.value(
        "SELECT (SELECT count(*) FROM case_issuance) + (SELECT count(*) FROM case_caller) "
        + about.into("+ (SELECT count(*) FROM revocation WHERE {own})"),
        values,
    )
    if not found:
        raise unknown(engine, about, tenant)


def _follow(engine: Engine) -> None:
    """Add the tokens that the case's tokens were made from, and those made from them."""
    for _ in range(_STEPS):
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE case_token AS SELECT DISTINCT source, tenant, token_id, parent_token_id FROM issuance "
            "WHERE token_id IS NOT NULL AND rowid IN (SELECT row_no FROM case_issuance)"
        )
        before = engine.value("SELECT count(*) FROM case_issuance")
        engine.execute(f"INSERT INTO temp.case_issuance {_LINEAGE}")
        if engine.value("SELECT count(*) FROM case_issuance") == before:
            return
