"""Tables for people, records for programs."""

import csv
import io
import json
import os
import pty
import subprocess
import sys

import pytest
from rich.cells import cell_len

from grantlens.cli.output import _beside, write_records
from tests.cli.conftest import drained

RECORDS = [
    {
        "rule": "OOS-1",
        "severity": "high",
        "client_id": "mail \x1b[31mred",
        "events": 12,
        "scopes": ["a", "b"],
        "seen": "2026-07-01T10:00:00Z",
        "note": None,
    },
    {
        "rule": "REV-1",
        "severity": "critical",
        "client_id": "=cmd",
        "events": 3,
        "scopes": [],
        "seen": "2026-07-02T10:00:00.5Z",
        "note": None,
    },
]


def test_a_table_is_aligned_plain_text(capsys):
    write_records(RECORDS, "table")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["rule", "severity", "client", "id", "events", "scopes", "seen"]
    assert len({line.index(word) for line, word in zip(lines, ("seen", "2026-07-01", "2026-07-02"), strict=True)}) == 1
    assert "2026-07-02 10:00:00" in lines[2]
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)


def test_numbers_stand_right(capsys):
    write_records(RECORDS, "table", columns=["events"])
    assert capsys.readouterr().out.splitlines() == ["events", "    12", "     3"]


def test_a_yes_is_a_word_a_no_is_nothing_and_a_nought_is_a_number(capsys):
    write_records([{"log": "usage", "gap": True, "part": False, "rows": 0}, {"log": "issuance", "gap": False}], "table")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["log", "gap", "rows"], ["usage", "yes", "0"], ["issuance"]]


def test_nothing_is_a_sentence_in_a_table_and_an_empty_list_in_json(capsys):
    write_records([], "table", empty="Nothing in July.")
    assert capsys.readouterr().out == "Nothing in July.\n"
    write_records([], "json")
    assert json.loads(capsys.readouterr().out) == []
    write_records([], "ndjson")
    assert capsys.readouterr().out == ""
    write_records([], "csv", columns=["rule"])
    assert capsys.readouterr().out == "rule\n"


def test_programs_get_every_key(capsys):
    write_records(RECORDS, "json", columns=["rule"])
    assert json.loads(capsys.readouterr().out) == RECORDS
    write_records(RECORDS, "ndjson", columns=["rule"])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == RECORDS
    write_records(RECORDS, "csv", columns=["rule"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == list(RECORDS[0])
    assert (rows[1]["client_id"], rows[0]["scopes"], rows[0]["note"]) == ("'=cmd", "a;b", "")


PROGRAM = """
from grantlens.cli.output import write_records
write_records(
    [
        {
            "rule": "REV-1",
            "severity": "critical",
            "client_id": "mail-copilot@apps.example",
            "title": "漢字 used it " * 9 + "x" * 99,
            "first_seen": "2026-07-01T10:00:00Z",
            "events": 7,
        }
    ],
    "table",
)
"""


def on_a_terminal(environment: dict[str, str], program: str = PROGRAM) -> str:
    """Run a program, the one above if none is given, on a terminal 60 columns wide."""
    import fcntl
    import struct
    import termios

    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    subprocess.run(
        [sys.executable, "-c", program], stdout=theirs, check=True, env={**clean, "TERM": "xterm", **environment}
    )
    os.close(theirs)
    return drained(mine)


def test_a_terminal_gets_its_width_and_colours():
    text = on_a_terminal({})
    assert "\x1b[1;31mcritical\x1b[0m" in text
    plain = text.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    assert max(map(cell_len, plain.splitlines())) <= 60


def test_a_terminal_that_is_too_narrow_gets_the_widest_columns_below_and_nothing_cut():
    text = on_a_terminal({"NO_COLOR": "1"})
    heading, first, *below = text.splitlines()
    assert heading.split() == ["rule", "severity", "first", "seen", "events"]
    assert first.split() == ["REV-1", "critical", "2026-07-01", "10:00:00", "7"]
    assert below[0] == "  client id: mail-copilot@apps.example"
    told = " ".join(line.removeprefix("  ") for line in below[1:])
    assert told.replace(" ", "") == "title:" + "漢字usedit" * 9 + "x" * 99


def test_the_last_column_is_wrapped_in_its_place_if_there_is_room_for_words():
    words = [{"rule": "REV-1", "question": "Which tokens still worked after they were revoked, and for how long?"}]
    program = f"from grantlens.cli.output import write_records\nwrite_records({words!r}, 'table')"
    assert on_a_terminal({}, program).splitlines() == [
        "rule   question",
        "REV-1  Which tokens still worked after they were revoked,",
        "       and for how long?",
    ]


def test_what_a_row_is_about_stays_beside_it():
    assert _beside([16, 5, 13, 5], 32) == [0, 1, 3]
    assert _beside([16, 5, 13, 5], 31) == [1, 2, 3]
    assert _beside([16, 20], 10) == [0]


def test_the_width_may_be_said():
    assert "\n  client id: " not in on_a_terminal({"COLUMNS": "1000"})


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(environment):
    assert "\x1b" not in on_a_terminal(environment)
