"""PRV-5 beside plain Python: what grants hold in the window, of which servers, and whether that is all."""

import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from grantlens import detect
from grantlens.catalogue.omnibus import OMNIBUS
from grantlens.register.identities import Identities
from grantlens.register.server import Servers
from grantlens.rule.example import consent, moment, revoked, token, use
from grantlens.schema.register import SERVER

OFFERS = {
    "mail.example": {"mail.read", "mail.send", "mail.write"},
    "tools.example": {"run", "see"},
    "files.example": {"files.all"},
}
BASELINE = {"openid", "offline_access"}
EVERYTHING = {"https://mail.google.com/", "https://www.googleapis.com/auth/drive"}
SINCE, UNTIL = 10, 20
SCOPES = sorted({*OFFERS["mail.example"], *OFFERS["tools.example"], *BASELINE, *EVERYTHING, "api"})
SETS = [*map(sorted, OFFERS.values()), ["mail.read", "openid"], [], None]

scopes = st.one_of(st.sampled_from(SETS), st.lists(st.sampled_from(SCOPES), unique=True, max_size=8).map(sorted))
grants = st.lists(
    st.fixed_dictionaries(
        {
            "client": st.sampled_from("abc"),
            "day": st.integers(2, 24),
            "scopes": scopes,
            "more": st.none() | st.tuples(st.integers(2, 24), scopes.filter(lambda each: each is not None)),
            "audience": st.none() | st.sampled_from(["https://Mail.example/v1", "mail.example.org", "tools.example"]),
            "called": st.none() | st.sampled_from(["mail.example", "tools.example", "jobs.example"]),
            "taken": st.none() | st.tuples(st.integers(2, 24), st.sampled_from(SCOPES)),
            "ended": st.none() | st.integers(2, 26),
        }
    ),
    max_size=5,
)


def day(number, hour=0):
    return f"{number:02} {hour:02}:00"


def log(worlds):
    """Write each grant: a consent, perhaps a second one, a call, a downgrade and an end, in this order of a day."""
    rows = []
    for number, one in enumerate(worlds):
        who = {"client_id": one["client"], "subject_id": f"person{number}"}
        name = f"g{number}"
        audience = {"audience": [one["audience"]]} if one["audience"] else {}
        rows.append(consent(day(one["day"], 1), one["scopes"], name, **who, **audience))
        if one["more"]:
            rows.append(consent(day(one["more"][0], 2), one["more"][1], name, **who))
        if one["called"]:
            rows.append(use(day(15, 12), "GET /v1/x", None, one["called"], grant_id=name, **who))
        if one["taken"]:
            narrowed = {"kind": "downgrade", "scopes_removed": [one["taken"][1]], "grant_id": name, "event_id": None}
            rows.append(revoked(day(one["taken"][0], 3), "grant", **narrowed, **who))
        if one["ended"]:
            rows.append(revoked(day(one["ended"], 4), "grant", grant_id=name, event_id=None, **who))
    return [{**row, "event_id": f"e{number}"} for number, row in enumerate(rows)]


def states(one):
    """Return what a grant allowed: (from hour, until hour, scopes or None); a consent after its end opens it again."""
    events = [(one["day"] * 24 + 1, "give", one["scopes"])]
    if one["more"]:
        events.append((one["more"][0] * 24 + 2, "give", one["more"][1]))
    if one["taken"]:
        events.append((one["taken"][0] * 24 + 3, "take", [one["taken"][1]]))
    if one["ended"]:
        events.append((one["ended"] * 24 + 4, "end", None))
    found, open_from, held, vague = [], None, None, False
    for at, what, named in [*sorted(events, key=lambda event: event[0]), (10**6, "over", None)]:
        if open_from is not None:
            found.append((open_from, at, None if held is None or vague else set(held)))
        if what == "give":
            if open_from is None:
                held, vague = None, False
            vague = vague or named is None
            held = held if named is None else (held or set()) | set(named)
            open_from = at
        elif what == "end":
            open_from = None
        elif what == "take" and open_from is not None:
            held = None if held is None else held - set(named)
            open_from = at
    return found


def for_server(one, server):
    """Return whether a grant is for a server; None where nothing tells."""
    if one["audience"] and one["day"] < UNTIL:
        place = one["audience"].lower().removeprefix("https://")
        return place == server or place.startswith(server + "/")
    return True if one["called"] == server else None


