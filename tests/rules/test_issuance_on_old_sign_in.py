"""REV-12 beside plain Python, over people whose access is revoked while their sessions, sign-ins and tokens go on or begin anew; and beside REV-2."""

import random
from collections import Counter, defaultdict
from datetime import datetime

import pytest

from grantlens import detect
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.register.clocks import Clocks
from grantlens.rule.example import moment, revoked, token
from grantlens.rules import find
from grantlens.rules.issuance_on_old_sign_in.examples import AGAIN, BEFORE, ENDED

SINCE, UNTIL = 606.0, 1500.0
REVOKED = 5.0
"""Error of the clock behind the revocations, of which nothing is stated."""


def at(second):
    """Write a second after nine o'clock on the 10th."""
    minutes, rest = divmod(second, 60)
    return f"10 {9 + int(minutes) // 60:02}:{int(minutes) % 60:02}:{rest:09.6f}"


def seconds(text):
    """Read what `moment` wrote."""
    return (datetime.fromisoformat(text) - datetime.fromisoformat(moment("10 09:00"))).total_seconds()


def lives(seed):
    """Return the records of people, each with tokens and sessions of their own, of which some name no tenant."""
    rng = random.Random(seed)
    for number in range(260):
        home, who = rng.choice((None, None, "north")), f"p{number}"

        def where(home=home):
            return {"tenant": home} if home and rng.random() < 0.85 else {}

        ends = rng.sample((600.0, 604.5, 640.0, 1200.0), rng.choice((1, 1, 2)))
        for nth, second in enumerate(ends):
            more = {
                "kind": rng.choice(("revoke", "revoke", "revoke", "disable")),
                "outcome": rng.choice(("success",) * 5 + ("error",)),
                "tenant": rng.choice((None, None, home, home, "south")),
                "subject_id": rng.choice((who, who, who, who, "nobody")),
                "event_id": f"r{number}-{nth}",
            }
            target = rng.choice(("subject",) * 6 + ("policy",) * 4 + ("grant",))
            if target == "policy":
                more["client_id"] = rng.choice((None, None, None, None, "app"))
                if rng.random() < 0.9:
                    more["issued_before"] = moment(at(second + rng.choice((0.0, 0.0, -40.25, 30.0))))
            yield revoked(at(second), target, **more)
        known = [f"ghost{number}"]
        for nth in range(rng.choice((2, 4, 6))):
            near, name = rng.choice(ends), f"t{number}-{nth}"
            born = near + rng.choice((-500.25, -5.0, 0.0, 2.75, 9.5, 10.0, 10.25, 40.5, 60.0, 300.0, 700.0))
            signed_in = rng.choice(
                (
                    None, None, None, -32400.0, near - 400.0, near - 400.25, near - 400.5, near - 17.0, near - 11.25, near - 11.0, near - 10.25, near - 10.0,
                    near - 7.0, near - 1.0, near + 9.0, near + 10.0, near + 10.25, near + 38.0, born + 9.0, born + 10.0, born + 10.25, born + 60.0,
                )
            )  # fmt: skip
            more = {
                "kind": rng.choice(("token", "token", "token", "refresh", "exchange", "consent", "credential")),
                "token_kind": rng.choice(("access", "access", "refresh", "refresh", "id", "code", None)),
                "parent_token_id": rng.choice((None, None, known[-1], rng.choice(known))),
                "subject_id": rng.choice((who,) * 9 + ("nobody",)),
                "subject_kind": rng.choice(("user", "user", "user", None, "service")),
                "grant_type": rng.choice((None, "authorization_code", "authorization_code", "client_credentials")),
                "session_id": rng.choice((None, f"s{number}", f"s{number}", f"u{number}")),
                "client_id": rng.choice(("app", "app", "app", "tool", None)),
                "grant_id": f"g{number}",
                **where(),
            }
            if signed_in is not None:
                more["auth_time"] = "1970-01-01T00:00:00Z" if signed_in < 0 else moment(at(signed_in))
            yield token(at(born), name, ["mail.read"], **more)
            known.append(name)


