"""Mail and files in Microsoft 365's log are read with tokens that Entra issued: what Entra ends, and what goes on there."""

import json

import pytest

import grantlens as gl
from grantlens.cli.concluded import of_store
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.rules import find
from grantlens.store import Store
from tests.loaders.test_microsoft_365 import APP, TENANT, mail, properties
from tests.loaders.test_microsoft_365 import change as audited
from tests.loaders.test_microsoft_entra import USER, change, sign_in, target, uti


def signed_in(number, **more):
    return sign_in(number=number, **{"appId": APP, "userId": USER} | more) | {
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "tenantId": TENANT,
    }


def sessions_ended(at="2026-07-01T12:00:00.0000000+00:00"):
    person = target(USER, "Ada", "User", StsRefreshTokensValidFrom=(None, "2026-07-01T12:00:00Z"))
    return changed("Update StsRefreshTokenValidFrom Timestamp", person, at)


def changed(activity, what, at="2026-07-01T12:00:00.0000000+00:00"):
    record = change(activity, what)
    record["properties"]["activityDateTime"] = at
    return record | {"resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam", "tenantId": TENANT}


def read(number, at, **more):
    token = {"AppAccessContext": {"ClientAppId": APP, "UniqueTokenId": uti(number)}}
    return mail(Id=f"m-{number}-{at}", CreationTime=f"2026-07-01T{at}", **token | more)


