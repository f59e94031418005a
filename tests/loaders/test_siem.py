"""Records of every provider are read inside those of Wazuh, Splunk, Elasticsearch and OpenSearch, as they are when they come bare."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from grantlens.explain.explanation import explain
from grantlens.loaders import loaders
from grantlens.loaders.siem import in_utc, is_chosen, layers, within
from tests.loaders import (
    test_auth0,
    test_aws_cloudtrail,
    test_gcp_audit,
    test_github,
    test_microsoft_365,
    test_microsoft_entra,
    test_okta,
    test_salesforce,
    test_slack,
)
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged
from tests.loaders.test_collected import told

TOKENS = [
    test_github.token_event(
        "personal_access_token.create", number=21, hashed_token=test_github.HASH, token_id=4_000_000_000
    ),
    test_github.event("git.clone", number=22, token_id=4_000_000_000, actor_is_bot=False, user_agent=None),
]
RECORDS = {
    "auth0": test_auth0.EVERY_KIND,
    "aws_cloudtrail": test_aws_cloudtrail.EVERY_KIND,
    "gcp_audit": test_gcp_audit.EVERY_KIND,
    "github": [*test_github.SEEDS, *TOKENS],
    "microsoft_365": test_microsoft_365.EVERY_KIND,
    "microsoft_entra": test_microsoft_entra.SEEDS,
    "okta": test_okta.EVERY_KIND,
    "salesforce": [test_salesforce.login(), test_salesforce.stream()],
    "slack": [test_slack.event("app_installed"), test_slack.event("app_uninstalled", number=2)],
}
ALERT = {
    "timestamp": "2026-07-01T10:00:05.120+0000",
    "rule": {"level": 3, "id": "91532", "groups": ["cloud"]},
    "agent": {"id": "000", "name": "siem"},
    "manager": {"name": "siem"},
    "id": "1782900005.3469",
    "decoder": {"name": "json"},
    "location": "cloud",
}


def decoded(value):
    """Write values as Wazuh's decoder does: lists stay, all else is text, and a number that takes more than 32 bits a float."""
    if isinstance(value, dict):
        return {name: decoded(inner) for name, inner in value.items()}
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 2**31 else f"{value:f}"
    return value


def sent(record):
    """Write a record as a module of Wazuh sends it."""
    return {"integration": "cloud", "cloud": record}


WRAPS = {
    "Wazuh, as it was sent": sent,
    "Wazuh, alert": lambda record: ALERT | {"data": decoded(sent(record))},
    "Wazuh, alert with the line": lambda record: ALERT | {"data": {"integration": "cloud"}, "full_log": json.dumps(sent(record))},
    "Wazuh, line cut off": lambda record: ALERT | {"data": decoded(sent(record)), "full_log": json.dumps(sent(record))[:-9]},
    "Wazuh, no module": lambda record: ALERT | {"data": decoded(record)},
    "Wazuh, hit of its index": lambda record: {"_index": "alerts", "_source": ALERT | {"data": decoded(sent(record))}},
    "Splunk, search": lambda record: {"preview": False, "result": {"_raw": json.dumps(record), "_time": "2026-07-01 10:00:05"}},
    "Splunk, sent": lambda record: {"time": 1782900005, "host": "a", "sourcetype": "cloud", "event": record},
    "Splunk, sent as text": lambda record: {"sourcetype": "cloud", "event": json.dumps(record)},
    "Elasticsearch, hit": lambda record: {"_index": "logs", "_id": "1", "_score": 1.0, "_source": record},
    "Elasticsearch, hit of a shipper": lambda record: {"_source": {"event": {"original": json.dumps(record), "module": "cloud"}}},
    "shipper, object": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": record}},
    "shipper, line": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(record), "agent": {"type": "filebeat"}},
    "Defender, streamed": lambda record: {
        "time": "2026-07-01T10:02:00Z", "tenantId": "a directory", "category": "AdvancedHunting-CloudAppEvents", "Tenant": "DefaultTenant",
        "properties": {"ActionType": "activity", "Application": "a service", "ApplicationId": 11770, "RawEventData": record},
    },
    "Defender, table of Sentinel": lambda record: {
        "TenantId": "a workspace", "TimeGenerated": "2026-07-01T10:02:00Z", "ActionType": "activity", "Type": "CloudAppEvents",
        "RawEventData": json.dumps(record),
    },
    "container": lambda record: {"log": json.dumps(record) + "\n", "stream": "stdout"},
    "Sentinel, syslog": lambda record: {
        "TimeGenerated": "2026-07-01T10:00:05Z", "Computer": "git-1", "Facility": "local7", "SeverityLevel": "info", "Type": "Syslog",
        "ProcessName": "GitLab-Audit-Logs", "SyslogMessage": json.dumps(record),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def bare(load):
    """Return what comes of the records of each loader as they stand."""
    return {name: told(load(records)) for name, records in RECORDS.items()}


def same(plain, other):
    """Tell whether the same came of two files."""
    reasons = [[row["reason"] for row in each.rejected] for each in (plain, other)]
    return (plain.batch["loader"], plain.rows, plain.ignored, reasons[0]) == (
        other.batch["loader"],
        other.rows,
        other.ignored,
        reasons[1],
    )


SOME = ("Wazuh, alert", "Splunk, search", "shipper, object", "Defender, streamed")
CASES = [(name, wrap) for name in RECORDS for wrap in (WRAPS if name == "github" else SOME)]


@pytest.mark.parametrize(("loader", "wrap"), CASES)
def test_what_a_siem_puts_around_changes_nothing(load, bare, loader, wrap):
    assert bare[loader].batch["loader"] == loader
    assert any(bare[loader].rows.values())
    assert same(bare[loader], told(load([WRAPS[wrap](record) for record in RECORDS[loader]])))


def unplaced(rows):
    """Return rows without their lines, in another order than that of the file."""
    return sorted(repr(row | {"line_no": 0}) for row in rows)


def test_a_search_that_was_saved_as_one_answer(load, bare):
    found = [WRAPS["Elasticsearch, hit"](record) for record in RECORDS["github"]]
    answers = [{"took": 3, "hits": {"total": {"value": 11}, "hits": some}} for some in (found[:9], [], found[9:])]
    whole = told(load(json.dumps({"took": 3, "hits": {"total": {"value": 11}, "hits": found}}, indent=1)))
    in_parts = told(load(answers))
    for loaded in (whole, in_parts):
        assert loaded.batch["records"] == len(found)
        for log, rows in loaded.rows.items():
            assert unplaced(rows) == unplaced(bare["github"].rows[log])
        assert loaded.ignored == bare["github"].ignored
    assert {row["line_no"] for row in in_parts.rows["issuance"]} == {1, 3}
    assert load([{"hits": {"hits": [7, *found]}}]).rejected[0]["excerpt"] == "7"


def test_a_table_of_splunk_is_read_by_its_raw_column(load, bare):
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL)
    table.writerow(["_raw", "_time", "host"])
    table.writerows([json.dumps(record), "2026-07-01T10:00:05.000+0000", "a"] for record in RECORDS["github"])
    loaded = told(load(text.getvalue()))
    for row in (row for rows in loaded.rows.values() for row in rows):
        row["line_no"] -= 1  # below the header
    assert same(bare["github"], loaded)


