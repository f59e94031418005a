"""Small logs of calls of which OOS-8 cannot tell whether a granted object covers them, and why."""

from typing import Any

from grantlens.rule.example import Example, consent, token, use
from grantlens.rules.granted_details.examples import AT_WORK, BARE, PAY, TYPE, TYPES, given, granted, paid, payment


def _undecided(*reasons: str, **more: Any) -> tuple[dict[str, Any], ...]:
    return (
        {
            "verdict": "indeterminate",
            "severity": "high",
            **more,
            "detail": {"not_covered": None, "reasons": list(reasons)},
        },
    )


UNDECIDABLE = (
    Example(
        "the log does not name the account, and the object restricts it",
        (granted(payment()), paid("10 09:10", account=None)),
        _undecided(
            "the log does not name the resource of the call",
            title="app called POST /v1/payments, and nothing tells whether a granted object of authorization details covers it",
            events=2,
        ),
        details_types=TYPES,
    ),
    Example(
        "the log does not name the server, and the object restricts it",
        (granted(payment(locations=["https://pay.example"])), paid("10 09:10", resource_server=None)),
        _undecided("the log does not name the server that was called"),
        details_types=TYPES,
    ),
    Example(
        "a location may be another name of the server: it is not called by that name; or the server is nobody's location by its own",
        (
            *AT_WORK,
            granted(payment(locations=["urn:acme:pay"])),
            paid("10 09:10"),
            granted(payment(locations=["https://ledger.example"]), token_id="t2", subject_id="ben", grant_id="g4"),
            use("10 09:20", PAY, "t2", "gateway", subject_id="ben", resource_id="acct-1"),
        ),
        tuple(
            each | {"subject_id": subject}
            for subject in ("ann", "ben")
            for each in _undecided(
                "nothing tells whether the server is a location of an object: the identities file can"
            )
        ),
        details_types=TYPES,
    ),
    Example(
        "the register does not say what an object permits that lacks a member",
        (granted({"type": "payment"}), paid("10 09:10")),
        _undecided(
            *(
                f"the register does not say what an object without `{member}` permits"
                for member in ("actions", "datatypes", "identifier", "locations")
            )
        ),
        details_types=BARE,
    ),
    Example(
        "the register does not say which action and datatype the operation is",
        (granted(payment(datatypes=["order"])), paid("10 09:10")),
        _undecided(
            "the register does not say of which datatype the operation is",
            "the register does not say which action the operation is",
        ),
        details_types=({**TYPE, "operations": BARE[0]["operations"]},),
    ),
    Example(
        "a further member may restrict more than is known",
        (granted(payment(amount={"most": "50"})), paid("10 09:10")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "other_members": ["amount"],
                    "reasons": [
                        "an object has members of which the register does not say that they may be passed over"
                    ],
                },
            },
        ),
        details_types=TYPES,
    ),
    Example(
        "a member that is no list of texts, and one that lists nothing",
        (
            granted(payment(datatypes={"order": True})),
            paid("10 09:10"),
            granted(payment(datatypes=[]), token_id="t2", subject_id="ben", grant_id="g2"),
            paid("10 09:10", "t2", subject_id="ben"),
        ),
        (
            *(each | {"subject_id": "ann"} for each in _undecided("a member of an object is no list of texts")),
            *(
                each | {"subject_id": "ben"}
                for each in _undecided("an object lists no `datatypes`, and whether that is all or none is not told")
            ),
        ),
        details_types=TYPES,
    ),
    Example(
        "what was granted holds something that is no object with a type",
        (
            granted(payment("status"), "payment"),
            paid("10 09:10"),
            token("10 09:00", "t2", [], authorization_details={"role": "admin"}, subject_id="ben", grant_id="g2"),
            paid("10 09:10", "t2", subject_id="ben"),
        ),
        tuple(
            each | {"subject_id": subject}
            for subject in ("ann", "ben")
            for each in _undecided("the granted details hold something that is no object with a type")
        ),
        details_types=TYPES,
    ),
    Example(
        "all that was granted is of types that the register does not know",
        (granted({"type": "openid_credential"}), paid("10 09:10")),
        _undecided("no granted object is of a type that the register knows"),
        details_types=TYPES,
    ),
    Example(
        "neither the token nor its grant says which details were granted; or no issuance is known",
        (
            token("10 09:00", "t1", []),
            paid("10 09:10"),
            paid("10 09:10", "t-unseen", subject_id="ben"),
        ),
        (
            *(
                each | {"subject_id": "ann"}
                for each in _undecided("a record of what may have been granted names no details")
            ),
            *(
                each | {"subject_id": "ben", "events": 1}
                for each in _undecided("no log says which details were granted")
            ),
        ),
        details_types=TYPES,
    ),
    Example(
        "an earlier consent covers it, and whether the later one took its place is not told",
        (
            given("10 09:00", payment(), payment(datatypes=[])),
            given("10 10:00", payment("status")),
            paid("10 11:00", None, grant_id="g1"),
        ),
        _undecided("of what may have been granted at the time of the call, some covers it", events=3),
        details_types=TYPES,
    ),
    Example(
        "of two consents at one moment, one covers it",
        (given("10 09:00", payment()), given("10 09:00", payment("status")), paid("10 11:00", None, grant_id="g1")),
        _undecided("of what may have been granted at the time of the call, some covers it", events=3),
        details_types=TYPES,
    ),
    Example(
        "a call seconds from the consent that covers it: either may be first",
        (
            given("10 09:00", payment("status")),
            given("10 10:00", payment()),
            paid("10 10:00:08", None, grant_id="g1"),
            paid("10 09:59:52", None, grant_id="g1"),
        ),
        _undecided("of what may have been granted at the time of the call, some covers it", events=4),
        details_types=TYPES,
    ),
    Example(
        "a consent does not say to what, after one that covers nothing of it",
        (given("10 09:00", payment("status")), consent("10 10:00", ["pay"]), paid("10 11:00", None, grant_id="g1")),
        _undecided("a record of what may have been granted names no details"),
        details_types=TYPES,
    ),
    Example(
        "two tenants issued a token of one id with other details, and the call names none",
        (
            granted(payment(), tenant="one"),
            granted(payment("status"), tenant="two", grant_id="g2"),
            paid("10 09:10"),
        ),
        _undecided("of what may have been granted at the time of the call, some covers it", tenant=None, grant_id=None),
        details_types=TYPES,
    ),
    Example(
        "two tenants issued a token of one id, one without details, and the call names none",
        (
            granted(payment("status"), tenant="one"),
            token("10 09:00", "t1", [], tenant="two", grant_id="g2"),
            paid("10 09:10"),
        ),
        _undecided("a record of what may have been granted names no details", tenant=None, grant_id=None),
        details_types=TYPES,
    ),
    Example(
        "an admin gave the client a grant for everyone beside this one, and the token may hold what that says",
        (
            given("10 08:00", payment(), grant="g-all", subject_id=None, consent_kind="admin"),
            given("10 08:30", payment("status")),
            paid("10 09:30", None, grant_id="g1"),
        ),
        _undecided("the client holds a grant for everyone beside this one"),
        details_types=TYPES,
    ),
)
