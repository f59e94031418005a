"""The Tailscale loader against every real record, and quirk by quirk."""

import json

ADA = {"id": "u1CNTRL", "loginName": "ada@example.com", "displayName": "Ada", "type": "USER"}


def event(action, target="k1CNTRL", type_="API_KEY", **more):
    """Write an event as the stream gives it."""
    inner = {
        "action": action,
        "actor": ADA,
        "eventGroupID": "g1",
        "target": {"id": target, "name": "API key", "type": type_},
    }
    return {"event": inner, "fields": {"recorded": "2026-07-01 10:00:01"}, "time": "2026-07-01T10:00:00Z", **more}


def test_every_real_record_is_accounted_for(shared, load_file):
    loaded = load_file(shared / "real-logs/saas_misc/panther-tailscale.ndjson")
    assert loaded.counts() == {"records": 3, "issuance": 1, "ignored": 2}
    assert loaded.ignored == {"not about delegated access": 2}
    lines = (shared / "real-logs/saas_misc/panther-tailscale.ndjson").read_text().splitlines()
    (key,) = [inner for line in lines if (inner := json.loads(line)["event"])["target"]["type"] == "API_KEY"]
    row = loaded.one("issuance")
    assert (row["token_id"], row["subject_id"]) == (key["target"]["id"], key["actor"]["id"])
    assert str(row["issued_at"]) == "2023-07-19 16:11:41.601000+00:00"
    assert str(row["received_at"]) == "2023-07-19 16:14:56.865276+00:00"


def test_a_key_joins_from_its_making_to_its_end(load):
    loaded = load(
        [event("CREATE"), event("REVOKE", time="2026-07-01T10:05:00Z"), event("DISABLE", "example.com", "TAILNET")]
    )
    assert loaded.counts() == {"records": 3, "issuance": 1, "revocation": 1, "ignored": 1}
    assert loaded.one("issuance")["token_id"] == loaded.one("revocation")["token_id"] == "k1CNTRL"


def test_a_suspended_or_deleted_user_ends_the_keys_of_that_user_until_restored(load):
    suspended, deleted = event("SUSPEND", "u1CNTRL", "USER"), event("DELETE", "u2CNTRL", "USER")
    loaded = load([event("CREATE"), suspended, deleted, event("RESTORE", "u1CNTRL", "USER")])
    assert loaded.counts() == {"records": 4, "issuance": 1, "revocation": 3}
    names = ("kind", "target_kind", "subject_id", "token_id", "initiator")
    found = [tuple(row[name] for name in names) for row in loaded.rows["revocation"]]
    assert found == [
        ("disable", "subject", "u1CNTRL", None, "admin"),
        ("disable", "subject", "u2CNTRL", None, "admin"),
        ("enable", "subject", "u1CNTRL", None, "admin"),
    ]
    assert loaded.one("issuance")["subject_id"] == "u1CNTRL"


def test_an_oauth_client_is_no_users_and_outlives_who_made_it(load):
    loaded = load(
        [
            event("CREATE", "c1CNTRL", "OAUTH_CLIENT"),
            event("DELETE", "u1CNTRL", "USER"),
            event("DELETE", "c1CNTRL", "OAUTH_CLIENT"),
        ]
    )
    made = loaded.one("issuance")
    assert (made["subject_id"], made["subject_name"], made["subject_kind"], made["consent_actor"]) == (
        None,
        None,
        "service",
        "u1CNTRL",
    )
    assert [(row["target_kind"], row["token_id"]) for row in loaded.rows["revocation"]] == [
        ("subject", None),
        ("credential", made["token_id"]),
    ]


def test_a_key_that_ran_out_is_an_expiry_and_a_failed_change_is_none(load):
    ran_out, failed = event("EXPIRED"), event("REVOKE", "k2CNTRL")
    ran_out["event"]["actor"] = {"id": "", "type": "AUTOMATED_WORKER"}
    failed["event"]["error"] = "key not found"
    unmade = event("CREATE", "k3CNTRL")
    unmade["event"]["error"] = "not allowed"
    loaded = load([ran_out, failed, unmade])
    names = ("token_id", "kind", "outcome", "initiator")
    assert [tuple(row[name] for name in names) for row in loaded.rows["revocation"]] == [
        ("k1CNTRL", "expiry", "success", "system"),
        ("k2CNTRL", "revoke", "error", "admin"),
    ]
    assert loaded.one("issuance")["outcome"] == "error"


def test_what_the_api_gives_bare_gives_the_same_rows(load):
    streamed = event("CREATE")
    bare = streamed["event"] | {"eventTime": streamed["time"], "type": "CONFIG", "origin": "ADMIN_CONSOLE"}
    places = ("batch_id",)
    one, other = load([streamed]).one("issuance"), load([bare]).one("issuance")
    assert {k: v for k, v in one.items() if k not in places} == {k: v for k, v in other.items() if k not in places}


def test_a_broken_record_is_rejected_with_its_reason(load):
    nameless, timeless, empty = event("CREATE", None), event("CREATE", time="soon"), event("CREATE")
    del empty["event"]["target"]
    loaded = load([nameless, timeless, empty], loader="tailscale")
    assert [row["reason"] for row in loaded.rejected] == [
        "names no target",
        "issued_at: missing",
        "action or target is missing",
    ]
