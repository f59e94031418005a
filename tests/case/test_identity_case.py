"""A case of one client or person that several logs know by several ids."""

import json

import pytest

import grantlens as gl
from grantlens.errors import CaseError
from grantlens.register.identities import Identities
from grantlens.store import Store


def use(source, client, subject, second, event):
    return {
        "log": "usage", "used_at": f"2026-07-01T10:00:{second:02}Z", "outcome": "success", "source": source,
        "client_id": client, "subject_id": subject, "resource_server": f"api.{source}", "operation": "read", "event_id": event,
    }  # fmt: skip


def token(source, client, subject, token_id, **more):
    return {
        "log": "issuance", "issued_at": "2026-07-01T09:00:00Z", "kind": "token", "outcome": "success", "source": source,
        "client_id": client, "subject_id": subject, "token_id": token_id, "token_kind": "access", "event_id": f"i-{source}-{client}",
        "scopes": ["read"],
    } | more  # fmt: skip


def ended(source, event, **more):
    return {
        "log": "revocation", "revoked_at": "2026-07-01T10:30:00Z", "kind": "revoke", "outcome": "success", "source": source,
        "event_id": event,
    } | more  # fmt: skip


RECORDS = [
    token("okta", "0oa1", "00u1", "t1"),
    use("okta", "0oa1", "00u1", 1, "u1"),
    token("github", "Iv1.8a", "7", "t2"),
    use("github", "Iv1.8a", "7", 2, "u2"),
    use("github", "Iv1.8a", "8", 3, "u3"),
    # the same id in a source that the file does not speak of
    use("slack", "0oa1", "00u1", 4, "u4"),
    use("okta", "0oa9", "00u1", 5, "u5"),
    ended("github", "r1", target_kind="client", client_id="Iv1.8a"),
    ended("slack", "r2", target_kind="client", client_id="0oa1"),
]
IDENTITIES = Identities(
    tuple(
        dict(zip(("kind", "name", "source", "id"), row, strict=True))
        for row in (
            ("client", "Mail copilot", "okta", "0oa1"),
            ("client", "Mail copilot", "github", "Iv1.8a"),
            ("subject", "Ada Byron", "okta", "00u1"),
            ("subject", "Ada Byron", "github", "7"),
            ("client", "Nobody", "okta", "0oa-none"),
        )
    )
)


