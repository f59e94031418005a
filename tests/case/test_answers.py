"""What a case answers, in words."""

import pytest

import grantlens as gl
from grantlens.case.case import LOCAL
from grantlens.register.hours import spans
from grantlens.register.identities import Identities
from grantlens.register.register import Register
from grantlens.rule.example import consent, refreshed, revoked, token, use
from grantlens.rules import registry
from grantlens.schema.register import REGISTER

CONSENT = "Who consented to what, and when?"
REVOKED = "When was it revoked, and by whom?"
UNKNOWN = "What cannot be known from these logs?"


def test_each_consent_is_told_with_its_own_scopes_and_its_own_actor(store_of):
    store = store_of(
        consent("01 08:00", ["mail.read"], consent_actor="ann"),
        consent("02 08:00", ["mail.send", "mail.read"], consent_actor="boss", consent_kind="admin"),
    )
    assert gl.Case(store, client="app").answers()[CONSENT] == (
        "2026-07-01 08:00:00 UTC: consented by ann (user consent), for app, to mail.read (grant g1); "
        "2026-07-02 08:00:00 UTC: consented by boss (admin consent), for app on behalf of ann, to mail.read and mail.send "
        "(grant g1). 0 tokens came of it."
    )


def test_a_sample_is_told_as_its_log_has_it(sample_store):
    answer = gl.Case(sample_store, client="board-views").answers()[CONSENT]
    first, second = answer.split("; ")
    assert first.startswith("2026-06-03")
    assert "to offline_access and tickets.read (grant" in first
    assert second.startswith("2026-07-30")
    assert "to offline_access, tickets.read and tickets.write (grant" in second


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"consent_kind": "user"}, "by ann (user consent), for app, to"),
        ({"consent_kind": "admin"}, "by somebody the log does not name (admin consent), for app on behalf of ann, to"),
        ({"consent_kind": None}, "by somebody the log does not name, for app on behalf of ann, to"),
    ],
)
def test_who_is_not_named_is_the_person_only_where_people_consent_for_themselves(store_of, more, by):
    assert by in gl.Case(store_of(consent("01 08:00", ["mail.read"], **more)), client="app").answers()[CONSENT]


def test_the_same_consent_again_is_told_once(store_of):
    days = [consent(f"{day} 08:00", ["mail.read"], consent_actor="ann") for day in ("01", "02", "02", "03")]
    sent = consent("02 09:00", ["mail.send"], consent_actor="ann")
    answer = gl.Case(store_of(*days, sent), client="app").answers()[CONSENT]
    assert answer.count("consented by") == 2
    assert "to mail.read (grant g1), and 2 times again, last 2026-07-03 08:00:00 UTC; 2026-07-02 09:00:00 UTC" in answer


def test_many_consents_are_counted(store_of):
    store = store_of(*(consent("01 08:00", ["mail.read"], f"g{n}", subject_id=f"s{n}") for n in range(8)))
    answer = gl.Case(store, client="app").answers()[CONSENT]
    assert answer.count("consented by") == 5
    assert "; and 3 more consents. 0 tokens came of them." in answer


def test_what_tokens_held_before_the_first_consent_is_no_consent(store_of):
    store = store_of(
        token("01 08:00", "t1", ["mail.read"]),
        token("02 08:00", "t2", ["mail.read", "files.read"]),
        consent("03 08:00", ["mail.send"], consent_actor="ann"),
        token("04 08:00", "t3", ["mail.send"]),
    )
    assert gl.Case(store, client="app").answers()[CONSENT] == (
        "2026-07-01 08:00:00 UTC: no consent is logged; first token, for app; its tokens held files.read and mail.read "
        "(grant g1); 2026-07-03 08:00:00 UTC: consented by ann (user consent), for app, to mail.send (grant g1). "
        "3 tokens came of it."
    )


def test_a_token_is_one_of_those_that_came_of_its_grant(store_of):
    store = store_of(
        consent("01 08:00", ["mail.read"]),
        token("01 09:00", "t1", ["mail.read"]),
        token("01 10:00", "r1", ["mail.read"], token_kind="refresh"),
        refreshed("01 11:00", "t2", "r1", ["mail.read"]),
        use("01 12:00", "GET /v1/messages/7", "t2"),
    )
    told = {name: gl.Case(store, token=name).answers()[CONSENT] for name in ("t1", "r1")}
    came = "3 tokens of the same client and subject came of it; "
    assert told["t1"].endswith(f"{came}this token is one of them.")
    assert told["r1"].endswith(f"{came}this case is about 2 of them: the token and what was refreshed from it.")
    alone = store_of(consent("01 08:00", ["mail.read"]), token("01 09:00", "t1", ["mail.read"]), revoked("01 10:00"))
    assert gl.Case(alone, token="t1").answers()[CONSENT].endswith(" 1 token of the same client and subject came of it.")


@pytest.fixture
def twice(store_of):
    """Return a store in which one client id occurs in two sources."""
    return store_of(
        consent("01 08:00", ["mail.read"], consent_actor="ann"),
        revoked("02 08:00", "client"),
        consent("03 08:00", ["repo"], "g2", consent_actor="ann", source="github"),
        revoked("04 08:00", "client", event_id="r2", source="github"),
    )


