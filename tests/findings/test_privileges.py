import pyarrow

from grantlens.findings.privileges import Advice


def test_advice_for_each_grant(scene, hostile):
    found = scene.found["PRV-1"]
    advice = found.recommend()
    names = ["source", "tenant", "client_id", "subject_id", "grant_id", "keep", "remove", "replace", "ask", "wait"]
    assert advice.table.column_names == [*names, "calls", "calls_unknown"]
    rows = {row["grant_id"]: row for row in advice.table.to_pylist()}
    findings = found.to_dicts()
    assert set(rows) == {row["grant_id"] for row in findings}
    for grant, row in rows.items():
        mine = [each["detail"] for each in findings if each["grant_id"] == grant]
        for action in ("keep", "remove", "ask", "wait"):
            assert sorted(row[action]) == sorted(each["scope"] for each in mine if each["action"] == action)
        replaced = [f"{each['scope']} -> {each['replacement']}" for each in mine if each["action"] == "replace"]
        assert sorted(row["replace"]) == sorted(replaced)
        assert {row["calls"]} == {each["calls"] for each in mine}
    worked = scene.store.engine.rows(
        "SELECT target, token_id FROM usage WHERE outcome = 'success' AND client_id = $name", {"name": hostile}
    )
    assert rows["g1"]["calls"] == len(worked)
    # One whose operation no catalogue knows, and one with a token that no issuance names.
    assert rows["g1"]["calls_unknown"] == sum(hostile in target or token == "t-forged" for target, token in worked) == 2


def test_it_is_still_a_finding(scene):
    assert repr(scene.found["PRV-1"]).startswith("PRV-1 ")
    assert len(scene.found["PRV-1"].only("clear").recommend()) <= len(scene.found["PRV-1"].recommend())


def test_a_notebook_shows_what_is_to_be_decided_first_and_names_made_visible():
    columns = ("client_id", "keep", "remove", "replace", "ask", "wait")
    rest = dict.fromkeys(("source", "subject_id", "grant_id", "calls", "calls_unknown"))
    kept = ("kept\x1b[31m", ["a"], [], [], [], [])
    asked, removed = ("asked", [], [], [], ["a"], []), ("removed", [], ["a", "b"], [], [], [])
    advice = Advice(
        pyarrow.Table.from_pylist([dict(zip(columns, row, strict=True)) | rest for row in (kept, asked, removed)])
    )
    assert repr(advice) == "Advice for 3 grants: something to remove or replace in 1"
    cell = advice._repr_html_()
    assert cell.index(">removed<") < cell.index(">asked<") < cell.index(">kept⟨U+001B⟩[31m<")
    assert cell.index(">remove<") < cell.index(">keep<") < cell.index(">source<")
    assert list(advice.df()["client_id"]) == ["kept\x1b[31m", "asked", "removed"], "the table keeps its order"
