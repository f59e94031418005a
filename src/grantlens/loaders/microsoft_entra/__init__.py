"""Microsoft Entra: sign-ins, directory audit, Microsoft Graph and Azure AD Graph activity.

One file for each log: `signins`, `audit`, `graph_activity`; `shape` brings the three ways in which they
are exported to one list of columns, `hunting` Defender's tables of Graph calls and sign-ins to those of the logs, `token_id` the four ways of
writing a token's id to one, `powershell` the names that Graph's PowerShell gives to those of Graph. A record inside that of a collector
(Elastic's Azure logs) is taken out first.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from grantlens.loaders.collected import OPENED, mostly_inside, opened
from grantlens.loaders.loader import Join, Loader
from grantlens.loaders.microsoft_entra import audit, graph_activity, hunting, powershell, signins
from grantlens.loaders.microsoft_entra.shape import CATEGORIES, KINDS, event_step, moment, structure

_IGNORED = """
SELECT line_no, 'another diagnostic category' AS reason
FROM event WHERE log_kind IS NULL AND category <> ''
"""

_REJECTED = """
SELECT line_no, 'neither sign-in, audit nor Graph activity' AS reason
FROM event WHERE log_kind IS NULL AND (category IS NULL OR category = '')
"""


def _kind(record: Mapping) -> str | None:
    """Tell which log a parsed record belongs to, None if it is not Entra's."""
    names = {str(name).lower() for name in record}
    category = record.get("category") or record.get("Category")
    for kind, categories in CATEGORIES.items():
        if category in categories:
            return kind
    resource = str(record.get("resourceId") or record.get("ResourceId") or "").lower()
    if "properties" in names:
        return "other" if resource.endswith("/providers/microsoft.aadiam") else None
    if {"activitydatetime", "activitydisplayname", "targetresources"} <= names:
        return "audit"
    if {"signinactivityid", "requesturi", "appid"} <= names:
        return "activity"
    if hunting.is_row(names):
        return "hunting"
    if {"createddatetime", "appid", "status"} <= names and names & {
        "uniquetokenidentifier",
        "isinteractive",
        "resourcedisplayname",
    }:
        return "sign-in"
    return None


_SHOWN = {
    "sign-in": f"SELECT line_no, tenant, TRY_CAST({moment('createdDateTime')} AS TIMESTAMPTZ) AS happened_at FROM event WHERE log_kind = 'sign-in'",
    "audit": f"SELECT line_no, tenant, TRY_CAST({moment('activityDateTime')} AS TIMESTAMPTZ) AS happened_at FROM change",
    "activity": f"SELECT line_no, tenant, TRY_CAST({moment('timeGenerated')} AS TIMESTAMPTZ) AS happened_at FROM event WHERE log_kind = 'activity'",
}
_SHOWN_BY = {"issuance": ("sign-in", "audit"), "usage": ("activity",), "revocation": ("audit",)}
"""Of which kind the records are that show a log: each kind is exported as a log of its own, whatever stands beside it in a file."""


def _dialect(sample: Sequence[Mapping]) -> Loader:
    """Take the spelling of these records, and the logs they belong to.

    A file that begins with nothing but calls (or sign-ins, or changes) is read for these alone; whatever
    else turns up in it is handed over to the loader for all of them, and then to those for Defender's tables.
    A file of a collector's records is read by the loader for all.
    """
    if any(map(powershell.is_saved, sample)):
        return replace(_dialect(list(map(powershell.outside, sample))), split=powershell.split)
    inner = [opened(record) for record in sample]
    kinds = {kind for kind in map(_kind, inner) if kind}
    if "hunting" in kinds:
        return hunting.fitted(_LOADER, inner, _fitted(inner, KINDS))
    whole = _fitted(inner, KINDS)
    whole = replace(whole, rejected=None, otherwise=hunting.fitted(_LOADER, hunting.WRITTEN, whole))
    if any(event is not record for event, record in zip(inner, sample, strict=True)):
        taken_out = f"FROM (SELECT line_no, from_json({OPENED}, '{whole.fields}') AS r FROM record WHERE json_type(r) = 'OBJECT')"
        event = whole.steps["event"].removesuffix("FROM record") + taken_out
        return replace(whole, fields='"JSON"', steps={**whole.steps, "event": event})
    return replace(_fitted(sample, kinds), otherwise=whole) if kinds and kinds < KINDS else whole


def _shown_by(kinds: Set[str]) -> dict[str, str]:
    """Return by which records of these kinds each log is shown: calls alone show themselves, and are read the fast way."""
    if kinds == {"activity"}:
        return {"usage": ""}
    shown_by = {log: [_SHOWN[kind] for kind in by if kind in kinds] for log, by in _SHOWN_BY.items()}
    return {log: " UNION ALL ".join(selects) for log, selects in shown_by.items() if selects}


def _fitted(sample: Sequence[Mapping], kinds: Set[str]) -> Loader:
    """Return the loader that reads some of the logs."""
    shown_by = _shown_by(kinds)
    steps, issuance = {"event": event_step(sample, kinds)}, []
    if "activity" in kinds:
        steps["activity"] = graph_activity.ACTIVITY
    if "sign-in" in kinds:
        steps["sign_in"] = signins.SIGN_IN
        issuance.append(signins.ISSUANCE)
    if "audit" in kinds:
        steps |= audit.STEPS
        issuance.append(audit.ISSUANCE)
    ignored = [audit.IGNORED] * ("audit" in kinds) + [_IGNORED] * (kinds == KINDS)
    return replace(
        _LOADER,
        fields=structure(sample, kinds),
        carries=tuple(shown_by),
        shown_by=shown_by,
        steps=steps,
        issuance="\nUNION ALL BY NAME\n".join(issuance) or None,
        usage=graph_activity.USAGE if "activity" in kinds else None,
        revocation=audit.REVOCATION if "audit" in kinds else None,
        ignored="\nUNION ALL\n".join(ignored) or None,
        rejected=_REJECTED if kinds == KINDS else None,
    )


_LOADER = Loader(
    name="microsoft_entra",
    version=22,
    title="Microsoft Entra sign-ins, directory audit and Graph activity",
    recognise=mostly_inside(_kind),
    fields="",
    carries=("issuance", "usage", "revocation"),
    catalogue="msgraph",
    makers=True,
    joins=(
        Join(
            "issuance",
            "usage",
            "token",
            "uniqueTokenIdentifier, SignInActivityId",
            "not inside $batch, not for first-party tokens",
        ),
        Join(
            "issuance",
            "revocation",
            "client and subject",
            "servicePrincipalId, user id",
            "a removed grant names no token",
        ),
        Join("usage", "revocation", "client and subject", "appId, user id", "a removed grant names no token"),
    ),
    audiences="of tokens",
    join_note=(
        "Sign-in and Graph call join by token id, exactly; a credential joins to the sign-ins made with it. "
        "Consent and removal of a grant join by (client, resource, person): a removal names no token, so what it "
        "ended is known by client and person only. Calls with tokens of another tenant, calls inside $batch and "
        "first-party tokens without a sign-in record cannot be joined."
    ),
    dialect=_dialect,
)

LOADER = _fitted([{"properties": {}}], KINDS)
