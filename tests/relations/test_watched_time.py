"""When a usage log would have shown any call: beside plain Python, and from records as the providers write them."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

import grantlens as gl
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.optional import lacks
from grantlens.conclusion.conclusion import conclude
from grantlens.conclusion.held import held
from grantlens.relations import worked_out
from grantlens.rules import find
from grantlens.store import Store
from tests.loaders import test_aws_cloudtrail as aws
from tests.loaders.test_kubernetes import request, token_request

START = datetime(2026, 7, 1, tzinfo=UTC)
READS = {"aws_cloudtrail": "s3:GetObject", "kubernetes": "list core/pods", "native": None}
OTHERS = {"aws_cloudtrail": "s3:GetObjectLockConfiguration", "kubernetes": "create core/pods", "native": "s3:GetObject"}


def call(source, tenant, operation, hour):
    """Write a call by one of three clients."""
    when = (START + timedelta(hours=hour)).isoformat()
    named = {} if tenant is None else {"tenant": tenant}
    return {
        "log": "usage", "source": source, "used_at": when, "outcome": "success", "client_id": f"app-{hour % 3}", "resource_server": "s",
        "operation": operation, "event_id": f"{source}-{tenant}-{operation}-{hour}", **named,
    }  # fmt: skip


def broken(store, stretch, cut, *, in_part):
    """Let the log of a stretch be silent for five hours, and perhaps show only a part after it."""
    rest = {**stretch, "covered_from": cut + timedelta(hours=5), "in_part": in_part}
    store.engine.execute(
        "UPDATE coverage SET covered_until = $cut WHERE source = $source AND tenant IS NOT DISTINCT FROM $tenant AND log = 'usage'",
        {"cut": cut, "source": rest["source"], "tenant": rest["tenant"]},
    )
    store.engine.execute(
        f"INSERT INTO coverage BY NAME SELECT {', '.join(f'${name} AS {name}' for name in rest)}", rest
    )


@pytest.mark.parametrize("seed", range(12))
def test_only_the_time_between_calls_that_must_be_asked_for_is_watched(seed, tmp_path):
    rng = random.Random(seed)
    calls = []
    for source in READS:
        for tenant in rng.sample(["a", "b", None], 2):
            calls += [(source, tenant, OTHERS[source], hour) for hour in rng.sample(range(100), 4)]
            if READS[source] and rng.random() < 0.6:
                calls += [(source, tenant, READS[source], hour) for hour in rng.sample(range(100), rng.randint(1, 3))]
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(call(*each)) + "\n" for each in calls))
    with Store(":memory:") as store:
        assert store.load(log).failed == []
        for stretch in store.coverage():
            cut = START + timedelta(hours=rng.randrange(20, 80))
            if stretch["covered_from"] < cut < stretch["covered_until"] - timedelta(hours=5):
                broken(store, stretch, cut, in_part=rng.random() < 0.5)
        with worked_out(store.engine, ("watched_time",), {}):
            found = store.engine.rows(
                "SELECT source, tenant, in_part, covered_from, covered_until, lacks FROM watched_time"
            )
        stretches = [row for row in store.coverage() if row["log"] == "usage" and not row["is_gap"]]
    for source, tenant in {(source, tenant) for source, who, *_ in calls for tenant in (who, None)}:
        theirs = [
            row for row in stretches if row["source"] == source and (tenant is None or row["tenant"] in (tenant, None))
        ]
        reads = [
            hour for name, who, operation, hour in calls
            if name == source and operation == READS[source] and (tenant is None or who in (tenant, None))
        ]  # fmt: skip
        for moment in (START + timedelta(minutes=10 * number) for number in range(600)):
            there = any(row["covered_from"] <= moment < row["covered_until"] and not row["in_part"] for row in theirs)
            asked = READS[source] is None or (
                bool(reads) and START + timedelta(hours=min(reads)) <= moment <= START + timedelta(hours=max(reads))
            )
            told = any(
                begin <= moment < end and not part
                for name, who, part, begin, end, _ in found
                if (name, who) == (source, tenant)
            )
            assert told == (there and asked), (source, tenant, moment)
    assert all(row[3] < row[4] for row in found)
    assert {row[5] for row in found if row[2] and row[0] != "native"} == {
        lacks()[source] for source in ("aws_cloudtrail", "kubernetes")
    }
    assert {row[5] for row in found if not row[2] or row[0] == "native"} == {None}


OPENS = {
    "iam:CreateUser": {"iam:CreateUser"},
    "iam:GetUser": {"iam:GetUser"},
    "s3:GetObject": {"s3:GetObject"},
    "iam:*teUser": {"iam:CreateUser", "iam:DeleteUser"},
    "iam:*User": {"iam:CreateUser", "iam:DeleteUser", "iam:GetUser"},
    "*:*teUser": {"iam:CreateUser", "iam:DeleteUser", "s3:GetObject"},
    "iam:*": {"iam:CreateUser", "iam:DeleteUser", "iam:Odd"},
    "nothing": set(),
}
"""What each scope permits; nobody knows of any operation that `iam:Odd` does."""
WRITES = {"iam:CreateUser", "iam:DeleteUser"}


def catalogue():
    """Write a catalogue in which these scopes permit so."""
    operations = sorted(set().union(*OPENS.values()) - {"iam:Odd"})
    return '[catalogue]\nname = "c"\n' + "".join(
        [f'[[operation]]\nname = "{each}"\nkind = "rpc"\nrequires = [["{each}"]]\n' for each in operations]
        + [
            f'[[scope]]\nname = "{scope}"\nimplies = {sorted(opens)}\n'
            for scope, opens in {"iam:Odd": set(), **OPENS}.items()
            if opens != {scope}
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_scope_that_permits_only_what_is_always_logged_is_watched_all_the_time(seed, tmp_path):
    rng = random.Random(seed)
    source, calls, lines = "aws_cloudtrail", [], []
    for tenant in ("a", "b", "c"):
        calls += [(source, tenant, OTHERS[source], hour) for hour in rng.sample(range(100), 4)]
        for operation in ("s3:GetObject", "iam:GetUser", "iam:CreateUser", "iam:DeleteUser"):
            if rng.random() < 0.4:
                calls += [(source, tenant, operation, hour) for hour in rng.sample(range(100), rng.randint(1, 3))]
        lines.append(
            {
                "log": "issuance",
                "source": source,
                "tenant": tenant,
                "issued_at": START.isoformat(),
                "kind": "consent",
                "outcome": "success",
                "grant_id": f"g-{tenant}",
                "client_id": "held",
                "subject_id": "ann",
                "subject_kind": "user",
                "scopes": sorted(OPENS),
                "event_id": f"consent-{tenant}",
            }
        )
    log, known = tmp_path / "log.ndjson", tmp_path / "catalogue.toml"
    log.write_text("".join(json.dumps(line) + "\n" for line in [*(call(*each) for each in calls), *lines]))
    known.write_text(catalogue())
    with Store(":memory:") as store:
        store.add(Catalogue.build("toml", known))
        assert store.load(log).failed == []
        for stretch in store.coverage():
            cut = START + timedelta(hours=rng.randrange(20, 80))
            if stretch["log"] == "usage" and stretch["covered_from"] < cut < stretch["covered_until"] - timedelta(
                hours=5
            ):
                broken(store, stretch, cut, in_part=rng.random() < 0.5)
        window = {"since": START, "until": START + timedelta(hours=100), "every_call": False}
        with worked_out(store.engine, ("granted_scope",), window):
            found = store.engine.rows(
                "SELECT tenant, scope, always_logged, in_part, lacks, exposure_days FROM granted_scope"
            )
        stretches = [row for row in store.coverage() if row["log"] == "usage" and not row["is_gap"]]
    assert {row[:2] for row in found} == {(tenant, scope) for tenant in "abc" for scope in OPENS}
    for tenant, scope, always, in_part, told, days in found:
        theirs = [(name, hour) for _, who, name, hour in calls if who == tenant]
        reads = [hour for name, hour in theirs if name == "s3:GetObject"]
        sure = bool(OPENS[scope]) and OPENS[scope] <= WRITES and any(name in WRITES for name, _ in theirs)
        full = [row for row in stretches if row["tenant"] == tenant and not row["in_part"]]

        def watched(moment, sure=sure, reads=reads, full=full):
            asked = bool(reads) and timedelta(hours=min(reads)) <= moment - START <= timedelta(hours=max(reads))
            return (sure or asked) and any(row["covered_from"] <= moment < row["covered_until"] for row in full)

        tens = sum(watched(START + timedelta(minutes=10 * number + 5)) for number in range(600))
        assert always == sure, (tenant, scope)
        assert days == pytest.approx(tens / 144, abs=1e-6), (tenant, scope)
        # A single read is watched for a microsecond.
        assert in_part == (tens == 0 and not any(watched(START + timedelta(hours=hour)) for hour in reads))
        assert told == (lacks()[source] if in_part else None)


JULY = ("2026-07-01", "2026-08-01")


def trail(account, data):
    """Write a month of an account: bob gets a key and is not seen, ada calls each day."""
    made = {"accessKey": {"accessKeyId": f"AKIABOB{account}", "userName": "bob"}}
    calls = [("CreateAccessKey", "iam", {"asked": {"userName": "bob"}, "got": made})]
    calls += [("ListBuckets", "s3", {})] * 31 + [
        ("GetObject", "s3", {"eventCategory": "Data", "managementEvent": False})
    ] * (31 * data)
    for number, (name, source, more) in enumerate(calls):
        who = aws.user(key=f"AKIAADA{account}") | {"accountId": account, "arn": f"arn:aws:iam::{account}:user/ada"}
        time, event = f"2026-07-{max(number - 1, 0) % 31 + 1:02}T10:{number % 60:02}:00Z", f"e-{account}-{number}"
        yield aws.call(name, source, who, time=time, eventID=event, recipientAccountId=account, **more)


def cluster(read):
    """Write a month of a cluster: a token is made and not seen, somebody makes a pod each day and perhaps looks at it."""
    yield token_request(time="2026-07-01T10:00:00.000001Z")
    for day in range(1, 32):
        for verb in ("create", read):
            yield request(verb, time=f"2026-07-{day:02}T09:30:00.000001Z", auditID=f"{verb}-{day}")


def stored(records, tmp_path):
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    store = gl.open(":memory:")
    loaded = store.load(log)
    assert loaded.failed == []
    assert loaded.total("rejected") == 0
    return store


def test_an_account_without_data_events_shows_of_no_key_that_it_is_unused(tmp_path):
    """A key that only reads objects made no call that was logged: it was told as "none seen" for all of its time."""
    with stored([*trail("111122223333", data=False), *trail("444455556666", data=True)], tmp_path) as store:
        rows = {
            row["tenant"]: row
            for row in gl.grants(store.between(*JULY)).table.to_pylist()
            if row["client_id"].endswith("/bob")
        }
        review = gl.review(store.between(*JULY)).to_dict()
    assert (rows["111122223333"]["use"], rows["111122223333"]["watched"]) == ("not observable", 0)
    assert rows["444455556666"]["use"] == "none seen"
    assert rows["444455556666"]["watched"] > 0.95
    said = [line for line in review["limitations"] if lacks()["aws_cloudtrail"] in line]
    assert len(said) == 1
    assert "tenant 111122223333," in said[0]
    notes = {row["tenant"]: row["notes"] for row in review["coverage"] if row["log"] == "usage"}
    assert lacks()["aws_cloudtrail"] in notes["111122223333"]
    assert lacks()["aws_cloudtrail"] not in notes["444455556666"]


def test_a_key_that_was_seen_is_told_as_before(tmp_path):
    with stored([*trail("111122223333", data=False)], tmp_path) as store:
        assert {row["use"] for row in gl.grants(store.between(*JULY)).table.to_pylist()} == {"not observable"}
        used = aws.call(
            "ListUsers", who=aws.user("bob", "AKIABOB111122223333"), time="2026-07-09T10:00:00Z", eventID="u"
        )
        (tmp_path / "more.ndjson").write_text(json.dumps(used | {"recipientAccountId": "111122223333"}) + "\n")
        store.load(tmp_path / "more.ndjson")
        assert {row["use"] for row in gl.grants(store.between(*JULY)).table.to_pylist()} == {"seen"}


@pytest.mark.parametrize(("read", "use"), [("get", "none seen"), ("list", "none seen"), ("patch", "not observable")])
def test_a_cluster_that_logs_no_reads_shows_of_no_token_that_it_is_unused(read, use, tmp_path):
    with stored(cluster(read), tmp_path) as store:
        (row,) = gl.grants(store.between(*JULY)).table.to_pylist()
    assert (row["client_id"], row["use"]) == ("system:serviceaccount:shop:robot", use)


@pytest.mark.parametrize(("data", "level"), [(True, "verdict"), (False, "bounds")])
def test_what_can_be_concluded_says_what_to_switch_on(data, level, tmp_path):
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    scoped = aws.assumed(asked={"policy": json.dumps({"Statement": [statement]})}, eventID="scoped")
    with stored([*trail("111122223333", data), scoped], tmp_path) as store:
        (source,) = held(store)
    concluded = conclude(find("PRV-3"), source.source)
    assert conclude(find("PRV-3"), source.provider).level == "verdict"
    assert (concluded.level, concluded.lacks) == (level, () if data else (lacks()["aws_cloudtrail"],))
    assert conclude(find("REV-6"), source.source).level == "verdict", "of what it does hold the log is whole"
    assert conclude(find("INT-5"), source.source).level == "verdict"


IAM = ("CreateUser", "DeleteUser", "GetUser", "CreateServiceLinkedRole")


def definition():
    """Write some of AWS's actions: one of IAM's is needed by a call of another service, too."""

    def action(name, *needs):
        return {"privilege": name, "access_level": "Write", "resource_types": {"": {"dependent_actions": list(needs)}}}

    return {
        "iam": {"prefix": "iam", "privileges": {name: action(name) for name in IAM}},
        "s3": {"prefix": "s3", "privileges": {"GetObject": action("GetObject")}},
        "es": {"prefix": "es", "privileges": {"CreateDomain": action("CreateDomain", "iam:CreateServiceLinkedRole")}},
    }


def test_of_one_session_what_changes_iam_is_judged_and_what_reads_is_not(tmp_path):
    """All that this session could do was told as not observable: its trail holds no data events, and yet each user made."""
    allowed = [*(f"iam:{name}" for name in IAM), "iam:*teUser", "iam:*", "s3:GetObject"]
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    scoped = aws.assumed(asked={"policy": json.dumps({"Statement": [statement]})}, eventID="scoped")
    known = tmp_path / "iam-definition.json"
    known.write_text(json.dumps(definition()))
    reads = [aws.call("GetObject", "s3", eventCategory="Data", eventID="read", time="2026-07-01T10:01:00Z")]
    for more, judged in (([], {"iam:CreateUser", "iam:DeleteUser", "iam:*teUser"}), (reads, set(allowed))):
        log = [*trail(aws.ACCOUNT, data=False), scoped, *more]
        with stored(log, tmp_path) as store:
            store.add(Catalogue.build("aws", known))
            window = {"since": JULY[0], "until": JULY[1], "every_call": False}
            with worked_out(store.engine, ("granted_scope",), window):
                rows = store.engine.rows(
                    "SELECT scope, in_part, lacks IS NOT NULL FROM granted_scope WHERE len(scope) > 0"
                )
        assert {scope for scope, in_part, _ in rows if not in_part} == judged
        assert {scope for scope, in_part, told in rows if in_part and told} == set(allowed) - judged
