"""What holds for every rule on every log."""

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from grantlens import detect
from grantlens.register.register import Register
from grantlens.report.same_finding import key
from grantlens.rule.example import refreshed, revoked, token, use
from grantlens.rules import SEVERITIES, VERDICTS, registry

SEEDS = range(4)


def found(store, evidence="few"):
    """Return the findings of every rule, by rule, with a review before most of what is told, and one after it."""
    store.add(Register((), (datetime(2026, 7, 1, 9, tzinfo=UTC), datetime(2026, 7, 19, 12, tzinfo=UTC))))
    asked = detect.run(store, parameters={"dormant_days": 3, "floor_days": 5}, evidence=evidence)
    return {each.rule.id: each.to_dicts() for each in asked}


@pytest.mark.parametrize("seed", SEEDS)
def test_each_finding_stands_on_its_evidence(desk, log_of, kept_going, seed):
    files = [
        desk.write("one.ndjson", log_of(seed, calls=120)),
        desk.write("two.ndjson", [*log_of(seed, "helper"), *kept_going]),
    ]
    lines = {str(path): path.read_text().splitlines() for path in files}
    digests = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with desk.store(*files) as store:
        few, every = found(store), found(store, "all")
    assert few.keys() == registry().keys()

    def moment(pointer):
        record = json.loads(lines[pointer["file"]][pointer["line"] - 1])
        return next(record[name] for name in ("issued_at", "used_at", "revoked_at") if name in record)

    for rule, findings in few.items():
        assert max(Counter(map(key, findings)).values(), default=1) == 1, f"{rule}: two findings of one key"
        assert [key(finding) for finding in findings] == [key(finding) for finding in every[rule]]
        for finding, whole in zip(findings, every[rule], strict=True):
            about = (rule, key(finding))
            assert finding["verdict"] in VERDICTS
            assert finding["severity"] in SEVERITIES
            assert 0 <= finding["coverage"]["share"] <= 1
            assert finding["first_seen"] <= finding["last_seen"]
            pointers, all_pointers = finding["evidence"], whole["evidence"]
            if rule == "INT-5":
                continue
            assert pointers, f"{about}: a verdict without evidence"
            assert len(pointers) <= 20, about
            assert {**finding, "evidence": None} == {**whole, "evidence": None}
            assert finding["events"] == len(all_pointers), (
                f"{about}: {finding['events']} events, {len(all_pointers)} listed"
            )
            ends = [moment(each[place]) for each in (pointers, all_pointers) for place in (0, -1)]
            assert ends[:2] == ends[2:], f"{about}: the first or the last event is not listed"
            assert all(pointer in all_pointers for pointer in pointers)
            if finding["verdict"] != "clear" and not rule.startswith("PRV"):
                assert len(pointers) == min(20, len(all_pointers)), about
            for pointer in all_pointers:
                assert pointer["sha256"] == digests[pointer["file"]]
                assert json.loads(lines[pointer["file"]][pointer["line"] - 1])["event_id"] == pointer["event_id"]


