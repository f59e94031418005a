"""INT-6 beside plain Python, in the simulated company with a clock that was put back, and what is to be typed about it."""

import json
import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens import detect
from grantlens.loaders import loaders
from grantlens.register.clocks import Clocks
from grantlens.rule.example import token, use
from grantlens.rules.clock_skew import pairs
from grantlens.schema.register import STATED_CLOCK
from grantlens.store import Store

BEGIN = datetime(2026, 7, 10, 8, tzinfo=UTC)
SINCE, UNTIL = 3600, 4 * 3600  # after BEGIN, in seconds
TENANTS = (None, "one", 'tw"o')
KINDS = (
    *({"kind": "token"},) * 6,
    {"kind": "exchange", "parent_token_id": "p"},
    {"kind": "refresh", "parent_token_id": "p"},
    {"kind": "refresh"},
    {"kind": "credential"},
    {"kind": "consent"},
    {"kind": "token", "outcome": "denied"},
)
CALL = "GET /v1/messages/7"


def iso(second):
    return (BEGIN + timedelta(microseconds=round(second * 1e6))).isoformat()


def world(rng):
    """Return records, and what is stated of their clocks: each hour has a shift, some tokens are odd, some ids come again."""
    records = []
    shift = rng.choice((0, -4, -10.5, -11, -12, -30, -30, -300, -3590, -5 * 3600 + 7))
    share = rng.choice((0.2, 0.5, 0.8, 1, 1))
    parts = rng.choice(((0,), (0, 0.25)))
    waits = rng.choice(((0,), (0, 1, 2), (0, 5, 60, 600)))
    tenants = rng.choice(((None,), TENANTS[:2], TENANTS))
    for hour in range(rng.choice((1, 2, 5))):
        behind = shift if rng.random() < share else rng.choice((0, shift / 2))
        for number in range(rng.choice((3, 5, 6, 12))):
            name = f"t{hour}-{number}"
            issued = hour * 3600 + rng.choice((rng.randrange(3600), 3599))
            tenant = rng.choice(tenants)
            records.append(
                token("10 09:00", name, None, **{**rng.choice(KINDS), "issued_at": iso(issued), "tenant": tenant})
            )
            if rng.random() < 0.1:  # the id again, of whichever tenant
                records.append(
                    token(
                        "10 09:00",
                        name,
                        None,
                        issued_at=iso(issued + rng.choice((-900, 0, 900, 40000))),
                        tenant=rng.choice(tenants),
                    )
                )
            for _ in range(rng.choice((0, 1, 1, 1, 2))):
                used = issued + rng.choice(waits) + (behind if rng.random() < 0.9 else 0) + rng.choice(parts)
                server = rng.choice(("mail.example", "files.example"))
                records.append(
                    use(
                        "10 09:00",
                        CALL,
                        name,
                        server,
                        used_at=iso(used),
                        tenant=rng.choice((tenant, tenant, tenant, *tenants)),
                    )
                )
    # A usage stream of which no token is known has no clock to be judged.
    records = [{**record, "event_id": f"e{number:04}"} for number, record in enumerate(records)]
    stated = []
    for log in (None, "usage", "issuance"):
        for tenant in (None, "one"):
            if rng.random() < 0.15:
                stated.append(
                    {"source": "own", "log": log, "tenant": tenant, "error_seconds": rng.choice((0.5, 5.0, 20.0)),
                     "offset_seconds": rng.choice((0.0, shift / 2, float(shift), 30.0))}
                )  # fmt: skip
    return records, [dict.fromkeys(STATED_CLOCK.names) | row for row in stated]


def quantile(values, share):
    values = sorted(values)
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def seconds(text):
    return (datetime.fromisoformat(text) - BEGIN) / timedelta(microseconds=1) / 1e6


