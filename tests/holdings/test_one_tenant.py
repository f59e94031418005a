"""A store that is opened for one tenant answers as if it held no other, whatever ids they share."""

import json

import pytest

import grantlens as gl
from grantlens.access_review.grants import grants
from grantlens.errors import StoreError
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

READ = "GET /v1/messages/7"
NORTH = (
    consent("02 08:00", ["mail.read"], tenant="north"),
    token("02 09:00", "t1", ["mail.read"], "19 09:00", tenant="north"),
    use("03 10:00", READ, tenant="north"),
    *({**row, "tenant": "north"} for row in logs_from_to("01 08:00", "20 08:00")),
)
SOUTH = (
    consent("04 08:00", ["files.read"], subject_id="bob", tenant="south"),
    token("04 09:00", "t1", ["files.read"], "19 09:00", subject_id="bob", tenant="south"),
    use("05 10:00", READ, subject_id="bob", tenant="south"),
    revoked("06 10:00", "grant", subject_id="bob", tenant="south"),
    use("07 10:00", READ, subject_id="bob", tenant="south"),
)


def plain(store):
    """Return what every rule says, and the grants, without the places in files."""
    view = store.between("2026-07-01", "2026-07-21")
    found = [finding for part in gl.detect.run(view) for finding in part.to_dicts()]
    for finding in found:
        finding["evidence"] = [pointer["event_id"] for pointer in finding["evidence"]]
    return json.dumps([found, grants(view).to_dicts()])


@pytest.fixture
def opened(tmp_path):
    """Return what loads a log into a store of its own and opens that for a tenant."""
    stores = []

    def make(name, *records, tenant=None):
        log = tmp_path / f"{name}.ndjson"
        numbered = ({"event_id": f"{row.get('tenant')}{n}", **row} for n, row in enumerate(records))
        log.write_text("".join(f"{json.dumps(row)}\n" for row in numbered))
        path = tmp_path / f"{name}.duckdb"
        if not path.exists():
            with gl.open(path) as store:
                assert store.load(log).total("rejected") == 0
        stores.append(gl.open(path, tenant=tenant))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def test_one_tenant_of_two_with_equal_ids_is_as_it_would_be_alone(opened):
    whole, alone = opened("both", *NORTH, *SOUTH), opened("alone", *NORTH)
    expected, together = plain(alone), plain(whole)
    assert "bob" in together
    whole.close()
    assert plain(opened("both", tenant="north")) == expected
    document = gl.review(opened("both", tenant="north")).document
    assert document["tenant"] == "north"
    assert {row["tenant"] for name in ("findings", "grants", "coverage") for row in document[name]} == {"north"}
    assert "south" not in json.dumps(document)


def test_rows_without_a_tenant_come_along_unless_they_name_what_only_another_has(opened):
    nobody = (
        use("08 10:00", READ, "t-north"),
        use("08 11:00", READ, "t-south"),
        use("08 12:00", READ, "t-unseen"),
        use("08 13:00", READ, None, subject_id="sue"),
    )
    born = [
        token("02 09:00", f"t-{tenant}", ["mail.read"], "19 09:00", grant_id=f"g-{tenant}", tenant=tenant, **more)
        for tenant, more in (("north", {}), ("south", {}), ("south", {"subject_id": "sue"}))
    ]
    elsewhere = use("08 14:00", READ, "t-okta", source="okta")
    store = opened("shared", *born, *nobody, elsewhere, tenant="north")
    seen = store.sql("SELECT coalesce(token_id, subject_id) AS who FROM usage ORDER BY who")["who"].to_pylist()
    assert seen == ["t-north", "t-unseen"]
    assert store.sql("SELECT DISTINCT source FROM coverage").num_rows == 1


def test_the_end_of_a_client_of_some_tenant_is_not_taken_for_this_ones(opened):
    ends = (
        revoked("06 10:30", "grant", kind="downgrade", grant_id=None, scopes_removed=["mail.read"], event_id="r4"),
        revoked("06 10:40", "client", kind="downgrade", scopes_removed=["mail.read"], event_id="r5"),
        consent("02 08:00", ["mail.read"], "g2", tenant="south"),
        revoked("06 11:00", "client", event_id="r2"),
        revoked("06 12:00", event_id="r3", client_id="bystander", token_id="t-bystander"),
    )
    store = opened("both", *NORTH, *SOUTH, *ends, tenant="north")
    assert [row["target_kind"] for row in store.sql("SELECT target_kind FROM revocation").to_pylist()] == ["token"]


