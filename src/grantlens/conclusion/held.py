"""What a store really holds of each source: its logs, the keys its rows carry, and what was brought to judge them by.

A pair of logs joins in a store at most as well as the loader declares, and as the keys in the rows of both sides allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens.conclusion.conclusion import BROUGHT, LOG_PAIRS, UNSAID, Source, source_of
from grantlens.engine.duckdb import quote
from grantlens.holdings.summary import NEEDS, STANDING
from grantlens.loaders import STRENGTHS, Join, loaders
from grantlens.relations import worked_out
from grantlens.relations.presented_token import ISSUERS
from grantlens.rule.evidence import (
    ALL_GIVEN,
    ALL_KINDS,
    AS_CALLED,
    ASKED_ABOUT,
    AUDIENCE,
    DETAILS,
    KEY_MAKERS,
    KEYS_BEGIN,
    KEYS_END,
    NAMED,
    NESTED,
    OWN_WORDS,
    TOKEN,
    every_word,
)
from grantlens.rules import registry
from grantlens.schema import LOGS, USAGE_CALLER

if TYPE_CHECKING:
    from grantlens.engine.duckdb import Engine
    from grantlens.store import Store


@dataclass(frozen=True)
class Stretch:
    """What is there of one log of a source."""

    log: str
    records: int
    first_event: datetime
    last_event: datetime
    gaps: int


@dataclass(frozen=True)
class Held:
    """A source as a store holds it."""

    provider: Source
    """What its loader declares; of a mapping, what the store shows and was told."""
    source: Source
    """What is there of it."""
    stretches: tuple[Stretch, ...]
    calls: Mapping[str, int]
    """How many calls find their issuance by which key; "none" those that find none."""
    known: Mapping[str, tuple[int, int]]
    """Of what was brought: how many calls, clients or resource servers it knows, out of how many."""
    issued_by: Mapping[str, int] = field(default_factory=dict)
    """By other source, how many calls that find no issuance name a token of an id that it issued."""


def held(store: Store) -> list[Held]:
    """Return what a store holds of each source.

    Examples
    --------
    >>> from grantlens.store import Store
    >>> with Store(":memory:") as store:
    ...     held(store)
    []
    """
    engine = store.engine
    calls: dict[str, dict[str, int]] = {}
    with worked_out(engine, NEEDS, {}):
        for name, key, count in engine.rows(_CALLS):
            calls.setdefault(name, {})[key] = count
    known = {thing: {name: (some, all_) for name, some, all_ in engine.rows(sql)} for thing, sql in _KNOWN.items()}
    there = {thing: engine.value(sql) > 0 for thing, sql in _THERE.items()}
    others: dict[str, dict[str, int]] = {}
    for name, other, count in engine.rows(_ISSUED_BY):
        others.setdefault(name, {})[other] = count
    return [replace(each, issued_by=others.get(each.source.name, {})) for each in _each(engine, calls, known, there)]


def could_tell(engine: Engine) -> list[tuple[Source, Source]]:
    """Return of each source what its provider, and what the logs held of it, could tell, whether it happened or not."""
    told = []
    for each in _each(engine, {}, {}, dict.fromkeys(BROUGHT, True)):
        joins = tuple(join for join in each.provider.joins if {*_pair(join)} <= {*each.source.logs})
        there = replace(each.provider, logs=each.source.logs, joins=joins, wants=each.source.wants)
        calls = each.source.followed
        told.append(
            (
                each.provider,
                there if calls is None else replace(there, followed=_with_calls(there, each.provider, calls)),
            )
        )
    return told


def _each(
    engine: Engine,
    calls: Mapping[str, Mapping[str, int]],
    known: Mapping[str, Mapping[str, tuple[int, int]]],
    there: Mapping[str, bool],
) -> list[Held]:
    stretches: dict[str, list[Stretch]] = {}
    for name, *stretch in engine.rows(_STRETCHES):
        stretches.setdefault(name, []).append(Stretch(*stretch))
    keys = {
        (name, log): key
        for log, table in _TABLES.items()
        for name, key in engine.rows(f"SELECT source, {_STRONGEST} FROM {table} GROUP BY source")
    }
    filled, carried = _filled(engine), _carried(engine)
    declared = {
        name: frozenset(
            word
            for word, holds in ((KEYS_END, ends), (NESTED, nested), (KEYS_BEGIN, begins), (ALL_GIVEN, gives))
            if holds
        )
        for name, ends, nested, begins, gives in engine.rows(_DECLARED)
    }
    endless = {name for (name,) in engine.rows(_ENDLESS)}
    with worked_out(engine, ("watched_time",), {}):
        unseen = dict(engine.rows(_UNSEEN))
    found = []
    for name, there_of_it in stretches.items():
        logs = tuple(stretch.log for stretch in there_of_it)
        rows = {stretch.log for stretch in there_of_it if stretch.records}
        full, fills = carried.get(name, set()), filled.get(name, frozenset())
        told = declared.get(name, frozenset()) | ({ALL_GIVEN} if "issuance" in full else set())
        provider = source_of(name) if name in loaders() else _mapped(name, logs, fills, full, told)
        says = _said(provider, rows, fills)
        knows = {thing: known.get(thing, {}).get(name, (0, 0)) for thing in BROUGHT}
        source = replace(
            provider,
            logs=logs,
            carries=tuple(log for log in provider.carries if log in full),
            joins=tuple(
                _as_held(join, *(keys.get((name, log), "none") for log in rows & {*_pair(join)}))
                for join in provider.joins
                if {*_pair(join)} <= {*logs}
            ),
            says=says
            - {word for word, without in ((KEYS_END, endless), (ALL_KINDS, unseen)) if name in without}
            - ({ALL_GIVEN} - told),
            brought=_knowing(there, knows),
            wants=_wants(provider, there) | ({ALL_KINDS: unseen[name]} if name in unseen else {}),
        )
        found.append(Held(provider, source, tuple(there_of_it), calls.get(name, {}), knows))
    by_name = {each.source.name: each.source for each in found}
    return [_followed(each, by_name, keys) for each in found]


def _followed(each: Held, sources: Mapping[str, Source], keys: Mapping[tuple[str, str], str]) -> Held:
    """Return it with the calls that another source logs of its tokens, where it has none of its own and that source is there."""
    calls = [
        sources[name]
        for name, issuer in ISSUERS.items()
        if issuer == each.source.name and keys.get((name, "usage")) == TOKEN and "usage" not in each.source.logs
    ]
    if not calls:
        return each
    return replace(each, source=replace(each.source, followed=_with_calls(each.source, each.provider, calls[0])))


def _with_calls(source: Source, provider: Source, calls: Source) -> Source:
    logs = (*source.logs, "usage")
    return replace(
        source,
        logs=logs,
        joins=source.joins
        + tuple(join for join in provider.joins if "usage" in _pair(join) and {*_pair(join)} <= {*logs}),
        says=frozenset(word for word in source.says if not word.startswith("usage."))
        | frozenset(word for word in calls.says if word.startswith("usage.")),
    )


def _said(provider: Source, rows: set[str], fills: frozenset[str]) -> frozenset[str]:
    """Return what the logs say: a column that no row fills is not there, whatever the loader could give; a word may still come."""
    return frozenset(
        said for said in provider.says if said.partition(".")[0] not in rows or said not in _COLUMNS or said in fills
    )


def _as_held(join: Join, *keys: str) -> Join:
    """Return a join as strong as the keys in the rows of both sides allow."""
    return replace(join, strength=max((join.strength, *keys), key=STRENGTHS.index))


def _knowing(there: Mapping[str, bool], knows: Mapping[str, tuple[int, int]]) -> tuple[str, ...]:
    """Return what was brought that knows something of a source, or has nothing to know there."""
    return tuple(
        thing for thing in BROUGHT if there[thing] and (thing == "register" or knows[thing][0] or not knows[thing][1])
    )


def _carried(engine: Engine) -> dict[str, set[str]]:
    """Return, by source, the logs that are there in full."""
    carried: dict[str, set[str]] = {}
    for name, log in engine.rows(_CARRIED):
        carried.setdefault(name, set()).add(log)
    return carried


def _mapped(
    name: str, logs: tuple[str, ...], filled: frozenset[str], carried: set[str], declared: frozenset[str]
) -> Source:
    """Return a source that a mapping read, or a loader that is no more: the rows say how it joins, the store what was declared."""
    joins = tuple(Join(first, second, TOKEN, "what the rows name") for first, second in LOG_PAIRS)
    words = frozenset(word for word in every_word(rule.rests_on for rule in registry().values()) if "=" in word)
    says = filled - {NESTED} | (words - OWN_WORDS) | {ALL_KINDS, KEY_MAKERS} | declared
    return Source(name, "read by a mapping", logs, tuple(log for log in LOGS if log in carried), joins, says)


def _wants(provider: Source, there: Mapping[str, bool]) -> dict[str, str]:
    """Return how to say that something is not there, where the provider could give it."""
    wants = {log: f"the store holds no {log} of it" for log in provider.logs}
    wants |= {
        said: f"{text} in this store"
        for said, text in UNSAID.items()
        if not provider.says.isdisjoint(said.split(" or "))
    }
    for thing, text in _KNOWS_NOTHING.items():
        wants[thing] = (
            text if there[thing] else f"no {'table of servers' if thing == 'server' else thing} is in the store"
        )
    return wants


def _filled(engine: Engine) -> dict[str, frozenset[str]]:
    """Return, by source, which of the columns that rules rest on are filled at all."""
    filled: dict[str, set[str]] = {}
    for log, table in _TABLES.items():
        columns = [said for said in _COLUMNS if said.startswith(f"{log}.")]
        if not columns:
            continue
        counts = ", ".join(f"count({quote(said.partition('.')[2].partition('=')[0])})" for said in columns)
        for name, *found in engine.rows(f"SELECT source, {counts} FROM {table} GROUP BY source"):
            filled.setdefault(name, set()).update(said for said, count in zip(columns, found, strict=True) if count)
    return {name: frozenset(found) for name, found in filled.items()}


def _pair(join: Join) -> tuple[str, str]:
    return join.first, join.second


def _columns() -> tuple[str, ...]:
    """Return the columns that rules rest on, and that a row may leave empty."""
    words = every_word(rule.rests_on for rule in registry().values())
    known = {f"usage.{name}" for name in USAGE_CALLER.names} | {
        f"{log}.{name}" for log in ("issuance", "revocation") for name in LOGS[log].names
    }
    return tuple(
        sorted(
            word
            for word in words
            if word in known or word in (NAMED, AUDIENCE, AS_CALLED, ASKED_ABOUT, DETAILS, NESTED)
        )
    )


_COLUMNS: tuple[Any, ...] = _columns()

_KNOWS_NOTHING = {
    "catalogue": "no catalogue in the store knows its calls",
    "register": "no register is in the store",
    "server": "the store does not say how the servers it called check tokens",
}

_TABLES = {"issuance": "issuance", "usage": "usage_caller", "revocation": "revocation"}
"""Where the keys of each log stand."""

# Counted as they were loaded, whatever the coverage.
_STRETCHES = """
SELECT a.source, a.log::VARCHAR, sum(a.records)::BIGINT, min(a.first_event), max(a.last_event),
       (SELECT count(*) FROM coverage c WHERE c.source = a.source AND c.log = a.log AND c.is_gap)
