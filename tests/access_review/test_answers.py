import re

import pytest

import grantlens as gl
from grantlens.register.register import Register
from grantlens.report.html import review_page
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

CALLS = (
    consent("01 08:00", ["mail.read"]),
    token("01 08:01", "t1", ["mail.read"]),
    use("02 08:00", "GET /v1/messages/7"),
    *logs_from_to("01 08:00", "05 23:00"),
)
UNKNOWN = "Unknown: no register was brought"


@pytest.fixture
def register(tmp_path):
    """Return a register that knows one client, its owner and what it may do."""
    file = tmp_path / "register.toml"
    file.write_text(
        '[[client]]\nclient_id = "app"\nname = "App"\nowner = "ann"\npurpose = "mail"\napproved_operations = ["GET *"]\n'
    )
    return Register.read(file)


def answered(store):
    document = gl.review(store.between("2026-07-01", "2026-07-06")).document
    return document, {answer["question"]: answer for answer in document["answers"]}


def test_without_a_register_owner_and_purpose_are_unknown_and_not_nobody(world):
    result = gl.review(world(*CALLS).between("2026-07-01", "2026-07-06"))
    who, owners, _, purpose, deeds, _ = result.document["answers"]
    assert (owners["headline"], purpose["headline"]) == (UNKNOWN, UNKNOWN)
    assert owners["lines"] == ["grantlens register draft begins one, with an entry for each client."]
    said = " ".join(line for answer in (who, owners, purpose) for line in answer["lines"])
    for claim in ("names no owner", "No purpose is written", "In no register"):
        assert claim not in said
    assert deeds["lines"][0] == (
        "Of 3 calls that succeeded, 3 could be judged by scope and 0 were beyond it, none could be judged by purpose."
    )
    assert ">no owner<" not in result.to_html()
    assert "| unknown | unknown |" in result.to_markdown()


def test_with_a_register_those_who_are_not_in_it_are_named(world, register):
    _, answers = answered(world(*CALLS, also=(register,)))
    assert answers["Who owns them?"]["headline"] == "1 of 2 have an owner"
    assert answers["Who owns them?"]["lines"][0] == "The register names no owner for bystander."
    assert answers["Why may they?"]["headline"] == "1 of 2 have a purpose"
    assert answers["What have they done?"]["lines"][0] == (
        "Of 3 calls that succeeded, 3 could be judged by scope and 0 were beyond it, 1 could be judged by purpose and 0 were outside it."
    )


def test_calls_that_rested_on_what_had_been_taken_away_are_told(world):
    taken = revoked("03 08:00", "grant", kind="downgrade", scopes_removed=["mail.read"])
    late = (use(f"04 08:0{minute}", "GET /v1/messages/7") for minute in (1, 2))
    told = "2 calls rested on scopes that had been taken away."
    assert told in answered(world(*CALLS, taken, *late))[1]["What have they done?"]["lines"]
    assert not any("taken away" in line for line in answered(world(*CALLS, taken))[1]["What have they done?"]["lines"])


def test_where_nobody_says_how_a_server_checks_tokens_the_file_that_says_it_is_named(world, tmp_path):
    after = [use(f"04 08:0{minute}", "GET /v1/messages/7", "t1", server=f"{minute}.example") for minute in (1, 2)]
    store = world(*CALLS, revoked("03 08:00", "token", token_id="t1"), *after)
    told = (
        "Use after a revocation is undecided at 2 servers, for no file says how they check tokens: "
        "grantlens server draft begins one."
    )
    assert told in answered(store)[1]["How does access end?"]["lines"]
    file = tmp_path / "servers.toml"
    said = '[[server]]\nresource_server = "{}.example"\nvalidation = "introspection"\n'
    file.write_text(said.format(1))
    store.add(gl.Servers.read(file))
    one = told.replace("2 servers, for no file says how they check", "1 server, for no file says how it checks")
    assert one in answered(store)[1]["How does access end?"]["lines"]
    file.write_text(said.format(1) + said.format(2))
    store.add(gl.Servers.read(file))
    assert not any("server draft" in line for line in answered(store)[1]["How does access end?"]["lines"])


def test_calls_with_access_that_had_ended_are_calls_that_succeeded(world):
    ended = revoked("01 12:00", "grant")
    document, answers = answered(world(*CALLS, ended, use("02 09:00", "GET /v1/messages/7")))
    succeeded = sum(row["log"] == "usage" for row in CALLS) + 1
    assert document["map_coverage"]["succeeded"] == succeeded
    assert answers["What have they done?"]["lines"][0].startswith(
        f"Of {succeeded} calls that succeeded, 2 were made with access that had ended, {succeeded - 2} could be judged by scope"
    )


