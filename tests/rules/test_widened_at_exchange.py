"""OOS-5 beside plain Python: every pair of a token and one that came of it, of a few scopes, servers and consents."""

from itertools import product

from grantlens import detect
from grantlens.rule.example import consent, token

SCOPES = (None, ["mail.read"], ["mail.write", "openid"], ["files.read", "mail.send"], ["odd.read"])
AUDIENCES = (None, ["mail.example"], ["files.example", "https://Mail.example/"])
IMPLIED = {"mail.write": {"mail.read", "mail.send"}}
SERVER = {"mail": "mail.example", "file": "files.example"}
NO_OPERATION = {"openid"}


def verdict(parent, child, parent_audience, audience, own):
    """Say what a reader of the two records says."""
    if child is None:
        return None
    if parent is None:
        return "indeterminate"
    held = {wide for scope in parent for wide in (scope, *IMPLIED.get(scope, ()))}
    added = {scope for scope in child if scope not in held | NO_OPERATION}
    if not added - set(own):
        return None
    if parent_audience is not None and audience is not None:
        named = [
            {name.lower().strip("/").removeprefix("https://") for name in names}
            for names in (parent_audience, audience)
        ]
        return "violation" if named[0] & named[1] else None
    servers = [{SERVER[scope[:4]] for scope in some if scope[:4] in SERVER} for some in (parent, added)]
    if not all(servers):
        return "indeterminate"
    return "violation" if servers[0] & servers[1] else None


def test_every_pair(desk, kept_going):
    cases = {
        f"c{number}": case
        for number, case in enumerate(product(SCOPES, SCOPES, AUDIENCES, AUDIENCES, ([], ["mail.send", "files.read"])))
    }
    records = list(kept_going)
    for name, (parent, child, parent_audience, audience, own) in cases.items():
        if own:
            records.append(consent("10 08:00", own, f"g-{name}", client_id=name))
        records.append(
            token("10 09:00", f"p-{name}", parent, client_id="first", grant_id=f"of-{name}", audience=parent_audience)
        )
        records.append(
            token(
                "10 09:05",
                f"t-{name}",
                child,
                kind="exchange",
                parent_token_id=f"p-{name}",
                client_id=name,
                grant_id=f"g-{name}",
                audience=audience,
            )
        )
    records = [{**record, "event_id": f"e{number}"} for number, record in enumerate(records)]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["OOS-5"])
        told = {row["client_id"]: row["verdict"] for row in found.to_dicts()}
    expected = {name: answer for name, case in cases.items() if (answer := verdict(*case))}
    assert told == expected
    assert set(expected.values()) == {"violation", "indeterminate"}


def test_where_only_the_parent_is_outside_the_window_it_is_known(desk, kept_going):
    pair = [
        token("10 09:00", "p", ["mail.read"]),
        token("10 09:05", "t", ["mail.send"], kind="exchange", parent_token_id="p", client_id="tool"),
    ]
    records = [{**record, "event_id": f"e{number}"} for number, record in enumerate([*kept_going, *pair])]
    with desk.store(desk.write("log.ndjson", records)) as store:
        for since, until, verdicts in (
            ("2026-07-10T09:05:00Z", "2026-07-20", ["violation"]),
            ("2026-07-10T09:05:00.000001Z", "2026-07-20", []),
            ("2026-07-01", "2026-07-10T09:05:00Z", []),
        ):
            (found,) = detect.run(store.between(since, until, "2026-07-20"), ["OOS-5"])
            assert [row["verdict"] for row in found.to_dicts()] == verdicts


def test_what_vault_gives_every_token_and_what_root_may_give_is_no_more(desk, kept_going):
    def pair(name, parent, child):
        common = {"source": "hashicorp_vault", "client_id": name}
        yield token("10 09:00", f"p-{name}", parent, **common)
        yield token("10 09:05", f"t-{name}", child, parent_token_id=f"p-{name}", **common)

    rows = [
        *pair("root", ["root"], ["default", "deploy"]),
        *pair("default", ["ci"], ["ci", "default"]),
        *pair("more", ["ci"], ["deploy"]),
    ]
    records = [{**record, "event_id": f"e{number}"} for number, record in enumerate([*kept_going, *rows])]
    with desk.store(desk.write("log.ndjson", records)) as store:
        (found,) = detect.run(store, ["OOS-5"])
        assert [(row["client_id"], row["detail"]["scopes_added"]) for row in found.to_dicts()] == [("more", ["deploy"])]
