"""One store whose log is written by a stranger with hostile names, and what the rules find in it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from grantlens import detect
from grantlens.catalogue.model import Catalogue
from grantlens.register.server import Servers
from grantlens.rule.example import CATALOGUE, SERVERS, consent, logs_from_to, revoked, token, use
from grantlens.schema.register import SERVER
from grantlens.store import Store

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\u3164\x1b[2J"


def records():
    who = {"client_id": HOSTILE, "client_name": HOSTILE, "subject_id": HOSTILE}
    rows = [
        consent("01 08:00", ["mail.write", "files.read", "offline_access"], **who),
        token("01 08:01", "rt1", ["mail.write", "files.read"], token_kind="refresh", **who),
        token("01 08:02", "t1", ["mail.write"], "10 13:00", **who),
        *(use(f"{day:02} 09:00:00.25", "GET /v1/messages/7", **who) for day in range(1, 10)),
        *(use(f"09 09:{minute:02}", "PUT /v1/files/7", server="files.example", **who) for minute in range(30)),
        use("09 10:00", "PUT /v1/files/7", server="files.example", status=403, **who),
        use("09 10:01", f"GET /v1/{HOSTILE}", **who),
        use("09 10:02", "GET /v1/messages/7", "t-forged", **who),
        revoked("10 12:00", **who),
        use("10 12:00:30.25", "GET /v1/messages/7", **who),
        use("10 12:01", "GET /v1/messages/7", status=401, **who),
        token("11 08:00", "t2", ["mail.write"], "20 13:00", **who),
        revoked("11 12:00", token_id="t2", event_id="r2", **{**who, "initiator": "client"}),
        *logs_from_to("01 08:00", "20 08:00"),
    ]
    return [{"event_id": f"e{number:03}", **row} for number, row in enumerate(rows)]


@pytest.fixture(scope="session")
def hostile():
    """Return the hostile name."""
    return HOSTILE


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """Return the open store, its log file, and the findings of every rule by id; change none of them."""
    folder = tmp_path_factory.mktemp("scene")
    (folder / "catalogue.toml").write_text(CATALOGUE)
    log = folder / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records()))
    with Store(folder / "scene.duckdb") as store:
        servers = Servers(tuple(dict.fromkeys(SERVER.names) | row for row in SERVERS))
        store.add(Catalogue.build("toml", folder / "catalogue.toml"), servers)
        assert store.load(log).total("rejected") == 0
        found = {each.rule.id: each for each in detect.run(store)}
        yield SimpleNamespace(store=store, log=log, found=found, lag=detect.revocation_lag(store))