def test_a_grant_that_may_have_ended_is_counted_apart(world, register):
    given = [
        consent("01 08:30", None, f"o-{tenant}", client_id="other", tenant=tenant) for tenant in ("north", "south")
    ]
    document, answers = answered(
        world(*CALLS, *given, revoked("02 08:00", "client", client_id="other"), also=(register,))
    )
    (other,) = (row for row in document["clients"] if row["client_id"] == "other")
    assert (other["grants"], other["live"], other["indeterminate"]) == (2, 0, 2)
    assert answers["Who owns them?"]["lines"][-1] == "Whether 1 of them still has access is undecided."
    assert answers["How does access end?"]["lines"][-1].startswith("Grants: undecided 2, no end in the logs ")


def test_a_client_that_is_in_no_register_is_told_by_the_name_that_the_log_gives_it(world, register):
    stranger = consent("01 09:00", ["mail.read"], "g9", client_id="2f1c", client_name="Document Viewer")
    _, answers = answered(world(*CALLS, stranger, also=(register,)))
    assert "Document Viewer (2f1c)" in answers["Who owns them?"]["lines"][0]
    assert "Document Viewer (2f1c)" in answers["Which agents exist?"]["lines"][-1]


def test_a_client_whose_kind_nobody_says_may_be_an_agent(world):
    _, answers = answered(world(*CALLS))
    assert answers["Which agents exist?"]["headline"] == "No agent is known among 2 clients, 2 grants"
    assert answers["Which agents exist?"]["lines"] == ["2 of unknown kind."]


def test_a_client_that_a_log_says_to_act_for_somebody_is_an_agent(world, register):
    agent = use("02 09:00", "GET /v1/messages/7", None, client_id="helper", actor_chain=["helper"])
    tool = use("02 10:00", "GET /v1/messages/7", None, client_id="tool", actor_chain=["helper"])
    document, answers = answered(world(*CALLS, agent, tool))
    kinds = {row["client_id"]: row["kind"] for row in document["clients"]}
    assert (kinds["helper"], kinds["tool"]) == ("agent", None)
    assert answers["Which agents exist?"]["headline"].startswith("1 agent among 4 clients")
    document, _ = answered(world(*CALLS, use("02 09:00", "GET /v1/messages/7", actor_chain=["app"]), also=(register,)))
    assert next(row["kind"] for row in document["clients"] if row["client_id"] == "app") == "agent"


def test_a_consent_of_which_nothing_more_is_known_is_logged_all_the_same(world):
    given = consent("01 09:00", ["mail.read"], "g2", subject_id="bo", consent_kind=None)
    alone = token("01 10:00", "t3", ["mail.read"], grant_id=None, subject_id="cy")
    document, answers = answered(world(*CALLS, given, alone))
    told = "Consent: not logged 1, of a kind that is not logged 1, user 2."
    assert told in answers["Why may they?"]["lines"]
    assert [row["subject_id"] for row in document["grants"] if not row["consented_at"]] == ["cy"]
    page = re.sub(r"<[^>]+>", " ", review_page(document))
    assert page.count("consent not logged") == 1


def test_a_client_that_an_agents_own_account_let_in_is_no_agent_by_that(world):
    account = {"subject_id": "bot", "subject_kind": "agent", "consent_actor": "bot", "consent_kind": None}
    given = consent("01 09:00", ["mail.read"], "g2", **account)
    document, answers = answered(world(*CALLS, given))
    assert {row["kind"] for row in document["clients"]} == {None}
    assert "Consent: by an agent itself 1, user 2." in answers["Why may they?"]["lines"]
    as_itself = token("01 10:00", "t3", ["mail.read"], grant_id=None, subject_id=None, subject_kind="agent")
    document, _ = answered(world(*CALLS, given, as_itself))
    assert [row["client_id"] for row in document["clients"] if row["kind"] == "agent"] == ["app"]


def test_a_token_that_others_asked_for_makes_its_client_no_agent(world):
    store = world(*CALLS, token("02 08:00", "t2", ["mail.read"], client_id="role", actor_chain=["ec2.cloud.example"]))
    assert answered(store)[1]["Which agents exist?"]["headline"].startswith("1 agent among ")
    # The chain of another log is no claim `act`: a cloud may write there which of its services asked, or an account that got a token for itself.
    store.engine.execute("UPDATE declared SET actors = NULL")
    assert answered(store)[1]["Which agents exist?"]["headline"].startswith("No agent is known among ")
    itself, for_others = (
        world(
            *CALLS, token("02 08:00", "t2", ["mail.read"], client_id="role", subject_id=subject, actor_chain=["role"])
        )
        for subject in (None, "ann")
    )
    for store, found in ((itself, "No agent is known"), (for_others, "1 agent")):
        store.engine.execute("UPDATE declared SET actors = NULL")
        assert answered(store)[1]["Which agents exist?"]["headline"].startswith(f"{found} among ")


