"""What a grant or a key holds after a change that does not say which scopes it left, and after one that tells them all."""

import pytest

from grantlens import detect
from grantlens.rule.example import consent, revoked, three_logs_from_to, token, use
from grantlens.rules import find

UNTOLD, UNCLEAR = "no log says which scopes were held", "does not say which scopes are left"
OFTEN = next(example for example in find("PRV-1").fires if "hundred grants" in example.title).records
"""A month in which ann's app never touches files, though others do: PRV-1 calls it unused."""


def changed(when, scopes, **more):
    return consent(when, scopes, kind="change", **more)


def deletes(*moments, name=None):
    more = {} if name else {"grant_id": "g1"}
    return [use(when, "DELETE /v1/messages/7", name, status=204, **more) for when in moments]


@pytest.fixture
def told(desk):
    def told(rule, *records, **window):
        """Return what a rule says of the grant g1, or of keys, by verdict: events, and its reason."""
        with desk.store(desk.write("log.ndjson", records)) as store:
            (found,) = detect.run(store, [rule], now="2026-08-02", **window)
            rows = [row for row in found.to_dicts() if row["client_id"] == "app"]
        why = [(row["detail"].get("reasons") or [row["detail"].get("reason")])[0] for row in rows]
        return {(row["verdict"], *row["scopes"]): (row["events"], said) for row, said in zip(rows, why, strict=True)}

    return told


def test_calls_before_it_are_judged_and_those_after_it_not_until_all_is_told(told):
    given, calls = consent("10 09:00", ["mail.read"]), deletes("10 09:30", "10 10:30", "10 11:30")
    assert told("OOS-1", given, *calls) == {("violation", "mail.read"): (3, None)}
    said = told("OOS-1", given, changed("10 10:00", None), *calls)
    assert said == {("violation", "mail.read"): (1, None), ("indeterminate",): (2, UNTOLD)}
    said = told("OOS-1", given, changed("10 10:00", None), changed("10 11:00", ["mail.read"]), *calls)
    assert said == {("violation", "mail.read"): (2, None), ("indeterminate",): (1, UNTOLD)}
    said = told("OOS-1", given, changed("10 10:00", None), changed("10 11:00", ["mail.write"]), *calls)
    assert said == {("violation", "mail.read"): (1, None), ("indeterminate",): (1, UNTOLD)}


def test_what_a_consent_adds_later_is_not_all_of_it(told):
    given = [consent("10 09:00", ["mail.read"]), changed("10 10:00", None), consent("10 11:00", ["files.read"])]
    assert told("OOS-1", *given, *deletes("10 11:30")) == {("indeterminate",): (1, UNTOLD)}


def test_a_downgrade_that_does_not_say_of_what(told):
    given = consent("10 09:00", ["mail.read", "mail.write"])
    taken = revoked("10 10:00", "grant", kind="downgrade")
    assert told("OOS-1", given, taken, *deletes("10 09:30", "10 10:30")) == {("indeterminate",): (1, UNTOLD)}


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (None, {("indeterminate",): (1, UNTOLD)}),
        (["mail.read", "mail.write"], {("indeterminate",): (1, UNTOLD)}),
        (["mail.read"], {("violation", "mail.read"): (1, None)}),
    ],
)
def test_a_key_holds_for_life_what_it_was_made_with_only_where_no_change_says_otherwise(told, scopes, expected):
    key = token("10 09:00", "k1", ["mail.read"], kind="credential", token_kind="api_key")
    edit = changed("10 10:00", scopes, grant_id=None, token_id="k1", client_id=None, subject_id=None)
    assert told("OOS-1", key, edit, *deletes("10 10:30", name="k1")) != {}
    assert told("OOS-1", {**key, "grant_id": None}, edit, *deletes("10 10:30", name="k1")) == expected


def test_a_scope_that_may_have_been_used_since_is_not_called_unused(told):
    unused, month = ("violation", "files.read"), {"until": "2026-08-01"}
    assert unused in told("PRV-1", *OFTEN, **month)
    said = told("PRV-1", *OFTEN, changed("25 08:00", None), **month)
    assert unused not in said
    assert UNCLEAR in said["indeterminate", "files.read"][1]
    assert ("clear", "mail.write") in said, "what was used before is needed, whatever came later"
    again = changed("03 08:00", ["mail.write", "files.read"])
    assert unused in told("PRV-1", *OFTEN, changed("02 08:00", None), again, **month)
    without = told("PRV-1", *OFTEN, changed("26 08:00", None), changed("27 08:00", ["mail.write"]), **month)
    assert UNCLEAR in without["indeterminate", "files.read"][1], "it may have been used on that day"


def test_a_scope_that_a_change_left_out_is_not_held_any_more(told):
    records = (
        consent("01 08:00", ["mail.write"]),
        *(use(f"{day:02} 09:00", "GET /v1/messages/7", None, grant_id="g1") for day in range(1, 31)),
        *three_logs_from_to("01 08:00", "31 23:00"),
    )
    assert ("violation", "mail.write") in told("PRV-4", *records)
    assert told("PRV-4", *records, changed("30 12:00", ["mail.read"])) == {}
