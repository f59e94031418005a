"""Bulk mode says what is true of it: counted once more from the files."""

import json
from collections import defaultdict
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from grantlens.simulate.__main__ import main
from grantlens.simulate.apis import OPERATIONS
from grantlens.simulate.bulk import bulk
from grantlens.simulate.bulk.drawn import draw

CALLS = 30_000


def rows(path, pattern):
    return [
        json.loads(line)
        for file in sorted(path.glob(pattern))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    path = tmp_path_factory.mktemp("bulk")
    truth = bulk(path, CALLS, seed=3, files=3)
    return truth, *(rows(path / "logs", f"{log}*.ndjson") for log in ("issuance", "usage", "revocation"))


def label(call):
    if "operation" in call:
        return call["operation"]
    for op in OPERATIONS:
        if op.server == call["resource_server"] and op.method == call["method"]:
            want, have = op.template.split("/"), call["target"].split("/")
            if len(want) == len(have) and all(w == h or w.startswith("{") for w, h in zip(want, have, strict=True)):
                return op.label
    raise AssertionError(call)


def test_rows(native):
    truth, issuance, usage, revocation = native
    assert (len(issuance), len(usage), len(revocation)) == (truth["issuance"], truth["usage"], truth["revocation"])
    assert truth["usage"] == CALLS
    for log in (issuance, usage, revocation):
        assert len({row["event_id"] for row in log}) == len(log)
    times = [row["used_at"] for row in usage]
    assert times == sorted(times)


def test_out_of_scope_and_unused(native):
    truth, issuance, usage, _ = native
    needs = {(op.server, op.label): set(op.scopes) for op in OPERATIONS}
    granted = {row["client_id"]: set(row["scopes"]) for row in issuance if row["kind"] == "consent"}
    beyond, used = set(), defaultdict(set)
    for call in usage:
        if call["outcome"] == "success":
            need = needs[call["resource_server"], label(call)]
            used[call["client_id"]] |= need
            if not need <= granted[call["client_id"]]:
                beyond.add((call["client_id"], label(call)))
    assert len(beyond) == truth["OOS-1"] > 0
    assert sum(len(granted[client] - used[client]) for client in granted) == truth["PRV-1 unused"] > 0


def test_use_after_revocation(native):
    truth, _, usage, revocation = native
    ended = {row["token_id"]: datetime.fromisoformat(row["revoked_at"]) for row in revocation}
    after, tried = set(), set()
    for call in usage:
        seconds = 0.0
        if call["token_id"] in ended:
            seconds = (datetime.fromisoformat(call["used_at"]) - ended[call["token_id"]]).total_seconds()
            assert abs(seconds) > 11
        if seconds > 0:
            tried.add(call["token_id"])
            if call["outcome"] == "success":
                after.add(call["token_id"])
    assert len(after) == truth["REV-1"] > 0
    assert len(ended) - len(tried) == truth["REV-6"]


def test_calls_lie_in_the_life_of_their_token(native):
    _, issuance, usage, _ = native
    life = {row["token_id"]: (row["issued_at"], row["expires_at"]) for row in issuance if row["kind"] == "token"}
    assert all(life[call["token_id"]][0] < call["used_at"] < life[call["token_id"]][1] for call in usage)


def test_parquet_holds_the_same(native, tmp_path):
    truth, issuance, usage, revocation = native
    assert bulk(tmp_path, CALLS, seed=3, form="parquet", files=3) == truth
    for log, lines in {"issuance": issuance, "revocation": revocation, "usage": usage}.items():
        table = [row for file in sorted((tmp_path / "logs").glob(f"{log}*")) for row in pq.read_table(file).to_pylist()]
        assert len(table) == len(lines)
        for stored, line in zip(table[::97], lines[::97], strict=True):
            plain = {
                name: value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                if isinstance(value, datetime)
                else value
                for name, value in stored.items()
                if value is not None
            }
            assert plain == {name: value for name, value in line.items() if name != "ip"}


def test_graph_activity_joins_its_sign_ins(tmp_path):
    main([str(tmp_path), "--usage", "2000", "--form", "graph", "--seed", "3"])
    calls = [row["properties"] for row in rows(tmp_path / "logs", "graph-activity*")]
    tokens = {row["properties"]["uniqueTokenIdentifier"] for row in rows(tmp_path / "logs", "signins*")}
    assert len(calls) == 2000
    assert {call["signInActivityId"] for call in calls} <= tokens


def test_same_seed_same_calls():
    one, two, other = draw(5000, seed=1), draw(5000, seed=1), draw(5000, seed=2)
    assert (one.call_time == two.call_time).all()
    assert (one.call_op == two.call_op).all()
    assert not (one.call_time == other.call_time).all()
