"""Microsoft Entra: sign-ins, directory audit, Microsoft Graph and Azure AD Graph activity.

One file for each log: `signins`, `audit`, `graph_activity`; `shape` brings the three ways in which they
are exported to one list of columns, `token_id` the four ways of writing a token's id to one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grantlens.loaders.loader import Loader
from grantlens.loaders.microsoft_entra import audit, graph_activity, signins
from grantlens.loaders.microsoft_entra.shape import ACTIVITY, AUDIT, SIGN_INS, event_step, structure

_IGNORED = f"""
SELECT line_no, 'another diagnostic category' AS reason
FROM event WHERE log_kind IS NULL AND category <> ''
UNION ALL {audit.IGNORED}
"""

_REJECTED = """
SELECT line_no, 'neither sign-in, audit nor Graph activity' AS reason
FROM event WHERE log_kind IS NULL AND (category IS NULL OR category = '')
"""


def _kind(record: Mapping) -> str | None:
    """Tell which log a parsed record belongs to, None if it is not Entra's."""
    names = {str(name).lower() for name in record}
    category = record.get("category") or record.get("Category")
    if category in ACTIVITY:
        return "activity"
    if category in SIGN_INS:
        return "sign-in"
    if category in AUDIT:
        return "audit"
    resource = str(record.get("resourceId") or record.get("ResourceId") or "").lower()
    if "properties" in names:
        return "other" if resource.endswith("/providers/microsoft.aadiam") else None
    if {"activitydatetime", "activitydisplayname", "targetresources"} <= names:
        return "audit"
    if {"signinactivityid", "requesturi", "appid"} <= names:
        return "activity"
    if {"createddatetime", "appid", "status"} <= names and names & {
        "uniquetokenidentifier",
        "isinteractive",
        "resourcedisplayname",
    }:
        return "sign-in"
    return None


def _recognise(sample: Sequence[Mapping]) -> bool:
    """Most of the records are known by their category, or by names that only Entra's logs have together."""
    return 2 * sum(_kind(record) is not None for record in sample) > len(sample)


_CARRIES = {"sign-in": {"issuance"}, "audit": {"issuance", "revocation"}, "activity": {"usage"}}


def _dialect(sample: Sequence[Mapping]) -> Loader:
    """Take the spelling of these records, and the logs they belong to.

    A file that begins with nothing but calls is read for calls; whatever else turns up in it is handed over.
    """
    kinds = {kind for kind in map(_kind, sample) if kind}
    carried = set().union(*(_CARRIES.get(kind, set()) for kind in kinds))
    carries = tuple(log for log in LOADER.carries if log in carried) or LOADER.carries
    whole = replace(
        LOADER, fields=structure(sample), steps={**LOADER.steps, "event": event_step(sample)}, carries=carries
    )
    if kinds != {"activity"}:
        return whole
    return replace(
        LOADER,
        fields=structure(sample, calls=True),
        steps={"event": event_step(sample, calls=True), "activity": graph_activity.ACTIVITY},
        issuance=None,
        revocation=None,
        ignored=None,
        rejected=None,
        carries=carries,
        otherwise=whole,
    )


LOADER = Loader(
    name="microsoft_entra",
    version=1,
    title="Microsoft Entra sign-ins, directory audit and Graph activity",
    recognise=_recognise,
    fields=structure([{"properties": {}}]),
    carries=("issuance", "usage", "revocation"),
    steps={
        "event": event_step([{"properties": {}}]),
        "activity": graph_activity.ACTIVITY,
        "sign_in": signins.SIGN_IN,
        **audit.STEPS,
    },
    issuance=f"{signins.ISSUANCE}\nUNION ALL BY NAME\n{audit.ISSUANCE}",
    usage=graph_activity.USAGE,
    revocation=audit.REVOCATION,
    ignored=_IGNORED,
    rejected=_REJECTED,
    join_note=(
        "Sign-in and Graph call join by token id, exactly; a credential joins to the sign-ins made with it. "
        "Consent and removal of a grant join by (client, resource, person): a removal names no token, so what it "
        "ended is known by client and person only. Calls with tokens of another tenant, calls inside $batch and "
        "first-party tokens without a sign-in record cannot be joined."
    ),
    dialect=_dialect,
)
