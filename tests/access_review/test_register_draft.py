"""The beginning of a register: who has no entry, and what the logs tell of them."""

import tempfile
import tomllib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.rule.example import consent, token, use

JULY = ("2026-07-01", "2026-07-31")


def drafted(store, **window):
    return gl.register_draft(store.between(*JULY, **window))


def clients(text):
    return tomllib.loads(text).get("client", [])


def unowned(store):
    return [row["client_id"] for row in gl.detect.run(store.between(*JULY), "GOV-1")["GOV-1"].to_dicts()]


def add(store, text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "connections.toml")
        file.write_text(text, encoding="utf-8")
        store.add(gl.Register.read(file))


def test_each_client_without_an_entry_has_one_and_what_its_logs_tell_stands_above(world):
    store = world(
        consent("02 00:00", ["mail.read", "mail.send"], "g1"),
        consent("02 00:00", ["mail.read"], "g2", subject_id="kim"),
        use("02 01:00", "GET /v1/messages/7"), use("03 02:00", "GET /v1/messages/8"),
        use("04 02:00", "GET /v1/messages/8", None, client_id="caller"),
        consent("02 00:00", ["mail.read"], "g3", client_id="known"),
    )  # fmt: skip
    add(store, '[[client]]\nclient_id = "known"')
    text = drafted(store)
    assert [(entry["client_id"], entry["owner"], entry["purpose"]) for entry in clients(text)] == [
        ("app", "", ""),
        ("caller", "", ""),
    ]
    app, caller = text.split("\n\n")[1:]
    assert "seen from 2026-07-02 to 2026-07-03, 2 calls in the logs held" in app
    assert "# 2 open grants of 2 subjects\n# scopes: mail.read and mail.send\n" in app
    assert "seen on 2026-07-04, 1 call in the logs held\n[[client]]" in caller


def test_with_owner_and_purpose_it_answers_gov_1_and_without_them_it_does_not(world):
    store = world(consent("02 00:00", ["mail.read"]), use("03 01:00", "GET /v1/messages/7"))
    text = drafted(store)
    add(store, text)
    assert unowned(store) == ["app"]
    assert drafted(store) == ""
    add(store, text.replace('owner = ""', 'owner = "jo"').replace('purpose = ""', 'purpose = "mail"'))
    assert unowned(store) == []


def test_an_attempt_is_no_client_and_what_lies_outside_of_the_window_is_not_asked(world):
    store = world(
        token("10 09:00", None, ["mail.read"], client_id="tried", outcome="denied"),
        use("10 09:06", "GET /v1/messages/7", "made-up", client_id="tried", status=401),
        use("10 09:06", "GET /v1/messages/7", None, client_id="met"),
    )
    assert [entry["client_id"] for entry in clients(drafted(store))] == ["met"]
    assert gl.register_draft(store.between("2026-07-11", "2026-07-31")) == ""


def test_the_service_principal_of_an_application_needs_no_entry_of_its_own(world):
    store = world(
        consent("09 09:00", ["mail.read"], "entra:object-of-app:mail", source="microsoft_entra"),
        use("10 09:06", "GET /v1/messages/7", None, client_id="object-of-app", source="microsoft_entra"),
        use("10 09:06", "GET /v1/messages/7", None, client_id="other", source="microsoft_entra"),
    )
    add(store, '[[client]]\nclient_id = "app"')
    assert [entry["client_id"] for entry in clients(drafted(store))] == ["other"]


HOSTILE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(HOSTILE, min_size=1, max_size=3, unique=True), scope=HOSTILE)
def test_whatever_a_stranger_calls_itself_the_file_reads_back_as_the_same_clients(world, names, scope):
    hostile = [*names, '"]\n[[client]]\nclient_id = "x', "\x1b[2J\u202eevil", "# a", "\U000e0041"]
    store = world(*(consent("02 00:00", [scope], name, client_id=name, event_id=name) for name in hostile))
    text = drafted(store)
    assert sorted(entry["client_id"] for entry in clients(text)) == sorted({*hostile})
    assert not {letter for letter in text if not letter.isprintable()} - {"\n"}
    add(store, text)
    assert drafted(store) == ""
