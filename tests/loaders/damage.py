"""Records with things wrong with them, and the account that must hold whatever a loader is given."""

import copy
import json

from hypothesis import strategies as st

VALUES = [
    *(None, "", "x", "x" * 5000, "null", 0, 7, -1, -1.5, 1.5e300, 2**63, 2**64, 10**30, "9" * 40, True),
    *([], {}, [None], ["x"], [[{}]], [[["deep"]]], {"x": 1}, {"": {"a": None}}, "[]", '["', '{"a": 1}', '{"a":'),
    *("2026-13-45T99:99:99Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "-infinity", "infinity", "epoch"),
    *("'; DROP TABLE usage; --", "$token_key", "%", "\x00", "\u202e\u0007\x1b[31mred'", "\ud83d\ude00"),
    *("</script><img src=x onerror=alert(1)>", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
]
"""What stands for a value."""


def places(value):
    """Return (container, key) of everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in ((value, key), *places(part))]


def damaged(record, chance):
    """Return a copy of the record with up to four things wrong with it."""
    record = copy.deepcopy(record)
    for _ in range(chance.randint(0, 4)):
        if not (spots := places(record)):
            break
        container, key = chance.choice(spots)
        how = chance.choice(("drop", "retype", "retype", "nest", "repeat", "case"))
        if how == "drop":
            del container[key]
        elif how == "retype":
            container[key] = copy.deepcopy(chance.choice(VALUES))
        elif how == "nest":
            container[key] = chance.choice(({"value": container[key]}, [container[key]], json.dumps(container[key])))
        elif how == "repeat":
            other, there = chance.choice(spots)
            container[key] = copy.deepcopy(other[there])
        elif isinstance(container, dict):
            container[chance.choice((key.upper(), key.lower(), f" {key}"))] = container.pop(key)
    return record


def damaged_line(line, chance):
    """Return the line with its record damaged, and sometimes cut, joined or bent itself."""
    try:
        record = json.loads(line)
    except ValueError:
        return _bent(line, chance)
    text = json.dumps(damaged(record, chance))
    return _bent(text, chance) if chance.random() < 0.15 else text


def lists_of_damaged(records, how=damaged):
    """Return the strategy that draws files of damaged records, or of damaged lines."""
    each = st.builds(how, st.sampled_from(records), st.randoms(use_true_random=False))
    return st.lists(each, min_size=20, max_size=60)


def assert_accounted_for(loaded):
    """Assert that each record is a row, ignored, rejected or a duplicate, and that the batch says of each how many there are."""
    touched = {row["line_no"] for rows in loaded.rows.values() for row in rows}
    refused = {row["line_no"] for row in loaded.rejected}
    ignored = sum(loaded.ignored.values())
    told = {log: len(rows) for log, rows in loaded.rows.items()} | {"rejected": len(refused), "ignored": ignored}
    assert {name: loaded.batch[name] for name in told} == told
    assert not touched & refused
    assert all(row["reason"] for row in loaded.rejected)
    missing = loaded.batch["records"] - len(touched) - len(refused) - ignored
    assert 0 <= missing <= loaded.batch["duplicates"], "a record went without a trace"


def assert_all_accounted_for(load, records, loader, **settings):
    """Load records of known kinds and assert that all are accounted for, none of them as unknown."""
    loaded = load(records, loader=loader, **settings)
    assert loaded.batch["records"] == len(records)
    assert_accounted_for(loaded)
    assert not [row for row in loaded.rejected if row["reason"] == "not mapped"]


def _bent(line, chance):
    at = chance.randint(0, len(line))
    return chance.choice((line[:at], line[at:], line + line, line[:at] + chance.choice('"{}[],:\\') + line[at:], line))
