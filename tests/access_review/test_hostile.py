import json
import re
from html.parser import HTMLParser

import pytest

import grantlens as gl

NASTY = (
    "</script><img src=x onerror=alert(1)>\x1b[31m\u202etxt\u2066"
    '=HYPERLINK("http://evil.invalid")\'; DROP TABLE usage_row; --'
)


def issued(moment, event, **more):
    return {"log": "issuance", "event_id": event, "outcome": "success", "issued_at": moment, **more}


def used(moment, event, **more):
    call = {"method": "GET", "target": f"/{NASTY}", "outcome": "success", "status": 200}
    return {"log": "usage", "event_id": event, "used_at": moment, **call, **more}


def revoked(moment, event, **more):
    return {
        "log": "revocation",
        "event_id": event,
        "kind": "revoke",
        "outcome": "success",
        "revoked_at": moment,
        **more,
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    who = {"client_id": NASTY, "client_name": NASTY, "subject_id": NASTY, "subject_name": NASTY, "grant_id": NASTY}
    token = {"token_id": NASTY, "token_kind": "access", "expires_at": "2026-07-09T00:00:00Z"}
    place = {"resource_server": NASTY, "operation": NASTY, "ip": NASTY, "user_agent": NASTY}
    records = [
        issued("2026-07-01T00:00:00Z", NASTY, kind="consent", scopes=[NASTY], consent_actor=NASTY, **who),
        issued("2026-07-01T00:00:01Z", "e2", kind="token", scopes=[NASTY], **token, **who),
        *(
            used(f"2026-07-0{day}T01:00:00Z", f"u{day}", token_id=NASTY, client_id=NASTY, **place)
            for day in range(1, 7)
        ),
        revoked("2026-07-04T00:00:00Z", "r1", target_kind="grant", actor_id=NASTY, reason=NASTY, **who),
    ]
    log = folder / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with gl.open(folder / "store.duckdb") as store:
        store.load(log)
        result = gl.review(store, "2026-07-01", "2026-07-08")
        assert store.sql("SELECT count(*) AS n FROM usage").to_pylist() == [{"n": 6}]
    assert result.summary()["revocations"] == 1
    return result


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.events = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.events += [name for name, _ in attributes if name.startswith("on")]


def test_a_log_written_by_an_attacker_stays_text(page):
    text = page.to_html()
    tags = Tags(text)
    assert "script" not in tags.seen
    assert tags.events == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_nothing_of_it_hides(page):
    for text in (
        page.to_html(),
        page.to_markdown(),
        page.to_json(),
        page.to_sarif(),
        page.to_ocsf(),
        page._repr_html_(),
    ):
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)
