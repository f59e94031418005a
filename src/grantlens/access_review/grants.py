"""Grants: each that was alive in the window, and whether its use was, or could have been, seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from grantlens import relations
from grantlens.access_review.ask import ask, covered_logs
from grantlens.detect import view_asked
from grantlens.framed import Framed
from grantlens.relations.grant_life import may_have_ended
from grantlens.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

    from grantlens.engine.duckdb import Engine
    from grantlens.store import Store
    from grantlens.view import View

_GRANTS = f"""
WITH ending AS (
    SELECT DISTINCT ON (source, revocation_event) source, revocation_event, revoked_at, record.seen_at AS logged_at, kind, initiator
    FROM effective_revocation ORDER BY source, revocation_event, revoked_at
),
consent AS (
    SELECT g.source, g.grant_id, g.opened_at, min(i.issued_at) AS consented_at, arg_min(i.consent_kind, i.issued_at) AS consent_kind,
           arg_min(i.consent_actor, i.issued_at) AS consent_actor
    FROM grant_life g
    JOIN issued i ON i.source = g.source AND i.grant_id = g.grant_id AND i.kind = 'consent'
        AND i.issued_at >= g.opened_at AND (g.ended_at IS NULL OR i.issued_at <= g.ended_at)
    GROUP BY ALL
),
life AS (
    SELECT g.source, g.tenant, g.grant_id, g.opened_at, coalesce(g.closed_at, 'infinity'::TIMESTAMPTZ) AS closed_at,
           -- As their log has it: what that tells of before the end of the window is over at it.
           coalesce(e.logged_at, g.closed_at) AS ended_at, e.kind, e.initiator, coalesce(d.logged_at, g.doubt.at) AS doubted_at,
           greatest(g.opened_at, $since::TIMESTAMPTZ) AS seen_from,
           least(coalesce(g.closed_at, $until::TIMESTAMPTZ), $until::TIMESTAMPTZ, $now::TIMESTAMPTZ) AS seen_until,
           -- What ends in the moment in which the window does is alive in all of it.
           CASE WHEN coalesce(e.logged_at, g.closed_at) < $until::TIMESTAMPTZ AND coalesce(e.logged_at, g.closed_at) <= $now::TIMESTAMPTZ THEN 'ended'
                WHEN doubted_at < $until::TIMESTAMPTZ AND doubted_at <= $now::TIMESTAMPTZ THEN 'indeterminate' ELSE 'live' END AS state,
           CASE WHEN state = 'indeterminate' THEN g.doubt END AS doubt,
           lead(g.opened_at, 1, 'infinity'::TIMESTAMPTZ) OVER (PARTITION BY g.source, g.grant_id ORDER BY g.opened_at) AS reopened_at
    FROM grant_life g
    LEFT JOIN ending e ON e.source = g.source AND e.revocation_event = g.ended_by
    LEFT JOIN ending d ON d.source = g.source AND d.revocation_event = g.doubt.by AND d.revoked_at = g.doubt.at
),
watched AS (
    SELECT l.source, l.grant_id, l.opened_at,
           sum(greatest(0, epoch_us(least(c.covered_until, l.seen_until)) - epoch_us(greatest(c.covered_from, l.seen_from)))) AS watched_us
    FROM life l
    JOIN watched_time c ON c.source = l.source AND NOT c.in_part AND c.tenant IS NOT DISTINCT FROM l.tenant
    ANTI JOIN uncalled_grant u ON u.source = l.source AND u.grant_id = l.grant_id
    GROUP BY ALL
),
-- What a person's own grant did not permit was done with the one for everyone.
everyones AS (
    SELECT l.source, l.grant_id, l.opened_at, sum(e.events)::BIGINT AS calls,
           min(e.first_used_at) AS first_used_at, max(e.last_used_at) AS last_used_at
    FROM life l
    JOIN everyones_use e USING (source, grant_id, opened_at)
    WHERE e.first_used_at >= l.opened_at
    GROUP BY ALL
),
-- Calls in the log of another source with a token of the grant.
elsewhere AS (
    SELECT l.source, l.grant_id, l.opened_at, sum(p.events)::BIGINT AS calls,
           min(p.first_used_at) AS first_used_at, max(p.last_used_at) AS last_used_at
    FROM borrowed_token b
    JOIN used_pair p ON p.caller_id = b.caller_id AND p.outcome = 'success'
    JOIN life l ON l.source = b.source AND l.grant_id = b.grant_id AND b.issued_at >= l.opened_at AND b.issued_at < l.reopened_at
    GROUP BY ALL
),
-- Calls that lead to no grant may be of any that their client and subject hold.
uncredited AS (
    SELECT y.party_no, min(p.first_used_at + k.by_issuance) AS first_used_at, max(p.last_used_at + k.by_issuance) AS last_used_at
    FROM used_pair p
    JOIN caller_party y USING (caller_id)
    JOIN named_caller c USING (caller_id)
    JOIN clock_error k ON k.source = c.source AND k.tenant IS NOT DISTINCT FROM c.tenant AND k.log = 'usage'
    WHERE p.grant_id IS NULL AND p.outcome = 'success'
    GROUP BY y.party_no
),
-- By whichever name a catalogue has for a scope: what an approved one implies is approved with it.
approved AS (
    SELECT r.client_id, i.implied_scope_id AS scope_id
    FROM (SELECT client_id, unnest(approved_scopes) AS name FROM registered_client) r
    JOIN cat_scope_name n ON n.name = lower(r.name) AND (n.exact IS NULL OR n.exact = r.name)
    JOIN scope_closure i ON i.scope_id = n.scope_id
),
beyond AS (
    SELECT h.source, h.grant_id, h.opened_at, list(h.scope ORDER BY h.scope) AS not_approved
    FROM (
        SELECT g.source, g.grant_id, g.opened_at, g.client_id, r.approved_scopes, unnest(g.scopes) AS scope
        FROM grant_life g JOIN registered_client r ON r.client_id = g.client_id
    ) h
    WHERE NOT list_contains(h.approved_scopes, h.scope) AND lower(h.scope) NOT IN (SELECT name FROM protocol_scope)
      AND NOT EXISTS (SELECT 1 FROM known_scope k JOIN approved a USING (scope_id) WHERE k.scope = h.scope AND a.client_id = h.client_id)
    GROUP BY h.source, h.grant_id, h.opened_at
),
open_calls AS (
    SELECT DISTINCT l.source, l.grant_id, l.opened_at
    FROM uncredited u
    JOIN possible_grant p USING (party_no)
    JOIN life l ON l.source = p.source AND l.grant_id = p.grant_id AND u.first_used_at < l.closed_at AND u.last_used_at >= l.opened_at
    UNION
    SELECT l.source, l.grant_id, l.opened_at
    FROM grant_life d
    JOIN unplaced_grant p ON p.source = d.source AND p.derived_id = d.grant_id
    JOIN clock_error k ON k.source = d.source AND k.tenant IS NOT DISTINCT FROM d.tenant AND k.log = 'usage'
    JOIN life l ON l.source = p.source AND l.grant_id = p.grant_id
        AND d.first_used_at + k.by_issuance < l.closed_at AND d.last_used_at + k.by_issuance >= l.opened_at
)
SELECT g.source, g.tenant, g.grant_id, g.client_id, g.client_name, g.subject_id, g.subject_kind::VARCHAR AS subject_kind,
       r.owner, r.purpose, g.scopes,
       CASE WHEN g.scopes IS NOT NULL AND r.approved_scopes IS NOT NULL THEN coalesce(y.not_approved, []) END AS not_approved, g.opened_at,
       c.consented_at, c.consent_kind::VARCHAR AS consent_kind, c.consent_actor, g.by_consent AS standing, g.tokens::BIGINT AS tokens,
       g.calls + coalesce(e.calls, 0) + coalesce(x.calls, 0) AS calls,
       least(g.first_used_at, e.first_used_at, x.first_used_at) AS first_used_at,
       greatest(g.last_used_at, e.last_used_at, x.last_used_at) AS last_used_at,
       CASE WHEN g.calls + coalesce(e.calls, 0) + coalesce(x.calls, 0) > 0 THEN 'seen' WHEN o.grant_id IS NOT NULL THEN 'possible'
            WHEN w.watched_us > 0 THEN 'none seen' ELSE 'not observable' END AS use,
       CASE WHEN l.seen_until > l.seen_from
            THEN coalesce(w.watched_us, 0) / (epoch_us(l.seen_until) - epoch_us(l.seen_from)) END AS watched,
       l.state, CASE WHEN l.state = 'ended' THEN l.ended_at END AS ended_at,
       CASE WHEN l.state <> 'ended' THEN NULL
            WHEN g.ended_by IS NOT NULL THEN CASE WHEN g.ended_at IS NULL THEN 'last token ' ELSE '' END
                || CASE l.kind WHEN 'disable' THEN 'disabled' ELSE 'revoked' END || coalesce(' by ' || l.initiator, '')
            ELSE 'last token expired' END AS ended_how,
       CASE WHEN l.state = 'ended' THEN g.ended_by END AS ended_by,
       CASE WHEN l.state = 'indeterminate' THEN l.doubted_at END AS perhaps_ended_at, l.doubt.by AS perhaps_ended_by,
       {may_have_ended("l.doubt.why")} AS reason
