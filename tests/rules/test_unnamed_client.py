"""Every rule, on its examples as a log would tell them that names no client: what it finds has a title, in one sentence."""

from grantlens import detect
from grantlens.rules import registry
from tests.rules.together import ALONE


def test_what_is_found_of_an_unnamed_client_has_a_title(desk):
    """Each example is a source of its own, and all of them are asked at once."""
    rows = [
        {**{key: value for key, value in record.items() if key not in ("client_id", "client_name")}, "source": source}
        for rule in registry().values()
        if rule.id not in ALONE
        for number, example in enumerate(rule.fires + rule.undecidable)
        for source in [f"{rule.id}-{number}"]
        for record in example.records
    ]
    with desk.store(desk.write("log.ndjson", rows)) as store:
        found = [row for each in detect.run(store) for row in each.to_dicts()]
    told = {row["rule"] for row in found}
    assert {"OOS-7", "OOS-9", "OOS-13", "PRV-1", "REV-1", "REV-2", "REV-3", "REV-4", "REV-5", "REV-7", "REV-9"} <= told
    assert [row["rule"] for row in found if not row["title"]] == []
    wrong = [row["title"] for row in found if " An unnamed" in row["title"] or row["title"].startswith("an unnamed")]
    assert wrong == []
