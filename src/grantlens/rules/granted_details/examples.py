"""Small logs of calls that granted objects cover, or do not: what OOS-8 is run on."""

from typing import Any

from grantlens.rule.example import Example, consent, revoked, token, use

TYPE: dict[str, Any] = {
    "type": "payment",
    "absent_actions": "any",
    "absent_locations": "any",
    "absent_datatypes": "any",
    "absent_identifier": "none",
    "passed_over": ["creditor"],
    "operations": [
        {"operation": "POST /v1/payments", "action": "initiate", "datatype": "order"},
        {"operation": "GET /v1/payments/*", "action": "status", "datatype": "order"},
    ],
}
"""What the register says of the type in most examples: a payment from the account that an object names."""
TYPES = (TYPE,)
BARE = ({"type": "payment", "operations": [{"operation": "POST /v1/payments"}]},)
"""A type of which it says no more than its name and one operation."""

PAY, STATUS = "POST /v1/payments", "GET /v1/payments/7"


def payment(*actions: str, **members: Any) -> dict[str, Any]:
    """Write an object that permits these actions with the first account."""
    return {"type": "payment", "actions": list(actions or ("initiate",)), "identifier": "acct-1", **members}


def granted(*objects: Any, when: str = "10 09:00", token_id: str = "t1", **more: Any) -> dict[str, Any]:
    """Write a token that was issued with these objects."""
    return token(when, token_id, [], authorization_details=list(objects), **more)


def given(when: str, *objects: Any, **more: Any) -> dict[str, Any]:
    """Write a consent to these objects."""
    return consent(when, None, **{"authorization_details": list(objects), **more})


def paid(
    when: str, token_id: str | None = "t1", account: str | None = "acct-1", call: str = PAY, **more: Any
) -> dict[str, Any]:
    """Write a payment from an account."""
    return use(when, call, token_id, "pay.example", resource_id=account, **more)


# The server is called and is a location of others; so is the other one.
AT_WORK = (
    granted(payment(locations=["https://pay.example"]), token_id="o1", when="10 08:00", client_id="other", grant_id="g2"),
    granted(payment(locations=["https://ledger.example"]), token_id="o2", when="10 08:00", client_id="other", grant_id="g3"),
    paid("10 08:10", "o1", client_id="other"),
    use("10 08:10", PAY, "o2", "ledger.example", client_id="other", resource_id="acct-1"),
)  # fmt: skip

FIRES = (
    Example(
        "one object permits the action, another one the account: no single one covers the payment",
        (granted(payment("status"), payment(identifier="acct-2")), paid("10 09:10")),
        (
            {
                "verdict": "violation",
                "severity": "critical",
                "title": "app called POST /v1/payments, which no granted object of authorization details covers",
                "client_id": "app",
                "subject_id": "ann",
                "grant_id": "g1",
                "token_id": "t1",
                "resource_server": "pay.example",
                "operation": "POST /v1/payments",
                "events": 2,
                "join_key": "token",
                "detail": {
                    "types": ["payment"],
                    "actions": ["initiate"],
                    "resources": ["acct-1"],
                    "not_covered": ["actions", "identifier"],
                    "details_from": "token",
                    "other_members": [],
                    "reasons": None,
                },
            },
        ),
        details_types=TYPES,
    ),
    Example(
        "a reading call, of a datatype that no object names",
        (granted(payment("status", datatypes=["balance"])), paid("10 09:10", call=STATUS)),
        (
            {
                "verdict": "violation",
                "severity": "high",
                "operation": "GET /v1/payments/*",
                "detail": {"actions": ["status"], "not_covered": ["datatypes"]},
            },
        ),
        details_types=TYPES,
    ),
    Example(
        "two calls, with tokens for other accounts: one finding",
        (
            granted(payment(identifier="acct-2")),
            granted(payment(identifier="acct-3"), token_id="t2"),
            paid("10 09:10"),
            paid("10 09:20", "t2"),
        ),
        ({"verdict": "violation", "token_id": None, "events": 4, "detail": {"not_covered": ["identifier"]}},),
        details_types=TYPES,
    ),
    Example(
        "an object that names no account permits none, as the register says of the type",
        (granted({"type": "payment", "actions": ["initiate"]}), paid("10 09:10")),
        ({"verdict": "violation", "detail": {"not_covered": ["identifier"]}},),
        details_types=TYPES,
    ),
    Example(
        "nothing was granted, and the log says so; or only objects of another type",
        (
            granted(),
            granted({"type": "statement"}, token_id="t2", subject_id="ben", grant_id="g2"),
            paid("10 09:10"),
            paid("10 09:10", "t2", subject_id="ben"),
        ),
        (
            {"verdict": "violation", "subject_id": "ann", "detail": {"not_covered": ["type"]}},
            {"verdict": "violation", "subject_id": "ben", "detail": {"not_covered": ["type"]}},
        ),
        details_types=(*TYPES, {"type": "statement", "operations": [{"operation": "GET /v1/statements"}]}),
    ),
    Example(
        "another account: whatever a further member means, and though the register does not say what an object without locations permits",
        (granted(payment(identifier="acct-2", amount={"most": "50"})), paid("10 09:10")),
        ({"verdict": "violation", "detail": {"not_covered": ["identifier"]}},),
        details_types=({**TYPE, "absent_locations": None},),
    ),
    Example(
        "a location that is another server",
        (*AT_WORK, granted(payment(locations=["https://ledger.example/v1/"])), paid("10 09:10")),
        ({"verdict": "violation", "client_id": "app", "detail": {"not_covered": ["locations"]}},),
        details_types=TYPES,
    ),
    Example(
        "a location that is another server, and the one that was called is an audience of others",
        (
            *AT_WORK[1::2],
            token("10 08:00", "o3", [], client_id="third", grant_id="g4", audience=["https://pay.example"]),
            granted(payment(locations=["https://ledger.example"])),
            paid("10 09:10"),
        ),
        ({"verdict": "violation", "client_id": "app", "detail": {"not_covered": ["locations"]}},),
        details_types=TYPES,
    ),
    Example(
        "the call names the grant only: none of its consents covers it",
        (
            given("10 09:00", payment("status")),
            given("10 10:00", payment("status", identifier="acct-2")),
            paid("10 11:00", None, grant_id="g1"),
        ),
        ({"verdict": "violation", "events": 3, "join_key": "grant", "detail": {"details_from": "grant"}},),
        details_types=TYPES,
    ),
    Example(
        "the token names none, and its grant does; what an earlier life of the grant held is over",
        (
            given("09 09:00", payment()),
            revoked("09 12:00", "grant"),
            given("10 09:00", payment("status")),
            token("10 09:01", "t1", []),
            paid("10 09:10"),
        ),
        ({"verdict": "violation", "events": 2, "join_key": "token", "detail": {"details_from": "grant"}},),
        details_types=TYPES,
    ),
    Example(
        "a call that may be permitted, and one that is not: one finding",
        (granted(payment()), paid("10 09:10", account="acct-2"), paid("10 09:20", account=None)),
        ({"verdict": "violation", "events": 3, "detail": {"resources": ["acct-2"], "reasons": None}},),
        details_types=TYPES,
    ),
    Example(
        "an operation by its name, or as a catalogue has it: one that writes, or that only a grave scope permits, weighs more",
        (
            granted({"type": "mail"}),
            use("10 09:10", "", method=None, target=None, operation="mail.remove"),
            use("10 09:20", "DELETE /v1/messages/7"),
            use("10 09:30", "GET /v1/audit", server="jobs.example"),
        ),
        (
            {"verdict": "violation", "severity": "high", "operation": "mail.*"},
            {"verdict": "violation", "severity": "critical", "operation": "DELETE /v1/messages/{id}"},
            {"verdict": "violation", "severity": "critical", "operation": "GET /v1/audit"},
        ),
        details_types=(
            {
                "type": "mail",
                "absent_actions": "none",
                "operations": [{"operation": name} for name in ("mail.*", "DELETE /v1/messages/{id}", "GET /v1/audit")],
            },
        ),
    ),
)

