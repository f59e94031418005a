"""Logs that are no JSON: lines of text, packed records, and what the user has to say of them."""

import json
from dataclasses import replace

import pytest

from grantlens.errors import LoadError
from grantlens.loaders import Loader, Settings
from grantlens.store import Store

TEXT = Loader(
    name="gate",
    version=1,
    title="Gate",
    recognise=lambda sample: any(str(record.get("line", "")).startswith("gate ") for record in sample),
    fields="",
    text=True,
    carries=("usage",),
    steps={
        "call": r"""SELECT line_no, regexp_extract(r, 'at=(\S+)', 1) AS called, regexp_extract(r, 'app=(\S+)', 1) AS app
                    FROM record WHERE r LIKE 'gate %'"""
    },
    usage="""SELECT line_no, 'success' AS outcome, app AS client_id,
                    timezone($zone, TRY_CAST(called AS TIMESTAMP)) AS used_at, $file_names[1 + (line_no >> 32)] AS target FROM call""",
    ignored="SELECT line_no, 'chatter' AS reason FROM record WHERE r LIKE 'chat %'",
)


def zoned(loader, settings):
    if settings.time_zone is None:
        raise LoadError("gate writes local time.", "Say --time-zone ZONE.")
    return replace(loader, parameters={"zone": settings.time_zone})


ZONED = replace(TEXT, configure=zoned)
LINES = "gate at=2026-07-01T12:00:00 app=mail\r\nchat hello\n\ngate at=never app=mail\nsomething else\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "gate.log"
    path.write_text(LINES)
    return path


def test_text_lines_are_rows_ignored_or_rejected(log):
    with Store(":memory:") as store:
        report = store.load(log, loader=ZONED, settings=Settings(time_zone="Europe/Berlin"))
        assert not report.failed
        (batch,) = report
        assert (batch["records"], batch["usage"], batch["ignored"], batch["rejected"]) == (4, 1, 1, 2)
        (call,) = store.sql("SELECT used_at::VARCHAR AS at, client_id, line_no, target FROM usage").to_pylist()
        assert call == {"at": "2026-07-01 10:00:00+00", "client_id": "mail", "line_no": 1, "target": "gate.log"}
        rejected = store.engine.rows("SELECT line_no, reason FROM rejected ORDER BY line_no")
        assert rejected == [(4, "used_at: missing"), (5, "not mapped")]


def test_a_line_is_the_same_event_however_it_ends(tmp_path):
    unix, windows = tmp_path / "unix.log", tmp_path / "windows.log"
    lines = ["gate at=2026-07-01T12:00:00 app=mail", "gate at=2026-07-01T12:00:00 app=chat"]
    unix.write_bytes("\n".join(lines).encode())
    windows.write_bytes("\r\n".join(lines).encode())
    with Store(":memory:") as store:
        report = store.load(unix, windows, loader=ZONED, settings=Settings(time_zone="UTC"))
        assert [(batch["usage"], batch["duplicates"]) for batch in report] == [(2, 0), (0, 2)]


def test_a_setting_that_is_needed_is_asked_for(log):
    with Store(":memory:") as store:
        ((_, message, remedy),) = store.load(log, loader=ZONED).failed
        assert (message, remedy) == ("gate writes local time.", "Say --time-zone ZONE.")


def test_a_time_zone_that_does_not_exist_names_the_nearest(log):
    with Store(":memory:") as store, pytest.raises(LoadError, match="no time zone") as error:
        store.load(log, loader=ZONED, settings=Settings(time_zone="Europe/Berlim"))
    assert error.value.remedy == "Did you mean 'Europe/Berlin'?"


def test_text_that_no_loader_knows_is_no_log(log):
    with Store(":memory:") as store:
        ((_, message, _),) = store.load(log).failed
        assert "neither JSON nor CSV nor Parquet" in message
        ((_, message, _),) = store.load(log, loader="okta").failed
        assert "neither JSON nor CSV nor Parquet" in message


def test_packed_records_are_unpacked_or_rejected_with_the_loaders_reason(tmp_path):
    def unpack(line):
        if not line.startswith("packed:"):
            raise ValueError("not packed")
        return json.dumps({"at": line.removeprefix("packed:")})

    packed = Loader(
        name="packed",
        version=1,
        title="Packed",
        recognise=lambda sample: True,
        fields='{"at": "VARCHAR"}',
        decode=unpack,
        carries=("usage",),
        usage="SELECT line_no, 'success' AS outcome, r.at AS used_at FROM record WHERE r IS NOT NULL",
    )
    path = tmp_path / "packed.log"
    path.write_text("packed:2026-07-01T12:00:00Z\nloose:2026-07-01T12:00:00Z\npacked:never\n")
    with Store(":memory:") as store:
        (batch,) = store.load(path, loader=packed)
        assert (batch["records"], batch["usage"], batch["rejected"]) == (3, 1, 2)
        rejected = store.engine.rows("SELECT line_no, reason FROM rejected ORDER BY line_no")
        assert rejected == [(2, "not packed"), (3, "used_at: 'never' is no time")]
