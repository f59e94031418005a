"""Calls that name no token may have been tries of a revoked one: every way to name client and subject, beside plain Python."""

from itertools import product

from grantlens import detect
from grantlens.rule.example import consent, revoked, token, use

READ = "GET /v1/messages/7"


def alike(one, other):
    """Tell whether two may be the same: what one of them leaves out may be anybody."""
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def test_rev_6_takes_for_a_try_what_may_be_one(desk, kept_going):
    born = [("app", "ann"), (None, "ann")]
    ended = list(product(("app", None), ("ann", None)))
    callers = list(product(("app", "other", None), ("ann", "bob", None)))
    tenants = [(None, None), ("p", "p"), ("p", None), (None, "p"), ("p", "q")]
    records, expected = [], {}
    names = ("client_id", "subject_id", "tenant")
    for number, (owner, party, caller, (there, here)) in enumerate(product(born, ended, callers, tenants)):
        # Each case has a minute of its own, in which its token is revoked and expires.
        minutes = [f"10 {9 + each // 60:02}:{each % 60:02}" for each in (number, number + 1)]
        records += [
            token("10 08:00", f"t{number}", None, minutes[1], **dict(zip(names, (*owner, there), strict=True))),
            revoked(minutes[0], token_id=f"t{number}", **dict(zip(names, (*party, there), strict=True))),
            use(f"{minutes[0]}:30", READ, None, **dict(zip(names, (*caller, here), strict=True))),
        ]
        told = [owner] if party == (None, None) else [owner, party]
        expected[f"t{number}"] = (
            caller != (None, None)  # a call that names nobody tells nothing of anybody
            and any(alike(who, caller) for who in told)
            and alike((there,), (here,))
        )
    for number, record in enumerate(records):
        record["event_id"] = f"e{number}"
        record.pop("grant_id", None)
    with desk.store(desk.write("log.ndjson", [*records, *kept_going])) as store:
        (found,) = detect.run(store, ["REV-6"])
    verdicts = {finding["token_id"]: finding["verdict"] for finding in found.to_dicts()}
    assert {name: verdicts[name] == "indeterminate" for name in expected} == expected
    assert set(expected.values()) == {True, False}


def test_rev_6_takes_no_call_of_another_grant_for_a_try(desk, kept_going):
    ended = [token("10 09:00", "t1", ["mail.read"], "10 13:00"), revoked("10 12:00")]
    other = [consent("10 09:00", ["mail.read"], "g2"), token("10 09:01", "t2", ["mail.read"], grant_id="g2")]
    calls = [use("10 12:30", READ, None, grant_id="g2"), use("10 12:31", READ, "t2")]
    with desk.store(desk.write("log.ndjson", [*ended, *other, *calls, *kept_going])) as store:
        (found,) = detect.run(store, ["REV-6"])
    assert [finding["verdict"] for finding in found.to_dicts()] == ["violation"]
