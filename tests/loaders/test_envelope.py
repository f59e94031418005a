"""What a store or a queue puts around a record changes nothing, and of what a query left out its answer proves nothing."""

import base64
import csv
import io
import json

import pytest

from grantlens import Store
from grantlens.loaders.siem import hits, is_chosen
from tests.loaders import test_aws_cloudtrail, test_github, test_hashicorp_vault, test_kubernetes

RECORDS = {
    "aws_cloudtrail": test_aws_cloudtrail.EVERY_KIND,
    "github": test_github.SEEDS,
    "hashicorp_vault": test_hashicorp_vault.EVERY_KIND,
    "kubernetes": test_kubernetes.EVERY_KIND,
}


def line(record):
    return json.dumps(record, separators=(",", ":"))


def lines(wrap):
    return lambda records: "".join(json.dumps(wrap(record)) + "\n" for record in records)


def table(wrap):
    def written(records):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(wrap(records[0])))
        writer.writeheader()
        writer.writerows(map(wrap, records))
        return text.getvalue()

    return written


def streams(records):
    """Write an answer of two streams, of which one gives structured metadata, too."""
    values = [["1782900005123000000", line(record)] for record in records]
    found = [
        {"stream": {"job": "a"}, "values": values[:2]},
        {"stream": {"job": "b"}, "values": [[*each, {}] for each in values[2:]]},
    ]
    return {"status": "success", "data": {"resultType": "streams", "result": found, "stats": {}}}


def insights(records):
    cells = ({"@timestamp": "2026-07-01 10:00:05.123", "@message": line(record), "@ptr": "Cm"} for record in records)
    found = [[{"field": name, "value": value} for name, value in each.items()] for each in cells]
    return {"results": found, "statistics": {"recordsMatched": float(len(found))}, "status": "Complete"}


ANSWERS = {
    "logcli": lines(lambda record: {"labels": {"job": "a"}, "line": line(record), "timestamp": "2026-07-01T10:00:05.1Z"}),
    "logcli --no-labels": lines(lambda record: {"line": line(record), "timestamp": "2026-07-01T10:00:05.1Z"}),
    "Loki": lambda records: json.dumps(streams(records)),
    "Loki, pretty": lambda records: json.dumps(streams(records), indent=2),
    "Loki, streams": lambda records: "".join(json.dumps(stream) + "\n" for stream in streams(records)["data"]["result"]),
    "Loki, pages": lambda records: "".join(json.dumps(streams(some)) + "\n" for some in (records[:3], records[3:])),
    "Grafana, JSON": lambda records: json.dumps(
        [{"line": line(record), "timestamp": "1782900005123000000", "date": "2026-07-01T10:00:05.123Z", "fields": {"job": "a"}} for record in records]
    ),
    "Grafana, CSV": table(lambda record: {"Date": "2026-07-01", "job": "a", "Time": "1782900005123", "Line": line(record), "tsNs": "1", "id": "1_A"}),
    "Grafana, text": lambda records: "\n\n" + "".join(f"1782900005123\t2026-07-01T10:00:05.123Z\t{line(record)}\n" for record in records),
    "Insights": lambda records: json.dumps(insights(records), indent=4),
    "Insights, JSON of the console": lambda records: json.dumps([{"@timestamp": "2026-07-01 10:00:05.123", "@message": record} for record in records]),
    "Insights, CSV": table(lambda record: {"@timestamp": "2026-07-01 10:00:05.123", "@message": line(record), "@logStream": "a", "@log": "1:b"}),
}  # fmt: skip


def message(record):
    """Write a message of Pub/Sub, as a sink of Cloud Logging sends it."""
    data = base64.b64encode(line(record).encode()).decode()
    return {"attributes": {}, "data": data, "messageId": "7", "publishTime": "2026-07-01T10:00:05.123Z"}


