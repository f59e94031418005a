"""Accepted findings: what the file says, when it holds, and what is told of it."""

import json
from datetime import UTC, datetime

import pytest

import grantlens as gl
from grantlens.access_review.accepted import Accepted, mark
from grantlens.errors import RegisterError
from grantlens.report.same_finding import fingerprint
from grantlens.rule.example import token, use
from tests.access_review.test_baseline import row

NOW = datetime(2026, 10, 1, tzinfo=UTC)
HEAD = "fingerprint,verdict,severity,accepted,accepted_until,accepted_by\n"


@pytest.fixture
def accepted(tmp_path):
    """Return a maker: each finding with why and until when it is accepted, and perhaps how bad it was."""

    def make(*given, text=""):
        path = tmp_path / "accepted.csv"
        rows = [
            f"{fingerprint(finding)},{was.get('verdict', finding['verdict'])},{was.get('severity', finding['severity'])},"
            f"{why},{until},{was.get('by', '')}\n"
            for finding, why, until, was in given
        ]
        path.write_text(HEAD + "".join(rows) + text)
        return Accepted.read(path)

    return make


def told(summary):
    return {name: count for name, count in summary.items() if name != "sha256" and count}


def test_one_finding_is_accepted_and_no_other(accepted):
    findings = [row(1), row(2), row(3, verdict="indeterminate")]
    given = accepted((row(1), "red team", "2026-10-02", {"by": "sam"}), (findings[2], "asked", "2027-01-01", {}))
    assert told(mark(findings, given, NOW)) == {"violation": 1, "indeterminate": 1}
    assert [finding["accepted"] for finding in findings] == ["red team", None, "asked"]
    assert (findings[0]["accepted_until"], findings[0]["accepted_by"]) == ("2026-10-02T00:00:00Z", "sam")
    assert [finding["fingerprint"] for finding in findings] == [fingerprint(row(n)) for n in (1, 2, 3)]
    assert [finding["verdict"] for finding in findings] == ["violation", "violation", "indeterminate"]


@pytest.mark.parametrize(
    ("changes", "until", "counts"),
    [
        ({}, "2026-10-01", "ended"),  # its end does not belong to it
        ({}, "2026-10-01T00:00:01Z", "violation"),
        ({"severity": "critical"}, "2027-01-01", "worse"),
        ({"severity": "medium"}, "2027-01-01", "violation"),
        ({"verdict": "indeterminate"}, "2027-01-01", "indeterminate"),
        ({"verdict": "clear"}, "2027-01-01", "not_found"),
        ({"grant_id": "g-9"}, "2027-01-01", "not_found"),
        ({"events": 99, "last_seen": "2026-09-30T00:00:00Z", "title": "worded anew"}, "2027-01-01", "violation"),
    ],
)
def test_when_it_holds(accepted, changes, until, counts):
    findings = [row(1, **changes)]
    assert told(mark(findings, accepted((row(1), "why", until, {})), NOW)) == {counts: 1}
    assert (findings[0]["accepted"] is not None) == (counts in ("violation", "indeterminate"))


def test_what_was_undecided_and_is_now_a_violation_counts_again(accepted):
    given = accepted((row(1), "why", "2027-01-01", {"verdict": "indeterminate"}))
    assert told(mark([row(1)], given, NOW)) == {"worse": 1}


@pytest.mark.parametrize(
    ("rule", "before", "now", "again"),
    [
        ("REV-1", "2026-09-01T10:00:00Z", "2026-09-01T10:00:00.250000Z", True),
        ("REV-1", "2026-09-01T10:00:00Z", "2026-09-01T10:00:00Z", False),
        ("REV-1", "2026-09-01T10:00:00Z", "2026-08-01T10:00:00Z", False),
        ("REV-1", "", "2026-09-01T10:00:00Z", False),
        ("PRV-1", "2026-09-01T10:00:00Z", "2026-09-02T10:00:00Z", False),  # its watch goes on
    ],
)
@pytest.mark.parametrize("column", ["last_seen", "accepted_last_seen"])
def test_what_was_seen_again_since_is_told(tmp_path, rule, before, now, again, column):
    path = tmp_path / "accepted.csv"
    path.write_text(
        f"fingerprint,verdict,severity,accepted,accepted_until,{column}\n"
        f"{fingerprint(row(1, rule=rule))},violation,critical,why,2027-01-01,{before}\n"
    )
    findings = [row(1, rule=rule, last_seen=now)]
    assert told(mark(findings, Accepted.read(path), NOW)) == {"violation": 1} | ({"seen_again": 1} if again else {})
    assert findings[0]["accepted_last_seen"] == (before or None)


