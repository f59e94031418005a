"""What a rule must be able to see before it says anything: logs, joins, columns, and what is brought beside them.

A rule may know in several ways. In a way all that it names must be there. Of the ways to a verdict one is enough; the
ways to bounds are asked where there is none. `grantlens.conclusion.conclusion` asks them of a provider or a store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

ISSUE_USE = ("issuance", "usage")
ISSUE_END = ("issuance", "revocation")
USE_END = ("usage", "revocation")
ALL_THREE = ("issuance", "usage", "revocation")

END_UNSEEN = "whether the grant still stands: no log shows all ends"
"""What is left open where silence of the revocation log says nothing."""

WORKED = "usage.outcome=success"
"""Calls that worked are logged, not only those that were refused."""

REFUSED_OTHERWISE = "usage.denial_reason=unknown or usage.denial_reason=policy or usage.denial_reason=other"
"""Calls are refused for something that may have been a missing scope."""

ENDED = "revocation.kind=revoke or revocation.kind=disable"
"""What is logged ends access, and not only narrows or announces."""

NARROWED = ("revocation.kind=downgrade", "revocation.scopes_removed")
"""Scopes are taken away in the log, and it says which."""

ENDED_GRANT = ("revocation.target_kind=grant", "revocation.grant_id or revocation.subject_id")
"""Grants end in the log, and it says which or whose."""

ENDED_WHOLE = "revocation.target_kind=grant or revocation.target_kind=client or revocation.target_kind=subject"
"""More ends in the log than tokens, keys and sessions."""

ENDED_ALL = "revocation.target_kind=client or revocation.target_kind=subject or revocation.target_kind=policy"
"""All access of a client or person, or all that was issued until then, ends in the log."""

DISABLED = ("revocation.kind=disable", "revocation.target_kind=client or revocation.target_kind=subject")
"""Clients or people are disabled in the log."""

SAYS_WHEN = ("usage.token_id", "usage.token_issued_at")
"""Calls tell when the token was issued with which they were made."""

PERSON_REVOKED = (
    "revocation.kind=revoke",
    "revocation.target_kind=subject or revocation.target_kind=policy",
    "revocation.subject_id",
    "issuance.subject_id",
)
"""All access of a person ends in the log, and not only the account; and it says whose."""

SIGN_IN = "issuance.auth_time or issuance.session_id"
"""Issues tell when the person signed in, or at least in which session."""

NAMED = "issuance.token_id=named"
"""The tokens themselves have ids at issue, not only keys and other credentials."""

ALL_KINDS = "usage.operation=of all kinds"
"""Calls are logged of all kinds, those too that the provider logs only where somebody asked for them."""

KEYS_END = "usage.token_id=ends"
"""No call names a key that has no end, and may be older than any log."""

KEYS_BEGIN = "issuance.token_id=begins"
"""A key's first record, where it is an issue of kind credential, is of its making."""

ALL_GIVEN = "issuance.kind=all that gives"
"""All that gives access, or gives it back, is shown, though it be only some of the tokens."""

KEY_MAKERS = "issuance.consent_actor=of keys"
"""A key that is added to a client names both the client and who made it."""

ROTATED = "issuance.parent_token_id=rotated"
"""A refresh token that takes the place of another names it."""

MADE = f"issuance.kind=token or issuance.kind=exchange or {ROTATED} or {KEYS_BEGIN}"
"""Some issues are the making of their token, and do not only renew it or switch it on again."""

NAMED_REUSE = "issuance.denial_reason=reuse"
"""A server that refuses what came again says that it came again."""

TWO_TOKENS = "issuance.client_id or issuance.subject_id or issuance.expires_at"
"""An issue tells something by which two tokens with one id differ."""

REDEEMED = "issuance.parent_token_id=redeemed"
"""A token that was got for a code names the code."""

EXCHANGED = "issuance.parent_token_id=exchanged"
"""A token that was got for another one, or made with it, names that one."""

AUDIENCE = "issuance.audience=of tokens"
"""Tokens that a call can name have an audience at issue, and not only grants, keys and tokens without an id."""

AS_CALLED = "issuance.audience=as called"
"""That audience is the server's name as calls write it, not an id of its own."""

ASKED_ABOUT = "issuance.audience=asked about"
"""Calls show that a server with such a name asked about a token, not that it took it."""

REMOVES = "usage.operation=removal"
"""Among its calls are some that are known to end, delete or change logs: `grantlens.catalogue.removals`."""