@pytest.fixture(scope="module")
def store_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    (folder / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    with Store(folder / "s.duckdb") as opened:
        opened.load(folder / "log.ndjson")
        assert not opened.engine.value("SELECT count(*) FROM rejected")
        opened.add(IDENTITIES)
    return folder / "s.duckdb"


@pytest.fixture
def store(store_file):
    with Store(store_file) as opened:
        yield opened


def events(case):
    return {pointer["event_id"] for pointer in case.evidence}


def test_a_name_gathers_its_ids_over_sources_and_no_others(store):
    case = gl.Case(store, client="Mail copilot")
    assert case.facts["used"]["calls"] == 3
    assert case.facts["issued"]["tokens"] == 2
    assert events(case) == {"i-okta-0oa1", "i-github-Iv1.8a", "u1", "u2", "u3", "r1"}
    assert {row["revocation_event"] for row in case.facts["revocations"]} == {"r1"}
    assert {row["label"].split(" at ")[1] for row in case.timeline() if row["lane"] == "used"} == {
        "api.okta",
        "api.github",
    }


def test_a_person_is_gathered_as_well(store):
    assert events(gl.Case(store, subject="Ada Byron")) == {"i-okta-0oa1", "i-github-Iv1.8a", "u1", "u2", "u5", "r1"}


def test_an_id_stays_the_id_it_is_and_its_name_is_told(store):
    case = gl.Case(store, client="0oa1")
    assert events(case) == {"i-okta-0oa1", "u1", "u4", "r2"}
    assert "calls this client Mail copilot" in case.about.told()


def test_the_case_says_which_ids_it_is_about(store, tmp_path):
    case = gl.Case(store, client="Mail copilot")
    assert case.about.told() == "The client Mail copilot is Iv1.8a in github, 0oa1 in okta."
    document = case.to_dict()
    ids = [{"source": "github", "id": "Iv1.8a"}, {"source": "okta", "id": "0oa1"}]
    assert document["about"] == {"kind": "client", "id": "Mail copilot", "name": "Mail copilot", "ids": ids}
    page = next(path for path in case.write(tmp_path) if path.name == "case.html").read_text()
    assert "<bdi>Iv1.8a</bdi> in github" in page
    assert gl.Case(store, client="0oa9").to_dict()["about"] == {"kind": "client", "id": "0oa9"}


def test_findings_are_those_of_its_ids_in_their_sources(store):
    found = {
        (f["rule"], f["source"], f["client_id"])
        for part in gl.Case(store, client="Mail copilot").findings
        for f in part.to_dicts()
    }
    assert found
    assert {(source, client) for _, source, client in found} <= {("okta", "0oa1"), ("github", "Iv1.8a")}


def test_a_name_whose_ids_occur_nowhere_is_refused_and_names_are_suggested(store):
    with pytest.raises(CaseError, match="No client Nobody occurs"):
        gl.Case(store, client="Nobody")
    with pytest.raises(CaseError) as caught:
        gl.Case(store, client="Mail copilto")
    assert "Mail copilot" in caught.value.remedy


def test_a_case_of_an_application_has_what_was_logged_under_its_object_id(tmp_path):
    records = [
        token("microsoft_entra", "app-1", "u", None, kind="consent", token_kind=None, grant_id="entra:obj-1:res:u"),
        use("microsoft_entra", "app-1", "u", 1, "u1"),
        ended("microsoft_365", "r1", target_kind="client", client_id="obj-1"),
        use("native", "obj-1", "u", 2, "u2"),
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as opened:
        opened.load(tmp_path / "log.ndjson")
        assert not opened.engine.value("SELECT count(*) FROM rejected")
        for asked in ("app-1", "obj-1"):
            case = gl.Case(opened, client=asked)
            # an id that is asked for by itself is looked for in every source, its other spelling in Microsoft's
            assert events(case) - {"u2"} == {"i-microsoft_entra-app-1", "u1", "r1"}
            assert ("u2" in events(case)) == (asked == "obj-1")
            other = "obj-1" if asked == "app-1" else "app-1"
            assert case.about.told() == f"Its provider knows this client as {other} too, and all is told here."


def test_a_case_of_a_person_has_the_sign_ins_and_what_was_read_under_the_sign_in_name(tmp_path):
    object_id, name = "e0000000-0000-4000-8000-000000000005", "ada@example.com"
    records = [
        token("microsoft_entra", "app-1", object_id, "t1", subject_name="Ada@example.com"),
        use("microsoft_365", "app-1", name, 1, "u1"),
        use("microsoft_365", "app-1", "bob@example.com", 2, "u2"),
        ended("microsoft_entra", "r1", target_kind="subject", subject_id=object_id),
    ]
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as opened:
        opened.load(tmp_path / "log.ndjson")
        assert not opened.engine.value("SELECT count(*) FROM rejected")
        for asked, other in ((object_id, name), (name, object_id)):
            case = gl.Case(opened, subject=asked)
            assert events(case) == {"i-microsoft_entra-app-1", "u1", "r1"}
            assert case.about.told() == f"Its provider knows this subject as {other} too, and all is told here."


def test_a_token_name_that_was_used_again_is_told_as_unknown(tmp_path):
    name = "pat:7:deploy"
    records = [
        token("github", name, "7", f"t{n}", grant_id=name, issued_at=f"2026-07-01T0{n}:00:00Z", event_id=f"i{n}")
        for n in (1, 2)
    ]
    records.append(
        ended("github", "r1", target_kind="grant", grant_id=name, client_id=name, client_name="deploy", subject_id="7")
    )
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as opened:
        opened.load(tmp_path / "log.ndjson")
        unknown = gl.Case(opened, grant=name).answers()["What cannot be known from these logs?"]
    assert "it names “deploy”, as 2 tokens were called, 2 of them issued before" in unknown


def test_an_earlier_token_of_a_name_that_was_over_when_it_was_used_again_is_no_candidate(tmp_path):
    name = "pat:7:deploy"
    of_it = {"target_kind": "grant", "grant_id": name, "client_id": name, "subject_id": "7"}

    def made(hour):
        moment = {"issued_at": f"2026-07-01T0{hour}:00:00Z", "event_id": f"i{hour}"}
        return token("github", name, "7", f"t{hour}", grant_id=name, **moment)

    records = [made(1), ended("github", "r1", **of_it, revoked_at="2026-07-01T02:00:00Z"), made(3)]
    last = ended("github", "r2", **of_it, revoked_at="2026-07-01T06:00:00Z")
    for more, candidates in (([], None), ([made(4)], ["t3", "t4"])):
        (tmp_path / "log.ndjson").write_text("".join(json.dumps(row) + "\n" for row in [*records, *more, last]))
        with Store(":memory:") as opened:
            opened.load(tmp_path / "log.ndjson")
            case = gl.Case(opened, grant=name)
            assert [row["token_ids"] for row in case.facts["ambiguous"]] == ([candidates] if candidates else [])
            said = (
                "ended: it names “deploy”, as 2 tokens were called"
                in case.answers()["What cannot be known from these logs?"]
            )
            assert said == bool(candidates)


def test_calls_elsewhere_after_a_revocation_are_told_and_not_judged(tmp_path):
    # the one ten seconds after it is closer than the two clocks can tell
    records = [use("okta", "0oa1", "00u1", second, f"u{second}") for second in (10, 30, 40, 50)]
    records.append(ended("github", "r1", target_kind="subject", subject_id="7", revoked_at="2026-07-01T10:00:20Z"))
    records.append(ended("github", "r2", target_kind="subject", subject_id="8", revoked_at="2026-07-01T10:00:00Z"))
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as opened:
        opened.load(tmp_path / "log.ndjson")
        opened.add(IDENTITIES)
        named, plain = gl.Case(opened, subject="Ada Byron"), gl.Case(opened, subject="00u1")
    (row,) = named.facts["elsewhere"]
    assert (row["source"], row["used_in"], row["revocation_event"]) == ("github", "okta", "r1")
    assert row["calls"] == 2
    assert "2 calls succeeded after it" in named.answers()["What cannot be known from these logs?"]
    assert named.facts["used"]["after_revocation"] == 0
    assert plain.facts["elsewhere"] == []
