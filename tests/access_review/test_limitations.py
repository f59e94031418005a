from grantlens.access_review.coverage import _ratio
from grantlens.access_review.limitations import limitations
from grantlens.catalogue.optional import lacks
from grantlens.wording import share
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


def test_what_many_accounts_lack_alike_is_said_once():
    one = next(row for row in make_document()["coverage"] if row["log"] == "usage")
    rows = [
        one | {"source": "aws_cloudtrail", "tenant": f"account-{n}", "notes": [lacks()["aws_cloudtrail"]]}
        for n in range(9)
    ]
    for some, named in (
        (rows, ", tenants account-0, account-1, account-2, account-3, account-4 and 4 more,"),
        (rows[:2], ", tenants account-0 and account-1,"),
        (rows[:1], ", tenant account-0,"),
        ([rows[0] | {"tenant": None}], ""),
    ):
        said = [line for line in limitations(make_document(coverage=some)) if lacks()["aws_cloudtrail"] in line]
        assert [line.split(" shows no use")[0] for line in said] == [f"Where the usage log of aws_cloudtrail{named}"]
        assert (
            "nothing is called unused, unless it permits only calls that such a log holds in any case: no " in said[0]
        )
    cluster = one | {"source": "kubernetes", "notes": [lacks()["kubernetes"]]}
    assert any(
        ": no get or list" in line and "unused: no" in line for line in limitations(make_document(coverage=[cluster]))
    )


def of_tenants(**tenants):
    """Return the coverage of tenants that have these logs."""
    one = make_document()["coverage"][0]
    return [one | {"tenant": tenant, "log": log} for tenant, logs in tenants.items() for log in logs]


def without(coverage):
    """Return which logs are said to be missing, and of whom."""
    lines = [
        line for line in limitations(make_document(coverage=coverage)) if line.startswith("No ") and " log of " in line
    ]
    return [line.split(" covers any part")[0] for line in lines]


def test_the_log_of_one_tenant_is_not_that_of_another():
    assert without(of_tenants(a=("issuance", "usage", "revocation"), b=("issuance", "usage"))) == [
        "No revocation log of native (tenant b)"
    ]


def test_a_log_that_names_no_tenant_may_be_any_tenants():
    either = [row | {"tenant": None} for row in of_tenants(x=("usage",))]
    rest = ("issuance", "revocation")
    assert without([*either, *of_tenants(a=rest, b=rest)]) == []
    assert without([*either, *of_tenants(a=rest, b=("issuance",))]) == ["No revocation log of native (tenant b)"]


def test_of_many_tenants_without_a_log_few_are_named():
    many = of_tenants(a=("issuance", "usage", "revocation"), **dict.fromkeys("bcdefghij", ("usage", "revocation")))
    (said,) = without(many)
    assert said.startswith("No issuance log of native (tenant b), native (tenant c)")
    assert said.endswith("native (tenant f) and 4 more")


def test_rejected_records_are_told_with_their_reasons():
    def told(rejected, rows):
        document = make_document(rejected=[{"path": "a", "sha256": "", "reason": why, "records": n} for why, n in rows])
        document["manifest"]["batches"][0]["rejected"] = rejected
        return [line for line in limitations(document) if "could not be read" in line]

    assert told(2002, [("no time", 2000), ("not mapped", 1), ("not mapped", 1)]) == [
        "2,002 records could not be read and were kept aside, so nothing here rests on them: no time (2,000); not mapped (2). "
        "Table rejected of the store has each."
    ]
    (many,) = told(7, [(f"reason {number}", 1) for number in range(7)])
    assert "; for other reasons 2. Table" in many
    assert told(0, []) == []


def test_that_no_gap_is_found_is_not_told_of_logs_too_short_for_one():
    rows = [row | {"notes": ["under 100 records: no gap can be told"]} for row in make_document()["coverage"][:2]]
    rows += make_document()["coverage"][2:]
    (told,) = [line for line in limitations(make_document(coverage=rows)) if "to tell a gap" in line]
    assert told.startswith("2 logs of native have too few records, or too long silences, to tell a gap")


def test_which_gap_can_hide_is_told_of_each_log():
    first, *others = make_document()["coverage"]
    rows = [first | {"tenant": "acme", "notes": ["a gap of under 31 hours can hide"]}, *others]
    assert [line for line in limitations(make_document(coverage=rows)) if "can hide" in line] == [
        "The issuance log of native, tenant acme, is taken to be there where no gap is told, yet a gap of under 31 hours can hide, "
        "and one of any length in hours in which it is usually silent."
    ]


def test_a_file_that_was_loaded_in_two_versions_is_named():
    document = make_document()
    (batch,) = document["manifest"]["batches"]
    assert not any("more than one version" in line for line in limitations(document))
    document["manifest"]["batches"] = [batch, batch | {"sha256": "ef" * 32}]
    (told,) = [line for line in limitations(document) if "more than one version" in line]
    assert told.startswith("1 file was loaded in more than one version (logs/usage.ndjson.gz): ")


def test_logs_of_one_tenant_with_one_limit_share_a_sentence():
    rows = [row | {"tenant": "a", "share": 0.5, "gaps": []} for row in make_document()["coverage"]]
    rows[2] |= {"share": 0.25}
    said = [line for line in limitations(make_document(coverage=rows)) if "outside it silence means nothing" in line]
    assert [line.split(" of the period")[0] for line in said] == [
        "The issuance and usage logs of native, tenant a, cover 50.0 %",
        "The revocation log of native, tenant a, covers 25.0 %",
    ]


def test_sources_without_a_log_share_a_sentence():
    row = next(row for row in make_document()["coverage"] if row["log"] == "usage")
    rows = [row, *(row | {"log": "issuance", "source": source} for source in ("asana", "notion", "zendesk"))]
    lines = limitations(make_document(coverage=rows))
    assert any(line.startswith("No usage log of asana, notion and zendesk covers any part") for line in lines)


def test_the_limits_of_single_logs_come_last():
    rows = [row | {"share": 0.5} for row in make_document()["coverage"]]
    lines = limitations(make_document(coverage=rows))
    assert ["outside it silence" in line for line in lines] == [False] * (len(lines) - 1) + [True]


def test_a_review_of_one_tenant_says_so():
    assert limitations(make_document(tenant="acme"))[0].startswith("This is of tenant acme alone.")
    assert not any("alone" in line for line in limitations(make_document()))
