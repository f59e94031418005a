from grantlens.report import outline


def test_counts_are_exact_however_little_is_shown(document, finding):
    findings = [finding(i, verdict=("violation", "indeterminate", "clear")[i % 3]) for i in range(300)]
    rule = outline.by_rule(document(findings), outline.Limits(findings=5))[0]
    assert rule["counts"] == {"violation": 100, "indeterminate": 100, "clear": 100}
    assert len(rule["shown"]) == 5
    assert rule["hidden_clear"] == 100
    assert sum(row["violation"] for row in rule["clients"]) == 100


def test_the_worst_comes_first(document, finding):
    findings = [
        finding(0, severity="low", events=999),
        finding(1, severity="critical", verdict="indeterminate"),
        finding(2, severity="critical", events=1),
        finding(3, severity="critical", events=5),
    ]
    shown = outline.by_rule(document(findings), outline.PAGE)[0]["shown"]
    assert [f["grant_id"] for f in shown] == ["g-3", "g-2", "g-0", "g-1"]


def test_of_clients_that_weigh_the_same_the_busiest_comes_first(document, finding):
    findings = [
        finding(number, client_id=name, events=events) for number, (name, events) in enumerate((("a", 0), ("b", 84)))
    ]
    rule = outline.by_rule(document(findings), outline.PAGE)[0]
    assert [row["client_id"] for row in rule["clients"]] == ["b", "a"]


def test_a_decision_is_asked_for_each_client_with_a_grave_violation_and_for_no_other(document, finding):
    findings = [
        finding(0, client_id="a", severity="high"),
        finding(1, client_id="b", severity="critical"),
        finding(2, client_id="c", severity="medium"),
        finding(3, client_id="d", severity="critical", verdict="indeterminate"),
        finding(4, client_id=None, severity="critical"),
        finding(5, client_id="a", rule="REV-1", severity="high"),
    ]
    assert outline.decisions(document(findings)) == [
        {"client_id": "b", "tenant": None, "rules": ["OOS-1"]},
        {"client_id": "a", "tenant": None, "rules": ["OOS-1", "REV-1"]},
    ]


def test_of_a_source_with_several_tenants_each_is_told_apart(document, finding):
    rows = [row | {"tenant": tenant} for row in document()["coverage"] for tenant in ("north", "south")]
    findings = [
        finding(number, client_id="a", tenant=tenant, severity="high")
        for number, tenant in enumerate(("north", "north", "south"))
    ]
    two, one = document(findings, coverage=rows), document(findings)
    assert [(row["client_id"], row["tenant"]) for row in outline.decisions(two)] == [("a", "north"), ("a", "south")]
    assert [(row["client_id"], row["tenant"]) for row in outline.decisions(one)] == [("a", None)]
    grouped = outline.by_rule(two, outline.PAGE)[0]["clients"]
    assert [(row["tenant"], row["violation"]) for row in grouped] == [("north", 2), ("south", 1)]
    assert [row["violation"] for row in outline.by_rule(one, outline.PAGE)[0]["clients"]] == [3]


def test_new_findings_are_marked_by_the_baseline(document, finding):
    before = {
        "window": {"since": "2026-04-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"},
        "new_findings": [1],
        "worse": [],
        "gone": [],
    }
    rule = outline.by_rule(document([finding(0), finding(1)], baseline=before), outline.PAGE)[0]
    assert {f["grant_id"]: f["is_new"] for f in rule["shown"]} == {"g-0": False, "g-1": True}
    assert rule["new"] == 1


def test_clocks_that_agree_share_a_row(document):
    (one,) = document()["clocks"]
    rows = [one | {"log": "issuance"}, one | {"log": "usage"}, one | {"log": "revocation", "grid_s": 0.0}]
    assert [(row["logs"], row["grid_s"]) for row in outline.clocks(document(clocks=rows))] == [
        (["issuance", "usage"], 1.0),
        (["revocation"], 0.0),
    ]


