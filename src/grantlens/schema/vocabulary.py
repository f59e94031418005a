"""The closed vocabularies of the canonical tables, stored as DuckDB enums."""

OUTCOME = ("success", "denied", "error")
ISSUANCE_KIND = ("consent", "token", "refresh", "exchange", "credential", "change")
REVOCATION_KIND = ("revoke", "disable", "downgrade", "expiry", "signal", "enable")
TOKEN_KIND = ("access", "refresh", "id", "code", "session", "api_key", "id_jag", "txn")
SUBJECT_KIND = ("user", "service", "agent")
CONSENT_KIND = ("user", "admin", "policy")
DENIAL_REASON = ("token", "scope", "policy", "rate", "other")
ISSUANCE_DENIAL = (
    "reuse",
    "expired",
    "revoked",
    "token",
    "client",
    "subject",
    "scope",
    "consent",
    "policy",
    "rate",
    "other",
)
VALIDATION = ("offline", "introspection", "cached", "push")
TARGET_KIND = ("token", "grant", "session", "client", "subject", "credential", "policy")
INITIATOR = ("user", "admin", "client", "policy", "system")
DECISION = ("revoke", "keep")
CAUSE = ("compromise", "leaver", "retired", "review")
LOG = ("issuance", "usage", "revocation")

ENUMS = {
    "outcome_t": OUTCOME,
    "issuance_kind_t": ISSUANCE_KIND,
    "revocation_kind_t": REVOCATION_KIND,
    "token_kind_t": TOKEN_KIND,
    "subject_kind_t": SUBJECT_KIND,
    "consent_kind_t": CONSENT_KIND,
    "denial_reason_t": DENIAL_REASON,
    "issuance_denial_t": ISSUANCE_DENIAL,
    "validation_t": VALIDATION,
    "target_kind_t": TARGET_KIND,
    "initiator_t": INITIATOR,
    "decision_t": DECISION,
    "cause_t": CAUSE,
    "log_t": LOG,
}
"""Enum type name in the store, and its values in order."""
