"""`--tenant`: one tenant of a store alone."""

import json

WINDOW = ("--since", "2026-07-03", "--until", "2026-10-01", "--now", "2026-10-01")


def test_each_command_looks_at_one_tenant_alone(run, sample_file, tmp_path):
    def rows(command, *more):
        ran = run(command, sample_file, *WINDOW, "--format", "json", *more)
        assert ran.code == 0
        return json.loads(ran.out)

    only = ("--tenant", "brightwater")
    for command in ("grants", "detect"):
        assert {"brightwater"} < {row["tenant"] for row in rows(command)}
        assert {row["tenant"] for row in rows(command, *only)} == {"brightwater"}
    assert run("report", sample_file, *WINDOW, *only, "-o", tmp_path / "one.json").code == 0
    document = json.loads((tmp_path / "one.json").read_text())
    assert "grantlens report STORE -o report.html --tenant=brightwater --since " in document["reproduce"]["command"]
    assert {row["source"] for row in document["coverage"]} == {"native", "github"}
    assert run("export", sample_file, *only, "-o", tmp_path / "one.ndjson").code == 0
    exported = {json.loads(line)["tenant"] for line in (tmp_path / "one.ndjson").read_text().splitlines()}
    assert exported <= {"brightwater", None}


def test_a_client_of_another_tenant_is_not_said_to_be_in_no_log_of_the_store(run, sample_file):
    ran = run("case", sample_file, "--client", "mailbox-mirror", "--tenant", "C0brightw")
    assert ran.failed_well()
    assert (
        "No client mailbox-mirror occurs in the logs of the tenant C0brightw, at which alone it was looked." in ran.err
    )
    assert "occurs in the logs of this store." in run("case", sample_file, "--client", "nobody-at-all").err


def test_a_tenant_of_no_log_is_refused(run, sample_file):
    ran = run("grants", sample_file, "--tenant", "brightwatr")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean brightwater?" in ran.err


def test_a_table_names_source_and_tenant_where_there_are_several(run, tmp_path):
    def header(command, *logs):
        name = "-".join(map("".join, logs))
        store, log = tmp_path / f"{name}.duckdb", tmp_path / f"{name}.ndjson"
        rows = [
            {"log": "issuance", "issued_at": "2026-07-01T09:00:00Z", "kind": "consent", "outcome": "success", "client_id": "app",
             "subject_id": "ann", "scopes": ["mail.read"], "event_id": f"e{source}{tenant}", "source": source, "tenant": tenant}
            for source, tenant in logs
        ]  # fmt: skip
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        if not store.exists():
            assert run("load", store, log).code == 0
        words = run(*command[:1], store, *command[1:], "--now", "2026-07-02").out.splitlines()[0].lower().split()
        return [word for word in words if word in ("source", "tenant")]

    for command in (("grants",), ("detect", "GOV-1")):
        assert header(command, ("okta", "north")) == []
        assert header(command, ("okta", "north"), ("okta", "south")) == ["tenant"]
        assert header(command, ("okta", "north"), ("auth0", "north")) == ["source"]
        assert header(command, ("okta", "north"), ("okta", "south"), ("auth0", "south")) == ["source", "tenant"]


def test_logs_that_name_no_tenant_are_told_apart_where_load_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for tenant, day in (("eu", "02"), ("us", "03")):
        record = {"log": "issuance", "issued_at": f"2026-07-{day}T10:00:00Z", "kind": "consent", "outcome": "success"}
        (tmp_path / f"{tenant}.ndjson").write_text(json.dumps(record | {"client_id": "app", "grant_id": "1"}) + "\n")
        ran = run("load", "s.duckdb", f"{tenant}.ndjson", "--tenant", tenant)
        assert (ran.code, ran.err) == (0, "")
    listed = json.loads(run("grants", "s.duckdb", "--now", "2026-07-04", "--format", "json").out)
    assert sorted((row["tenant"], row["opened_at"]) for row in listed) == [
        ("eu", "2026-07-02T10:00:00Z"),
        ("us", "2026-07-03T10:00:00Z"),
    ]
    ran = run("load", "s.duckdb", "eu.ndjson", "--tenant", "")
    assert ran.failed_well()
    assert "The tenant has no name." in ran.err