WHOSE = "usage.client_id or usage.subject_id or usage.token_id"
"""Calls name something by which one tells whose they are."""

NAMES_CREDENTIAL = "usage.token_id or usage.session_id"
"""Calls name the token, key or session with which they were made."""

BOUND = ("issuance.cnf_jkt", "usage.dpop_jkt")
"""Tokens are bound to a key in the log, and calls tell which key was proven."""

TRANSACTION = "issuance.token_kind=txn"
"""Some issues are told to be of transaction tokens."""

DETAILS = "issuance.authorization_details=of types"
"""What was granted is told as RFC 9396 has it, in objects that have a type, and not in others of the provider's own."""

NESTED = "issuance.actor_chain=nested"
"""The actors of a token are its claim `act`: who acts now, for whom, and so on."""

OWN_WORDS = frozenset(
    {
        ALL_GIVEN,
        ALL_KINDS,
        NAMED,
        KEYS_END,
        KEYS_BEGIN,
        KEY_MAKERS,
        ROTATED,
        REDEEMED,
        EXCHANGED,
        AUDIENCE,
        AS_CALLED,
        ASKED_ABOUT,
        DETAILS,
        NESTED,
        REMOVES,
    }
)
"""What loaders declare in other ways than by a column or its word."""

TOKEN, SESSION, GRANT, PAIR, NOTHING = "token", "session", "grant", "client and subject", "none"
"""`grantlens.loaders.STRENGTHS`, for declarations."""


