"""The smallest scope set, beside a search through every set there is."""

import itertools
import json
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import grantlens as gl
from grantlens.analysis.cover import scope_cost
from grantlens.rule.example import CATALOGUE, consent, logs_from_to, revoked, token, use

WORLD = tomllib.loads(CATALOGUE)
LIMITED = {scope["name"] for scope in WORLD["scope"] if scope.get("resource_limited")}
CALLS = {
    "GET /v1/messages/{id}": ("GET /v1/messages/7", "mail.example"), "POST /v1/messages": ("POST /v1/messages", "mail.example"),
    "DELETE /v1/messages/{id}": ("DELETE /v1/messages/7", "mail.example"), "GET /v1/files/{id}": ("GET /v1/files/7", "files.example"),
    "PUT /v1/files/{id}": ("PUT /v1/files/7", "files.example"), "POST /v1/shares": ("POST /v1/shares", "files.example"),
    "POST /v1/jobs": ("POST /v1/jobs", "jobs.example"), "GET /v1/jobs/{id}": ("GET /v1/jobs/9", "jobs.example"),
    "GET /v1/status": ("GET /v1/status", "jobs.example"),
}  # fmt: skip
_RISK = "SELECT scope, max(rank) AS rank FROM cat_scope_risk JOIN cat_scope USING (scope_id) GROUP BY scope"
SCOPES = (
    "mail.read",
    "mail.send",
    "mail.write",
    "files.read",
    "files.write",
    "people.read",
    "desk.use",
    "jobs.run",
    "jobs.own",
    "admin",
)


def closed(scopes):
    """Return all that scopes open, by implication too."""
    implied = {scope["name"]: scope.get("implies", []) for scope in WORLD["scope"]}
    found, todo = set(), list(scopes)
    while todo:
        scope = todo.pop()
        if scope not in found:
            found.add(scope)
            todo += implied.get(scope, [])
    return found


def needs(label):
    return next(
        o["requires"]
        for o in WORLD["operation"]
        if f"{o.get('method')} {o.get('path')}" == label and o.get("principal", "any") == "any"
    )


def permits(scopes, label):
    held = closed(scopes)
    return not needs(label) or any(set(way) <= held for way in needs(label))


def reach(scope):
    """Return how many operations name what the scope opens."""
    return sum(bool(closed([scope]) & {part for way in o["requires"] for part in way}) for o in labels())


def labels():
    """Return the operations; what the catalogue tells of people and applications apart is one."""
    merged = {}
    for o in WORLD["operation"]:
        merged.setdefault((o.get("method"), o.get("path"), o.get("name")), {"requires": []})["requires"] += o[
            "requires"
        ]
    return merged.values()


def cost(scopes, risk):
    return sum(scope_cost(risk.get(scope, 0), reach(scope)) for scope in scopes)


def cheapest(held, called, risk):
    """Try every set of the scopes that are held or named by what was called."""
    named = {part for label in called for way in needs(label) for part in way if part not in LIMITED or part in held}
    among = sorted(named | set(held))
    sets = (set(each) for size in range(len(among) + 1) for each in itertools.combinations(among, size))
    return min(cost(each, risk) for each in sets if all(permits(each, label) for label in called))


@pytest.fixture
def asked(tmp_path):
    """Return a function that asks of a store with these records."""

    def ask(*records):
        (tmp_path / "catalogue.toml").write_text(CATALOGUE)
        (tmp_path / "log.ndjson").write_text(
            "".join(json.dumps({"event_id": f"e{n}", **row}) + "\n" for n, row in enumerate(records))
        )
        with gl.open(":memory:") as store:
            store.add(gl.Catalogue.build("toml", tmp_path / "catalogue.toml"))
            assert store.load(tmp_path / "log.ndjson").total("rejected") == 0
            ask.risk = {row["scope"]: row["rank"] for row in store.sql(_RISK).to_pylist()}
            return gl.detect.smallest_scopes(store.between("2026-07-01", "2026-08-01"))

    return ask


def row_of(found, client="app"):
    return next((row for row in found.arrow().to_pylist() if row["client_id"] == client), None)


def call(label, when="02 09:00", **more):
    return use(when, CALLS[label][0], None, CALLS[label][1], grant_id="g1", **more)


FILES_ARE_LOGGED = use("05 09:00", "GET /v1/files/1", None, "files.example", client_id="somebody", subject_id=None)