def plain(findings):
    return json.dumps(findings, sort_keys=True)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_order_of_loading_changes_nothing(desk, log_of, kept_going, seed):
    records = [*log_of(seed, calls=80), *kept_going]
    files = [
        desk.write(f"{log}.ndjson", [record for record in records if record["log"] == log])
        for log in ("issuance", "usage", "revocation")
    ]
    files = [path for path in files if path.stat().st_size]
    with desk.store(*files) as store:
        first = found(store)
        assert plain(first) == plain(found(store)), "asked twice, answered differently"
    with desk.store(*reversed(files)) as store:
        second = found(store)
    for rule in first:
        assert plain(first[rule]) == plain(second[rule]), rule


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_order_of_lines_changes_nothing(desk, log_of, kept_going, seed):
    twice = revoked("16 10:00", "grant", grant_id="app-g1", event_id="r2")
    late = token("18 10:00", "app-late", ["mail.read"], grant_id="app-g1", event_id="late")
    records = [*log_of(seed, calls=80), twice, {**twice, "event_id": "r1"}, late, *kept_going]
    told = []
    for order in (records, records[::-1]):
        with desk.store(desk.write("log.ndjson", order)) as store:
            told.append(found(store))
        for finding in (finding for findings in told[-1].values() for finding in findings):
            finding["evidence"] = [pointer["event_id"] for pointer in finding["evidence"]]
    assert "app-late" in {finding["token_id"] for finding in told[0]["REV-2"]}
    for rule in told[0]:
        assert plain(told[0][rule]) == plain(told[1][rule]), rule


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_an_unrelated_client_changes_nothing(desk, log_of, kept_going, seed):
    path = desk.write("one.ndjson", [*log_of(seed), *kept_going])
    stranger = [
        {
            **record,
            "client_id": "stranger",
            "subject_id": "sue",
            **({"scopes": ["jobs.run"]} if "scopes" in record else {}),
            **(
                {"target": "/v1/jobs", "method": "POST", "resource_server": "jobs.example"}
                if record["log"] == "usage"
                else {}
            ),
        }
        for record in log_of(seed, "stranger")
        if record.get("target_kind") not in ("client", "subject")
    ]
    with desk.store(path) as store:
        alone = found(store)
        together_path = desk.write("stranger.ndjson", stranger)
        store.load(together_path)
        together = found(store)
    for rule in alone.keys() - {"INT-6", "INT-2"}:  # a clock is judged by what everyone did
        others = [finding for finding in together[rule] if finding["client_id"] != "stranger"]
        others = [finding for finding in others if not str(finding["token_id"]).startswith("stranger")]
        assert plain(alone[rule]) == plain(others), rule
    tokens = [{finding["token_id"] for finding in each["INT-2"]} for each in (alone, together)]
    assert tokens[0] == {name for name in tokens[1] if not str(name).startswith("stranger")}


def namesake(records):
    """Return these records as those of client app in another tenant: its grants, tokens and events have ids of their own."""
    for number, record in enumerate(records):
        record = {name: value for name, value in record.items() if name != "client_name"}
        if "client_id" in record:
            record["client_id"] = "app"
        if record.get("target_kind") == "subject":
            record["subject_id"] = "ann"
        if record.get("target_kind") == "grant" and number % 2:
            del record["grant_id"]
        yield record


@pytest.mark.parametrize("seed", SEEDS)
def test_two_tenants_are_two_though_their_client_and_people_have_the_same_ids(desk, log_of, kept_going, seed):
    here, there = log_of(seed, calls=80), namesake(log_of(seed, "namesake", calls=80))
    kept = [
        record | {name: f"{tenant}-{record[name]}" for name in ("token_id", "grant_id") if record.get(name)}
        for tenant in ("one", "two")
        for record in in_tenant(tenant, kept_going)
    ]
    with desk.store(desk.write("one.ndjson", [*in_tenant("one", here), *kept])) as store:
        alone = found(store)
        store.load(desk.write("two.ndjson", in_tenant("two", there)))
        both = found(store)
    for rule in alone:
        mine = [
            finding for finding in both[rule] if not finding["evidence"] or not all(map(of_two, finding["evidence"]))
        ]
        assert plain(alone[rule]) == plain(mine), rule


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_one_tenant_is_as_none_though_revocations_leave_it_out(desk, log_of, kept_going, seed):
    records = [*namesake(log_of(seed, calls=80)), *kept_going]
    everywhere = [{**record, "tenant": "one"} for record in records]
    left_out = [
        record if record["log"] == "revocation" else named for record, named in zip(records, everywhere, strict=True)
    ]
    told = []
    for log in (records, everywhere, left_out):
        with desk.store(desk.write("log.ndjson", log)) as store:
            told.append(found(store))
        for finding in (finding for findings in told[-1].values() for finding in findings):
            finding["evidence"] = [pointer["event_id"] for pointer in finding["evidence"]]
            assert finding.pop("tenant") in (None, "one")
            if finding["rule"] == "INT-6":  # which names the tenant in words
                finding["title"] = finding["detail"]["clock_entry"] = None
    for rule in told[0]:
        assert plain(told[0][rule]) == plain(told[1][rule]) == plain(told[2][rule]), rule


def in_tenant(tenant, records):
    return [{**record, "tenant": tenant, "event_id": f"{tenant}-{record['event_id']}"} for record in records]


