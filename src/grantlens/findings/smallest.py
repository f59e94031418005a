"""The smallest scope set that would have been enough: for each client, beside what it held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from grantlens.analysis.cover import Cover, scope_cost, smallest
from grantlens.framed import Framed
from grantlens.plain import table_of
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine

NEEDS = (
    "used_pair",
    "named_caller",
    "question",
    "question_alternative",
    "judged_question",
    "everyones_use",
    "grant_state",
    "granted_scope",
    "known_scope",
)
"""Relations that must be worked out."""

MOST_WAYS = 200
"""Ways to meet one alternative of an operation that are weighed: where there are more, it is met by the scopes it names."""

_CALLED = """
CREATE OR REPLACE TEMP TABLE client_call AS
WITH home AS (
    SELECT DISTINCT source, grant_id, tenant, client_id FROM grant_state
),
only_home AS (
    SELECT source, client_id, min(tenant) AS tenant FROM home GROUP BY source, client_id HAVING count(DISTINCT coalesce(tenant, '')) = 1
),
-- One of the logs may name no tenant where the other does: a call is of the tenant of its grant, or of the only one that its client has.
own AS (
    SELECT c.source, c.client_id,
           CASE WHEN h.grant_id IS NOT NULL THEN h.tenant
                WHEN o.client_id IS NOT NULL AND (c.tenant IS NULL OR o.tenant IS NULL) THEN o.tenant ELSE c.tenant END AS tenant,
           p.operation_id, p.application, sum(p.events)::BIGINT AS events,
           bool_or(j.verdict IN ('in_scope', 'in_scope_by_implication')) AS permitted,
           sum(p.events) FILTER (j.verdict IN ('in_scope', 'in_scope_by_implication', 'out_of_scope'))::BIGINT AS judged
    FROM used_pair p
    JOIN named_caller c USING (caller_id)
    LEFT JOIN home h ON h.source = c.source AND h.grant_id = p.grant_id
    LEFT JOIN only_home o ON o.source = c.source AND o.client_id = c.client_id
    LEFT JOIN judged_question j ON j.operation_id = p.operation_id AND j.set_id = p.set_id AND j.application IS NOT DISTINCT FROM p.application
    WHERE p.outcome = 'success' AND NOT p.grant_ended AND c.client_id IS NOT NULL
    GROUP BY ALL
),
everyones AS (
    SELECT DISTINCT e.source, g.tenant, g.client_id, e.operation_id, e.application
    FROM everyones_use e
    JOIN home g ON g.source = e.source AND g.grant_id = e.grant_id
)
SELECT o.* REPLACE (coalesce(o.permitted, false) OR e.client_id IS NOT NULL AS permitted, coalesce(o.judged, 0) AS judged)
FROM own o
LEFT JOIN everyones e ON e.source = o.source AND e.tenant IS NOT DISTINCT FROM o.tenant AND e.client_id = o.client_id
    AND e.operation_id = o.operation_id AND e.application IS NOT DISTINCT FROM o.application
"""
"""What each client called with success, and whether what it held permitted it."""

_CLIENTS = """
WITH scope AS (
    SELECT source, tenant, client_id, scope, bool_or(mappable AND api_logged AND NOT is_protocol AND exposure_days > 0 AND NOT unclear) AS judged
    FROM granted_scope
    GROUP BY source, tenant, client_id, scope
),
held AS (
    SELECT g.source, g.tenant, g.client_id, max(g.client_name) AS client_name, count(DISTINCT g.grant_id) AS grants,
           list_sort(list(DISTINCT g.scope)) AS held, coalesce(list_sort(list(DISTINCT g.scope) FILTER (NOT s.judged)), []) AS not_judged,
           min(coalesce(g.coverage_share, 0)) AS watched
    FROM granted_scope g
    JOIN scope s ON s.source = g.source AND s.tenant IS NOT DISTINCT FROM g.tenant AND s.client_id = g.client_id AND s.scope = g.scope
    GROUP BY g.source, g.tenant, g.client_id
),
called AS (
    SELECT source, tenant, client_id, sum(events)::BIGINT AS calls, (sum(events) - sum(judged))::BIGINT AS calls_unknown,
           coalesce(sum(judged) FILTER (NOT permitted), 0)::BIGINT AS calls_beyond,
           list({'operation_id': operation_id, 'application': application} ORDER BY operation_id, application)
               FILTER (permitted AND operation_id IS NOT NULL) AS operations
    FROM client_call
    GROUP BY source, tenant, client_id
)
-- Calls of a client of several tenants that do not say which may be any one's: what they needed of it nobody can say.
SELECT h.*, coalesce(c.calls, 0) + coalesce(s.calls, 0) AS calls, coalesce(c.calls_unknown, 0) + coalesce(s.calls, 0) AS calls_unknown,
       coalesce(c.calls_beyond, 0) AS calls_beyond, c.operations