def told_by(records, error=5.0):
    """Return what a reader of all records finds, where the issuance clock is so exact and so far ahead."""

    def fits(one, other):
        return one is None or other is None or one == other

    issues = [row for row in records if row["log"] == "issuance"]
    makes = {row["token_id"]: row for row in issues if row["kind"] != "consent"}
    born = {row["event_id"]: seconds(row["issued_at"]) for row in issues}
    told = {}
    for row in issues:
        if "auth_time" in row and not row["auth_time"].startswith("1970"):
            told[row["event_id"]] = seconds(row["auth_time"])

    def is_later(row):
        return told[row["event_id"]] - error > born[row["event_id"]] + error

    def is_asked(row):
        return (
            row["kind"] in ("token", "refresh", "exchange")
            and row.get("token_kind") != "code"
            and row.get("subject_kind", "user") == "user"
            and row.get("grant_type") != "client_credentials"
        )

    def cut(end):
        return min(seconds(end[name]) for name in ("revoked_at", "issued_before") if name in end)

    def continued(end):
        ended, found = seconds(end["revoked_at"]), set()
        by_cut_off = end["target_kind"] == "policy"
        while True:
            more = set()
            for row in makes.values():
                parent = makes.get(row.get("parent_token_id"))
                if (
                    parent
                    and parent["subject_id"] == end["subject_id"]
                    and parent["kind"] not in (("exchange", "credential") if by_cut_off else ("exchange",))
                    and (born[parent["event_id"]] < cut(end) if by_cut_off else born[parent["event_id"]] <= ended)
                    and ended < born[row["event_id"]]
                    and (parent.get("token_kind") == "refresh" or row["kind"] == "exchange")
                    and fits(parent.get("tenant"), row.get("tenant"))
                    and fits(end.get("tenant"), row.get("tenant"))
                ) or (
                    row["kind"] != "exchange"
                    and row.get("parent_token_id") in found
                    and fits(parent.get("tenant"), row.get("tenant"))
                ):
                    more.add(row["token_id"])
            if more <= found:
                return found
            found |= more

    ends = [
        row for row in records
        if row["log"] == "revocation" and row["kind"] == "revoke" and row["outcome"] == "success" and (
            row["target_kind"] == "subject" or (row["target_kind"] == "policy" and "client_id" not in row and "issued_before" in row)
        )
    ]  # fmt: skip
    rev_2s = set().union(*map(continued, ends))
    found = defaultdict(list)
    for row in issues:
        event, issued_at = row["event_id"], born[row["event_id"]]
        if not is_asked(row) or not SINCE <= issued_at < UNTIL or row["token_id"] in rev_2s:
            continue
        choices = []
        for end in ends:
            ended = seconds(end["revoked_at"])
            if (
                end["subject_id"] != row["subject_id"]
                or ended >= issued_at
                or not fits(end.get("tenant"), row.get("tenant"))
            ):
                continue
            parent = makes.get(row.get("parent_token_id"))
            if (
                row["kind"] == "exchange" and parent and parent["event_id"] in told and is_asked(parent) and born[parent["event_id"]] > ended
                and parent["subject_id"] == row["subject_id"] and fits(parent.get("tenant"), row.get("tenant"))
            ):  # fmt: skip
                continue
            reason, first = None, None
            if event in told:
                whole = told[event] == int(told[event])
                if is_later(row):
                    reason = "its auth_time lies"
                elif told[event] - error > cut(end) + REVOKED:
                    continue
                elif "tenant" in end and "tenant" not in row:
                    reason = "the revocation is of one tenant"
                elif told[event] + error + whole >= cut(end) - REVOKED:
                    reason = "the sign-in and"
                elif issued_at - error <= ended + REVOKED:
                    reason = "the issuance and"
            else:
                same = [
                    each for each in issues
                    if "session_id" in row and born[each["event_id"]] <= issued_at
                    and all(each.get(name) == row.get(name) for name in ("session_id", "subject_id", "tenant"))
                ]  # fmt: skip
                again = any(
                    told[each["event_id"]] - error > cut(end) + REVOKED
                    for each in same
                    if each["event_id"] in told and not is_later(each)
                )
                if not same or min(born[each["event_id"]] for each in same) > cut(end) or again:
                    continue
                reason = "its session is"
                first = min(same, key=lambda each: (born[each["event_id"]], each["event_id"]))["event_id"]
            choices.append((reason is not None, -ended, end["event_id"], end, reason, first))
        if choices:
            *_, end, reason, first = min(choices, key=lambda each: each[:3])
            key = (row.get("tenant", end.get("tenant")), row.get("client_id"), row["subject_id"], end["event_id"])
            found[key].append((row, end, reason, first))
    return {
        key: (
            "violation" if any(reason is None for _, _, reason, _ in rows) else "indeterminate",
            sorted({reason for _, _, reason, _ in rows}) if all(reason for _, _, reason, _ in rows) else [],
            len(rows),
            len({row["event_id"] for row, *_ in rows} | {first for *_, first in rows if first}) + 1,
            min(born[row["event_id"]] for row, *_ in rows) - seconds(rows[0][1]["revoked_at"]),
            max(
                (told[row["event_id"]] for row, _, reason, _ in rows if reason is None),
                default=max((told[row["event_id"]] for row, *_ in rows if row["event_id"] in told), default=None),
            ),
        )
        for key, rows in found.items()
    }


