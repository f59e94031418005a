def test_advice_for_each_grant(scene):
    found = scene.found["PRV-1"]
    advice = found.recommend()
    names = ["source", "client_id", "subject_id", "grant_id", "keep", "remove", "replace", "ask", "wait"]
    assert advice.column_names == [*names, "calls_kept", "calls_lost"]
    rows = {row["grant_id"]: row for row in advice.to_pylist()}
    findings = found.to_dicts()
    assert set(rows) == {row["grant_id"] for row in findings}
    for grant, row in rows.items():
        mine = [each["detail"] for each in findings if each["grant_id"] == grant]
        for action in ("keep", "remove", "ask", "wait"):
            assert sorted(row[action]) == sorted(each["scope"] for each in mine if each["action"] == action)
        replaced = [f"{each['scope']} -> {each['replacement']}" for each in mine if each["action"] == "replace"]
        assert sorted(row["replace"]) == sorted(replaced)
        assert row["calls_kept"] + row["calls_lost"] == sum(each["uses"] for each in mine)
        assert row["calls_lost"] == sum(each["uses"] for each in mine if each["action"] == "remove") == 0
    assert rows["g1"]["replace"] == ["mail.write -> mail.read"]


def test_it_is_still_a_finding(scene):
    assert repr(scene.found["PRV-1"]).startswith("PRV-1 ")
    assert len(scene.found["PRV-1"].only("clear").recommend()) <= len(scene.found["PRV-1"].recommend())