KAFKA = {
    "topic": "audit",
    "partition": 0,
    "offset": 7,
    "tstype": "create",
    "ts": 1782900005123,
    "broker": 1,
    "key": None,
}
SCHEMA = {"type": "string", "optional": False}
ROW = {"TenantId": "a workspace", "TimeGenerated": "2026-07-01T10:00:05.123Z"}
QUEUES = {
    "Pub/Sub, pushed": lines(lambda record: {"message": message(record), "subscription": "projects/a/subscriptions/b"}),
    "kcat": lines(lambda record: KAFKA | {"payload": line(record)}),
    "Kafka Connect": lines(lambda record: {"schema": None, "payload": record}),
    "Kafka Connect, text": lines(lambda record: {"schema": SCHEMA, "payload": line(record)}),
    "Snowflake": lines(lambda record: {"RECORD_CONTENT": record, "RECORD_METADATA": {"offset": 7, "partition": 0, "topic": "audit"}}),
    "Snowflake, CSV": table(lambda record: {"RECORD_METADATA": json.dumps({"offset": 7}), "RECORD_CONTENT": line(record)}),
}  # fmt: skip
TABLES = {
    "AzureDiagnostics": lines(lambda record: ROW | {"Category": "kube-audit", "log_s": line(record), "stream_s": "stdout"}),
    "ContainerAppConsoleLogs_CL": lines(lambda record: ROW | {"ContainerAppName_s": "a", "Log_s": line(record)}),
    "ContainerAppConsoleLogs": lines(lambda record: ROW | {"ContainerAppName": "a", "Log": line(record)}),
    "ContainerLogV2": lines(lambda record: ROW | {"LogMessage": record, "LogSource": "stdout", "PodName": "a"}),
    "ContainerLogV2, CSV of the portal": table(lambda record: {"TimeGenerated [UTC]": "7/1/2026, 10:00:05.123 AM", "LogMessage": line(record)}),
    "ContainerLog": lines(lambda record: ROW | {"LogEntry": line(record), "LogEntrySource": "stdout"}),
}  # fmt: skip


def collected(of):
    """Return pages of the OpenTelemetry Collector: of two files, one of them with two scopes."""

    def written(records):
        found = [
            {
                "observedTimeUnixNano": "1782900005123000000",
                "body": of(record),
                "attributes": [{"key": "log.file.name", "value": {"stringValue": "a"}}],
            }
            for record in records
        ]
        scopes = [{"scope": {}, "logRecords": found[:1]}, {"scope": {}, "logRecords": found[1:3]}]
        rest = {"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": found[3:]}]}
        first = {"resource": {}, "scopeLogs": scopes}
        return "".join(json.dumps({"resourceLogs": page}) + "\n" for page in ([first, {"scopeLogs": []}], [rest]))

    return written