SILENT = (
    Example(
        "one object covers the payment: in a list, alone, and with a text where a list may stand",
        (
            granted(payment("status"), payment("status", "initiate", identifier="acct-1")),
            token("10 09:00", "t2", [], authorization_details=payment()),
            granted({"type": "payment", "actions": "initiate", "identifier": ["acct-1", "acct-2"]}, token_id="t3"),
            *(paid("10 09:10", name) for name in ("t1", "t2", "t3")),
        ),
        details_types=TYPES,
    ),
    Example(
        "a further member, which the register passes over",
        (granted(payment(creditor={"name": "Ben"})), paid("10 09:10")),
        details_types=TYPES,
    ),
    Example(
        "a member that is null says nothing",
        (granted(payment(datatypes=None)), paid("10 09:10")),
        details_types=TYPES,
    ),
    Example(
        "a location written in another way",
        (
            *AT_WORK,
            granted(payment(locations=["HTTPS://Pay.example:443/v1/"])),
            paid("10 09:10"),
        ),
        details_types=TYPES,
    ),
    Example(
        "a refused call, and one that no type claims",
        (granted(), paid("10 09:10", status=403), paid("10 09:10", call="GET /v1/payments")),
        details_types=TYPES,
    ),
    Example(
        "a type that the register knows of another source only",
        (granted(payment("status")), paid("10 09:10")),
        details_types=({**TYPE, "source": "keycloak"},),
    ),
    Example(
        "no type is registered",
        (granted(payment("status")), paid("10 09:10")),
    ),
    Example(
        "objects of a provider's own, where no type claims what was called",
        (
            token("10 09:00", "t1", [], authorization_details={"role": "admin", "binding": "rolebindings/ops"}),
            paid("10 09:10", call="GET /v1/pods"),
        ),
        details_types=TYPES,
    ),
    Example(
        "an operation that two types claim: an object of one of them is enough",
        (granted({"type": "ledger"}), paid("10 09:10")),
        details_types=(
            *TYPES,
            {
                **{f"absent_{member}": "any" for member in ("actions", "locations", "datatypes", "identifier")},
                "type": "ledger",
                "operations": [{"operation": "POST /v1/*", "action": "write"}],
            },
        ),
    ),
    Example(
        "the last consent covers it, whether it added to the one before or took its place",
        (given("10 09:00", payment("status")), given("10 10:00", payment()), paid("10 11:00", None, grant_id="g1")),
        details_types=TYPES,
    ),
    Example(
        "a call proven to come after the end of the token, or of the grant, belongs to REV-1",
        (
            granted(payment("status")),
            given("10 09:00", payment("status"), client_id="two", grant="g2"),
            revoked("10 09:05"),
            revoked("10 09:05", "grant", grant_id="g2", client_id="two", event_id="r2"),
            paid("10 09:10"),
            paid("10 09:10", None, grant_id="g2", client_id="two"),
        ),
        details_types=TYPES,
    ),
)
