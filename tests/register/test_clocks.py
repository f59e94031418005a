"""Clocks: what is read, what a mistake says, and what becomes of a time stamp."""

import json
from itertools import product

import pytest

from grantlens import detect
from grantlens.errors import RegisterError
from grantlens.register.clocks import Clocks
from grantlens.register.server import Servers
from grantlens.schema import LOGS
from grantlens.store import Store

TOML = """
[[clock]]
source = "okta"
error_seconds = 0.5

[[clock]]
source = "native"
log = "usage"
tenant = "acme"
error_seconds = 1
offset_seconds = -2.5
"""

CSV = """source,tenant,log,error_seconds,offset_seconds
okta,,,0.5,
native,acme,usage,1,-2.5
"""


def records(tenant=None, minute="00"):
    """Return a token that is issued, revoked, and used 3.5 seconds later."""
    told = {"tenant": tenant} if tenant else {}
    token = {"outcome": "success", "token_id": f"t{tenant}{minute}", "client_id": "c", **told}
    rows = [
        {"log": "issuance", "issued_at": f"2026-07-01T10:{minute}:00Z", "kind": "token"},
        {"log": "revocation", "revoked_at": f"2026-07-01T10:{minute}:05Z", "kind": "revoke", "target_kind": "token"},
        {"log": "usage", "used_at": f"2026-07-01T10:{minute}:08.5Z", "resource_server": "mail"},
    ]
    return "".join(json.dumps({"event_id": f"{row['log']}{tenant}{minute}"} | row | token) + "\n" for row in rows)


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="clocks.toml"):
        path = tmp_path / name
        path.write_text(text)
        return Clocks.read(path)

    return from_text


@pytest.fixture
def store(tmp_path):
    with Store(":memory:") as opened:
        for tenant in (None, "acme"):
            log = tmp_path / f"{tenant}.ndjson"
            log.write_text(records(tenant))
            opened.load(log)
        yield opened


def errors(store):
    """Return (tenant, log) -> the row of clock_error."""
    rows = store.sql("FROM clock_error").to_pylist()
    return {(row["tenant"], row["log"]): row for row in rows}


def test_toml_and_csv_say_the_same(read):
    clocks = read(TOML)
    assert clocks.rows == read(CSV, "c.csv").rows
    assert clocks.rows == (
        {"source": "okta", "tenant": None, "log": None, "error_seconds": 0.5, "offset_seconds": 0.0},
        {"source": "native", "tenant": "acme", "log": "usage", "error_seconds": 1.0, "offset_seconds": -2.5},
    )
    assert repr(clocks) == "<Clocks: native, okta>"
    assert "acme" in clocks._repr_html_()


C = "[[clock]]\nsource = 'a'\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (C + "error_second = 3\n", 3, "Did you mean 'error_seconds'"),
        (C + "error_seconds = -1\n", 3, "number of seconds"),
        (C + "error_seconds = nan\n", 3, "number of seconds"),
        (C + "error_seconds = 1\noffset_seconds = 'late'\n", 4, "number of seconds"),
        (C + "error_seconds = 1\nlog = 'use'\n", 4, "'log' cannot be 'use'"),
        (C, 1, "needs 'error_seconds'"),
        ("[[clock]]\nerror_seconds = 1\n", 1, "needs 'source'"),
        (C + "error_seconds = 1\n" + C + "error_seconds = 2\n", 5, "second time"),
    ],
)
def test_a_mistake_names_its_line(read, text, line, says):
    with pytest.raises(RegisterError) as caught:
        read(text)
    assert says in str(caught.value)
    assert f"clocks.toml line {line}: " in str(caught.value)


def test_a_file_without_a_clock_says_what_to_write(read):
    with pytest.raises(RegisterError, match="holds no clock"):
        read("")


def test_without_a_word_five_seconds_are_assumed(store):
    for row in errors(store).values():
        assert (row["assumed"], row["error_s"], row["before_s"]) == (True, 5.0, 5.0)


