import pytest

import grantlens as gl
from grantlens.register.register import Register
from grantlens.rule.example import consent, logs_from_to, revoked, token, use

CALLS = (
    consent("01 08:00", ["mail.read"]),
    token("01 08:01", "t1", ["mail.read"]),
    use("02 08:00", "GET /v1/messages/7"),
    *logs_from_to("01 08:00", "05 23:00"),
)


def blind_spot(store, since, until, now=None):
    return gl.review(store, since, until, now).document["blind_spot"]


def test_a_review_before_the_period_saw_what_was_open_then(world, tmp_path):
    file = tmp_path / "register.toml"
    file.write_text("[[review]]\ndate = 2026-07-10\n\n[[review]]\ndate = 2026-07-25\n")
    records = (
        consent("01 08:00", ["mail.read"], "g-a", subject_id="a"),
        consent("20 08:00", ["mail.read"], "g-b", subject_id="b"),
        revoked("21 08:00", "grant", grant_id="g-a", subject_id="a"),
        *logs_from_to("01 08:00", "31 23:00"),
    )
    spot = blind_spot(world(*records, also=(Register.read(file),)), "2026-07-20", "2026-08-01")
    assert spot["snapshots"] == ["2026-07-10T00:00:00Z", "2026-07-25T00:00:00Z"]
    assert {row["by"]: row["share"] for row in spot["unseen"]} == {
        "stretches of access": 0, "time of access": 0, "actions": 0, "grave actions": None, "entitlements": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("until", "now"),
    [("2026-07-06", None), ("2026-12-31", None), ("2026-12-31", "2026-08-01")],
    ids=["as far as the logs", "beyond the logs", "beyond now"],
)
def test_no_access_is_watched_after_the_logs_end(world, until, now):
    spot = blind_spot(world(*CALLS), "2026-07-01", until, now)
    # Both grants stand open from 1 July 08:00 to the last record, 5 July 23:00: 4.625 of 90 days.
    assert spot["open"] == spot["intervals"] == 2
    assert spot["expected"][0]["grants"] == pytest.approx(1 - 4.625 / 90)


def test_what_is_not_watched_yet_is_no_stretch(world):
    spot = blind_spot(world(*CALLS), "2026-07-01", "2026-07-06", "2026-07-03")
    assert spot["expected"][0]["grants"] == pytest.approx(1 - (1 + 16 / 24) / 90)


def of(tenant, *records):
    own = [
        record | {name: f"{tenant}-{record[name]}" for name in ("grant_id", "token_id") if record.get(name)}
        for record in records
    ]
    return [record | {"tenant": tenant, "event_id": f"{tenant}{number}"} for number, record in enumerate(own)]


def test_no_access_is_watched_after_the_logs_of_its_tenant_end(world):
    short, long = of("short", *CALLS), of("long", *logs_from_to("01 08:00", "31 08:00"))
    spot = blind_spot(world(*short, *long), "2026-07-01", "2026-08-01")
    assert spot["expected"][0]["grants"] == pytest.approx(1 - (2 * 4.625 + 30) / 3 / 90)


def test_what_a_review_saw_of_one_tenant_it_did_not_see_of_another(world, tmp_path):
    file = tmp_path / "register.toml"
    file.write_text("[[review]]\ndate = 2026-07-25\n")
    stays = of("stays", consent("01 08:00", ["mail.read"]), *logs_from_to("01 08:00", "31 08:00"))
    goes = of("goes", consent("20 08:00", ["mail.read"]), revoked("21 08:00", "grant"), use("31 08:00", "GET /v1/odd"))
    spot = blind_spot(world(*stays, *goes, also=(Register.read(file),)), "2026-07-01", "2026-08-01")
    # Three pairs of client and subject: the bystander's, and two that both are app's for ann.
    assert {row["by"]: row["share"] for row in spot["unseen"]}["entitlements"] == pytest.approx(1 / 3)
