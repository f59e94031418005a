"""The Keycloak loader: the real server log, a second reading in plain Python, and each spelling and quirk."""

import json
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.loaders.keycloak import LOADER
from grantlens.store import Store
from tests.loaders.conftest import read, whole
from tests.loaders.damage import assert_accounted_for, damaged_line, lists_of_damaged

BERLIN = "Europe/Berlin"
EXPECTED = {
    "elastic-keycloak-15-server.log": (
        {"records": 22, "issuance": 2, "revocation": 2, "ignored": 19},
        # one line of a token is two tokens: the access token and its refresh token
        {
            "admin event that does not end access": 5,
            "server message that is no event": 8,
            "sign-in of a person": 6,
        },
    )
}


@pytest.fixture
def loaded(tmp_path):
    """Return a function that loads lines, given as text or as records."""

    def from_lines(*lines, zone=BERLIN, loader=None):
        path = tmp_path / "server.log"
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return read(path, loader, time_zone=zone)

    return from_lines


def head(time="2026-07-01 12:00:00,250", level="DEBUG"):
    """Write what stands before the message of an event."""
    return f"{time} {level:5} [org.keycloak.events] (executor-thread-7) "


def old(type_, time="2026-07-01 12:00:00,250", **more):
    """Write an event as versions before 19 do: bare values."""
    named = {"type": type_, "realmId": "shop", "clientId": "mail", "userId": "u-1", "ipAddress": "198.51.100.7"} | more
    return head(time) + ", ".join(f"{key}={value}" for key, value in named.items())


def new(type_, time="2026-07-01 12:00:00,250", **more):
    """Write an event as newer versions do: quoted values, session id, realm name."""
    named = {"type": type_, "realmId": "shop", "realmName": "The shop", "clientId": "mail", "userId": "u-1"}
    named |= {"sessionId": "s-1", "ipAddress": "198.51.100.7"} | more
    quoted = (f'{key}="{str(value).replace(chr(34), chr(92) + chr(34))}"' for key, value in named.items())
    return head(time) + ", ".join(quoted)


def rest(type_, **more):
    """Write an event as the admin API gives it."""
    outer = {"id": f"e-{type_}", "time": 1782900000250, "type": type_, "realmId": "shop", "clientId": "mail"}
    outer |= {"userId": "u-1", "sessionId": "s-1", "ipAddress": "198.51.100.7", "error": more.pop("error", None)}
    return outer | {"details": more}


def admin(operation, resource, path, representation=None, **more):
    """Write an admin event as the admin API gives it."""
    who = {"realmId": "master", "clientId": "c-inner", "userId": "admin-1", "ipAddress": "198.51.100.9"}
    record = {"time": 1782900000250, "realmId": "shop", "authDetails": who, "operationType": operation}
    record |= {"resourceType": resource, "resourcePath": path} | more
    return record | ({"representation": json.dumps(representation)} if representation is not None else {})


# The real log.


@pytest.mark.parametrize("name", EXPECTED)
def test_every_real_line_is_accounted_for(shared, name):
    counts, ignored = EXPECTED[name]
    real = read(shared / "real-logs/keycloak" / name, time_zone=BERLIN)
    assert real.batch["loader"] == "keycloak"
    assert (real.counts(), real.ignored, real.rejected) == (counts, ignored, [])


def test_every_real_file_is_expected_here(shared):
    assert {path.name for path in (shared / "real-logs/keycloak").iterdir()} - {"PROVENANCE.txt"} == set(EXPECTED)


def test_the_real_log_agrees_with_a_reading_in_plain_python(shared):
    path = shared / "real-logs/keycloak/elastic-keycloak-15-server.log"
    events = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if "[org.keycloak.events]" in line:
            message = line.split(") ", 1)[1]
            fields = dict(part.split("=", 1) for part in message.split(", "))
            local = datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=ZoneInfo(BERLIN))
            events[number] = (fields, local.astimezone(UTC))
    assert len(events) == 14
    real = read(path, time_zone=BERLIN)
    ((number, (token, at)),) = [(n, e) for n, e in events.items() if e[0].get("type") == "CODE_TO_TOKEN"]
    access, refresh = real.rows["issuance"]
    for row, id_, kind in ((access, "token_id", "access"), (refresh, "refresh_token_id", "refresh")):
        assert (row["line_no"], row["issued_at"], row["outcome"], row["kind"]) == (number, at, "success", "token")
        assert (row["token_id"], row["token_kind"]) == (token[id_], kind)
        assert (row["client_id"], row["subject_id"]) == (token["clientId"], token["userId"])
        assert (row["scopes"], row["grant_type"]) == (token["scope"].split(" "), token["grant_type"])
        assert (row["tenant"], row["ip"]) == (token["realmId"], token["ipAddress"])
    ((number, (out, at)),) = [(n, e) for n, e in events.items() if e[0].get("type") == "LOGOUT"]
    signal, logout = real.rows["revocation"]
    assert (logout["line_no"], logout["revoked_at"], logout["kind"]) == (number, at, "revoke")
    assert (logout["target_kind"], logout["outcome"], logout["subject_id"]) == ("session", "success", out["userId"])
    # the logout ends the session that the token came from
    assert logout["session_id"] == out["authSessionParentId"] == token["code_id"] == access["session_id"]
    ((number, (change, at)),) = [
        (n, e) for n, e in events.items() if (e[0].get("operationType"), e[0].get("resourceType")) == ("UPDATE", "USER")
    ]
    assert (signal["line_no"], signal["revoked_at"], signal["kind"]) == (number, at, "signal")
    assert (signal["subject_id"], signal["actor_id"]) == (change["resourcePath"].split("/")[1], change["userId"])
    # a realm may have a blank in its name; all sign-ins are left alone, failed ones too
    assert {e["realmId"] for e, _ in events.values()} == {"test", "master", "ABCD TEST"}
    assert sum(e.get("type", "").startswith("LOGIN") for e, _ in events.values()) == 6


