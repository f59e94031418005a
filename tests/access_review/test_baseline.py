import json

import pytest

from grantlens.access_review.baseline import compare, read
from grantlens.errors import GrantlensError
from grantlens.report.same_finding import key

WINDOW = {"since": "2026-04-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}


def row(number, **changes):
    finding = {
        "rule": "REV-1", "verdict": "violation", "severity": "high", "title": f"finding {number}", "source": "native",
        "client_id": "c", "subject_id": "u", "grant_id": f"g-{number}", "token_id": None, "resource_server": "api",
        "operation": None, "events": 3, "first_seen": "x", "last_seen": "2026-05-01T00:00:00Z",
        "detail": {"revocation_event": "r1"},
    }  # fmt: skip
    return finding | changes


def before(*findings):
    return {"schema": "grantlens.review/1", "window": WINDOW, "manifest": {"sha256": "aa"}, "findings": list(findings)}


def test_the_same_finding_with_more_events_is_no_news():
    change = compare([row(1, events=99, title="worded anew", last_seen="2026-08-01T00:00:00Z")], before(row(1)))
    assert change["new_findings"] == []
    assert change["gone"] == []


def test_a_second_token_or_server_makes_no_other_finding():
    """OOS-1 names token and server only while there is one."""
    first = row(1, rule="OOS-1", token_id="t1", operation="GET /v1/files")
    change = compare([first | {"token_id": None, "resource_server": None, "events": 4}], before(first))
    assert (change["new_findings"], change["gone"]) == ([], [])


def test_each_gap_is_a_finding_of_its_own():
    gap = row(1, rule="INT-5", detail={"log": "usage"}, first_seen="2026-05-01T00:00:00Z")
    change = compare([gap, gap | {"first_seen": "2026-06-01T00:00:00Z"}], before(gap))
    assert (change["new_findings"], change["gone"]) == ([1], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "critical"},
        {"grant_id": "g-9"},
        {"resource_server": "other"},
        {"detail": {"revocation_event": "r2"}},
    ],
)
def test_what_is_worse_or_about_something_else_is_new(changes):
    assert compare([row(1, **changes)], before(row(1)))["new_findings"] == [0]


def test_what_was_undecided_and_is_now_certain_is_new():
    assert compare([row(1)], before(row(1, verdict="indeterminate")))["new_findings"] == [0]


def test_what_was_certain_and_is_now_undecided_is_neither_new_nor_gone():
    change = compare([row(1, verdict="indeterminate")], before(row(1)))
    assert (change["new_findings"], change["gone"]) == ([], [])


def test_what_is_no_longer_found_is_gone_the_worst_first():
    change = compare([row(3, verdict="clear")], before(row(1, severity="low"), row(2), row(3, severity="critical")))
    assert change["new_findings"] == []
    assert [gone["title"] for gone in change["gone"]] == ["finding 3", "finding 2", "finding 1"]


def test_clear_was_never_a_finding():
    change = compare([], before(row(1, verdict="clear")))
    assert change["gone"] == []


LOGS = ("issuance", "usage", "revocation")


def review(logs=LOGS, source="native", tenant=None, **changes):
    """Return what a review says of its logs and of how it was made."""
    rule = {"id": "REV-1", "version": 4, "parameters": [{"name": "grace_s", "value": 0}]}
    return {
        "coverage": [{"source": source, "tenant": tenant, "log": log} for log in logs],
        "made_by": {"grantlens": "0.1.0"},
        "rules": [rule],
        "reproduce": {"register": {"sha256": "aa"}, "catalogues": []},
    } | changes


def test_what_is_gone_with_its_log_is_not_taken_for_solved():
    then = before(row(1), row(2, source="okta")) | review()
    change = compare([], then, review(logs=("issuance", "revocation")))
    assert [(gone["title"], gone["now"]) for gone in change["gone"]] == [
        ("finding 1", "not covered"),
        ("finding 2", "not found"),
    ]
    assert change["lost_logs"] == [{"source": "native", "tenant": None, "log": "usage"}]
    assert [gone["now"] for gone in compare([], then, review())["gone"]] == ["not found", "not found"]


@pytest.mark.parametrize(("then", "now", "lost"), [("a", "b", ["a"]), ("a", "a", []), (None, "a", []), ("a", None, [])])
def test_a_log_is_gone_with_its_tenant(then, now, lost):
    former = before(row(1)) | review(("usage",), tenant=then)
    change = compare([], former, review(("usage",), tenant=now))
    assert [each["tenant"] for each in change["lost_logs"]] == lost


@pytest.mark.parametrize(("tenant", "now"), [("a", "not covered"), ("b", "not found"), (None, "not covered")])
def test_the_lost_log_of_one_tenant_hides_nothing_of_another(tenant, now):
    former = before(row(1, tenant=tenant)) | {
        "coverage": [*review(tenant="a")["coverage"], *review(tenant="b")["coverage"]]
    }
    (gone,) = compare([], former, review(tenant="b"))["gone"]
    assert (gone["tenant"], gone["now"]) == (tenant, now)


def test_what_two_tenants_share_in_name_is_two_findings():
    change = compare([row(1, tenant="a"), row(1, tenant="b")], before(row(1, tenant="a")))
    assert (change["new_findings"], change["still_found"], change["gone"]) == ([1], 1, [])