BEGINNINGS = (
    "its auth_time lies",
    "the revocation is of one tenant",
    "the sign-in and",
    "the issuance and",
    "its session is",
)


@pytest.mark.parametrize(("seed", "error", "offset"), [(0, 5.0, 0.0), (1, 5.0, 0.0), (2, 5.0, 0.0), (3, 2.0, 1.25)])
def test_people_beside_plain_python(desk, seed, error, offset):
    fine = [  # so that stamps are of more than whole seconds in each log
        row | ({"tenant": tenant} if tenant else {}) | {"event_id": f"fine-{tenant}-{row['log']}"}
        for tenant in (None, "north", "south")
        for row in (
            token("09 08:00:00.5", f"fine-{tenant}", [], subject_id="fine"),
            revoked("09 08:00:01.5", token_id=f"fine-{tenant}", kind="expiry"),
        )
    ]
    told = [
        row if row["log"] == "revocation" else {**row, "event_id": f"e{number:05}"}
        for number, row in enumerate(lives(seed))
    ]
    with desk.store(desk.write("log.ndjson", [*fine, *told])) as store:
        if (error, offset) != (5.0, 0.0):
            stated = {"source": "native", "tenant": None, "log": "issuance", "error_seconds": error}
            store.add(Clocks(({**stated, "offset_seconds": offset},)))
        (found,) = detect.run(store, ["REV-12"], since=moment(at(SINCE)), until=moment(at(UNTIL)))
    rows = found.to_dicts()
    says = {
        (row["tenant"], row["client_id"], row["subject_id"], row["detail"]["revocation_event"]): (
            row["verdict"],
            sorted(next(part for part in BEGINNINGS if why.startswith(part)) for why in row["detail"]["reasons"] or ()),
            row["detail"]["tokens"],
            row["events"],
            row["detail"]["issued_after_s"],
            seconds(row["detail"]["signed_in_at"]) if row["detail"]["signed_in_at"] else None,
        )
        for row in rows
    }
    assert len(says) == len(rows)
    by_issuance = [
        row | {"revoked_at": moment(at(seconds(row["revoked_at"]) + offset))} if row["log"] == "revocation" else row
        for row in told
    ]
    assert says == told_by(by_issuance, error)
    met = Counter(reason for _, reasons, *_ in says.values() for reason in reasons or ["sure"])
    assert {*met} == {"sure", *BEGINNINGS}


@pytest.mark.parametrize("seed", range(3))
def test_no_token_is_told_by_rev_2_as_well(desk, seed):
    told = [
        row if row["log"] == "revocation" else {**row, "event_id": f"e{number:05}"}
        for number, row in enumerate(lives(seed))
    ]
    with desk.store(desk.write("log.ndjson", told)) as store:
        continued, anew = detect.run(store, ["REV-2", "REV-12"])
        revocations = {row["event_id"]: row for row in told if row["log"] == "revocation"}
        # what follows a disabling is told by REV-2 alone, of another end than REV-12 tells
        of_persons = {
            row["token_id"]
            for row in continued.to_dicts()
            for of in [revocations[row["detail"]["revocation_event"]]]
            if of["target_kind"] in ("subject", "policy") and of["kind"] == "revoke"
        }
        assert all(revocations[row["detail"]["revocation_event"]]["kind"] == "revoke" for row in anew.to_dicts())
        issues = {row["event_id"]: row for row in told if row["log"] == "issuance"}
        again = {
            issues[each["event_id"]]["token_id"]
            for row in anew.to_dicts()
            for each in row["evidence"]
            if each["event_id"] in issues
            and issues[each["event_id"]]["issued_at"] > revocations[row["detail"]["revocation_event"]]["revoked_at"]
        }
    assert len(of_persons) > 2
    assert len(again) > 50
    assert not again & of_persons


def test_a_log_that_names_sessions_gives_less_and_one_that_names_no_sign_in_either_nothing(desk):
    def concluded(*without):
        rows = [{name: value for name, value in row.items() if name not in without} for row in (BEFORE, ENDED, AGAIN)]
        with desk.store(desk.write("log.ndjson", rows)) as store:
            (found,) = detect.run(store, ["REV-12"])
            (of_native,) = held(store)
            told = conclude(find("REV-12"), of_native.source)
            return len(found), told.level, told.lacks

    assert concluded() == (1, "verdict", ())
    assert concluded("auth_time") == (0, "bounds", ("no issuance names the time of the sign-in in this store",))
    assert concluded("auth_time", "session_id") == (
        0,
        "no",
        ("no issuance names the sign-in or its session in this store",),
    )
