"""The Zoom loader against every real record: it recognises the log and says why nothing is taken from it."""

import json
from collections import Counter

from grantlens.loaders.zoom import LOADER

NAME = "panther-zoom.ndjson"


def operation(category, action="Update"):
    return {"action": action, "category_type": category, "operation_detail": "x", "operator": "ada@example.com"}


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc" / NAME)
    assert loaded.batch["loader"] == "zoom"
    assert loaded.counts() == {"records": 10, "ignored": 10}
    lines = (shared / "real-logs/saas_misc" / NAME).read_text().splitlines()
    categories = Counter(json.loads(line)["category_type"] for line in lines)
    assert loaded.ignored == {
        "change of a person": categories["User"],
        "change of a group": categories["User Group"],
        "not about delegated access": categories["Account"],
    }


def test_a_record_without_a_category_is_rejected(load):
    loaded = load([operation("Account"), operation(None)])
    assert loaded.ignored == {"not about delegated access": 1}
    assert [(row["line_no"], row["reason"]) for row in loaded.rejected] == [(2, "category_type is missing")]


def test_it_carries_no_log():
    assert (LOADER.carries, LOADER.joins) == ((), ())
