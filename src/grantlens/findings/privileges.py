"""Unused privileges, and what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantlens.findings.findings import Findings
from grantlens.framed import Framed
from grantlens.plain import table_of
from grantlens.visible import grid
from grantlens.wording import plural

if TYPE_CHECKING:
    import pyarrow as pa


def calls_unknown(detail: Mapping[str, Any]) -> int:
    """Return of how many calls of a grant nobody can say what they needed."""
    return detail["calls"] - round(detail["calls"] * detail["map_share"])


_SHOWN = (
    *("client_id", "remove", "replace", "ask", "wait", "keep", "calls", "calls_unknown"),
    *("subject_id", "grant_id", "source"),
)
"""Columns in the order in which a notebook shows them: the advice where it can be seen."""


@dataclass(frozen=True, eq=False)
class Advice(Framed):
    """What to do with the scopes of each grant.

    Parameters
    ----------
    table
        One row a grant, see `UnusedPrivileges.recommend`.
    """

    table: pa.Table

    def __repr__(self) -> str:
        rows = self.table.to_pylist()
        changed = sum(bool(row["remove"] or row["replace"]) for row in rows)
        return f"Advice for {plural(len(rows), 'grant')}: something to remove or replace in {changed:,}"

    def _repr_html_(self) -> str:
        # What needs a decision comes first; of many grants only the first are shown.
        rows = self.table.to_pylist()
        rows.sort(key=lambda row: (not (row["remove"] or row["replace"]), not (row["ask"] or row["wait"])))
        return f"<p>{self!r}</p>{grid(_SHOWN, ([row[name] for name in _SHOWN] for row in rows))}"


@dataclass(frozen=True, eq=False, repr=False)
class UnusedPrivileges(Findings):
    """The findings of PRV-1, with advice for each grant."""

    def recommend(self) -> Advice:
        """Return the advice for each grant, and the calls of which nobody can say what they needed.

        Of the calls seen whose operation a catalogue knows, the advised scopes permit every one: only scopes that none of
        them used are removed, and a narrower scope is advised only where it is enough whatever else is narrowed.

        Returns
        -------
        Advice
            One row a grant: source, tenant, client_id, subject_id, grant_id, keep, remove, replace (text `old -> new`), ask,
            wait (lists of scopes), calls (all that succeeded and are of the grant, or may be) and calls_unknown: those whose operation no catalogue
            knows or that may be of another grant; any of them may have needed a scope that is removed.
        """
        import pyarrow

        names = ("source", "tenant", "client_id", "subject_id", "grant_id")
        advice: dict[tuple, dict[str, Any]] = {}
        for row in self.to_dicts():
            detail = row["detail"]
            key = tuple(row[name] for name in names)
            entry = advice.setdefault(
                key, {"keep": [], "remove": [], "replace": [], "ask": [], "wait": [], "calls": 0, "calls_unknown": 0}
            )
            said = detail["scope"] if detail["action"] != "replace" else f"{detail['scope']} -> {detail['replacement']}"
            entry[detail["action"]].append(said)
            entry["calls"] = detail["calls"]
            entry["calls_unknown"] = calls_unknown(detail)
        lists = [(name, pyarrow.list_(pyarrow.string())) for name in ("keep", "remove", "replace", "ask", "wait")]
        schema = pyarrow.schema(
            [(name, pyarrow.string()) for name in names]
            + lists
            + [("calls", pyarrow.int64()), ("calls_unknown", pyarrow.int64())]
        )
        ordered = sorted(advice.items(), key=lambda item: tuple(part or "" for part in item[0]))
        rows = [{**dict(zip(names, key, strict=True)), **entry} for key, entry in ordered]
        return Advice(table_of(rows, schema))
