"""REV-9 beside plain Python: what admins and others ended of few clients and people, and who gave it again, where that is told."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from grantlens import detect
from grantlens.rule.example import consent, moment, revoked, token

AT = datetime.fromisoformat(moment("10 12:00:00"))
SINCE, UNTIL = AT - timedelta(hours=24), AT + timedelta(hours=25)
NEAR = 10
"""The errors of two clocks, in seconds."""
WITHIN = 24 * 3600
ENDS = (0, 0, 0, 0.3, 5, 4000, -86400, -90060)
GIVEN = (-90000, -86400, -5, 0, 5, 10, 10.000001, 15, 15.000001, 60, 60, 3600, 86400, 86400.000001, 90000)


def stamp(seconds):
    return f"{AT + timedelta(seconds=seconds):%d %H:%M:%S.%f}"


def family(rng, number):
    """Return what a client or two had of a person or two in some tenants, what of it was ended, and what was given after."""
    tenants = rng.choice(((None,), (None,), ("one",), ("one", None), ("one", "two"), ("one", "two", None)))
    clients, people = (f"c{number}", f"c{number}", f"d{number}"), (f"s{number}", f"s{number}", f"r{number}", None)
    records = []
    for turn in range(rng.randint(1, 4)):
        who = {"client_id": rng.choice(clients), "subject_id": rng.choice(people), "tenant": rng.choice(tenants)}
        who["grant_id"] = f"g{number}-{turn}"
        if rng.random() < 0.5:
            records.append(consent(stamp(-200000), None, **{**who, "consent_kind": "admin"}))
        records.append(token(stamp(-199000), f"t{number}-{turn}", None, **who))
    held = len([record for record in records if record["kind"] == "token"])
    for turn in range(rng.choice((1, 1, 2, 3))):
        target = rng.choice(("token", "credential", "grant", "grant", "client", "subject"))
        mine = rng.choice([record for record in records if record["log"] == "issuance"])
        of = {key: mine.get(key) if rng.random() < 0.7 else None for key in ("tenant", "client_id", "subject_id")}
        of |= {"client_id": mine["client_id"], "subject_id": None} if target == "client" else {}
        of |= {"client_id": None, "subject_id": rng.choice(people[:3])} if target == "subject" else {}
        if target in ("token", "credential"):
            of |= {"token_id": f"t{number}-{rng.randrange(held + 1)}", "grant_id": rng.choice((mine["grant_id"], None))}
        of |= {"grant_id": mine["grant_id"] if rng.random() < 0.7 else None} if target == "grant" else {}
        more = {
            "event_id": f"r{number}-{turn}",
            "kind": rng.choice(("revoke", "revoke", "revoke", "disable", "downgrade")),
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
            "initiator": rng.choice(("admin",) * 6 + ("user", None)),
            "actor_id": rng.choice((None, "eve", "eve", people[0])),
        }
        records.append(revoked(stamp(rng.choice(ENDS)), target, **of, **more))
    for turn in range(rng.randint(1, 4)):
        more = {
            "client_id": rng.choice(clients),
            "subject_id": rng.choice(people),
            "tenant": rng.choice(tenants),
            "grant_id": f"n{number}-{turn}",
            "consent_kind": rng.choice(("user", "user", "user", "admin", "policy", None, None)),
            "consent_actor": rng.choice((None, people[0], clients[0], "eve")),
            "subject_kind": rng.choice(("user", "user", "service")),
            "outcome": rng.choice(("success",) * 6 + ("denied",)),
            "event_id": f"n{number}-{turn}",
        }
        if rng.random() < 0.4:  # the grant that was there before
            mine = rng.choice([record for record in records if record["kind"] == "token"])
            more |= {key: mine.get(key) for key in ("client_id", "subject_id", "grant_id") if rng.random() < 0.9}
            more["tenant"] = rng.choice((mine.get("tenant"), None))
        when = stamp(rng.choice(GIVEN))
        if rng.random() < 0.4:
            records.append(token(when, f"k{number}-{turn}", None, kind="credential", token_kind="api_key", **more))
        else:
            records.append(consent(when, None, **{"grant_id": None, **more}))
    return records


def seconds(record):
    return (datetime.fromisoformat(record.get("issued_at") or record["revoked_at"]) - AT).total_seconds()


def giver(record):
    """Say who gave it: the one who holds it, another one, or nobody knows."""
    kind, actor = record.get("consent_kind"), record.get("consent_actor")
    if kind is None and actor is None:
        return "unknown"
    own = kind == "user" or (kind is None and actor in (record.get("subject_id"), record.get("client_id")))
    return "self" if own else "other"


def taken(records):
    """Return what admins ended that was not their own: whose it was, and where, if anything tells."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    for record in records:
        if record["log"] != "revocation" or record["outcome"] != "success" or record["kind"] == "downgrade":
            continue
        if record.get("initiator") != "admin":
            continue
        # A token that another tenant issued is another one, though it has the same id.
        known = [
            each
            for each in good
            if each.get("token_id") == record.get("token_id", "")
            and (None in (record.get("tenant"), each.get("tenant")) or each["tenant"] == record["tenant"])
        ] or [each for each in good if each["grant_id"] == record.get("grant_id")]
        whose = {key: {each.get(key) for each in known} for key in ("client_id", "subject_id", "tenant")}
        if (
            len(whose["client_id"] - {None}) > 1
            or len(whose["subject_id"] - {None}) > 1
            or len(whose["tenant"] - {None}) > 1
        ):
            whose = {}
        end = {
            key: record.get(key) or max(filter(None, whose.get(key, ())), default=None)
            for key in ("client_id", "subject_id", "tenant")
        }
        # A token of which the logs tell nothing else may be the client's own or that of one of its people, where these have any.
        theirs = [each for each in good if each["client_id"] == record.get("client_id") and each.get("subject_id")]
        theirs = [each for each in theirs if record["target_kind"] == "token" or each["kind"] == "credential"]
        untold = (
            record["target_kind"] in ("token", "credential")
            and "subject_id" not in record
            and not known
            and bool(theirs)
        )
        if record.get("actor_id") is None or record["actor_id"] != end["subject_id"]:
            yield {
                **end,
                "at": seconds(record),
                "event": record["event_id"],
                "target": record["target_kind"],
                "untold": untold,
            }


