"""`grantlens verify`."""

import gzip

import pytest

from grantlens.store import Store

COUNTED = "The rows of the store were counted, not compared with the files: load these into an empty store for that."


def test_verify_is_content_with_files_that_are_what_they_were(run, evidence):
    ran = run("verify", evidence[0])
    assert (ran.code, ran.out) == (0, f"The loaded file is what it was.\n{COUNTED}\n")


def test_a_store_without_files_is_not_verified(run, evidence):
    store, log = evidence
    run("unload", store, log)
    ran = run("verify", store)
    assert (ran.code, ran.out) == (2, "")
    assert f"No file is loaded in {store}: nothing was verified." in ran.err


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_verify_names_a_file_that_is_not(run, evidence, change):
    store, log = evidence
    log.unlink() if change == "gone" else log.write_text(log.read_text().replace('"c"', '"d"'))
    ran = run("verify", store)
    assert ran.code == 2
    assert "usage.ndjson" in ran.out
    assert ran.err.startswith("grantlens: The evidence is not whole.")


def test_verify_in_another_folder_says_where_it_looked(run, evidence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store("relative.duckdb") as store:
        store.load("usage.ndjson")
    assert run("verify", "relative.duckdb").code == 0
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    ran = run("verify", "../relative.duckdb")
    assert (ran.code, ran.out) == (
        2,
        f"usage.ndjson is not found from {tmp_path / 'other'}: a path is looked up as it was given at load.\n",
    )
    assert "run this in the folder in which they were loaded" in ran.err


def test_verify_does_not_fail_for_a_log_that_grew_and_was_loaded_again(run, evidence):
    store, log = evidence
    first = log.read_text()
    for number, told in ((1, "the earlier version is"), (2, "the 2 earlier versions are")):
        log.write_text(log.read_text() + first.replace('"u"', f'"u{number}"'))
        ran = run("verify", store)
        assert (ran.code, ran.err) == (0, "")
        assert f"{log} begins with what its last load saw, and grew since" in ran.out, "it was not loaded again yet"
        run("load", store, log)
        ran = run("verify", store)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines() == [
            f"{log} is what its last load saw; it grew, and {told} its beginning, unchanged.",
            "The loaded file is what it was.",
            COUNTED,
        ]
    log.write_text(first)
    assert run("verify", store).code == 2, "what was replaced is not what the last load saw"
    log.write_text(first + first.replace('"u"', '"v"') * 5)
    assert run("verify", store).code == 2, "it is longer, and begins otherwise"


def test_verify_tells_a_log_that_was_written_anew_from_one_that_grew(run, evidence):
    store, log = evidence
    log.write_text(log.read_text().replace('"u"', '"u1"'))
    run("load", store, log)
    ran = run("verify", store)
    assert ran.out.splitlines()[0] == (
        f"{log} is what its last load saw; an earlier version was replaced by a later load: evidence of it is no longer in the file."
    )


def test_verify_finds_a_log_that_was_packed_since(run, evidence):
    store, log = evidence
    text = log.read_bytes()
    packed = log.with_name(f"{log.name}.gz")
    packed.write_bytes(gzip.compress(text))
    log.unlink()
    ran = run("verify", store)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"{log} was packed since: {packed} unpacks to what its last load saw."
    for other in (gzip.compress(text + text), gzip.compress(text)[:-9], b"no gzip"):
        packed.write_bytes(other)
        assert run("verify", store).code == 2


def test_verify_sees_that_rows_were_taken_out_of_the_store(run, evidence):
    store, log = evidence
    with Store(store) as opened:
        opened.engine.execute("DELETE FROM usage_row")
    ran = run("verify", store)
    assert (ran.code, ran.out) == (2, f"The load of {log} wrote 1 usage row, and the store holds 0.\n")
    assert ran.err.startswith("grantlens: The store was changed after the load.")


def test_verify_does_not_say_that_it_compared_the_rows(run, evidence):
    store, _ = evidence
    with Store(store) as opened:
        opened.engine.execute("UPDATE usage_row SET outcome = 'denied'")
    assert run("verify", store).out.splitlines()[-1] == COUNTED


def test_verify_finds_a_log_that_was_moved_and_loaded_from_its_new_place(run, evidence):
    store, log = evidence
    moved = log.with_name("archive.ndjson")
    log.rename(moved)
    assert run("verify", store).code == 2
    run("load", store, moved)
    run("load", store, moved)
    ran = run("verify", store)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == (
        f"{log} is gone, and what its last load saw is in {moved}, which was loaded since."
    )
    with Store(store) as opened:
        assert opened.engine.rows("FROM other_path") == [(1, str(moved))]
    moved.write_text("{}\n")
    assert run("verify", store).code == 2, "what is there now is something else"
    run("unload", store, log)
    with Store(store) as opened:
        assert opened.engine.rows("FROM other_path") == []


def test_verify_finds_what_a_log_held_before_it_was_rotated(run, evidence):
    store, log = evidence
    first, night = log.read_text(), log.with_name("usage.ndjson.1")
    log.rename(night)
    log.write_text(first.replace('"u"', '"u1"'))
    run("load", store, night, log)
    ran = run("verify", store)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"{log} is what its last load saw; the earlier version is in {night} now."
    night.unlink()
    assert "an earlier version was replaced by a later load" in run("verify", store).out


def test_verify_finds_what_grew_before_it_was_rotated(run, evidence):
    store, log = evidence
    first, night = log.read_text(), log.with_name("usage.ndjson.1")
    log.write_text(first + first.replace('"u"', '"u1"'))
    run("load", store, log)
    log.rename(night)
    log.write_text(first.replace('"u"', '"u2"'))
    run("load", store, log.parent / "usage.ndjson.1", log)
    assert run("verify", store).out.splitlines()[0] == (
        f"{log} is what its last load saw; the 2 earlier versions are in {night} now."
    )


def test_what_a_moved_log_holds_is_not_written_over(run, evidence):
    store, log = evidence
    moved = log.with_name("archive.json")
    log.rename(moved)
    run("load", store, moved)
    ran = run("report", store, "-o", moved)
    assert ran.code == 2
    assert "it is evidence, and is not written over" in ran.err
