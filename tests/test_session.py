"""The notebook session of docs/analyst.md runs as printed."""

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import grantlens as gl
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

ROOT = Path(__file__).parent.parent


def printed_session() -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "analyst.md").read_text(), re.DOTALL)
    return next(block for block in blocks if "store.between" in block)


def workplace(folder: Path, samples: Path) -> None:
    """Lay out the files that the session names: logs of two providers, a catalogue, a register, the last review."""
    entra, okta = folder / "logs" / "entra", folder / "logs" / "okta"
    entra.mkdir(parents=True)
    okta.mkdir()
    for log in (samples / "logs" / "microsoft_entra").iterdir():
        (entra / f"{log.stem}.json.gz").write_bytes(gzip.compress(log.read_bytes()))
    for log in (samples / "logs" / "okta").iterdir():
        shutil.copy(log, okta)
    copilot = {"client_id": "mail-copilot", "grant_id": "g1"}
    records = [
        consent("01 08:00", ["mail.read"], **copilot),
        token("10 11:00", "t1", ["mail.read"], "10 13:00", **copilot),
        use("10 11:30", "GET /v1/messages/7", **copilot),
        revoked("10 12:00", "grant", **copilot),
        use("10 12:30", "GET /v1/messages/7", **copilot),
        *logs_from_to("01 08:00", "31 08:00"),
    ]
    (okta / "mail-copilot.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records))
    gl.Catalogue.build("toml", samples / "catalogue.toml").write(folder / "msgraph.parquet")
    shutil.copy(samples / "register.toml", folder / "connections.toml")
    (folder / "servers.toml").write_text('[[server]]\nresource_server = "mail.example"\nvalidation = "introspection"\n')
    (folder / "decisions.toml").write_text(
        '[[decision]]\ndecision = "revoke"\nclient_id = "mail-copilot"\ncause = "compromise"\ndecided_at = 2026-07-10T09:00:00Z\n'
    )
    with gl.open(folder / "before.duckdb") as store:
        store.load(entra)
        gl.review(store.between("2026-06-01", "2026-07-01")).to_json(folder / "q2.json")


def test_session_runs_as_printed(tmp_path, samples, monkeypatch):
    workplace(tmp_path, samples)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(printed_session(), "analyst.md", "exec"), names)
    store = names["store"]
    assert {row["source"] for row in store.coverage()} >= {"microsoft_entra", "okta", "native"}
    assert len(names["idle"]) > 0
    assert any(finding["client_id"] == "mail-copilot" for rule in names["lag"].rules for finding in rule)
    verdicts = {
        f["verdict"]
        for rule in names["lag"].rules
        for f in rule
        if (f["rule"], f["client_id"]) == ("REV-1", "mail-copilot")
    }
    assert verdicts == {"violation"}
    assert [(f["rule"], f["verdict"]) for rule in names["lag"].rules for f in rule if f["rule"] == "REV-10"] == [
        ("REV-10", "violation")
    ]
    assert any("no, still succeeding" in json.dumps(answer, default=str) for answer in names["case"].answers())
    assert (tmp_path / "q3.html").stat().st_size > 10_000
    assert os.stat(tmp_path / "acme.duckdb").st_mode & 0o077 == 0
    store.close()


def test_session_is_the_one_of_the_design():
    session = printed_session()
    for line in (
        'store = gl.open("acme.duckdb")',
        'store.load("logs/entra/*.json.gz", "logs/okta/")',
        'store.add(gl.Catalogue.read("msgraph.parquet"), gl.Register.read("connections.toml"))',
        'store.add(gl.Servers.read("servers.toml"))',
        'q3 = store.between("2026-07-01", "2026-10-01")',
        "over = gl.detect.out_of_scope(q3)",
        'over.by("client_id").chart()',
        "over.evidence(0)",
        "idle = gl.detect.unused_privileges(q3)",
        "idle.recommend()",
        "lag = gl.detect.revocation_lag(q3)",
        "lag.curve().chart()",
        "over.pl(), idle.df(), lag.sql",
        'case = gl.Case(store, client="mail-copilot")',
        "case.timeline().chart()",
        "case.answers()",
        'gl.review(q3, baseline="q2.json").to_html("q3.html")',
    ):
        assert line in session