def test_a_list_written_anew_keeps_when_it_was_accepted(tmp_path):
    path = tmp_path / "accepted.csv"
    path.write_text(
        "fingerprint,verdict,severity,last_seen,accepted,accepted_until,accepted_last_seen\n"
        f"{fingerprint(row(1))},violation,critical,2026-09-20T00:00:00Z,why,2027-01-01,2026-09-01T00:00:00Z\n"
        f"{fingerprint(row(2))},violation,critical,2026-09-20T00:00:00Z,,,2026-09-01T00:00:00Z\n"
    )
    given = Accepted.read(path)
    assert len(given.rows) == 1, "what nobody accepts any more is not accepted, whenever it was"
    findings = [row(1, last_seen="2026-09-10T00:00:00Z")]
    assert told(mark(findings, given, NOW)) == {"violation": 1, "seen_again": 1}


def test_without_a_file_nothing_is_accepted():
    findings = [row(1)]
    assert mark(findings, None, NOW) is None
    assert (findings[0]["fingerprint"], findings[0]["accepted"]) == (fingerprint(row(1)), None)


def test_rows_and_columns_that_say_nothing_of_it_are_left_out(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f'rule,detail,{HEAD}REV-1,"{{""a"": 1}}",{"ab" * 32},violation,high,,,\n')
    assert Accepted.read(path).rows == {}
    path.write_text(f"evidence,{HEAD}{'r' * 200_000},{'ab' * 32},violation,high,why,2026-12-31,\n")
    assert len(Accepted.read(path).rows) == 1, "as `detect --records` prints it"
    path.write_text(HEAD)
    assert Accepted.read(path).rows == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{f},violation,high,why,,", "line 3: an accepted finding needs 'accepted_until'"),
        ("{f},violation,high,,2026-12-31,", "line 3: a finding needs 'accepted'"),
        ("{f},clear,high,why,2026-12-31,", "line 3: 'verdict' cannot be 'clear'"),
        ("{f},violation,,why,2026-12-31,", "line 3: a finding needs 'severity'"),
        ("{f},violation,hihg,why,2026-12-31,", "line 3: 'severity' cannot be 'hihg'"),
        ("{f},violation,high,why,31.12.2026,", "line 3: 'accepted_until' is no date"),
        ("OOS-1,violation,high,why,2026-12-31,", "line 3: 'fingerprint' cannot be 'OOS-1'"),
        (",violation,high,why,2026-12-31,", "line 3: a finding needs 'fingerprint'"),
        ("{g},violation,high,why,2026-12-31,", "line 3: this finding stands here a second time"),
    ],
)
def test_a_mistake_is_named_with_its_line(accepted, line, said):
    text = line.format(f=fingerprint(row(2)), g=fingerprint(row(1)))
    with pytest.raises(RegisterError, match=said):
        accepted((row(1), "why", "2027-01-01", {}), text=text + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("client_id,decision\nc,revoke\n", "no row names a finding by its 'fingerprint'"),
        (HEAD.replace("accepted_until", "accepted_untill"), "'accepted_untill' is no key of a finding"),
    ],
)
def test_another_list_is_not_taken_for_one(tmp_path, text, said):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(RegisterError, match=said):
        Accepted.read(tmp_path / "other.csv")


def test_a_review_tells_what_is_accepted_and_gates_the_rest(world, tmp_path):
    store = world(
        token("10 09:00", "t1", ["mail.read"]), use("10 09:06", "POST /v1/send"), use("10 09:07", "GET /v1/x")
    )
    window = {"since": "2026-06-01", "until": "2026-09-01", "now": "2026-10-01"}
    before = gl.review(store, **window)
    first = next(f for f in before.document["findings"] if f["verdict"] != "clear")
    assert before.document["accepted"] is None
    assert first in before.gated()
    path = tmp_path / "accepted.toml"
    says = {name: first[name] for name in ("fingerprint", "verdict", "severity")}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in says.items())
    path.write_text(f'[[finding]]\n{lines}accepted = "asked"\naccepted_until = 2026-12-31\n')
    after = gl.review(store, **window, accepted=path)
    assert told(after.document["accepted"]) == {first["verdict"]: 1}
    assert after.summary() == before.summary(), "it is still told"
    assert repr(after).endswith(" is accepted")
    assert " is accepted.</p>" in after._repr_html_()
    assert after.findings[first["rule"]].rule.id == first["rule"]
    assert len(after.gated()) == len(before.gated()) - 1
    assert first["fingerprint"] not in {finding["fingerprint"] for finding in after.gated()}
    assert after.document["reproduce"]["command"].endswith(" --accepted ACCEPTED.csv")
    again = gl.review(store, **window, accepted=path, baseline=before)
    assert again.document["baseline"]["new_findings"] == [], "to accept is no change of a finding"
