"""A bench for relations: many small random logs in one store, laid straight into the tables, and read back plainly.

A world is one small log: {"source", "issuance", "usage", "revocation", "clock", "server"}, rows as dicts; "shown_until", where
there, says until when each log is there before a gap, long after the calls if it is not named; "giving_shown" that what
gives access is shown where what takes it away is; and "stated" is how many seconds the clock
of each log is stated to be ahead. Worlds lie side by side in one store, told apart by their
source, so that one run of the SQL answers for all of them. Times are whole microseconds, on a grid so coarse that ties
are common.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pyarrow as pa
import pytest

from grantlens import relations
from grantlens.schema import ISSUANCE, REVOCATION, USAGE_CALLER, USAGE_ROW, USAGE_TARGET
from grantlens.schema.catalogue import CAT_OPERATION
from grantlens.schema.ledger import CLOCK, COVERAGE, DECLARED
from grantlens.schema.register import SERVER, STATED_CLOCK
from grantlens.store import Store

from .parties import few

SECOND = 1_000_000
START = int(datetime(2026, 7, 10, 12, tzinfo=UTC).timestamp()) * SECOND
FOREVER = 2**63 - 1
CLEARED = (
    *(
        "issuance",
        "usage_row",
        "usage_caller",
        "usage_target",
        "revocation",
        "clock",
        "coverage",
        "declared",
        "stated_clock",
        "server",
        "usage_operation",
    ),
    *("cat_meta", "cat_operation", "cat_requirement"),
    *("cat_scope", "cat_scope_alias", "cat_scope_implies", "cat_scope_risk"),
)
OPERATIONS = {"GET /r": 1, "DELETE /w": 2, "GET /odd": None, "POST /$batch": None}


def when(moment):
    return None if moment is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment)


class Bench:
    """One store in memory, filled again for each run."""

    def __init__(self, store):
        self.store = store
        self.engine = store.engine

    def insert(self, table, rows):
        if not rows:
            return
        names = [column.name for column in table.columns if any(column.name in row for row in rows)]
        kinds = {column.name: column.type for column in table.columns}
        columns = {}
        for name in names:
            values = [row.get(name) for row in rows]
            if kinds[name] == "TIMESTAMPTZ":
                columns[name] = pa.array([when(value) for value in values], pa.timestamp("us", "UTC"))
            elif kinds[name].endswith("[]"):
                columns[name] = pa.array(values, pa.list_(pa.string()))
            elif kinds[name] in ("INTEGER", "BIGINT", "SMALLINT"):
                columns[name] = pa.array(values, pa.int64())
            elif kinds[name] == "DOUBLE":
                columns[name] = pa.array(values, pa.float64())
            elif kinds[name] == "BOOLEAN":
                columns[name] = pa.array(values, pa.bool_())
            else:
                columns[name] = pa.array(values, pa.string())
        self.engine.register("laid", pa.table(columns))
        self.engine.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM laid")
        self.engine.unregister("laid")

    def clear(self):
        for name in CLEARED:
            self.engine.execute(f"DELETE FROM {name}")

    def lay(self, worlds):
        """Put these worlds into the store, in place of what was there; calls learn usage_id and caller_id."""
        self.clear()
        issuance, revocation, clock, stated, servers, rows = [], [], [], [], {}, []
        callers, targets = {}, {}
        for world in worlds:
            where = {"source": world["source"], "batch_id": 1, "line_no": 1}
            issuance += [{**where, **row} for row in world["issuance"]]
            revocation += [{**where, **row} for row in world["revocation"]]
            clock += [
                {"source": world["source"], "log": log, "tenant": tenant, **said}
                for (log, tenant), said in world["clock"].items()
            ]
            stated += [
                {"source": world["source"], "log": log, "error_seconds": 5.0, "offset_seconds": ahead_s}
                for log, ahead_s in world.get("stated", {}).items()
            ]
            servers |= world["server"]
            for row in world["usage"]:
                caller = {name: row.get(name) for name in USAGE_CALLER.names if name != "caller_id"}
                caller["source"] = world["source"]
                key = repr(sorted(caller.items(), key=str))
                row["caller_id"] = callers.setdefault(key, (len(callers) + 1, caller))[0]
                row["usage_id"] = len(rows) + 1
                target = targets.setdefault((row["resource_server"], row["call"]), len(targets) + 1)
                rows.append({**where, "batch_id": 2, **row, "target_id": target})  # a file of its own
        tenants = {(row["source"], row.get("tenant")) for row in (*issuance, *revocation)}
        tenants |= {(world["source"], row.get("tenant")) for world in worlds for row in world["usage"]}
        shown = {world["source"]: world["shown_until"] for world in worlds if "shown_until" in world}
        self.insert(
            COVERAGE,
            [
                {
                    "source": source,
                    "tenant": tenant,
                    "log": log,
                    "covered_from": covered_from,
                    "covered_until": covered_until,
                    "records": 1,
                    **dict.fromkeys(("is_gap", "in_part", "is_far"), False),
                }
                for source, tenant in tenants
                if source in shown
                for log in ("issuance", "usage", "revocation")
                for covered_from, covered_until in (
                    (START - 10**6 * SECOND, shown[source].get(log, START + 10**6 * SECOND)),
                    (START + 2 * 10**6 * SECOND, START + 3 * 10**6 * SECOND),
                )
            ],
        )
        declared = dict.fromkeys(("keys_end", "keys_begin"), False) | {"giving_shown": True}
        self.insert(DECLARED, [{"source": world["source"], **declared} for world in worlds if "giving_shown" in world])
        self.insert(ISSUANCE, issuance)
        self.insert(REVOCATION, revocation)
        self.insert(CLOCK, clock)
        self.insert(STATED_CLOCK, stated)
        self.insert(SERVER, [{"resource_server": name, **row} for name, row in servers.items()])
        self.insert(USAGE_CALLER, [{"caller_id": number, **caller} for number, caller in callers.values()])
        self.insert(
            USAGE_TARGET,
            [
                {"target_id": number, "resource_server": server, "method": call.split()[0], "target": call.split()[1]}
                for (server, call), number in targets.items()
            ],
        )
        self.insert(USAGE_ROW, rows)
        known = {"catalogue": "c", "kind": "http", "deprecated": False, "complete": True, "security": "scopes"}
        named = [(number, call) for call, number in OPERATIONS.items() if number]
        self.insert(
            CAT_OPERATION,
            [{**known, "op_id": number, "method": call.split()[0], "label": call} for number, call in named],
        )
        for (_, call), number in targets.items():
            match = "container" if "batch" in call else "path" if OPERATIONS[call] else "unmatched"
            if call != "GET /odd" or number % 2:  # unknown operations have a row, or none
                self.engine.execute(
                    "INSERT INTO usage_operation VALUES ($target, $operation, $label, $match)",
                    {"target": number, "operation": OPERATIONS[call], "label": call, "match": match},
                )

    def answers(self, name, since=START - 3600 * SECOND, until=START + 86400 * SECOND):
        """Return the rows of one relation, times as microseconds."""
        values = {"since": when(since), "until": when(until), "every_call": True}
        with relations.worked_out(self.engine, [name], values):
            return self.rows(f"SELECT * FROM {name}")

    def rows(self, sql):
        table = self.engine.arrow(sql)
        plain = [
            column.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
            for column in table.columns
        ]
        return [dict(zip(table.column_names, row, strict=True)) for row in zip(*plain, strict=True)]


@pytest.fixture(scope="session")
def bench():
    """Return the bench."""
    with Store(":memory:") as store:
        yield Bench(store)


@pytest.fixture(scope="session")
def worlds():
    """Return what makes `count` random worlds from a seed."""
    return lambda seed, count=40: [world(random.Random(f"{seed}/{number}"), f"w{number}") for number in range(count)]


@pytest.fixture(scope="session")
def parties():
    """Return what makes many worlds of a few grants and revocations, all within seconds."""
    return lambda seed: [few(random.Random(f"{seed}/{number}"), f"w{number}") for number in range(500)]


@pytest.fixture(scope="session")
def moments():
    """Return the moments at which a world is asked: every stamp in it, one step around it, and far out."""

    def of(world):
        stamps = {
            row[name]
            for log in ("issuance", "usage", "revocation")
            for row in world[log]
            for name in ("issued_at", "used_at", "revoked_at")
            if row.get(name) is not None
        }
        return sorted({START - 1800 * SECOND} | {stamp + step for stamp in stamps for step in (-1, 0, 1)})

    return of


def world(rng, source):
    """Return one small random log of one provider."""

    def moment(last=40):
        stamp = START + rng.randrange(last) * 4 * SECOND
        return stamp + rng.choice((0, 0, 250_000, 500_000)) if rng.random() < 0.2 else stamp

    grants = ["g1", "g2", "g3"]
    holder = {grant: (rng.choice(["a", "a", "b"]), rng.choice(["x", "x", "y", None])) for grant in grants}
    tenants = rng.choice([[None], ["p", "q"], ["p", "q", None]])
    home = {grant: rng.choice(tenants) for grant in grants}
    derived = {grant: f"derived:{home[grant] or ''}/{client}/{subject}" for grant, (client, subject) in holder.items()}
    scopes = ["r", "w", "s", "t"]
    issuance, tokens, events = [], [], iter(range(1, 999))

    def event(kind):
        return f"{source}-{kind}{next(events):03}"

    def taken_by(names):
        return None if names == ["r", "w"] else names  # one in six does not say what it takes

    def some(names, unknown=0.1):
        return None if rng.random() < unknown else sorted(rng.sample(names, rng.randrange(1, len(names))))

    for _ in range(rng.randrange(0, 5)):
        grant = rng.choice(grants)
        client, subject = holder[grant]
        issuance.append(
            {
                "event_id": event("i"),
                "issued_at": moment(25),
                "kind": rng.choice(["consent", "consent", "consent", "change"]),
                "outcome": rng.choice(["success"] * 6 + ["denied"]),
                "tenant": home[grant],
                "grant_id": grant,
                "client_id": client,
                "subject_id": subject,
                "scopes": some(scopes),
            }
        )
    for number in range(rng.randrange(1, 9)):
        grant = rng.choice(grants)
        client, subject = holder[grant]
        kind = rng.choice(["token", "token", "refresh", "refresh", "exchange", "credential"])
        issued_at = moment(30)
        parents = [token for token in tokens if token["token_kind"] == "refresh" or rng.random() < 0.3]
        parent = rng.choice(parents)["token_id"] if parents and kind != "token" and rng.random() < 0.9 else None
        row = {
            "event_id": event("i"),
            "issued_at": issued_at,
            "kind": kind,
            "outcome": rng.choice(["success"] * 9 + ["denied"]),
            "tenant": home[grant],
            "grant_id": rng.choice([grant, grant, grant, None, derived[grant]]),
            "token_id": f"t{number}",
            "token_kind": rng.choice(["access", "access", "refresh", "refresh", "api_key", None]),
            "parent_token_id": parent,
            "session_id": rng.choice([None, "s1", "s2"]),
            "client_id": client,
            "subject_id": subject,
            "subject_kind": "service" if subject is None else rng.choice(["user", "user", None]),
            "scopes": some(scopes, 0.3),
            "expires_at": rng.choice([None, issued_at + rng.randrange(1, 40) * 4 * SECOND]),
        }
        tokens.append(row)
        issuance.append(row)
        if rng.random() < (
            0.4 if kind == "credential" else 0.1
        ):  # reported again, with another expiry, perhaps with other scopes
            issuance.append(
                {
                    **row,
                    "event_id": event("i"),
                    "issued_at": issued_at + rng.choice([8, 60]) * SECOND,
                    "expires_at": rng.choice([moment(), moment(), None]),
                    "scopes": rng.choice([row["scopes"], some(scopes)]),
                }
            )
    # Another tenant gives out a token of the same id.
    for row in tokens if len(tenants) > 1 else ():
        if rng.random() < 0.5:
            grant = rng.choice(grants)
            client, subject = holder[grant]
            more = {"issued_at": moment(30), "event_id": event("i"), "tenant": home[grant], "grant_id": grant}
            more |= {
                "client_id": client,
                "subject_id": subject,
                "token_kind": rng.choice([row["token_kind"], "access"]),
            }
            issuance.append({**row, **more})
    revocation = []
    for _ in range(rng.randrange(0, 5)):
        grant = rng.choice(grants)
        client, subject = holder[grant]
        kind = rng.choice(["revoke", "revoke", "revoke", "disable", "downgrade", "expiry", "signal"])
        target = rng.choice(
            ["token", "token", "grant", "grant", "client", "subject", "session", "credential", "policy"]
        )
        if kind == "downgrade":
            target = "grant"
        row = {
            "event_id": f"r{next(events):03}",  # as in other logs
            "revoked_at": moment(35),
            "kind": kind,
            "outcome": rng.choice(["success"] * 6 + ["error"]),
            "target_kind": target,
            "tenant": rng.choice([home[grant], home[grant], home[grant], None, *tenants]),
            "client_id": None if target == "subject" else client,
            "subject_id": None if target == "client" else subject,
            "initiator": rng.choice([None, "admin", "client"]),
            "scopes_removed": taken_by(sorted(rng.sample(scopes, 2))) if kind == "downgrade" else None,
        }
        if target in ("token", "credential"):
            refreshing = [token["token_id"] for token in tokens if token["token_kind"] == "refresh"]
            row["token_id"] = rng.choice([f"t{rng.randrange(9)}", "t-unseen", *refreshing])
        elif target == "grant":
            row["grant_id"] = rng.choice([grant, grant, grant, "g-unseen", None])
        elif target == "session":
            row["session_id"] = rng.choice(["s1", "s2"])
        elif target == "policy":
            row["issued_before"] = moment()
            if rng.random() < 0.3:
                row["client_id"] = row["subject_id"] = None
                row["grant_id"] = rng.choice([None, grant])
        revocation.append(row)
    usage = []
    for _ in range(rng.randrange(0, 16)):
        grant = rng.choice(grants)
        client, subject = holder[grant]
        outcome, reason = rng.choice(
            [("success", None)] * 6 + [("denied", "token")] * 4 + [("denied", "scope"), ("error", None)]
        )
        key = rng.choice(["token", "token", "token", "grant", "session", "pair"])
        usage.append(
            {
                "event_id": event("u"),
                "used_at": moment(),
                "outcome": outcome,
                "denial_reason": reason,
                "tenant": rng.choice([home[grant], home[grant], home[grant], None]),
                "token_id": rng.choice([f"t{rng.randrange(9)}", "t-unseen"]) if key == "token" else None,
                "grant_id": rng.choice([grant, "g-unseen", derived[grant]]) if key == "grant" else None,
                "session_id": rng.choice(["s1", "s2", "s3"]) if key == "session" else None,
                "client_id": None if rng.random() < 0.1 else client,
                "subject_id": subject,
                "token_scopes": rng.choice([None, None, ["r"], ["r", "w"], []]),
                "resource_server": rng.choice(["cached", "intro", "offline", "push", "odd"]),
                "validation": rng.choice([None, None, None, "introspection", "cached", "offline"]),
                "call": rng.choice(list(OPERATIONS)),
            }
        )
    for row in revocation:  # tried again and again
        token_id = row.get("token_id") or (rng.choice(tokens)["token_id"] if rng.random() < 0.5 else None)
        server, validation = rng.choice(["cached", "intro", "push", "odd"]), rng.choice([None, "introspection"])
        for _ in range(rng.randrange(6)):
            outcome, reason = rng.choice([("success", None), ("denied", "token"), ("denied", "token"), ("error", None)])
            usage.append(
                {
                    "event_id": event("u"),
                    "used_at": row["revoked_at"] // SECOND * SECOND + rng.randrange(8) * 4 * SECOND,
                    "outcome": outcome,
                    "denial_reason": reason,
                    "tenant": row["tenant"],
                    "token_id": token_id,
                    "grant_id": None if token_id else row.get("grant_id"),
                    "session_id": None,
                    "client_id": None,
                    "subject_id": None,
                    "token_scopes": None,
                    "resource_server": server,
                    "validation": validation,
                    "call": rng.choice(list(OPERATIONS)),
                }
            )
    clock = {}
    if rng.random() < 0.5:
        for log, tenant in product(("issuance", "usage", "revocation"), {*tenants, None}):
            clock[log, tenant] = {
                "error_s": rng.choice([0.0, 2.0, 4.0]),  # so that two errors often meet the grid
                "grid_s": rng.choice([0.0, 1.0]),
                "offset_s": rng.choice([0.0, 0.0, -7.0]) if log == "usage" else 0.0,
            }
    server = {
        "cached": {"validation": "cached", "cache_seconds": 30.0},
        "intro": {"validation": "introspection", "leeway_seconds": 8.0},
        "offline": {"validation": "offline"},
        "push": {"bound_seconds": 20.0},
    }
    return {
        "source": source,
        "issuance": issuance,
        "usage": usage,
        "revocation": revocation,
        "clock": clock,
        "server": server,
    }
