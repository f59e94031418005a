"""How each rule grows where one thing is many: tokens of a grant, revocations of it, grants for everyone beside people's own.

Logs are mostly wide, not deep, and the other benchmarks are so too. Here one dimension in turn is large and the others are
small: what joins many with many shows itself, and so does what joins by the source alone. Each shape is answered at
a quarter of the size and at the whole of it; four times the seconds are linear.

    python -m benchmarks.bench_growth --size 3000 --shapes clients revocations
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantlens import Catalogue, Store
    from grantlens.engine.duckdb import Engine

EQUAL = re.compile(r".* (=|IS NOT DISTINCT FROM) ")

OPERATION = '[[operation]]\nmethod = "GET"\npath = "/{name}"\nserver = "api.example"\nrequires = {requires}\n'
START = "TIMESTAMPTZ '2026-06-01 12:00:00Z'"
AT = f"{START} + to_seconds(i * (80 * 86400 // $n))"
"""A moment for each i, spread over eighty days whatever the size."""

CONSENT = "SELECT 'issuance' AS log, 'consent' AS kind, 'success' AS outcome, 'user' AS subject_kind"
TOKEN = "SELECT 'issuance' AS log, 'token' AS kind, 'access' AS token_kind, 'success' AS outcome, 'user' AS subject_kind, ['read'] AS scopes"
REUSE = "SELECT 'issuance' AS log, 'refresh' AS kind, 'denied' AS outcome, 'reuse' AS denial_reason"
ANYWHERE = "SELECT 'usage' AS log, 'success' AS outcome, 'GET' AS method"
CALL = f"{ANYWHERE}, 'api.example' AS resource_server"
REMOVED = "SELECT 'usage' AS log, 'success' AS outcome, 'DELETE' AS method, 'auth0' AS resource_server, '/api/v2/log-streams/' || i AS target"
REFUSED = "SELECT 'usage' AS log, 'denied' AS outcome, 'scope' AS denial_reason, 'GET' AS method, 'api.example' AS resource_server"
END = "SELECT 'revocation' AS log, 'success' AS outcome, 'grant' AS target_kind, 'admin' AS initiator"
END_OF_TOKEN = "SELECT 'revocation' AS log, 'revoke' AS kind, 'success' AS outcome, 'token' AS target_kind"
EACH = "'app' || i AS client_id, 'p' || i AS subject_id"
PERSON = "'app' AS client_id, 'p' || i AS subject_id"
ONE = "'app' AS client_id, 'ann' AS subject_id, 'g' AS grant_id"

SHAPES = {
    "clients": (
        f"{CONSENT}, {EACH}, 'g' || i AS grant_id, ['read'] AS scopes, {AT} AS issued_at",
        f"{TOKEN}, {EACH}, 'g' || i AS grant_id, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS issued_at",
        f"{CALL}, {EACH}, '/read' AS target, {AT} + INTERVAL 2 MINUTE AS used_at",
        f"{CALL}, 'app' || i AS client_id, 'q' || i AS subject_id, '/read' AS target, {AT} AS used_at",
        f"{END}, 'downgrade' AS kind, {EACH}, ['read'] AS scopes_removed, {AT} + INTERVAL 3 MINUTE AS revoked_at",
        f"{END}, 'revoke' AS kind, {EACH}, 'g' || i AS grant_id, {AT} + INTERVAL 4 MINUTE AS revoked_at",
    ),
    "grants for everyone": (
        f"{CONSENT}, 'app' AS client_id, 'all' || i AS grant_id, [['read', 'write'][i % 2 + 1]] AS scopes, {START} AS issued_at",
        f"{CONSENT}, {PERSON}, 'g' || i AS grant_id, ['read'] AS scopes, {START} AS issued_at",
        f"{CALL}, {PERSON}, ['/read', '/write'][i % 2 + 1] AS target, {AT} + INTERVAL 1 MINUTE AS used_at",
        f"{REFUSED}, {PERSON}, '/write' AS target, {AT} AS used_at",
        f"{CALL}, 'app' AS client_id, 'stranger' || i AS subject_id, '/read' AS target, {AT} AS used_at",
    ),
    "revocations of a grant": (
        f"{TOKEN}, {ONE}, 't' || i AS token_id, {AT} AS issued_at, {AT} + INTERVAL 1 HOUR AS expires_at",
        f"{CALL}, 't' || i AS token_id, '/read' AS target, {AT} + INTERVAL 1 MINUTE AS used_at",
        f"{END}, 'revoke' AS kind, {ONE}, {AT} + INTERVAL 2 MINUTE AS revoked_at",
    ),
    "tokens without an id": (
        f"{TOKEN}, {ONE}, {AT} AS issued_at, {AT} + INTERVAL 1 HOUR AS expires_at",
        f"{CALL}, {ONE}, '/read' AS target, {AT} + INTERVAL 1 MINUTE AS used_at",
        f"{END_OF_TOKEN}, 'app' AS client_id, 'ann' AS subject_id, {AT} + INTERVAL 2 MINUTE AS revoked_at",
        f"{END_OF_TOKEN}, 'app' AS client_id, 'ann' AS subject_id, 'u' || i AS token_id, {AT} + INTERVAL 3 MINUTE AS revoked_at",
    ),
    "consents and revocations": (
        f"{CONSENT}, {ONE}, ['read'] AS scopes, {AT} AS issued_at",
        f"{TOKEN}, {ONE}, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS issued_at, {AT} + INTERVAL 1 HOUR AS expires_at",
        f"{CALL}, 't' || i AS token_id, '/read' AS target, {AT} + INTERVAL 2 MINUTE AS used_at",
        f"{END}, 'revoke' AS kind, {ONE}, {AT} + INTERVAL 3 MINUTE AS revoked_at",
    ),
    "downgrades of a grant": (
        f"{CONSENT}, {ONE}, ['read', 'write'] AS scopes, {AT} AS issued_at",
        f"{TOKEN}, {ONE}, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS issued_at, {AT} + INTERVAL 1 HOUR AS expires_at",
        f"{END}, 'downgrade' AS kind, {ONE}, ['read'] AS scopes_removed, {AT} + INTERVAL 2 MINUTE AS revoked_at",
        f"{CALL}, 't' || i AS token_id, '/read' AS target, {AT} + INTERVAL 3 MINUTE AS used_at",
        f"{CALL}, {ONE}, '/read' AS target, {AT} + INTERVAL 4 MINUTE AS used_at",
    ),
    "servers of a host": (
        f"{TOKEN}, {PERSON}, 'g' || i AS grant_id, 't' || i AS token_id, ['https://api.example/' || i] AS audience, {AT} AS issued_at",
        f"{ANYWHERE}, 'https://api.example/' || i AS resource_server, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS used_at",
        f"{ANYWHERE}, 'https://api.example/' || (i + 1) AS resource_server, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS used_at",
    ),
    "ids that come again": (
        f"{TOKEN}, {EACH}, 'g' || i AS grant_id, 't' AS token_id, {AT} AS issued_at",
        f"{TOKEN}, {EACH}, 'g' || i AS grant_id, 'twice' || (i // 2) AS token_id, {AT} AS issued_at",
        f"{REUSE}, {ONE}, {AT} AS issued_at",
        f"{REUSE}, {ONE}, 'r' AS parent_token_id, {AT} AS issued_at",
    ),
    "actors of a token": (
        f"{TOKEN}, {ONE}, 't' AS token_id, ['a' || i] AS actor_chain, ['b' || i] AS may_act, {AT} AS issued_at",
        f"{TOKEN}, {ONE}, 'c' || i AS token_id, 't' AS parent_token_id, ['c' || i, 'a' || i] AS actor_chain, {AT} AS issued_at",
        f"{CALL}, 't' AS token_id, ['z' || i] AS actor_chain, '/read' AS target, {AT} + INTERVAL 1 MINUTE AS used_at",
    ),
    "strangers at tokens": (
        f"{CALL}, 'app' AS client_id, 't' || i AS token_id, '192.0.2.1' AS ip, 'home/1' AS user_agent, {AT} AS used_at",
        f"{CALL}, 'app' AS client_id, 't' || i AS token_id, '203.0.' || i % 250 || '.1' AS ip, 'x' || i || 'y' AS user_agent, "
        f"{AT} + INTERVAL 2 HOUR AS used_at",
        f"{CALL}, 'app' AS client_id, 't' || i AS token_id, '192.0.2.1' AS ip, 'home/1' AS user_agent, {AT} + INTERVAL 3 HOUR AS used_at",
    ),
    "strangers at a token": (
        f"{CALL}, 'app' AS client_id, 't' AS token_id, '192.0.2.1' AS ip, 'home/1' AS user_agent, {AT} AS used_at",
        f"{CALL}, 'app' AS client_id, 't' AS token_id, '203.0.' || i % 250 || '.1' AS ip, 'x' || i || 'y' AS user_agent, "
        f"{AT} + INTERVAL 2 HOUR AS used_at",
    ),
    "refusals and grants": (
        f"{CONSENT}, {ONE}, ['write'] AS scopes, {START} - INTERVAL 1 HOUR * (i + 1) AS issued_at",
        f"{TOKEN}, {ONE}, 't' || i AS token_id, {AT} + INTERVAL 1 MINUTE AS issued_at, {AT} + INTERVAL 3 MINUTE AS expires_at",
        f"{CALL}, {ONE}, 't' || i AS token_id, '/read' AS target, {AT} + INTERVAL 2 MINUTE AS used_at",
        f"{REFUSED}, {ONE}, '/read' AS target, {AT} AS used_at",
    ),
    "removed logs": (
        f"{CALL}, {ONE}, '/read' AS target, {AT} AS used_at",
        f"{REMOVED}, {ONE}, {AT} + INTERVAL 1 MINUTE AS used_at",
        f"{REMOVED}, {EACH}, {AT} AS used_at",
        f"{REMOVED}, {PERSON}, {AT} AS used_at",
    ),
    "scopes of a grant": (
        f"{CONSENT}, {ONE}, list('s' || i) AS scopes, {START} AS issued_at",
        f"{CALL}, {ONE}, '/any' AS target, {AT} AS used_at",
        f"{CALL}, {ONE}, '/o' || i AS target, {AT} AS used_at",
    ),
}
"""Records of each shape, as SELECTs from the numbers i below $n."""


@cache
def catalogue(size: int) -> Catalogue:
    """Return a catalogue with as many scopes, an operation for each, and one that each of them permits."""
    from grantlens import Catalogue

    needs = {"read": [["read"]], "write": [["write"]], "any": [[f"s{i}"] for i in range(size)]}
    needs |= {f"o{i}": [[f"s{i}"]] for i in range(size)}
    operations = [OPERATION.format(name=name, requires=json.dumps(requires)) for name, requires in needs.items()]
    with tempfile.TemporaryDirectory(prefix="grantlens-growth-") as folder:
        path = Path(folder) / "catalogue.toml"
        path.write_text("\n".join(['[catalogue]\nname = "growth"\n', *operations]), encoding="utf-8")
        return Catalogue.build("toml", path)


def made(name: str, size: int, folder: Path) -> Store:
    """Return a store in memory that holds a shape."""
    import duckdb

    from grantlens import open as open_store

    records = " UNION ALL BY NAME ".join(f"({sql} FROM range($n) t(i))" for sql in SHAPES[name])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sql = f"SELECT *, 'e' || row_number() OVER () AS event_id FROM ({records})".replace("$n", str(size))
        connection.execute(f"COPY ({sql}) TO '{folder}/records.parquet'")
    store = open_store(":memory:")
    store.add(catalogue(size))
    report = store.load(folder / "records.parquet")
    assert not report.failed, report.failed
    assert report.total("rejected") == 0
    return store


def seconds(engine: Engine, sql: str, parameters: Mapping[str, Any]) -> float:
    """Return the processor seconds that a statement takes, which writes a table."""
    begun = time.process_time()
    engine.execute(sql, parameters)
    return time.process_time() - begun


def rows(engine: Engine, sql: str, parameters: Mapping[str, Any]) -> int:
    """Return how many rows a statement makes on its way: the same on every machine, however busy it is."""
    ((_, profile),) = engine.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
    return sum(map(_made_below, json.loads(profile)["operator"]))


def _made_below(step: dict[str, Any]) -> int:
    children = step.get("children", [])
    made = step["intermediate_rows"]
    if len(children) == 2 and _compares_all(step):
        made += math.prod(child["intermediate_rows"] for child in children)
    return made + sum(map(_made_below, children))


def _compares_all(step: dict[str, Any]) -> bool:
    """Tell if a join holds each row of one side against all that the other has of a source, since its ON clause says OR."""
    if "JOIN" not in step["name"] and step["name"] != "CROSS_PRODUCT":
        return False
    conditions = step["extra_info"].get("Conditions", [])
    conditions = [conditions] if isinstance(conditions, str) else conditions
    keys = [told for told in conditions if EQUAL.match(told) and not told.startswith(("(", "source ", "tenant "))]
    return not keys and (not conditions or any(" OR " in told for told in conditions))


def asked(name: str, size: int, measure: Callable[[Engine, str, Mapping[str, Any]], float]) -> dict[str, float]:
    """Return what is measured of each step, relations and rules, for a shape of this size."""
    from grantlens import detect, relations
    from grantlens.findings.pointers import relations_of
    from grantlens.rule.written import defaults
    from grantlens.rules import registry

    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="grantlens-growth-") as folder, made(name, size, Path(folder)) as store:
        shared = {**detect.view_asked(store).window.parameters(), "every_call": False}
        for relation in relations.ordered(relations_of(registry().values())):
            measured[relation.name] = measure(
                store.engine, f"CREATE TEMP TABLE {relation.name} AS {relation.sql}", shared
            )
        for rule in registry().values():
            sql = f"CREATE OR REPLACE TEMP TABLE found AS {rule.sql}"
            measured[rule.id] = measure(store.engine, sql, {**shared, **defaults(rule)})
    return measured


def steep(small: dict[str, float], large: dict[str, float], least: float) -> list[str]:
    """Return the steps that took at least so much and grew much more than four times, where what they were given grew four times."""
    return [step for step in large if large[step] > least and large[step] > 8 * small[step]]


def main(arguments: list[str] | None = None) -> int:
    """Print the seconds of each shape, and the steps that grow faster than what they are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=3000)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    given = parser.parse_args(arguments)
    print(machine())
    print(f"{'shape':<24}{given.size // 4:>9,}{given.size:>9,}{'growth':>9}  steep steps")
    asked(given.shapes[0], 10, seconds)  # what is imported and planned once is not measured
    for name in given.shapes:
        small, large = asked(name, given.size // 4, seconds), asked(name, given.size, seconds)
        total = sum(small.values()), sum(large.values())
        told = ", ".join(f"{step} {large[step]:.1f} s" for step in steep(small, large, 0.5))
        print(f"{name:<24}{total[0]:9.2f}{total[1]:9.2f}{total[1] / total[0]:9.1f}  {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