FROM held h
LEFT JOIN called c ON c.source = h.source AND c.tenant IS NOT DISTINCT FROM h.tenant AND c.client_id = h.client_id
LEFT JOIN called s ON s.source = h.source AND h.tenant IS NOT NULL AND s.tenant IS NULL AND s.client_id = h.client_id
WHERE c.client_id IS NOT NULL OR s.client_id IS NOT NULL
ORDER BY h.source, h.tenant, h.client_id
"""

_WAYS = """
WITH way AS (
    SELECT DISTINCT q.operation_id, q.application, a.alt, a.scope_id, a.condition IS NOT NULL AS conditional
    FROM question q JOIN question_alternative a USING (question_id)
)
SELECT c.operation_id, c.application, o.label, o.security, w.alt, coalesce(bool_or(w.conditional), false) AS conditional,
       list(DISTINCT w.scope_id ORDER BY w.scope_id) FILTER (w.scope_id IS NOT NULL) AS scopes
FROM (SELECT DISTINCT operation_id, application FROM client_call WHERE permitted) c
JOIN cat_operation o ON o.op_id = c.operation_id
LEFT JOIN way w ON w.operation_id = c.operation_id AND w.application IS NOT DISTINCT FROM c.application
GROUP BY ALL
"""

_SCOPES = """
SELECT s.scope_id, s.scope, s.resource_limited, coalesce(k.rank, 0) AS rank, coalesce(r.operations, 0) AS reach,
       list(DISTINCT c.implied_scope_id) AS opens
FROM cat_scope s
JOIN scope_closure c USING (scope_id)
LEFT JOIN (SELECT scope_id, max(rank) AS rank FROM cat_scope_risk GROUP BY scope_id) k USING (scope_id)
LEFT JOIN (SELECT c.scope_id, count(DISTINCT r.op_id) AS operations
           FROM scope_closure c JOIN cat_requirement r ON r.scope_id = c.implied_scope_id GROUP BY c.scope_id) r USING (scope_id)
