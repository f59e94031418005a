"""Small logs of transactions that keep to the draft, and that do not: what OOS-13 is run on.

The gateway of ann's shop is called with an access token, gets a transaction token for it, and calls `orders`, which calls `stock` with the same one.
"""

from typing import Any

from grantlens.rule.example import IN_PART, Example, logs_from_to, moment, token, use

ORDERS, STOCK, MAILS = "orders.acme.example", "stock.acme.example", "mails.acme.example"
DOMAIN = "acme.example"
SHOWN = token("10 09:00", "t1", ["shop.use"], "10 10:00")
KEPT_GOING = logs_from_to("10 08:00", "10 18:00")


def transaction(when: str, until: str, token_id: str = "x1", parent: str | None = "t1", **more: Any) -> dict[str, Any]:
    """Write a transaction token that client gateway got, for a token of ann's if nothing else is said."""
    defaults = {
        "kind": "exchange",
        "token_kind": "txn",
        "parent_token_id": parent,
        "client_id": "gateway",
        "grant_id": "g2",
    }
    return token(when, token_id, ["order.place"], until, **{**defaults, "audience": [DOMAIN], **more})


def handed(when: str, client: str, server: str, token_id: str = "x1", **more: Any) -> dict[str, Any]:
    """Write a call from one workload to another with a transaction token."""
    return use(when, "POST /v1/do", token_id, server, client_id=client, **more)


def asked(when: str, until: str | None, **more: Any) -> dict[str, Any]:
    """Write the call of app to the gateway that a transaction is for."""
    return use(when, "POST /v1/orders", server="shop.example", ended_at=until and moment(until), **more)


SHORT = transaction("10 09:10", "10 09:15")
PASSED_ON = (
    handed("10 09:10:01", "gateway", ORDERS),
    handed("10 09:10:02", ORDERS, STOCK),
)
MAILS_IS_CALLED = handed("10 08:30", "gateway", MAILS, "other", subject_id=None)
OF_STAGING = transaction("10 09:20", "10 09:25", "x2", client_id="tester", grant_id="g3", audience=["staging.example"])
OF_TWO_TENANTS = (
    token("10 09:00", "t1", ["shop.use"], "10 09:01", tenant="north"),
    token("10 09:00", "t1", ["shop.use"], "10 10:00", tenant="south"),
)

FIRES = (
    Example(
        "two transaction tokens that live for a quarter of an hour and longer",
        (SHOWN, transaction("10 09:10", "10 09:25"), transaction("10 09:20", "10 09:40", "x2")),
        (
            {
                "verdict": "violation",
                "severity": "medium",
                "title": "gateway got a transaction token that lives longer than it may",
                "client_id": "gateway",
                "token_id": None,
                "events": 2,
                "detail": {"fault": "long life", "tokens": 2, "most_s": 1200.0, "reasons": None},
            },
        ),
    ),
    Example(
        "it was got for a token that had expired ten minutes before",
        (SHOWN, transaction("10 10:10", "10 10:12")),
        (
            {
                "verdict": "violation",
                "title": "gateway got a transaction token for a token that had expired",
                "token_id": "x1",
                "detail": {"fault": "shown too late", "most_s": 600.0},
            },
        ),
    ),
    Example(
        "a workload that nobody called in the transaction calls with its token, and is called itself in others",
        (*KEPT_GOING, SHOWN, MAILS_IS_CALLED, SHORT, *PASSED_ON, handed("10 09:11", MAILS, STOCK)),
        (
            {
                "verdict": "violation",
                "title": "mails.acme.example called with a transaction token of gateway, and nobody had called it with that",
                "client_id": MAILS,
                "token_id": "x1",
                "resource_server": STOCK,
                "events": 2,
                "detail": {"fault": "other caller", "issued_to": "gateway", "servers": [STOCK], "reasons": None},
            },
        ),
    ),
    Example(
        "a workload calls with it, and is called with it only a minute later",
        (*KEPT_GOING, SHOWN, SHORT, handed("10 09:11", MAILS, STOCK), handed("10 09:12", "gateway", MAILS)),
        ({"verdict": "violation", "client_id": MAILS, "detail": {"fault": "other caller"}},),
    ),
    Example(
        "a server that by its name lies in another trust domain takes it",
        (SHOWN, SHORT, OF_STAGING, handed("10 09:11", "gateway", "orders.staging.example")),
        (
            {
                "verdict": "violation",
                "title": "orders.staging.example took a transaction token of gateway that is for acme.example",
                "client_id": "gateway",
                "resource_server": "orders.staging.example",
                "events": 2,
                "detail": {"fault": "other domain", "audience": DOMAIN, "reasons": None},
            },
        ),
    ),
    Example(
        "it is used two minutes after the call ended for which it was made",
        (
            *KEPT_GOING,
            SHOWN,
            asked("10 09:09:59", "10 09:10:04"),
            SHORT,
            handed("10 09:10:01", "gateway", ORDERS),
            handed("10 09:12:04", "gateway", ORDERS),
        ),
        (
            {
                "verdict": "violation",
                "title": "A transaction token of gateway was used after the call for which it was made had ended",
                "client_id": "gateway",
                "token_id": "x1",
                "events": 3,
                "detail": {"fault": "after its call", "most_s": 120.0, "reasons": None},
            },
        ),
    ),
)

