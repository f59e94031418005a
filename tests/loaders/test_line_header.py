"""Lines that begin with a header of syslog, a container runtime or a collector are read as the one object behind it."""

import json

import pytest

from grantlens.loaders.line_header import no_record, without_header
from tests.loaders import test_github, test_keycloak, test_kubernetes, test_okta

RECORDS = {"github": test_github.SEEDS, "okta": test_okta.EVERY_KIND}
HEADERS = {
    "RFC 3164": "Jul  1 10:00:05 git-1 audit[812]: ",
    "RFC 3164 with a priority": "<38>Jul 11 10:00:05 git-1 audit: ",
    "rsyslog, ISO time": "2026-07-01T10:00:05.123456+02:00 git-1 audit[812]: ",
    "CEE": "Jul  1 10:00:05 git-1 audit[812]: @cee: ",
    "RFC 5424": "<38>1 2026-07-01T10:00:05.123Z git-1 audit 812 - - ",
    "RFC 5424, two blanks": "<15>1 2026-07-01T10:00:05.123+05:30 keycloak keycloak 81812 org.keycloak.events -  ",
    "RFC 5424 with data": '<38>1 2026-07-01T10:00:05.123Z git-1 audit 812 ID47 [ex@32473 iut="3" x="a \\] {\\"b"][y@1] \ufeff',
    "CRI": "2026-07-01T10:00:00.123456789Z stdout F ",
    "a time alone": "2026-07-01T10:00:00.000Z ",
    "kubectl with a prefix": "[pod/git-1/audit] ",
    "kubectl with a prefix and times": "[pod/git-1/audit] 2026-07-01T10:00:00.123456789Z ",
    "docker compose": "git-1  | ",
    "aws logs tail": "2026-07-01T10:00:05.123000+00:00 kube-apiserver-audit-0f1e2d ",
    "aws logs tail, short": "2026-07-01T10:00:05 ",
    "fluentd": "2026-07-01T10:00:05+02:00\tgit.audit\t",
    "fluentd, stdout": "2026-07-01 10:00:05.814351757 +0900 git.audit: ",
    "Grafana": "1782900005123\t2026-07-01T10:00:05.123Z\t",
    "Grafana, before it wrote epochs": "2026-07-01 10:00:05.123\t",
}
HOLDERS = {
    "file": lambda line: line,
    "Logstash": lambda line: json.dumps({"@timestamp": "2026-07-01T10:00:05Z", "message": line, "host": {"name": "git-1"}}),
    "Wazuh": lambda line: json.dumps({"agent": {"id": "0"}, "manager": {"name": "m"}, "decoder": {"name": "json"}, "full_log": line}),
    "journald": lambda line: json.dumps({"__REALTIME_TIMESTAMP": "1782900005000000", "SYSLOG_IDENTIFIER": "audit", "MESSAGE": line}),
    "GELF": lambda line: json.dumps({"version": "1.1", "host": "git-1", "short_message": line, "timestamp": 1782900005.2}),
    "GELF, long": lambda line: json.dumps({"version": "1.1", "host": "git-1", "short_message": line[:40], "full_message": line}),
}  # fmt: skip


def written(records, before, hold=HOLDERS["file"]):
    return "\n".join(hold(before + json.dumps(record, separators=(",", ":"))) for record in records) + "\n"


@pytest.mark.parametrize("loader", RECORDS)
@pytest.mark.parametrize("header", HEADERS)
def test_a_header_changes_nothing_not_even_the_ids(load, loader, header):
    bare, headed = load(written(RECORDS[loader], "")), load(written(RECORDS[loader], HEADERS[header]))
    assert bare.batch["loader"] == headed.batch["loader"] == loader
    assert any(bare.rows.values())
    assert (bare.rows, bare.ignored) == (headed.rows, headed.ignored)
    assert len(bare.rejected) == len(headed.rejected)


@pytest.mark.parametrize("header", ["", *HEADERS])
@pytest.mark.parametrize("holder", HOLDERS)
def test_a_log_that_is_text_elsewhere_may_be_objects_behind_headers_too(load, header, holder):
    """Keycloak's server sends its lines by syslog itself (`--log=syslog`), as JSON if it is told to."""
    lines = [
        {
            "timestamp": f"2026-07-01T10:0{n}:00.25Z",
            "loggerName": "org.keycloak.events",
            "message": new.split(") ", 1)[1],
        }
        for n, new in enumerate([test_keycloak.new("CODE_TO_TOKEN", token_id="t-1"), test_keycloak.new("LOGOUT")])
    ]
    records = [*lines, lines[0] | {"loggerName": "org.keycloak.services", "message": "started"}]
    bare, headed = load(written(records, "")), load(written(records, HEADERS.get(header, ""), HOLDERS[holder]))
    assert {log: len(rows) for log, rows in bare.rows.items()} == {"issuance": 1, "usage": 0, "revocation": 1}
    assert (bare.rows, bare.ignored, bare.rejected) == (headed.rows, headed.ignored, headed.rejected)


def test_one_line_of_keycloak_among_those_of_another_log_makes_them_not_keycloaks(load):
    line = {"timestamp": "2026-07-01T10:00:00Z", "loggerName": "org.keycloak.services", "message": "started"}
    loaded = load(written([*RECORDS["okta"], line], "", HOLDERS["GELF"]))
    assert loaded.batch["loader"] == "okta"
    assert loaded.rows == load(written(RECORDS["okta"], "")).rows


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_line_that_a_collector_holds_may_have_a_header(load, holder):
    bare = load(written(RECORDS["github"], ""))
    held = load(written(RECORDS["github"], HEADERS["RFC 3164 with a priority"], HOLDERS[holder]))
    assert (bare.rows, bare.ignored) == (held.rows, held.ignored)


