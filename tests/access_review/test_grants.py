"""What a list of grants says of their use: a grant whose use no log could have shown is not one that nobody used."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.loaders import loaders
from grantlens.rule.example import BYSTANDER, IN_PART, consent, moment, revoked, three_logs_from_to, token, use

JULY = ("2026-07-01", "2026-07-31")


def heartbeat(first, last):
    """Return calls of a bystander, one a hour: they keep the log going."""
    return [
        use(
            f"{hour // 24 + 1:02} {hour % 24:02}:00",
            "GET /v1/status",
            None,
            "jobs.example",
            client_id=BYSTANDER,
            subject_id=None,
        )
        for hour in range(first, last + 1)
    ]


def rows_of(store, window=JULY, now=None):
    return {row["grant_id"]: row for row in gl.grants(store.between(*window, now=now)).arrow().to_pylist()}


def seen(row):
    return row["use"], row["calls"], row["watched"]


def test_a_grant_with_calls_says_when_they_were(world):
    store = world(
        consent("02 00:00", ["mail.read"]), token("02 00:00", "t1", ["mail.read"], "02 12:00"),
        use("02 01:00", "GET /v1/messages/7"), use("02 02:00", "GET /v1/messages/8"), use("02 03:00", "GET /v1/messages/9", status=403),
    )  # fmt: skip
    row = rows_of(store)["g1"]
    assert (row["use"], row["calls"]) == ("seen", 2)  # what was refused is no use
    assert row["first_used_at"] == datetime(2026, 7, 2, 1, tzinfo=UTC)
    assert row["last_used_at"] == datetime(2026, 7, 2, 2, tzinfo=UTC)
    assert (row["state"], row["standing"], row["tokens"], row["scopes"]) == ("live", True, 1, ["mail.read"])


def test_scopes_that_a_later_consent_leaves_unsaid_are_not_those_of_the_one_before(world):
    first = consent("02 00:00", ["mail.read"], event_id="c1")
    assert rows_of(world(first, consent("03 00:00", ["mail.send"], event_id="c2")))["g1"]["scopes"] == [
        "mail.read",
        "mail.send",
    ]
    assert rows_of(world(first, consent("03 00:00", None, event_id="c2")))["g1"]["scopes"] is None


def test_scopes_that_the_register_does_not_approve_are_named(world, tmp_path):
    held = ["openid", "mail.read", "files.read", "https://mail.example/mail.write", "odd"]
    store = world(
        *(consent("02 00:00", scopes, client, client_id=client, event_id=client)
          for client, scopes in (("app", held), ("narrow", held), ("nothing", held), ("silent", held), ("unsaid", None))),
    )  # fmt: skip
    register = tmp_path / "register.toml"
    register.write_text(
        """