FROM grant_life g
JOIN life l USING (source, grant_id, opened_at)
LEFT JOIN consent c USING (source, grant_id, opened_at)
LEFT JOIN watched w USING (source, grant_id, opened_at)
LEFT JOIN everyones e USING (source, grant_id, opened_at)
LEFT JOIN elsewhere x USING (source, grant_id, opened_at)
LEFT JOIN open_calls o USING (source, grant_id, opened_at)
LEFT JOIN beyond y USING (source, grant_id, opened_at)
LEFT JOIN registered_client r ON r.client_id = g.client_id
WHERE g.closed_at IS NULL OR g.closed_at > $since
ORDER BY (r.owner IS NOT NULL), l.state DESC, calls DESC, g.source, g.client_id, g.subject_id, g.grant_id, g.opened_at
"""

NEEDS = (
    "grant_life", "used_pair", "named_caller", "operation_class", "issued", "effective_revocation", "watched_time",
    "everyones_use", "caller_party", "possible_grant", "unplaced_grant", "registered_client", "known_scope", "protocol_scope",
    "uncalled_grant", "borrowed_token", "clock_error",
)  # fmt: skip
"""What the list of grants reads."""

USES = {
    "seen": "a call that succeeded was made with it",
    "possible": "calls that name neither it nor a token of which the log tells the grant may be of it",
    "none seen": "no call was made with it in the time for which a log of all calls was held",
    "not observable": "no log held could have shown its calls, whichever they were, or is known to be that of its server",
}
"""What `use` of a grant says."""


@dataclass(frozen=True, eq=False)
class Grants(Framed):
    """The grants that were alive at some moment of a window.

    Parameters
    ----------
    window
        The window.
    now
        The instant taken as the present.
    table
        One row for each stretch of life of a grant, those without an owner first: source, tenant, grant_id, client_id, client_name,
        subject_id, subject_kind, owner and purpose (of the register), scopes (the last of the window; NULL where no record names
        any), not_approved (those of them that the register does not approve for the client, NULL where it names none), opened_at,
        consented_at, consent_kind and consent_actor (of the first consent; all NULL where none is logged), standing (a consent holds it, not tokens alone),
        tokens, calls (that succeeded; one that only a grant for everyone permitted counts for that and for the person's own),
        first_used_at, last_used_at, use (seen, possible, none seen or not observable), watched (for which share of its time in the
        window a log of all calls was held), state (live where the logs show no end at the end of the window, ended, or indeterminate where they
        do not tell whether a revocation ended it), ended_at, ended_how, ended_by (event of the revocation), and of an indeterminate
        one perhaps_ended_at, perhaps_ended_by and reason.
    covered
        Whether an issuance log covers any of the window: without one nobody knows who holds access.
    """

    window: Window
    now: datetime
    table: pa.Table
    covered: bool
    shown = (
        *("client_id", "subject_id", "owner", "scopes", "state", "opened_at", "ended_at"),
        *("use", "calls", "last_used_at", "watched"),
    )

    def __repr__(self) -> str:
        if not (self.covered or self.table.num_rows):
            return f"Grants alive in {self.window}: not known, for no issuance log covers any of it."
        states = Counter(self.table["state"].to_pylist())
        told = uses_told(self.table["use"].to_pylist())
        unsure = f"{states['indeterminate']:,} undecided, " if states["indeterminate"] else ""
        found = f"Grants alive in {self.window}: {states['live']:,} live at its end, {unsure}{states['ended']:,} ended"
        return f"{found}; {told}." if told else f"{found}."


def uses_told(uses: Iterable[str]) -> str:
    """Count what is known of the use of some grants, in words.

    Examples
    --------
    >>> uses_told(["none seen", "seen", "seen"])
    'use seen of 2, none seen of 1'
    """
    counts = Counter(uses)
    told = ", ".join(f"{use} of {counts[use]:,}" for use in USES if counts[use])
    return f"use {told}" if told else ""


def grants(
    store: Store | View,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    now: str | datetime | None = None,
) -> Grants:
    """Which access is there: who holds it, for whom, since when, and was it used?

    The list that an access review begins with, from what was issued, used and revoked. A grant of which no use was seen is told
    apart from one whose use no log held could have shown.

    Parameters
    ----------
    store
        A store, or `store.between(...)`.
    since, until, now
        The window of a store that comes without one: all that the logs cover, up to `now`, if left out.

    Returns
    -------
    Grants
        A table with one row for each grant that was alive in the window.

    Raises
    ------
    WindowError
        If a window is given for what has one already.
    StoreError
        If it is neither a store nor a view of one.

    Examples
    --------
    >>> import grantlens as gl
    >>> with gl.open(":memory:") as store:
    ...     gl.grants(store.between("2026-07-01", "2026-10-01"))
    Grants alive in 2026-07-01 to 2026-10-01: not known, for no issuance log covers any of it.
    """
    view = view_asked(store, since, until, now)
    engine = view.store.engine
    values = {**view.window.parameters(), "now": view.now}
    with relations.worked_out(engine, NEEDS, {**view.window.parameters(), "every_call": False}):
        return Grants(view.window, view.now, engine.arrow(_GRANTS, values), "issuance" in covered_logs(engine, values))


def rows(engine: Engine, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the grants as JSON can hold them; reads `grant_life`."""
    return ask(engine, _GRANTS, values)
