"""Asks rules of a store: one question a function, or many at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from grantlens import relations
from grantlens.conclusion.conclusion import BROUGHT
from grantlens.conclusion.held import could_tell
from grantlens.conclusion.nothing_found import why_empty
from grantlens.errors import RuleError, StoreError, WindowError
from grantlens.findings import (
    Backtest,
    Findings,
    FindingsByRule,
    RevocationLag,
    SmallestScopes,
    UnusedPrivileges,
    smallest,
)
from grantlens.findings.frame import gather
from grantlens.findings.intervals import NEEDS, calls_after, intervals
from grantlens.findings.pointers import relations_of
from grantlens.framed import Rows
from grantlens.handwritten import did_you_mean
from grantlens.rule.rule import Rule
from grantlens.rule.written import defaults, written_out
from grantlens.rules import find, registry
from grantlens.view import View, view_of
from grantlens.window import format_time, parse_time

if TYPE_CHECKING:
    from grantlens.store import Store

MOST = {"share": 1, "probability": 1, "seconds": 3_155_760_000, "minutes": 52_596_000, "hours": 876_600, "days": 36_525}
"""The largest number that a parameter of a unit takes: the whole, or a hundred years, beyond which dates overflow."""

__all__ = ["backtest", "out_of_scope", "revocation_lag", "run", "smallest_scopes", "unused_privileges"]


def __dir__() -> list[str]:
    """Name the questions only: they are what somebody looks for who presses the tab key."""
    return __all__


def run(
    store: Store | View,
    rules: str | Iterable[str] | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
    parameters: Mapping[str, Any] | None = None,
    evidence: str = "few",
) -> FindingsByRule:
    """Ask several rules at once: what they share is worked out once.

    Parameters
    ----------
    store
        A store, or `store.between(...)`.
    rules
        Ids or names; all rules if left out.
    since, until, now
        The window of a store that comes without one: all that the logs cover, up to `now`, if left out.
    parameters
        Values for parameters of the rules, by name; those left out keep their defaults.
    evidence
        "few" gathers at most 20 events behind each finding, the first and the last always; "all" gathers every one.

    Returns
    -------
    FindingsByRule
        A list of `Findings`, one a rule, in the order of reports; `found["OOS-3"]` is that rule's.

    Raises
    ------
    RuleError
        If a rule or parameter does not exist, or a value does not fit.
    WindowError
        If a window is given for what has one already.
    StoreError
        If it is neither a store nor a view of one.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     [len(found) for found in gl.detect.run(store, ["OOS-1", "REV-4"], since="2026-07-01", until="2026-10-01")]
    [0, 0]
    """
    if evidence not in ("few", "all"):
        raise RuleError(f"There is no evidence {evidence!r}.", 'Give "few" or "all".')
    view = view_asked(store, since, until, now)
    with asked(view, rules, parameters, evidence) as found:
        return found


@contextmanager
def asked(
    view: View,
    rules: str | Iterable[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    evidence: str = "few",
    also: Iterable[str] = (),
) -> Iterator[FindingsByRule]:
    """Ask several rules, and keep what they rest on until the block ends.

    Parameters
    ----------
    view, rules, parameters, evidence
        As for `run`.
    also
        More relations to work out; inside the block they are tables of their own names.
    """
    chosen = _chosen(rules)
    given = _given(chosen, parameters)
    engine = view.store.engine
    shared = {**view.window.parameters(), "every_call": evidence == "all"}
    with relations.worked_out(engine, (*relations_of(chosen), *also), shared):
        yield _found(view, chosen, shared, given)


def out_of_scope(store: Store | View, **parameters: Any) -> Findings:
    """Which actions did no granted scope permit at that moment (OOS-1)?

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.
    parameters
        Of the rule.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     len(gl.detect.out_of_scope(store.between("2026-07-01", "2026-10-01")))
    0
    """
    return run(store, "OOS-1", parameters=parameters)[0]


def unused_privileges(store: Store | View, **parameters: Any) -> UnusedPrivileges:
    """Which granted scopes were never needed, and how sure can we be (PRV-1)?

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.
    parameters
        Of the rule: horizon_days, floor_days, floor_sessions, min_coverage, min_map, break_even.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     len(gl.detect.unused_privileges(store.between("2026-07-01", "2026-10-01")))
    0
    """
    found = run(store, "PRV-1", parameters=parameters)[0]
    assert isinstance(found, UnusedPrivileges)
    return found


def backtest(store: Store | View, at: str | datetime, **parameters: Any) -> Backtest:
    """Had the advice on unused privileges been followed at a moment, which later calls would have failed?

    The advice rests on what the logs say of the time before, and is tried on the calls after it: so it shows how far such
    advice can be trusted here.

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.
    at
        The moment, inside the window.
    parameters
        Of the rule, as for `unused_privileges`, but for horizon_days: that is the time after the moment.

    Raises
    ------
    RuleError
        If horizon_days is given, or a value does not fit.
    WindowError
        If the moment is not inside the window.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.detect.backtest(store.between("2026-07-01", "2026-10-01"), at="2026-09-01")
    Advice from 2026-07-01 to 2026-09-01, tried on 2026-09-01 to 2026-10-01: of 0 granted scopes to remove, 0 could be tried.
    """
    view = view_asked(store)
    moment = parse_time(at)
    if "horizon_days" in parameters:
        raise RuleError("The horizon of a backtest is the time after its moment.", "Leave horizon_days out.")
    if not view.window.since < moment < view.window.until:
        raise WindowError(f"{format_time(moment)} does not lie inside {view.window}.", "Give a moment between the two.")
    before, after = replace(view.window, until=moment), replace(view.window, since=moment)
    advice = unused_privileges(View(view.store, before, moment), **parameters, horizon_days=after.days)
    return Backtest.of(advice, unused_privileges(View(view.store, after, after.until), **parameters))


def smallest_scopes(store: Store | View) -> SmallestScopes:
    """What is the smallest scope set that would have been enough for each client, beside what it held?

    The answer is exact set cover over the calls seen: a scope costs by its risk first, then by how many operations it opens.

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.detect.smallest_scopes(store.between("2026-07-01", "2026-10-01"))
    Smallest scope sets 2026-07-01 to 2026-10-01: of 0 clients 0 held more than their calls needed.
    """
    view = view_asked(store)
    engine = view.store.engine
    with relations.worked_out(engine, smallest.NEEDS, {**view.window.parameters(), "every_call": False}):
        return smallest.smallest_scopes(engine, view.window)


def revocation_lag(store: Store | View, **parameters: Any) -> RevocationLag:
    """After access was withdrawn or a token replaced, how long did it go on working, and was it given back (the REV rules)?

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.
    parameters
        Of the rules.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     [len(found) for found in gl.detect.revocation_lag(store.between("2026-07-01", "2026-10-01")).rules]
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    view = view_asked(store)
    family = tuple(rule for rule in registry().values() if rule.family == "REV")
    given = _given(family, parameters)
    shared = {**view.window.parameters(), "every_call": False}
    engine = view.store.engine
    with relations.worked_out(engine, (*relations_of(family), *NEEDS), shared):
        found = _found(view, family, shared, given)
        table, sql = intervals(engine, shared)
        calls = Rows("Calls after a revocation", calls_after(engine, shared))
    return RevocationLag(view.window, view.now, table, calls, found, sql)


