"""The revocation table: something that ends or narrows access, or takes that back."""

from grantlens.schema.evidence import EVIDENCE
from grantlens.schema.table import Column, Table

REVOCATION = Table(
    "revocation",
    "Something that ends or narrows access, or takes that back.",
    (
        Column("revoked_at", "TIMESTAMPTZ", "When the authority acknowledged it, event time, UTC.", required=True),
        Column("requested_at", "TIMESTAMPTZ", "When it was asked for."),
        Column("decided_at", "TIMESTAMPTZ", "When the need arose: the incident, the leaver."),
        Column(
            "kind",
            "revocation_kind_t",
            "revoke, disable, downgrade, expiry, signal, or enable, which takes a disable back.",
            required=True,
        ),
        Column("outcome", "outcome_t", "Only success ends access.", required=True),
        Column(
            "target_kind", "target_kind_t", "What was ended; this alone says which tokens are covered.", required=True
        ),
        Column("token_id", "VARCHAR", "The token or credential ended."),
        Column("grant_id", "VARCHAR", "The grant ended."),
        Column("session_id", "VARCHAR", "The session ended."),
        Column("client_id", "VARCHAR", "The client ended, or the client of the grant."),
        Column("client_name", "VARCHAR", "Display name; never a key."),
        Column("subject_id", "VARCHAR", "The subject ended, or the subject of the grant."),
        Column("subject_name", "VARCHAR", "Display name of the subject; never a key."),
        Column(
            "scopes_removed",
            "VARCHAR[]",
            "Scopes taken away by a downgrade; the empty list means none. Where it tells none, what is left is not known.",
        ),
        Column("issued_before", "TIMESTAMPTZ", "Cut-off: tokens issued before it are ended."),
        Column("initiator", "initiator_t", "user, admin, client, policy or system."),
        Column("actor_id", "VARCHAR", "Who did it."),
        Column("reason", "VARCHAR", "Reason as logged."),
        *EVIDENCE,
    ),
)
