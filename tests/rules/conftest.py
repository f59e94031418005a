"""Random logs in the world of the examples, as native records."""

from __future__ import annotations

import json
import random

import pytest

from grantlens.rule.example import consent, logs_from_to, revoked, token, use

CALLS = (
    ("GET /v1/messages/7", "mail.example"),
    ("GET /v1/messages/7", "mail.example"),
    ("POST /v1/messages", "mail.example"),
    ("DELETE /v1/messages/7", "mail.example"),
    ("GET /v1/files/7", "files.example"),
    ("PUT /v1/files/7", "files.example"),
    ("POST /v1/shares", "files.example"),
    ("POST /v1/jobs", "jobs.example"),
    ("GET /v1/odd/7", "mail.example"),
    ("GET /v1/messages/7", "offline.example"),
)
SCOPES = ("mail.read", "mail.send", "mail.write", "files.read", "files.write", "admin", "offline_access", "people.read")

AUDIENCES = ("https://Mail.example/", "files.example", "jobs.example", "urn:acme:jobs")


def random_log(seed, name="app", calls=60):
    """Return the records of one client: two grants, tokens, exchanges, revocations and calls, often close together.

    Everything happens between the 2nd and the 19th; keep the logs going from the 1st to the 20th beside it.
    """
    rng = random.Random(f"{name}/{seed}")
    apart = random.Random(f"audiences of {name}/{seed}")
    who = {"client_id": name, "client_name": f"The {name}"}
    numbers = iter(range(1, 10_000))

    def event():
        return f"{name}-{next(numbers):04}"

    def stamp(first=2, last=18):
        day = rng.randint(first, last)
        return (
            f"{day:02} {rng.randrange(9, 12):02}:{rng.randrange(0, 60, 5):02}:{rng.choice(('00', '04', '07.5', '12'))}"
        )

    def some(most=3):
        return rng.sample(SCOPES, rng.randint(1, most))

    def party():
        grant = rng.choice(("g1", "g2"))
        return {**who, "grant_id": f"{name}-{grant}", "subject_id": "ann" if grant == "g1" else "bob"}

    records = []
    for grant, subject in (("g1", "ann"), ("g2", "bob")):
        if rng.random() < 0.8:
            records.append(
                consent("02 08:00", some(), f"{name}-{grant}", **{**who, "subject_id": subject, "event_id": event()})
            )
    for _ in range(rng.randrange(3)):
        mine = party()
        records.append(consent(stamp(), some(2), mine.pop("grant_id"), **mine, event_id=event()))
    tokens = []
    for number in range(rng.randint(2, 9)):
        mine = party()
        kind = rng.choice(("token", "token", "refresh", "exchange")) if tokens else "token"
        born = stamp(2, 12)
        day = int(born[:2])
        token_id = f"{name}-t{number}"
        more = {**mine, "kind": kind, "token_kind": rng.choice(("access", "access", "refresh")), "event_id": event()}
        if kind != "token":
            more["parent_token_id"] = rng.choice(tokens)
        if (audience := apart.sample(AUDIENCES, apart.randrange(3))) or apart.random() < 0.2:
            more["audience"] = audience
        until = rng.choice((None, f"{min(day + 3, 19):02} 12:00", f"{day:02} 12:30"))
        records.append(token(born, token_id, rng.choice((None, some(), some())), until, **more))
        tokens.append(token_id)
    for _ in range(rng.randrange(1, 5)):
        target = rng.choice(("token", "token", "grant", "grant", "client", "subject"))
        mine = party()
        more = {"event_id": event(), "client_id": None if target == "subject" else name}
        if target == "token":
            more |= {"token_id": rng.choice(tokens), "subject_id": mine["subject_id"]}
        elif target == "grant":
            more |= {"grant_id": mine["grant_id"], "subject_id": mine["subject_id"]}
            if rng.random() < 0.3:
                more |= {"kind": "downgrade", "scopes_removed": some(2)}
        elif target == "subject":
            more["subject_id"] = f"nobody-of-{name}"
        when = stamp(3, 16)
        records.append(revoked(when, target, **more))
        if target == "token" and rng.random() < 0.6:  # tried again and again
            call, server = rng.choice(CALLS)
            for minute in (1, 2, 3, 50):
                later = f"{when[:3]}12:{minute:02}"
                status = rng.choice((200, 200, 401))
                records.append(use(later, call, more["token_id"], server, status, client_id=name, event_id=event()))
    # A grant that nobody uses, and a token whose revocation nobody puts to the test.
    idle = {**who, "grant_id": f"{name}-idle", "subject_id": "cid"}
    party_of_idle = {name: value for name, value in idle.items() if name != "grant_id"}
    records.append(consent("02 08:00", ["offline_access"], idle["grant_id"], **party_of_idle, event_id=event()))
    for kind in ("refresh", "access"):
        more = {**idle, "token_kind": kind, "event_id": event()}
        records.append(token("02 09:00", f"{name}-{kind}", ["mail.read"], "19 12:00", **more))
    records.append(revoked("05 10:00", token_id=f"{name}-access", **{**idle, "event_id": event()}))
    ends = [record["revoked_at"] for record in records if record["log"] == "revocation"]
    for _ in range(calls):
        call, server = rng.choice(CALLS)
        mine = party()
        key = rng.choice(("token", "token", "token", "grant", "pair"))
        record = use(
            stamp(),
            call,
            rng.choice([*tokens, f"{name}-unseen"]) if key == "token" else None,
            server,
            rng.choice((200, 200, 200, 401, 401, 403, 429, 500)),
            client_id=None if key == "token" and rng.random() < 0.2 else name,
            subject_id=mine["subject_id"],
            grant_id=mine["grant_id"] if key == "grant" else None,
            event_id=event(),
        )
        if ends and rng.random() < 0.5:  # soon after a revocation
            day, clock = rng.choice(ends)[8:].split("T")
            hours, minutes, seconds = clock[:-1].split(":")
            later = (int(minutes) + rng.choice((0, 0, 1, 7))) % 60
            record["used_at"] = f"2026-07-{day}T{hours}:{later:02}:{seconds}Z"
        records.append(record)
    return records


