"""What silence is worth in a case: where its logs are there, for how much of its time, and which are missing."""

from __future__ import annotations

import re
from typing import Any

from grantlens.case.listing import few
from grantlens.catalogue.optional import OPTIONAL
from grantlens.schema import LOGS
from grantlens.wording import share, when


def scope(facts: dict[str, Any], log: str) -> str:
    """Return where and when nothing was seen, how much of the case's time the log is there, and of whom it is missing."""
    rows = [row for row in facts["coverage"] if row["log"] == log and not _told_in_full(facts, row)]
    if not rows:
        return f"in these logs, but no {log} log{_then(facts)} is held, so that means nothing"
    held = [
        f"the {_log(row)} between {_second(row['from'])} and {_second(row['until'])} UTC "
        + (
            "(in part: its silence proves nothing)"
            if row["in_part"]
            else f"(coverage {share(row['share'])} of the case's time)"
        )
        for row in rows
    ]
    return "; ".join([f"in {few(held)}", *_missing(facts, log)])


TOOK = {
    "stops": "what is in no log since it called {}, which stops one",
    "deletes": "what stood in the records that it deleted by {}",
    "changes": "what is in no log since it called {}, if it narrowed one by that",
}
"""What is lost by each kind of removal."""


def removed(facts: dict[str, Any]) -> list[str]:
    """Return what cannot be known because the case is of who took it away."""
    lines = []
    for does, lost in TOOK.items():
        calls = [
            f"{r['operation']} at {_second(r['first_used_at'])} UTC" for r in facts["removed"] if r["does"] == does
        ]
        lines += [lost.format(few(calls))] if calls else []
    return lines


def outside(facts: dict[str, Any]) -> list[str]:
    """Return what cannot be known because no log was there, or only a part of one."""
    lines = [missing for log in LOGS for missing in _missing(facts, log)]
    thin = [
        f"the {_log(row)} covers {share(row['share'])} ({_second(row['from'])} to {_second(row['until'])})"
        for row in facts["coverage"]
        if row["share"] < 0.999 and not row["in_part"]
    ]
    if thin:
        time = f"{_second(facts['since'])} to {_second(facts['until'])} UTC"
        lines.append(f"what happened outside the logs: of the case's time, {time}, {few(thin)}")
    partial = [f"the {_log(row)}" for row in facts["coverage"] if row["in_part"] and not _told_in_full(facts, row)]
    if partial:
        lines.append(f"what is left out of {few(partial)}: only some of what happened is there")
    return lines + _not_asked_for(facts)


def _not_asked_for(facts: dict[str, Any]) -> list[str]:
    """Return what cannot be known because a log holds some calls only where somebody asked for them, and none of these is of the case."""
    called = [row["operation"] for row in facts["operations"]]
    return [
        f"whether the usage log of {row['name']} holds all calls: of this case {each.lacks}"
        for row in facts["sources"]
        for each in OPTIONAL
        if each.loader == row["source"] and not any(re.fullmatch(each.calls, name) for name in called)
    ]


def _told_in_full(facts: dict[str, Any], row: dict[str, Any]) -> bool:
    """Tell whether a part of a log adds nothing to say, as another file of the same log shows it in full."""
    return row["in_part"] and any(
        not other["in_part"] and (other["name"], other["log"]) == (row["name"], row["log"])
        for other in facts["coverage"]
    )


def _missing(facts: dict[str, Any], log: str) -> list[str]:
    held = {row["name"] for row in facts["coverage"] if row["log"] == log}
    names = [row["name"] for row in facts["sources"] if row["name"] not in held]
    return [f"no {log} log of {few(names)}{_then(facts)} is held"] if names else []


def _then(facts: dict[str, Any]) -> str:
    """Return what limits a log that is missing: where all are, they may begin later."""
    return "" if facts["coverage"] else " of that time"


def _log(row: dict[str, Any]) -> str:
    return f"{row['log']} log of {row['name']}"


def _second(moment: str) -> str:
    return when(moment)[:19]