@dataclass(frozen=True)
class Way:
    """One way to know.

    Examples
    --------
    >>> Way(("usage",), says=("usage.token_scopes",), brought=("catalogue",)).brought
    ('catalogue',)
    """

    logs: tuple[str, ...] = ()
    """The provider's log must show these, be it in part."""
    joins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The least strength with which a pair of logs must join."""
    says: tuple[str, ...] = ()
    """What the log must tell: "issuance.scopes", or "usage.denial_reason=token" for one word of a vocabulary. Where one of
    several is enough, " or " stands between them."""
    silence: tuple[str, ...] = ()
    """Logs from whose silence something is concluded: a loader must carry them, to show a row now and then is not enough."""
    brought: tuple[str, ...] = ()
    """What the user adds to the store: words of `grantlens.conclusion.conclusion.BROUGHT`."""
    leaves_open: str = ""
    """What cannot be told in this way."""


@dataclass(frozen=True)
class Evidence:
    """What a rule rests on: ways to a verdict, and ways to less, each list from the surest to the weakest."""

    verdict: tuple[Way, ...] = ()
    """In one of these ways the rule says violation or clear, and it holds."""
    bounds: tuple[Way, ...] = ()
    """In one of these it says less: indeterminate, or something about the whole grant and never about a token."""


UNUSED = Way(
    ALL_THREE,
    {ISSUE_USE: PAIR},
    ("issuance.scopes", WORKED, ALL_KINDS),
    silence=("usage", "revocation"),
    brought=("catalogue",),
)
"""Scopes were held, and no call needed them: an absence, of the grant as a whole, for which client and subject are enough."""

MAYBE_OVER = replace(UNUSED, logs=ISSUE_USE, silence=("usage",), leaves_open=END_UNSEEN)
"""The same of a grant that may be over."""

UNDECLARED = Evidence()
"""Of a rule that does not say what it rests on: nothing can be said of what it can conclude."""


def scopes_of_a_call(*brought: str, says: tuple[str, ...] = ()) -> tuple[Way, ...]:
    """Return the ways to know which scopes were held at a call: by its token, by its grant, or from the call itself."""
    by_token = Way(ISSUE_USE, {ISSUE_USE: TOKEN}, ("issuance.scopes", *says), brought=brought)
    by_grant = replace(by_token, joins={ISSUE_USE: PAIR}, leaves_open=_BY_GRANT)
    astray = replace(
        by_grant,
        says=("usage.token_id", *by_grant.says),
        leaves_open=f"{_BY_GRANT}, and where a call names a token, which no issuance does",
    )
    return by_token, Way(("usage",), says=("usage.token_scopes", *says), brought=brought), astray, by_grant


_BY_GRANT = (
    "judged by the scopes of the grant, not of the token; undecided while client and subject hold several grants"
)


def after_the_end(says: tuple[str, ...] = (), *, of_a_grant: bool = False) -> Evidence:
    """Return the ways to know that a call came after the end of its access.

    Parameters
    ----------
    says
        What else the log must tell.
    of_a_grant
        True where only the end of a grant or refresh token counts, and the access tokens behind it.
    """
    says = (WORKED, ENDED, *says)
    if of_a_grant:
        refreshed = Way(ALL_THREE, {ISSUE_USE: TOKEN, ISSUE_END: TOKEN}, (*says, "issuance.token_kind=refresh"))
        says = (*says, *ENDED_GRANT)
    by_token = Way(USE_END, {USE_END: TOKEN}, says)
    by_issue = Way(
        ALL_THREE,
        {ISSUE_USE: TOKEN, ISSUE_END: PAIR},
        says,
        leaves_open="which token called is sure, what was ended is known by its grant, session, client or subject: all tokens behind it",
    )
    by_call = Way(
        USE_END,
        {USE_END: PAIR},
        (*SAYS_WHEN, ENDED_ALL, *says),
        leaves_open="told where all of a client or person ends, of tokens that were used after it",
    )
    by_grant = Way(
        USE_END,
        {USE_END: PAIR},
        ("usage.grant_id", *says),
        leaves_open="told of the grant as a whole, never of one token: a lag is that of whichever token worked last",
    )
    through_issue = replace(by_grant, logs=ALL_THREE, joins={ISSUE_USE: PAIR, ISSUE_END: PAIR})
    by_session = replace(
        through_issue,
        joins={ISSUE_USE: SESSION, ISSUE_END: PAIR},
        says=("usage.session_id", "issuance.session_id", *says),
    )
    return Evidence(
        (refreshed, by_issue) if of_a_grant else (by_token, by_issue, by_call), (by_grant, through_issue, by_session)
    )


def after_a_downgrade() -> Evidence:
    """Return the ways to know that a call was permitted by nothing but a scope that had been taken away."""
    by_grant = Way(
        ALL_THREE,
        {ISSUE_USE: PAIR, ISSUE_END: PAIR},
        (WORKED, *NARROWED, "issuance.scopes"),
        brought=("catalogue",),
        leaves_open=f"{_BY_GRANT}, and told of the grant, never of a token",
    )
    by_token = replace(by_grant, joins={ISSUE_USE: TOKEN, ISSUE_END: PAIR}, leaves_open="")
    repeated = replace(
        by_grant,
        says=(WORKED, *NARROWED, "usage.token_scopes"),
        leaves_open="told of the grant, never of a token: when it was issued nothing says",
    )
    return Evidence((by_token, repeated, by_grant))


def with_a_server(evidence: Evidence) -> Evidence:
    """Return the evidence of a rule that gives no verdict until something says how the resource server checks tokens."""
    said = tuple(replace(way, says=(*way.says, "usage.validation=introspection")) for way in evidence.verdict)
    told = tuple(replace(way, brought=(*way.brought, "server")) for way in evidence.verdict)
    unexplained = tuple(
        replace(way, leaves_open=_and(way.leaves_open, "whether the server was allowed to go on accepting it"))
        for way in evidence.verdict
    )
    return Evidence(said + told, unexplained + evidence.bounds)


def with_an_expiry(evidence: Evidence, otherwise: str) -> Evidence:
    """Return the evidence of a rule that gives no verdict before the end of a token's life; `otherwise` tells what that leaves open."""
    told = tuple(replace(way, says=(*way.says, "issuance.expires_at")) for way in evidence.verdict)
    untold = tuple(replace(way, leaves_open=_and(way.leaves_open, otherwise)) for way in evidence.verdict)
    return Evidence(told, untold + evidence.bounds)


def _and(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def for_a_server() -> Evidence:
    """Return the ways to know whether the server that a token opened is one of its audience."""
    told = ("usage.token_id", WORKED, "usage.resource_server", AUDIENCE)
    way = Way(
        ISSUE_USE,
        {ISSUE_USE: TOKEN},
        (*told, AS_CALLED),
        leaves_open="undecided where a name is only ever an audience, or only ever called",
    )
    by_id = replace(way, says=told, leaves_open="which server an audience is, until the identities file says it")
    asked = replace(way, says=(*told, ASKED_ABOUT), leaves_open="whether the server took the token: it asked about it")
    return Evidence((way,), (asked, by_id))


def every_word(rests_on: Iterable[Evidence]) -> frozenset[str]:
    """Return all that these want a log to tell."""
    return frozenset(
        word
        for evidence in rests_on
        for way in (*evidence.verdict, *evidence.bounds)
        for said in way.says
        for word in said.split(" or ")
    )
