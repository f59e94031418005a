"""Small random logs of a few grants and revocations, all within seconds: what is equal in time is common."""

SECOND = 1_000_000
START = 1_783_684_800 * SECOND


def few(rng, source):
    """Return a world of a few grants that follow each other or stand side by side, and tokens that name none; ties are common."""
    tenants = rng.choice([[None], ["p", "q"], [None, "p"]])
    numbers = iter(range(999))

    def somebody():
        who = {"tenant": rng.choice(tenants), "client_id": rng.choice("ab"), "subject_id": rng.choice(["x", "y", None])}
        kind = "user" if who["subject_id"] else rng.choice(["user", "service", None])
        return {**who, "subject_kind": kind}

    most = somebody()

    def one_of():
        return most if rng.random() < 0.6 else somebody()

    def event(**row):
        return {"event_id": f"{source}-{next(numbers):03}", "outcome": rng.choice(["success"] * 5 + ["error"]), **row}

    def opening(**row):
        audience = rng.choice([None, ["m"], ["m"], ["f"]])
        return event(
            issued_at=START + rng.randrange(6) * SECOND,
            audience=audience,
            scopes=rng.choice([None, ["r"], ["r", "w"], ["s"]]),
            **row,
        )

    issuance, revocation = [], []
    holder = {f"g{number}": one_of() for number in range(rng.randint(1, 4))}
    for grant, who in holder.items():
        issuance += [opening(kind="consent", grant_id=grant, **who) for _ in range(rng.choice((1, 1, 2)))]
    for number in range(8):
        grant = rng.choice(["derived", "derived", "derived", "g0", None])
        who = holder.get(grant) or one_of()
        if grant == "derived":
            grant = f"derived:{who['tenant'] or ''}/{who['client_id']}/{who['subject_id']}"
        kind = rng.choice(["token", "token", "credential", "exchange"])
        more = {"kind": kind, "token_id": f"t{number}", "token_kind": "access", "session_id": rng.choice([None, "s1"])}
        issuance.append(opening(grant_id=grant, **who, **more, parent_token_id=None, expires_at=None))
    for _ in range(rng.randint(0, 4)):
        who = one_of()
        row = event(
            revoked_at=START + rng.randrange(6) * SECOND,
            kind=rng.choice(["revoke", "revoke", "disable", "signal"]),
            target_kind=rng.choice(["grant", "grant", "client", "subject", "session", "policy"]),
            grant_id=rng.choice(["g0", "g1", None, None]),
            tenant=rng.choice([None, who["tenant"], *tenants]),
            **{name: who[name] for name in ("client_id", "subject_id")},
        )
        if row["target_kind"] == "policy":
            row |= {name: rng.choice([row[name], None]) for name in ("client_id", "subject_id", "grant_id")}
            row["issued_before"] = START + rng.randrange(7) * SECOND
        elif row["target_kind"] == "session":
            row["session_id"] = "s1"
        elif rng.random() < 0.3:
            row |= {"kind": "downgrade", "scopes_removed": rng.choice([["r"], ["r", "s"]])}
            if rng.random() < 0.2:
                row["target_kind"] = "token"
        revocation.append(row)
    for row in [row for row in revocation if row["kind"] == "disable"]:
        if rng.random() < 0.7:
            tenant = rng.choice([row["tenant"], row["tenant"], *tenants])
            again = {**row, **event(kind="enable", tenant=tenant)}
            revocation.append(again | {"revoked_at": row["revoked_at"] + rng.randrange(4) * SECOND})
    return {
        "source": source,
        "issuance": issuance,
        "usage": [],
        "revocation": revocation,
        "clock": {},
        "server": {},
    }
