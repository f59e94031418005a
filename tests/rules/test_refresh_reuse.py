"""REV-7 beside plain Python: random histories of refresh tokens, read line by line."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.rule.example import BYSTANDER, moment, refreshed, revoked, token, use

RETRY, FAMILY, ERRORS = timedelta(seconds=60), timedelta(seconds=60), timedelta(seconds=10)
STEPS = (5, 40, 61, 90, 600, 3600)
WATCHED = [
    revoked(when, token_id="old", event_id=f"r{when[:2]}-{tenant}", client_id=BYSTANDER, subject_id=None, tenant=tenant)
    for when in ("01 08:00", "20 08:00")
    for tenant in (None, "north", "south")
]


def history(seed):
    """Return what one client did: it shows refresh tokens, now and then an old one, and works with what it got.

    Two of three share their token ids with a client of another tenant.
    """
    rng = random.Random(seed)
    who = {"client_id": f"c{seed}", "grant_id": f"g{seed}", "subject_id": f"p{seed}"}
    who["tenant"] = (None, "north", "south")[seed % 3]
    name = f"{seed // 3}-" if seed % 3 else f"alone-{seed}-"
    clock = datetime.fromisoformat(moment("10 09:00"))

    def stamp():
        return clock.strftime("%d %H:%M:%S")

    held = [f"{name}r0"]
    records = [token(stamp(), held[0], ["mail.read"], token_kind="refresh", **who)]
    access = []
    for number in range(1, rng.randint(3, 7)):
        clock += timedelta(seconds=rng.choice(STEPS))
        shown = held[-1] if rng.random() < 0.6 else rng.choice(held)
        if rng.random() < 0.2:
            why = {"denial_reason": rng.choice(("reuse", "token")), "outcome": "denied", "token_kind": None}
            records.append(refreshed(stamp(), None, shown, None, **why, **who))
            if rng.random() < 0.4:  # the server ends the family
                clock += timedelta(seconds=5)
                records.append(revoked(stamp(), "grant", event_id=f"family-{seed}-{number}", **who))
        else:
            rotates = rng.random() < 0.8
            if rotates:
                held.append(f"{name}r{number}")
                records.append(refreshed(stamp(), held[-1], shown, ["mail.read"], token_kind="refresh", **who))
            access.append(f"{name}a{number}")
            records.append(refreshed(stamp(), access[-1], shown, ["mail.read"], **who))
        if access and rng.random() < 0.5:
            clock += timedelta(seconds=rng.choice(STEPS))
            status = rng.choice((200, 401))
            records.append(
                use(
                    stamp(),
                    "GET /v1/messages/7",
                    rng.choice(access),
                    status=status,
                    client_id=who["client_id"],
                    subject_id=who["subject_id"],
                    tenant=who["tenant"],
                )
            )
        if rng.random() < 0.3:
            clock += timedelta(seconds=rng.choice(STEPS))
            records.append(revoked(stamp(), "grant", event_id=f"end-{seed}-{number}", **who))
    return records


def expected(records):
    """Return by refresh token what is to be said: verdict, severity, how often it came again, was taken, and was named a reuse."""
    shown, found = {}, {}
    when = {
        id(row): datetime.fromisoformat(
            next(row[name] for name in ("issued_at", "used_at", "revoked_at") if name in row)
        )
        for row in records
    }
    for row in records:
        if row.get("kind") == "refresh":
            shown.setdefault(row["parent_token_id"], {}).setdefault(when[id(row)], []).append(row)
    ends = [when[id(row)] for row in records if row["log"] == "revocation"]
    held = {row["token_id"] for row in records if row.get("token_kind") == "refresh"}
    born = {row["token_id"]: when[id(row)] for row in reversed(records) if "token_id" in row and "issued_at" in row}
    for old, times in shown.items():
        taken = {at: rows for at, rows in times.items() if rows[0]["outcome"] == "success"}
        replaced = min(
            (at for at, rows in taken.items() if any(row["token_kind"] == "refresh" for row in rows)), default=None
        )
        named = {at for at, rows in times.items() if any(row.get("denial_reason") == "reuse" for row in rows)}
        given = {row["token_id"] for row in times[replaced]} if replaced else set()
        arrivals = [at for name in given for at in shown.get(name, {})]
        arrivals += [
            when[id(row)] + ERRORS
            for row in records
            if row["log"] == "usage" and row["outcome"] == "success" and row["token_id"] in given
        ]
        verdicts, first_end = {}, {}
        for at in times:
            known = replaced is not None and replaced < at
            if not (known or at in named) or any(
                (replaced if known else born[old]) <= end < at - ERRORS for end in ends
            ):
                continue
            late = not known or at > replaced + RETRY
            if (known and any(arrival < at for arrival in arrivals)) or (at in named and late):
                verdicts[at] = "violation"
            elif at in named or late:
                verdicts[at] = "indeterminate"
            since = replaced if known else born[old]
            first_end[at] = min((end for end in ends if since <= end and at - ERRORS <= end), default=None)
        if not verdicts:
            continue
        first, verdict = min(verdicts), max(verdicts.values())
        end = min((first_end[at] for at in verdicts if first_end[at]), default=None)
        handled = end is not None and end <= first + FAMILY
        accepted, said = sum(at in taken for at in verdicts), len(named & verdicts.keys())
        later = any(
            row["outcome"] == "success" and at > first + FAMILY
            for name in given & held
            for at, rows in shown.get(name, {}).items()
            for row in rows
        )
        lives_on = not handled and (said == 0 or (later and max(verdicts) > replaced))
        found[old] = (
            verdict,
            "critical" if verdict == "violation" and lives_on else "medium" if handled and not accepted else "high",
            len(verdicts),
            accepted,
            said,
        )
    return found


@pytest.mark.parametrize("batch", range(3))
def test_random_histories(desk, kept_going, batch):
    histories = {seed: history(seed) for seed in range(batch * 100, batch * 100 + 100)}
    records = [*kept_going, *WATCHED, *(row for rows in histories.values() for row in rows)]
    records = [{"event_id": f"e{number}", **row} for number, row in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["REV-7"])
    told = {
        (row["tenant"], row["token_id"]): (
            row["verdict"],
            row["severity"],
            *map(row["detail"].get, ("times", "accepted", "said_by_server")),
        )
        for row in found.to_dicts()
    }
    wanted = {
        (rows[0].get("tenant"), name): said for rows in histories.values() for name, said in expected(rows).items()
    }
    assert told == wanted
    assert {said[:2] for said in wanted.values()} >= {
        ("violation", "critical"),
        ("violation", "medium"),
        ("indeterminate", "high"),
    }
    assert any(said[4] for said in wanted.values())
    assert min(Counter(tenant for tenant, _ in wanted).values()) > 5


def test_without_a_log_of_revocations_it_is_not_known_whether_the_family_was_ended(desk, kept_going):
    kind = {"token_kind": "refresh", "tenant": "north"}
    rows = [
        token("10 09:00", "r1", ["mail.read"], **kind),
        refreshed("10 10:00", "r2", "r1", ["mail.read"], **kind),
        refreshed("10 11:00", "r3", "r2", ["mail.read"], **kind),
        refreshed("10 12:00", "r4", "r1", ["mail.read"], **kind),
        *(row for row in WATCHED if row.get("tenant") == "south"),
    ]
    issued = [row for row in kept_going if row["log"] != "revocation"]
    records = [{**row, "event_id": f"e{number}"} for number, row in enumerate([*issued, *rows])]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["REV-7"])
        (row,) = found.to_dicts()
        assert (row["verdict"], row["severity"], row["detail"]["family_ended"]) == ("violation", "high", None)


def test_of_a_reuse_that_names_no_token_each_client_and_person_is_told_once(desk, kept_going):
    why = {"outcome": "denied", "token_kind": None, "denial_reason": "reuse"}
    rows = [
        refreshed("10 12:00", None, None, None, **why),
        refreshed("10 12:00", None, None, None, **why, subject_id="bob"),
        refreshed("10 13:00", None, None, None, **why),
        token("10 14:00", None, None, **why),
    ]
    records = [{**row, "event_id": f"e{number}"} for number, row in enumerate([*kept_going, *rows])]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["REV-7"])
    told = [(row["subject_id"], row["events"], row["detail"]["times"], row["severity"]) for row in found.to_dicts()]
    assert sorted(told) == [("ann", 3, 3, "high"), ("bob", 1, 1, "high")]
