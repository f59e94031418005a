"""What a loader's SELECTs can tell, read off their SQL."""

from dataclasses import replace
from unittest.mock import Mock

import pytest

from grantlens import detect
from grantlens.conclusion import conclusion
from grantlens.conclusion.can_tell import can_tell
from grantlens.loaders.loader import Loader

LOADER = Loader(
    name="acme",
    version=1,
    title="Acme",
    recognise=lambda sample: True,
    fields='{"id": "VARCHAR", "time": "VARCHAR", "who": "VARCHAR", "by": "VARCHAR"}',
    carries=("revocation",),
    steps={},
    join_note="None.",
)
ENDED = "SELECT line_no, r.id AS event_id, r.time AS revoked_at, 'revoke' AS kind, 'success' AS outcome, 'subject' AS target_kind, r.who AS subject_id"


def initiators(select):
    told = can_tell(replace(LOADER, revocation=select))
    return {word.partition("=")[2] for word in told if word.startswith("revocation.initiator=")}


def test_a_word_that_a_select_below_a_union_gives_without_a_name_is_told():
    first = f"{ENDED}, 'user' AS initiator FROM record WHERE r.by = r.who"
    below = "SELECT line_no, r.id, r.time, 'disable', 'success', 'client', r.who, CASE WHEN r.by = '' THEN 'system' ELSE 'admin' END FROM record"
    assert initiators(first) == {"user"}
    assert initiators(f"{first} UNION ALL {below}") == {"user", "admin", "system"}
    assert initiators(f"{first} UNION ALL {below} UNION ALL {below.replace('system', 'client')}") == {
        *("user", "admin", "system", "client"),
    }


def test_a_place_behind_a_star_is_not_guessed():
    first = f"{ENDED}, 'user' AS initiator FROM record"
    starred = f"SELECT * FROM ({ENDED}, 'admin' AS initiator FROM record)"
    assert initiators(f"{first} UNION ALL {starred}") == {"user", "admin"}


@pytest.mark.parametrize("union", ["UNION BY NAME", "UNION ALL BY NAME"])
def test_what_is_united_by_name_has_its_own_names(union):
    below = f"SELECT 'system' AS initiator, * FROM ({ENDED} FROM record)"
    assert initiators(f"{ENDED}, 'user' AS initiator FROM record {union} {below}") == {"user", "system"}


def test_the_selects_of_a_loader_are_read_once_however_often_is_asked_why_nothing_was_found(sample_store, monkeypatch):
    read = Mock(side_effect=can_tell)
    monkeypatch.setattr(conclusion, "can_tell", read)
    conclusion.source_of.cache_clear()
    for _ in range(2):
        (found,) = detect.run(sample_store, ["REV-1"], since="2020-01-01", until="2020-02-01")
        assert found.why_empty
    names = [call.args[0].name for call in read.call_args_list]
    assert "okta" in names
    assert len(names) == len(set(names))
