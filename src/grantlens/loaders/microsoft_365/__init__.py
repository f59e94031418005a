"""Microsoft 365 unified audit log: consents, keys and their ends in the directory; what apps and agents did with mail and files.

`record` says how a record is written, `directory` what a change of the directory says; then one file for each log: `consents_and_keys`,
`mail_and_files`, `ends`. `agents` reads what Copilot and agents did.

What the mapping decides for all of them, and why:

- **Event id** is `Id`. The same record is delivered again and again; only `Id` tells.
- **Subject** is the sign-in name where the record has one: mailbox and file actions know no other (see `same_subject`).
- **Copilot and agents** work with what the person may read and need no consent.
- Sign-ins belong to the logs of Entra, which say more of them; they are not read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Join, Loader, mostly
from grantlens.loaders.microsoft_365.agents import ABOUT_AGENTS
from grantlens.loaders.microsoft_365.consents_and_keys import ISSUANCE, ISSUED
from grantlens.loaders.microsoft_365.directory import CHANGE, PARTY
from grantlens.loaders.microsoft_365.ends import ENDED, REVOCATION
from grantlens.loaders.microsoft_365.mail_and_files import USAGE
from grantlens.loaders.microsoft_365.record import EVENT_STEP, FIELDS, NESTED, SPELLED, is_audit

_KNOWN = f"""
SELECT *,
       CASE WHEN activity = 'consent to application' THEN 'consent'
            WHEN activity IN ('add oauth2permissiongrant', 'add delegated permission grant') THEN 'delegate'
            WHEN activity IN ('remove oauth2permissiongrant', 'remove delegated permission grant') THEN 'undelegate'
            WHEN activity = 'add app role assignment to service principal' THEN 'assign'
            WHEN activity IN ('remove app role assignment from service principal', 'add a deletion-marked app role assignment grant'
                              || ' to service principal as part of link removal') THEN 'unassign'
            WHEN activity IN ('delete application', 'remove service principal', 'delete service principal', 'hard delete application',
                              'hard delete service principal') THEN 'client off'
            WHEN activity IN ('restore application', 'restore service principal') THEN 'client on'
            WHEN activity = 'update service principal' OR starts_with(activity, 'update application')
                 OR activity LIKE '%service principal credentials' THEN 'change'
            WHEN activity IN ('disable account', 'delete user') THEN 'person off'
            WHEN activity IN ('enable account', 'restore user') THEN 'person on'
            WHEN activity IN ('update stsrefreshtokenvalidfrom timestamp', 'revoke user sign in sessions', 'revoke sign in sessions')
            THEN 'sessions off' END AS meaning,
       NOT is_directory AND app IS NOT NULL AND activity NOT IN ('userloggedin', 'userloginfailed') AND activity NOT IN {ABOUT_AGENTS} AS is_use
FROM event
WHERE happened_at IS NOT NULL AND activity <> ''
"""

_IGNORED = f"""
SELECT line_no,
       CASE WHEN activity IN ('userloggedin', 'userloginfailed', 'userloggedoff') THEN 'sign-in of a person'
            WHEN is_directory THEN 'directory change that neither gives nor takes access'
            WHEN activity IN {ABOUT_AGENTS} THEN 'agent that was deployed, changed, blocked or removed'
            ELSE 'action that names no application' END AS reason
FROM known
WHERE meaning IS NULL AND NOT is_use
UNION ALL
SELECT line_no, CASE WHEN meaning = 'consent' THEN 'consent repeated, nothing new in it'
            WHEN list_contains(changed, 'FederatedIdentityCredentials') THEN 'change of federated credentials, which is not read'
            ELSE 'directory change that neither gives nor takes access' END
FROM change
WHERE NOT is_use
"""

_REJECTED = """
SELECT line_no,
       CASE WHEN coalesce(activity, '') = '' THEN 'Operation is missing'
            WHEN logged_at IS NULL THEN 'CreationTime is missing'
            ELSE 'CreationTime is no time' END AS reason
FROM event
WHERE happened_at IS NULL OR coalesce(activity, '') = ''
"""


def _fitted(sample: Sequence[Mapping]) -> Loader:
    """Look for the record where it is; one that lies bare among others is read all the same."""
    bare = sum("Workload" in record and "CreationTime" in record for record in sample)
    for name, (fields, spelled) in NESTED.items():
        if any(name in record for record in sample) and 2 * bare < len(sample):
            return replace(
                LOADER, fields=fields, steps={**LOADER.steps, "spelled": spelled}, otherwise=LOADER, dialect=None
            )
    return LOADER


LOADER = Loader(
    name="microsoft_365",
    version=15,
    title="Microsoft 365 unified audit log",
    recognise=mostly(is_audit),
    fields=FIELDS,
    dialect=_fitted,
    carries=("issuance", "revocation"),
    makers=True,
    steps={
        "spelled": SPELLED,
        "event": EVENT_STEP,
        "known": _KNOWN,
        "party": PARTY,
        "change": CHANGE,
        "issued": ISSUED,
        "ended": ENDED,
    },
    issuance=ISSUANCE,
    usage=USAGE,
    revocation=REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    joins=(
        Join("issuance", "usage", "client and subject", "ObjectId, ClientAppId, UserId", "a consent names no token"),
        Join(
            "issuance",
            "revocation",
            "grant",
            "ServicePrincipal.ObjectID, Target",
            "older records of a removal do not say whose grant it was",
        ),
        Join(
            "usage",
            "revocation",
            "client and subject",
            "ClientAppId",
            "a removal often names only the service principal",
        ),
    ),
    join_note=(
        "Consent and removal join by the service principals of client and resource and by the person, where the removal says whose "
        "grant it was: older records do not, and end no grant that is known. Use joins by application and sign-in name. "
        "Tokens are Entra's: with its log in the store too, what it ended is followed here."
    ),
)