@pytest.mark.parametrize("said", range(1, 16))
def test_what_is_said_of_one_goes_before_what_is_said_of_all(read, store, said):
    kinds = [{}, {"log": "usage"}, {"tenant": "acme"}, {"log": "usage", "tenant": "acme"}]
    rows = [
        {"source": "native", "error_seconds": 0.1 * (place + 1), "offset_seconds": float(place)} | kind
        for place, kind in enumerate(kinds)
        if said >> place & 1
    ]
    lines = ["source,tenant,log,error_seconds,offset_seconds"] + [
        f"native,{row.get('tenant', '')},{row.get('log', '')},{row['error_seconds']},{row['offset_seconds']}"
        for row in rows
    ]
    store.add(read("\n".join(lines), "c.csv"))
    found = errors(store)
    assert set(found) == set(product([None, "acme"], LOGS))
    for (tenant, log), row in found.items():
        fitting = [r for r in rows if r.get("tenant", tenant) == tenant and r.get("log", log) == log]
        stated = max(fitting, key=lambda r: ("tenant" in r, "log" in r), default=None)
        assert row["assumed"] == (stated is None)
        error, offset = (stated["error_seconds"], stated["offset_seconds"]) if stated else (5.0, 0.0)
        grid = 0.0 if log == "usage" else 1.0
        assert (row["error_s"], row["offset_s"], row["grid_s"]) == (error, offset, grid)
        assert (row["before_s"], row["after_s"]) == (error + offset, error + grid - offset)


def test_the_entries_of_a_source_replace_its_earlier_ones(read, store):
    store.add(read(TOML))
    store.add(read('[[clock]]\nsource = "native"\nerror_seconds = 2\n'))
    told = store.sql("SELECT source, tenant, log, error_seconds FROM stated_clock ORDER BY source").to_pylist()
    assert [tuple(row.values()) for row in told] == [("native", None, None, 2.0), ("okta", None, None, 0.5)]


def test_a_later_load_leaves_what_is_stated(read, store, tmp_path):
    store.add(read('[[clock]]\nsource = "native"\nerror_seconds = 0.2\n'))
    (tmp_path / "later.ndjson").write_text(records(minute="01"))
    store.load(tmp_path / "later.ndjson")
    assert {row["error_s"] for row in errors(store).values()} == {0.2}


def test_good_clocks_prove_that_a_call_came_after_the_revocation(read, store):
    store.add(Servers(({"resource_server": "mail", "validation": "introspection"},)))

    def verdicts():
        return {row["verdict"] for row in detect.run(store, rules=["REV-1"])[0].arrow().to_pylist()}

    assert verdicts() == {"indeterminate"}
    store.add(read('[[clock]]\nsource = "native"\nerror_seconds = 1.2\n'))
    assert verdicts() == {"violation"}  # 3.5 s apart, 1.2 s on either side and a second of the revocation's stamp
    store.add(read('[[clock]]\nsource = "native"\nerror_seconds = 1.3\n'))
    assert verdicts() == {"indeterminate"}


@pytest.mark.parametrize(
    ("stated", "offset"),
    [
        ("", -30.0),
        ("error_seconds = 1", -30.0),  # of the issuance alone, which says nothing of how far it is ahead
        ("error_seconds = 1\noffset_seconds = 10", -20.0),
        ("error_seconds = 1\noffset_seconds = 30", 0.0),
        ("error_seconds = 1\noffset_seconds = 40", 0.0),
    ],
)
def test_what_the_issuance_clock_is_stated_to_be_ahead_the_usage_clock_is_not_behind(read, tmp_path, stated, offset):
    rows = []
    for name in ("a", "b", "c", "d", "e"):  # each used half a minute before its issue
        token = {"token_id": name, "client_id": "c", "outcome": "success"}
        rows.append({"log": "issuance", "issued_at": "2026-07-01T10:01:00Z", "kind": "token", **token})
        rows.append({"log": "usage", "used_at": "2026-07-01T10:00:30Z", "resource_server": "mail", **token})
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps({**row, "event_id": str(number)}) + "\n" for number, row in enumerate(rows)))
    with Store(":memory:") as store:
        store.load(log)
        if stated:
            store.add(read(f'[[clock]]\nsource = "native"\nlog = "issuance"\n{stated}\n'))
        told = errors(store)[None, "usage"]
        assert (told["offset_s"], told["assumed"]) == (offset, True)
        assert told["before_s"] == told["error_s"] + offset
