"""What the keys of a finding's `detail` mean, in words for a reader; the JSON keeps the keys."""

from __future__ import annotations

from collections.abc import Mapping

from grantlens.window import NO_TIME
from grantlens.wording import day, when

_DETAIL = {
    "accepted": "Reuses for which tokens were given",
    "address_before": "Address that the replacement came from",
    "after_s": "Shortest time since another call of its own",
    "again_after_s": "Shortest time from the replacement to the reuse",
    "allowed_s": "Time that the server is documented to need",
    "apart_s": "Time from the first issue to the last",
    "applied": "Set right in all answers",
    "approved_tenants": "Tenants that share with the client",
    "actor": "Who made it",
    "calls_after_decision": "Calls after the decision that worked",
    "calls_after_due": "Of them after the revocation was due",
    "came_of": "Clients of the tokens that they came of",
    "cannot_tell": "What this cannot tell",
    "censored": "What bounds the lag",
    "clock_entry": "What to state of the clock",
    "coverage_share": "Share of the time that logs cover",
    "details_from": "What names the details",
    "does": "What the call does to the log",
    "due_at": "Revocation due",
    "ends_apart_s": "Time from the first end to the last",
    "ends_by": "What ended it",
    "entitlements": "Entitlements: what the client may do for one subject each",
    "exposure_days": "Days watched",
    "failed": "Of them tried in vain",
    "family_ended": "Other tokens of the grant ended in time",
    "first_denial_s": "First refusal after the revocation",
    "grave_calls": "Calls that destroy, or write what is sensitive",
    "held_from": "What names the scopes",
    "history_share": "Share of the time before it that the log covers",
    "hours_behind": "Of these hours those in which most tokens were used before",
    "hours_told": "Hours with tokens enough to tell of a clock",
    "in_time": "Grants ended in time",
    "inverted": "Of them used before their issue, whatever the clocks' error",
    "in_part": "The log shows only some of the calls",
    "issuance_log": "Issuance log of that time",
    "issued_after_s": "Issued after the revocation",
    "known_hours": "Hours for which the client had been seen before",
    "lag_lower_s": "Went on working for at least",
    "lag_upper_s": "Went on working for at most",
    "last_success_s": "Last success after the revocation",
    "last_review_at": "Last review before it",
    "late": "Grants ended late",
    "life_ends_s": "End of the token's life after the revocation",
    "longest_open_s": "Longest time open without a break",
    "longest_s": "Longest time from decision to revocation",
    "map_share": "Share of the calls that a catalogue knows",
    "most_s": "How long, at most",
    "next_review_at": "First review after it",
    "not_applied": "Why it is not set right",
    "not_covered": "Members by which objects do not cover it",
    "not_for": "Servers that the audience leaves out",
    "not_shown": "What is shown no more",
    "of_tokens": "Times known by tokens alone, without a consent",
    "offset_s": "Estimated offset of the usage clock",
    "open_s": "Time open, all together",
    "operations_after": "Operations that the narrower scope opens",
    "operations_before": "Operations that the scope opens",
    "other_members": "Members of which the register says nothing",
    "own_tenant": "Tenant of the client",
    "p_needed": "Chance that it is needed",
    "pairs": "Tokens whose issue and first use are known",
    "parent_unknown": "Tokens whose parent is in no log",
    "refusals_unjudged": "Refused calls that no catalogue knows",
    "resource_tenant": "Tenant of what it reached",
    "risk_rank": "Risk, from 0 (identity only) to 4 (privilege escalation)",
    "signed_in_at": "Last sign-in that they name",
    "silent_hours": "Hours of silence in the log after it",
    "standing": "Grants without an end in the logs",
    "stated": "Something was stated of the clocks",
    "still_inverted": "Of them even with the offset that is applied",
    "stretches": "Times that access came and went",
    "sure_grants": "Grants of which this is certain",
    "times": "How often",
    "undecided": "Grants of which it is not known",
    "types": "Types of authorization details that claim it",
    "unseen": "Entitlements on the list of no review",
    "unseen_unsure": "Entitlements of which that is not known",
    "uses_after": "Calls that succeeded after it",
    "usual_gap_days": "Usual days from one day of use to the next",
    "writes_after": "Of them calls that write",
    "zone_hours": "Hours between the time zones",
}

_CENSORED = {
    "no": "a success before its end and a refusal after it",
    "left": "a refusal only: no success was seen after the revocation",
    "right": "a success only: no refusal was seen after it, or nobody tried",
}

_EXPLAINED = {
    "cache": "the server's cache, as documented",
    "exception": "an exception in the register",
    "offline_jwt": "offline validation of tokens, as documented",
    "propagation": "the time that the server is documented to need",
    "register": "the register, which names its owner and purpose",
}


def label(key: str) -> str:
    """Return what a key of `detail` means; a key without words of its own is read as words.

    Examples
    --------
    >>> label("sure_grants"), label("revocation_event")
    ('Grants of which this is certain', 'Revocation event')
    """
    return _DETAIL.get(key, words(key).capitalize())


def words(text: str) -> str:
    """Return an identifier as words; the unit of seconds goes, since durations carry theirs.

    Examples
    --------
    >>> words("last_success_s"), words("not_demonstrated")
    ('last success', 'not demonstrated')
    """
    return text.removesuffix("_s").replace("_", " ")


def censored(value: str) -> str:
    """Return which attempts bound a lag."""
    return _CENSORED.get(value, value)


def explained(value: str) -> str:
    """Return what explains a finding.

    Examples
    --------
    >>> explained("offline_jwt")
    'offline validation of tokens, as documented'
    """
    return _EXPLAINED.get(value, value)


def period(window: Mapping[str, str | None]) -> str:
    """Return the days of a window, and the times where it is within one; what has no ends is that of a store without events.

    Examples
    --------
    >>> period({"since": "2026-07-01T00:00:00Z", "until": "2026-10-01T00:00:00Z"}), period({"since": None, "until": None})
    ('2026-07-01 to 2026-10-01', 'a store without events')
    """
    since, until = window["since"], window["until"]
    if since is None:
        return NO_TIME
    if day(since) == day(until):
        return f"{when(since)} to {when(until)} UTC"
    return f"{day(since)} to {day(until)}"