def logs_kept_going():
    """Return the bystander's records, which make every log reach from the 1st to the 20th."""
    kept = logs_from_to("01 08:00", "20 08:00")
    late = token(
        "20 08:00",
        "t-bystander-2",
        ["jobs.run"],
        "21 08:00",
        client_id="bystander",
        subject_id=None,
        grant_id="g-bystander",
    )
    # No log has whole seconds only, so that no clock depends on what else is loaded.
    who = {"client_id": "bystander", "subject_id": None}
    fine = (
        token("01 08:00:00.5", "t-bystander-3", ["jobs.run"], "21 08:00", grant_id="g-bystander", **who),
        use("01 08:00:01.5", "GET /v1/status", "t-bystander-3", "jobs.example", **who),
        revoked("01 08:00:02.5", kind="expiry", token_id="t-bystander-3", **who),
    )
    return [{**record, "event_id": f"bystander-{number}"} for number, record in enumerate((*kept, late, *fine))]


class Desk:
    """Where logs are laid out and loaded."""

    def __init__(self, prepared, folder):
        self.prepared = prepared
        self.folder = folder

    def write(self, name, records):
        path = self.folder / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    def store(self, *paths, at=":memory:"):
        """Return a fresh store in the world of the examples that holds these files, loaded in this order."""
        store = self.prepared(at)
        for path in paths:
            report = store.load(path)
            assert report.failed == []
            assert report.total("rejected") == 0
        return store


@pytest.fixture
def desk(prepared, tmp_path):
    """Return a desk in a folder of its own."""
    return Desk(prepared, tmp_path)


@pytest.fixture(scope="session")
def log_of():
    """Return what makes a client's random log."""
    return random_log


@pytest.fixture(scope="session")
def kept_going():
    """Return records that make every log reach from the 1st to the 20th."""
    return logs_kept_going()
