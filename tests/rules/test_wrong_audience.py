"""OOS-2 and OOS-7 where names of servers are written in several ways, or nobody knows whose they are."""

from functools import partial

import pytest

from grantlens import detect
from grantlens.register.identities import Identities
from grantlens.rule.example import moment, token, use

READ = "GET /v1/messages/7"
TOKEN = partial(token, scopes=["mail.read"])


def told(desk, records, rules=("OOS-2", "OOS-7"), stated=(), **window):
    """Return what is said of these records, with names of servers that are stated as (name, one of its ids)."""
    records = [{"event_id": f"e{number}", **record} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        if stated:
            store.add(
                Identities(
                    tuple({"kind": "server", "name": name, "source": "native", "id": id_} for name, id_ in stated)
                )
            )
        return [row for found in detect.run(store, list(rules), **window) for row in found.to_dicts()]


def passed(audience, own, other):
    """Return a token that works at its own server and at another one, for which nothing else is issued."""
    return (
        TOKEN("10 09:00", "t1", audience=[audience]),
        use("10 09:10", READ, server=own),
        use("10 09:20", READ, server=other),
    )


@pytest.mark.parametrize(
    ("stated", "verdicts"),
    [
        ((), ["indeterminate", "indeterminate"]),
        ((("Gateway", "https://Gate.example"), ("Gateway", "files-api")), []),
        ((("Gateway", "gate.example"), ("Files", "files-api")), ["violation", "violation"]),
        ((("Files", "files-api"),), ["violation", "violation"]),
    ],
    ids=["unsaid", "one", "two", "the other is one by itself"],
)
def test_the_identities_file_says_which_names_are_one_server(desk, kept_going, stated, verdicts):
    records = [*kept_going, *passed("https://gate.example/", "gate.example", "files-api")]
    assert [row["verdict"] for row in told(desk, records, stated=stated)] == verdicts


def test_two_servers_that_are_stated_are_two_though_one_lies_below_the_other(desk, kept_going):
    records = [*kept_going, *passed("gate.example", "gate.example", "https://gate.example/files")]
    assert told(desk, records) == []
    stated = (("Gate", "gate.example"), ("Files", "gate.example/files"))
    assert [row["verdict"] for row in told(desk, records, stated=stated)] == ["violation", "violation"]


ONE_SERVER = [
    ("https://kubernetes.default.svc", "kubernetes"),
    ("https://kubernetes.default.svc.cluster.local", "kubernetes"),
    ("api://0C9A3E1C-55d1", "0c9a3e1c-55d1"),
    ("https://gate.example/mail?x=1#y", "gate.example/mail/"),
    ("gate.example.", "HTTP://user@gate.example:80/"),
    ("gate.example", "gate.example:8443"),
]
TWO_SERVERS = [
    ("https://gate.example/mail", "https://gate.example/mailbox"),
    ("https://gate.example:8443", "https://gate.example"),
    ("https://kubernetes.default.svc.example", "kubernetes.example"),
    ("mail.example", "example"),
]


@pytest.mark.parametrize(("audience", "server"), ONE_SERVER)
def test_names_of_one_server(desk, kept_going, audience, server):
    assert (
        told(desk, [*kept_going, TOKEN("10 09:00", "t1", audience=[audience]), use("10 09:10", READ, server=server)])
        == []
    )


@pytest.mark.parametrize(("audience", "server"), TWO_SERVERS)
def test_names_of_two_servers(desk, kept_going, audience, server):
    own = [TOKEN("10 09:00", name, audience=[of]) for name, of in (("t1", audience), ("t2", server))]
    calls = [use("10 09:10", READ, name, of) for name, of in (("t1", audience), ("t2", server), ("t1", server))]
    found = told(desk, [*kept_going, *own, *calls])
    assert [(row["rule"], row["verdict"], row["resource_server"]) for row in found] == [
        ("OOS-2", "violation", server),
        ("OOS-7", "violation", server),
    ]


def test_a_port_that_calls_do_not_tell_makes_no_other_server(desk, kept_going):
    mail, files = {"audience": ["https://mail.example:9443"]}, {"audience": ["https://files.example:8443/v1"]}
    tokens = [TOKEN("10 09:00", "t1", **mail), TOKEN("10 09:00", "t2", **files)]
    calls = [use("10 09:10", READ, name, of) for name, of in (("t1", "mail.example"), ("t1", "files.example"))]
    assert [row["verdict"] for row in told(desk, [*kept_going, *tokens, *calls])] == ["violation", "violation"]


def worked_elsewhere(tenant):
    """Return two servers at work, each with tokens of its own."""
    servers = ("mail.example", "files.example")
    return [
        {**record, "tenant": tenant}
        for server in servers
        for record in (
            TOKEN(
                "10 08:00", f"{tenant}-{server}", audience=[server], client_id="other", event_id=f"{tenant} {server}"
            ),
            use("10 08:10", READ, f"{tenant}-{server}", server, client_id="other", event_id=f"{tenant} {server} used"),
        )
    ]


@pytest.mark.parametrize(("tenant", "verdict"), [("one", "violation"), ("two", "indeterminate")])
def test_names_that_only_another_tenant_knows_decide_nothing(desk, kept_going, tenant, verdict):
    stray = [TOKEN("10 09:00", "t1", audience=["mail.example"]), use("10 09:10", READ, server="files.example")]
    found = told(desk, [*kept_going, *worked_elsewhere(tenant), *({**record, "tenant": "one"} for record in stray)])
    assert [(row["verdict"], row["tenant"]) for row in found] == [(verdict, "one")]


@pytest.mark.parametrize("meanwhile", [[], ["jobs.example"]])
def test_a_token_whose_records_name_several_audiences_is_for_all_of_them(desk, kept_going, meanwhile):
    issued = [
        TOKEN("10 09:00", "t1", audience=["mail.example"]),
        TOKEN("10 09:01", "t1", audience=[*meanwhile, "files.example"]),
        TOKEN("10 09:02", "t1"),
    ]
    calls = [use("10 09:10", READ), use("10 09:11", READ, server="files.example")]
    assert told(desk, [*kept_going, *worked_elsewhere("one"), *issued, *calls]) == []


def test_only_the_window_counts(desk, kept_going):
    records = [
        *kept_going,
        *worked_elsewhere(None),
        TOKEN("10 09:00", "t1", audience=["mail.example", "jobs.example"]),
        use("10 09:10", READ),
        use("10 09:11", READ, server="jobs.example"),
        use("12 09:10", READ, server="files.example"),
    ]
    assert told(desk, records, until=moment("11 00:00")) == []
    assert [row["rule"] for row in told(desk, records, since=moment("11 00:00"))] == ["OOS-2"]
    assert [row["rule"] for row in told(desk, records)] == ["OOS-2", "OOS-7"]


def test_a_question_about_names_is_asked_once_however_many_tokens_and_clients(desk, kept_going):
    records = [
        record
        for number in range(30)
        for record in (
            TOKEN("10 09:00", f"t{number}", audience=["urn:acme:api"], client_id=f"c{number % 3}"),
            use("10 09:10", READ, f"t{number}", "api.example", client_id=None, subject_id=None),
            use("10 09:11", READ, f"t{number}", "edge.example", client_id=None, subject_id=None),
        )
    ]
    found = told(desk, [*kept_going, *records])
    assert [(row["rule"], row["client_id"], row["resource_server"], row["events"]) for row in found] == [
        ("OOS-2", None, "api.example", 31),
        ("OOS-2", None, "edge.example", 31),
        ("OOS-7", None, None, 61),
    ]
    assert found[2]["title"] == (
        "30 tokens of several clients for urn:acme:api opened api.example, edge.example, and nothing tells whether they are one server"
    )


def test_long_lists_are_cut_in_the_title_only(desk, kept_going):
    servers = [f"s{number}.example" for number in range(8)]
    records = [
        *(TOKEN("10 08:00", f"own{number}", audience=[name], client_id="other") for number, name in enumerate(servers)),
        *(use("10 08:10", READ, f"own{number}", name, client_id="other") for number, name in enumerate(servers)),
        TOKEN("10 09:00", "t1", audience=["s0.example"]),
        *(use("10 09:10", READ, server=name) for name in servers),
    ]
    (found,) = told(desk, [*kept_going, *records], ["OOS-7"])
    assert found["title"] == (
        "A token of app for s0.example also opened s1.example, s2.example, s3.example, s4.example, s5.example and 2 more"
    )
    assert found["detail"]["not_for"] == servers[1:]
    assert found["resource_server"] is None