def wrapped(value):
    """Write a value as OTLP does, whose whole numbers are text."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": name, "value": wrapped(each)} for name, each in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [wrapped(each) for each in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {} if value is None else {"stringValue": value}


COLLECTED = {
    "OpenTelemetry, lines": collected(lambda record: {"stringValue": line(record)}),
    "OpenTelemetry, pretty": lambda records: json.dumps(
        {
            "resourceLogs": [
                {"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", "body": {"stringValue": line(record)}}]}]}
                for record in records
            ]
        },
        indent=2,
    ),
    "OpenTelemetry, parsed": collected(wrapped),
}


def in_attributes(**more):
    """Return pages of log records that hold theirs in attributes alone."""

    def written(records):
        found = [
            {
                "observedTimeUnixNano": "1782900005123000000",
                "attributes": wrapped(record)["kvlistValue"]["values"],
                **more,
            }
            for record in records
        ]
        return json.dumps({"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": found}]}]})

    return written


ENTRY = {
    "insertId": "a",
    "logName": "projects/a/logs/stdout",
    "resource": {"type": "k8s_container", "labels": {}},
    "timestamp": "2026-07-01T10:00:05.123Z",
}
POD = {"stream": "stdout", "kubernetes": {"pod_name": "a"}}
DATADOG = {"service": "a", "host": "b", "status": "info", "tags": ["env:a"]}
FIELDS = {
    "OpenTelemetry, attributes": in_attributes(),
    "OpenTelemetry, attributes, empty body": in_attributes(body={}, timeUnixNano="0"),
    "OpenTelemetry, attributes, message": in_attributes(body={"stringValue": "request"}),
    "Cloud Logging": lambda records: json.dumps([ENTRY | {"jsonPayload": record} for record in records]),
    "Cloud Logging, text": lines(lambda record: ENTRY | {"textPayload": line(record) + "\n"}),
    "Fluent Bit, Merge_Log_Key": lines(lambda record: POD | {"log_processed": record}),
    "Fluent Bit, Merge_Log_Key, with the line": lines(lambda record: POD | {"log": line(record), "log_processed": {"level": "info"}}),
    "OpenShift": lines(lambda record: POD | {"structured": record}),
    "Datadog, archive": lines(lambda record: DATADOG | {"_id": "a", "date": "2026-07-01T10:00:05.123Z", "source": "a", "message": "b", "attributes": record}),
    "Confluent REST Proxy": lambda records: json.dumps([{"topic": "a", "key": None, "value": record, "partition": 0, "offset": 7} for record in records]),
    "NXLog": lines(lambda record: {"EventReceivedTime": "2026-07-01 10:00:05", "SourceModuleName": "in", "Message": line(record)}),
    "SNS": lines(lambda record: {"Type": "Notification", "MessageId": "a", "TopicArn": "b", "Message": line(record)}),
    "syslog-ng": lines(lambda record: {"PROGRAM": "a", "PRIORITY": "info", "MESSAGE": line(record), "HOST": "b"}),
    "Kibana, CSV": table(lambda record: {"@timestamp": "Jul 1, 2026 @ 10:00:05.123", "_id": "a", "event.original": line(record)}),
}  # fmt: skip
SEARCHED = {
    "Datadog, fields": lambda records: json.dumps(
        {"data": [{"id": "a", "type": "log", "attributes": DATADOG | {"attributes": record, "message": "b"}} for record in records], "meta": {}}
    ),
    "Datadog, lines": lines(lambda record: {"id": "a", "type": "log", "attributes": DATADOG | {"message": line(record)}}),
    "Sumo Logic": lambda records: json.dumps(
        {"fields": [{"name": "_raw"}], "messages": [{"map": {"_raw": line(record), "_messagetime": "1782900005123"}} for record in records]}
    ),
}  # fmt: skip
PULLED = {
    "Pub/Sub, pulled": lambda records: json.dumps(
        [{"ackId": "a", "message": message(record)} for record in records], indent=2
    ),
    "Pub/Sub, API": lambda records: json.dumps(
        {"receivedMessages": [{"ackId": "a", "message": message(record)} for record in records]}
    ),
}
ALL = ANSWERS | QUEUES | TABLES | COLLECTED | FIELDS | SEARCHED | PULLED


def placeless(loaded):
    """Return the rows without their lines: a page has one line, whatever it holds."""
    return {log: sorted(repr(row | {"line_no": 0}) for row in rows) for log, rows in loaded.rows.items()}


@pytest.fixture(scope="module")
def bare(load):
    """Return what comes of the records of each loader as they stand."""
    return {name: load("".join(line(record) + "\n" for record in records)) for name, records in RECORDS.items()}


@pytest.mark.parametrize("wrap", ALL)
@pytest.mark.parametrize("loader", RECORDS)
def test_what_a_store_puts_around_changes_nothing_not_even_the_ids(load, bare, loader, wrap):
    loaded = load(ALL[wrap](RECORDS[loader]))
    assert loaded.batch["loader"] == bare[loader].batch["loader"] == loader
    assert any(bare[loader].rows.values())
    assert placeless(loaded) == placeless(bare[loader])
    assert loaded.ignored == bare[loader].ignored
    assert sorted(row["reason"] for row in loaded.rejected) == sorted(row["reason"] for row in bare[loader].rejected)


def sample_of(text):
    """Return the first records as a file of them is sampled."""
    if text.startswith("\n"):
        return [{"line": each} for each in text.split("\n") if each]
    if not text.startswith(("{", "[")):
        return [*csv.DictReader(io.StringIO(text))]
    try:
        whole = json.loads(text)
    except ValueError:
        return [*map(json.loads, text.splitlines())]
    pages = [whole] if isinstance(whole, list) else [whole.get("receivedMessages"), whole.get("data")]
    return next((page for page in pages if isinstance(page, list)), [whole])


@pytest.mark.parametrize("wrap", ALL)
def test_of_what_a_query_or_a_pull_chose_a_silence_says_nothing(wrap):
    """A pull gives one message, a query 30 lines by logcli if nobody asks for more, 1,000 in Explore, 10,000 by Insights."""
    found = [hit for record in sample_of(ALL[wrap](RECORDS["github"])) for hit in hits(record)]
    assert {*map(is_chosen, found)} == {wrap not in QUEUES | TABLES | COLLECTED | FIELDS}


def test_a_record_of_attributes_that_names_no_time_has_that_of_its_log_record(load):
    """So it is with agentgateway's own export (telemetry/log.rs): a call must not hide by a date in what it chose, as the name of a tool."""
    call = {"gateway": "a", "listener": "b", "src.addr": "192.0.2.1:1", "http.method": "POST", "http.status": 200}
    text = in_attributes(timeUnixNano="0")([call | {"gen_ai.tool.name": "2026-01-01T00:00:00Z"}])
    row = load(text).one("usage")
    assert row["used_at"].isoformat() == "2026-07-01T10:00:05.123000+00:00"
    assert (row["status"], row["operation"], row["ip"]) == (200, "2026-01-01T00:00:00Z", "192.0.2.1")


