"""Asks rules of a store: one question a function, or many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
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
from grantlens.rule.parameters import MOST, values_of
from grantlens.rule.rule import Rule
from grantlens.rule.written import written_out
from grantlens.rules import find, registry
from grantlens.view import View, view_of
from grantlens.window import format_time, parse_time

if TYPE_CHECKING:
    from grantlens.store import Store

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
    given = values_of(chosen, parameters, registry().values())
    engine = view.store.engine
    shared = {**view.window.parameters(), "every_call": evidence == "all"}
    with relations.worked_out(engine, (*relations_of(chosen), *also), shared):
        yield _found(view, chosen, shared, given)


def out_of_scope(store: Store | View, **parameters: Any) -> Findings:
    """Which actions did no granted scope permit at that moment (OOS-1)?

    A call is judged by the scopes of its token where a log names them, else by those that the call repeats, else by those of its grant
    at that moment. An operation that no catalogue knows is left undecided.

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.
    parameters
        Of the rule: it has none.

    Returns
    -------
    Findings
        A row for each client, person, grant and operation; its columns and their types are those of `Findings.table`.

    Raises
    ------
    RuleError
        If a parameter does not exist, or a value does not fit.
    StoreError
        If it is neither a store nor a view of one.

    References
    ----------
    RFC 6749 section 3.3 and RFC 6750 section 3.1. The cases that decide what is in scope: docs/rules.md, OOS-1.

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
        Of the rule: horizon_days (90 days; for how long a future a need is asked for), floor_days (30 days) or floor_sessions
        (60) of exposure before a scope may be called unused, learn_days (7 days; shorter grants teach nothing), min_coverage
        (0.95 of the grant's life that the usage log must cover), min_map (0.9 of its calls that a catalogue must know) and
        break_even (0.05; below this chance of a need a scope should go).

    Returns
    -------
    UnusedPrivileges
        A row for each grant and granted scope, also the used ones (verdict clear); `recommend()` puts them together by grant.

    Raises
    ------
    RuleError
        If a parameter does not exist, or a value does not fit.
    StoreError
        If it is neither a store nor a view of one.

    References
    ----------
    NIST SP 800-53 AC-6(7). When a scope counts as unused: docs/rules.md, PRV-1.

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

    Returns
    -------
    Backtest
        A row for each granted scope that the advice would take away, narrow or ask about, with the calls that needed it afterwards.

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
    horizon = min(after.days, MOST["days"])
    advice = unused_privileges(View(view.store, before, moment), **parameters, horizon_days=horizon)
    return Backtest.of(advice, unused_privileges(View(view.store, after, after.until), **parameters))


def smallest_scopes(store: Store | View) -> SmallestScopes:
    """What is the smallest scope set that would have been enough for each client, beside what it held?

    The answer is exact set cover over the calls seen: a scope costs by its risk first, then by how many operations it opens.

    Parameters
    ----------
    store
        A store, for all that its logs cover, or `store.between(...)`.

    Returns
    -------
    SmallestScopes
        A row for each client of which a call could be judged: what it held, and what would have been enough.

    Raises
    ------
    StoreError
        If it is neither a store nor a view of one.

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
        Of the REV rules, by name, such as leaver_hours=8 for REV-10; docs/rules.md lists them.

    Returns
    -------
    RevocationLag
        A row for each revocation, token (or grant) and server, with the bounds of its lag in seconds; `curve()` is their
        distribution, `rules` holds the findings.

    Raises
    ------
    RuleError
        If a parameter does not exist, or a value does not fit.
    StoreError
        If it is neither a store nor a view of one.

    References
    ----------
    RFC 7009 section 2 and RFC 7662 section 4. Lags are interval-censored: B. W. Turnbull, 1976.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     [len(found) for found in gl.detect.revocation_lag(store.between("2026-07-01", "2026-10-01")).rules]
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    view = view_asked(store)
    family = tuple(rule for rule in registry().values() if rule.family == "REV")
    given = values_of(family, parameters, registry().values())
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
    brought = dict(zip(BROUGHT, engine.rows(_IS_BROUGHT.format(stored=engine.stored))[0], strict=True))
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


_LOGS = """
SELECT log::VARCHAR, bool_or(covered_from < $until AND covered_until > $since) FROM coverage WHERE NOT is_gap GROUP BY log
"""

# Over the catalogue a case lays the operations of its own calls, which may be none.
_IS_BROUGHT = """
SELECT EXISTS (FROM {stored}.cat_operation) AS catalogue, EXISTS (FROM register) AS register, EXISTS (FROM server) AS server,
       EXISTS (FROM decision) AS decision, EXISTS (FROM review_snapshot) AS review_date, EXISTS (FROM details_type) AS details_type
"""