def causal(records, keys_begin):
    """Return {tenant of the calls: [(token, used, issue record, first call records)]} of tokens whose making is logged."""
    issues, uses = defaultdict(list), defaultdict(list)
    for record in records:
        if record["log"] == "usage":
            uses[record.get("tenant"), record["token_id"]].append(record)
        elif record["outcome"] == "success" and record["kind"] != "consent":
            issues[record["token_id"]].append(record)
    found = defaultdict(list)
    for (tenant, name), calls in uses.items():
        own = [each for each in issues[name] if None in (tenant, each.get("tenant")) or each["tenant"] == tenant]
        if not own:
            continue
        first = min(own, key=lambda each: (seconds(each["issued_at"]), each["event_id"]))
        if first["kind"] == "credential" and not keys_begin:
            continue
        if first["kind"] == "refresh" and first.get("parent_token_id", name) == name:
            continue
        used = min(seconds(call["used_at"]) for call in calls)
        found[tenant].append((name, used, first, [c["event_id"] for c in calls if seconds(c["used_at"]) == used]))
    return found


def judged(told):
    """Return hours, hours behind, offset and spread of [(issued, apart, inverted)]."""
    hours = defaultdict(list)
    for issued, _, inverted in told:
        hours[issued // 3600].append(inverted)
    telling = [sum(each) > len(each) / 2 for each in hours.values() if len(each) >= 5]
    less = [apart for _, apart, _ in told if apart < 0]
    if not less:
        return len(telling), sum(telling), None, None
    low, high = quantile(less, 0.25), quantile(less, 0.75)
    kept = [apart for apart in less if apart >= low - 3 * (high - low) - 10]
    offset = quantile(kept, 0.05)
    return len(telling), sum(telling), offset, quantile(kept, 0.5) - offset


def stated_of(stated, tenant, log):
    rows = [row for row in stated if row["tenant"] in (None, tenant) and row["log"] in (None, log)]
    rows.sort(key=lambda row: (row["tenant"] is None, row["log"] is None))
    return (rows[0]["error_seconds"], rows[0]["offset_seconds"]) if rows else None


def oracle(records, stated, keys_begin, window):
    since, until = window
    answers = {}
    for tenant, found in causal(records, keys_begin).items():
        grid = all(seconds(r["used_at"]) % 1 == 0 for r in records if r["log"] == "usage" and r.get("tenant") == tenant)
        # What is applied is estimated over all that there is, whatever is stated.
        every = [(seconds(first["issued_at"]), used - seconds(first["issued_at"])) for _, used, first, _ in found]
        hours, behind, offset, spread = judged([(issued, apart, apart < -10 - grid) for issued, apart in every])
        mine, issuance = stated_of(stated, tenant, "usage"), stated_of(stated, tenant, "issuance")
        now_error, now_offset = mine or (5.0, 0.0)
        if not mine and behind > hours / 2:
            now_error, now_offset = 5 + spread, min(0, offset + (issuance[1] if issuance else 0))
        applied = not mine and now_offset < 0
        error, own_offset = mine or (5.0, 0.0)
        told, inverted, still, any_issuance_stated = [], [], 0, False
        for name, used, first, calls in found:
            issued = seconds(first["issued_at"])
            if used < since or max(used, issued) >= until:
                continue
            theirs = stated_of(stated, first.get("tenant"), "issuance")
            their_error, their_offset = theirs or (5.0, 0.0)
            any_issuance_stated |= theirs is not None
            apart = round(used - issued - own_offset + their_offset, 9)
            odd = apart < -error - their_error - grid
            told.append((issued, apart, odd))
            still += round(used - issued - now_offset + their_offset, 9) < -now_error - their_error - grid
            if odd:
                inverted.append((name, used, first["event_id"], calls))
        if not inverted:
            continue
        hours, behind, offset, spread = judged(told)
        agreed = behind > hours / 2
        half_hours = round(offset / 1800)
        zone = half_hours / 2 if abs(offset - 1800 * half_hours) <= 60 and 1 <= abs(half_hours) <= 28 else None
        answers[tenant] = {
            "verdict": "violation" if agreed or applied else "indeterminate",
            "severity": "low" if agreed and not applied else "info",
            "events": 2 * len(inverted),
            "first": min(used for _, used, _, _ in inverted),
            "last": max(used for _, used, _, _ in inverted),
            "issues": {event for _, _, event, _ in inverted},
            "calls": {min(calls) for _, _, _, calls in inverted},
            "offset_s": pytest.approx(offset, abs=2e-6),
            "applied": applied,
            "pairs": len(told),
            "inverted": len(inverted),
            "still_inverted": still,
            "hours_told": hours,
            "hours_behind": behind,
            "earliest_before_issue_s": pytest.approx(-min(apart for _, apart, _ in told), abs=2e-6),
            "latest_before_issue_s": pytest.approx(-max(apart for _, apart, odd in told if odd), abs=2e-6),
            "stated": mine is not None or any_issuance_stated,
            "zone_hours": zone,
            "entry": zone is None and bool(agreed or applied or (hours == 0 and len(told) == len(inverted))),
        }
    return answers


def answer(store, window):
    (found,) = detect.run(store, ["INT-6"], since=iso(window[0]), until=iso(window[1]), evidence="all")
    answers = {}
    for row in found.to_dicts():
        detail, events = row["detail"], {pointer["event_id"] for pointer in row["evidence"]}
        names = {
            "offset_s",
            "applied",
            "pairs",
            "inverted",
            "still_inverted",
            "hours_told",
            "hours_behind",
            "stated",
            "zone_hours",
        }
        names |= {"earliest_before_issue_s", "latest_before_issue_s"}
        answers[row["source"], row["tenant"]] = {
            "verdict": row["verdict"],
            "severity": row["severity"],
            "events": row["events"],
            "first": seconds(row["first_seen"]),
            "last": seconds(row["last_seen"]),
            "evidence": events,
            **{name: detail[name] for name in names},
            "entry": detail["clock_entry"] is not None,
        }
        assert (detail["reason"] is None) == (row["verdict"] == "violation")
        assert (detail["not_applied"] is None) == detail["applied"]
    return answers


@settings(max_examples=6)
@given(seed=st.integers(0, 10**9))
def test_beside_plain_python(tmp_path_factory, seed):
    """Eight worlds side by side, each a source; of one the loader says that a key begins with its first record."""
    rng = random.Random(seed)
    window = rng.choice(((SINCE, UNTIL), (-(10**6), 10**6)))
    folder = tmp_path_factory.mktemp("skew")
    expected = {}
    with Store(":memory:") as store:
        clocks = []
        for number in range(8):
            source = f"w{number}"
            records, stated = world(rng)
            path = folder / f"{source}.ndjson"
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
            own = replace(loaders()["native"], name=source, dialect=None, keys_begin=not number)
            assert store.load(path, loader=own).total("rejected") == 0
            clocks += [{**row, "source": source} for row in stated]
            for tenant, told in oracle(records, stated, not number, window).items():
                told["evidence"] = told.pop("issues") | told.pop("calls")
                expected[source, tenant] = told
        if clocks:
            store.add(Clocks(tuple(clocks)))
        told = answer(store, window)
    assert told == expected


def stated(store, tmp_path, text):
    path = tmp_path / "clocks.toml"
    path.write_text(text)
    store.add(Clocks.read(path))


def found(store, **window):
    return detect.run(store, ["INT-6"], **window)[0].to_dicts()


@pytest.fixture
def behind(desk):
    """Return a store of one tenant, with a quote in its name, whose usage clock runs half a minute behind."""
    with desk.store(desk.write("log.ndjson", pairs(*[-30] * 6, tenant='a"b\\c\n'))) as store:
        yield store


def test_what_it_says_to_state_sets_the_clock_right(behind, tmp_path):
    (finding,) = found(behind)
    assert finding["verdict"] == "violation"
    stated(behind, tmp_path, finding["detail"]["clock_entry"])
    (row,) = behind.sql("FROM stated_clock").to_pylist()
    assert row == {
        "source": "native", "tenant": 'a"b\\c\n', "log": "usage", "error_seconds": 5.0, "offset_seconds": -30.0,
    }  # fmt: skip
    assert found(behind) == []


@pytest.mark.parametrize("log", ["usage", "issuance"])
@pytest.mark.parametrize(("offset", "left"), [(30, None), (20, None), (18, 12.0), (-30, 60.0)])
def test_what_is_stated_of_either_clock_counts_and_is_contradicted(behind, tmp_path, log, offset, left):
    signed = -offset if log == "usage" else offset
    stated(
        behind,
        tmp_path,
        f'[[clock]]\nsource = "native"\nlog = "{log}"\nerror_seconds = 5\noffset_seconds = {signed}\n',
    )
    told = found(behind)
    if left is None:
        assert told == []
        return
    (finding,) = told
    assert finding["verdict"] == "violation"
    assert finding["title"].endswith(f"is {left} s behind its issuance, against what was stated of its clock")
    detail = finding["detail"]
    assert (detail["stated"], detail["offset_s"]) == (True, -left)
    # An estimate that is applied is that of the usage clock alone.
    assert (detail["applied"], finding["severity"]) == ((False, "low") if log == "usage" else (True, "info"))
    if log == "usage":
        assert detail["not_applied"] == "what the organisation states of a clock goes before what is estimated"
        stated(behind, tmp_path, detail["clock_entry"])
        assert found(behind) == []


def test_a_window_whose_hours_agree_among_more_that_do_not(desk):
    records = (*pairs(*[-30] * 5), *pairs(*[30] * 5, first=60), *pairs(*[30] * 5, first=120))
    with desk.store(desk.write("log.ndjson", records)) as store:
        (finding,) = found(store, until="2026-07-10T10:30:00Z")
        assert (finding["verdict"], finding["severity"]) == ("violation", "low")
        assert finding["detail"]["not_applied"] == "over all that the logs hold, most hours that can tell do not agree"
        assert found(store, since="2026-07-10T10:30:00Z") == []


@pytest.mark.parametrize(
    ("apart", "hours"),
    [(-1800, -0.5), (-1741, -0.5), (-1739, None), (-1861, None), (-50400, -14.0), (-52200, None), (-59, None)],
)
def test_whole_and_half_hours_are_a_time_zone(desk, apart, hours):
    with desk.store(desk.write("log.ndjson", pairs(*[apart] * 5))) as store:
        (finding,) = found(store)
    assert finding["detail"]["zone_hours"] == hours
    assert ("a wrong time zone" in finding["title"]) is (hours is not None)
    assert (finding["detail"]["clock_entry"] is None) is (hours is not None)


def test_many_tokens_are_pointed_to_by_the_first_calls_and_the_last_issues(desk):
    with desk.store(desk.write("log.ndjson", pairs(*[-30] * 25))) as store:
        (finding,) = found(store)
    assert (finding["events"], len(finding["evidence"])) == (50, 20)
    lines = {pointer["line"] for pointer in finding["evidence"]}
    assert lines == {*range(2, 21, 2), *range(31, 50, 2)}


def test_a_first_call_that_was_forgotten_is_no_evidence_any_more(desk):
    records = (*pairs(*[-30] * 5), *(use("12 10:00", CALL, f"t{number}") for number in range(5)))
    with desk.store(desk.write("log.ndjson", records)) as store:
        assert found(store)[0]["events"] == 10
        store.engine.execute("DELETE FROM usage_row WHERE used_at < TIMESTAMPTZ '2026-07-11T00:00:00Z'")
        (finding,) = found(store, since="2026-07-01")
    assert (finding["events"], len(finding["evidence"])) == (5, 5)


@pytest.mark.parametrize(("behind_s", "zone"), [(0, None), (600, None), (7200, -2.0)])
def test_the_simulated_company_with_a_clock_that_was_put_back(sample_file, tmp_path, behind_s, zone):
    """No clock of the company is wrong, but for that of its labs; here the one behind its usage log is, by so much."""
    import grantlens as gl

    with gl.open(sample_file, read_only=True) as store:
        store.export(tmp_path / "all.ndjson")
    records = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    own = [record for record in records if record["source"] == "native" and record["tenant"] != "brightwater-labs"]
    for record in own:
        if record["log"] == "usage":
            used = datetime.fromisoformat(record["used_at"]) - timedelta(seconds=behind_s)
            record["used_at"] = used.isoformat()
    (tmp_path / "own.ndjson").write_text("".join(json.dumps(record) + "\n" for record in own))
    with Store(":memory:") as store:
        store.load(tmp_path / "own.ndjson")
        told = found(store)
    if not behind_s:
        assert told == []
        return
    (finding,) = told
    detail = finding["detail"]
    assert (finding["verdict"], detail["applied"], detail["zone_hours"]) == ("violation", True, zone)
    # Tokens wait a little for their use, so that the clock looks better than it is, and never worse.
    assert -behind_s <= detail["offset_s"] <= -behind_s + 30