def test_an_entry_of_cloud_logging_gives_back_the_time_that_its_agent_took_out(load):
    call = {"gateway": "a", "listener": "b", "src.addr": "192.0.2.1:1", "http.method": "POST", "http.status": 200}
    row = load([ENTRY | {"jsonPayload": call}]).one("usage")
    assert row["used_at"].isoformat() == "2026-07-01T10:00:05.123000+00:00"


def test_a_file_of_text_is_no_answer():
    assert not any(is_chosen({"line": "Jul  1 10:00:05 git-1 audit[812]: " + line(each)}) for each in RECORDS["github"])


def test_what_is_no_row_of_an_answer_is_rejected_and_not_dropped(load, bare):
    loki, found = streams(RECORDS["github"]), insights(RECORDS["github"])
    loki["data"]["result"] += [7, {"stream": {}}, {"stream": {}, "values": [8, [], ["1"]]}]
    found["results"] += [9, [], [{"field": ["@message"]}], [{"field": "@message"}]]
    for answer, more in ((loki, 5), (found, 4)):
        loaded = load(json.dumps(answer))
        assert loaded.counts()["records"] == len(RECORDS["github"]) + more
        assert len(loaded.rejected) == len(bare["github"].rejected) + more


@pytest.mark.parametrize(
    "text",
    [
        '{"status": "success", "data": {"resultType": "streams", "result": []}}',
        '{"results": [], "status": "Complete"}',
    ],
)
def test_an_answer_without_rows_is_empty(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with Store(":memory:") as store:
        assert not store.load(tmp_path / "a.json").failed


@pytest.mark.parametrize("data", ["no base64", "/w==", None, 7, ""])
def test_a_message_that_holds_no_text_is_rejected(load, data):
    others = [{"ackId": "a", "message": message(record)} for record in RECORDS["github"]]
    loaded, whole = (
        load([*others, {"ackId": "a", "message": {"data": data}}, {"ackId": "a", "message": data}]),
        load(others),
    )
    assert placeless(loaded) == placeless(whole)
    assert len(loaded.rejected) == len(whole.rejected) + 2


def test_only_the_keys_of_an_answer_tell_it():
    for record in (
        {"data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"]]}]}},
        {"results": [{"field": "a"}]},
        {"data": [[1]]},
    ):
        assert hits(record) == [record]


def test_a_record_with_a_line_and_keys_of_its_own_is_none(load):
    told = [
        {"line": line(record), "timestamp": "2026-07-01T10:00:05Z", "level": "info"} for record in RECORDS["github"]
    ]
    with pytest.raises(AssertionError, match="no loader knows these records"):
        load(told)
