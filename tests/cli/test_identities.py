import json

import pytest

LOG = [
    {
        "log": "usage",
        "used_at": "2026-07-01T10:00:00Z",
        "outcome": "success",
        "source": source,
        "client_id": client,
        "event_id": source,
    }
    for source, client in (("okta", "0oa1"), ("github", "Iv1.8a"))
]
FILE = "source,kind,id,same_as\nokta,client,0oa1,Mail copilot\ngithub,client,Iv1.8a,Mail copilot\n"


@pytest.fixture
def filled(tmp_path, run):
    """Return the path of a store with two logs."""
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in LOG))
    assert run("load", str(tmp_path / "s.duckdb"), str(log)).code == 0
    return tmp_path / "s.duckdb"


def test_identities_are_added_and_a_case_takes_their_name(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(FILE)
    ran = run("identities", "add", str(filled), str(tmp_path / "i.csv"))
    assert (ran.code, ran.out) == (0, "")
    assert "knows 1 name for 2 ids now" in ran.err
    assert "No log of source" not in ran.err
    told = run("case", str(filled), "--client", "Mail copilot")
    assert told.out.startswith("The client Mail copilot is Iv1.8a in github, 0oa1 in okta.\n")
    about = json.loads(run("case", str(filled), "--client", "Mail copilot", "--format", "json").out)["about"]
    assert about["client"] == about["name"] == "Mail copilot"
    assert {pair["source"] for pair in about["ids"]} == {"okta", "github"}


def test_a_source_that_no_log_has_is_named_with_the_nearest(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(FILE.replace("okta", "otka"))
    ran = run("identities", "add", str(filled), str(tmp_path / "i.csv"))
    assert ran.code == 0
    assert "No log of source 'otka' is in the store; nearest is 'okta'." in ran.err


def test_an_id_that_no_log_of_its_source_has_is_named_with_the_nearest(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(
        f"{FILE}okta,client,0oa1x,Other copilot\nokta,subject,jo@acme.example,Jo\nokta,server,0oa1,Mail\n"
    )
    ran = run("identities", "add", str(filled), str(tmp_path / "i.csv"))
    assert ran.code == 0
    assert [line for line in ran.err.splitlines() if "No log" in line] == [
        "No log of okta names a client '0oa1x'; nearest is '0oa1'. It is compared as the logs write it.",
        "No log of okta names a server '0oa1'. It is compared as the logs write it.",
        "No log of okta names a subject 'jo@acme.example'. It is compared as the logs write it.",
    ]


def test_many_unknown_ids_are_counted(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(FILE + "".join(f"okta,subject,p{n},Jo\n" for n in range(8)))
    assert "The same is true of 3 more ids." in run("identities", "add", str(filled), str(tmp_path / "i.csv")).err


def test_a_contradiction_stops_it_and_changes_nothing(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(FILE + "okta,client,0oa1,Other\n")
    ran = run("identities", "add", str(filled), str(tmp_path / "i.csv"))
    assert ran.failed_well()
    assert "line 4" in ran.err
    assert "line 2" in ran.err
    assert run("case", str(filled), "--client", "Mail copilot").code == 2


def test_a_store_in_the_place_of_the_file_is_told_as_one(filled, tmp_path, run):
    (tmp_path / "i.csv").write_text(FILE)
    ran = run("identities", "add", str(tmp_path / "i.csv"), str(filled))
    assert ran.failed_well()
    assert (
        "s.duckdb is a store, and stands in the place of the file. The store comes first, the file after it." in ran.err
    )
