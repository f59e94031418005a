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


def test_logs_that_name_no_tenant_beside_others_of_their_source_that_do_are_told_with_what_to_type(run, tmp_path):
    """The Graph API hands out directory audits without a tenant, and diagnostic settings write sign-ins with theirs."""
    directory = "0f1e2d3c-4b5a-4697-8899-aabbccddeeff"
    audit = {
        "id": "Directory_1",
        "category": "UserManagement",
        "result": "success",
        "activityDisplayName": "Disable account",
        "activityDateTime": "2026-10-05T09:00:00Z",
        "loggedByService": "Core Directory",
        "initiatedBy": {"user": {"id": "admin"}},
        "targetResources": [{"id": "ann", "type": "User", "modifiedProperties": []}],
    }
    properties = {
        "id": "5c1f9b0e-0000-4000-8000-000000000001",
        "createdDateTime": "2026-10-05T08:00:00Z",
        "appId": "app",
        "userId": "ann",
        "resourceId": "graph",
        "status": {"errorCode": 0},
    }
    signin = {
        "time": "2026-10-05T08:00:00Z",
        "category": "NonInteractiveUserSignInLogs",
        "operationName": "Sign-in activity",
        "resultType": "0",
        "tenantId": directory,
        "callerIpAddress": "192.0.2.7",
        "properties": properties,
    }
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "signins.json").write_text(json.dumps(signin) + "\n")
    (logs / "audit.json").write_text(json.dumps({"value": [audit]}))
    said = f"Some of microsoft_entra's records of revocation name no tenant, and others name {directory}"
    for command in (("load", tmp_path / "a.duckdb", logs), ("coverage", tmp_path / "a.duckdb")):
        ran = run(*command)
        assert ran.code == 0
        assert said in ran.err
        assert f"load them with --tenant {directory}." in ran.err
    assert "name no tenant" not in run("load", tmp_path / "b.duckdb", logs, "--tenant", directory).err
    assert "name no tenant" not in run("load", tmp_path / "c.duckdb", logs / "audit.json").err
