"""Small logs in which an action is refused and then done, or not: what OOS-11 is run on."""

from grantlens.rule.example import Example, consent, token, use

_DELETE = "DELETE /v1/messages/7"
_KNOWN = consent("10 09:00", ["mail.read"])
_REFUSED = use("10 09:05", _DELETE, status=403)
_BEFORE = (_KNOWN, token("10 09:01", "t1", ["mail.read"], "10 12:00"), _REFUSED)
_WIDER = token("10 09:06", "t2", ["mail.read", "mail.write"], "10 12:00")
_DONE = use("10 09:07", _DELETE, "t2", status=204)
_POLICY = {"consent_kind": "policy", "consent_actor": "policy-engine"}
_ITSELF = {"client_id": "app", "subject_id": None, "subject_kind": "service"}

FIRES = (
    Example(
        "an administrator gives the scope within a minute: a person, though not the one for whom it acts",
        (*_BEFORE, consent("10 09:05:40", ["mail.write"], consent_kind="admin", consent_actor="eve"), _WIDER, _DONE),
        ({"verdict": "violation", "severity": "medium", "detail": {"given_by": ["administrator"], "reasons": None}},),
    ),
    Example(
        "a policy gives the scope within a minute",
        (*_BEFORE, consent("10 09:05:40", ["mail.write"], **_POLICY), _WIDER, _DONE),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app was refused DELETE /v1/messages/{id}, was given mail.write by a policy, and did it",
                "operation": "DELETE /v1/messages/{id}",
                "scopes": ["mail.write"],
                "events": 4,
                "detail": {"refusals": 1, "given_by": ["policy"], "done_after_s": 120.0, "reasons": None},
            },
        ),
    ),
    Example(
        "a token with more scopes than the person ever consented to",
        (*_BEFORE, _WIDER, _DONE),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "title": "app was refused DELETE /v1/messages/{id}, got a token with mail.write without any consent, and did it",
                "token_id": "t2",
                "events": 3,
            },
        ),
    ),
    Example(
        "a client that acts for itself asks for a token with more, and gets it",
        (
            token("10 09:01", "t1", ["mail.read"], "10 12:00", **_ITSELF),
            {**_REFUSED, "subject_id": None},
            {**_WIDER, **_ITSELF},
            {**_DONE, "subject_id": None},
        ),
        ({"verdict": "violation", "severity": "high", "subject_id": None},),
    ),
)

SILENT = (
    Example(
        "the person consents: that is how a client is to ask for more",
        (*_BEFORE, consent("10 09:05:40", ["mail.write"]), _WIDER, _DONE),
        (
            {
                "verdict": "clear",
                "severity": "info",
                "title": "app was refused DELETE /v1/messages/{id}, was given mail.write by a person, and did it",
                "detail": {"given_by": ["person"], "reasons": None},
            },
        ),
    ),
    Example("it is given, and not used", (*_BEFORE, consent("10 09:05:40", ["mail.write"], **_POLICY), _WIDER)),
    Example(
        "it held the scope already, and had called with a narrower token",
        (consent("10 08:00", ["mail.write"]), *_BEFORE[1:], _WIDER, _DONE),
    ),
)

UNDECIDABLE = (
    Example(
        "the log does not say who consented",
        (*_BEFORE, consent("10 09:05:40", ["mail.write"], consent_kind=None), _WIDER, _DONE),
        (
            {
                "verdict": "indeterminate",
                "severity": "medium",
                "title": "app was refused DELETE /v1/messages/{id}, was given mail.write, perhaps not by a person, and did it",
                "detail": {"reasons": ["the log does not say whether a person gave the scope"]},
            },
        ),
    ),
    Example(
        "no consent of the person is in the log, which may have begun after it",
        (*_BEFORE[1:], _WIDER, _DONE),
        (
            {
                "verdict": "indeterminate",
                "severity": "medium",
                "title": "app was refused DELETE /v1/messages/{id}, got a token with mail.write, and did it",
                "detail": {
                    "reasons": [
                        "no consent to the client is in the log: it may be older, and have been for this scope too"
                    ]
                },
            },
        ),
    ),
    Example(
        "the person let the client in some seconds before the refusal, or after it: an older consent may be in no log",
        (consent("10 09:04:55", ["mail.read"]), _REFUSED, _WIDER, _DONE),
        (
            {
                "verdict": "indeterminate",
                "detail": {"reasons": ["refusal, grant and call are closer than the clocks can tell"]},
            },
        ),
    ),
    Example(
        "all within seconds: the policy may have given it before the refusal",
        (
            *_BEFORE,
            consent("10 09:05:03", ["mail.write"], **_POLICY),
            use("10 09:05:40", _DELETE, None, status=204),
        ),
        (
            {
                "verdict": "indeterminate",
                "severity": "high",
                "title": "app was refused DELETE /v1/messages/{id}, may have got mail.write in between, and did it",
                "detail": {"reasons": ["refusal, grant and call are closer than the clocks can tell"]},
            },
        ),
    ),
)