SILENT = (
    Example(
        "it goes from workload to workload, each of which had been called with it",
        (
            *KEPT_GOING,
            SHOWN,
            asked("10 09:09:59", "10 09:10:04"),
            SHORT,
            *PASSED_ON,
            handed("10 09:10:03", STOCK, MAILS),
        ),
    ),
    Example(
        "it outlives the token that it came of, which the token service may allow",
        (SHOWN, transaction("10 09:58", "10 10:02")),
        (
            {
                "verdict": "clear",
                "severity": "info",
                "title": "gateway got a transaction token that outlives the token it came of, which is allowed",
                "client_id": "gateway",
                "token_id": "x1",
                "detail": {"fault": "outlives", "most_s": 120.0},
            },
        ),
    ),
    Example(
        "it was got within the leeway, and its life is too long by less than the error of the clock",
        (
            SHOWN,
            transaction("10 10:01:04", "10 10:03"),
            transaction("10 09:10", "10 09:15:00.5", "x2"),
            transaction("10 09:10", "10 09:15", "x3"),
        ),
        ({"verdict": "clear", "detail": {"fault": "outlives"}},),
        parameters={"longest_transaction_seconds": 300.0},
    ),
    Example(
        "an access token that lives for hours is none",
        (
            SHOWN,
            token(
                "10 09:10", "t2", ["shop.use"], "10 18:00", kind="exchange", parent_token_id="t1", client_id="gateway"
            ),
        ),
    ),
    Example(
        "the caller is an actor that the token names, under another name of it",
        (
            *KEPT_GOING,
            SHOWN,
            {**SHORT, "actor_chain": [MAILS, "gateway"]},
            MAILS_IS_CALLED,
            handed("10 09:11", MAILS, STOCK),
        ),
    ),
    Example(
        "the caller was refused, or its log names no client",
        (
            *KEPT_GOING,
            SHOWN,
            SHORT,
            MAILS_IS_CALLED,
            handed("10 09:11", MAILS, STOCK, status=401),
            handed("10 09:11", "gateway", STOCK) | {"client_id": None},
        ),
    ),
    Example(
        "no server of the log lies in another trust domain, whatever its name",
        (
            SHOWN,
            SHORT,
            handed("10 09:11", "gateway", "stock"),
            handed("10 09:12", "gateway", "https://orders.acme.example/v1"),
        ),
    ),
    Example(
        "two tokens for different trust domains have one in common",
        (
            SHOWN,
            {**SHORT, "audience": [DOMAIN, "shared.example"]},
            {**OF_STAGING, "audience": ["staging.example", "shared.example"]},
            handed("10 09:11", "gateway", "orders"),
            handed("10 09:21", "tester", "orders", "x2"),
        ),
    ),
    Example(
        "another call with the token that was shown goes on, or its end is not logged",
        (
            *KEPT_GOING,
            SHOWN,
            asked("10 09:09:59", "10 09:10:04"),
            asked("10 09:09:50", "10 09:14"),
            SHORT,
            handed("10 09:13", "gateway", ORDERS),
            token("10 10:00", "t2", ["shop.use"], "10 11:00"),
            asked("10 10:09:59", None, token_id="t2"),
            transaction("10 10:10", "10 10:15", "x2", "t2"),
            handed("10 10:14", "gateway", ORDERS, "x2"),
        ),
    ),
    Example(
        "what is used after it expired is told elsewhere, whoever called",
        (
            *KEPT_GOING,
            SHOWN,
            MAILS_IS_CALLED,
            asked("10 09:09:59", "10 09:10:04"),
            SHORT,
            handed("10 09:25", MAILS, STOCK),
        ),
    ),
)

