"""What the rules find rests on what the logs say: not on the order of the records, the names of the ids, or the year.

And of less evidence, that is known to be less, they tell no more.
"""

import hashlib
import json
import random
import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import grantlens as gl
from grantlens.store import Store

SAMPLES = Path("data/samples")
WINDOW = ("2026-07-01", "2026-10-01", "2026-10-02")
LATER = timedelta(weeks=52)  # the rhythm of the week stays
IDS = (
    *("token_id", "grant_id", "parent_token_id", "session_id", "client_id", "subject_id", "consent_actor", "actor_id", "actor_chain", "may_act"),
    *("earlier_keys", "cnf_jkt", "dpop_jkt", "tool_call_id", "event_id"),
)  # fmt: skip
TIME = re.compile(r"\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?\b|\b\d{4}-\d\d-\d\d\b")


def later(text):
    """Return a text with all its times a year later."""
    return TIME.sub(lambda told: moved(told[0]), text)


def moved(told):
    if "T" not in told:
        return (date.fromisoformat(told) + LATER).isoformat()
    return (datetime.fromisoformat(told) + LATER).isoformat().replace("+00:00", "Z")


def ids_of(rows):
    """Return the ids that stand in no other column: a name of a server is that of its catalogue, too."""
    found, elsewhere = set(), set()
    for row in rows:
        for name, value in row.items():
            values = value if isinstance(value, list) else [value]
            (found if name in IDS else elsewhere).update(each for each in values if isinstance(each, str))
    return found - elsewhere


def renamed(value, names):
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def add_told(store, folder):
    store.add(gl.Catalogue.read(SAMPLES / "catalogue.toml"), gl.Register.read(folder / "register.toml"))
    store.add(gl.Servers.read(folder / "servers.toml"), gl.Decisions.read(folder / "decisions.toml"))


def findings(store, window, told=lambda name: name, earlier=timedelta()):
    rows = (row for found in gl.detect.run(store.between(*window)) for row in found)
    return Counter(
        (
            row["rule"], row["verdict"], row["severity"], row["explained_by"], row["operation"], row["events"], row["join_key"],
            *(told(row[name]) for name in ("client_id", "subject_id", "grant_id", "token_id")),
            str(sorted(row["scopes"])), row["first_seen"] - earlier, row["last_seen"] - earlier, row["coverage"]["share"],
        )
        for row in rows
    )  # fmt: skip


def test_neither_the_order_of_records_nor_the_names_of_ids_nor_the_year_matters(sample_store, tmp_path):
    (written,) = sample_store.export(tmp_path / "all.ndjson")
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    covered = rows[0].pop("covered")
    names = {
        each: f"{'derived:' if each.startswith('derived:') else ''}n{hashlib.sha256(each.encode()).hexdigest()[:12]}"
        for each in ids_of(rows)
    }
    former = {new: each for each, new in names.items()}
    assert len(former) == len(names) > 1000

    random.Random(7).shuffle(rows)
    rows = [{name: renamed(value, names) if name in IDS else value for name, value in row.items()} for row in rows]
    rows[0]["covered"] = covered
    (tmp_path / "other.ndjson").write_text("".join(later(json.dumps(row)) + "\n" for row in rows))
    for name in ("register.toml", "servers.toml", "decisions.toml"):
        text = re.sub(r'"([^"\n]*)"', lambda told: json.dumps(renamed(told[1], names)), (SAMPLES / name).read_text())
        (tmp_path / name).write_text(later(text))

    with Store(":memory:") as store:
        assert store.load(tmp_path / "other.ndjson").total("rejected") == 0
        add_told(store, tmp_path)
        found = findings(store, [moved(each) for each in WINDOW], lambda name: former.get(name, name), LATER)
    expected = findings(sample_store, WINDOW)
    assert found - expected == expected - found == Counter()
    assert len(expected) > 100


def accused(store):
    """Return of each violation the rule, and who is accused: which token of several is named may differ."""
    rows = (row for found in gl.detect.run(store.between(*WINDOW)) for row in found.only("violation"))
    return {(row["rule"], row["source"], row["client_id"], row["subject_id"]) for row in rows}


# A log that shows only some of what there is anyway, as AWS's of what it issues, is not known to be less.
@pytest.mark.parametrize("share", [0, 0.1, 0.5])
@pytest.mark.parametrize("log", ["issuance", "usage", "revocation"])
def test_a_log_that_is_shown_in_part_accuses_nobody_whom_the_whole_does_not_accuse(sample_store, tmp_path, log, share):
    (written,) = sample_store.export(tmp_path / "all.ndjson")
    rows = [json.loads(line) for line in written.read_text().splitlines()]
    covered = rows[0].pop("covered")
    shown = {each["source"] for each in covered if each["log"] == log}
    covered = [each for each in covered if each["log"] != log]
    chance = random.Random(1)
    part = [row for row in rows if row["log"] != log or row["source"] not in shown or chance.random() < share]
    part[0]["covered"] = covered
    (tmp_path / "part.ndjson").write_text("".join(json.dumps(row) + "\n" for row in part))
    with Store(":memory:") as store:
        store.load(tmp_path / "part.ndjson")
        add_told(store, SAMPLES)
        told = accused(store)
    whole = accused(sample_store)
    assert told - whole == set()
    assert len(told & whole) > 20
