"""The issuance table: something that creates, renews or widens access.

Why an issue was refused has words of its own: an authorisation server looks at other things than a resource server. `invalid_grant` is one word
for many things (RFC 6749 section 5.2), of which four are made: `reuse`, where the server itself says that what may be used once came
again, `expired`, `revoked`, and `token` where it does not say which. `client` is invalid_client and unauthorized_client, `scope` is
invalid_scope. The standard has no word for `subject`, a person who is unknown, locked or did not prove to be the one; for `consent` that was
missing or withheld; for `policy`, which forbade it; and for `rate`.
"""

from grantlens.schema.evidence import EVIDENCE
from grantlens.schema.table import Column, Table

ISSUANCE = Table(
    "issuance",
    "Something that creates, renews or widens access: a consent, a token, a refresh, an exchange.",
    (
        Column("issued_at", "TIMESTAMPTZ", "When it happened, event time, UTC.", required=True),
        Column(
            "kind",
            "issuance_kind_t",
            "consent, token, refresh, exchange, credential or change, of what a grant or a key holds.",
            required=True,
        ),
        Column("outcome", "outcome_t", "Only success creates access.", required=True),
        Column(
            "denial_reason",
            "issuance_denial_t",
            "Why it was refused: what was shown for it, such as a refresh token or a code, had been used before, in the server's own words (reuse), "
            "had expired, was revoked, or does not hold and why is not told (token); or because of the client, the subject, the scope, consent, "
            "policy, rate or something else (other).",
        ),
        Column("grant_type", "VARCHAR", "OAuth grant type as logged (RFC 6749 section 4, RFC 8693)."),
        Column(
            "grant_id",
            "VARCHAR",
            "The grant. Derived from source, tenant, client, subject and resource where the log names none; then it begins with 'derived:'.",
        ),
        Column("token_id", "VARCHAR", "Id or hash of the token that came into being; never the token."),
        Column("token_kind", "token_kind_t", "What kind of token it is."),
        Column(
            "parent_token_id",
            "VARCHAR",
            "The token it was made from: refresh token, subject token of an exchange, code.",
        ),
        Column("session_id", "VARCHAR", "Session of the authorisation server."),
        Column(
            "auth_time",
            "TIMESTAMPTZ",
            "When the person signed in for it, as the token's claim auth_time tells (OpenID Connect Core section 2, RFC 9068 section 2.2.1): it stays the "
            "same when the token is refreshed or exchanged. A time of 0 says nothing.",
        ),
        Column("client_id", "VARCHAR", "The client: app, agent or tool."),
        Column("client_name", "VARCHAR", "Display name; written by strangers, never a key."),
        Column("subject_id", "VARCHAR", "On whose behalf; NULL also where the client acts for itself."),
        Column("subject_name", "VARCHAR", "Display name of the subject; never a key."),
        Column("subject_kind", "subject_kind_t", "user, service or agent."),
        Column("actor_chain", "VARCHAR[]", "Actors of a delegation, the current one first (RFC 8693 section 4.1)."),
        Column("may_act", "VARCHAR[]", "Who may become actor (RFC 8693 section 4.4)."),
        Column("scopes_requested", "VARCHAR[]", "Scopes asked for."),
        Column(
            "scopes",
            "VARCHAR[]",
            "Scopes granted; the empty list means none. A consent adds them to what the grant holds. Of a change all that is held from then on: where it tells "
            "none, that is not known until a change tells them.",
        ),
        Column("audience", "VARCHAR[]", "Resource servers the token is for (RFC 8707)."),
        Column(
            "authorization_details",
            "JSON",
            "Granted rich authorization details (RFC 9396).",
        ),
        Column("expires_at", "TIMESTAMPTZ", "When the token ends by itself."),
        Column("consent_actor", "VARCHAR", "Who consented, or made the key."),
        Column("consent_kind", "consent_kind_t", "user, admin or policy."),
        Column(
            "earlier_keys",
            "VARCHAR[]",
            "Of a key: the others that its client already had, by id, where the record lists them; the client may have more in another list.",
        ),
        Column("cnf_jkt", "VARCHAR", "Thumbprint of the key the token is bound to (RFC 9449)."),
        Column("ip", "VARCHAR", "Address of the caller."),
        Column("user_agent", "VARCHAR", "User agent of the caller, as sent."),
        *EVIDENCE,
    ),
)
