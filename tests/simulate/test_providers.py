"""The provider-shaped files: recognised, every record mapped, nothing lost, and the ids are those of the truth."""

import json

import pytest

from grantlens.simulate import aws, build, entra, github, google, okta
from grantlens.simulate.generate import write

HOMES = (okta.HOME, entra.HOME, google.HOME, github.HOME, aws.HOME)


@pytest.fixture(scope="module")
def world():
    return build(seed=21)


@pytest.fixture(scope="module")
def written_world(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("providers")
    write(world, path)
    return path


@pytest.fixture(scope="module")
def loaded(written_world):
    from grantlens.store import Store

    with Store(":memory:") as store:
        batches = list(store.load(*(written_world / "logs" / home for home in HOMES)))
        yield store, batches


def test_every_file_is_recognised_and_nothing_is_rejected_or_ignored(loaded):
    _, batches = loaded
    for batch in batches:
        assert batch["loader"] in batch["path"]
        assert (batch["rejected"], batch["ignored"], batch["duplicates"]) == (0, 0, 0)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("log", ["issuance", "usage", "revocation"])
def test_every_row_arrives(world, loaded, home, log):
    store, _ = loaded
    made = [row for row in getattr(world, log) if row["home"] == home]
    # an app of Okta that is made is activated, too
    made_on = " AND kind <> 'enable'" if log == "revocation" else ""
    stored = store.sql(f"SELECT * FROM {log} WHERE source = $home{made_on}", home=home).to_pylist()
    assert len(stored) == len(made)
    stamp = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}[log]
    for part in (stamp, "client_id", "subject_id", "outcome"):
        assert sorted(str(row[part]) for row in stored) == sorted(str(row[part]) for row in made)


@pytest.mark.parametrize("home", HOMES)
def test_consents_carry_the_grant_of_the_truth(world, loaded, home):
    store, _ = loaded
    stored = store.sql("SELECT DISTINCT grant_id FROM issuance WHERE source = $home AND kind = 'consent'", home=home)
    named = {grant.grant_id for grant in world.grants if grant.home == home and grant.named}
    assert set(stored["grant_id"].to_pylist()) == named
    assert bool(named) is (home != aws.HOME)


def test_keys_of_aws_lead_to_the_grant_of_the_truth(world, loaded):
    store, _ = loaded
    stored = store.sql("SELECT token_id, grant_id FROM issuance WHERE source = $home", home=aws.HOME).to_pylist()
    made = {key.token_id: grant.grant_id for grant in world.grants if grant.home == aws.HOME for key in grant.tokens}
    assert {row["token_id"]: row["grant_id"] for row in stored} == made


def test_tokens_and_revocations_keep_their_ids(world, loaded):
    store, _ = loaded
    issued = set(
        store.sql("SELECT token_id FROM issuance WHERE token_id IS NOT NULL AND outcome = 'success'")[
            "token_id"
        ].to_pylist()
    )
    assert issued == {token.token_id for grant in world.grants if grant.home != "native" for token in grant.tokens}
    used = set(store.sql("SELECT DISTINCT token_id FROM usage WHERE token_id IS NOT NULL")["token_id"].to_pylist())
    assert used - issued == {"AKIAOLDERTHANTRAIL22"}
    ended = set(store.sql("SELECT event_id FROM revocation")["event_id"].to_pylist())
    assert {row["event_id"] for row in world.revocation if row["home"] not in ("native", google.HOME)} <= ended


def test_a_google_page_and_a_github_array_are_newest_first(written_world):
    page = json.loads((written_world / "logs" / google.HOME / "token.json").read_text(encoding="utf-8"))
    times = [item["id"]["time"] for item in page["items"]]
    assert times == sorted(times, reverse=True)
    events = json.loads((written_world / "logs" / github.HOME / "audit-log.json").read_text(encoding="utf-8"))
    stamps = [event["@timestamp"] for event in events]
    assert stamps == sorted(stamps, reverse=True)


def test_no_token_itself_is_ever_written(written_world):
    for file in (written_world / "logs").rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        assert "Bearer" not in text
        assert "access_token=" not in text