def view_asked(
    store: Store | View,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
) -> View:
    """Return the view that is asked: as it is given, or of a store."""
    from grantlens.store import Store

    if isinstance(store, Store):
        return view_of(store, since, until, now)
    if not isinstance(store, View):
        raise StoreError(f"{store!r} is no open store.", "Open it first: gl.open(PATH).")
    if (since, until, now) != (None, None, None):
        raise WindowError(
            f"A window was given for {store}, which has one.",
            "Give the store itself, or leave since, until and now out.",
        )
    return store


def _found(
    view: View, rules: tuple[Rule, ...], shared: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]]
) -> FindingsByRule:
    asked = [(rule, {**shared, **given[rule.id]}) for rule in rules]
    engine, found = view.store.engine, FindingsByRule()
    logs = dict(engine.rows(_LOGS, view.window.parameters()))
    brought = dict(zip(BROUGHT, engine.rows(_IS_BROUGHT)[0], strict=True))
    tables = gather(engine, asked)
    held = () if all(table.num_rows for table in tables) else could_tell(engine)
    for (rule, values), table in zip(asked, tables, strict=True):
        kind = UnusedPrivileges if rule.id == "PRV-1" else Findings
        why = None if table.num_rows else why_empty(view.window, rule, logs, brought, held)
        found.append(kind(rule, view.window, view.now, dict(given[rule.id]), table, written_out(rule, values), why))
    return found


