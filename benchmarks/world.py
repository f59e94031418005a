"""The logs that questions and cases are measured on, and the counts that are true of them.

Tokens of an hour, used a hundred times each, by connections with one client, one subject and one grant; six APIs of
twenty operations, ids in the paths. One connection in twenty goes beyond its scopes, one in five holds a scope that
it never needs, one in forty calls what no catalogue knows, one token in fifty is revoked after twenty minutes: of
these a quarter works on, a quarter works for five minutes more. Everything is drawn by hashes, so a size has one world.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

CALLS_PER_TOKEN, CALLS_PER_CONNECTION, DAYS = 100, 2500, 90
APIS = ("mail", "files", "crm", "ledger", "desk", "wiki")
THINGS = ("messages", "folders", "contacts", "reports")

_OPERATIONS = """
CREATE TABLE operation AS
SELECT (api * 20 + thing * 5 + verb)::INTEGER AS op, name || '.example' AS host, verbs[verb + 1] AS method,
       CASE WHEN thing % 2 = 0 THEN '/v1/' ELSE '/v1/users/{user}/' END || noun
           || CASE WHEN verb IN (0, 2) THEN '' ELSE '/{id}' END AS template,
       CASE WHEN verb < 2 THEN [name || '.' || noun || '.read', name || '.' || noun || '.write']
            ELSE [name || '.' || noun || '.write'] END AS accepted
FROM (SELECT ['GET', 'GET', 'POST', 'PATCH', 'DELETE'] AS verbs),
     (SELECT unnest(range(6)) AS api, unnest($apis) AS name),
     (SELECT unnest(range(4)) AS thing, unnest($things) AS noun),
     (SELECT unnest(range(5)) AS verb)
"""

_CONNECTIONS = """
CREATE TABLE connection AS
WITH numbered AS (
    SELECT c, c % 6 AS api, c // 6 % 4 AS thing, c % 3 = 0 AS writes, c % 5 = 0 AS has_spare, c % 20 = 7 AS strays, c % 40 = 3 AS probes
    FROM range($connections) t(c)
)
SELECT c, 'client-' || c AS client_id, 'user-' || c % 1000 AS subject_id, 'grant-' || c AS grant_id, '192.0.2.' || c % 250 AS ip,
       has_spare, strays, probes, api * 20 AS base, thing,
       [thing * 5, thing * 5 + 1, (thing + 1) % 4 * 5, (thing + 1) % 4 * 5 + 1] || CASE WHEN writes THEN [thing * 5 + 2, thing * 5 + 3] ELSE [] END AS usual,
       [(thing + 2) % 4 * 5 + 4, (thing + 3) % 4 * 5 + 2] AS beyond,
       ($apis)[api + 1] || '.example' AS host,
       [($apis)[api + 1] || '.' || part FOR part IN
           [($things)[thing + 1] || '.read', ($things)[(thing + 1) % 4 + 1] || '.read']
           || CASE WHEN writes THEN [($things)[thing + 1] || '.write'] ELSE [] END
           || CASE WHEN has_spare THEN [($things)[(thing + 2) % 4 + 1] || '.write'] ELSE [] END] AS scopes