def as_portal(rows):
    """Write rows of Log Analytics as the Azure portal saves them: times in US text, their zone behind the name of the column."""

    def cell(name, value):
        if not (name.endswith("DateTime") or name in ("TimeGenerated", "event_date")):
            return name, value
        moment = datetime.fromisoformat(value)
        text = (
            f"{moment.month}/{moment.day}/{moment.year}, {moment:%I:%M:%S}.{moment.microsecond // 1000:03d} {moment:%p}"
        )
        return f"{name} [UTC]", text

    table = [dict(cell(*each) for each in row.items() if each[1] is not None) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in table for name in row)), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


SENTINEL = {
    "sign-ins": (
        "microsoft_entra",
        [test_microsoft_entra.from_log_analytics(test_microsoft_entra.sign_in(number=n)) for n in (1, 2)],
    ),
    "calls": (
        "microsoft_entra",
        [test_microsoft_entra.from_log_analytics(test_microsoft_entra.call(number=n)) for n in (1, 2)],
    ),
    "audit": (
        "microsoft_entra",
        [test_microsoft_entra.from_log_analytics(test_microsoft_entra.SEEDS[n]) for n in (2, 3, 4)],
    ),
    "auth0": ("auth0", [test_auth0.renamed(record, text=True) for record in test_auth0.EVERY_KIND]),
}


@pytest.mark.parametrize("table", SENTINEL)
def test_a_table_as_the_azure_portal_saves_it(load, table):
    loader, rows = SENTINEL[table]
    whole, saved = load(rows), load(as_portal(rows))
    assert whole.batch["loader"] == saved.batch["loader"] == loader
    assert whole.counts() == saved.counts()
    assert any(whole.rows.values())
    for log, plain in whole.rows.items():
        for mine, theirs in zip(plain, saved.rows[log], strict=True):
            # the portal shows milliseconds
            cut = {
                name: value.replace(microsecond=value.microsecond // 1000 * 1000)
                for name, value in mine.items()
                if isinstance(value, datetime)
            }
            assert {**mine, **cut, "line_no": theirs["line_no"]} == theirs


@pytest.mark.parametrize("loader", [None, "microsoft_entra"])
def test_a_time_in_a_zone_that_is_not_told_is_not_guessed(load, loader):
    rows = as_portal(SENTINEL["sign-ins"][1]).replace("[UTC]", "[Local Time]")
    with pytest.raises(AssertionError, match=r"\[Local Time\].*Name the zone.*--time-zone Europe/Berlin"):
        load(rows, loader)


def test_a_table_in_local_time_is_read_in_the_zone_that_is_told(load):
    text = as_portal(SENTINEL["sign-ins"][1])
    utc = load(text)
    local = load(text.replace("[UTC]", "[Local Time]"), time_zone="America/New_York")
    assert (local.batch["loader"], local.counts()) == ("microsoft_entra", utc.counts())
    assert local.batch["note"] == "times without a zone read as of America/New_York"
    pairs = [*zip(utc.rows["issuance"], local.rows["issuance"], strict=True)]
    assert [mine["issued_at"] - theirs["issued_at"] for theirs, mine in pairs] == [timedelta(hours=4)] * 2
    assert load(text, time_zone="America/New_York").rows == utc.rows, "where UTC stands, it is UTC"


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("10/25/2026, 1:59:59.999 AM", "2026-10-24T23:59:59.999Z"),
        ("10/25/2026, 2:30:00.000 AM", "10/25/2026, 2:30:00.000 AM"),  # the clock was put back: it comes twice
        ("10/25/2026, 3:00:00.000 AM", "2026-10-25T02:00:00.000Z"),
        ("3/29/2026, 2:30:00.000 AM", "3/29/2026, 2:30:00.000 AM"),  # it was put forward: there is none
    ],
)
def test_a_local_time_that_comes_twice_or_never_is_not_guessed(shown, read):
    assert in_utc({"TimeGenerated [Local Time]": shown}, "Europe/Berlin") == {"TimeGenerated": read}