def test_of_no_client_no_share_is_told(world, register):
    store = world(*CALLS, also=(register,))
    document = gl.review(store.between("2020-01-01", "2020-02-01")).document
    answers = {answer["question"]: answer["headline"] for answer in document["answers"]}
    nobody = "No client is seen in issuance or usage"
    assert [answers[q] for q in ("Which agents exist?", "Who owns them?", "Why may they?")] == [nobody] * 3


def test_calls_that_could_not_be_judged_are_not_counted_as_none(world):
    unknown = [row | {"operation": "made up", "method": None, "target": None} for row in CALLS if row["log"] == "usage"]
    document, answers = answered(world(*(row for row in CALLS if row["log"] != "usage"), *unknown))
    assert document["map_coverage"]["succeeded"] == 3
    assert answers["What have they done?"]["lines"][0] == (
        "Of 3 calls that succeeded, none could be judged by scope, none could be judged by purpose."
    )


def test_without_a_log_nothing_seen_is_not_none(world):
    document, answers = answered(world(*(row for row in CALLS if row["log"] == "issuance")))
    missing = {"usage", "revocation"} - {row["log"] for row in document["coverage"]}
    assert missing
    asked = {"usage": "What have they done?", "revocation": "How does access end?"}
    for log in missing:
        assert answers[asked[log]]["headline"] == f"Unknown: no {log} log covers any of this period"


def test_scopes_that_no_log_shows_are_unknown_and_not_none(world):
    _, unseen = answered(world(*(row for row in CALLS if row["log"] == "usage")))
    assert unseen["What can they do?"]["headline"] == "Unknown: no issuance log covers any of this period"
    assert unseen["How does access end?"]["lines"] == [], "no grant is seen, so nothing is said of grants"
    _, silent = answered(world(*(row | {"scopes": None} if row["log"] == "issuance" else row for row in CALLS)))
    assert silent["What can they do?"]["headline"] == "Unknown: the log names no scopes"


def test_an_answer_counts_only_what_there_is(world):
    _, answers = answered(world(*CALLS, use("02 09:00", "made up", event_id="x")))
    scopes, _ = answers["What can they do?"]["lines"]
    assert scopes.endswith(("to ask the owner about.", "to keep."))
    assert not {"0", "0,"} & set(scopes.split())
    assert answers["What have they done?"]["lines"][-1].endswith(" is known to no catalogue and could not be judged.")


def test_with_a_log_nothing_seen_is_none(world):
    refused = (revoked(when, outcome="denied", event_id=when) for when in ("01 07:00", "05 20:00"))
    _, answers = answered(world(*CALLS, *refused))
    assert answers["How does access end?"]["headline"] == "0 revocations"


def test_how_much_less_would_have_been_enough_is_told(world):
    files = use("03 08:00", "GET /v1/files/1", None, "files.example", client_id="somebody", subject_id=None)
    broad = consent("01 08:00", ["mail.write", "files.read"])
    _, answers = answered(world(broad, *CALLS[1:], files))
    assert answers["What can they do?"]["lines"][-1] == (
        "What 2 clients held opens 6 operations; scopes that open 1 would have been enough for the calls seen."
    )
    _, answers = answered(world(*CALLS))  # the bystander asks for its status, which needs no scope
    assert (
        answers["What can they do?"]["lines"][-1]
        == "What 1 client held opens 2 operations; none was needed for the calls seen."
    )


def test_one_client_of_two_tenants_is_one_and_the_tenants_are_told(world):
    records = [
        row | {"tenant": tenant, "event_id": f"{tenant}{number}"}
        | {name: f"{tenant}-{row[name]}" for name in ("grant_id", "token_id") if row.get(name)}
        for tenant in ("north", "south")
        for number, row in enumerate((*CALLS, consent("01 08:00", ["mail.read", "mail.send"])))
    ]  # fmt: skip
    document, answers = answered(world(*records))
    assert answers["Which agents exist?"]["headline"] == "No agent is known among 2 clients, 4 grants"
    assert any(
        line.startswith("What 2 clients held in 2 tenants opens ") for line in answers["What can they do?"]["lines"]
    )
    (app,) = [row for row in document["clients"] if row["client_id"] == "app"]
    assert (app["tenants"], app["grants"], app["calls"]) == (["north", "south"], 2, 2)
