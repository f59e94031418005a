import pytest

from grantlens.access_review.privileges import proposals


def finding(grant, **detail):
    known = {
        "scope": "mail.read", "state": "used", "action": "keep", "replacement": None, "uses": 0, "exposure_days": 90.0,
        "p_needed": None, "basis": None, "reason": "Used.",
    }  # fmt: skip
    row = {
        "rule": "PRV-1",
        "source": "native",
        "tenant": None,
        "client_id": "app",
        "grant_id": grant,
        "severity": "info",
    }
    return row | {"detail": known | detail}


def test_grants_put_together_are_told_together():
    (row,) = proposals([finding(f"g{uses}", uses=uses, reason=f"Used {uses} times in the window.") for uses in (6, 26)])
    assert (row["grants"], row["uses"]) == (2, 32)
    assert row["reason"] == "Used 32 times in the window, by all of these grants together."


@pytest.mark.parametrize("order", [1, -1])
def test_of_silent_grants_the_least_sure_is_told(order):
    silent = {"state": "unused", "action": "remove"}
    group = [
        finding("g1", **silent, p_needed=0.01, exposure_days=120.0, basis="class", reason="1 %"),
        finding("g2", **silent, p_needed=0.04, exposure_days=100.0, basis="pooled", reason="4 %"),
    ]
    (row,) = proposals(group[::order])
    assert row["reason"] == "4 % Of these grants, this is the least sure."
    assert (row["p_needed"], row["basis"]) == (0.04, ["class", "pooled"])


def test_grants_that_agree_need_no_more_words():
    (row,) = proposals([finding("g1", uses=3), finding("g2", uses=3)])
    assert row["reason"] == "Used."


def test_grants_of_two_tenants_are_not_put_together():
    rows = proposals([finding(f"g-{tenant}", uses=2) | {"tenant": tenant} for tenant in ("north", "south", None)])
    assert [(row["tenant"], row["grants"], row["uses"]) for row in rows] == [
        (None, 1, 2), ("north", 1, 2), ("south", 1, 2),
    ]  # fmt: skip