def _chosen(rules: str | Iterable[str] | None) -> tuple[Rule, ...]:
    if rules is None:
        return tuple(registry().values())
    wanted = {
        find(name).id for name in (rules if isinstance(rules, Iterable) and not isinstance(rules, str) else [rules])
    }
    return tuple(rule for rule in registry().values() if rule.id in wanted)


def _given(rules: Iterable[Rule], parameters: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return each rule's parameters, the given values in place of the defaults."""
    rules = tuple(rules)
    # What numpy and pandas count with is a number too, and DuckDB does not take it as one.
    parameters = {name: _own_number(value) for name, value in (parameters or {}).items()}
    known = {parameter.name: parameter for rule in rules for parameter in rule.parameters}
    for name, value in parameters.items():
        if name not in known:
            raise _unknown(name, rules, known)
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
            raise RuleError(
                f"Parameter {name} takes a number of {known[name].unit} that is not negative, not {value!r}.",
                f"Its default is {known[name].default}.",
            )
        most = MOST.get(known[name].unit)
        if most is not None and float(value) > most:
            raise RuleError(
                f"Parameter {name} is at most {most:,} ({known[name].unit}), not {value!r}.",
                f"Its default is {known[name].default}.",
            )
    return {
        rule.id: {name: _as_default(parameters.get(name, value), value) for name, value in defaults(rule).items()}
        for rule in rules
    }


def _as_default(value: Any, default: Any) -> Any:
    """Return a number as the default is written, where nothing is lost: the SQL multiplies a float further than an integer."""
    return float(value) if isinstance(default, float) or value != int(value) else int(value)


def _unknown(name: str, rules: Sequence[Rule], known: Iterable[str]) -> RuleError:
    """Say that no rule that is asked has a parameter, and what to write instead."""
    others = [rule.id for rule in registry().values() if any(each.name == name for each in rule.parameters)]
    if name in ("since", "until", "now"):
        hint = "Give the window with the store: store.between(since, until, now)."
    elif others:
        hint = f"{' and '.join(others)} {'has' if len(others) == 1 else 'have'} it: ask that rule too."
    else:
        hint = did_you_mean(name, known, f"There are {', '.join(sorted(known)) or 'none'}.")
    asked = f"None of {', '.join(rule.id for rule in rules)}" if len(rules) < 4 else "No rule"
    return RuleError(f"{asked} has a parameter {name!r}.", hint)


def _own_number(value: Any) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, (bool, int)) else value


_LOGS = """
SELECT log::VARCHAR, bool_or(covered_from < $until AND covered_until > $since) FROM coverage WHERE NOT is_gap GROUP BY log
"""

_IS_BROUGHT = """
SELECT EXISTS (FROM cat_operation) AS catalogue, EXISTS (FROM register) AS register, EXISTS (FROM server) AS server,
       EXISTS (FROM decision) AS decision
"""
