"""What came of tokens beside plain Python, where several tenants issue tokens of one id: which of them a later token came of."""

import random
from collections import Counter

import pytest

from grantlens import detect
from grantlens.rule.example import token
from tests.rules.test_outlived import stamp

TENANTS = ("north", "south", None)
HOMES = (("north",), ("north", "south"), ("north", "south"), (None,), ("north", None), TENANTS, ())
SCOPES = (["mail.read"], ["mail.read", "mail.send"], ["mail.send"])


def family(rng, number, kind):
    """Return the issuance of one token id in some tenants, each with scopes of its own, and what came of it in some."""
    common = {"client_id": f"c{number}", "audience": ["mail.example"]}
    name, child = f"p{number}", {"kind": kind, "parent_token_id": f"p{number}"}
    homes = rng.choice(HOMES)
    records = [
        token(stamp(turn), name, rng.choice(SCOPES), token_kind="refresh", tenant=home, grant_id=f"g-{home}", **common)
        for turn, home in enumerate(rng.sample(homes, len(homes)))
    ]
    one_id = rng.random() < 0.5
    for home in rng.sample(TENANTS, rng.choice((1, 2, 3))):
        born = f"t{number}" if one_id and home else f"t{number}-{home}"
        records.append(
            token(stamp(60), born, rng.choice(SCOPES), tenant=home, grant_id=f"h{number}-{home}", **child, **common)
        )
    return records


def meant(home, records):
    """Return the records of the token that one of a tenant means, or a word where that is not known."""
    named = {each.get("tenant") for each in records} - {None}
    if home is None and len(named) > 1:
        return "several"
    of = [each for each in records if home is None or each.get("tenant") in (home, None)]
    return of or "lost"


def widened(child, parents):
    """Say what a reader says of a token: the verdict, and a word for what is not known."""
    parent = meant(child.get("tenant"), parents)
    if parent in ("several", "lost"):
        return "indeterminate", parent
    held = {tuple(each["scopes"]) for each in parent}
    if len(held) > 1:
        return "indeterminate", "unknown"
    return ("violation", None) if set(child["scopes"]) - set(*held) else None


@pytest.mark.parametrize(("rule", "kind"), [("OOS-4", "refresh"), ("OOS-5", "exchange")])
def test_a_token_holds_more_than_that_of_its_own_tenant_beside_plain_python(desk, kept_going, rule, kind):
    rng = random.Random(4)
    families = [family(rng, number, kind) for number in range(400)]
    records = [*kept_going, *(row for rows in families for row in rows)]
    records = [{"event_id": f"e{number:05}", **row} for number, row in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, [rule])
    words = {"several issued": "several", "no issuance of": "lost", "the log does not say": "unknown"}
    rows = {}
    for row in found.to_dicts():
        reasons = [word for reason in row["detail"]["reasons"] or [] for says, word in words.items() if says in reason]
        assert (row["tenant"], row["grant_id"]) not in rows
        rows[row["tenant"], row["grant_id"]] = (row["verdict"], *(reasons or [None]))
    expected = {}
    for one in families:
        parents = [each for each in one if "parent_token_id" not in each]
        for child in one[len(parents) :]:
            if said := widened(child, parents):
                expected[child.get("tenant"), child["grant_id"]] = said
    assert rows == expected
    told = Counter(expected.values())
    assert len(told) == 4
    assert min(told.values()) > 20