def test_what_is_clear_now_was_found():
    change = compare([row(1, verdict="clear")], before(row(1), row(2)) | review(), review())
    assert [gone["now"] for gone in change["gone"]] == ["clear", "not found"]


def test_worse_is_told_from_new_and_the_rest_is_counted():
    now = [row(1, severity="critical"), row(2), row(3, severity="low"), row(4), row(5, verdict="clear")]
    change = compare(now, before(row(1), row(3), row(4)))
    assert (change["new_findings"], change["worse"], change["still_found"]) == ([0, 1], [0], 2)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"made_by": {"grantlens": "0.2.0"}}, ["grantlens was 0.1.0 and is 0.2.0"]),
        (
            {"reproduce": {"register": {"sha256": "bb"}, "catalogues": []}},
            ["other entries of the register were brought"],
        ),
        (
            {"rules": [{"id": "REV-1", "version": 5, "parameters": [{"name": "grace_s", "value": 60}]}]},
            ["rule REV-1 was version 4 and is version 5", "grace_s of REV-1 was 0 and is 60"],
        ),
        ({"rules": [{"id": "REV-9", "version": 1, "parameters": []}]}, ["rule REV-9 was not asked"]),
    ],
)
def test_what_was_made_otherwise_is_told(changes, told):
    assert compare([], before() | review(), review(**changes))["otherwise_made"] == told


@pytest.mark.parametrize(("now", "told"), [("hmac:b", 1), ("hmac:a", 0), ("t", 0)])
def test_hashes_of_raw_tokens_differ_between_stores_and_that_is_told(now, told):
    then = before(row(1, token_id="hmac:a")) | review()
    found = [row(1, token_id=now)]
    lines = compare(found, then, review() | {"findings": found})["otherwise_made"]
    assert [line.startswith("no raw token has the same hash in both") for line in lines] == [True] * told


def test_two_scopes_of_one_grant_are_two_findings():
    one, two = (row(1, rule="PRV-1", detail={"scope": scope}) for scope in ("mail.read", "mail.send"))
    assert key(one) != key(two)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "is no JSON"),
        ("[]", "is no review"),
        ('{"schema": "grantlens.review/99"}', "it says 'grantlens.review/99'"),
        ('{"findings": []}', "says nothing of the kind"),
    ],
)
def test_a_file_that_is_no_review_is_named(tmp_path, content, said):
    path = tmp_path / "old.json"
    path.write_text(content)
    with pytest.raises(GrantlensError, match=said):
        read(path)


def test_what_is_no_review_and_no_path_is_told_so():
    with pytest.raises(GrantlensError, match="is no path") as told:
        read(["q2.json"])
    assert "q2.json" in told.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GrantlensError, match="cannot be read"):
        read(tmp_path / "absent.json")


def test_a_dict_is_taken_as_it_is(tmp_path):
    value = before(row(1))
    (tmp_path / "old.json").write_text(json.dumps(value))
    assert read(value) == read(tmp_path / "old.json")


DAMAGED = {
    "no findings": lambda review: review.pop("findings"),
    "findings are none": lambda review: review.update(findings=None),
    "a finding is a text": lambda review: review.update(findings=["x"]),
    "a finding without a verdict": lambda review: review["findings"][0].pop("verdict"),
    "a verdict nobody gives": lambda review: review["findings"][0].update(verdict="guilty"),
    "a severity that is a list": lambda review: review["findings"][0].update(severity=[]),
    "a client that is an object": lambda review: review["findings"][0].update(client_id={}),
    "no detail": lambda review: review["findings"][0].update(detail=None),
    "a title that is a number": lambda review: review["findings"][0].update(title=7),
    "no window": lambda review: review.pop("window"),
    "a window that is a text": lambda review: review.update(window="2026"),
    "a window without an end": lambda review: review["window"].pop("until"),
    "no manifest": lambda review: review.pop("manifest"),
    "coverage is a text": lambda review: review.update(coverage="x"),
    "rules without a version": lambda review: review.update(rules=[{"id": "REV-1"}]),
    "a manifest that is a list": lambda review: review.update(manifest=[]),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_review_is_none(tmp_path, damage):
    review = json.loads(json.dumps(before(row(1), row(2))))
    path = tmp_path / "old.json"
    path.write_text(json.dumps(review))
    assert read(path) == review
    DAMAGED[damage](review)
    path.write_text(json.dumps(review))
    with pytest.raises(GrantlensError, match="is no review: its findings, window or manifest are damaged") as caught:
        read(path)
    assert "grantlens report STORE -o FILE.json" in caught.value.remedy


def test_json_that_is_nested_too_deeply_is_no_review(tmp_path):
    path = tmp_path / "old.json"
    path.write_text('{"schema": ' + "[" * 200_000)
    with pytest.raises(GrantlensError, match="is no JSON"):
        read(path)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        (None, "a", ["it was of all tenants and is of tenant a alone"]),
        ("a", None, ["it was of tenant a alone and is of all tenants"]),
        ("a", "a", []),
    ],
)
def test_a_review_of_another_tenant_is_told(then, now, told):
    change = compare([], before() | {"tenant": then}, review() | {"tenant": now})
    assert change["otherwise_made"] == told