@pytest.mark.parametrize(
    "line",
    [
        'GET /?q= {"action": "x"}',
        'Jul  1 10:00:05 git-1 sshd[1]: Invalid user {"action": "x"} from 192.0.2.1',
        '<38>1 2026-07-01T10:00:05Z git-1 app 1 - [a@1 b="] {"action": "x"}',
        '2026-07-01T10:00:00.1Z stdout P {"action": "x"}',
        '2026-07-01T10:00:05Z git-1 said: a {"action": "x"}',
        '2026-07-01T10:00:05Z INFO {"action": "x"}',
        'master-0 {"action": "x"}',
    ],
)
def test_an_object_behind_other_words_is_none(line):
    assert without_header(line).partition(" from ")[0] == line.partition(" from ")[0]


def test_the_node_before_each_line_of_openshifts_node_logs_is_no_part_of_it(load):
    """`oc adm node-logs --role=master --path=kube-apiserver/audit.log`: its source writes the node's name and a blank, if there may be several."""
    records = test_kubernetes.EVERY_KIND
    bare, headed = load(written(records, "")), load(written(records, "ip-10-0-140-97.ec2.internal "))
    assert bare.batch["loader"] == headed.batch["loader"] == "kubernetes"
    assert any(bare.rows.values())
    assert (bare.rows, bare.ignored) == (headed.rows, headed.ignored)


def test_prose_with_objects_in_it_is_refused(load):
    with pytest.raises(AssertionError, match="is neither JSON nor CSV nor Parquet, nor lines of text"):
        load(written(RECORDS["github"], "somebody said "))


def in_docker(text):
    return json.dumps({"log": text, "stream": "stdout", "time": "2026-07-01T10:00:00Z"}) + "\n"


WHOLE = json.dumps(RECORDS["github"][0], separators=(",", ":"))
CUT = {
    "CRI flag P": (HEADERS["CRI"], HEADERS["CRI"].replace(" F ", " P ") + WHOLE[:60] + "\n"),
    "what wrote the header": (HEADERS["RFC 3164"], HEADERS["RFC 3164"] + WHOLE[:60] + "\n"),
    "Docker": ("", in_docker(WHOLE[:60])),
}


@pytest.mark.parametrize("by", CUT)
def test_what_is_cut_among_whole_lines_is_rejected_and_the_reason_says_so(load, by):
    header, part = CUT[by]
    whole = written(RECORDS["github"], header)
    if by == "Docker":
        whole = "".join(in_docker(json.dumps(record) + "\n") for record in RECORDS["github"])
    plain, loaded = load(whole), load(whole + part)
    assert loaded.rows == plain.rows
    assert len(loaded.rejected) == 1 + len(plain.rejected)
    reason = loaded.rejected[-1]["reason"]
    assert "only part of a record, cut by" in reason
    assert by in reason


REST = {
    "header of CRI": (HEADERS["CRI"], HEADERS["CRI"] + WHOLE[60:] + "\n"),
    "Docker's `log`": ("", in_docker(WHOLE[60:] + "\n")),
}


@pytest.mark.parametrize("loader", RECORDS)
@pytest.mark.parametrize("of", REST)
def test_the_rest_of_a_record_is_told_as_what_it_is(load, loader, of):
    """It was told as a record that misses a field, or as no JSON, as if the log were damaged."""
    header, rest = REST[of]
    lines = [json.dumps(record) + "\n" for record in RECORDS[loader]]
    whole = "".join(header + line if header else in_docker(line) for line in lines)
    plain, loaded = load(whole), load(whole + rest)
    assert loaded.rows == plain.rows
    assert len(loaded.rejected) == 1 + len(plain.rejected)
    assert loaded.rejected[-1]["reason"].startswith("no object")
    assert of in loaded.rejected[-1]["reason"]


@pytest.mark.parametrize("loader", RECORDS)
def test_what_cloudwatch_asks_of_a_subscription_is_told_as_what_it_is(load, loader):
    def page(kind, *messages):
        events = [
            {"id": "" if kind == "CONTROL_MESSAGE" else "7", "timestamp": 1782900005123, "message": message}
            for message in messages
        ]
        return (
            json.dumps({"messageType": kind, "owner": "CloudwatchLogs", "logEvents": events}, separators=(",", ":"))
            + "\n"
        )

    asked = page("CONTROL_MESSAGE", "CWL CONTROL MESSAGE: Checking health of destination Firehose.")
    first, *others = map(json.dumps, RECORDS[loader])
    pages = page("DATA_MESSAGE", first) + page("DATA_MESSAGE", *others)
    plain, loaded = load(pages), load(pages + asked)
    assert loaded.rows == plain.rows
    assert len(loaded.rejected) == 1 + len(plain.rejected)
    assert "CONTROL_MESSAGE" in loaded.rejected[-1]["reason"]


def test_what_holds_a_record_keeps_its_own_reason():
    assert no_record(in_docker('{"id": 1}').strip()) is None
    assert no_record(in_docker('{"id": 1}\n').strip()) is None
    assert no_record('{"log": "{", "stream"') is None
    assert no_record('{"log": {"id": 1}, "stream": "stdout"}') is None
    assert no_record('{"id":"","message":"it said CWL CONTROL MESSAGE: no"}') is None
