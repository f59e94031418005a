"""How earlier advice about unused privileges would have fared with the calls that came after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.findings.privileges import UnusedPrivileges, calls_unknown
from grantlens.framed import Framed
from grantlens.plain import table_of
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

OUTCOMES = ("needed", "may be needed", "not needed", "untested")


@dataclass(frozen=True, eq=False)
class Backtest(Framed):
    """What each call after a moment needed, beside the advice of that moment.

    The advice is that of PRV-1 when it had seen only what came before; the chance it gave is for a future as long as the one that
    was tried. A call that the advice would have stopped may be work or misuse: look at it.

    Parameters
    ----------
    learned, tried
        The window that the advice rests on, and that of the calls.
    table
        One row for each granted scope that the advice would take away (`remove`), narrow (`replace`) or, where it gave a chance, ask about (`ask`):
        source, tenant, client_id, subject_id, grant_id, scope, action, replacement, p_needed, outcome, uses, calls (of the grant,
        afterwards), calls_unknown (of which nobody can say what they needed), reason.
    """

    learned: Window
    tried: Window
    table: pa.Table
    shown = ("client_id", "grant_id", "scope", "action", "p_needed", "outcome", "uses", "calls", "reason")

    @classmethod
    def of(cls, advice: UnusedPrivileges, after: UnusedPrivileges) -> Backtest:
        """Hold advice against what PRV-1 says of the same scopes afterwards."""
        later = {_key(row): row["detail"] for row in after.to_dicts()}
        rows = [
            _tried(row, later.get(_key(row)), after.parameters)
            for row in advice.to_dicts()
            if row["detail"]["action"] in ("remove", "replace")
            or (row["detail"]["action"] == "ask" and row["detail"]["p_needed"] is not None)
        ]
        rows.sort(
            key=lambda row: (OUTCOMES.index(row["outcome"]), row["action"], *(row[name] or "" for name in _NAMES))
        )
        return cls(advice.window, after.window, table_of(rows, _schema()))

    def summary(self) -> list[dict[str, Any]]:
        """Count the outcomes of each kind of advice.

        Returns
        -------
        list of dict
            action, scopes, needed, may_be_needed, not_needed, untested, and expected: how many of the tried ones were to be needed
            by the chances given, None where some had none.
        """
        found = []
        for action in ("remove", "replace", "ask"):
            rows = [row for row in self.table.to_pylist() if row["action"] == action]
            chances = [row["p_needed"] for row in rows if row["outcome"] != "untested"]
            counts = {outcome.replace(" ", "_"): sum(row["outcome"] == outcome for row in rows) for outcome in OUTCOMES}
            expected = None if None in chances else sum(chances, 0.0)
            found.append({"action": action, "scopes": len(rows), **counts, "expected": expected})
        return found

    def __repr__(self) -> str:
        removed = self.summary()[0]
        tried = removed["scopes"] - removed["untested"]
        said = (
            f"Advice from {self.learned}, tried on {self.tried}: "
            f"of {removed['scopes']:,} granted scopes to remove, {tried:,} could be tried"
        )
        if not tried:
            return f"{said}."
        open_ones = f", and may have without {removed['may_be_needed']:,} more" if removed["may_be_needed"] else ""
        return (
            f"{said}; calls would have failed without {removed['needed']:,} of them{open_ones}, where "
            f"{removed['expected']:.1f} were expected to be needed."
        )


_NAMES = ("source", "tenant", "client_id", "subject_id", "grant_id", "scope")


def _key(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return row["source"], row["tenant"], row["grant_id"], row["detail"]["scope"]


def _tried(row: Mapping[str, Any], later: Mapping[str, Any] | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    detail = row["detail"]
    unknown = 0 if later is None else calls_unknown(later)
    outcome, reason = _outcome(detail, later, unknown, parameters)
    return {
        **{name: row.get(name, detail.get(name)) for name in _NAMES},
        "action": detail["action"],
        "replacement": detail["replacement"] if detail["action"] == "replace" else None,
        "p_needed": detail["p_needed"],
        "outcome": outcome,
        "uses": 0 if later is None else later["uses"],
        "calls": 0 if later is None else later["calls"],
        "calls_unknown": unknown,
        "reason": reason,
    }


def _outcome(
    detail: Mapping[str, Any], later: Mapping[str, Any] | None, unknown: int, parameters: Mapping[str, Any]
) -> tuple[str, str]:
    """Tell whether what the advice takes away was needed, and why that is said."""
    if later is None or later["exposure_days"] <= 0:
        return "untested", "The scope was not held, or the usage log was not there to show a use."
    if later["uses"] and detail["action"] != "replace":
        if later["ambiguous_credit"]:
            return "may be needed", "It was used, and another scope of the grant permits some of that, too."
        return "needed", "It was used, for what no other scope of the grant permits."
    if later["uses"] and later["replacement"] != detail["replacement"]:
        return "may be needed", "A call may have needed more than the narrower scope permits."
    if later["state"] == "not_observable":
        return "untested", later["reason"]
    if later["in_part"] or later["coverage_share"] < parameters["min_coverage"]:
        return "untested", "The usage log does not show all calls of that time."
    if unknown:
        return "may be needed", "What some calls needed is not known."
    if not later["calls"]:
        return "not needed", "The grant was not used at all."
    return "not needed", "Every call seen is known, and is permitted without it."


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    return pa.schema(
        [
            *((name, text) for name in (*_NAMES, "action", "replacement")),
            ("p_needed", pa.float64()),
            ("outcome", text),
            *((name, whole) for name in ("uses", "calls", "calls_unknown")),
            ("reason", text),
        ]
    )