def again(end, gift):
    """Tell whether something given may be what was ended."""
    if None not in (end["tenant"], gift.get("tenant")) and end["tenant"] != gift["tenant"]:
        return False
    if end["target"] == "subject":
        return end["subject_id"] == gift.get("subject_id")
    if end["client_id"] is None or end["client_id"] != gift["client_id"]:
        return False
    if end["target"] == "client":
        return True
    return end["subject_id"] == gift.get("subject_id") and (end["target"] != "token" or gift["kind"] == "credential")


def for_everyone(gift):
    """Tell whether a consent is for all people."""
    return gift["kind"] == "consent" and gift.get("subject_id") is None and gift.get("subject_kind") == "user"


def home(gift, good):
    """Return the tenant of a gift: where it names none, the one in which its client and person are; None if there are several."""
    mine = [each for each in good if each.get("client_id") == gift.get("client_id")]
    mine = [each for each in mine if for_everyone(gift) or each.get("subject_id") == gift.get("subject_id")]
    places = {gift["tenant"]} if "tenant" in gift else {each["tenant"] for each in mine if "tenant" in each}
    return None if len(places) > 1 else "".join(places)


def given_again(records):
    """Say what a reader of one family says: the verdict by revocation, client, person, grant, token and kind."""
    good = [record for record in records if record["log"] == "issuance" and record["outcome"] == "success"]
    gifts, ends, said = [each for each in good if each["kind"] in ("consent", "credential")], list(taken(records)), {}
    for gift in gifts:
        when = seconds(gift)
        if giver(gift) == "other" or not SINCE <= AT + timedelta(seconds=when) < UNTIL:
            continue
        others = [
            each
            for each in gifts
            if giver(each) == "other"
            and each["client_id"] == gift["client_id"]
            and (each.get("subject_id") == gift.get("subject_id") or for_everyone(each))
        ]
        here = home(gift, good)
        decided = [seconds(each) for each in others if here is not None and home(each, good) == here]
        perhaps = [seconds(each) for each in others if None in (each.get("tenant"), gift.get("tenant"))]
        found = []
        for end in ends:
            between = any(end["at"] < other <= when for other in decided)
            if not again(end, gift) or not when - WITHIN <= end["at"] < when or between:
                continue
            of = [each for each in good if end["target"] == "subject" or each["client_id"] == end["client_id"]]
            of = [each for each in of if end["target"] == "client" or each.get("subject_id") == end["subject_id"]]
            places = {each.get("tenant") for each in of} | {end["tenant"]}
            everywhere = end["target"] == "subject" and end["tenant"] is None
            same = end["tenant"] is not None and end["tenant"] == gift.get("tenant")
            proven = when - end["at"] > NEAR
            sure = proven and not end["untold"] and (everywhere or same or len(places - {None}) < 2)
            kept = any(end["at"] < other <= when for other in perhaps)
            found.append((sure, proven, end["at"], end["event"], kept))
        if found:
            sure, _, _, event, kept = max(found)
            key = (
                event,
                *(gift.get(name) for name in ("tenant", "client_id", "subject_id", "grant_id", "token_id", "kind")),
            )
            bad = sure and giver(gift) == "self" and not kept
            said[key] = "violation" if bad or said.get(key) == "violation" else "indeterminate"
    return said


@pytest.mark.parametrize("seed", range(4))
def test_what_was_given_again_beside_plain_python(desk, kept_going, seed):
    rng = random.Random(seed)
    families = [family(rng, number) for number in range(500)]
    told = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(row for rows in families for row in rows)]
    with desk.store(desk.write("log.ndjson", [*kept_going, *told])) as store:
        (found,) = detect.run(store, ["REV-9"], since=SINCE, until=UNTIL)
    expected = {key: said for rows in families for key, said in given_again(rows).items()}
    names = ("tenant", "client_id", "subject_id", "grant_id", "token_id")
    rows = {
        (row["detail"]["revocation_event"], *(row[name] for name in names), row["detail"]["given"]): row["verdict"]
        for row in found.to_dicts()
    }
    assert rows == expected
    assert min(Counter(expected.values()).values()) > 10
