"""Why a rule found nothing: no log to look at, none that could show it, nothing to judge by, or truly nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from grantlens.conclusion.conclusion import Conclusion, Source, conclude, lacking
from grantlens.rule.evidence import Way
from grantlens.wording import first_few, listed, number

if TYPE_CHECKING:
    from grantlens.rule.rule import Rule
    from grantlens.window import Window

NOTHING = "Nothing of the kind is found in the logs held for this window."
"""Begins what is said of a rule that could look, and found nothing; of one that could not, something else is said."""


def could_not_look(why: str | None) -> bool:
    """Tell from why nothing was found whether the rule could not look: then that it found nothing says nothing.

    Examples
    --------
    >>> could_not_look("The store holds no log."), could_not_look(NOTHING), could_not_look(None)
    (True, False, False)
    """
    return why is not None and not why.startswith(NOTHING)


def why_empty(
    window: Window,
    rule: Rule,
    logs: Mapping[str, bool],
    brought: Mapping[str, bool],
    held: Iterable[tuple[Source, Source]],
) -> str:
    """Say why nothing was found.

    Parameters
    ----------
    window, rule
        What was asked.
    logs
        The logs of the store, and whether they cover any of the window.
    brought
        What an organisation brings, and whether it is in the store.
    held
        Of each source what its provider could tell, and what the logs that are held of it could: two sources make no pair of
        logs, so one must have all that a rule needs.
    """
    if not logs:
        return "The store holds no log."
    pairs = tuple(held)
    ways = _open_ways(rule, pairs)
    way = min(ways, key=lambda way: _wanting(way, logs, brought))
    if gone := [log for log in way.logs if log not in logs]:
        return f"No {' log and no '.join(gone)} log is in the store."
    if before := [log for log in way.logs if not logs[log]]:
        return f"No {' log and no '.join(before)} log covers any of {window}."
    concluded = [(there, _conclude(rule, provider, there)) for provider, there in pairs]
    if rule.rests_on.verdict and concluded and all(each.level == "no" for _, each in concluded):
        return _cannot(concluded)
    if lacks := [thing for thing in way.brought if not brought[thing]]:
        return " ".join(f"No {_BROUGHT[thing]} is in the store: {_add(thing)}." for thing in lacks)
    more = {thing for way in ways for thing in way.brought if not brought[thing] and not set(way.logs) - set(logs)}
    return " ".join([NOTHING, *(f"With a {_BROUGHT[thing]} more could be: {_add(thing)}." for thing in sorted(more))])


def _open_ways(rule: Rule, held: Iterable[tuple[Source, Source]]) -> Sequence[Way]:
    """Return the ways of a rule for which some source has all; all, if there are none."""
    ways = rule.rests_on.verdict + rule.rests_on.bounds
    found = [way for way in ways if any(not lacking(way, there) for _, there in held)]
    return found or ways or [Way()]


def _conclude(rule: Rule, provider: Source, there: Source) -> Conclusion:
    """Conclude from what is there; where the provider could not tell anyway, that says more than which log is not held."""
    ever = conclude(rule, provider)
    return ever if ever.level == "no" else conclude(rule, there)


def _cannot(concluded: Sequence[tuple[Source, Conclusion]]) -> str:
    """Say what each source lacks: once where it is the same for all, else with their names, those that lack least first."""
    by_lack: dict[tuple[str, ...], list[str]] = {}
    for source, each in concluded:
        by_lack.setdefault(each.lacks, []).append(source.name)
    if len(by_lack) == 1:
        return f"Logs of these providers cannot show it: {', '.join(concluded[0][1].lacks)}."
    nearest = sorted(by_lack.items(), key=lambda item: (len(item[0]), item[1]))
    told = [f"{_names(names)}: {', '.join(lacks)}" for lacks, names in nearest[:_MOST]]
    rest = sum(len(names) for _, names in nearest[_MOST:])
    return f"No log in the store can show it. {'; '.join(told)}{f'; {number(rest)} more lack as much or more' if rest else ''}."


def _names(names: Sequence[str]) -> str:
    return listed(first_few(names, _MOST))


def _wanting(way: Way, logs: Mapping[str, bool], brought: Mapping[str, bool]) -> tuple[int, int, int]:
    """Count what a way does not find, what concerns most first."""
    return (
        sum(log not in logs for log in way.logs),
        sum(not logs.get(log) for log in way.logs),
        sum(not brought[thing] for thing in way.brought),
    )


def _add(thing: str) -> str:
    if thing == "review date":
        return "write one as [[review]] into a file for `grantlens register add`"
    if thing == "details type":
        return "write one as [[details_type]] into a file for `grantlens register add`"
    if thing == "catalogue":
        return "make one with `grantlens catalogue build`, then `grantlens catalogue add`"
    return f"add one with `grantlens {thing} add`"


_MOST = 3
"""Groups of sources, and names of one, that are told before they are counted."""

_BROUGHT = {
    "catalogue": "catalogue",
    "register": "register",
    "server": "table of servers",
    "decision": "decision",
    "review date": "date of a review",
    "details type": "type of authorization details",
}