def of_two(pointer):
    return pointer["event_id"].startswith("two-namesake")


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_without_an_issuance_log_nothing_becomes_clear(desk, log_of, kept_going, seed):
    records = [*log_of(seed), *kept_going]
    with desk.store(desk.write("all.ndjson", records)) as store:
        whole = {key(finding): finding for findings in found(store).values() for finding in findings}
    with desk.store(desk.write("rest.ndjson", [record for record in records if record["log"] != "issuance"])) as store:
        rest = [finding for findings in found(store).values() for finding in findings]
    for finding in rest:
        assert finding["rule"] not in ("PRV-1", "PRV-3", "PRV-4"), "a privilege that no log grants"
        if finding["verdict"] == "clear" and finding["rule"] != "OOS-12":
            assert whole[key(finding)]["verdict"] == "clear", finding


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_without_a_usage_log_nothing_is_unused_or_out_of_scope(desk, log_of, kept_going, seed):
    records = [record for record in (*log_of(seed), *kept_going) if record["log"] != "usage"]
    with desk.store(desk.write("rest.ndjson", records)) as store:
        rest = found(store)
    assert rest["OOS-1"] == rest["OOS-3"] == rest["OOS-12"] == []
    assert all(finding["verdict"] != "violation" for finding in (*rest["PRV-1"], *rest["PRV-3"], *rest["REV-6"]))
    # Only a refresh is use that the issuance log itself shows.
    assert {finding["detail"]["scope"] for finding in rest["PRV-1"] if finding["verdict"] == "clear"} <= {
        "offline_access"
    }
    assert all(finding["detail"]["state"] != "unused" for finding in rest["PRV-1"])
    assert rest["PRV-1"], "the log grants something"
    for rule in ("REV-1", "REV-3", "REV-4", "REV-5", "INT-1", "INT-2"):
        assert rest[rule] == []


def test_a_silence_is_the_same_wherever_the_window_begins(desk, log_of, kept_going):
    names = [f"app{seed}" for seed in SEEDS]
    logs = (log_of(seed, name, 12) for seed, name in zip(SEEDS, names, strict=True))
    lives_on = [record for log in logs for record in log if record["log"] != "revocation"]
    refreshable = [
        token(
            "02 08:00",
            f"{name}-rt-{grant}",
            ["mail.read"],
            token_kind="refresh",
            grant_id=f"{name}-{grant}",
            client_id=name,
        )
        for name in names
        for grant in ("g1", "g2")
    ]
    with desk.store(desk.write("all.ndjson", [*lives_on, *refreshable, *kept_going])) as store:
        told = [
            [
                {name: value for name, value in finding.items() if name != "evidence"}
                for finding in detect.run(store, ["PRV-3"], since=since, parameters={"dormant_days": 1})[0].to_dicts()
            ]
            for since in (None, "2026-07-05T00:00:00Z", "2026-07-12T10:00:00Z", "2026-07-19T00:00:00Z")
        ]
    assert {finding["client_id"] for finding in told[0]} >= {*names}
    assert all(each == told[0] for each in told)


@pytest.mark.parametrize(
    ("rule", "records"),
    [
        (
            "REV-1",
            (
                token("10 09:00", "t1", ["mail.read"], "10 18:00"),
                revoked("10 12:00"),
                use("10 12:30", "GET /v1/messages/7"),
            ),
        ),
        ("REV-2", (revoked("10 12:00", token_id="rt"), refreshed("10 12:30", "t2", "rt", ["mail.read"]))),
    ],
)
def test_a_logged_event_decides_though_it_is_the_first_of_its_log(desk, rule, records):
    with desk.store(*(desk.write(f"{number}.ndjson", [record]) for number, record in enumerate(records))) as store:
        (finding,) = detect.run(store, [rule])[0].to_dicts()
    assert finding["verdict"] == "violation"


def test_a_server_is_named_only_where_every_call_names_it(desk):
    calls = (
        ("10 08:00", "GET /v1/odd", "t1", {}),
        ("10 08:01", "GET /v1/odd", "t1", {"server": None}),
        ("10 08:02", "GET /v1/odd", "t-unseen", {}),
        ("10 08:03", "GET /v1/odd", "t-unseen", {"server": None}),
    )
    records = [token("10 09:00", "t1", ["mail.read"]), *(use(*call, **more) for *call, more in calls)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        asked = detect.run(store, ["OOS-1", "INT-1", "INT-2"])
    found = [finding for each in asked for finding in each.to_dicts()]
    assert {finding["rule"] for finding in found} == {"OOS-1", "INT-1", "INT-2"}
    assert all(finding["resource_server"] is None for finding in found)