FROM activity a
GROUP BY a.source, a.log
ORDER BY a.source, a.log
"""

_CARRIED = "SELECT DISTINCT source, log::VARCHAR FROM coverage WHERE NOT is_gap AND NOT in_part"

_DECLARED = "SELECT source, keys_end, actors = 'nested', keys_begin, giving_shown FROM declared"

_ENDLESS = """
SELECT DISTINCT source FROM issuance
WHERE outcome = 'success' AND expires_at IS NULL AND (kind = 'credential' OR token_kind IN ('api_key', 'session'))
"""

# Of whose tenants none shows a call of a kind that must be asked for.
_UNSEEN = "SELECT source, min(lacks) FROM watched_time GROUP BY source HAVING bool_and(in_part) AND count(lacks) > 0"

# The strongest key that any row carries. A derived grant is no key of its own: it is client and subject again.
_STRONGEST = """
CASE WHEN count(token_id) > 0 THEN 'token' WHEN count(session_id) > 0 THEN 'session'
     WHEN count(*) FILTER (grant_id NOT LIKE 'derived:%') > 0 THEN 'grant'
     WHEN count(client_id) + count(subject_id) > 0 THEN 'client and subject' ELSE 'none' END
"""

# The alphabet has the weakest key first.
_CALLS = f"""
WITH found AS (
    SELECT usage_id, max(join_key) AS join_key FROM ({STANDING}) GROUP BY usage_id
)
SELECT c.source, replace(coalesce(f.join_key, 'none'), '_', ' and ') AS found_by, count(*)
FROM usage_row u JOIN usage_caller c USING (caller_id) LEFT JOIN found f USING (usage_id)
GROUP BY ALL
"""

_ISSUED_BY = """
WITH born AS (
    SELECT DISTINCT source, token_id FROM issuance WHERE token_id IS NOT NULL
),
stray AS (
    SELECT c.caller_id, c.source, c.token_id FROM usage_caller c ANTI JOIN born USING (source, token_id) WHERE c.token_id IS NOT NULL
)
SELECT s.source, b.source, count(*)
FROM stray s JOIN born b USING (token_id) JOIN usage_row u ON u.caller_id = s.caller_id
GROUP BY s.source, b.source ORDER BY s.source, b.source
"""

_KNOWN = {
    "catalogue": """
        SELECT c.source, count(*) FILTER (o.operation_id IS NOT NULL), count(*)
        FROM usage_row u JOIN usage_caller c USING (caller_id) LEFT JOIN usage_operation o ON o.target_id = u.target_id
        GROUP BY c.source""",
    "register": """
        SELECT source, count(DISTINCT client_id) FILTER (client_id IN (SELECT client_id FROM register)), count(DISTINCT client_id)
        FROM (SELECT source, client_id FROM issuance UNION SELECT source, client_id FROM usage_caller)
        WHERE client_id IS NOT NULL GROUP BY source""",
    "server": """
        SELECT source, count(DISTINCT resource_server) FILTER (resource_server IN (SELECT resource_server FROM server)),
               count(DISTINCT resource_server)
        FROM usage_caller WHERE resource_server IS NOT NULL GROUP BY source""",
}

_THERE = {
    "catalogue": "SELECT count(*) FROM cat_operation",
    "register": "SELECT count(*) FROM register",
    "server": "SELECT count(*) FROM server",
    "decision": "SELECT count(*) FROM decision",
    "review date": "SELECT count(*) FROM review_snapshot",
    "details type": "SELECT count(*) FROM details_type",
}
