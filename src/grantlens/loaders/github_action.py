"""GitHub: which actions of the audit log begin and end access."""

from collections.abc import Sequence

TOKENS = ("oauth_access.create", "personal_access_token.create")
TOKEN_RENEWALS = ("oauth_access.regenerate", "personal_access_token.credential_regenerated")
CONSENTS = (
    "oauth_authorization.create",
    "personal_access_token.access_granted",
    "integration_installation.create",
    "integration_installation.unsuspend",
    "integration_installation.repositories_added",
    "integration_installation.version_updated",
    "integration.unsuspend",
    "org.oauth_app_access_approved",
    "org_credential_authorization.grant",
)
REQUESTS = ("personal_access_token.request_created", "personal_access_token.request_cancelled")
REFUSALS = ("personal_access_token.request_denied",)
ENDS = (
    "personal_access_token.access_revoked",
    "personal_access_token.credential_revoked",
    "personal_access_token.destroy",
    "oauth_authorization.destroy",
    "org_credential_authorization.revoke",
    "org_credential_authorization.deauthorize",
    "org_credential_authorization.deauthorized",  # its older name
    "integration_installation.destroy",
)
TOKEN_ENDS = (
    "oauth_access.destroy",
    "oauth_access.revoke",
    "oauth_application.revoke_tokens",
    "integration.revoke_tokens",
)
SIGNALS = ("oauth_application.revoke_all_tokens", "integration.revoke_all_tokens")
SECRETS = (
    "oauth_application.generate_client_secret",
    "oauth_application.reset_secret",
    "integration.generate_client_secret",
)
SECRET_ENDS = ("oauth_application.remove_client_secret", "integration.remove_client_secret")
OF_APPS = (
    "oauth_application.destroy",
    "oauth_application.revoke_tokens",
    "oauth_application.revoke_all_tokens",
    *SECRETS,
    *SECRET_ENDS,
)
PERSON_ENDS = ("user.suspend", "user.delete", "user.destroy")
MEMBERS = ("org.remove_member", "org.add_member", "org.restore_member")
ENABLES = (
    "integration_installation.unsuspend",
    "integration.unsuspend",
    "org.oauth_app_access_approved",
    "user.unsuspend",
)
DISABLES = (
    "integration_installation.suspend",
    "integration.suspend",
    "integration.destroy",
    "oauth_application.destroy",
    "org.oauth_app_access_denied",
    *PERSON_ENDS,
)


def listed(actions: Sequence[str]) -> str:
    """Return SQL that lists these actions."""
    return "(" + ", ".join(f"'{action}'" for action in actions) + ")"