def test_what_was_held_and_what_was_enough(asked):
    row = row_of(asked(
        consent("01 08:00", ["mail.write", "files.read", "offline_access"]), call("GET /v1/messages/{id}"),
        call("GET /v1/messages/{id}", "03 09:00"), FILES_ARE_LOGGED, *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert (row["held"], row["enough"]) == (["files.read", "mail.write", "offline_access"], ["mail.read"])
    assert (row["opens_held"], row["opens_enough"]) == (4, 1)  # reading, sending and deleting mail, and reading files
    assert row["witness"] == [{"scope": "mail.read", "operation": "GET /v1/messages/{id}"}]
    assert row["not_judged"] == ["offline_access"]
    assert (row["calls"], row["calls_unknown"], row["calls_beyond"], row["proven"]) == (2, 0, 0, True)


def test_a_scope_whose_use_no_log_could_show_is_not_called_needless(asked):
    row = row_of(asked(
        consent("01 08:00", ["mail.read", "files.read"]), call("GET /v1/messages/{id}"), *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert row["not_judged"] == ["files.read"]  # nobody's calls of files are in the log
    assert (row["opens_held"], row["opens_enough"]) == (1, 1)


def test_a_call_that_no_scope_permitted_is_no_need(asked):
    row = row_of(asked(
        consent("01 08:00", ["mail.read"]), call("GET /v1/messages/{id}"), call("PUT /v1/files/{id}", "02 10:00"),
        *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert (row["enough"], row["calls_beyond"]) == (["mail.read"], 1)


def test_what_no_catalogue_knows_may_have_needed_anything(asked):
    row = row_of(asked(
        consent("01 08:00", ["mail.read", "files.read"]), call("GET /v1/messages/{id}"),
        use("02 11:00", "GET /v1/secret", None, "other.example", grant_id="g1"), *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert (row["enough"], row["calls"], row["calls_unknown"]) == (["mail.read"], 2, 1)


def test_of_a_client_without_a_judged_call_nothing_is_said(asked):
    found = asked(
        consent("01 08:00", ["mail.read"]), consent("01 08:00", ["files.read"], "g2", client_id="quiet"),
        use("02 11:00", "GET /v1/secret", None, "other.example", grant_id="g1"), *logs_from_to("01 08:00", "31 23:00"),
    )  # fmt: skip
    assert row_of(found) is None  # its one call is known to no catalogue
    assert row_of(found, "quiet") is None  # it called nothing: that does not mean that nothing is enough
    assert repr(found).endswith("Of 1 more no call could be judged.")


def test_calls_after_the_end_of_the_grant_are_no_need(asked):
    row = row_of(asked(
        consent("01 08:00", ["mail.read", "files.read"]), token("01 08:01", "t1", None), use("02 09:00", "GET /v1/messages/7"),
        revoked("03 08:00", "grant"), use("03 09:00", "GET /v1/files/7", server="files.example"), *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert row["enough"] == ["mail.read"]


def test_a_broad_scope_that_one_call_needs_does_for_the_others(asked):
    row = row_of(asked(
        consent("01 08:00", ["admin"]), call("GET /v1/messages/{id}"), call("DELETE /v1/messages/{id}", "02 10:00"),
        *logs_from_to("01 08:00", "31 23:00"),
    ))  # fmt: skip
    assert row["enough"] == ["mail.write"]


def test_a_scope_for_some_objects_is_proposed_only_where_it_is_held(asked):
    others = logs_from_to("01 08:00", "31 23:00")
    row = row_of(asked(consent("01 08:00", ["jobs.run"]), call("GET /v1/jobs/{id}"), *others))
    assert row["enough"] == ["jobs.run"]
    row = row_of(asked(consent("01 08:00", ["jobs.own", "jobs.run"]), call("GET /v1/jobs/{id}"), *others))
    assert row["enough"] == ["jobs.own"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(
    held=st.sets(st.sampled_from(SCOPES), min_size=1, max_size=4),
    called=st.sets(st.sampled_from(sorted(CALLS)), min_size=1, max_size=5),
)
def test_no_set_is_cheaper(asked, held, called):
    records = [call(label, f"02 {9 + n:02}:00") for n, label in enumerate(sorted(called))]
    row = row_of(asked(consent("01 08:00", sorted(held)), *records, *logs_from_to("01 08:00", "31 23:00")))
    done = {label for label in called if permits(held, label)}
    if not done:
        assert row is None
        return
    assert all(permits(row["enough"], label) for label in done)
    assert cost(row["enough"], asked.risk) == pytest.approx(cheapest(held, done, asked.risk))
    assert row["calls_beyond"] == len(called - done)
    for each in row["witness"]:
        assert not permits(set(row["enough"]) - {each["scope"]}, each["operation"])


def read(when, token_id, **more):
    return use(when, "GET /v1/messages/7", token_id, **more)


@pytest.mark.parametrize("where", ["both", "issuance", "usage", "neither"])
def test_a_log_that_leaves_the_tenant_out_loses_no_call(asked, where):
    rows = [consent("02 08:00", ["mail.read", "mail.send"]), token("02 09:00", "t1", None), read("03 10:00", "t1")]
    named = [row | ({"tenant": "acme"} if where in ("both", row["log"]) else {}) for row in rows]
    row = row_of(asked(*named))
    assert (row["tenant"], row["enough"], row["calls"]) == (
        "acme" if where in ("both", "issuance") else None,
        ["mail.read"],
        1,
    )


def test_calls_that_do_not_say_of_which_tenant_may_be_any_ones(asked):
    born = [
        {**row, "tenant": tenant}
        for tenant in ("north", "south")
        for row in (
            consent("02 08:00", ["mail.read", "mail.send"], f"g-{tenant}"),
            token("02 09:00", f"t-{tenant}", None, grant_id=f"g-{tenant}"),
        )
    ]
    calls = read("03 10:00", "t-north"), read("04 10:00", None), read("05 10:00", "t-south", tenant="south")
    rows = [row for row in asked(*born, *calls).arrow().to_pylist() if row["client_id"] == "app"]
    assert [(row["tenant"], row["calls"], row["calls_unknown"]) for row in rows] == [("north", 2, 1), ("south", 2, 1)]