UNDECIDABLE = (
    Example(
        "no server is called by the name of the caller",
        (*KEPT_GOING, SHOWN, SHORT, *PASSED_ON, handed("10 09:11", "spiffe://acme.example/stock", MAILS)),
        (
            {
                "verdict": "indeterminate",
                "title": "spiffe://acme.example/stock called with a transaction token of gateway, and nothing tells whether it had been called with that",
                "client_id": "spiffe://acme.example/stock",
                "detail": {
                    "fault": "other caller",
                    "reasons": [
                        "no call names a server by the name of this caller: the identities file can tell that both are one"
                    ],
                },
            },
        ),
    ),
    Example(
        "the log shows only some of the calls",
        (
            *KEPT_GOING,
            SHOWN,
            MAILS_IS_CALLED,
            asked("10 09:09:59", "10 09:10:04"),
            SHORT,
            handed("10 09:12", MAILS, STOCK),
        ),
        (
            {
                "verdict": "indeterminate",
                "client_id": MAILS,
                "detail": {"reasons": ["the usage log does not show all calls from its issue on"]},
            },
            {
                "verdict": "indeterminate",
                "client_id": "gateway",
                "detail": {
                    "fault": "after its call",
                    "reasons": [
                        "the usage log does not show all calls of the time of its issue: it may be for another one"
                    ],
                },
            },
        ),
        declared=IN_PART,
    ),
    Example(
        "the token was replaced, and the caller may have been called with the other one",
        (
            *KEPT_GOING,
            SHOWN,
            MAILS_IS_CALLED,
            SHORT,
            transaction("10 09:10:10", "10 09:15", "x2", "x1", client_id=ORDERS),
            handed("10 09:10:01", "gateway", ORDERS),
            handed("10 09:11", MAILS, STOCK),
        ),
        (
            {
                "verdict": "indeterminate",
                "client_id": MAILS,
                "detail": {"reasons": ["the token was replaced by another one, with which it may have been called"]},
            },
        ),
    ),
    Example(
        "a server takes tokens of two trust domains, and its name tells of none",
        (
            SHOWN,
            SHORT,
            OF_STAGING,
            handed("10 09:11", "gateway", "orders"),
            handed("10 09:21", "tester", "orders", "x2"),
        ),
        tuple(
            {
                "verdict": "indeterminate",
                "title": f"orders took a transaction token of {client} that is for {audience}, and nothing tells whether it lies there",
                "client_id": client,
                "resource_server": "orders",
                "detail": {
                    "reasons": ["it took those of several trust domains, and its name tells of none in which it lies"]
                },
            }
            for client, audience in (("gateway", DOMAIN), ("tester", "staging.example"))
        ),
    ),
    Example(
        "two tenants issued the token that it came of, and only one of both had expired",
        (*OF_TWO_TENANTS, transaction("10 10:05", "10 10:08")),
        (
            {
                "verdict": "indeterminate",
                "detail": {
                    "fault": "shown too late",
                    "reasons": ["the record names no tenant, and several issued a token of the id that it came of"],
                },
            },
        ),
    ),
    Example(
        "the issuance names no client",
        (*KEPT_GOING, SHOWN, MAILS_IS_CALLED, {**SHORT, "client_id": None}, handed("10 09:11", MAILS, STOCK)),
        (
            {
                "verdict": "indeterminate",
                "client_id": MAILS,
                "detail": {"issued_to": None, "reasons": ["the issuance names no client"]},
            },
        ),
    ),
)