def test_the_facts_of_an_undecided_case_say_why_it_is(finding):
    unknown = finding(0, verdict="indeterminate", detail={"reasons": ["no catalogue knows the operation"]})
    assert outline.facts(unknown) == ["no catalogue knows the operation"]
    unknown["detail"] |= {"operations": [*"abcdefg"], "operations_in_all": 1200, "grants": 3, "subjects": 1}
    assert outline.facts(unknown) == [
        "1,200 operations: a, b, c, d, e, and more", "3 grants, 1 subject", "no catalogue knows the operation"
    ]  # fmt: skip
    unknown["detail"]["operations"] = ["GET /" + 3000 * "x"]
    assert len(outline.facts(unknown)[0]) < 200, "a target may be a long one"
    detail = {"exposure_days": 3.0, "p_needed": 0.4, "action": "wait", "reason": "No use in 3 days; 30 are needed."}
    unused = finding(0, rule="PRV-1", verdict="indeterminate", detail=detail)
    assert outline.facts(unused) == ["proposal: wait", "No use in 3 days; 30 are needed"]
    assert outline.facts(unused | {"verdict": "violation"})[0].startswith("watched 3 d, until 2026-07-04")
    assert outline.facts(finding(0)) == []


def test_the_facts_of_access_that_no_review_saw_say_how_long_and_how_much(finding):
    between = finding(0, rule="PRV-6", detail={"open_s": 2280.0, "calls": 1, "reason": None})
    assert outline.facts(between) == ["open 38 min in all, 1 call"]


def test_a_whole_second_comes_before_its_fractions(document, finding):
    """As text `12:00:00Z` would come after `12:00:00.250000Z`."""
    whole, part = "2026-07-04T12:00:00Z", "2026-07-04T12:00:00.250000Z"
    alike = {"client_id": "app", "events": 1, "title": "t"}
    findings = [
        finding(1, **alike, first_seen=part, last_seen=part),
        finding(2, **alike, first_seen=whole, last_seen=whole),
    ]
    rule = outline.by_rule(document(findings), outline.Limits())[0]
    assert [row["first_seen"] for row in rule["shown"]] == [whole, part]
    assert rule["clients"][0]["last_seen"] == part


def test_of_one_severity_the_violations_come_by_rule_and_then_the_busiest(finding):
    found = [
        finding(rule=rule, severity=severity, verdict=verdict, events=events)
        for rule, severity, verdict, events in (
            ("OOS-1", "low", "violation", 99),
            ("OOS-2", "critical", "violation", 1),
            ("OOS-2", "critical", "violation", 7),
            ("OOS-3", "critical", "indeterminate", 99),
            ("OOS-1", "critical", "violation", 3),
            ("GOV-1", "critical", "violation", 99),
        )
    ]
    worst = outline.worst_first(found)
    assert [(each["rule"], each["events"]) for each in worst] == [
        ("OOS-1", 3), ("OOS-2", 7), ("OOS-2", 1), ("GOV-1", 99), ("OOS-1", 99)
    ]  # fmt: skip


def test_what_is_accepted_comes_last_and_asks_for_no_decision(document, finding):
    held = finding(0, severity="critical", accepted="a drill", accepted_until="2026-12-31T00:00:00Z", accepted_by=None)
    whole = document([held, finding(1, severity="low"), finding(2)])
    (rule,) = (rule for rule in outline.by_rule(whole, outline.PAGE) if rule["id"] == "OOS-1")
    assert [row["grant_id"] for row in rule["shown"]] == ["g-2", "g-1", "g-0"]
    assert "accepted until 2026-12-31: a drill" in rule["shown"][-1]["facts"]
    assert [row["grant_id"] for row in outline.worst_shown([rule], outline.PAGE)] == ["g-2", "g-1"]
    assert [row["client_id"] for row in outline.decisions(whole)] == ["client-2"]
