"""The beginning of the servers' file: which servers have no entry, and what the logs tell of them."""

import tempfile
import tomllib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.rule.example import revoked, token, use

JULY = ("2026-07-01", "2026-07-31")
GIVEN = (token("10 11:00", "t1", ["jobs.run"], "10 18:00"),)
ENDED = revoked("10 12:00")


def drafted(store):
    return gl.server_draft(store.between(*JULY))


def servers(text):
    return [entry["resource_server"] for entry in tomllib.loads(text).get("server", [])]


def verdicts(store):
    return [row["verdict"] for row in gl.detect.run(store.between(*JULY), "REV-1")["REV-1"].to_dicts()]


def add(store, text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "servers.toml")
        file.write_text(text, encoding="utf-8")
        store.add(gl.Servers.read(file))


def test_servers_without_an_entry_have_one_those_first_where_rev_1_waits(world):
    store = world(
        *GIVEN, ENDED,
        use("10 12:40", "POST /v1/jobs", "t1", server="jobs.example"),
        *(use(f"0{day} 09:00", "GET /v1/messages/7", None, server="much.example") for day in (3, 4, 5)),
        use("05 10:00", "GET /v1/messages/7", None, server="much.example", client_id="other"),
        use("05 10:00", "GET /v1/messages/7", None, server="known.example"),
    )  # fmt: skip
    add(store, '[[server]]\nresource_server = "known.example"')
    text = drafted(store)
    assert servers(text) == ["jobs.example", "much.example"]
    jobs, much = text.split("\n\n")[1:]
    assert "REV-1 waits: 1 access was used here after the revocation, or may have been\n" in jobs
    assert "4 calls of 2 clients, from 2026-07-03 to 2026-07-05\n[[server]]" in much


def test_as_it_stands_it_decides_nothing_and_filled_in_rev_1_is_decided(world):
    store = world(*GIVEN, ENDED, use("10 12:40", "POST /v1/jobs", "t1", server="jobs.example"))
    text = drafted(store)
    assert verdicts(store) == ["indeterminate"]
    add(store, text)
    assert verdicts(store) == ["indeterminate"]
    assert drafted(store) == ""
    add(store, text.replace('# validation = ""', 'validation = "introspection"'))
    assert verdicts(store) == ["violation"]


def test_what_lies_outside_of_the_window_and_calls_that_name_no_server_are_not_asked(world):
    store = world(
        use("03 09:00", "GET /v1/messages/7", None, server="before.example"),
        use("12 09:00", "GET /v1/messages/7", None, server=None),
        use("12 09:00", "GET /v1/messages/7", None, server="within.example"),
    )
    assert servers(gl.server_draft(store.between("2026-07-10", "2026-07-31"))) == ["within.example"]


HOSTILE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(HOSTILE, min_size=1, max_size=3, unique=True))
def test_whatever_a_server_is_called_the_file_reads_back_as_the_same_servers(world, names):
    hostile = {*names, '"]\n[[server]]\nresource_server = "x', "\x1b[2J\u202eevil", "# a", "\U000e0041"}
    store = world(*(use("03 09:00", "GET /x", None, server=name, event_id=name) for name in sorted(hostile)))
    text = drafted(store)
    assert set(servers(text)) == hostile
    assert not {letter for letter in text if not letter.isprintable()} - {"\n"}
    add(store, text)
    assert drafted(store) == ""
