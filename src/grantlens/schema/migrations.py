"""Making a store, and bringing an older one up to date: ordered steps, each in one transaction."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from grantlens.errors import StoreError
from grantlens.schema import META, TABLES, VIEWS
from grantlens.schema.standing import is_empty, is_made, refuse_acting, refuse_other_tables, refuse_strange, tables
from grantlens.schema.vocabulary import ENUMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantlens.engine.duckdb import Engine

VERSION = 19
"""Version of the schema that this code reads and writes."""

MADE_BY = "grantlens"


def _to_version_2(engine: Engine) -> None:
    """Add identities, what loaders declare, and whether a log is covered in part.

    Written out, so that what this step makes does not change with later columns. Coverage itself version 9 has worked out anew.
    """
    for statement in (
        "CREATE TABLE identity (kind VARCHAR NOT NULL, name VARCHAR NOT NULL, source VARCHAR NOT NULL, id VARCHAR NOT NULL)",
        "CREATE TABLE declared (source VARCHAR NOT NULL, issuance_usage VARCHAR, keys_end BOOLEAN NOT NULL)",
        "DROP TABLE coverage",
        "CREATE TABLE coverage (source VARCHAR NOT NULL, tenant VARCHAR, log log_t NOT NULL, covered_from TIMESTAMPTZ NOT NULL, "
        "covered_until TIMESTAMPTZ NOT NULL, is_gap BOOLEAN NOT NULL, records BIGINT NOT NULL, note VARCHAR, in_part BOOLEAN NOT NULL)",
    ):
        engine.execute(statement)


def _to_version_3(engine: Engine) -> None:
    """Keep what people state of clocks apart from what the logs tell of them."""
    for statement in (
        "CREATE TABLE stated_clock (source VARCHAR NOT NULL, tenant VARCHAR, log log_t, error_seconds DOUBLE NOT NULL, "
        "offset_seconds DOUBLE)",
        "INSERT INTO stated_clock SELECT source, tenant, log, error_s, offset_s FROM clock WHERE NOT assumed",
        "ALTER TABLE clock DROP COLUMN assumed",
    ):
        engine.execute(statement)


def _to_version_4(engine: Engine) -> None:
    """Keep account of calls that are taken out again."""
    engine.execute(
        "CREATE TABLE forgotten (batch_id INTEGER NOT NULL, before TIMESTAMPTZ NOT NULL, calls BIGINT NOT NULL, "
        "forgotten_at TIMESTAMPTZ NOT NULL)"
    )


def _to_version_5(engine: Engine) -> None:
    """Keep what was decided about access, account of files that are taken out again, and why an issue was refused.

    Of what was loaded before, why it was refused is not known.
    """
    for statement in (
        "CREATE TYPE decision_t AS ENUM ('revoke', 'keep')",
        "CREATE TYPE cause_t AS ENUM ('compromise', 'leaver', 'retired', 'review')",
        "CREATE TABLE decision (decided_at TIMESTAMPTZ NOT NULL, decision decision_t NOT NULL, source VARCHAR, tenant VARCHAR, "
        "client_id VARCHAR, subject_id VARCHAR, grant_id VARCHAR, token_id VARCHAR, cause cause_t, within_hours DOUBLE, "
        "decided_by VARCHAR, reference VARCHAR)",
        "CREATE TABLE unloaded (path VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, bytes BIGINT NOT NULL, loader VARCHAR, "
        'records BIGINT NOT NULL, "rows" BIGINT NOT NULL, unloaded_at TIMESTAMPTZ NOT NULL)',
        "CREATE TYPE issuance_denial_t AS ENUM ('reuse', 'expired', 'revoked', 'token', 'client', 'subject', 'scope', 'consent', 'policy', "
        "'rate', 'other')",
        "ALTER TABLE issuance RENAME TO issuance_before",
        """
        CREATE TABLE issuance (
            issued_at TIMESTAMPTZ NOT NULL, kind issuance_kind_t NOT NULL, outcome outcome_t NOT NULL, denial_reason issuance_denial_t,
            grant_type VARCHAR, grant_id VARCHAR, token_id VARCHAR, token_kind token_kind_t, parent_token_id VARCHAR, session_id VARCHAR,
            client_id VARCHAR, client_name VARCHAR, subject_id VARCHAR, subject_name VARCHAR, subject_kind subject_kind_t,
            actor_chain VARCHAR[], may_act VARCHAR[], scopes_requested VARCHAR[], scopes VARCHAR[], audience VARCHAR[],
            authorization_details JSON, expires_at TIMESTAMPTZ, consent_actor VARCHAR, consent_kind consent_kind_t, cnf_jkt VARCHAR,
            ip VARCHAR, user_agent VARCHAR, source VARCHAR NOT NULL, tenant VARCHAR, event_id VARCHAR NOT NULL, received_at TIMESTAMPTZ,
            batch_id INTEGER NOT NULL, line_no BIGINT NOT NULL)
        """,
        "INSERT INTO issuance BY NAME FROM issuance_before",
        "DROP TABLE issuance_before",
    ):
        engine.execute(statement)


def _to_version_6(engine: Engine) -> None:
    """Keep which logs name actors as RFC 8693 does: of those loaded before, the native ones."""
    engine.execute("ALTER TABLE declared ADD COLUMN actors VARCHAR")
    engine.execute("UPDATE declared SET actors = 'nested' WHERE source = 'native'")


def _to_version_7(engine: Engine) -> None:
    """Keep which scopes a server offers, and the networks of a client: of what was stated before, neither is known."""
    engine.execute("ALTER TABLE server ADD COLUMN scopes_supported VARCHAR[]")
    engine.execute(
        "ALTER TABLE register ADD COLUMN networks STRUCT(network VARCHAR, first_address VARCHAR, last_address VARCHAR)[]"
    )


def _to_version_8(engine: Engine) -> None:
    """Keep which tenants share with a client: of those registered before, it is not known."""
    engine.execute("ALTER TABLE register ADD COLUMN approved_tenants VARCHAR[]")


def _to_version_9(engine: Engine) -> None:
    """Have the gaps of all logs told anew, as they are told now: coverage is worked out again before anything is asked."""
    engine.execute("DELETE FROM meta WHERE name = 'coverage_due_from_batch'")
    engine.execute("INSERT INTO meta VALUES ('coverage_due_from_batch', '0')")


def _to_version_10(engine: Engine) -> None:
    """Tell records that are far from their log by a column of coverage, which is worked out again."""
    engine.execute("DROP TABLE coverage")
    engine.execute(
        "CREATE TABLE coverage (source VARCHAR NOT NULL, tenant VARCHAR, log log_t NOT NULL, covered_from TIMESTAMPTZ NOT NULL, "
        "covered_until TIMESTAMPTZ NOT NULL, is_gap BOOLEAN NOT NULL, records BIGINT NOT NULL, note VARCHAR, "
        "in_part BOOLEAN NOT NULL, is_far BOOLEAN NOT NULL)"
    )
    _to_version_9(engine)


def _to_version_11(engine: Engine) -> None:
    """Keep which logs tell of a key first when it is made: of those loaded before, Cloudflare's and OpenAI's."""
    for statement in (
        "ALTER TABLE declared RENAME TO declared_before",
        "CREATE TABLE declared (source VARCHAR NOT NULL, issuance_usage VARCHAR, keys_end BOOLEAN NOT NULL, actors VARCHAR, "
        "keys_begin BOOLEAN NOT NULL)",
        "INSERT INTO declared SELECT source, issuance_usage, keys_end, actors, source IN ('cloudflare', 'openai_audit') FROM declared_before",
        "DROP TABLE declared_before",
    ):
        engine.execute(statement)


def _to_version_12(engine: Engine) -> None:
    """Keep under which other paths a loaded file came again: of those that came before, it is not known."""
    engine.execute("CREATE TABLE other_path (batch_id INTEGER NOT NULL, path VARCHAR NOT NULL)")


def _to_version_13(engine: Engine) -> None:
    """Keep which keys a client already had when it got one: of what was loaded before, it is not known."""
    for statement in (
        "ALTER TABLE issuance RENAME TO issuance_before",
        """
        CREATE TABLE issuance (
            issued_at TIMESTAMPTZ NOT NULL, kind issuance_kind_t NOT NULL, outcome outcome_t NOT NULL, denial_reason issuance_denial_t,
            grant_type VARCHAR, grant_id VARCHAR, token_id VARCHAR, token_kind token_kind_t, parent_token_id VARCHAR, session_id VARCHAR,
            client_id VARCHAR, client_name VARCHAR, subject_id VARCHAR, subject_name VARCHAR, subject_kind subject_kind_t,
            actor_chain VARCHAR[], may_act VARCHAR[], scopes_requested VARCHAR[], scopes VARCHAR[], audience VARCHAR[],
            authorization_details JSON, expires_at TIMESTAMPTZ, consent_actor VARCHAR, consent_kind consent_kind_t, earlier_keys VARCHAR[],
            cnf_jkt VARCHAR, ip VARCHAR, user_agent VARCHAR, source VARCHAR NOT NULL, tenant VARCHAR, event_id VARCHAR NOT NULL,
            received_at TIMESTAMPTZ, batch_id INTEGER NOT NULL, line_no BIGINT NOT NULL)
        """,
        "INSERT INTO issuance BY NAME FROM issuance_before",
        "DROP TABLE issuance_before",
    ):
        engine.execute(statement)


def _to_version_14(engine: Engine) -> None:
    """Keep when a client works, on what, and how much it calls on a day; and what the types of authorization details mean."""
    for statement in (
        "ALTER TABLE register ADD COLUMN approved_hours STRUCT(written VARCHAR, weekday TINYINT, from_minute SMALLINT, until_minute SMALLINT, zone VARCHAR)[]",
        "ALTER TABLE register ADD COLUMN approved_resources VARCHAR[]",
        "ALTER TABLE register ADD COLUMN calls_per_day BIGINT",
        "CREATE TABLE details_type (type VARCHAR NOT NULL, source VARCHAR, absent_actions VARCHAR, absent_locations VARCHAR, "
        "absent_datatypes VARCHAR, absent_identifier VARCHAR, passed_over VARCHAR[], "
        "operations STRUCT(operation VARCHAR, action VARCHAR, datatype VARCHAR)[])",
    ):
        engine.execute(statement)


def _to_version_15(engine: Engine) -> None:
    """Keep when the person signed in for a token: of what was loaded before, it is not known."""
    for statement in (
        "ALTER TABLE issuance RENAME TO issuance_before",
        """
        CREATE TABLE issuance (
            issued_at TIMESTAMPTZ NOT NULL, kind issuance_kind_t NOT NULL, outcome outcome_t NOT NULL, denial_reason issuance_denial_t,
            grant_type VARCHAR, grant_id VARCHAR, token_id VARCHAR, token_kind token_kind_t, parent_token_id VARCHAR, session_id VARCHAR,
            auth_time TIMESTAMPTZ, client_id VARCHAR, client_name VARCHAR, subject_id VARCHAR, subject_name VARCHAR, subject_kind subject_kind_t,
            actor_chain VARCHAR[], may_act VARCHAR[], scopes_requested VARCHAR[], scopes VARCHAR[], audience VARCHAR[],
            authorization_details JSON, expires_at TIMESTAMPTZ, consent_actor VARCHAR, consent_kind consent_kind_t, earlier_keys VARCHAR[],
            cnf_jkt VARCHAR, ip VARCHAR, user_agent VARCHAR, source VARCHAR NOT NULL, tenant VARCHAR, event_id VARCHAR NOT NULL,
            received_at TIMESTAMPTZ, batch_id INTEGER NOT NULL, line_no BIGINT NOT NULL)
        """,
        "INSERT INTO issuance BY NAME FROM issuance_before",
        "DROP TABLE issuance_before",
    ):
        engine.execute(statement)


def _to_version_16(engine: Engine) -> None:
    """Keep when the token of a call was issued, where calls repeat it: of what was loaded before, it is not known."""
    for statement in (
        "ALTER TABLE usage_caller RENAME TO usage_caller_before",
        """
        CREATE TABLE usage_caller (
            caller_id INTEGER NOT NULL, source VARCHAR NOT NULL, tenant VARCHAR,
            token_id VARCHAR, grant_id VARCHAR, session_id VARCHAR, client_id VARCHAR, client_name VARCHAR, subject_id VARCHAR,
            subject_name VARCHAR, actor_chain VARCHAR[], token_scopes VARCHAR[], token_issued_at TIMESTAMPTZ, resource_server VARCHAR,
            validation validation_t, dpop_jkt VARCHAR, resource_tenant VARCHAR, ip VARCHAR, user_agent VARCHAR)
        """,
        "INSERT INTO usage_caller BY NAME FROM usage_caller_before",
        "DROP TABLE usage_caller_before",
    ):
        engine.execute(statement)


def _to_version_17(engine: Engine) -> None:
    """Keep what is enabled again after it was disabled: of what was loaded before, it is not known."""
    for statement in (
        "ALTER TABLE revocation ALTER kind TYPE VARCHAR",
        "DROP TYPE revocation_kind_t",
        "CREATE TYPE revocation_kind_t AS ENUM ('revoke', 'disable', 'downgrade', 'expiry', 'signal', 'enable')",
        "ALTER TABLE revocation ALTER kind TYPE revocation_kind_t",
    ):
        engine.execute(statement)


def _to_version_18(engine: Engine) -> None:
    """Keep which logs show what gives access as whole as what takes it away: of those loaded before, that of three loaders."""
    for statement in (
        "ALTER TABLE declared RENAME TO declared_before",
        "CREATE TABLE declared (source VARCHAR NOT NULL, issuance_usage VARCHAR, keys_end BOOLEAN NOT NULL, actors VARCHAR, "
        "keys_begin BOOLEAN NOT NULL, giving_shown BOOLEAN NOT NULL)",
        "INSERT INTO declared SELECT source, issuance_usage, keys_end, actors, keys_begin, "
        "source IN ('aws_cloudtrail', 'gcp_audit', 'kubernetes') FROM declared_before",
        "DROP TABLE declared_before",
    ):
        engine.execute(statement)


def _to_version_19(engine: Engine) -> None:
    """Keep whose tokens a server accepts: of servers that were added before, it is not known."""
    engine.execute("ALTER TABLE server ADD COLUMN accepts VARCHAR[]")


MIGRATIONS: dict[int, Callable[[Engine], None]] = {
    2: _to_version_2,
    3: _to_version_3,
    4: _to_version_4,
    5: _to_version_5,
    6: _to_version_6,
    7: _to_version_7,
    8: _to_version_8,
    9: _to_version_9,
    10: _to_version_10,
    11: _to_version_11,
    12: _to_version_12,
    13: _to_version_13,
    14: _to_version_14,
    15: _to_version_15,
    16: _to_version_16,
    17: _to_version_17,
    18: _to_version_18,
    19: _to_version_19,
}
"""Step that leads from the version before to this one; version 1 is made by `create`."""


def create(engine: Engine) -> None:
    """Make every type, table and view in an empty database."""
    with engine.transaction():
        make_types(engine)
        for table in TABLES:
            engine.execute(table.ddl())
        for name, sql in VIEWS.items():
            engine.execute(f"CREATE OR REPLACE VIEW {name} AS {sql}")
        facts = {
            "made_by": MADE_BY,
            "schema_version": str(VERSION),
            "token_key": secrets.token_hex(32),
            "hash_probe": hash_probe(engine),
        }
        engine.execute(
            "INSERT INTO meta SELECT unnest($names), unnest($values)", {"names": [*facts], "values": [*facts.values()]}
        )


def make_types(engine: Engine) -> None:
    """Make the closed vocabularies as types."""
    for name, values in ENUMS.items():
        listed = ", ".join(f"'{value}'" for value in values)
        engine.execute(f"CREATE TYPE {name} AS ENUM ({listed})")


def version(engine: Engine) -> int | None:
    """Return the schema version of a store, None for an empty database.

    Raises
    ------
    StoreError
        If the database is no store, or holds something that would be run in place of what grantlens means.
    """
    if engine.is_new:
        return None
    stranger = StoreError(
        f"{engine.path} is a DuckDB database, but no grantlens store.",
        "Name a store made by grantlens; loading logs makes one: grantlens load acme.duckdb LOGS",
    )
    held = tables(engine)
    if META.name not in held and not is_empty(engine):
        raise stranger
    refuse_strange(engine)
    if not held:
        return None
    if not is_made(engine, META, held):
        raise stranger
    facts = dict(engine.rows("SELECT name, value FROM meta"))
    if facts.get("made_by") != MADE_BY or not re.fullmatch("[0-9]{1,9}", facts.get("schema_version", "")):
        raise stranger
    return int(facts["schema_version"])


def prepare(engine: Engine, *, read_only: bool = False) -> None:
    """Make the tables of a new store, migrate an older one, refuse a newer one and one that is not as grantlens makes it.

    Parameters
    ----------
    engine
        An open database.
    read_only
        Nothing may be written; an empty or older store is refused then.
    """
    found = version(engine)
    if found is not None and found > VERSION:
        raise StoreError(
            f"{engine.path} was made by a newer grantlens (schema {found}; this one knows {VERSION}).",
            "Update your clone of grantlens, and install it again: pip install .",
        )
    if read_only and found != VERSION:
        seen = "is empty" if found is None else f"has the older schema {found}"
        raise StoreError(f"{engine.path} {seen} and was opened for reading only.", "Open it once for writing.")
    if found is None:
        create(engine)
        return
    if not read_only:
        refuse_acting(engine)
    for step in range(found + 1, VERSION + 1):
        with engine.transaction():
            MIGRATIONS[step](engine)
            engine.execute("UPDATE meta SET value = $version WHERE name = 'schema_version'", {"version": str(step)})
    refuse_other_tables(engine)
    if not read_only:
        _renew_hashes(engine)


def hash_probe(engine: Engine) -> str:
    """Return DuckDB's hash of a fixed text: it tells whether stored hashes are still comparable."""
    return str(engine.value("SELECT hash('grantlens', 'probe')"))


def _renew_hashes(engine: Engine) -> None:
    """Compute the stored event keys again where a newer DuckDB hashes differently."""
    probe = hash_probe(engine)
    if engine.value("SELECT value FROM meta WHERE name = 'hash_probe'") == probe:
        return
    with engine.transaction():
        for statement in EVENT_KEYS_ANEW:
            engine.execute(statement)
        engine.execute("UPDATE meta SET value = $probe WHERE name = 'hash_probe'", {"probe": probe})


EVENT_KEYS_ANEW = (
    "DELETE FROM event_key",
    "INSERT INTO event_key SELECT hash((SELECT value FROM meta WHERE name = 'token_key'), source, event_id) "
    "FROM usage_row JOIN usage_caller USING (caller_id)",
)
"""Computes the event key of each call that is there; the token key keeps strangers from making two ids collide."""