def test_an_id_of_two_sources_is_not_silently_one(twice):
    answers = gl.Case(twice, client="app").answers()
    assert answers[UNKNOWN].startswith(
        "Whether app is one client in github and native: it is an id in each, and nothing shows that they are one; "
    )
    assert "2026-07-01 08:00:00 UTC in native: consented by ann" in answers[CONSENT]
    assert "2026-07-03 08:00:00 UTC in github: consented by ann" in answers[CONSENT]
    assert (
        "2026-07-02 08:00:00 UTC in native: client app by admin; 2026-07-04 08:00:00 UTC in github:" in answers[REVOKED]
    )
    assert gl.Case(twice, grant="g2").answers()[CONSENT].startswith("2026-07-03 08:00:00 UTC: consented by ann")


def test_what_the_identities_file_calls_one_is_one(twice):
    both = [{"kind": "client", "name": "App", "source": source, "id": "app"} for source in ("github", "native")]
    twice.add(Identities(tuple(both)))
    for name in ("app", "App"):
        assert "nothing shows" not in gl.Case(twice, client=name).answers()[UNKNOWN]


def test_what_the_identities_file_calls_two_is_not_shown_to_be_one(twice):
    both = [{"kind": "client", "name": source, "source": source, "id": "app"} for source in ("github", "native")]
    twice.add(Identities(tuple(both)))
    assert "one client in github and native" in gl.Case(twice, client="app").answers()[UNKNOWN]
    assert "nothing shows" not in gl.Case(twice, client="github").answers()[UNKNOWN]


def test_one_is_told_in_the_singular(store_of):
    call = use("01 08:00", "GET /v1/messages/7", None, resource_id="m7")
    for calls, said in (
        ([call], ("1 call names neither token nor grant", "1 call is known to no catalogue", "1 object is named.")),
        (
            [call, call | {"resource_id": "m8"}],
            ("2 calls name neither", "2 calls are known to no", "2 objects are named."),
        ),
    ):
        answers = str(gl.Case(store_of(consent("01 07:00", ["mail.read"]), *calls), client="app").answers())
        assert [part for part in said if part not in answers] == []
    lonely = store_of(token("01 08:00", "t1", None, grant_id=None, client_id=None))
    assert (
        gl.Case(lonely, token="t1").answers()[CONSENT]
        == "1 token was issued at 2026-07-01 08:00:00 UTC; no grant is named."
    )


def test_rules_that_could_not_look_are_not_among_those_that_found_no_violation(store_of):
    """Without a usage log these four can say nothing of this client."""
    store = store_of(consent("01 08:00", ["mail.read"]), revoked("02 08:00"))
    said = gl.Case(store, client="app").answers()["Which rules did it break?"]
    found, _, rest = said.partition(" found no violation")
    assert found == "Only some rules were asked here. Rules REV-2 and REV-9"
    assert "OOS-1, OOS-3, OOS-9, REV-1 and REV-11 could not look: No usage log is in the store." in rest


def test_a_catalogue_that_knows_none_of_its_calls_is_in_the_store_all_the_same(store_of, tmp_path):
    """A case looks at the operations of its own calls: where the catalogue knows none, OOS-3 was said to want one."""
    store = store_of(token("01 08:00", "t1", ["mail.read"]), use("01 09:00", "GET /v1/messages/7"))
    (tmp_path / "catalogue.toml").write_text(
        '[catalogue]\nname = "jobs"\nversion = "1"\nlicence = "CC0-1.0"\nretrieved = "2026-07-01"\n'
        '[[operation]]\nmethod = "DELETE"\npath = "/v1/jobs/{job}"\nserver = "mail.example"\nrequires = [["jobs.purge"]]\n'
    )
    store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
    said = gl.Case(store, client="app").answers()["Which rules did it break?"]
    assert "No catalogue is in the store" not in said
    assert "OOS-3 could not look: No register is in the store" in said


def test_what_only_other_rules_find_is_not_told_as_no_violation(store_of):
    """INT-3 finds that the client used a token of another: a case that does not ask it must not read as if all were well."""
    store = store_of(token("01 08:00", "t1", ["mail.read"]), use("01 09:00", "GET /v1/messages/7", client_id="thief"))
    case = gl.Case(store, client="thief")
    some, every = (case.answers(whole=whole)["Which rules did it break?"] for whole in (False, True))
    assert some.startswith("Only some rules were asked here. ")
    others = len(registry()) - len(LOCAL)
    assert some.endswith(
        f" {others} other rules, such as INT-3 and INT-7, compare it with the rest of the store, and were not asked here."
    )
    assert "INT-3 (1 violation)" in every
    assert "were not asked" not in every
    assert not every.startswith("Only some")


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, "."),
        (
            {
                "approved_hours": spans("Mon,Tue 07:00-19:00") + spans("Sat 22:00-06:00"),
                "approved_resources": ["/a/*", "/b"],
                "calls_per_day": 5,
            },
            "; it is to work Mon,Tue 07:00-19:00, Sat 22:00-06:00, on /a/*, /b, at most 5 calls a day.",
        ),
        ({"approved_hours": [], "approved_resources": []}, "; it is to work at no time, on nothing."),
    ],
)
def test_when_and_on_what_a_client_is_to_work_is_told(store_of, limits, told):
    store = store_of(use("10 09:00", "GET /v1/messages/7"))
    row = {"client_id": "app", "owner": "jo", "purpose": "mail", "status": "active"} | limits
    store.add(Register((dict.fromkeys(REGISTER.names) | row,)))
    assert gl.Case(store, client="app").answers()["Who owns it, and what is it for?"] == f"app: jo, for “mail”{told}"
