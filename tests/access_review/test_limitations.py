from grantlens.access_review.coverage import _ratio
from grantlens.access_review.limitations import limitations
from grantlens.report.formats import share
from tests.report.conftest import make_document

CALLS, KNOWN = 5_000_000, 4_999_998


def test_two_of_five_millions_are_not_none():
    mapped = {"calls": CALLS, "known": KNOWN, "share": _ratio(KNOWN, CALLS), "by_server": []}
    assert any("2 calls (< 0.1 %) are" in line for line in limitations(make_document(map_coverage=mapped)))
    assert share(mapped["share"]) == "> 99.9 %"


def test_a_log_that_was_not_loaded_is_not_called_one_that_does_not_exist():
    rows = [row for row in make_document()["coverage"] if row["log"] != "usage"]
    other = [row | {"source": "salesforce"} for row in make_document()["coverage"]]
    lines = limitations(make_document(coverage=[*other, *rows]))
    assert any(line.startswith("No usage log of native covers any part of the period: ") for line in lines)


def test_a_limit_names_its_tenant():
    one = make_document()["coverage"][0]
    lines = limitations(
        make_document(coverage=[one | {"tenant": "a", "share": 0.5}, one | {"tenant": "b", "share": 0.25}])
    )
    said = [line for line in lines if "outside it silence means nothing" in line]
    assert [line.split(" of the period")[0] for line in said] == [
        "The issuance log of native, tenant a, covers 50.0 %",
        "The issuance log of native, tenant b, covers 25.0 %",
    ]
