"""Of two records with one id that say different things the first is kept, and the file of the second says so."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.access_review import review
from grantlens.loaders.native import LOADER
from grantlens.store import Store
from tests.loaders import test_slack

from .oracle import issuance, ndjson, revocation, usage

MAKE = {"usage": usage, "issuance": issuance, "revocation": revocation}
TIME = {"usage": "used_at", "issuance": "issued_at", "revocation": "revoked_at"}

TOLD = {
    "usage": [({"outcome": "denied"}, "outcome"), ({"client_id": "x", "target": "/v1/other"}, "client_id and target")],
    "issuance": [({"scopes": ["Mail.Read", "Mail.Send"]}, "scopes"), ({"outcome": "denied"}, "outcome")],
    "revocation": [({"client_id": "x"}, "client_id"), ({"target_kind": "grant"}, "target_kind")],
}
WHO = {"subject_id": "s", "client_id": "c", "client_name": "Before", "token_id": "t"}


def _loaded(tmp_path, log, pair, way):
    """Load two records of one event in one of the ways in which they may meet; return the counts of the file of the second."""
    with Store(":memory:") as store:
        if way == "one file":
            (batch,) = store.load(ndjson(tmp_path / "a.ndjson", pair)).batches
            return batch
        paths = [ndjson(tmp_path / f"{name}.ndjson", [record]) for name, record in zip("ab", pair, strict=True)]
        if way == "one load":
            return store.load(*paths).batches[1]
        store.load(paths[0])
        return store.load(paths[1]).batches[0]


def _differing():
    return [(log, other, named) for log, cases in TOLD.items() for other, named in cases]


@pytest.mark.parametrize("way", ["one file", "one load", "two loads"])
@pytest.mark.parametrize(("log", "other", "named"), _differing())
def test_a_duplicate_that_says_something_else_is_told(tmp_path, log, other, named, way):
    first = MAKE[log](1) | WHO
    batch = _loaded(tmp_path, log, [first, first | other], way)
    assert batch["duplicates"] == 1
    assert batch["note"] == (
        f"1 {log} duplicate differs in {named} from the record of the same id that was kept: was the log altered, or are ids not unique?"
    )


@pytest.mark.parametrize("way", ["one file", "one load", "two loads"])
@pytest.mark.parametrize("log", MAKE)
@pytest.mark.parametrize(
    "other",
    [
        {"client_name": "Renamed"},
        {"subject_id": None},
        {"token_id": "hashed-by-another-device"},
        {"received_at": "2026-03-03T00:00:00Z"},
        "cut to whole seconds",
    ],
)
def test_what_is_only_left_out_cut_or_hashed_is_no_difference(tmp_path, log, other, way):
    first = MAKE[log](1) | WHO
    if other == "cut to whole seconds":
        first[TIME[log]] = "2026-03-01T00:00:01.9Z"
        other = {TIME[log]: "2026-03-01T00:00:01Z"}
    for pair in ([first, first | other], [first | other, first]):
        batch = _loaded(tmp_path, log, pair, way)
        assert (batch["duplicates"], batch["note"]) == (1, None)


@pytest.mark.parametrize(
    ("action", "other", "told"),
    [
        (
            "app_installed",
            {"entity": test_slack.app(scopes=["admin"])},
            "issuance duplicate differs in scopes",
        ),
        ("app_installed", {"context": {"location": {"type": "workspace", "id": "T1"}, "ua": "cut"}}, None),
        ("app_installed", {"entity": test_slack.app(name="Renamed")}, None),
        (
            "app_uninstalled",
            {"entity": test_slack.app(id="A2")},
            "revocation duplicate differs in client_id",
        ),
        ("app_uninstalled", {}, None),
    ],
)
def test_the_rows_of_one_provider_that_are_compared_before_they_are_written(tmp_path, action, other, told):
    path = ndjson(tmp_path / "a.ndjson", [test_slack.event(action), test_slack.event(action, **other)])
    with Store(":memory:") as store:
        (batch,) = store.load(path).batches
    assert (batch["loader"], batch["duplicates"]) == ("slack", 1)
    if told is None:
        assert batch["note"] is None
    else:
        assert batch["note"].startswith(f"1 {told} from the record")


@pytest.mark.parametrize("way", ["one file", "one load", "two loads"])
def test_the_order_of_scopes_is_no_difference_that_of_actors_is(tmp_path, way):
    first = issuance(1, scopes=["a", "b"], actor_chain=["x", "y"])
    assert _loaded(tmp_path, "issuance", [first, first | {"scopes": ["b", "a"]}], way)["note"] is None
    other = _loaded(tmp_path, "issuance", [first, first | {"actor_chain": ["y", "x"]}], way)
    assert other["note"].startswith("1 issuance duplicate differs in actor_chain from")


def test_each_duplicate_counts_once_and_each_file_says_its_own(tmp_path):
    kept = ndjson(tmp_path / "a.ndjson", [*map(usage, range(5)), usage(0, tenant="t")])
    altered = ndjson(
        tmp_path / "b.ndjson",
        [usage(0, status=500), usage(1), usage(2, client_id="x", status=403), usage(9)],
    )
    with Store(":memory:") as store:
        first, second = store.load(kept, altered).batches
        assert first["note"] is None
        assert (second["usage"], second["duplicates"]) == (1, 3)
        assert second["note"].startswith("2 usage duplicates differ in client_id and status from")
        assert store.engine.rows("SELECT event_id, client_id, status FROM usage WHERE event_id = 'u2'") == [
            ("u2", "c2", 200)
        ]


def test_what_another_version_of_the_loader_read_is_not_compared(tmp_path):
    """It may have read the same record otherwise: an update of grantlens is no alteration of a log."""
    paths = [ndjson(tmp_path / f"{n}.ndjson", [usage(1, status=status)]) for n, status in enumerate((200, 500, 403))]
    before = replace(LOADER, version=LOADER.version - 1, dialect=None)
    with Store(":memory:") as store:
        store.load(paths[0], loader=before)
        (batch,) = store.load(paths[1]).batches
        assert (batch["duplicates"], batch["note"]) == (1, None)
        (batch,) = store.load(paths[2], loader=before).batches
        assert "1 usage duplicate differs in status from" in batch["note"]


def test_a_log_that_was_rewritten_and_loaded_again_is_told_by_the_review(tmp_path):
    records = [issuance(1), *(usage(n, subject_id="s") for n in range(1, 8))]
    path = ndjson(tmp_path / "audit.ndjson", records)
    with Store(":memory:") as store:
        store.load(path)
        assert not [line for line in review(store).document["limitations"] if "differ" in line]
        ndjson(path, [*records[:3], usage(3, subject_id="somebody else"), *records[4:]])
        store.load(path)
        (line,) = [line for line in review(store).document["limitations"] if "differ" in line]
        assert "1 file holds records that differ from the record of the same id that was kept" in line
        assert str(path) in line


SAID = st.fixed_dictionaries(
    {
        "number": st.integers(0, 3),
        "client_id": st.sampled_from([None, "c", "d"]),
        "outcome": st.sampled_from(["success", "denied"]),
        "ip": st.sampled_from([None, "192.0.2.1", "192.0.2.2"]),
    }
)


@pytest.mark.parametrize("log", ["usage", "issuance"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.lists(SAID, min_size=1, max_size=5), min_size=1, max_size=3), at_once=st.booleans())
def test_as_plain_python_tells_it(tmp_path, log, files, at_once):
    kept: dict[int, dict] = {}
    told: list[tuple[int, set]] = []
    for file in files:
        differing = [
            {name for name in said if None not in (said[name], kept[said["number"]][name]) and said[name] != kept[said["number"]][name]}
            for said in file
            if kept.setdefault(said["number"], said) is not said
        ]  # fmt: skip
        told.append((sum(map(bool, differing)), set().union(*differing)))
    paths = [
        ndjson(tmp_path / f"{nth}.ndjson", [MAKE[log](**said) | {"user_agent": str(nth)} for said in file])
        for nth, file in enumerate(files)
    ]
    with Store(":memory:") as store:
        batches = store.load(*paths).batches if at_once else [store.load(path).batches[0] for path in paths]
    for batch, (records, columns) in zip(batches, told, strict=True):
        named = re.fullmatch(rf"(\d+) {log} duplicates? differs? in (.*) from the record of .*", batch["note"] or "")
        assert (records, columns) == ((int(named[1]), set(re.split(" and |, ", named[2]))) if named else (0, set()))
