"""Auth0: what Elastic makes of an event of the log, brought back to what Auth0 wrote.

The integration `auth0` leaves it in `auth0.logs.data`, but for who did it, from where and with which id, which stand where the Elastic Common Schema has
them; empty values are gone, so that scopes that were none are unknown. Of a code that it knows it writes the meaning instead. Versions before that
leave the code, those after it keep it beside (`type_id`).
"""

from collections.abc import Mapping

from grantlens.loaders.elastic import at, taken_from

_MEANINGS = {
    "f": "Failed login",
    "fapi": "Failed Management API operation",
    "fd": "Failed to generate delegation token",
    "fdecc": "User did not confirm device",
    "fdu": "Failed user deletion",
    "feacft": "Failed exchange of Authorization Code for Access Token",
    "feccft": "Failed exchange of Access Token for a Client Credentials Grant",
    "fede": "Failed exchange of Device Code for Access Token",
    "fens": "Failed native social login",
    "feoobft": "Failed exchange of Password and OOB Challenge for Access Token",
    "feotpft": "Failed exchange of Password and OTP Challenge for Access Token",
    "fepft": "Failed exchange of Password for Access Token",
    "fepotpft": "Failed exchange of Passwordless OTP for Access Token",
    "fercft": "Failed exchange of Password and MFA Recovery code for Access Token",
    "ferrt": "Failed exchange of Rotating Refresh Token",
    "fertft": "Failed exchange of Refresh Token for Access Token",
    "flo": "User logout failed",
    "fp": "Incorrect password",
    "fsa": "Failed silent authentication",
    "fu": "Invalid email or username",
    "du": "User has been deleted",
    "mgmt_api_read": "API GET operation returning secrets completed successfully",
    "s": "Successful login",
    "sapi": "Successful Management API operation",
    "sd": "Success delegation",
    "sdu": "User successfully deleted",
    "seacft": "Successful exchange of Authorization Code for Access Token",
    "seccft": "Successful exchange of Access Token for a Client Credentials Grant",
    "sede": "Successful exchange of Device Code for Access Token",
    "sens": "Successful native social login",
    "seoobft": "Successful exchange of Password and OOB Challenge for Access Token",
    "seotpft": "Successful exchange of Password and OTP Challenge for Access Token",
    "sepft": "Successful exchange of Password for Access Token",
    "sercft": "Successful exchange of Password and MFA Recovery code for Access Token",
    "sertft": "Successful exchange of Refresh Token for Access Token",
    "slo": "User successfully logged out",
    "srrt": "Successfully revoked a Refresh Token",
    "ssa": "Successful silent authentication",
}
"""What the pipeline writes of the codes that are read; each meaning is that of one code."""
_CODES = {meaning: code for code, meaning in _MEANINGS.items()}


def taken_apart(record: Mapping) -> Mapping | None:
    """Return what Elastic's pipeline made of an event, None if this is none of its documents."""
    kept = taken_from(record, "auth0", "logs", "data")
    return kept if kept is not None and isinstance(kept.get("type"), str) and "date" in kept else None


def as_written(record: Mapping, kept: Mapping) -> Mapping:
    """Return the record as its provider wrote it, as far as it is read.

    Examples
    --------
    >>> document = {"event": {"id": "1"}, "auth0": {"logs": {"data": {"date": "2026-07-01T10:00:00Z", "type": "Failed login"}}}}
    >>> as_written(document, document["auth0"]["logs"]["data"])["type"]
    'f'
    """
    return {
        "log_id": at(record, "event", "id"),
        "ip": at(record, "source", "ip"),
        "user_agent": at(record, "user_agent", "original"),
        "user_id": at(record, "user", "id"),
        "user_name": at(record, "user", "email") or at(record, "user", "name"),
        **kept,
        "type": kept.get("type_id") or _CODES.get(kept["type"], kept["type"]),
    }
