from grantlens.findings.severity import at_or_above, worst


def finding(severity, verdict="violation"):
    return {"severity": severity, "verdict": verdict}


def test_an_undecided_case_is_never_the_worst():
    assert worst([finding("critical", "indeterminate"), finding("low")]) == "low"
    assert worst([finding("high", "indeterminate")]) is None


def test_each_level_counts_itself_and_what_is_above():
    levels = ("info", "low", "medium", "high", "critical")
    found = [finding(level) for level in levels] + [finding("critical", "clear")]
    assert [len(at_or_above(found, level)) for level in levels] == [5, 4, 3, 2, 1]
