"""The store and a reading of the raw files with the standard library alone agree on the facts that decide reviews."""

import base64
from uuid import UUID

import pytest

from grantlens.store import Store

from . import raw

PROVIDERS = {
    "aws_cloudtrail": "aws_cloudtrail/invictus",
    "microsoft_365": "microsoft_365/elastic-ual-azuread.ndjson",
    "microsoft_entra": "microsoft_entra",
    "okta": "okta",
    "cloudflare": "cloudflare",
    "github": "github",
}

KNOWN = {
    "aws_cloudtrail": {
        "keys issued": 28,
        "keys issued and used": 7,
        "keys used without issuance": 103,
        "seconds from create to delete": [214, 235],
        "keys used in an earlier delivery than issued": ["ASIATFQR7NSC7TITDFL2"],
    },
    "microsoft_365": {"records": 62, "distinct ids": 25},
    "microsoft_entra": {"sign-ins with a token id": 39, "that decode to their sign-in id": 39},
    "okta": {"count": 0, "failed": 1},
    "cloudflare": {"create to revoke": [249, 24162], "roll to revoke": [91]},
    "github": {"revocations by name": 2, "that may mean several tokens": 2, "tokens that they may mean": 2},
}
"""What is known of these files: that both readings are empty would be agreement, too."""


@pytest.fixture(scope="module")
def stored(shared):
    """Return a function that opens a store with a provider's real logs."""
    opened = {}

    def of(provider):
        if provider not in opened:
            opened[provider] = Store(":memory:")
            report = opened[provider].load(*_logs(shared / "real-logs" / PROVIDERS[provider]))
            assert not report.failed
        return opened[provider]

    yield of
    for store in opened.values():
        store.close()


def _logs(path):
    return (
        [path]
        if path.is_file()
        else [each for each in sorted(path.rglob("*")) if each.suffix != ".txt" and each.is_file()]
    )


def column(store, sql):
    return [value for (value,) in store.engine.rows(sql)]


def aws_cloudtrail(store):
    key = "SELECT token_id, min(received_at) AS delivered FROM {} WHERE token_id IS NOT NULL {} GROUP BY token_id"
    issued = dict(store.engine.rows(key.format("issuance", "AND outcome = 'success' AND kind <> 'change'")))
    used = dict(store.engine.rows(key.format("usage", "")))
    seconds = column(
        store,
        "SELECT epoch(r.revoked_at - i.issued_at)::INTEGER FROM issuance i JOIN revocation r USING (token_id) "
        "WHERE i.kind = 'credential' AND r.kind = 'revoke' AND r.outcome = 'success' AND i.outcome = 'success' ORDER BY 1",
    )
    return {
        "keys issued": len(issued),
        "keys issued and used": len(issued.keys() & used.keys()),
        "keys used without issuance": len(used.keys() - issued.keys()),
        "seconds from create to delete": seconds,
        "keys used in an earlier delivery than issued": sorted(
            key for key in issued.keys() & used.keys() if used[key] < issued[key]
        ),
    }


def microsoft_entra(store):
    # every spelling of a token's id is stored as one, the claim `uti`: the bytes of a GUID, here that of the sign-in
    rows = store.engine.rows(
        "SELECT event_id, token_id FROM issuance WHERE token_id IS NOT NULL AND kind IN ('token', 'refresh', 'exchange')"
    )
    own = sum(base64.urlsafe_b64encode(UUID(event).bytes_le).decode().rstrip("=") == token for event, token in rows)
    return {"sign-ins with a token id": len(rows), "that decode to their sign-in id": own}


def okta(store):
    outcomes = column(store, "SELECT outcome::VARCHAR FROM revocation")
    counting = column(store, "SELECT count(*) FROM effective_revocation")
    return {"count": counting[0], "failed": len(outcomes) - outcomes.count("success")}


def cloudflare(store):
    def pairs(kind):
        return column(
            store,
            f"SELECT epoch(r.revoked_at - i.issued_at)::INTEGER FROM issuance i JOIN revocation r USING (token_id) "
            f"WHERE i.kind = '{kind}' AND i.outcome = 'success' AND r.outcome = 'success' ORDER BY 1",
        )

    return {"create to revoke": pairs("credential"), "roll to revoke": pairs("refresh")}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_raw_reading_says_what_is_known(shared, provider):
    assert raw.FACTS[provider](shared / "real-logs") == KNOWN[provider]


@pytest.mark.parametrize("ask", [aws_cloudtrail, microsoft_entra, okta, cloudflare], ids=lambda ask: ask.__name__)
def test_the_store_agrees(shared, stored, ask):
    assert ask(stored(ask.__name__)) == raw.FACTS[ask.__name__](shared / "real-logs")


def test_the_store_agrees_on_duplicate_delivery(shared, stored):
    store = stored("microsoft_365")
    counts = "sum(records)::INTEGER, sum(ignored)::INTEGER, sum(duplicates)::INTEGER"
    ((records, ignored, duplicates),) = store.engine.rows(f"SELECT {counts} FROM batch")
    logs = " UNION ".join(f"SELECT event_id FROM {log}" for log in ("issuance", "usage", "revocation"))
    kept = set(column(store, logs))
    ids = [record["Id"] for record in raw.records(shared / "real-logs" / PROVIDERS["microsoft_365"])]
    assert kept <= set(ids)
    assert (records, ignored) == (len(ids), sum(each not in kept for each in ids))
    assert duplicates == len(ids) - ignored - len(kept)
    assert len(kept | {each for each in ids if each not in kept}) == KNOWN["microsoft_365"]["distinct ids"]