FROM numbered
"""

_TOKENS = """
CREATE TABLE token AS
SELECT t, t % $connections AS c, 'token-' || t AS token_id,
       TIMESTAMPTZ '2026-01-01 02:00:00Z' + to_milliseconds((hash(t) % (($days * 24 - 4) * 3600000::BIGINT))::BIGINT) AS issued_at,
       t % 50 = 3 AS revoked, [3600, 300, 0, 0][t // 50 % 4 + 1] AS works_for_s
FROM range($tokens) x(t)
"""

_CALLS = """
CREATE TABLE call AS
WITH drawn AS (
    SELECT i, (hash(i) % $tokens)::BIGINT AS t, 10000 + (hash(i + 1000000007) % 3400000)::BIGINT AS raw_ms,
           (hash(i + 2000000011) >> 1)::BIGINT AS dice, hash(i + 3000000019) % 10000 AS luck
    FROM range($calls) x(i)
), placed AS (
    -- No call within 40 s of a revocation: what the clocks cannot tell is not what is measured here.
    SELECT d.*, k.c, k.token_id, k.issued_at, CASE WHEN abs(raw_ms - 1200000) < 40000 THEN raw_ms + 80000 ELSE raw_ms END AS after_ms,
           k.revoked, k.works_for_s
    FROM drawn d JOIN token k USING (t)
), chosen AS (
    SELECT p.*, n.client_id, n.subject_id, n.host, n.ip, n.base,
           n.strays AND luck < 100 AND NOT revoked AS stray, n.probes AND luck < 100 AS probe,
           CASE WHEN n.strays AND luck < 100 AND NOT revoked THEN n.beyond[dice % 2 + 1] ELSE n.usual[dice % len(n.usual) + 1] END AS place,
           CASE WHEN revoked AND after_ms > 1200000 + works_for_s * 1000 THEN 2 WHEN luck >= 9900 THEN 1 ELSE 0 END AS refused
    FROM placed p JOIN connection n USING (c)
)
SELECT c.i, c.issued_at + to_milliseconds(after_ms) AS used_at, c.token_id, c.client_id, c.subject_id, c.host, c.ip, c.stray, c.probe, c.refused,
       c.revoked AND after_ms > 1200000 AS late, o.op, CASE WHEN probe THEN 'GET' ELSE o.method END AS method,
       CASE WHEN probe THEN '/probe/' || dice % 1000000
            ELSE replace(replace(o.template, '{user}', (10000000 + dice % 90000)::VARCHAR),
                         '{id}', CASE WHEN c.base % 40 = 0 THEN (100000 + dice // 7 % 900000)::VARCHAR
                                      ELSE printf('%08x-0000-4000-8000-%012x', dice % 4294967296, dice // 11 % 1000000) END) END AS target
FROM chosen c JOIN operation o ON o.op = c.base + c.place
"""

_LOGS = {
    "usage": """
SELECT 'usage' AS log, used_at, ['success', 'denied', 'denied'][refused + 1] AS outcome, [200, 429, 401][refused + 1]::SMALLINT AS status,
       [NULL, 'rate', 'token'][refused + 1] AS denial_reason, token_id, client_id, subject_id, host AS resource_server, method, target,
       ip, 'agent/1.0' AS user_agent, 'acme' AS tenant, 'use-' || i AS event_id
FROM call ORDER BY used_at, i""",
    "issuance": """
SELECT 'issuance' AS log, TIMESTAMPTZ '2026-01-01 01:00:00Z' + to_milliseconds(c) AS issued_at, 'consent' AS kind, 'success' AS outcome,
       NULL AS token_id, NULL AS token_kind, NULL::TIMESTAMPTZ AS expires_at, grant_id, client_id, subject_id, 'user' AS subject_kind,
       scopes, 'acme' AS tenant, 'consent-' || c AS event_id
FROM connection
UNION ALL
SELECT 'issuance', issued_at, 'token', 'success', token_id, 'access', issued_at + INTERVAL 1 HOUR, grant_id, client_id, subject_id, 'user',
       scopes, 'acme', 'issue-' || t
FROM token JOIN connection USING (c)""",
    "revocation": """
SELECT 'revocation' AS log, issued_at + INTERVAL 20 MINUTE AS revoked_at, 'revoke' AS kind, 'success' AS outcome, 'token' AS target_kind,
       token_id, grant_id, client_id, subject_id, 'admin' AS initiator, 'acme' AS tenant, 'revoke-' || t AS event_id
FROM token JOIN connection USING (c) WHERE revoked""",
    "operation": "SELECT * FROM operation",
}

_LINES = """
SELECT '{"log":"usage","used_at":"' || strftime(used_at, '%Y-%m-%dT%H:%M:%S.%gZ') || '","outcome":"' || outcome || '","status":' || status
    || coalesce(',"denial_reason":"' || denial_reason || '"', '') || ',"token_id":"' || token_id || '","client_id":"' || client_id
    || '","subject_id":"' || subject_id || '","resource_server":"' || resource_server || '","method":"' || method || '","target":"' || target
    || '","ip":"' || ip || '","user_agent":"' || user_agent || '","tenant":"' || tenant || '","event_id":"' || event_id || '"}'
FROM '{folder}/usage.parquet'
"""
"""The calls as lines of JSON, put together from pieces: DuckDB would write each NULL out."""

_TRUTH = """
SELECT count(DISTINCT (client_id, op)) FILTER (stray AND refused = 0) AS out_of_scope,
       count(*) FILTER (stray AND refused = 0) AS out_of_scope_calls,
       (SELECT count(*) FROM connection WHERE has_spare) AS unused_scopes,
       count(DISTINCT token_id) FILTER (late) AS tried_after,
       count(DISTINCT token_id) FILTER (late AND refused = 0) AS worked_after,
       count(DISTINCT token_id) FILTER (late AND refused = 2) AS refused_after
FROM call
"""


def write(folder: Path, calls: int) -> dict[str, int]:
    """Write the logs and the operations as Parquet, the calls as NDJSON too, and the catalogue; return what is true."""
    sizes = {
        "calls": calls,
        "tokens": calls // CALLS_PER_TOKEN,
        "connections": calls // CALLS_PER_CONNECTION,
        "days": DAYS,
        "apis": list(APIS),
        "things": list(THINGS),
    }
    database = folder / "drawn.duckdb"
    connection = duckdb.connect(str(database))
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    for sql in (_OPERATIONS, _CONNECTIONS, _TOKENS, _CALLS):
        connection.execute(sql, {name: value for name, value in sizes.items() if f"${name}" in sql})
    for name, sql in _LOGS.items():
        connection.execute(f"COPY ({sql}) TO '{folder}/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    lines = _LINES.replace("{folder}", str(folder))
    connection.execute(
        f"COPY ({lines}) TO '{folder}/usage.ndjson' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
    )
    answer = connection.execute(_TRUTH)
    truth = dict(zip((column[0] for column in answer.description), answer.fetchall()[0], strict=True))
    operations = connection.execute("SELECT host, method, template, accepted FROM operation ORDER BY op").fetchall()
    connection.close()
    database.unlink()
    (folder / "catalogue.toml").write_text(_catalogue(operations), encoding="utf-8")
    return truth


def _catalogue(operations: list[tuple[str, str, str, list[str]]]) -> str:
    text = ['[catalogue]\nname = "benchmark"\nversion = "1"\n']
    for host, method, template, accepted in operations:
        text.append(
            f'[[operation]]\nmethod = "{method}"\npath = "{template}"\nserver = "{host}"\nrequires = [["{accepted[0]}"]]\n'
        )
    for scope in sorted({f"{api}.{thing}" for api in APIS for thing in THINGS}):
        text.append(f'[[scope]]\nname = "{scope}.read"\nrisk = 1\n')
        text.append(f'[[scope]]\nname = "{scope}.write"\nrisk = 2\nimplies = ["{scope}.read"]\n')
    return "\n".join(text)


def load(folder: Path) -> None:
    """Load the logs into a store of grantlens, and into a DuckDB file of plain tables."""
    from grantlens import Catalogue
    from grantlens import open as open_store

    with open_store(folder / "store.duckdb") as store:
        store.add(Catalogue.build("toml", folder / "catalogue.toml"))
        report = store.load(*(folder / name for name in ("issuance.parquet", "revocation.parquet", "usage.ndjson")))
        assert not report.failed, report.failed
        assert report.total("rejected") == 0
    connection = duckdb.connect(str(folder / "plain.duckdb"))
    connection.execute("SET enable_progress_bar = false")
    for name in _LOGS:
        connection.execute(f"CREATE TABLE {name} AS FROM '{folder}/{name}.parquet'")
    connection.close()


@contextmanager
def loaded(calls: int) -> Iterator[tuple[Path, dict[str, int]]]:
    """Write and load a world of this size; yield its folder and its truth, and delete it in the end."""
    with tempfile.TemporaryDirectory(prefix="grantlens-bench-") as name:
        truth = write(Path(name), calls)
        load(Path(name))
        yield Path(name), truth