def wholesale(worlds):
    """Return what PRV-5 finds: (client, server) -> verdict, grants, scopes."""
    told = {}
    for number, one in enumerate(worlds):
        for begin, end, held in states(one):
            if begin >= UNTIL * 24 or end <= SINCE * 24:
                continue
            for server, offer in OFFERS.items():
                if len(offer) < 2 or for_server(one, server) is False:
                    continue
                meant = for_server(one, server)
                if (held is None and meant) or (held is not None and offer <= held):
                    sure = bool(meant and held is not None)
                    told.setdefault((one["client"], server), []).append((number, sure, offer))
            if all_of := (held or set()) & EVERYTHING:
                told.setdefault((one["client"], None), []).append((number, True, all_of))
    return {
        key: (
            "violation" if any(sure for _, sure, _ in seen) else "indeterminate",
            len({number for number, _, _ in seen}),
            sorted(set().union(*(scopes for _, _, scopes in seen))),
        )
        for key, seen in told.items()
    }


def servers(offers):
    rows = [{"resource_server": name, "scopes_supported": sorted(offer)} for name, offer in offers.items()]
    return Servers(tuple(dict.fromkeys(SERVER.names) | {"leeway_seconds": 60.0} | row for row in rows))


def asked(desk, records, offers, *more, since=SINCE, until=UNTIL):
    with desk.store(desk.write("log.ndjson", records)) as store:
        store.add(servers(offers), *more)
        return detect.run(store, ["PRV-5"], since=moment(day(since)), until=moment(day(until)))[0].to_dicts()


@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # each world is a store: to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(grants)
def test_beside_plain_python(desk, worlds):
    offers = {name: sorted({*offer, *BASELINE}) for name, offer in OFFERS.items()}
    desk.folder = Path(tempfile.mkdtemp(dir=desk.folder))
    first = token("01 08:00", "t", None, client_id="z", grant_id="z", event_id="first")  # of a grant that no world has
    found = asked(desk, [*log(worlds), first], offers)
    told = {
        (row["client_id"], row["resource_server"]): (row["verdict"], row["detail"]["grants"], row["scopes"])
        for row in found
    }
    assert all(min(row["events"], 20) == len(row["evidence"]) for row in found)
    assert told == wholesale(worlds)
    assert all(row["severity"] == "low" and row["evidence"] for row in found)


@pytest.mark.parametrize(
    ("described", "audience", "told"),
    [
        ("https://Tools.example:443/mcp/", "tools.example/mcp", True),
        ("tools.example", "https://tools.example/mcp", True),
        ("tools.example/mcp", "https://tools.example/other", False),
        ("tools.example", "https://tools.example.org/", False),
        ("http://tools.example:8080", "tools.example:8080", True),
        ("https://tools.example./", "tools.example", True),
        ("https://kubernetes.default.svc.cluster.local", "https://kubernetes.default.svc", True),
    ],
)
def test_a_server_in_other_writing(desk, described, audience, told):
    given_all = consent("12 09:00", ["run", "see"], audience=[audience], event_id="e1")
    found = asked(desk, [given_all], {described: ["run", "see"]})
    assert [(row["verdict"], row["resource_server"]) for row in found] == ([("violation", described)] if told else [])


def test_a_server_by_another_name_of_the_identities(desk):
    records = [
        consent("12 09:00", ["run", "see"], audience=["urn:tools"], event_id="e1"),
        use("12 10:00", "GET /v1/x", None, "tools.example", client_id="z", event_id="e2"),
    ]
    same = [
        {"kind": "server", "name": "Tools", "source": "native", "id": each} for each in ("urn:tools", "tools.example")
    ]
    assert asked(desk, records, {"tools.example": ["run", "see"]}) == []
    found = asked(desk, records, {"tools.example": ["run", "see"]}, Identities(tuple(same)))
    assert [row["verdict"] for row in found] == ["violation"]


def test_two_tenants_are_two_findings_and_their_evidence_is_their_own(desk):
    rows = [
        consent(f"1{n} 09:00", ["run", "see"], f"g{n}", audience=["tools.example"], tenant=f"t{n}", event_id=f"e{n}")
        for n in (1, 2)
    ]
    found = asked(desk, rows, {"tools.example": ["run", "see"]})
    assert [(row["tenant"], [each["event_id"] for each in row["evidence"]]) for row in found] == [
        ("t1", ["e1"]),
        ("t2", ["e2"]),
    ]


def test_evidence_is_what_opened_the_grant_and_what_made_it_whole(desk):
    rows = [
        consent("11 09:00", ["run"], audience=["tools.example"], event_id="first"),
        consent("12 09:00", ["openid"], event_id="between"),
        consent("13 09:00", ["see"], event_id="whole"),
        consent("14 09:00", ["mail.read"], event_id="later"),
    ]
    (found,) = asked(desk, rows, {"tools.example": ["run", "see"]})
    assert [each["event_id"] for each in found["evidence"]] == ["first", "whole"]
    assert found["first_seen"] == datetime.fromisoformat(moment("13 09:00")).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_name_means_this_only_in_its_vendors_log_and_an_address_everywhere():
    for one in OMNIBUS:
        assert one.page.startswith("https://")
        assert (one.source is None) == one.scope.startswith("https://")