GROUP BY ALL
"""

_NAMES = """
SELECT scope_id, scope FROM known_scope SEMI JOIN granted_scope USING (scope)
"""

_OPENED = """
WITH alternative AS (
    SELECT x.place, r.op_id, r.principal, r.alt, count(DISTINCT r.scope_id) AS met
    FROM (SELECT DISTINCT place, c.implied_scope_id AS scope_id FROM chosen JOIN scope_closure c USING (scope_id)) x
    JOIN cat_requirement r USING (scope_id)
    GROUP BY ALL
),
whole AS (
    SELECT op_id, principal, alt, count(DISTINCT scope_id) AS parts FROM cat_requirement GROUP BY ALL
)
SELECT a.place, count(DISTINCT a.op_id) AS operations
FROM alternative a JOIN whole w ON w.op_id = a.op_id AND w.principal = a.principal AND w.alt = a.alt AND w.parts = a.met
GROUP BY a.place
"""


@dataclass(frozen=True, eq=False)
class SmallestScopes(Framed):
    """What each client held, and the smallest scope set that would have permitted all that it was permitted to do and did.

    It is hindsight and no advice: what was not seen may be needed tomorrow. `unused_privileges` weighs that.

    Parameters
    ----------
    window
        The window.
    table
        One row for each client of which a call could be judged: source, tenant, client_id, client_name, grants (how many it held),
        held (scopes), enough (scopes; those it did not hold are narrower ones), opens_held and opens_enough (operations of the
        catalogues that either set opens), not_judged (held scopes of which no log held could have shown a use: they are neither
        counted nor called needless), witness (scope, and an operation that would have failed without it), proven (no cheaper set
        exists), calls (that succeeded), calls_unknown (of which nobody can say what they needed), calls_beyond (that no granted
        scope permitted: they are not counted as a need), watched (the least share of the life of its grants for which a log of
        all calls was held).
    left_out
        Clients of which no call could be judged.
    """

    window: Window
    table: pa.Table
    left_out: int
    shown = (
        *("client_id", "held", "enough", "opens_held", "opens_enough"),
        *("calls", "calls_unknown", "calls_beyond", "watched"),
    )

    def __repr__(self) -> str:
        rows = self.table.select(["held", "enough", "not_judged", "opens_held", "opens_enough"]).to_pylist()
        smaller = [row for row in rows if row["opens_enough"] < row["opens_held"]]
        said = f"Smallest scope sets {self.window}: of {len(rows):,} clients {len(smaller):,} held more than their calls needed"
        if smaller:
            held, enough = (sum(row[name] for row in smaller) for name in ("opens_held", "opens_enough"))
            said += f"; what they held opens {held:,} operations, {enough:,} would have been enough"
        return f"{said}." + (f" Of {self.left_out:,} more no call could be judged." if self.left_out else "")


def smallest_scopes(engine: Engine, window: Window) -> SmallestScopes:
    """Work the sets out; reads `NEEDS`."""
    engine.execute(_CALLED)
    try:
        clients = engine.arrow(_CLIENTS).to_pylist()
        catalogue = _Catalogue(engine)
    finally:
        engine.execute("DROP TABLE IF EXISTS temp.client_call")
    rows = [row for row in clients if row["operations"]]
    known: dict[Any, Cover] = {}
    for row in rows:
        row["meant"] = catalogue.meant(row["held"])
        row["judged"] = [scope for scope, written in row["meant"].items() if written not in row["not_judged"]]
        asked = tuple((each["operation_id"], each["application"]) for each in row.pop("operations"))
        key = asked, frozenset(row["meant"])
        if key not in known:
            known[key] = catalogue.cover(asked, row["meant"])
        row["cover"] = known[key]
    opened = _opened(engine, [scopes for row in rows for scopes in (row["judged"], map(int, row["cover"].scopes))])
    for place, row in enumerate(rows):
        row |= {"opens_held": opened.get(2 * place, 0), "opens_enough": opened.get(2 * place + 1, 0)}
        cover, held = row.pop("cover"), row.pop("meant")
        named = {scope: held.get(int(scope)) or catalogue.names[int(scope)] for scope in cover.scopes}
        row["enough"] = sorted(named.values())
        row["witness"] = [
            {"scope": named[scope], "operation": cover.witness[scope]}
            for scope in cover.scopes
            if scope in cover.witness
        ]
        row["proven"] = cover.status == "exact"
    return SmallestScopes(window, _table(rows), len(clients) - len(rows))


class _Catalogue:
    """What the catalogues say of the operations that were called."""

    def __init__(self, engine: Engine) -> None:
        ways: dict[tuple[int, bool | None], dict[bool, list[tuple[int, ...]]]] = {}
        self._labels: dict[tuple[int, bool | None], str] = {}
        for row in engine.arrow(_WAYS).to_pylist():
            key = row["operation_id"], row["application"]
            self._labels[key] = row["label"]
            if row["security"] == "none_required" or row["alt"] is not None:
                ways.setdefault(key, {}).setdefault(row["conditional"], []).append(tuple(row["scopes"] or ()))
        # What holds under a condition alone, no log shows: it counts where there is nothing else.
        self._ways = {key: each.get(False) or each[True] for key, each in ways.items()}
        scopes = engine.arrow(_SCOPES).to_pylist()
        self.names = {row["scope_id"]: row["scope"] for row in scopes}
        self._limited = {row["scope_id"] for row in scopes if row["resource_limited"]}
        self._opens = {row["scope_id"]: set(row["opens"]) for row in scopes}
        self._cost = {str(row["scope_id"]): scope_cost(row["rank"], row["reach"]) for row in scopes}
        self._meant: dict[str, list[int]] = {}
        for row in engine.arrow(_NAMES).to_pylist():
            self._meant.setdefault(row["scope"], []).append(row["scope_id"])

    def meant(self, scopes: Iterable[str]) -> dict[int, str]:
        """Return what scopes mean in each catalogue, and how they are written."""
        return {scope_id: scope for scope in sorted(scopes) for scope_id in self._meant.get(scope, ())}

    def cover(self, asked: Iterable[tuple[int, bool | None]], held: Mapping[int, str]) -> Cover:
        """Return the cheapest scopes that permit all of these operations: of those held and those that the catalogue names for them.

        One that opens only some objects counts only if it is held: no log shows which objects these are.
        """
        named = {scope for key in asked for way in self._ways.get(key, ()) for scope in way}
        among = named - self._limited | set(held)
        operations = {
            f"{self._labels[key]}\0{number}": {
                choice for way in self._ways.get(key, ()) for choice in self._choices(way, among)
            }
            for number, key in enumerate(asked)
        }
        cover = smallest(operations, self._cost)
        return replace(cover, witness={scope: text.partition("\0")[0] for scope, text in cover.witness.items()})

    def _choices(self, way: tuple[int, ...], among: set[int]) -> Iterator[frozenset[str]]:
        """Yield the sets of scopes that meet one alternative: those it names, or broader ones in their place."""
        covered_by = [sorted(other for other in among if scope in self._opens[other]) for scope in way]
        if prod(map(len, covered_by)) > MOST_WAYS:
            covered_by = [
                [scope] if scope in among else others[:1] for scope, others in zip(way, covered_by, strict=True)
            ]
        for choice in product(*covered_by):
            yield frozenset(map(str, choice))


def _opened(engine: Engine, sets: list[Iterable[int]]) -> dict[int, int]:
    """Return by its place how many operations each set of scopes opens."""
    import pyarrow

    pairs = ({"place": place, "scope_id": scope} for place, scopes in enumerate(sets) for scope in scopes)
    chosen = table_of(pairs, pyarrow.schema({"place": pyarrow.int64(), "scope_id": pyarrow.int64()}))
    with engine.registered("chosen", chosen):
        return dict(engine.rows(_OPENED))


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    witness = pyarrow.struct([("scope", text), ("operation", text)])
    schema = pyarrow.schema(
        [
            *((name, text) for name in ("source", "tenant", "client_id", "client_name")), ("grants", number),
            *((name, pyarrow.list_(text)) for name in ("held", "enough")), ("opens_held", number), ("opens_enough", number),
            ("not_judged", pyarrow.list_(text)), ("witness", pyarrow.list_(witness)), ("proven", pyarrow.bool_()),
            *((name, number) for name in ("calls", "calls_unknown", "calls_beyond")), ("watched", pyarrow.float64()),
        ]
    )  # fmt: skip
    return table_of(rows, schema)