def test_the_real_log_needs_a_zone_and_says_what_was_seen(shared):
    with Store(":memory:") as store:
        ((_, message, remedy),) = store.load(shared / "real-logs/keycloak/elastic-keycloak-15-server.log").failed
        assert "local time without a zone: 2021-10-22 21:01:42,548" in message
        assert "--time-zone" in remedy
        assert store.engine.value("SELECT count(*) FROM batch") == 0


def test_claims_the_lines_of_keycloak_and_no_others(shared):
    lines = (shared / "real-logs/keycloak/elastic-keycloak-15-server.log").read_text().splitlines()
    assert LOADER.recognise([{"line": line} for line in lines])
    assert not LOADER.recognise([{"line": "2026-07-01 12:00:00,250 INFO [com.example] (main) type=LOGIN"}])


# Spellings.


def test_bare_quoted_and_rest_spellings_give_the_same_rows(loaded):
    told = {"token_id": "t-1", "grant_type": "authorization_code", "refresh_token_id": "r-1", "scope": "openid"}
    rows = [
        loaded(old("CODE_TO_TOKEN", **told, code_id="s-1")).rows["issuance"],
        loaded(new("CODE_TO_TOKEN", **told, code_id="s-1")).rows["issuance"],
        loaded(rest("CODE_TO_TOKEN", **told, code_id="s-1"), zone=None).rows["issuance"],
    ]
    apart = {"event_id", "batch_id"}
    first, second, third = ([{k: v for k, v in row.items() if k not in apart} for row in found] for found in rows)
    assert len(first) == 2
    assert first == second == third
    assert first[0]["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, UTC)


def test_a_message_that_can_be_read_at_once_says_what_a_careful_reading_says(loaded):
    chance = Random(7)
    types = [
        "LOGIN",
        "LOGIN_ERROR",
        "CODE_TO_TOKEN",
        "REFRESH_TOKEN",
        "LOGOUT",
        "REVOKE_GRANT",
        "REGISTER",
        "INTROSPECT_TOKEN",
    ]
    plain = ["null", "abc", "a b", "openid profile", "x/y", "password", "rejected_by_user", "users/a", "sessions/s"]
    odd = [
        "",
        "a=b",
        "a,b",
        "a, b",
        "a,",
        " a",
        "a ",
        "'a b'",
        "'a",
        "o'b",
        "'a, userId=evil'",
        "x, userId=evil",
        "a\\b",
        "\t",
        'a"b',
    ]
    names = [
        "realmId",
        "clientId",
        "userId",
        "sessionId",
        "error",
        "token_id",
        "refresh_token_id",
        "grant_type",
        "scope",
        "x.y",
    ]

    def message():
        first = [("type", chance.choice(types))]
        if chance.random() < 0.3:
            first = [
                ("operationType", chance.choice(["UPDATE", "DELETE", "CREATE"])),
                ("resourcePath", chance.choice(plain)),
            ]
        pairs = first + [(chance.choice(names), chance.choice(plain * 3 + odd)) for _ in range(chance.randint(1, 6))]
        quoted, some = chance.random() < 0.5, chance.random() < 0.2
        return ", ".join(
            f'{name}="{value}"' if quoted != (some and chance.random() < 0.3) else f"{name}={value}"
            for name, value in pairs
        )

    messages = [message() for _ in range(1500)]
    at_once = loaded(*(head() + each for each in messages))
    with_care = loaded(*(head() + each + ", letter=\u00e9" for each in messages))  # reads on from a value beyond ASCII
    assert at_once.ignored == with_care.ignored
    assert [(each["line_no"], each["reason"]) for each in at_once.rejected] == [
        (each["line_no"], each["reason"]) for each in with_care.rejected
    ]
    for log in ("issuance", "usage", "revocation"):
        seen, expected = (
            [
                {
                    name: value
                    for name, value in row.items()
                    if not name.endswith(("event_id", "_at", "usage_id", "caller_id", "target_id"))
                }
                for row in rows
            ]
            for rows in (at_once.rows[log], with_care.rows[log])
        )
        assert seen == expected
        assert seen


def test_only_quoted_values_may_hold_comma_and_blank(loaded):
    quoted = new("CODE_TO_TOKEN", realmName='a, b="c', clientId='the "mail", app', scope="a b", token_id="t-1")
    bare = old("CODE_TO_TOKEN", realmId="ABCD TEST", clientId="https://x.example/a,b", scope="'a b'", token_id="t-2")
    first, second = loaded(quoted, bare).rows["issuance"]
    assert (first["client_id"], first["scopes"], first["token_id"]) == ('the "mail", app', ["a", "b"], "t-1")
    assert (second["tenant"], second["client_id"], second["scopes"]) == (
        "ABCD TEST",
        "https://x.example/a,b",
        ["a", "b"],
    )
    assert second["subject_id"] == "u-1"


def test_the_first_of_two_equal_keys_counts(loaded):
    row = loaded(old("CODE_TO_TOKEN", token_id="t-1", username="x, userId=u-2, clientId=other")).one("issuance")
    assert (row["client_id"], row["subject_id"]) == ("mail", "u-1")


def test_the_text_null_is_nothing(loaded):
    for line in (old("CODE_TO_TOKEN", userId="null", token_id="t"), new("CODE_TO_TOKEN", userId="null", token_id="t")):
        row = loaded(line).one("issuance")
        assert (row["subject_id"], row["subject_kind"]) == (None, None)


def test_an_empty_scope_is_none_and_a_missing_one_is_unknown(loaded):
    first, second = loaded(new("CODE_TO_TOKEN", token_id="t-1", scope=""), new("CODE_TO_TOKEN", token_id="t-2")).rows[
        "issuance"
    ]
    assert (first["scopes"], second["scopes"]) == ([], None)


def test_a_listeners_json_behind_the_head_is_read(loaded):
    event = {"type": "CODE_TO_TOKEN", "realmId": "shop", "clientId": "mail", "userId": "u-1", "token_id": "t-1"}
    dated = loaded(head() + "JSON_EVENT::" + json.dumps(event)).one("issuance")
    assert (dated["token_id"], dated["issued_at"]) == ("t-1", datetime(2026, 7, 1, 10, 0, 0, 250000, UTC))


def test_a_time_of_day_without_a_date_is_rejected_unless_a_collector_dates_it(loaded):
    event = (
        head("15:58:08,312", "INFO")
        + "JSON_EVENT::"
        + json.dumps({"type": "CODE_TO_TOKEN", "realmId": "shop", "clientId": "mail", "token_id": "t-1"})
    )
    ignored = event.replace("CODE_TO_TOKEN", "LOGIN").replace(', "token_id": "t-1"', "")
    got = loaded(event, "2026-07-01T13:58:08.4Z " + event, ignored, zone=None)
    assert [(row["line_no"], row["reason"]) for row in got.rejected] == [(1, "time of day without a date")]
    assert got.one("issuance")["issued_at"] == datetime(2026, 7, 1, 13, 58, 8, 400000, UTC)
    assert got.ignored == {"sign-in of a person": 1}


def test_flat_json_needs_a_time_and_takes_one_with_its_offset(loaded):
    flat = {"type": "CODE_TO_TOKEN", "realmId": "shop", "clientId": "mail", "userId": "u-1", "token_id": "t-1"}
    dated = flat | {"@timestamp": "2026-07-01T12:00:00.250+02:00"}
    got = loaded(flat, dated, zone=None)
    assert [row["reason"] for row in got.rejected] == ["time is missing"]
    assert got.one("issuance")["issued_at"] == datetime(2026, 7, 1, 10, 0, 0, 250000, UTC)


def test_webhooks_of_phase_two_tell_the_same(loaded):
    """By its pages and by records in tests of others: a prefix to the type, and who it was apart from what was told."""
    more = {"token_id": "t1", "refresh_token_id": "r1", "refresh_token_type": "Refresh", "scope": "openid mail"}
    plain = rest("CODE_TO_TOKEN", **more)
    who = {name: plain.pop(name) for name in ("clientId", "userId", "sessionId", "ipAddress") if name in plain}
    told = {**plain, "type": "access.CODE_TO_TOKEN", "uid": "delivery-1", "realmName": "shop", "authDetails": who}
    same, sent = loaded(rest("CODE_TO_TOKEN", **more)), loaded(told)
    assert sent.rows["issuance"] == same.rows["issuance"]
    assert len(sent.rows["issuance"]) == 2
    refused = told | {"type": "access.CODE_TO_TOKEN_ERROR", "error": "invalid_code"}
    assert loaded(refused).one("issuance")["outcome"] == "denied"
    ended = admin("DELETE", "USER", "users/u-9") | {"type": "admin.USER-DELETE", "uid": "delivery-2"}
    ended["authDetails"] = {**ended["authDetails"], "sessionId": "of the admin"}
    row = loaded(ended).one("revocation")
    assert (row["kind"], row["subject_id"], row["session_id"], row["event_id"]) == (
        "disable",
        "u-9",
        None,
        "delivery-2",
    )
    secret = admin("ACTION", "CLIENT", "clients/c-9/client-secret") | {"type": "admin.CLIENT-ACTION"}
    secret["authDetails"] = ended["authDetails"]
    assert loaded(secret).one("issuance")["session_id"] is None


def test_the_servers_log_as_json_holds_the_event_in_its_message(loaded):
    message = new("REFRESH_TOKEN_ERROR", error="invalid_token").split(") ", 1)[1]
    record = {"timestamp": "2026-07-01T12:00:00.25+02:00", "loggerName": "org.keycloak.events", "message": message}
    other = record | {"loggerName": "org.keycloak.services", "message": "started"}
    got = loaded(record, other, zone=None)
    row = got.one("issuance")
    assert (row["kind"], row["outcome"], row["client_id"], row["token_id"]) == ("refresh", "denied", "mail", None)
    assert got.ignored == {"server message that is no event": 1}


def test_the_servers_log_in_the_elastic_common_schema_is_known_among_the_lines_of_its_start(loaded):
    message = new("CODE_TO_TOKEN", token_id="t-1").split(") ", 1)[1]
    record = {"@timestamp": "2026-07-01T10:00:00.250777000Z", "log.logger": "org.keycloak.events", "message": message}
    start = record | {"log.logger": "io.quarkus", "message": "started"}
    got = loaded(start, start | {"event.sequence": 2}, record, zone=None)
    row = got.one("issuance")
    assert (row["token_id"], row["issued_at"]) == ("t-1", datetime(2026, 7, 1, 10, 0, 0, 250777, tzinfo=UTC))
    assert got.ignored == {"server message that is no event": 2}
    assert got.batch["loader"] == "keycloak"


def test_docker_keeps_each_line_in_a_record_of_its_own(loaded):
    lines = [
        new("CODE_TO_TOKEN", token_id="t-1"),
        new("REFRESH_TOKEN_ERROR", error="invalid_token"),
        "  at java.lang.Thread",
    ]
    kept = [{"log": f"{line}\n", "stream": "stdout", "time": "2026-07-01T10:00:00.3Z"} for line in lines]
    plain, got = loaded(*lines), loaded(*kept)
    assert [row | {"event_id": ""} for row in got.rows["issuance"]] == [
        row | {"event_id": ""} for row in plain.rows["issuance"]
    ]
    assert [row["token_id"] for row in got.rows["issuance"]] == ["t-1", None]
    assert got.ignored == {"continuation of a server message": 1}
    with pytest.raises(AssertionError, match="local time without a zone"):
        loaded(*kept, zone=None)


def test_containers_and_syslog_put_something_before_the_line(loaded):
    line = new("CODE_TO_TOKEN", token_id="t-1")
    got = loaded(
        line,
        "keycloak-1  | " + line,
        "2026-07-01 23:59:59 keycloak | " + line,
        "<14>1 2026-07-01T12:00:01.5+02:00 host keycloak 17 org.keycloak.events - \ufeff" + line,
    )
    rows = got.rows["issuance"]
    assert len(rows) == 4
    assert {row["issued_at"] for row in rows} == {datetime(2026, 7, 1, 10, 0, 0, 250000, UTC)}
    assert [row["received_at"] for row in rows] == [None, None, None, datetime(2026, 7, 1, 10, 0, 1, 500000, UTC)]


def test_a_line_whose_time_has_a_zone_needs_none(loaded):
    row = loaded(new("CODE_TO_TOKEN", "2026-07-01T10:00:00.250Z", token_id="t-1"), zone=None).one("issuance")
    assert (row["issued_at"], row["received_at"]) == (datetime(2026, 7, 1, 10, 0, 0, 250000, UTC), None)


# Local time.


@pytest.mark.parametrize(
    ("zone", "written", "reason"),
    [
        (BERLIN, "2026-10-25 02:30:00,000", "local time that occurs twice: the clock was put back"),
        (BERLIN, "2026-03-29 02:30:00,000", "local time that does not exist: the clock was put forward"),
        ("Australia/Lord_Howe", "2026-04-05 01:45:00,000", "local time that occurs twice: the clock was put back"),
        ("Pacific/Apia", "2011-12-30 12:00:00,000", "local time that does not exist: the clock was put forward"),
        (BERLIN, "2026-13-45 02:30:00,000", "time cannot be read"),
    ],
)
def test_a_local_time_that_is_no_one_moment_is_rejected(loaded, zone, written, reason):
    got = loaded(new("CODE_TO_TOKEN", written, token_id="t-1"), zone=zone)
    assert [row["reason"] for row in got.rejected] == [reason]
    assert got.counts() == {"records": 1, "rejected": 1}


@given(
    st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "UTC"]),
)
@settings(max_examples=12)
def test_local_times_agree_with_zoneinfo(tmp_path_factory, moment, zone):
    # near each end of summer time, since elsewhere all is well
    around = [
        moment,
        *(moment.replace(month=month, day=day, hour=1) for month in (3, 4, 10, 11) for day in (1, 5, 25, 29)),
    ]
    around = [local.replace(microsecond=local.microsecond // 1000 * 1000) for local in around]
    path = tmp_path_factory.mktemp("zone") / "server.log"
    written = [local.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3] for local in around]
    path.write_text("\n".join(new("CODE_TO_TOKEN", at, token_id=f"t-{n}") for n, at in enumerate(written)))
    got = read(path, time_zone=zone)
    known = {row["line_no"]: row["issued_at"] for row in got.rows["issuance"]}
    refused = {row["line_no"]: row["reason"] for row in got.rejected}
    for number, local in enumerate(around, 1):
        one, two = (local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
        exists = one.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
        if one.utcoffset() == two.utcoffset():
            assert known[number] == one.astimezone(UTC)
        else:
            assert refused[number] == (
                "local time that occurs twice: the clock was put back"
                if exists
                else "local time that does not exist: the clock was put forward"
            )


def test_the_hour_that_occurs_twice_can_be_loaded_with_a_fixed_zone(loaded):
    row = loaded(new("CODE_TO_TOKEN", "2026-10-25 02:30:00,000", token_id="t-1"), zone="Etc/GMT-2").one("issuance")
    assert row["issued_at"] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_local_times_that_come_late_in_a_file_are_rejected_without_a_zone(loaded):
    events = [rest("CODE_TO_TOKEN", token_id=f"t-{n}") | {"id": f"e-{n}"} for n in range(60)]
    late = {
        "timestamp": "2026-07-01T12:00:00",
        "loggerName": "org.keycloak.events",
        "message": old("LOGOUT").split(") ")[1],
    }
    got = loaded(*events, late, zone=None)
    assert [row["reason"] for row in got.rejected] == ["local time without a time zone: load with --time-zone"]


# What events mean.


def test_what_issues_and_what_is_refused(loaded):
    expected = {
        "CODE_TO_TOKEN": ("token", "success"),
        "CLIENT_LOGIN": ("token", "success"),
        "OAUTH2_DEVICE_CODE_TO_TOKEN": ("token", "success"),
        "REFRESH_TOKEN": ("refresh", "success"),
        "TOKEN_EXCHANGE": ("exchange", "success"),
        "GRANT_CONSENT": ("consent", "success"),
        "UPDATE_CONSENT": ("consent", "success"),
        "CODE_TO_TOKEN_ERROR": ("token", "denied"),
        "CLIENT_LOGIN_ERROR": ("token", "denied"),
        "REFRESH_TOKEN_ERROR": ("refresh", "denied"),
        "TOKEN_EXCHANGE_ERROR": ("exchange", "denied"),
    }
    got = loaded(*(rest(type_, token_id=None if "CONSENT" in type_ else type_) for type_ in expected), zone=None)
    rows = {row["event_id"].removeprefix("e-"): row for row in got.rows["issuance"]}
    assert {type_: (row["kind"], row["outcome"]) for type_, row in rows.items()} == expected
    assert all((row["token_id"] is None) == ("CONSENT" in t or "ERROR" in t) for t, row in rows.items())
    assert rows["CLIENT_LOGIN"]["subject_kind"] == "service"
    assert rows["GRANT_CONSENT"]["consent_actor"] == "u-1"


ACTED = {
    "a client": ({"actor_type": "client", "actor": "agent", "actor_id": "u-agent"}, ["agent"]),
    "a user": ({"actor_type": "user", "actor": "bob", "actor_id": "u-bob"}, ["u-bob"]),
    "of no told type": ({"actor": "service-account-agent", "actor_id": "u-agent"}, ["u-agent"]),
    "nobody": ({"subject_token_client_id": "mail"}, None),
}


@pytest.mark.parametrize("write", [rest, new, old])
@pytest.mark.parametrize("case", ACTED)
def test_who_acts_for_the_subject_of_an_exchange_is_told(loaded, write, case):
    """By `TokenExchangeDelegationProvider.java`: the requesting client gets a token of the subject, and the event names the actor."""
    details, chain = ACTED[case]
    row = loaded(write("TOKEN_EXCHANGE", token_id="t-2", **details)).one("issuance")
    assert (row["kind"], row["client_id"], row["subject_id"], row["actor_chain"]) == ("exchange", "mail", "u-1", chain)


def test_a_refused_exchange_tells_who_would_have_acted_and_other_events_tell_no_actor(loaded):
    acted = ACTED["a client"][0]
    got = loaded(
        rest("TOKEN_EXCHANGE_ERROR", error="invalid_token", **acted),
        rest("CODE_TO_TOKEN", token_id="t-1", **acted),
        zone=None,
    )
    assert {row["kind"]: (row["outcome"], row["actor_chain"]) for row in got.rows["issuance"]} == {
        "exchange": ("denied", ["agent"]),
        "token": ("success", None),
    }


REFUSED = {
    ("REFRESH_TOKEN_ERROR", "invalid_token", "Maximum allowed refresh token reuse exceeded"): "reuse",
    ("REFRESH_TOKEN_ERROR", "invalid_token", "Token is not active"): "expired",
    ("REFRESH_TOKEN_ERROR", "invalid_token", "Session doesn't have required client"): "token",
    ("REFRESH_TOKEN_ERROR", "invalid_token", "Stale token"): "token",
    ("REFRESH_TOKEN_ERROR", "invalid_token", None): "token",
    ("CODE_TO_TOKEN_ERROR", "invalid_code", "Code not valid"): "token",
    ("CODE_TO_TOKEN_ERROR", "expired_code", None): "expired",
    ("CODE_TO_TOKEN_ERROR", "invalid_redirect_uri", None): "other",
    ("CLIENT_LOGIN_ERROR", "invalid_client_credentials", None): "client",
    ("TOKEN_EXCHANGE_ERROR", "user_disabled", None): "subject",
    ("LOGIN_ERROR", "rejected_by_user", None): "consent",
}


def test_why_it_was_refused(loaded):
    lines = (
        new(
            type_,
            f"2026-07-01 12:00:{second:02},000",
            error=error,
            refresh_token_id="r-1",
            **({"reason": why} if why else {}),
        )
        for second, (type_, error, why) in enumerate(REFUSED)
    )
    rows = sorted(loaded(*lines).rows["issuance"], key=lambda row: row["issued_at"])
    assert [row["denial_reason"] for row in rows] == list(REFUSED.values())
    assert rows[0]["parent_token_id"] == "r-1"


def test_a_refresh_makes_two_tokens_from_the_old_one(loaded):
    line = new("REFRESH_TOKEN", token_id="onrtac:t-2", refresh_token_id="r-1", updated_refresh_token_id="r-2")
    rows = loaded(line).rows["issuance"]
    made = {(row["token_id"], row["token_kind"], row["parent_token_id"], row["kind"]) for row in rows}
    assert made == {("onrtac:t-2", "access", "r-1", "refresh"), ("r-2", "refresh", "r-1", "refresh")}


def test_a_sign_in_is_no_issue_but_for_the_password_grant_and_a_refused_consent(loaded):
    got = loaded(
        rest("LOGIN", auth_method="openid-connect", code_id="s-1"),
        rest("LOGIN_ERROR", error="invalid_user_credentials"),
        rest("LOGIN", grant_type="password", token_id="t-1") | {"id": "p"},
        rest("LOGIN_ERROR", error="rejected_by_user") | {"id": "r"},
        zone=None,
    )
    rows = {row["event_id"]: (row["kind"], row["outcome"], row["token_id"]) for row in got.rows["issuance"]}
    assert rows == {"p": ("token", "success", "t-1"), "r": ("consent", "denied", None)}
    assert got.ignored == {"sign-in of a person": 2}


def test_an_event_that_names_no_grant_type_has_that_of_its_kind(loaded):
    kinds = ("CODE_TO_TOKEN", "OAUTH2_DEVICE_CODE_TO_TOKEN", "REFRESH_TOKEN", "JWT_BEARER")
    lines = (new(kind, f"2026-07-01 12:00:0{second},000", token_id=f"t-{second}") for second, kind in enumerate(kinds))
    named = {row["token_id"]: row["grant_type"] for row in loaded(*lines).rows["issuance"]}
    device = "urn:ietf:params:oauth:grant-type:device_code"
    assert named == {"t-0": "authorization_code", "t-1": device, "t-2": "refresh_token", "t-3": None}


def test_introspection_is_use_by_the_client_of_the_token(loaded):
    asked = {"clientId": "orders-api", "token_issued_for": "mail", "token_id": "t-1"}
    got = loaded(
        new("INTROSPECT_TOKEN", **asked),
        new("INTROSPECT_TOKEN_ERROR", "2026-07-01 12:00:01,000", error="invalid_token", **asked),
        new("USER_INFO_REQUEST", "2026-07-01 12:00:02,000"),
    )
    first, second, third = got.rows["usage"]
    assert (first["client_id"], first["resource_server"], first["token_id"]) == ("mail", "orders-api", "t-1")
    assert (first["outcome"], first["validation"], first["operation"]) == (
        "success",
        "introspection",
        "introspect_token",
    )
    assert (second["outcome"], second["denial_reason"]) == ("denied", "token")
    assert (third["client_id"], third["resource_server"], third["validation"]) == ("mail", "keycloak", None)


def test_the_client_of_an_older_introspection_is_not_known(loaded):
    row = loaded(old("INTROSPECT_TOKEN", clientId="orders-api")).one("usage")
    assert (row["client_id"], row["resource_server"]) == (None, "orders-api")


def test_what_a_revocation_ends(loaded):
    cases = {
        ("token", "t-1", "mail", "client"): rest("REVOKE_GRANT", token_id="t-1"),
        ("token", "r-1", "mail", "client"): rest("REVOKE_GRANT", refresh_token_id="r-1", revoked_client="mail"),
        ("grant", None, "third", "user"): rest("REVOKE_GRANT", revoked_client="third") | {"clientId": "account"},
    }
    got = loaded(*(event | {"id": str(n)} for n, event in enumerate(cases.values())), zone=None)
    names = ("target_kind", "token_id", "client_id", "initiator")
    assert [tuple(row[name] for name in names) for row in got.rows["revocation"]] == list(cases)
    assert {row["subject_id"] for row in got.rows["revocation"]} == {"u-1"}


def test_failed_ends_end_nothing(loaded):
    got = loaded(rest("REVOKE_GRANT_ERROR", error="invalid_token"), rest("LOGOUT_ERROR", error="x"), zone=None)
    assert {row["outcome"] for row in got.rows["revocation"]} == {"denied"}


def test_what_an_admin_ends(loaded):
    cases = [
        (admin("DELETE", "USER", "users/u-1"), ("disable", "subject", None, "u-1")),
        (admin("UPDATE", "USER", "users/u-1", {"enabled": False}), ("disable", "subject", None, "u-1")),
        (admin("UPDATE", "USER", "users/u-1"), ("signal", "subject", None, "u-1")),
        (admin("DELETE", "CLIENT", "clients/c-9"), ("disable", "client", "c-9", None)),
        (
            admin("UPDATE", "CLIENT", "clients/c-9", {"enabled": False, "clientId": "mail"}),
            ("disable", "client", "mail", None),
        ),
        (admin("DELETE", "USER", "users/u-1/consents/mail"), ("revoke", "grant", "mail", "u-1")),
        (admin("ACTION", "USER", "users/u-1/logout"), ("revoke", "policy", None, "u-1")),
        (admin("DELETE", "USER_SESSION", "sessions/s-1"), ("revoke", "session", None, None)),
        (admin("ACTION", "REALM", "logout-all"), ("revoke", "policy", None, None)),
        (admin("UPDATE", "USER", "users/u-1", {"enabled": True}), ("enable", "subject", None, "u-1")),
        (
            admin("UPDATE", "CLIENT", "clients/c-9", {"enabled": True, "clientId": "mail"}),
            ("enable", "client", "mail", None),
        ),
    ]
    nothing = [
        admin("CREATE", "USER", "users/u-1"),
        admin("DELETE", "GROUP", "groups/g-1"),
        admin("DELETE", "USER", "users/u-1/credentials/k-1"),
    ]
    got = loaded(*(event for event, _ in cases), *nothing, zone=None)
    names = ("kind", "target_kind", "client_id", "subject_id")
    assert [tuple(row[name] for name in names) for row in got.rows["revocation"]] == [want for _, want in cases]
    assert {(row["initiator"], row["actor_id"], row["tenant"]) for row in got.rows["revocation"]} == {
        ("admin", "admin-1", "shop")
    }
    assert got.rows["revocation"][7]["session_id"] == "s-1"
    for row in (got.rows["revocation"][6], got.rows["revocation"][8]):
        assert row["issued_before"] == row["revoked_at"]
    assert got.ignored == {"admin event that does not end access": 3}


def test_a_session_that_expired_has_ended_by_itself_and_one_that_was_deleted_was_revoked(loaded):
    cases = {
        "cleared": (rest("USER_SESSION_DELETED", reason="expired"), ("expiry", "system", None)),
        "cleared, newer": (rest("USER_SESSION_DELETED", reason="user_session_expired"), ("expiry", "system", None)),
        "logged out when cleared": (rest("LOGOUT", reason="user_session_expired"), ("expiry", "system", None)),
        "deleted": (rest("USER_SESSION_DELETED"), ("revoke", None, None)),
        "logged out": (rest("LOGOUT"), ("revoke", "user", "u-1")),
    }
    got = loaded(*(event | {"id": case} for case, (event, _) in cases.items()), zone=None)
    for row in got.rows["revocation"]:
        assert (row["kind"], row["initiator"], row["actor_id"]) == cases[row["event_id"]][1]
        assert (row["target_kind"], row["session_id"], row["subject_id"]) == ("session", "s-1", "u-1")
    assert len(got.rows["revocation"]) == len(cases)
    line = loaded(new("USER_SESSION_DELETED", reason="expired")).one("revocation")
    assert (line["kind"], line["session_id"]) == ("expiry", "s-1")


def test_a_new_secret_of_a_client_is_a_credential_and_is_never_kept(loaded):
    secret = {"type": "secret", "value": "hunter2hunter2"}
    got = loaded(admin("ACTION", "CLIENT", "clients/c-9/client-secret", secret), zone=None)
    row = got.one("issuance")
    assert (row["kind"], row["token_kind"], row["client_id"]) == ("credential", "api_key", "c-9")
    assert (row["token_id"], row["subject_id"], row["subject_kind"]) == (None, None, "service")
    assert row["consent_actor"] == "admin-1"
    line = head() + "operationType=ACTION, realmId=master, clientId=c-inner, userId=admin-1, resourceType=CLIENT"
    written = loaded(line + ", resourcePath=clients/c-9/client-secret").one("issuance")
    assert (written["client_id"], written["subject_id"], written["consent_actor"]) == ("c-9", None, "admin-1")
    assert "hunter2" not in json.dumps(got.rows, default=str)


def test_an_admin_event_in_a_line_has_no_tenant(loaded):
    line = head() + "operationType=DELETE, realmId=master, clientId=c-inner, userId=admin-1, ipAddress=::1"
    row = loaded(line + ", resourceType=USER, resourcePath=users/u-1").one("revocation")
    assert (row["tenant"], row["subject_id"], row["kind"], row["actor_id"]) == (None, "u-1", "disable", "admin-1")


def test_a_line_may_show_what_was_changed(loaded):
    line = (
        head()
        + 'operationType="UPDATE", realmId="master", userId="admin-1", resourceType="USER", resourcePath="users/u-1"'
    )
    shown = json.dumps({"enabled": False, "credentials": [{"value": "hunter2"}]}).replace('"', '\\"')
    got = loaded(f'{line}, representation="{shown}"')
    assert got.one("revocation")["kind"] == "disable"
    assert "hunter2" not in json.dumps(got.rows, default=str)


def test_a_lockout_for_good_disables_and_one_for_a_time_does_not(loaded):
    got = loaded(
        rest("USER_DISABLED_BY_PERMANENT_LOCKOUT"),
        rest("USER_DISABLED_BY_TEMPORARY_LOCKOUT"),
        rest("CLIENT_DELETE"),
        zone=None,
    )
    names = ("kind", "target_kind", "client_id", "subject_id", "initiator")
    ended = [tuple(row[name] for name in names) for row in got.rows["revocation"]]
    assert ended == [("disable", "subject", None, "u-1", "policy"), ("disable", "client", "mail", None, "client")]
    assert got.ignored == {"event that neither gives nor takes access": 1}


# Whatever else stands in the file.


def test_server_messages_and_stack_traces_are_ignored_and_damage_is_rejected(loaded):
    got = loaded(
        "2026-07-01 12:00:00,000 ERROR [org.keycloak.services.error] (t) Uncaught server error",
        "java.lang.NullPointerException: nothing",
        "\tat org.keycloak.Foo.bar(Foo.java:3)",
        "Caused by: something",
        new("LOGOUT")[:-3],
        'type="LOGOUT", realmId="shop", clientId="mail"',
        "{broken",
        head() + "realmId=shop, clientId=mail",
    )
    assert got.ignored == {"continuation of a server message": 3, "server message that is no event": 1}
    assert {row["line_no"]: row["reason"] for row in got.rejected} == {
        5: "line is cut: a quoted value has no end",
        6: "event without the head of its line",
        7: "no JSON object",
        8: "type is missing",
    }


def test_no_code_cookie_or_secret_reaches_a_column(loaded):
    secret = "SECRET0123456789abcdef"
    got = loaded(
        new("CODE_TO_TOKEN", token_id="t-1", redirect_uri=f"https://x.example/cb?code={secret}&state=1"),
        old("LOGOUT", redirect_uri=f"https://x.example/cb?code={secret}") + f", cookies=[KEYCLOAK_IDENTITY={secret}]",
        admin("UPDATE", "CLIENT", "clients/c-9", {"enabled": False, "secret": secret}),
    )
    assert got.counts() == {"records": 3, "issuance": 1, "revocation": 2}
    assert secret not in json.dumps([got.rows, got.rejected], default=str)


def test_a_line_delivered_twice_counts_once(loaded):
    line = new("CODE_TO_TOKEN", token_id="t-1", refresh_token_id="r-1")
    assert loaded(line, line).counts() == {"records": 2, "issuance": 2, "duplicates": 2}


def test_a_log_of_refusals_shows_no_silence(covered):
    refusal = new("CODE_TO_TOKEN_ERROR", error="x")
    carried = {True: ("issuance", "revocation"), False: ()}
    for lines, shows in (([refusal], False), ([refusal, new("LOGOUT")], True), ([refusal, new("LOGIN")], False)):
        assert whole(covered(lines, time_zone=BERLIN)) == carried[shows]
    for event, shows in (
        (rest("CODE_TO_TOKEN_ERROR", error="x"), False),
        (rest("LOGIN"), False),
        (rest("LOGOUT"), True),
    ):
        assert whole(covered([rest("REFRESH_TOKEN_ERROR", error="x"), event])) == carried[shows]


EVERY_KIND = [
    new("CODE_TO_TOKEN", token_id="t-1", refresh_token_id="r-1", scope="a b"),
    old("REFRESH_TOKEN", token_id="t-2", refresh_token_id="r-1"),
    json.dumps(rest("REVOKE_GRANT", token_id="t-1")),
    json.dumps(admin("UPDATE", "USER", "users/u-1", {"enabled": False})),
    head() + "JSON_EVENT::" + json.dumps({"type": "LOGOUT", "realmId": "shop", "userId": "u-1"}),
    "2026-07-01 12:00:00,000 ERROR [org.keycloak.services.error] (t) Uncaught server error",
]


@settings(max_examples=12)
@given(lists_of_damaged(EVERY_KIND, damaged_line))
def test_a_damaged_line_never_stops_a_load_and_is_always_counted(load, lines):
    got = load("\n".join(line.strip() or "x" for line in lines), "keycloak", time_zone=BERLIN)
    assert_accounted_for(got)
    assert not [row for row in got.rejected if "not mapped" in row["reason"]]
