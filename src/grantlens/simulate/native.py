"""Writes the three logs in the native format: one JSON object a line, canonical column names."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from grantlens.schema.issuance import ISSUANCE
from grantlens.schema.revocation import REVOCATION
from grantlens.schema.usage import USAGE
from grantlens.simulate.truth import iso

TABLES = {"issuance": ISSUANCE, "usage": USAGE, "revocation": REVOCATION}
TIME = {"issuance": "issued_at", "usage": "used_at", "revocation": "revoked_at"}


def lines(log: str, rows: Iterable[dict]) -> list[str]:
    """Return the lines of one log in order of time; what the log does not say is left out.

    Examples
    --------
    >>> from datetime import UTC
    >>> row = {"used_at": datetime(2026, 7, 1, tzinfo=UTC), "outcome": "success", "token_id": None, "event_id": "us-1"}
    >>> lines("usage", [row])
    ['{"log":"usage","used_at":"2026-07-01T00:00:00.000Z","outcome":"success","event_id":"us-1"}']
    """
    names, stamp = TABLES[log].names, TIME[log]
    ordered = sorted(rows, key=lambda row: (row[stamp], row["event_id"]))
    return [
        json.dumps({"log": log} | _plain(row, names, log == "revocation"), ensure_ascii=False, separators=(",", ":"))
        for row in ordered
    ]


def _plain(row: dict, names: tuple[str, ...], whole_seconds: bool) -> dict:
    plain = {}
    for name in names:
        value = row.get(name)
        if isinstance(value, datetime):
            text = iso(value)
            plain[name] = text.replace(".000Z", "Z") if whole_seconds else text
        elif value is not None:
            plain[name] = value
    return plain


def write(folder: Path, issuance: list[dict], usage: list[dict], revocation: list[dict]) -> None:
    """Write the native files: issuance and revocation in one each, usage by month."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "issuance.ndjson", lines("issuance", issuance))
    _save(folder / "revocation.ndjson", lines("revocation", revocation))
    months: dict[str, list[dict]] = {}
    for row in usage:
        months.setdefault(f"{row['used_at']:%Y-%m}", []).append(row)
    for month, rows in sorted(months.items()):
        _save(folder / f"usage-{month}.ndjson", lines("usage", rows))


def _save(path: Path, text: list[str]) -> None:
    path.write_text("\n".join(text) + "\n", encoding="utf-8", newline="\n")