def test_a_call_of_some_tenant_is_no_orphan_of_this_one_for_sure(opened):
    long = [token(f"{day:02} 09:00", f"x{day}", None, f"{day:02} 10:00", client_id="x") for day in range(1, 20)]
    records = [*({**row, "tenant": "north"} for row in long), *NORTH[-4:], *SOUTH]
    records.append(use("10 10:00", READ, "t-unseen", client_id=None, subject_id=None))
    (found,) = gl.detect.run(opened("both", *records, tenant="north"), ["INT-1"])
    assert [row["verdict"] for row in found.to_dicts()] == ["indeterminate"]


def test_a_file_of_which_nothing_was_read_may_be_of_any_tenant(opened, tmp_path):
    opened("files", *NORTH).close()
    for name, row in (("south", SOUTH[0]), ("broken", SOUTH[2] | {"used_at": "then"})):
        (tmp_path / f"{name}.ndjson").write_text(json.dumps({"event_id": name, **row}) + "\n")
        with gl.open(tmp_path / "files.duckdb") as store:
            store.load(tmp_path / f"{name}.ndjson", loader="native")
    document = gl.review(opened("files", tenant="north")).document
    paths = [row["path"].rpartition("/")[2] for row in document["manifest"]["batches"]]
    assert sorted(paths) == ["broken.ndjson", "files.ndjson"]
    assert sum(row["records"] for row in document["rejected"]) == 1


@pytest.mark.parametrize(
    ("tenant", "remedy"), [("nort", "Did you mean north?"), ("acme corp", "Its logs name north and south.")]
)
def test_a_tenant_that_no_log_names_is_told(opened, tenant, remedy):
    opened("both", *NORTH, *SOUTH).close()
    with pytest.raises(StoreError, match="names a tenant") as told:
        opened("both", tenant=tenant)
    assert told.value.remedy == remedy


def test_what_is_about_a_whole_store_is_not_asked_of_one_tenant(opened, tmp_path):
    store = opened("north", *NORTH, tenant="north")
    for ask in (
        lambda: store.load(tmp_path / "north.ndjson"),
        store.verify,
        store.providers,
    ):
        with pytest.raises(StoreError, match="opened for the tenant north alone"):
            ask()


def test_no_loaded_file_of_another_tenant_is_written_over(opened, tmp_path):
    opened("files", *NORTH).close()
    (tmp_path / "south.ndjson").write_text(json.dumps({"event_id": "s", **SOUTH[0]}) + "\n")
    with gl.open(tmp_path / "files.duckdb") as store:
        store.load(tmp_path / "south.ndjson")
    with pytest.raises(gl.errors.GrantlensError, match="was loaded into this store"):
        opened("files", tenant="north").export(tmp_path / "south.ndjson")


def test_a_case_of_one_tenant_is_as_it_would_be_alone(opened, tmp_path):
    def case(name, **tenant):
        store = opened(name, **tenant)
        found = gl.Case(store, client="app")
        told = [answer["answer"] for answer in found.answers().to_dicts()]
        told += [(row["start"], row["lane"], row["label"], row["state"]) for row in found.timeline().to_dicts()]
        document = found.to_dict()
        written = sorted(path.name for path in found.write(tmp_path / f"case-{name}-{tenant.get('tenant')}"))
        held = store.sql("SELECT count(*) AS rows, count(DISTINCT tenant) AS tenants FROM usage").to_pylist()
        store.close()
        return told, [row["title"] for row in document["findings"]], document["records"], written, held

    given = consent("05 08:00", ["mail.read"], "g9", client_id="other", subject_id="zoe", consent_actor="app")
    opened(
        "both", *NORTH, given | {"tenant": "north"}, *SOUTH, given | {"tenant": "south", "client_id": "stranger"}
    ).close()
    opened("alone", *NORTH, given | {"tenant": "north"}).close()
    assert case("both", tenant="north") == case("alone")
    with pytest.raises(gl.errors.CaseError, match="holds the case of client app in tenant north"):
        gl.Case(opened("both", tenant="south"), client="app").write(tmp_path / "case-both-north")
    command = gl.Case(opened("both", tenant="south"), client="app").to_dict()["reproduce"]["command"]
    assert command.startswith("grantlens case STORE --client=app --tenant=south --now ")