@pytest.fixture
def store(tmp_path):
    """Return a function that loads records of Entra and of Microsoft 365."""
    opened = []

    def load(entra, audit):
        for name, records in (("entra", entra), ("audit", audit)):
            (tmp_path / f"{name}.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
        made = Store(":memory:")
        opened.append(made)
        assert not made.load(*(tmp_path / f"{name}.ndjson" for name in ("entra", "audit"))).failed
        assert not made.engine.value("SELECT count(*) FROM rejected")
        return made

    yield load
    for each in opened:
        each.close()


def found(store, *rules, since="2026-07-01", until="2026-07-02"):
    return [row for part in gl.detect.run(store, rules, since, until, until) for row in part.to_dicts()]


def test_mail_that_is_read_after_entra_ended_the_sessions_is_use_after_revocation(store):
    opened = store(
        [signed_in(1), signed_in(2), sessions_ended()],
        [read(1, "11:50:00"), read(1, "12:20:00"), read(1, "12:40:00"), read(2, "11:00:00"), read(3, "13:00:00")],
    )
    (row,) = found(opened, "REV-1")
    assert (row["source"], row["resource_server"], row["token_id"]) == ("microsoft_entra", "Exchange", uti(1))
    assert (row["client_id"], row["subject_id"], row["join_key"]) == (APP, USER, "token")
    assert (row["detail"]["uses_after"], row["detail"]["last_success_s"]) == (2, 2400.0)
    assert {pointer["file"].rsplit("/")[-1] for pointer in row["evidence"]} == {"entra.ndjson", "audit.ndjson"}
    lag = gl.detect.revocation_lag(opened.between("2026-07-01", "2026-07-02", "2026-07-02"))
    assert [each["resource_server"] for each in lag.to_dicts()] == ["Exchange"]


def test_calls_before_the_end_of_other_people_or_with_later_tokens_are_no_use_after_revocation(store):
    later = signed_in(4, createdDateTime="2026-07-01T12:30:00.0000000+00:00")
    opened = store(
        [signed_in(1), signed_in(2, userId="9f000000-0000-4000-8000-0000000000b9"), later, sessions_ended()],
        [
            read(1, "11:59:00"),
            read(2, "12:20:00"),
            read(4, "12:40:00"),
            # a token of which Entra logged no issuance, and calls without one
            read(3, "12:50:00"),
            mail(Id="m-none", CreationTime="2026-07-01T12:55:00"),
        ],
    )
    assert found(opened, "REV-1") == []
    # neither did anybody try what was ended
    (untried,) = found(opened, "REV-6")
    assert (untried["source"], untried["subject_id"]) == ("microsoft_entra", USER)


def test_an_end_from_before_the_window_is_told_where_mail_was_read_within_it(store):
    opened = store([signed_in(1), sessions_ended()], [read(1, "11:00:00"), read(1, "12:20:00"), read(1, "23:00:00")])
    (row,) = found(opened, "REV-1", since="2026-07-01T20:00:00Z")
    assert row["detail"]["uses_after"] == 2
    assert found(opened, "REV-1", since="2026-07-01T23:30:00Z") == []


def test_another_tenants_calls_with_a_token_of_the_same_id_are_not_meant(store):
    other = "b0000000-0000-4000-8000-0000000000ff"
    opened = store([signed_in(1), sessions_ended()], [read(1, "12:20:00", OrganizationId=other)])
    assert found(opened, "REV-1") == []


def known_by_calls(number, at, issued="2026-07-01T11:40:00", **more):
    context = {"ClientAppId": APP, "UniqueTokenId": uti(number), "IssuedAtTime": issued}
    return read(number, at, AppAccessContext=context, **more)


def named_sessions_ended():
    record = sessions_ended()
    record["properties"]["targetResources"][0]["userPrincipalName"] = "ada@example.com"
    return record


def test_mail_that_is_read_with_a_token_of_no_logged_sign_in_is_told_by_the_time_that_calls_repeat(store):
    opened = store(
        [named_sessions_ended()],
        [
            known_by_calls(1, "11:50:00"),
            known_by_calls(1, "12:20:00"),
            # made after the end, as Entra dates back its tokens by five minutes; and one that says nothing
            known_by_calls(2, "12:30:00", issued="2026-07-01T11:58:00"),
            known_by_calls(3, "12:30:00", issued="1601-01-01T00:00:00"),
            read(4, "12:30:00"),
        ],
    )
    (row,) = found(opened, "REV-1")
    assert (row["source"], row["token_id"], row["client_id"], row["subject_id"]) == (
        "microsoft_entra",
        uti(1),
        APP,
        USER,
    )
    assert (row["join_key"], row["detail"]["uses_after"]) == ("token", 1)
    assert gl.Case(opened, subject="ada@example.com").facts["used"]["after_revocation"] == 1
    assert concluded(opened)["REV-1"] == "bounds"
    assert "o log in the store can show it" not in str(gl.detect.run(opened, ["REV-1"])[0])


def in_the_same_log():
    person = [{"ID": f"User_{USER}", "Type": 2}, {"ID": USER, "Type": 2}, {"ID": "ada@example.com", "Type": 5}]
    since = properties(StsRefreshTokensValidFrom='["2026-07-01T12:00:00Z"]')
    return audited(
        "Update StsRefreshTokenValidFrom Timestamp.", since, Target=person, CreationTime="2026-07-01T12:00:01"
    )


def test_an_end_that_both_logs_tell_is_told_once_and_in_the_one_log_by_itself(store):
    calls = [known_by_calls(1, "11:50:00"), known_by_calls(1, "12:20:00")]
    (alone,) = found(store([], [in_the_same_log(), *calls]), "REV-1")
    assert (alone["source"], alone["token_id"], alone["detail"]["uses_after"]) == ("microsoft_365", uti(1), 1)
    (once,) = found(store([named_sessions_ended()], [in_the_same_log(), *calls]), "REV-1")
    assert (once["source"], once["token_id"]) == ("microsoft_entra", uti(1))


def test_a_token_that_a_person_got_after_being_disabled_is_told_by_the_calls_and_once(store):
    person = [{"ID": f"User_{USER}", "Type": 2}, {"ID": USER, "Type": 2}, {"ID": "ada@example.com", "Type": 5}]
    in_the_log = audited("Disable account.", Target=person, CreationTime="2026-07-01T12:00:01")
    by_entra = changed("Disable account", target(USER, "Ada", "User") | {"userPrincipalName": "ada@example.com"})
    calls = [known_by_calls(1, "12:20:00"), known_by_calls(2, "12:30:00", issued="2026-07-01T12:25:00")]
    (alone,) = found(store([], [in_the_log, *calls]), "REV-2")
    assert (alone["source"], alone["token_id"], alone["verdict"]) == ("microsoft_365", uti(2), "indeterminate")
    assert [line["event_id"] for line in alone["evidence"]] == [in_the_log["Id"], calls[1]["Id"]]
    (once,) = found(store([by_entra], [in_the_log, *calls]), "REV-2")
    assert (once["source"], once["token_id"]) == ("microsoft_entra", uti(2))
    again = audited("Enable account.", Target=person, CreationTime="2026-07-01T12:10:00", Id="again")
    assert found(store([], [in_the_log, again, *calls]), "REV-2") == []


def test_a_token_that_entra_issued_is_no_token_without_an_issuance(store):
    opened = store([signed_in(1)], [read(1, "11:00:00"), read(3, "11:10:00")])
    (row,) = found(opened, "INT-1")
    assert (row["source"], row["detail"]["tokens"], row["events"]) == ("microsoft_365", 1, 1)
    # failed, so no token
    opened = store([signed_in(1, status={"errorCode": 50126})], [read(1, "11:00:00")])
    (row,) = found(opened, "INT-1")
    assert row["events"] == 1


def test_a_case_of_the_person_tells_which_mail_was_read_after_the_end(store):
    opened = store([signed_in(1), sessions_ended()], [read(1, "11:50:00"), read(1, "12:20:00")])
    case = gl.Case(opened, subject="ada@example.com")
    assert case.facts["used"]["after_revocation"] == 1
    # what a token joins is told there; of what none joins it is not known whether the end was meant for it
    assert case.facts["elsewhere"] == []
    assert [
        (row["rule"], row["verdict"]) for part in case.findings for row in part.to_dicts() if row["rule"] == "REV-1"
    ]


def test_a_case_tells_the_mail_that_no_token_joins_as_not_known(store):
    opened = store(
        [signed_in(1), sessions_ended()], [read(1, "12:20:00"), mail(Id="m-0", CreationTime="2026-07-01T13:00:00")]
    )
    (elsewhere,) = gl.Case(opened, subject=USER).facts["elsewhere"]
    assert (elsewhere["used_in"], elsewhere["calls"]) == ("microsoft_365", 1)


def concluded(store):
    there = {each.source.name: each.source for each in held(store)}["microsoft_entra"]
    return {rule: conclude(find(rule), there).level for rule in ("REV-1", "REV-4", "REV-6", "INT-2")}


def test_coverage_tells_that_the_ends_are_followed_and_by_which_rules(store):
    opened = store([signed_in(1), sessions_ended()], [read(1, "11:00:00")])
    told = " ".join(of_store(held(opened)).split())
    assert "1 names a token that microsoft_entra issued: what it ended is followed to these calls" in told
    assert concluded(opened) == {"REV-1": "bounds", "REV-4": "bounds", "REV-6": "bounds", "INT-2": "no"}
    assert gl.detect.run(opened, ["REV-1"])[0].to_dicts() == []
    assert "o log in the store can show it" not in str(gl.detect.run(opened, ["REV-1"])[0])
    # calls that name no token cannot be followed
    nameless = store([signed_in(1), sessions_ended()], [mail()])
    assert concluded(nameless) == {"REV-1": "no", "REV-4": "no", "REV-6": "bounds", "INT-2": "no"}
    # the audit log would show it by itself, had it an end, and calls that tell of their token
    assert "With a table of servers more could be" in str(gl.detect.run(nameless, ["REV-1"])[0])


def test_mail_that_is_read_with_a_token_is_use_of_the_grant_that_entra_gave(store):
    """Each grant of Entra was "not observable: no log held could have shown any", beside the calls made with its tokens."""
    people = ("00000000-0000-4000-8000-0000000000b5", USER)
    entra = [signed_in(1), signed_in(2, userId=people[0], userPrincipalName="bo@example.com")]
    opened = store(entra, [read(1, "11:00:00"), read(1, "11:30:00"), read(7, "11:40:00")])
    window = opened.between("2026-07-01", "2026-07-02")
    held_by = {row["subject_id"]: row for row in gl.grants(window).table.to_pylist()}
    assert [(held_by[who]["use"], held_by[who]["calls"]) for who in people] == [("not observable", 0), ("seen", 2)]
    document = gl.review(window).document
    assert (document["attribution"]["attributed"], document["attribution"]["calls"]) == (2, 3)
    (absent,) = (line for line in document["limitations"] if line.startswith("No usage log of microsoft_entra"))
    assert "what was done with its tokens is known only from calls in the logs of others that name them" in absent
    shares = {row["loader"]: row["attributed"] for row in opened.providers().table.to_pylist()}
    assert shares["microsoft_365"] == pytest.approx(2 / 3)


def test_a_client_whose_tokens_the_other_log_names_is_one_client_there(store):
    same, other = (
        str(gl.Case(store([signed_in(1)], [read(number, "11:00:00")]), client=APP).answers()) for number in (1, 2)
    )
    assert ("nothing shows that they are one" in same, "nothing shows that they are one" in other) == (False, True)
    assert ("belongs to no grant" in same, "belongs to no grant" in other) == (False, True)
