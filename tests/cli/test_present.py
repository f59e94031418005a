"""The present that the clock gives: said, and doubted where the logs are ahead of it."""

import json

import pytest

from grantlens.cli.present import tell_present
from grantlens.window import parse_time


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ("2026-07-02", ""),
        ("2026-06-30T13:00:00Z", ""),
        ("2026-01-01", "A log goes on until 2026-07-01T12:00:00.000001Z: the clock of this machine is wrong"),
    ],
)
def test_a_clock_that_was_set_back_is_told(store, tmp_path, capsys, clock, said):
    path = tmp_path / "a.ndjson"
    call = {"log": "usage", "used_at": "2026-07-01T12:00:00Z", "outcome": "success", "client_id": "c", "event_id": "1"}
    path.write_text(json.dumps(call))
    store.load(path)
    tell_present(None, parse_time(clock), store)
    first, *more = capsys.readouterr().err.splitlines()
    assert first.startswith("Now is ")
    assert (said in more[0]) if said else not more
    tell_present(clock, parse_time(clock), store)
    assert capsys.readouterr().err == ""
