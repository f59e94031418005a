import errno
import hashlib
import json
import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

import grantlens as gl
from grantlens import detect
from grantlens.case.case import LOCAL
from grantlens.errors import CaseError
from grantlens.rule.example import consent, revoked, token, use

CLIENTS = (
    "queue-watch",
    "sales-pulse",
    "lead-scraper",
    "brief-writer",
    "front-desk",
    "shelf-cleaner",
    "chatrelay",
    "meet-notes",
)


@pytest.fixture(scope="module")
def native(samples):
    """Return the native sample records, read with plain Python: the oracle."""
    records = []
    for file in sorted((samples / "logs" / "native").glob("*.ndjson")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            records.append({**json.loads(line), "_file": file.name, "_line": number})
    return records


@pytest.fixture(scope="module")
def whole(sample_store):
    """Return what every rule finds over the whole store."""
    return {part.rule.id: part.to_dicts() for part in detect.run(sample_store)}


@pytest.fixture(scope="module")
def former(case_of, tmp_path_factory):
    """Return a folder that holds the case of file-lens; copy it to write into it."""
    folder = tmp_path_factory.mktemp("case")
    case_of("file-lens").write(folder)
    return folder


def held(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def of_client(native, client):
    """Return the client's calls: those that name it, and those made with its tokens."""
    tokens = {
        r["token_id"] for r in native if r["log"] == "issuance" and r.get("client_id") == client and r.get("token_id")
    }
    return [r for r in native if r["log"] == "usage" and (r.get("client_id") == client or r.get("token_id") in tokens)]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_calls_of_the_files_and_the_verdicts_of_the_whole_store(case_of, native, whole, client):
    case = case_of(client)
    calls = of_client(native, client)
    good = sorted(r["used_at"][:19] for r in calls if r["outcome"] == "success")
    used = case.facts["used"]
    assert (used["calls"], used["successes"]) == (len(calls), len(good))
    assert used["first_success_at"][:19] == good[0]
    assert used["last_success_at"][:19] == good[-1]
    expected = [f for rule in LOCAL for f in whole[rule] if f["client_id"] == client and f["verdict"] != "clear"]
    assert case.facts["broken"] == expected


@pytest.mark.parametrize("kind", ["subject", "grant", "token"])
def test_the_same_holds_for_subjects_grants_and_tokens(sample_store, whole, kind):
    column = f"{kind}_id"
    ids = sorted({f[column] for rule in LOCAL for f in whole[rule] if f[column] and f["source"] == "native"})
    assert len(ids) > 3
    for value in ids[:3]:
        case = gl.Case(sample_store, **{kind: value})
        found = {(f["rule"], f["title"], f["verdict"], f["events"]) for f in case.facts["broken"]}
        expected = {
            (f["rule"], f["title"], f["verdict"], f["events"])
            for rule in LOCAL for f in whole[rule] if f[column] == value and f["verdict"] != "clear"
        }  # fmt: skip
        assert expected <= found


def test_a_revocation_without_effect_says_until_when(case_of, native):
    calls = of_client(native, "mailbox-mirror")
    last = max(r["used_at"] for r in calls if r["outcome"] == "success")
    answer = case_of("mailbox-mirror").answers()["Was it effective?"]
    assert answer.startswith(f"no, still succeeding at {last[:19].replace('T', ' ')}")


def test_a_revocation_that_nobody_tried_is_not_demonstrated_and_says_what_was_looked_at(sample_store):
    answer = gl.Case(sample_store, client="guest-list").answers()["Was it effective?"]
    assert answer.startswith("not demonstrated: no call with it afterwards is in the logs held")
    assert "the usage log of native (tenant brightwater) between" in answer
    assert "coverage" in answer


def test_an_effective_revocation_names_the_moment(case_of):
    assert case_of("file-lens").answers()["Was it effective?"].startswith("yes, by 2026-")


def test_what_was_never_revoked_is_a_scoped_statement(case_of):
    answers = case_of("shelf-cleaner").answers()
    assert (
        "is recorded in the revocation log of native (tenant brightwater) between"
        in answers["When was it revoked, and by whom?"]
    )
    assert answers["Was it effective?"] == "There is no revocation to judge."


def test_children_by_exchange_are_downstream(case_of, native):
    own = {
        r["token_id"]
        for r in native
        if r["log"] == "issuance" and r.get("client_id") == "brief-writer" and r.get("token_id")
    }
    children = [
        r for r in native if r["log"] == "issuance" and r["kind"] == "exchange" and r.get("parent_token_id") in own
    ]
    case = case_of("brief-writer")
    assert children
    assert {row["token_id"] for row in case.facts["children"]} == {
        r["token_id"] for r in children if r["outcome"] == "success"
    }
    assert "brief-search" in case.answers()["Was anything minted downstream?"]


def test_a_token_brings_what_was_refreshed_from_it_and_no_more(sample_store, native):
    refresh = next(
        r
        for r in native
        if r["log"] == "issuance" and r.get("client_id") == "sales-pulse" and r.get("token_kind") == "refresh"
    )
    own, grown = {refresh["token_id"]}, True
    while grown:
        more = {
            r["token_id"]
            for r in native
            if r["log"] == "issuance" and r.get("parent_token_id") in own and r.get("token_id")
        }
        grown = not more <= own
        own |= more
    calls = [r for r in native if r["log"] == "usage" and r.get("token_id") in own]
    assert gl.Case(sample_store, token=refresh["token_id"]).facts["used"]["calls"] == len(calls)


def test_an_id_that_is_nowhere_names_the_nearest(sample_store):
    with pytest.raises(CaseError, match=r"No client mailbx-mirror occurs in the logs .* Nearest are mailbox-mirror"):
        gl.Case(sample_store, client="mailbx-mirror")


def test_a_display_name_leads_to_the_ids_that_bear_it(sample_store):
    with pytest.raises(CaseError, match=r"display name .* Ask for its id: 89875a26-24ab-4370-9efe-bd9eeb05a358\."):
        gl.Case(sample_store, client="deck builder")


def test_a_part_of_an_id_is_near_it(sample_store):
    with pytest.raises(CaseError, match=r"No subject ada occurs in the logs .* Nearest are u-101-ada"):
        gl.Case(sample_store, subject="ada")


@pytest.mark.parametrize("ids", [{}, {"client": "a", "token": "b"}])
def test_a_case_is_about_one_thing(sample_store, ids):
    with pytest.raises(CaseError, match="A case is about one thing"):
        gl.Case(sample_store, **ids)


def test_a_view_is_refused_with_what_to_type(sample_store):
    with pytest.raises(CaseError) as caught:
        gl.Case(sample_store.between("2026-07-01", "2026-10-01"), client="file-lens")
    assert caught.value.remedy == "Type gl.Case(view.store, client='file-lens')."


def test_the_store_is_left_as_it_was(sample_store):
    def state():
        return sample_store.engine.rows(
            "SELECT (SELECT count(*) FROM issuance), (SELECT count(*) FROM usage_row), (SELECT count(*) FROM usage), "
            "(SELECT count(*) FROM cat_operation), "
            "(SELECT count(*) FROM duckdb_tables() WHERE temporary AND NOT starts_with(table_name, 'at_rest_'))"
        )

    before = state()
    gl.Case(sample_store, client="mailbox-mirror")
    assert state() == before
    with pytest.raises(CaseError):
        gl.Case(sample_store, grant="no such grant")
    assert state() == before


def test_all_findings_are_those_of_the_store(case_of, whole):
    case = case_of("report-reader")
    expected = [f for found in whole.values() for f in found if f["client_id"] == "report-reader"]
    assert [f for part in case.findings for f in part.to_dicts()] == expected
    assert any(f["rule"] == "PRV-4" for f in expected)


@pytest.mark.parametrize("stopped", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_whoever_is_stopped_while_writing_keeps_the_former_case(case_of, former, tmp_path, monkeypatch, stopped):
    shutil.copytree(former, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr("grantlens.case.case.records", Mock(side_effect=stopped))
    with pytest.raises((CaseError, KeyboardInterrupt)) as caught:
        case_of("file-lens", "2026-08-01").write(tmp_path)
    assert isinstance(caught.value, KeyboardInterrupt) or caught.value.remedy == "Free some space."
    assert held(tmp_path) == held(former)


def test_a_case_is_not_written_over_that_of_something_else(case_of, former, tmp_path):
    shutil.copytree(former, tmp_path, dirs_exist_ok=True)
    case_of("file-lens", "2026-08-01").write(tmp_path)
    newer = held(tmp_path)
    assert newer != held(former)
    with pytest.raises(CaseError, match=r"holds the case of client file-lens\. Name another folder"):
        case_of("report-reader").write(tmp_path)
    assert held(tmp_path) == newer


def test_a_written_case_can_be_checked(sample_store, case_of, native, tmp_path):
    written = case_of("file-lens").write(tmp_path / "case")
    assert [path.name for path in written] == ["case.html", "case.json", "evidence.ndjson", "custody.json"]
    custody = json.loads((tmp_path / "case" / "custody.json").read_text())
    for row in custody["written"]:
        assert hashlib.sha256((tmp_path / "case" / row["file"]).read_bytes()).hexdigest() == row["sha256"]
    records = [json.loads(line) for line in (tmp_path / "case" / "evidence.ndjson").read_text().splitlines()]
    lines = {(r["_file"], r["_line"]): r for r in native}
    for record in records:
        where = record["evidence"]
        origin = lines[where["file"].rsplit("/", 1)[-1], where["line"]]
        assert origin["event_id"] == record["event_id"]
        assert origin["log"] == record["log"]
    assert sum(record["log"] == "usage" for record in records) == len(of_client(native, "file-lens"))
    files = {where["evidence"]["sha256"] for where in records}
    assert files == {row["sha256"] for row in custody["evidence"]["files"]}
    assert all(row["loaded_at"] for row in custody["evidence"]["files"])
    whole = gl.review(sample_store).document["reproduce"]
    assert custody["brought"] == {name: value for name, value in whole.items() if name not in ("command", "relations")}
    assert any("rows of the store" in line for line in custody["cannot_show"])
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text().split("## A case")[1]
    keys = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert (tmp_path / "case" / "case.html").read_text().count("<dt>Undecided</dt>") == 1
    assert keys == [*json.loads((tmp_path / "case" / "case.json").read_text()), *custody]


def test_a_case_written_twice_is_byte_equal(sample_store, native, tmp_path):
    grant = next(r["grant_id"] for r in native if r.get("client_id") == "mailbox-mirror" and r.get("grant_id"))
    one, other = gl.Case(sample_store, grant=grant), gl.Case(sample_store, grant=grant)
    other.__dict__["findings"] = one.findings  # that rules answer the same twice is tested with them
    first, second = one.write(tmp_path / "a"), other.write(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_notebook_shows_answers_and_hides_nothing_invisible(store, tmp_path):
    name = "</script><img src=x onerror=alert(1)>\u202e"
    log = tmp_path / "log.ndjson"
    base = {"client_id": name, "subject_id": "u1", "grant_id": "g1", "event_id": "e1", "outcome": "success"}
    log.write_text(
        json.dumps(
            {"log": "issuance", "kind": "consent", "issued_at": "2026-07-01T00:00:00Z", "scopes": [name], **base}
        )
        + "\n"
    )
    store.load(log)
    case = gl.Case(store, client=name)
    shown = case._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "\u202e" not in shown
    assert "\u202e" not in str(case.answers())
    case.write(tmp_path / "case")
    page = (tmp_path / "case" / "case.html").read_text()
    assert "<img src=x" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("about", [{"client": "app"}, {"subject": "ann"}, {"token": "t1"}, {"grant": "all"}])
def test_what_an_admin_gave_for_everyone_is_part_of_the_case_of_each(store_of, about):
    everyone = {"subject_id": None, "consent_kind": "admin", "consent_actor": "boss"}
    store = store_of(
        consent("01 08:00", ["mail.read"], "all", **everyone),
        token("02 08:00", "t1", ["mail.read"], grant_id=None),
        token("02 08:00", "t2", ["mail.read"], grant_id=None, subject_id="bob"),
        use("02 09:00", "GET /v1/messages/7"),
        revoked("03 09:00", "grant", grant_id="all", subject_id=None),
        use("04 09:00", "GET /v1/messages/7"),
    )
    case = gl.Case(store, **about)
    said = "2026-07-01 08:00:00 UTC: consented by boss (admin consent), for app on behalf of everyone, to mail.read (grant all). "
    assert case.answers()["Who consented to what, and when?"].startswith(said)
    assert [row["revocation_event"] for row in case.facts["revocations"]] == ["r1"]
    assert case.facts["used"]["calls"] == 2
    whole = [finding for part in detect.run(store, ["REV-1"]) for finding in part.to_dicts()]
    assert [finding for finding in case.facts["broken"] if finding["rule"] == "REV-1"] == whole != []


def test_a_person_whose_calls_alone_are_logged_gets_what_was_given_for_everyone(store_of):
    everyone = {"subject_id": None, "consent_kind": "admin", "consent_actor": "boss"}
    other = consent("01 09:00", ["mail.read"], "other", client_id="other", **everyone)
    store = store_of(
        consent("01 08:00", ["mail.read"], "all", **everyone), other, use("02 09:00", "GET /v1/messages/7", None)
    )
    assert [row["grant_id"] for row in gl.Case(store, subject="ann").facts["consents"]] == ["all"]


def test_what_comes_after_the_present_is_left_out(store_of):
    child = {"kind": "exchange", "client_id": "other", "grant_id": "g2", "parent_token_id": "t1"}
    before = [
        consent("01 08:00", ["mail.read"]),
        token("01 09:00", "t1", ["mail.read"]),
        token("01 09:30", "c1", ["mail.read"], **child),
        use("01 10:00", "GET /v1/messages/7"),
        use("01 10:00", "GET /v1/messages/7", "c1", client_id="other"),
    ]
    after = [
        consent("03 08:00", ["mail.send"], consent_actor="boss"),
        token("03 09:00", "t2", ["mail.send"]),
        token("03 09:30", "c2", ["mail.read"], **child),
        use("03 10:00", "POST /v1/messages", "t2"),
        use("03 10:00", "GET /v1/messages/7", "c1", client_id="other"),
        revoked("03 11:00", "grant", kind="downgrade", scopes_removed=["mail.send"]),
        revoked("03 12:00", "grant", event_id="r2"),
    ]
    then = gl.Case(store_of(*before, *after), client="app", now="2026-07-02")
    alone = gl.Case(store_of(*before), client="app")
    told = alone.facts.keys() - {
        "coverage",
        "held",
        "until",
        "broken",
        "rules_blind",
    }  # a log that begins later is held all the same
    assert {name: then.facts[name] for name in told} == {name: alone.facts[name] for name in told}
    assert [row["label"] for row in then.timeline()] == [row["label"] for row in alone.timeline()]
    assert all(row["end"] is None for row in then.timeline())


def test_a_long_case_lists_the_first_pointers_and_writes_every_record(case_of, monkeypatch, tmp_path):
    from grantlens.case import case as module

    monkeypatch.setattr(module, "MOST_POINTERS", 5)
    incident = case_of("file-lens")
    incident.write(tmp_path)
    document = json.loads((tmp_path / "case.json").read_text())
    lines = (tmp_path / "evidence.ndjson").read_text().splitlines()
    assert document["evidence"] == incident.evidence[:5]
    assert document["records"] == len(lines) == len(incident.evidence) > 5
