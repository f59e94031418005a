"""Records with values dropped or of another type, and the account that must hold whatever a loader is given."""

import copy

from hypothesis import strategies as st

ODD = [
    *(..., None, "", "x", 7, -1.5, True, [], {}, [None], ["x"], {"x": 1}, [[{}]], 10**30, "9" * 40),
    *("\u202e\x1b[31m'", "2026-02-30T99:00:00Z", "infinity", "%", '{"a":', '["', "null", "\x00"),
]
"""What stands for a value; `...` takes it away."""


def paths_of(value, path=()):
    """Yield the path of every value inside a record."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inner:
        yield from paths_of(below, (*path, name))


def replaced(record, path, value):
    """Return a copy with one value replaced, or taken away where `value` is `...`."""
    changed = copy.deepcopy(record)
    place = changed
    for name in path[:-1]:
        place = place[name]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


@st.composite
def damaged(draw, records):
    """Draw one of the records with one to three values dropped, of another type, or swapped with another value."""
    record = draw(st.sampled_from(records))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(paths_of(record))
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        other = record
        for name in draw(st.sampled_from(paths)):
            other = other[name]
        record = replaced(record, path, draw(st.sampled_from([*ODD, other])))
    return record


def lists_of_damaged(records):
    """Return the strategy that draws files of damaged records."""
    return st.lists(damaged(records), min_size=20, max_size=60)


def assert_all_accounted_for(load, records, loader):
    """Load the records and assert that each is a row, ignored, rejected or a duplicate, and no two of these."""
    loaded = load(records, loader=loader)
    touched = {row["line_no"] for rows in loaded.rows.values() for row in rows}
    refused = {row["line_no"] for row in loaded.rejected}
    assert not touched & refused
    assert loaded.batch["records"] == len(records)
    assert loaded.batch["rejected"] == len(refused)
    assert loaded.batch["ignored"] == sum(loaded.ignored.values())
    missing = len(records) - len(touched) - len(refused) - sum(loaded.ignored.values())
    assert 0 <= missing <= loaded.batch["duplicates"]
    unmapped = [row for row in loaded.rejected if row["reason"] == "not mapped"]
    assert not unmapped
