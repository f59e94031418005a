"""What to do with a granted scope: keep, remove, replace, ask its owner, or wait for more evidence."""

from __future__ import annotations

from dataclasses import dataclass

from grantlens.analysis.gamma_poisson import rule_of_three
from grantlens.wording import chance, plural

MAYBE_OVER = "No revocation log shows all the time since: that the grant ended may be missing."


@dataclass(frozen=True)
class Decision:
    """The answer for one granted scope.

    Parameters
    ----------
    state
        used, unused, insufficient_evidence or not_observable.
    action
        keep, remove, ask or wait.
    reason
        Why, in one sentence for people.
    """

    state: str
    action: str
    reason: str


def decide(
    *,
    uses: int,
    p_needed: float | None,
    horizon_days: float = 90.0,
    exposure_days: float,
    sessions: float = 0,
    coverage_share: float = 1.0,
    map_share: float = 1.0,
    unobservable: str | None = None,
    sensitive: bool = False,
    accepted: str | None = None,
    held_until: str | None = None,
    maybe_over: bool = False,
    floor_days: float = 30.0,
    first_use_p95: float | None = None,
    floor_sessions: float = 60,
    min_coverage: float = 0.95,
    min_map: float = 0.90,
    break_even: float = 0.05,
) -> Decision:
    """Decide about one granted scope: it is called unused only where the evidence carries that.

    Parameters
    ----------
    uses
        Calls that credit the scope.
    p_needed
        Probability that it is needed in the next `horizon_days` days; None where nothing could be learned.
    exposure_days, sessions
        How long, and in how many sessions, the scope was there inside log coverage.
    coverage_share, map_share
        Share of the exposure that the logs cover, and share of calls whose operation the catalogue knows.
    unobservable
        Why nothing that is held could have shown a use, as a sentence; None where a use would be seen.
    sensitive
        True for scopes whose use hurts most: they are to be granted on demand, not removed for good.
    accepted
        Why the organisation accepts that it is silent, such as a job that runs once a year; never called unused then.
    held_until
        The day on which it ceased to be held; None where it is held still.
    maybe_over
        True if the record that its grant ended may be missing.
    floor_days, first_use_p95, floor_sessions
        The evidence floor: exposure of at least max(floor_days, first_use_p95), or so many sessions.
    min_coverage, min_map
        The least shares that carry a verdict.
    break_even
        Removal pays below this probability: cost of a risk kept over cost of a break plus that of a risk kept.

    Examples
    --------
    >>> decide(uses=0, p_needed=0.02, exposure_days=120).action
    'remove'
    >>> decide(uses=0, p_needed=0.3, exposure_days=3).state
    'insufficient_evidence'
    """
    if uses > 0:
        return Decision("used", "keep", f"Used {plural(uses, 'time')} in the window.")
    if unobservable is not None:
        return Decision("not_observable", "ask", unobservable)
    if accepted is not None:
        return Decision("insufficient_evidence", "ask", f"The register accepts that it is silent: {accepted}.")
    if coverage_share < min_coverage:
        need = f"{chance(min_coverage)} are needed"
        return Decision(
            "insufficient_evidence", "wait", f"The logs cover {chance(coverage_share)} of the exposure; {need}."
        )
    if map_share < min_map:
        need = f"{chance(min_map)} are needed"
        return Decision(
            "insufficient_evidence",
            "wait",
            f"Of the calls that are or may be of this grant {chance(map_share)} are its own, and known to a catalogue; {need}.",
        )
    floor = max(floor_days, first_use_p95 or 0.0)
    if exposure_days < floor and sessions < floor_sessions:
        return Decision(
            "insufficient_evidence",
            "wait",
            f"No use in {exposure_days:.1f} days and {plural(sessions, 'session')}; "
            f"{floor:.0f} days or {floor_sessions:,.0f} sessions are needed.",
        )
    # In the digits of the exposure elsewhere: 89.9 days are not yet 90.
    watched = f"{round(exposure_days, 1):,g}"
    silent = f"No use in {watched} day{'' if watched == '1' else 's'}"
    if p_needed is None:
        bound = (
            f": at most {chance(rule_of_three(sessions))} of sessions can be taken to need it" if sessions >= 3 else ""
        )
        few = f"there are too few grants to learn from how likely it is needed in the next {horizon_days:g} days."
        return Decision("unused", "ask", f"{silent} and {plural(sessions, 'session')}{bound}; {few}")
    likely = f"{silent}; the chance that it is needed in the next {horizon_days:g} days is"
    if p_needed >= break_even:
        return Decision("unused", "ask", f"{likely} {chance(p_needed)}, not below {chance(break_even)}.")
    reason = f"{likely} {chance(p_needed)}, below {chance(break_even)}."
    if held_until is not None:
        return Decision("unused", "ask", f"{reason} It is not held since {held_until}: ask before it is granted again.")
    if maybe_over:
        return Decision("unused", "ask", f"{reason} {MAYBE_OVER}")
    return Decision("unused", "remove", f"{reason} It is sensitive: grant it on demand only." if sensitive else reason)