[[client]]
client_id = "app"
approved_scopes = ["mail.write", "files.write", "odd"]
[[client]]
client_id = "narrow"
approved_scopes = ["mail.read"]
[[client]]
client_id = "nothing"
approved_scopes = []
[[client]]
client_id = "silent"
[[client]]
client_id = "unsaid"
approved_scopes = ["mail.read"]
"""
    )
    store.add(gl.Register.read(register))
    assert {grant: row["not_approved"] for grant, row in rows_of(store).items()} == {
        "app": [],  # mail.write by its other name, and what it and files.write imply
        "narrow": ["files.read", "https://mail.example/mail.write", "odd"],
        "nothing": ["files.read", "https://mail.example/mail.write", "mail.read", "odd"],
        "silent": None,
        "unsaid": None,
    }


def test_silence_counts_only_while_the_log_of_calls_was_there(world):
    # The log of calls ends on 21 July, 00:00; the grant stands from 1 July to the end of the window, 31 July.
    store = world(consent("01 00:00", ["mail.read"]), *heartbeat(0, 480))
    use_, calls, watched = seen(rows_of(store)["g1"])
    assert (use_, calls) == ("none seen", 0)
    assert watched == pytest.approx(20 / 30)
    assert "none seen of 1" in repr(gl.grants(store.between(*JULY)))


def test_the_time_of_a_grant_ends_with_it(world):
    store = world(
        consent("11 00:00", ["mail.read"]), revoked("12 00:00", "grant"), *heartbeat(240, 480),
        consent("19 00:00", ["mail.read"], "g2", client_id="other"),
    )  # fmt: skip
    rows = rows_of(store)
    assert seen(rows["g1"]) == ("none seen", 0, 1)
    assert (rows["g1"]["state"], rows["g1"]["ended_how"]) == ("ended", "revoked by admin")
    assert rows["g2"]["watched"] == pytest.approx(2 / 12)


KEY = {"kind": "credential", "token_kind": "api_key"}


@pytest.mark.parametrize(
    ("records", "end"),
    [
        ([token("02 00:00", "t1", None, **KEY), revoked("05 00:00")], ("ended", "last token revoked by admin", "r1")),
        ([token("02 00:00", "t1", None, "20 00:00"), revoked("05 00:00")], ("ended", "last token revoked by admin", "r1")),
        ([token("02 00:00", "t1", None, "04 00:00"), revoked("05 00:00")], ("ended", "last token expired", None)),
        ([token("02 00:00", "t1", None, **KEY), revoked("05 00:00"), token("06 00:00", "t1", None, event_id="on", **KEY)], ("live", None, None)),
        ([token("02 00:00", "t1", None, **KEY), token("03 00:00", "t2", None, **KEY), revoked("05 00:00")], ("live", None, None)),
        # Of what has no id in the log no revocation can be seen, and without an expiry no end.
        ([token("02 00:00", "t1", None, **KEY), token("03 00:00", None, None), revoked("05 00:00")], ("live", None, None)),
        ([token("02 00:00", "t1", None, **KEY), token("03 00:00", None, None, "04 00:00"), revoked("05 00:00")],
         ("ended", "last token revoked by admin", "r1")),
        # A refresh token that the log does not name may live on.
        ([token("02 00:00", "t1", ["mail.read", "offline_access"], "04 00:00")], ("live", None, None)),
        ([token("02 00:00", "t1", ["mail.read", "offline_access"], "04 00:00"),
          token("02 00:00", "rt1", ["mail.read", "offline_access"], "04 00:00", token_kind="refresh")], ("ended", "last token expired", None)),
        # A consent stands, whatever became of a token.
        ([consent("01 00:00", ["mail.read"]), token("02 00:00", "t1", None, **KEY), revoked("05 00:00")], ("live", None, None)),
        # Two tenants have a token of the id, and the revocation does not say whose it ended.
        ([token("02 00:00", "t1", None, tenant="one", **KEY), token("02 00:00", "t1", None, tenant="two", grant_id="g2", event_id="x", **KEY),
          revoked("05 00:00")], ("indeterminate", None, None)),
    ],
    ids=["a key", "before its expiry", "after its expiry", "switched on again", "another key", "no id", "no id, expired", "offline access", "refresh token",
         "a consent", "of two"],
)  # fmt: skip
def test_access_by_tokens_alone_ends_with_the_last_of_them(world, records, end):
    row = rows_of(world(*records))["g1"]
    assert (row["state"], row["ended_how"], row["ended_by"]) == end
    assert (row["ended_at"] is not None) == (end[0] == "ended")


NORTH, SOUTH = ({"tenant": tenant, "grant_id": grant} for tenant, grant in (("north", "g1"), ("south", "g2")))
TWO = [token("02 00:00", "t1", None, **NORTH), token("02 00:00", "t2", None, event_id="x", **SOUTH)]
OF_CLIENT = "a revocation that names no tenant may have ended it, and several have this client"
OF_TOKEN = "a token of its client was revoked, and the log does not tell which"
UNNAMED, NAMED = revoked("05 00:00", token_id=None), revoked("05 00:00", token_id="older")


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([*TWO, revoked("05 00:00", "client")], OF_CLIENT),
        ([*TWO, revoked("05 00:00", "grant", grant_id=None)], OF_CLIENT),
        ([*TWO, revoked("05 00:00", "policy", issued_before=moment("04 00:00"), subject_id=None, grant_id=None)], OF_CLIENT),
        ([*TWO, revoked("05 00:00", "policy", issued_before=moment("01 00:00"), subject_id=None, grant_id=None)], None),
        ([*TWO, revoked("05 00:00", "client", tenant="south")], None),
        ([*TWO, revoked("05 00:00", "client"), token("06 00:00", "t3", None, **NORTH)], OF_CLIENT),  # it may be the token that REV-2 tells of
        ([*TWO, revoked("05 00:00", "client"), consent("06 00:00", None, tenant="north")], None),  # given again
        ([token("02 00:00", None, None), UNNAMED], OF_TOKEN),
        ([token("02 00:00", "t1", None), UNNAMED], OF_TOKEN),
        ([token("02 00:00", None, None), NAMED], OF_TOKEN),
        ([token("02 00:00", "t1", None), NAMED], None),
        ([token("06 00:00", None, None), UNNAMED], None),
        ([token("02 00:00", None, None), UNNAMED, token("06 00:00", None, None, event_id="x")], None),
        ([token("02 00:00", None, None, subject_id="bob"), UNNAMED], None),
        ([token("02 00:00", None, None, tenant="north"), UNNAMED | {"tenant": "south"}], None),
        ([token("02 00:00", None, None), UNNAMED | {"tenant": "south"}], OF_TOKEN),
        ([token("02 00:00", None, None, tenant="*"), UNNAMED | {"tenant": "south"}], None),
        ([token("02 00:00", None, None, tenant="north"), UNNAMED], OF_TOKEN),
        ([token("02 00:00", None, None, **KEY), revoked("05 00:00", "credential", token_id=None)], OF_TOKEN),
        # A log of keys names those that have a name: the one that ended is not this one.
        ([token("02 00:00", None, None, **KEY), revoked("05 00:00", "credential", token_id="older")], None),
        ([token("02 00:00", "t1", None, **KEY), revoked("05 00:00", "credential", token_id=None)], None),
        ([token("02 00:00", "t1", None, **KEY), UNNAMED], None),
        ([consent("01 00:00", ["mail.read"]), token("02 00:00", None, None), UNNAMED], None),
    ],
    ids=["client", "its access for a person", "policy", "policy, younger", "of the other tenant", "issued after it", "given again", "no names",
         "names no token", "names one of before the log", "names another", "younger", "a younger one beside it", "another person", "another tenant",
         "no tenant beside one", "tenant called *", "end without a tenant", "key",
         "named key", "key that has a name", "key beside a token", "consent"],
)  # fmt: skip
def test_what_a_revocation_may_have_ended_is_neither_live_nor_ended(world, records, reason):
    numbered = [{**row, "event_id": f"e{number}"} for number, row in enumerate(records)]
    (event,) = (row["event_id"] for row in numbered if row["log"] == "revocation")
    found = gl.grants(world(*numbered).between(*JULY))
    rows = found.arrow().to_pylist()
    row = {row["grant_id"]: row for row in rows}["g1"]
    assert (row["state"], row["reason"]) == ("indeterminate" if reason else "live", reason)
    told = (datetime(2026, 7, 5, tzinfo=UTC), event) if reason else (None, None)
    assert (row["perhaps_ended_at"], row["perhaps_ended_by"]) == told
    assert (row["ended_at"], row["ended_how"], row["ended_by"]) == (None, None, None)
    assert ("undecided" in repr(found)) == any(row["state"] == "indeterminate" for row in rows)


@pytest.mark.parametrize(
    ("about", "use_of_it"),
    [
        ({}, "possible"),
        ({"audience": ["jobs.example"]}, "none seen"),
        ({"audience": ["files.example"]}, "not observable"),
        ({"client_id": "bot"}, "none seen"),
    ],
    ids=["of the same resource", "of another one", "of one that nobody calls", "of another client"],
)
def test_a_grant_beside_another_may_be_the_one_that_gave_a_token_of_neither(world, about, use_of_it):
    """As where an application has two app roles, and its sign-ins do not say by which."""
    role = {"subject_id": None, "subject_kind": "service", "audience": ["mail.example"]}
    gave = [consent("01 00:00", [f"mail.{n}"], n, event_id=n, **{**role, **about}) for n in ("read", "send")]
    store = world(
        *gave, token("02 00:00", "t1", None, "02 12:00", grant_id=None, **role),
        use("02 01:00", "GET /v1/messages/7", "t1", grant_id=None, subject_id=None), *heartbeat(0, 72),
    )  # fmt: skip
    rows = rows_of(store)
    assert [rows[name]["use"] for name in ("read", "send")] == [use_of_it, use_of_it]


ANYBODYS = revoked("05 00:00", "grant", grant_id=None, subject_id=None)
OF_ANYBODY = "a revocation that does not say whose grant of its client it was may have ended it"
OF_EVERYONE = "a revocation of a grant for everyone may have ended it, and whether of its tenant the logs do not tell"
ALL = {"grant_id": "all", "subject_id": None}
HERS = token("02 00:00", "t1", ["mail.read"], grant_id=None, tenant="north")


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([consent("01 00:00", ["mail.read"]), ANYBODYS], OF_ANYBODY),
        ([consent("01 00:00", ["mail.read"], tenant="north"), ANYBODYS], OF_ANYBODY),
        ([consent("01 00:00", ["mail.read"], tenant="north"), ANYBODYS | {"tenant": "south"}], None),
        ([consent("01 00:00", ["mail.read"], client_id="bot"), ANYBODYS], None),
        ([consent("06 00:00", ["mail.read"]), ANYBODYS], None),
        ([consent("01 00:00", ["mail.read"]), ANYBODYS | {"outcome": "error"}], None),
        ([consent("01 00:00", ["mail.read"]), ANYBODYS, consent("05 00:01", ["mail.read"])], None),
        # Of somebody who still gets tokens it was not, or it ended nothing.
        ([consent("01 00:00", ["mail.read"]), ANYBODYS, token("06 00:00", "t2", ["mail.read"])], None),
        ([consent("01 00:00", ["mail.read"], subject_kind="user", **ALL), HERS, revoked("05 00:00", "grant", **ALL)], OF_EVERYONE),
        ([consent("01 00:00", ["mail.read"], subject_kind="user", **ALL, tenant="south"), HERS,
          revoked("05 00:00", "grant", **ALL, tenant="south")], None),
    ],
    ids=["anybody's", "without a tenant", "of the other tenant", "of another client", "given later", "failed", "given again", "token after it",
         "everyone's without a tenant", "everyone's of the other tenant"],
)  # fmt: skip
def test_a_grant_that_a_revocation_may_have_meant_is_not_live(world, records, reason):
    rows = gl.grants(world(*({**row, "event_id": f"e{n}"} for n, row in enumerate(records))).between(*JULY)).to_dicts()
    (row,) = (row for row in rows if row["subject_id"] == "ann" and row["client_id"] in ("app", "bot"))
    assert (row["state"], row["reason"]) == ("indeterminate" if reason else "live", reason)


def test_a_grant_that_may_have_been_used_before_the_window_is_not_dormant(world):
    two = [consent("01 00:00", ["mail.read", "offline_access"], name, event_id=name) for name in ("one", "two")]
    day = token("19 09:00", "t1", ["mail.read"], "19 10:00", grant_id=None), use("19 09:05", "GET /v1/messages/7")
    store = world(*two, *day, *three_logs_from_to("01 00:00", "28 00:00"))
    asked = store.between("2026-07-20", "2026-07-28")
    verdicts = {
        days: [row["verdict"] for row in gl.detect.run(asked, "PRV-3", parameters={"dormant_days": days})[0].to_dicts()]
        for days in (5, 10)
    }
    assert verdicts == {5: ["violation", "violation"], 10: ["indeterminate", "indeterminate"]}


def test_revocations_that_do_not_say_whose_grant_are_told_once_each_and_not_of_each_grant(world):
    people = [consent("01 00:00", ["mail.read"], f"g{n}", subject_id=f"p{n}", event_id=f"c{n}") for n in range(6)]
    ended = [ANYBODYS | {"event_id": f"r{n}"} for n in range(3)]
    store = world(*people, *ended, use("06 00:00", "GET /v1/messages/7", None, grant_id="g1", subject_id="p1"))
    found = gl.detect.run(store.between(*JULY), ["REV-1", "REV-3", "REV-4", "REV-6"])
    assert [len(rule) for rule in found] == [0, 0, 0, 3]
    assert {row["state"] for row in gl.grants(store.between(*JULY)).to_dicts()} == {"indeterminate"}


def test_use_after_the_end_of_a_grant_for_everyone_is_undecided_where_one_log_names_no_tenant(world):
    store = world(
        consent("01 00:00", ["mail.read"], subject_kind="user", event_id="c", **ALL), HERS,
        revoked("05 00:00", "grant", **ALL), use("05 01:00", "GET /v1/messages/7", "t1", grant_id=None, tenant="north"),
    )  # fmt: skip
    (found,) = gl.detect.run(store.between(*JULY), "REV-1")[0].to_dicts()
    assert found["verdict"] == "indeterminate"
    assert found["detail"]["reason"] == (
        "the revocation is of a grant for everyone, and whether of this tenant the logs do not tell"
    )


def test_a_grant_may_have_ended_until_it_surely_has(world):
    two = [
        consent("02 00:00", None, event_id=whose["tenant"], grant=whose["grant_id"], tenant=whose["tenant"])
        for whose in (NORTH, SOUTH)
    ]
    store = world(*two, revoked("05 00:00", "client"), revoked("10 00:00", "grant", event_id="r2"))
    told = [rows_of(store, ("2026-07-01", until))["g1"] for until in ("2026-07-05", "2026-07-10", "2026-07-11")]
    assert [(row["state"], row["perhaps_ended_by"], row["ended_by"]) for row in told] == [
        ("live", None, None), ("indeterminate", "r1", None), ("ended", None, "r2"),
    ]  # fmt: skip
    assert rows_of(store, now="2026-07-08")["g1"]["state"] == "indeterminate"
    assert rows_of(store, now="2026-07-04")["g1"]["state"] == "live"


def test_access_may_have_ended_with_the_last_token_by_what_may_have_ended_one(world):
    store = world(
        token("02 00:00", None, None), revoked("03 00:00", token_id=None, event_id="r1"),
        token("04 00:00", "t2", None, "05 00:00", event_id="x"), revoked("06 00:00", token_id=None, event_id="r2"),
    )  # fmt: skip
    row = rows_of(store)["g1"]
    assert (row["state"], row["perhaps_ended_at"].day, row["perhaps_ended_by"]) == ("indeterminate", 5, "r1")


@pytest.mark.parametrize("end", [(None, revoked("10 00:00")), ("10 00:00", None)], ids=["revoked", "expired"])
def test_what_ends_with_the_window_lives_in_all_of_it_and_the_rule_says_so_too(world, end):
    expires, ended = end
    records = [token("01 00:00", "t1", ["mail.read"], expires, token_kind="refresh"), *([ended] if ended else [])]
    store = world(*records, *heartbeat(0, 480))

    def told(*until):
        window = store.between("2026-07-01", *until)
        (found,) = gl.detect.run(window, ["PRV-3"], parameters={"dormant_days": 5})
        (row,) = (row for row in gl.grants(window).arrow().to_pylist() if row["grant_id"] == "g1")
        return row["state"], [row["grant_id"] for row in found.to_dicts()]

    assert told("2026-07-10") == ("live", ["g1"])
    assert told("2026-07-10T00:00:00.000001Z") == ("ended", [])


def test_a_grant_that_lives_at_the_end_of_the_window_names_no_end(world):
    row = rows_of(
        world(consent("02 00:00", ["mail.read"]), revoked("20 00:00", "grant")), ("2026-07-01", "2026-07-10")
    )["g1"]
    assert (row["state"], row["ended_at"], row["ended_how"], row["ended_by"]) == ("live", None, None, None)


def test_a_key_is_over_at_the_end_of_a_window_in_which_it_was_switched_off_and_not_yet_on_again(world):
    store = world(
        token("02 00:00", "t1", None, **KEY), revoked("05 00:00"), token("10 00:00", "t1", None, event_id="on", **KEY)
    )
    told = {until: rows_of(store, ("2026-07-01", until))["g1"] for until in ("2026-07-04", "2026-07-08", "2026-07-12")}
    assert [(row["state"], row["ended_how"], row["ended_by"]) for row in told.values()] == [
        ("live", None, None), ("ended", "last token revoked by admin", "r1"), ("live", None, None),
    ]  # fmt: skip


def test_a_grant_is_over_at_the_end_of_a_window_in_which_its_person_was_disabled_and_not_yet_enabled_again(world):
    """As a report of June says in July what it said at its end; and nothing says in it that the grant stands unused."""
    store = world(
        consent("02 00:00", ["mail.read", "offline_access"]),
        revoked("05 00:00", "subject", kind="disable"), revoked("10 00:00", "subject", kind="enable", event_id="on"),
    )  # fmt: skip
    told = {until: rows_of(store, ("2026-07-01", until))["g1"] for until in ("2026-07-04", "2026-07-08", "2026-07-12")}
    assert [(row["state"], row["ended_how"], row["ended_by"]) for row in told.values()] == [
        ("live", None, None), ("ended", "disabled by admin", "r1"), ("live", None, None),
    ]  # fmt: skip
    dormant = {
        until: gl.detect.run(store.between("2026-07-01", until), ["PRV-3"], parameters={"dormant_days": 1})[
            0
        ].to_dicts()
        for until in told
    }
    assert [len(rows) for rows in dormant.values()] == [1, 0, 1]


def test_calls_before_the_first_record_of_a_grant_hide_none_after_it(world):
    calls = [
        use(f"{day} 00:00", "GET /v1/messages/7", None, grant_id="g1", token_scopes=["mail.read"])
        for day in ("02", "04", "07")
    ]
    store = world(
        consent("03 00:00", ["mail.read"]),
        revoked("05 00:00", "grant"),
        consent("06 00:00", ["mail.read"], event_id="c2"),
        *calls,
    )
    rows = gl.grants(store.between(*JULY)).arrow().to_pylist()
    assert {row["opened_at"].day: (row["use"], row["calls"]) for row in rows} == {3: ("seen", 2), 6: ("seen", 1)}


def test_the_present_ends_what_could_be_watched(world):
    store = world(consent("01 00:00", ["mail.read"]), *heartbeat(0, 240))
    assert rows_of(store, now="2026-07-16")["g1"]["watched"] == pytest.approx(10 / 15)


@pytest.mark.parametrize("calls", [(), tuple(heartbeat(0, 480))], ids=["no log of calls", "a log of some calls"])
def test_no_log_that_could_show_it_is_not_no_use(tmp_path, calls):
    log = tmp_path / "log.ndjson"
    log.write_text("".join(map(_line, [consent("02 00:00", ["mail.read"]), *calls])))
    with gl.open(":memory:") as store:
        store.load(log, loader=replace(loaders()["native"], name="declared", dialect=None, **IN_PART))
        row = rows_of(store)["g1"]
    assert (row["use"], row["calls"]) == ("not observable", 0)
    assert not row["watched"]


def test_calls_that_name_no_grant_may_be_of_any_of_the_client(world):
    store = world(
        consent("02 00:00", ["mail.read"]), consent("02 00:00", ["files.read"], "g2"),
        consent("02 00:00", ["mail.read"], "g3", subject_id="bob"), consent("02 00:00", ["mail.read"], "g4", client_id="other"),
        use("03 01:00", "GET /v1/messages/7", "unheard-of"), *heartbeat(24, 480),
    )  # fmt: skip
    told = {grant: row["use"] for grant, row in rows_of(store).items()}
    assert told == {"g1": "possible", "g2": "possible", "g3": "none seen", "g4": "none seen"}


def test_calls_before_a_grant_and_after_it_are_not_of_it(world):
    store = world(
        use("02 01:00", "GET /v1/messages/7", "unheard-of"), consent("03 00:00", ["mail.read"]), consent("03 00:00", ["mail.send"], "g2"),
        revoked("04 00:00", "grant"), revoked("04 00:00", "grant", event_id="r2", grant_id="g2"), *heartbeat(24, 480),
    )  # fmt: skip
    assert {row["use"] for row in rows_of(store).values()} == {"none seen"}
    assert {row["watched"] for row in rows_of(store).values()} == {1}


def test_what_only_a_grant_for_everyone_permitted_is_its_use(world):
    store = world(
        consent("02 00:00", ["mail.read"]),
        consent("02 00:00", ["mail.send"], "g9", subject_id=None, consent_kind="admin"),
        token("02 01:00", "t1", None, "02 12:00"),
        use("02 02:00", "POST /v1/messages", "t1"), *heartbeat(24, 48),
    )  # fmt: skip
    rows = rows_of(store)
    assert {grant: row["use"] for grant, row in rows.items()} == {"g1": "seen", "g9": "seen"}


def test_what_only_a_grant_for_everyone_permitted_is_use_of_the_life_in_which_it_was_made(world):
    everyones = {"subject_id": None, "consent_kind": "admin"}
    store = world(
        consent("01 00:00", ["mail.read"]),
        consent("02 00:00", ["mail.send"], "g9", **everyones),
        *(use(f"{day} 02:00", "POST /v1/messages", None) for day in ("02", "03", "05", "06", "06", "07")),
        revoked("04 00:00", "grant", grant_id="g9", subject_id=None),
        consent("06 00:00", ["mail.send"], "g9", **everyones), *heartbeat(24, 240),
    )  # fmt: skip
    told = {row["opened_at"].day: row for row in gl.grants(store.between(*JULY)).arrow().to_pylist()}
    used = {day: (row["calls"], row["first_used_at"].day, row["last_used_at"].day) for day, row in told.items() if row["grant_id"] == "g9"}  # fmt: skip
    assert used == {2: (2, 2, 3), 6: (3, 6, 7)}


def test_a_review_and_the_list_agree(world):
    store = world(
        consent("01 00:00", ["mail.read"]),
        consent("01 00:00", ["mail.read"], "g2", client_id="other"),
        *heartbeat(0, 480),
    )
    document = gl.review(store.between(*JULY)).to_dict()
    told = gl.grants(store.between(*JULY)).arrow().to_pylist()
    assert [{name: row[name] for name in ("grant_id", "use", "watched", "calls", "state")} for row in document["grants"]] == [
        {name: row[name] for name in ("grant_id", "use", "watched", "calls", "state")} for row in told
    ]  # fmt: skip
    assert {row["client_id"]: row["use"] for row in document["clients"]} == {
        "app": "none seen", "other": "none seen", BYSTANDER: "seen",
    }  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
@given(
    opened=st.integers(1, 400), lasts=st.none() | st.integers(1, 343),  # July has 744 hours
    stretches=st.lists(st.tuples(st.integers(0, 500), st.integers(12, 100)), min_size=1, max_size=3),
)  # fmt: skip
def test_the_share_watched_is_what_an_minute_by_minute_count_gives(world, opened, lasts, stretches):
    """Ask for each minute whether the grant lived and the log was there."""
    store = world(
        consent(_at(opened), ["mail.read"]),
        *([] if lasts is None else [revoked(_at(opened + lasts), "grant")]),
        *{str(row): row for begin, length in stretches for row in heartbeat(begin, min(begin + length, 700))}.values(),
    )
    covered = [
        (row["covered_from"], row["covered_until"])
        for row in store.sql("FROM coverage").to_pylist()
        if row["log"] == "usage" and not row["is_gap"]
    ]
    end = opened + lasts if lasts is not None else 720
    minutes = [
        datetime.fromisoformat(moment("01 00:00")).timestamp() + 60 * m for m in range(opened * 60, min(end, 720) * 60)
    ]
    held = sum(any(a.timestamp() <= m < b.timestamp() for a, b in covered) for m in minutes)
    row = rows_of(store)["g1"]
    # Each end of a stretch may lie within a minute.
    assert row["watched"] == pytest.approx(held / len(minutes), abs=2 * len(covered) / len(minutes))
    assert row["use"] == ("none seen" if row["watched"] else "not observable")


def _at(hour):
    return f"{hour // 24 + 1:02} {hour % 24:02}:00"


def _line(record):
    return json.dumps(record) + "\n"


def test_without_a_log_of_issues_it_is_not_known_who_holds_access(world):
    """It said 0 live and 0 ended, of a time of which no log tells."""
    store = world(consent("10 08:00", ["mail.read"]), use("10 09:00", "GET /v1/messages/7"))
    before = gl.grants(store.between("2025-01-01", "2025-02-01"))
    assert repr(before) == "Grants alive in 2025-01-01 to 2025-02-01: not known, for no issuance log covers any of it."
    assert (
        gl.review(store.between("2025-01-01", "2025-02-01"))
        .document["lag"]["why_empty"]
        .startswith("No revocation log covers any of this period")
    )
    assert "1 live at its end" in repr(gl.grants(store.between(*JULY)))