def test_bare_records_and_several_wraps_stand_in_one_file(load, bare):
    wraps = [*WRAPS.values(), lambda record: record]
    records = RECORDS["aws_cloudtrail"]
    mixed = [wraps[number % len(wraps)](record) for number, record in enumerate(records)]
    assert same(bare["aws_cloudtrail"], told(load(mixed)))


def test_what_is_none_of_the_log_is_rejected_and_not_dropped(load):
    login = ALERT | {
        "data": {"srcuser": "root", "srcip": "192.0.2.1"},
        "full_log": "sshd[1]: Invalid user root from 192.0.2.1",
    }
    loaded = load([*map(WRAPS["Wazuh, alert"], RECORDS["github"]), login, {"_source": {}}, ALERT | {"data": ""}])
    assert loaded.batch["records"] == len(RECORDS["github"]) + 3
    assert [row["reason"] for row in loaded.rejected[-3:]] == ["action is missing"] * 3


def test_a_damaged_line_is_rejected_as_no_json(load):
    lines = [json.dumps(WRAPS["Splunk, search"](record)) for record in RECORDS["slack"]]
    deep = '{"_source": {"a": ' + "[" * 3000 + "]" * 3000 + "}}"
    loaded = load("\n".join([*lines, '{"result": {"_raw": "{', deep]))
    assert loaded.counts()["rejected"] == 2
    assert loaded.rejected[0]["reason"].startswith("no JSON: Unterminated")


def test_a_loader_that_is_named_takes_its_own_out_of_others(load, bare):
    others = [ALERT | {"data": {"srcip": "192.0.2.1"}}] * 60
    alerts = [*others, *map(WRAPS["Wazuh, alert"], RECORDS["github"])]
    with pytest.raises(AssertionError, match="name one log: --loader github"):
        load(alerts[45:])
    loaded = told(load(alerts, "github"))
    of_others = [row for row in loaded.rejected if row["line_no"] <= 60]
    assert [row["reason"] for row in of_others] == ["action is missing"] * 60
    for rows in loaded.rows.values():
        for row in rows:
            row["line_no"] -= 60
    loaded.rejected = loaded.rejected[60:]
    assert same(bare["github"], loaded)


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_a_rule_or_a_service_chose_is_told(wrap):
    """A rule fired on an alert and on nothing else; what was only sent or kept nobody chose."""
    of_choice = wrap.startswith(("Wazuh, alert", "Wazuh, line", "Wazuh, no", "Wazuh, hit", "Defender"))
    assert {is_chosen(WRAPS[wrap](record)) for record in TOKENS} == {of_choice}


def test_explain_shows_what_was_read_inside(tmp_path):
    path = tmp_path / "alerts.json"
    path.write_text("".join(json.dumps(WRAPS["Wazuh, alert"](record)) + "\n" for record in TOKENS))
    explained = explain(path)
    assert explained.loader == "github"
    assert [log for log, _ in explained.records[0].rows] == ["issuance", "issuance"]


def test_only_what_stands_around_is_taken_off():
    """A record that its loader knows keeps what looks like another inside it."""
    event = test_github.event("repo.create", message='{"action": "team.create", "created_at": 1}')
    assert [*layers(event)][1]["action"] == "team.create"
    found = within([{"_source": event}], loaders().values())
    assert found is not None
    assert (found[0].name, found[1]) == ("github", [event])


def test_a_record_is_no_deeper_than_it_may_be():
    record = {"a": 1}
    for _ in range(50):
        record = {"_source": record}
    assert len([*layers(record)]) == 5


@settings(max_examples=8)
@given(lists_of_damaged([wrap(record) for wrap in WRAPS.values() for record in RECORDS["github"][:3]]))
def test_damaged_records_never_raise_and_always_add_up(load, records):
    assert_all_accounted_for(load, records, "github")
