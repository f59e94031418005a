"""What happened to one client, drawn by chance: consents, tokens and keys, what ended them, and calls."""

import random
from datetime import UTC, datetime, timedelta

from grantlens.rule.example import consent, revoked, token, use

START = datetime(2026, 7, 1, tzinfo=UTC)
SCOPES = ("mail.read", "mail.send", "files.read", "offline_access")


def when(minute):
    return (START + timedelta(minutes=minute)).strftime("%d %H:%M:00")


def iso(minute):
    return (START + timedelta(minutes=minute)).isoformat()


class Drawn:
    """What happened to one client: no two records of it have the same minute."""

    def __init__(self, seed):
        self.rng = rng = random.Random(f"grants/{seed}")
        self.client, self.records, self.taken = f"c{seed}", [], set()
        self.tenants = rng.choice(
            ((None,), (None,), ("one",), ("one", "two"), ("one", "two"), (None, "one"), (None, "one"))
        )
        self.named = rng.random() < 0.75
        self.people = [f"{seed}-ann", f"{seed}-bob"][: rng.choice((1, 1, 2))]
        for tenant in self.tenants:
            for person in self.people:
                for number in range(rng.choice((1, 1, 2)) if self.named else 1):
                    self.grant(tenant, person, f"g{seed}-{tenant}-{person}-{number}" if self.named else None)
        if len(self.tenants) > 1 and None not in self.tenants and rng.random() < 0.2:
            self.records = []
            self.twins()
        self.ends()
        self.calls()
        for number, record in enumerate(self.records):
            record["event_id"] = f"{self.client}/{number}"

    def minute(self, first, last):
        while (drawn := self.rng.randrange(first * 1440, last * 1440)) in self.taken:
            pass
        self.taken.add(drawn)
        return drawn

    def some(self):
        return self.rng.choice((None, [self.rng.choice(SCOPES)], self.rng.sample(SCOPES, 2)))

    def grant(self, tenant, person, grant):
        rng = self.rng
        who = {"client_id": self.client, "subject_id": person, "tenant": tenant, "grant_id": grant}
        without = {name: value for name, value in who.items() if name != "grant_id"}
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            self.records.append(consent(when(self.minute(1, 17)), self.some(), grant, **without))
        refresh = None
        for number in range(rng.choice((0, 1, 1, 1, 2, 3, 4))):
            # Now and then two tenants have a token of one id.
            name = (
                f"{self.client}-{person}-{number}"
                if rng.random() < 0.6 and (None in self.tenants) <= (len(self.tenants) == 1)
                else f"{self.client}-{tenant}-{person}-{grant}-{number}"
            )
            name = None if rng.random() < 0.2 else name
            born = self.minute(1, 17)
            until = rng.choice((None, born + rng.randrange(60, 8 * 1440), born + rng.randrange(60, 20 * 1440)))
            ends = None if until is None or until > 30 * 1440 - 1 else when(until)
            kind = rng.choice(("token", "token", "credential", "credential", "refresh", "exchange", "root"))
            more = {**who, "kind": kind, "token_kind": "access", "session_id": rng.choice((None, f"s{self.client}"))}
            if kind == "root":
                more |= {"kind": "token", "token_kind": "refresh"}
                refresh = name
            elif kind == "refresh":
                more |= {"parent_token_id": refresh, "token_kind": rng.choice(("access", "refresh"))}
                refresh = name if more["token_kind"] == "refresh" and name else refresh
            elif kind == "exchange":
                more["parent_token_id"] = refresh
            elif kind == "credential":
                more["token_kind"] = "api_key"
            self.records.append(token(when(born), name, self.some(), ends, **more))
            if kind == "credential" and name and rng.random() < 0.5:  # switched off, and perhaps on again
                off = rng.randrange(born, 19 * 1440)
                self.end(off, "credential", token_id=name, tenant=rng.choice((tenant, tenant, None)), subject_id=person)
                if rng.random() < 0.5:
                    on = rng.randrange(off + 1, off + 1440)
                    self.records.append(token(when(on), name, None, **more))

    def twins(self):
        """Give each tenant a token of one id alone, and end one of the two."""
        kind, name, person = self.rng.choice(("token", "credential")), f"{self.client}-twin", self.people[0]
        more = {"client_id": self.client, "subject_id": person, "kind": kind}
        for tenant in self.tenants:
            grant = f"{self.client}-{tenant}" if self.named else None
            self.records.append(
                token(when(self.minute(1, 7)), name, self.some(), None, tenant=tenant, grant_id=grant, **more)
            )
        self.end(
            self.minute(3, 12), kind, token_id=name, tenant=self.rng.choice((*self.tenants, None)), subject_id=person
        )

    def end(self, minute, target, **about):
        kind = self.rng.choice(("revoke", "revoke", "disable", "expiry"))
        outcome = self.rng.choice(("success", "success", "success", "error"))
        initiator = self.rng.choice(("admin", "user", None))
        row = {
            "client_id": self.client,
            "subject_id": None,
            "grant_id": None,
            "token_id": None,
            "kind": kind,
            "outcome": outcome,
        }
        self.records.append(revoked(when(minute), target, **{**row, "initiator": initiator, "event_id": None, **about}))

    def ends(self):
        rng = self.rng
        issued = list(self.records)
        for _ in range(rng.randrange(4)):
            if not (known := [row for row in issued if row["log"] == "issuance"]):
                return
            row = rng.choice(known)
            tenant = rng.choice((row.get("tenant"), None, self.tenants[-1]))
            target = rng.choice(
                (
                    "grant",
                    "grant",
                    "client",
                    "subject",
                    "token",
                    "token",
                    "session",
                    "policy",
                    "less",
                    "unnamed",
                    "unnamed",
                )
            )
            about = {
                "grant": rng.choice(
                    (
                        {"grant_id": row.get("grant_id"), "subject_id": row["subject_id"]},
                        {"subject_id": row["subject_id"]},
                    )
                ),
                "client": {},
                "subject": {"client_id": None, "subject_id": row["subject_id"]},
                "token": {"token_id": row.get("token_id"), "subject_id": row["subject_id"]},
                "unnamed": {
                    "token_id": rng.choice((None, None, f"{self.client}-unheard-of")),
                    "subject_id": row["subject_id"],
                },
                "session": {"session_id": f"s{self.client}", "client_id": None},
                "policy": {
                    "issued_before": iso(self.minute(4, 19)),
                    "subject_id": rng.choice((None, row["subject_id"])),
                },
                "less": rng.choice(
                    (
                        {"grant_id": row.get("grant_id"), "subject_id": row["subject_id"]},
                        {"subject_id": row["subject_id"]},
                    )
                ),
            }[target]
            if target == "token" and not about["token_id"]:
                continue
            if target == "unnamed":
                target = rng.choice(("token", "token", "credential"))
            if target == "less":
                about |= {"kind": "downgrade", "scopes_removed": [rng.choice(SCOPES)]}
                target = rng.choice(("grant", "grant", "client", "subject"))
                if target != "grant":
                    about |= {"grant_id": None}
            self.end(self.minute(3, 19), target, **about, tenant=tenant)

    def calls(self):
        rng = self.rng
        known = [row for row in self.records if row["log"] == "issuance"]
        if not known:
            return
        for _ in range(rng.randrange(4)):
            row = rng.choice(known)
            who = {
                "client_id": self.client,
                "subject_id": row["subject_id"],
                "tenant": rng.choice((row.get("tenant"), row.get("tenant"), None)),
            }
            key = rng.choice(("token", "token", "grant", "pair", "unknown"))
            name = {"token": row.get("token_id"), "unknown": f"{self.client}-unheard-of"}.get(key)
            grant = row.get("grant_id") if key == "grant" else None
            status = rng.choice((200, 200, 200, 401, 403))
            scopes = rng.choice((None, None, self.some()))  # as the log of calls repeats them
            for _ in range(rng.randrange(1, 4)):
                self.records.append(
                    use(
                        when(self.minute(1, 19)),
                        "GET /v1/messages/7",
                        name,
                        status=status,
                        grant_id=grant,
                        token_scopes=scopes,
                        **who,
                    )
                )
