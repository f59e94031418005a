"""Whether a rule gives verdicts on a log, only bounds, or nothing, worked out from what both declare.

Nothing here knows a provider: all follows from what its loader declares and what the rules declare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from grantlens.catalogue.removals import names_removals
from grantlens.conclusion.can_tell import can_tell
from grantlens.loaders import STRENGTHS, loaders
from grantlens.rule.evidence import (
    ALL_GIVEN,
    ALL_KINDS,
    AS_CALLED,
    AUDIENCE,
    BOUND,
    DETAILS,
    DISABLED,
    ENDED,
    ENDED_ALL,
    ENDED_GRANT,
    ENDED_WHOLE,
    EXCHANGED,
    ISSUE_END,
    ISSUE_USE,
    KEY_MAKERS,
    KEYS_BEGIN,
    KEYS_END,
    MADE,
    NAMED,
    NAMED_REUSE,
    NAMES_CREDENTIAL,
    NARROWED,
    NESTED,
    NOTHING,
    PERSON_REVOKED,
    REDEEMED,
    REFUSED_OTHERWISE,
    REMOVES,
    ROTATED,
    SAYS_WHEN,
    SIGN_IN,
    TOKEN,
    TRANSACTION,
    TWO_TOKENS,
    USE_END,
    WHOSE,
    WORKED,
    Way,
)
from grantlens.schema import LOGS

if TYPE_CHECKING:
    from grantlens.loaders import Join
    from grantlens.rule.rule import Rule

LEVELS = ("verdict", "bounds", "no")
"""From the most that can be concluded to the least."""

BROUGHT = ("catalogue", "register", "server", "decision", "review date", "details type")
"""What a user adds to a store, in the order of reports."""

LOG_PAIRS = (ISSUE_USE, ISSUE_END, USE_END)


_FOLLOWS = "revoked_use"
"""The relation by which rules follow tokens that ended to calls in the log of another source."""


@dataclass(frozen=True)
class Source:
    """What is known of a log: as its loader declares it, or as a store holds it."""

    name: str
    title: str
    logs: tuple[str, ...]
    """Those it shows, be it in part."""
    carries: tuple[str, ...]
    """Those whose silence means something."""
    joins: tuple[Join, ...]
    says: frozenset[str]
    """What it tells: "usage.token_id", "usage.denial_reason=token"."""
    brought: tuple[str, ...] = BROUGHT
    """Of what a user may bring, what is there: all of it where no store is asked."""
    note: str = ""
    """What joins and what does not, in a sentence or two of the loader."""
    wants: Mapping[str, str] = field(default_factory=dict)
    """For a store: what to say of something that is not there, by log, column or thing brought."""
    followed: Source | None = None
    """For a store: the same with the calls that another source logs of its tokens."""

    def join(self, first: str, second: str) -> Join | None:
        """Return how a pair of logs joins, None where one of them is missing."""
        return next((join for join in self.joins if (join.first, join.second) == (first, second)), None)


@cache
def source_of(name: str) -> Source:
    """Return what the loader of this name declares of its provider.

    Its SELECTs are read but once: DuckDB is to parse them, and each question of which the answer is empty asks for this.

    Examples
    --------
    >>> source_of("okta").carries
    ('issuance', 'revocation')
    """
    loader = loaders()[name]
    shown = tuple(log for log in LOGS if getattr(loader, log) or log in loader.carries)
    carried = tuple(log for log in LOGS if log in loader.carries)
    says = can_tell(loader) | {ALL_KINDS}
    if any(join.first == "issuance" and join.strength == TOKEN for join in loader.joins):
        says |= {NAMED}
    if loader.giving_shown or "issuance" in loader.carries:
        says |= {ALL_GIVEN}
    if loader.keys_end:
        says |= {KEYS_END}
    if loader.keys_begin:
        says |= {KEYS_BEGIN}
    if not loader.grants_end:
        says -= {ENDED_GRANT[0]}
    if loader.makers:
        says |= {KEY_MAKERS}
    says |= {f"issuance.parent_token_id={tokens}" for tokens in loader.parents}
    if loader.audiences:
        says |= {AUDIENCE, f"issuance.audience={loader.audiences}"}
    if names_removals(loader.name):
        says |= {REMOVES}
    if loader.details_types and "issuance.authorization_details" in says:
        says |= {DETAILS}
    if loader.actors:
        says |= {f"issuance.actor_chain={loader.actors}"}
    return Source(loader.name, loader.title, shown, carried, loader.joins, says, note=loader.join_note)


@dataclass(frozen=True)
class Conclusion:
    """What a rule can say of a log."""

    rule: str
    level: str
    """One of `LEVELS`."""
    lacks: tuple[str, ...] = ()
    """What the log does not have for more; empty for a verdict."""
    leaves_open: str = ""
    """What cannot be told all the same."""
    brought: tuple[str, ...] = ()
    """What must be brought for it."""

    @property
    def reason(self) -> str:
        """Why it is not more, and what it leaves open; empty where nothing is missing."""
        return "; ".join(filter(None, (", ".join(self.lacks), self.leaves_open)))

    @property
    def sentence(self) -> str:
        """The reason as a sentence, with what must be brought."""
        start = {"verdict": "Gives verdicts", "bounds": "Gives bounds only", "no": "Says nothing"}[self.level]
        brought = f" with a {' and a '.join(self.brought)}" if self.brought else ""
        return f"{start}{brought}{': ' if self.reason else ''}{self.reason}."


def conclude(rule: Rule, source: Source) -> Conclusion:
    """Work out what a rule can say of a log, from what both declare.

    Examples
    --------
    >>> from grantlens.rules import find
    >>> conclude(find("PRV-1"), source_of("okta")).level
    'bounds'
    """
    rests_on = rule.rests_on
    if source.followed and _FOLLOWS in rule.needs:
        source = source.followed
    if not (rests_on.verdict or rests_on.bounds):
        return Conclusion(rule.id, "no", ("the rule does not declare what it rests on",))
    for way in rests_on.verdict:
        if not lacking(way, source):
            return Conclusion(rule.id, "verdict", (), way.leaves_open, way.brought)
    for way in rests_on.bounds:
        if not lacking(way, source):
            return Conclusion(rule.id, "bounds", _nearest(rests_on.verdict, source), way.leaves_open, way.brought)
    return Conclusion(rule.id, "no", _nearest(rests_on.bounds[::-1] + rests_on.verdict, source))


def together(conclusions: Iterable[Conclusion]) -> list[tuple[str, list[tuple[str, list[Conclusion]]]]]:
    """Return conclusions by what their log lacks, then by what they leave open; what lacks nothing comes first."""
    found: dict[str, dict[str, list[Conclusion]]] = {}
    for conclusion in conclusions:
        by_open = found.setdefault(", ".join(conclusion.lacks), {})
        by_open.setdefault(conclusion.leaves_open, []).append(conclusion)
    return [
        (lacks, sorted(by_open.items(), key=lambda item: bool(item[0])))
        for lacks, by_open in sorted(found.items(), key=lambda item: bool(item[0]))
    ]


def lacking(way: Way, source: Source, *, repeat: bool = False) -> list[str]:
    """Return what a way needs and the log does not have, in words; empty where all is there.

    A key that is missing is not named beside the join that fails for want of it, unless `repeat` asks for that.
    """
    missing = [log for log in way.logs if log not in source.logs]
    lacks = [source.wants.get(log, f"no {log} is logged") for log in missing]
    for log in way.silence:
        if log in source.logs and log not in source.carries:
            lacks.append(f"{log} is logged in part, so its absence shows nothing")
    apart = []
    for (first, second), least in way.joins.items():
        if not {first, second} & set(missing):
            join = source.join(first, second)
            strength = join.strength if join else NOTHING
            if STRENGTHS.index(strength) > STRENGTHS.index(least):
                apart.append(_no_join(first, second, strength))
    lacks += apart
    for said in way.says:
        if apart and said in KEYS and not repeat:
            continue
        if said.partition(".")[0] not in missing and source.says.isdisjoint(said.split(" or ")):
            lacks.append(source.wants.get(said, UNSAID.get(said, f"{said} is not logged")))
    lacks += [
        source.wants.get(thing, f"no {thing} was brought") for thing in way.brought if thing not in source.brought
    ]
    return lacks


def _no_join(first: str, second: str, strength: str) -> str:
    if strength == NOTHING:
        return f"nothing joins {first} and {second}"
    return f"{first} and {second} join by {strength} only"


def _nearest(ways: Iterable[Way], source: Source) -> tuple[str, ...]:
    """Return what the way that comes nearest lacks."""
    nearest = min(ways, key=lambda way: len(lacking(way, source, repeat=True)), default=Way())
    return tuple(lacking(nearest, source))


KEYS = frozenset({NAMED, "usage.token_id", "usage.grant_id", "usage.session_id", "issuance.session_id"})
"""What must be told because logs join by it."""

UNSAID = {
    "issuance.scopes": "no issuance names scopes",
    "issuance.audience": "no issuance names an audience",
    AUDIENCE: "no token that a call could name has an audience",
    AS_CALLED: "no server that took a token is called as audiences are",
    "issuance.token_id": "no issuance names a token",
    NAMED: "issued tokens have no id",
    ALL_KINDS: "calls of some kind are logged only where somebody asks for them",
    ALL_GIVEN: "not all that gives access is shown",
    KEYS_END: "calls may name keys that never end, and may be older than the log",
    "issuance.parent_token_id": "no token names the one it came from",
    MADE: "no issue is told to be the making of its token",
    ROTATED: "no new refresh token names the one before",
    REDEEMED: "no token that was got for a code names it",
    TWO_TOKENS: "no issuance tells client, person or end",
    NAMED_REUSE: "no refusal is told to be of something that came again",
    EXCHANGED: "no token that was got for another names that one",
    NESTED: "no token tells the chain of its actors",
    DETAILS: "no authorization details of a type are told",
    "issuance.expires_at": "no expiry is logged",
    "issuance.client_id": "no issuance names a client",
    "issuance.subject_id": "no issuance names a person",
    "issuance.grant_type": "no issuance names its grant type",
    "issuance.kind=consent": "no consent is logged",
    "issuance.kind=credential": "no making of a key is logged",
    "issuance.consent_actor": "no issuance tells who gave it",
    KEY_MAKERS: "no key is told with the client that it was added to and who made it",
    "issuance.kind=token": "no issue of a token is logged",
    "issuance.consent_kind=user": "no consent is told to be the person's own",
    "issuance.kind=refresh": "no refresh is logged",
    "issuance.token_kind=refresh": "no refresh token is named",
    TRANSACTION: "no token is told to be a transaction token",
    "usage.token_id": "no call names a token",
    "usage.grant_id": "no call names a grant",
    "usage.session_id": "no call names a session",
    "issuance.session_id": "no issuance names a session",
    "issuance.auth_time": "no issuance names the time of the sign-in",
    SIGN_IN: "no issuance names the sign-in or its session",
    "usage.actor_chain": "no call names an actor",
    "usage.token_scopes": "no call repeats its scopes",
    "usage.client_id": "no call names a client",
    NAMES_CREDENTIAL: "no call names a token or session",
    BOUND[0]: "no token is told to be bound to a key",
    BOUND[1]: "no call tells which key was proven",
    "usage.ip": "no call names its address",
    "usage.user_agent": "no call names its program",
    "usage.tenant": "no call names a tenant",
    "usage.resource_tenant": "no call tells whose what it reached is",
    WHOSE: "no call names a client, a person or a token",
    REMOVES: "no call is known that removes logs",
    WORKED: "no call that worked is logged",
    "usage.outcome=denied": "no refused call is logged",
    "usage.denial_reason=token": "no call is logged as refused because of its token",
    "usage.denial_reason=scope": "no call is logged as refused for want of scope",
    REFUSED_OTHERWISE: "every refused call is logged as refused for another reason",
    "usage.validation=introspection": "nothing says how the servers check tokens",
    ENDED: "what is logged narrows access, and ends none",
    ENDED_ALL: "no end of all access of a client or person is logged",
    SAYS_WHEN[1]: "no call tells when its token was issued",
    DISABLED[0]: "nothing is disabled in the log",
    DISABLED[1]: "no client or person ends in the log",
    NARROWED[0]: "no downgrade is logged",
    PERSON_REVOKED[0]: "what is logged disables or narrows access, and revokes none",
    PERSON_REVOKED[1]: "no end of all access of a person is logged",
    PERSON_REVOKED[2]: "no revocation names a person",
    NARROWED[1]: "no scopes are named that were taken away",
    ENDED_WHOLE: "what ends is a token, a key or a session, never a grant, a client or a person",
    ENDED_GRANT[0]: "no end of a grant is logged",
    ENDED_GRANT[1]: "no end of a grant says whose it was",
    "revocation.token_id": "no revocation names a token",
    "revocation.grant_id": "no revocation names a grant",
}
"""How it reads that a log never tells this."""
