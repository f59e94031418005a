"""`grantlens decision add`: the list of grants, filled in, is read as it is."""

import csv
import io
import shutil

from grantlens.register.decisions import LISTED, TARGET, Decisions


def test_the_list_of_grants_is_read_as_it_is(sample_file, run, tmp_path):
    ran = run("grants", str(sample_file), "--live", "--advice", "--format", "csv", "--now", "2026-10-01")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert {*rows[0]} == {*LISTED, *TARGET} - {"token_id"}
    out = io.StringIO()
    writer = csv.DictWriter(out, [*rows[0], "decision"])
    writer.writeheader()
    choices = ("revoke", "keep", "")
    writer.writerows({**row, "decision": choices[number % 3]} for number, row in enumerate(rows))
    (tmp_path / "review.csv").write_text(out.getvalue())
    read = Decisions.read(tmp_path / "review.csv", decided_at="2026-10-02")
    assert len(read.rows) + read.undecided == len(rows)
    assert read.undecided == len(rows) // 3
    assert [row["grant_id"] for row in read.rows[:2]] == [row["grant_id"] for row in rows[:2]]
    assert {row["decided_at"].isoformat() for row in read.rows} == {"2026-10-02T00:00:00+00:00"}


def test_the_command_says_what_became_of_the_file(sample_file, tmp_path, run):
    store = shutil.copy(sample_file, tmp_path / "s.duckdb")
    path = tmp_path / "decisions.csv"
    path.write_text("source,client_id,decision,decided_at,Key\nnativ,app,revoke,2026-09-03,A-1\n,bot,,,\n")
    ran = run("decision", "add", str(store), str(path))
    assert ran.code == 0
    assert "knows 9 decisions now. 1 row of" in ran.err
    assert f"Columns of {path} that say nothing of decisions were left out: 'key'." in ran.err
    assert "No log of source 'nativ' is in the store; nearest is 'native'." in ran.err


def test_ids_that_no_issuance_has_are_named_at_once(sample_file, tmp_path, run):
    store = shutil.copy(sample_file, tmp_path / "s.duckdb")
    path = tmp_path / "d.csv"
    path.write_text(
        "client_id,token_id,decision,decided_at\nmailbox-miror,,revoke,2026-09-03\nmailbox-mirror,,revoke,2026-09-03\nap,,keep,2026-09-03\n"
        + "".join(f",t{number},revoke,2026-09-03\n" for number in range(5))
    )
    _, clients, tokens = run("decision", "add", str(store), str(path)).err.splitlines()
    assert clients.startswith(
        f"1 client of {path} is in no issuance log of the store: mailbox-miror. REV-10 leaves it undecided."
    )
    assert tokens.startswith(
        f"5 tokens of {path} are in no issuance log of the store: t0, t1, t2, 2 more. REV-10 leaves them undecided."
    )
