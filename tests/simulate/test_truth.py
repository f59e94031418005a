"""The truth against the logs: each rule decided once more, naively, in plain Python, from nothing but the files.

The generator writes down what it planted; here somebody who knows only the files and what the rules decide looks for the same.
Where the two differ, one of them is wrong.
"""

import json
import tomllib
from collections import defaultdict
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import pairwise

import pytest

CLOCK_S = 5.0
FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def at(text):
    return datetime.fromisoformat(text) if text else None


class Reader:
    """The files, indexed."""

    def __init__(self, written):
        self.servers = written.servers
        self.now = at(written.truth["now"])
        self.issued = [row for row in written.logs["issuance"] if row["outcome"] == "success"]
        self.usage = written.logs["usage"]
        self.revocations = [
            row
            for row in written.logs["revocation"]
            if row["outcome"] == "success" and row["kind"] in ("revoke", "disable")
        ]
        self.tokens = {row["token_id"]: row for row in self.issued if "token_id" in row}
        self.calls = defaultdict(list)
        for row in self.usage:
            if "token_id" in row:
                self.calls[row["token_id"]].append(row)
        self.implies = {scope["name"]: scope.get("implies", []) for scope in written.catalogue["scope"]}
        self.operations = written.catalogue["operation"]
        self.clients = {row["client_id"]: row for row in written.register["client"]}

    def closure(self, scopes):
        found, todo = set(), list(scopes)
        while todo:
            scope = todo.pop()
            if scope not in found:
                found.add(scope)
                todo += self.implies.get(scope, [])
        return found

    def operation(self, call):
        """Return the operation of a call, and its label."""
        for op in self.operations:
            if op["server"] != call["resource_server"]:
                continue
            if "operation" in call:
                if op.get("name") == call["operation"]:
                    return op, op["name"]
            elif "path" in op and op["method"] == call["method"]:
                want, have = op["path"].split("/"), call["target"].split("/")
                if len(want) == len(have) and all(w == h or w.startswith("{") for w, h in zip(want, have, strict=True)):
                    return op, f"{op['method']} {op['path']}"
        return None, None

    def grant_of(self, call):
        if "token_id" in call:
            return self.tokens.get(call["token_id"], {}).get("grant_id")
        grants = {
            row["grant_id"]
            for row in self.issued
            if (row["client_id"], row.get("subject_id")) == (call["client_id"], call.get("subject_id"))
        }
        return grants.pop() if len(grants) == 1 else None

    def scopes_of(self, call):
        if call.get("token_id") in self.tokens:
            return self.tokens[call["token_id"]]["scopes"]
        if "token_scopes" in call:
            return call["token_scopes"]
        grant = self.grant_of(call)
        return [
            s for row in self.issued if row["grant_id"] == grant and row["kind"] == "consent" for s in row["scopes"]
        ]

    def ended(self, call):
        """Say if the call is proven to lie after the expiry or the revocation of its token."""
        token = self.tokens.get(call.get("token_id"))
        if token is None:
            return False
        used = at(call["used_at"])
        ends = [at(token["expires_at"])] + [at(r["revoked_at"]) for r in self.revocations if self.covers(r, token)]
        return any((used - end).total_seconds() > 2 * CLOCK_S for end in ends)

    def covers(self, revocation, token):
        if token["kind"] == "exchange" or at(token["issued_at"]) > at(revocation["revoked_at"]):
            return False
        kind = revocation["target_kind"]
        if kind == "token":
            if revocation["token_id"] == token["token_id"]:
                return True
            target = self.tokens[revocation["token_id"]]
            return target["token_kind"] == "refresh" and target["grant_id"] == token["grant_id"]
        part = {"grant": "grant_id", "client": "client_id", "subject": "subject_id", "session": "session_id"}[kind]
        return part in token and token[part] == revocation[part]

    def allowed(self, server, left_s, validation):
        row = self.servers.get(server)
        if row is None:
            return 0.0 if validation == "introspection" else None
        if row["validation"] == "offline":
            return left_s
        if row["validation"] == "cached":
            return min(row["cache_seconds"], left_s)
        return row.get("bound_seconds", 0.0)

    def aftermaths(self):
        """Yield (revocation, token, server, seconds left, tries) for every covered token that was tried."""
        for revocation in self.revocations:
            moment = at(revocation["revoked_at"])
            for token in self.tokens.values():
                if not self.covers(revocation, token):
                    continue
                left = (at(token["expires_at"]) - moment).total_seconds()
                tries = defaultdict(list)
                for call in self.calls[token["token_id"]]:
                    seconds = (at(call["used_at"]) - moment).total_seconds()
                    if seconds >= 0:
                        tries[call["resource_server"]].append(
                            (seconds, call["outcome"], call.get("denial_reason"), call)
                        )
                for server, tried in tries.items():
                    yield revocation, token, server, left, sorted(tried, key=lambda t: t[0])


@pytest.fixture(scope="module")
def reader(written):
    return Reader(written)


def keyed(rows, *parts, verdict=True):
    return {tuple(row.get(part) for part in parts) + ((row["verdict"],) if verdict else ()) for row in rows}


def party(reader, call):
    return call["client_id"], call.get("subject_id"), reader.grant_of(call)


def test_out_of_scope(written, reader):
    found = {}
    for call in reader.usage:
        if call["outcome"] != "success" or reader.ended(call):
            continue
        op, label = reader.operation(call)
        if op is None:
            found.setdefault((call["client_id"], None, None, None, "indeterminate"), 0)
        elif not any(set(alt) <= reader.closure(reader.scopes_of(call)) for alt in op["requires"]):
            found.setdefault((*party(reader, call), label, "violation"), 0)
    expected = keyed(written.expected("OOS-1"), "client_id", "subject_id", "grant_id", "operation")
    assert set(found) == expected


def test_outside_the_purpose(written, reader):
    found = set()
    for call in reader.usage:
        op, label = reader.operation(call)
        row = reader.clients.get(call["client_id"])
        if call["outcome"] != "success" or reader.ended(call) or op is None or row is None:
            continue
        in_scope = any(set(alt) <= reader.closure(reader.scopes_of(call)) for alt in op["requires"])
        if in_scope and not any(fnmatchcase(label, glob) for glob in row["approved_operations"]):
            found.add((*party(reader, call), label, "violation"))
    assert found == keyed(written.expected("OOS-3"), "client_id", "subject_id", "grant_id", "operation")


def test_denied_attempts(written, reader):
    found = set()
    for call in reader.usage:
        op, label = reader.operation(call)
        if call["outcome"] == "denied" and op and not reader.ended(call):
            held = reader.closure(reader.scopes_of(call))
            if not any(set(alt) <= held for alt in op["requires"]):
                found.add((*party(reader, call), label))
    expected = keyed(written.expected("OOS-12"), "client_id", "subject_id", "grant_id", "operation", verdict=False)
    assert found == expected


def test_scopes_that_came_as_soon_as_they_were_missed(written, reader):
    calls, found = defaultdict(list), set()
    for call in sorted(reader.usage, key=lambda call: call["used_at"]):
        calls[call["client_id"], call.get("subject_id"), reader.operation(call)[1]].append(call)
    for (client, subject, label), made in calls.items():
        for refused, done in pairwise(made):
            if refused.get("denial_reason") == "scope" and done["outcome"] == "success":
                found |= {
                    (client, subject, label, "clear" if row["consent_kind"] == "user" else "violation")
                    for row in reader.issued
                    if (row["kind"], row["client_id"], row.get("subject_id")) == ("consent", client, subject)
                    and refused["used_at"] < row["issued_at"] < done["used_at"]
                }
    assert found == keyed(written.expected("OOS-11"), "client_id", "subject_id", "operation")


def test_actors_who_do_not_follow_from_those_before(written, reader):
    found = set()
    for row in reader.issued:
        before = reader.tokens.get(row.get("parent_token_id"), {}).get("actor_chain", [])
        if row["kind"] == "exchange" and row["token_kind"] != "txn" and row["actor_chain"][1:] != before:
            found.add((row["client_id"], "not continued", ", ".join(row["actor_chain"]), "violation"))
    for call in reader.usage:
        issued, acting = reader.tokens.get(call.get("token_id"), {}), call.get("actor_chain")
        if acting and "actor_chain" in issued and acting[0] != issued["actor_chain"][0]:
            found.add((issued["client_id"], "other actor", acting[0], "violation"))
    assert found == keyed(written.expected("OOS-6"), "client_id", "fault", "actors")


def test_transaction_tokens_that_were_used_outside_their_transaction(written, reader):
    found = set()
    for name, row in reader.tokens.items():
        if row["token_kind"] != "txn":
            continue
        born, holder = at(row["issued_at"]), row["client_id"]
        if at(row["expires_at"]) - born > timedelta(minutes=5):
            found.add((holder, "long life", "violation"))
        over = max(
            at(call["ended_at"])
            for call in reader.calls[row["parent_token_id"]]
            if at(call["used_at"]) <= born <= at(call["ended_at"])
        )
        called = {holder}
        for call in sorted(reader.calls[name], key=lambda call: call["used_at"]):
            if call["client_id"] not in called:
                found.add((call["client_id"], "other caller", "violation"))
            if at(call["used_at"]) > over:
                found.add((holder, "after its call", "violation"))
            called.add(call["resource_server"])
    assert found == keyed(written.expected("OOS-13"), "client_id", "fault")


def test_tokens_that_went_to_and_fro_between_a_known_place_and_a_new_one(written, reader):
    calls, found = defaultdict(list), set()
    for call in sorted(reader.usage, key=lambda call: call["used_at"]):
        if "user_agent" in call and "token_id" in call:
            calls[call["client_id"]].append(
                (call["token_id"], call["ip"].rpartition(".")[0], call["user_agent"].partition("/")[0])
            )
    for client, made in calls.items():
        first_token, known = made[0][0], set()
        for token, network, program in made:
            if token == first_token:
                known |= {network, program}
            elif not {network, program} & known:
                visited = [where for each, *where in made if each == token]
                there = [where for where, before in zip(visited, [None, *visited], strict=False) if where != before]
                if len(there) > 2:
                    found.add((client, "another place", program, "violation"))
    assert found == keyed(written.expected("OOS-10"), "client_id", "fault", "program")


def test_other_tenant(written, reader):
    found = {
        (call["client_id"], call["tenant"], call["resource_tenant"], "violation")
        for call in reader.usage
        if "resource_tenant" in call
        and call["resource_tenant"] not in (call["tenant"], *reader.clients[call["client_id"]]["approved_tenants"])
    }
    assert found == keyed(written.expected("OOS-9"), "client_id", "own_tenant", "resource_tenant")


def test_widened_at_refresh(written, reader):
    found = set()
    for row in reader.issued:
        parent = reader.tokens.get(row.get("parent_token_id"))
        if row["kind"] != "refresh" or parent is None:
            continue
        wider = not set(row["scopes"]) <= reader.closure(parent["scopes"])
        excused = any(
            c["kind"] == "consent"
            and c["grant_id"] == row["grant_id"]
            and parent["issued_at"] < c["issued_at"] < row["issued_at"]
            for c in reader.issued
        )
        if wider and not excused:
            found.add((row["client_id"], row.get("subject_id"), row["grant_id"], "violation"))
    assert found == keyed(written.expected("OOS-4"), "client_id", "subject_id", "grant_id")


def test_a_used_scope_has_a_call_that_needs_it_and_an_unused_one_has_none(written, reader):
    needed = defaultdict(set)
    for call in reader.usage:
        op, _ = reader.operation(call)
        if call["outcome"] == "success" and op:
            held = reader.scopes_of(call)
            for alt in op["requires"]:
                if set(alt) <= reader.closure(held):
                    needed[reader.grant_of(call)] |= {s for s in held if reader.closure([s]) & set(alt)}
    states = defaultdict(int)
    for row in written.expected("PRV-1"):
        states[row["state"]] += 1
        assert (row["state"] == "used") == (row["scope"] in needed[row["grant_id"]]), row
    assert all(states[state] for state in ("used", "unused", "insufficient_evidence", "not_observable"))


def test_exposure_of_unused_and_of_too_young_grants(written, reader):
    for row in written.expected("PRV-1"):
        opened = min(at(i["issued_at"]) for i in reader.issued if i["grant_id"] == row["grant_id"])
        days = (reader.now - opened).total_seconds() / 86400
        if row["state"] == "unused":
            assert days >= 45
        if row["state"] == "insufficient_evidence":
            assert days <= 22


def test_every_granted_scope_is_judged_or_left_open(written, reader):
    granted = {(row["grant_id"], scope) for row in reader.issued for scope in row.get("scopes", ())}
    named = [row for row in written.truth["expected"] + written.truth["open"] if row["rule"] == "PRV-1"]
    assert granted <= {(row["grant_id"], row["scope"]) for row in named}
    assert len({(row["grant_id"], row["scope"]) for row in named}) == len(named)


def test_dormant_grants(written, reader):
    last = defaultdict(lambda: at(written.truth["logs_from"]))
    for call in reader.usage:
        grant = reader.grant_of(call)
        last[grant] = max(last[grant], at(call["used_at"]))
    dead = {
        row["grant_id"]
        for r in reader.revocations
        for row in reader.issued
        if r["target_kind"] in ("grant", "client", "subject") and reader.covers(r, {**row, "kind": "consent"})
    }
    live = {row["grant_id"] for row in reader.issued if row.get("token_kind") == "refresh"} - dead
    found = {grant for grant in live if reader.now - last[grant] > timedelta(days=90)}
    assert found == {row["grant_id"] for row in written.expected("PRV-3")}


def test_broader_than_needed(written, reader):
    least = defaultdict(set)
    for call in reader.usage:
        op, _ = reader.operation(call)
        if call["outcome"] == "success" and op:
            for held in reader.scopes_of(call):
                if any(set(alt) <= reader.closure([held]) for alt in op["requires"]):
                    lower = reader.closure([held]) - {held}
                    least[reader.grant_of(call), held].add(any(set(alt) <= lower for alt in op["requires"]))
    found = {(grant, scope) for (grant, scope), lower in least.items() if lower == {True}}
    assert found == {(row["grant_id"], row["scope"]) for row in written.expected("PRV-4")}


def test_use_after_revocation(written, reader):
    one, three, four, five, details = set(), set(), set(), set(), {}
    for revocation, token, server, left, tried in reader.aftermaths():
        key = revocation["event_id"], token["token_id"], server
        allowed = reader.allowed(server, left, tried[0][3].get("validation"))
        proven = [s for s, outcome, _, _ in tried if outcome == "success" and s > 2 * CLOCK_S + 1]
        success = [s for s, outcome, _, _ in tried if outcome == "success"]
        denied = [s for s, _, reason, _ in tried if reason == "token" and s < left]
        assert token["token_kind"] == "access"
        if success:
            one.add((*key, "violation" if proven and allowed is not None else "indeterminate"))
        target = reader.tokens.get(revocation.get("token_id"), {})
        if revocation["target_kind"] == "grant" or target.get("token_kind") == "refresh":
            if allowed is None and proven:
                three.add((*key, "indeterminate"))
            elif any(s > allowed for s in proven):
                three.add((*key, "violation"))
        if proven and not denied:
            four.add((*key, "violation" if max(proven) >= 0.9 * left else "indeterminate"))
        if any(a < d < b for a in proven for b in proven for d in denied):
            five.add((*key, "violation"))
        details[key] = {
            "last_success_s": max(success, default=None),
            "first_denial_s": min(denied, default=None),
            "uses_after": len(proven),
        }
    parts = "revocation_event", "token_id", "resource_server"
    assert one == keyed(written.expected("REV-1"), *parts)
    assert three == keyed(written.expected("REV-3"), *parts)
    assert four == keyed(written.expected("REV-4"), *parts)
    assert five == keyed(written.expected("REV-5"), *parts)
    for row in written.expected("REV-1"):
        seen = details[tuple(row[part] for part in parts)]
        if "detail" in row:
            assert {name: row["detail"][name] for name in seen} == seen
        else:  # by a clock that is wrong nobody reads exact seconds
            assert [seen["last_success_s"], seen["first_denial_s"]] == written.wrong_clock["lag_interval_s"]


def test_use_of_what_had_been_taken_away(written, reader):
    found = set()
    for row in written.logs["revocation"]:
        if row["kind"] != "downgrade":
            continue
        for token in reader.tokens.values():
            if token["grant_id"] != row["grant_id"] or at(token["issued_at"]) > at(row["revoked_at"]):
                continue
            rest = reader.closure(set(token["scopes"]) - set(row["scopes_removed"]))
            for call in reader.calls[token["token_id"]]:
                op, _ = reader.operation(call)
                late = call["outcome"] == "success" and at(call["used_at"]) > at(row["revoked_at"])
                if late and op and not any(set(way) <= rest for way in op["requires"]):
                    found.add((row["event_id"], token["token_id"], call["resource_server"]))
    assert found == keyed(written.expected("REV-11"), "revocation_event", "token_id", "resource_server", verdict=False)


def test_what_explains_a_success_lies_inside_the_allowed_window(written, reader):
    explained = {
        (row["revocation_event"], row["token_id"]): row.get("explained_by") for row in written.expected("REV-1")
    }
    for revocation, token, server, left, tried in reader.aftermaths():
        success = [s for s, outcome, _, _ in tried if outcome == "success"]
        if success and server in reader.servers and max(success) > 2 * CLOCK_S + 1:
            inside = max(success) <= reader.allowed(server, left, None)
            assert inside == bool(explained[revocation["event_id"], token["token_id"]])


def test_issuance_after_revocation(written, reader):
    found = set()
    for revocation in reader.revocations:
        moment = at(revocation["revoked_at"])
        if revocation["target_kind"] != "grant":
            continue
        for row in reader.issued:
            seconds = (at(row["issued_at"]) - moment).total_seconds()
            if row["grant_id"] != revocation["grant_id"] or seconds <= 0 or "token_id" not in row:
                continue
            fresh = any(
                c["kind"] == "consent"
                and c["grant_id"] == row["grant_id"]
                and moment < at(c["issued_at"]) <= at(row["issued_at"])
                for c in reader.issued
            )
            if not fresh:
                found.add((row["token_id"], "violation" if seconds > 2 * CLOCK_S + 1 else "indeterminate"))
    assert found == keyed(written.expected("REV-2"), "token_id")


def test_tokens_on_a_sign_in_from_before_the_revocation(written, reader):
    found = set()
    for end in reader.revocations:
        for row in reader.issued:
            if end["target_kind"] != "subject" or end["kind"] != "revoke" or row.get("subject_id") != end["subject_id"]:
                continue
            if "auth_time" in row and row["auth_time"] < end["revoked_at"] < row["issued_at"]:
                found.add((row["client_id"], row["subject_id"], end["event_id"], "violation"))
    assert found == keyed(written.expected("REV-12"), "client_id", "subject_id", "revocation_event") != set()


def test_unverified_revocations(written, reader):
    gaps = [(at(row["gap_from"]), at(row["gap_until"])) for row in written.expected("INT-5")]
    tried = {revocation["event_id"] for revocation, *_ in reader.aftermaths()}
    found = set()
    for revocation in reader.revocations:
        moment = at(revocation["revoked_at"])
        alive = [t for t in reader.tokens.values() if reader.covers(revocation, t) and at(t["expires_at"]) > moment]
        if alive and revocation["event_id"] not in tried:
            last = max(at(t["expires_at"]) for t in alive)
            blind = any(a <= moment and last <= b for a, b in gaps)
            found.add((revocation["event_id"], "indeterminate" if blind else "violation"))
    assert found == keyed(written.expected("REV-6"), "revocation_event")


def test_orphans_and_uses_outside_life(written, reader):
    orphans, outside = set(), set()
    start = at(written.truth["logs_from"])
    for call in reader.usage:
        token = reader.tokens.get(call.get("token_id"))
        if "token_id" in call and token is None:
            early = at(call["used_at"]) - start < timedelta(hours=1)
            orphans.add((call["token_id"], "indeterminate" if early else "violation"))
        if token and call["outcome"] == "success":
            late = (at(call["used_at"]) - at(token["expires_at"])).total_seconds()
            early = (at(token["issued_at"]) - at(call["used_at"])).total_seconds()
            leeway = reader.servers.get(call["resource_server"], {}).get("leeway_seconds", 60)
            if late > leeway + 2 * CLOCK_S or early > 2 * CLOCK_S:
                outside.add((call["token_id"], "violation"))
    assert orphans == keyed(written.expected("INT-1"), "token_id")
    assert outside == keyed(written.expected("INT-2"), "token_id")


def test_the_gap_is_the_longest_silence_by_far(written, reader):
    (row,) = written.expected("INT-5")
    times = [at(call["used_at"]) for call in reader.usage]
    silences = sorted(((b - a, a, b) for a, b in pairwise(times)), reverse=True)
    length, since, until = silences[0]
    assert length > 4 * silences[1][0]
    assert since < at(row["gap_from"]) < at(row["gap_until"]) < until or length >= timedelta(hours=36)


def test_clients_nobody_answers_for(written, reader):
    seen = {row["client_id"] for row in [*reader.issued, *reader.usage]}
    found = {c for c in seen if not (reader.clients.get(c, {}).get("owner") and reader.clients[c].get("purpose"))}
    assert found == {row["client_id"] for row in written.expected("GOV-1")}


def test_new_clients_that_many_let_in(written, reader):
    given, found = defaultdict(list), set()
    for row in reader.issued:
        given[row["client_id"]].append(row)
    for client, rows in given.items():
        first = min(at(row["issued_at"]) for row in rows)
        early = [row for row in rows if at(row["issued_at"]) - first < timedelta(days=1)]
        if len({row["subject_id"] for row in early if row["kind"] == "consent"}) >= 5:
            known = first - at(written.truth["logs_from"]) >= timedelta(days=14)
            found.add((client, "violation" if known else "indeterminate"))
    assert found == keyed(written.expected("GOV-2"), "client_id")


def test_clients_that_were_allowed_all_of_a_drive(written):
    record = json.loads((written.path / "logs" / "google_workspace" / "token.json").read_text())
    found = set()
    for event in (event for item in record["items"] for event in item["events"] if event["name"] == "authorize"):
        told = {each["name"]: each for each in event["parameters"]}
        if "https://www.googleapis.com/auth/drive" in told["scope"]["multiValue"]:
            found.add(told["client_id"]["value"])
    assert len(found) == 1
    assert found == {row["client_id"] for row in written.truth["expected"] if row["rule"] == "PRV-5"}


def test_tokens_by_device_code(written, reader):
    found = {row["client_id"] for row in reader.issued if row.get("grant_type", "").endswith("device_code")}
    assert found == {row["client_id"] for row in written.expected("GOV-3")}


def test_ids_of_two_tokens(written, reader):
    clients = defaultdict(set)
    for row in reader.issued:
        if "token_id" in row:
            clients[row["token_id"]].add(row["client_id"])
    assert {token for token, held_by in clients.items() if len(held_by) > 1} == {
        row["token_id"] for row in written.expected("INT-4")
    }


def test_logs_that_were_deleted_by_whom_they_tell_of(written):
    label = "DELETE /api/v2/log-streams/{id}"
    approving = {row["client_id"] for row in written.register["client"] if label in row["approved_operations"]}
    calls = [row for row in written.logs["usage"] if row["resource_server"] == "auth0" and row["outcome"] == "success"]
    found = set()
    for call in calls:
        who = (call["client_id"], call["subject_id"])
        if "/log-streams/" in call["target"] and call["client_id"] not in approving:
            before = [row for row in calls if row["method"] == "GET" and row["used_at"] < call["used_at"]]
            assert who in {(row["client_id"], row["subject_id"]) for row in before}
            found.add((*who, label))
    assert found
    assert found == keyed(written.expected("INT-7"), "client_id", "subject_id", "operation", verdict=False)


def test_a_clock_that_is_wrong(written):
    """In one tenant each token was used before it was issued, as the stamps have it, and in no other."""
    issued = {
        row["token_id"]: (row["tenant"], at(row["issued_at"])) for row in written.logs["issuance"] if "token_id" in row
    }
    before = defaultdict(set)
    for row in written.as_logged["usage"]:
        if row.get("token_id") in issued and row["outcome"] == "success":
            tenant, moment = issued[row["token_id"]]
            before[tenant].add(at(row["used_at"]) < moment - timedelta(seconds=2 * CLOCK_S))
    assert {tenant for tenant, told in before.items() if True in told} == {written.wrong_clock["tenant"]}
    assert [(row["tenant"], row["log"]) for row in written.expected("INT-6")] == [
        (written.wrong_clock["tenant"], "usage")
    ]


def test_keys_of_a_trail(written):
    """Each user's access begins with the first key and ends when the last is over; who goes on with a key that is over is told."""
    trail = json.loads((written.path / "logs" / "aws_cloudtrail" / "cloudtrail.json").read_text(encoding="utf-8"))
    made, over, again, calls = {}, defaultdict(list), defaultdict(list), defaultdict(list)
    for record in trail["Records"]:
        asked, moment = record["requestParameters"], at(record["eventTime"])
        calls[record["userIdentity"]["accessKeyId"]].append((moment, record["eventID"], record["eventSource"]))
        if record["eventName"] == "CreateAccessKey":
            made[record["responseElements"]["accessKey"]["accessKeyId"]] = asked["userName"], moment
        elif record["eventName"] == "DeleteAccessKey" or (asked or {}).get("status") == "Inactive":
            over[asked["accessKeyId"]].append((moment, record["eventID"]))
        elif record["eventName"] == "UpdateAccessKey":
            again[asked["accessKeyId"]].append((moment, record["userIdentity"]["userName"]))
    held = defaultdict(list)
    for key, (user, _) in made.items():
        held[user].append(key)
    ends = {}
    for key, ended in over.items():
        since = max((moment for moment, _ in again[key]), default=made[key][1])
        ends[key] = min((moment for moment, _ in ended if moment > since), default=None)
    access = {
        row["client_id"].split("/")[-1]: row for row in written.truth["grants"] if row["source"] == "aws_cloudtrail"
    }
    assert access.keys() == held.keys()
    for user, keys in held.items():
        assert at(access[user]["opened_at"]) == min(made[key][1] for key in keys)
        last = max(ends[key] for key in keys) if all(ends.get(key) for key in keys) else None
        assert at(access[user]["ended_at"]) == last
        assert access[user]["calls"] == sum(len(calls[key]) for key in keys)
    late = {
        (event, key, server)
        for key, ended in over.items()
        for moment, event in ended
        for used, own, server in calls[key]
        if moment < used < min((on for on, _ in again[key] if on > moment), default=FAR) and own != event
    }
    told = [
        row for row in written.truth["expected"] if row["rule"] == "REV-1" and row.get("source") == "aws_cloudtrail"
    ]
    assert late == {(row["revocation_event"], row["token_id"], row["resource_server"]) for row in told}
    assert {row.get("explained_by") for row in told} == {"propagation", None}
    anew = {user for user, keys in held.items() if len(keys) > 1}
    assert {"stock-feeder", "mail-digest", "thread-namer", "badge-printer"} == anew
    own = {(made[key][0], by) for key, on in again.items() for _, by in on}
    assert own == {("rate-watcher", "key-keeper"), ("seat-mapper", "key-keeper"), ("badge-printer", "badge-printer")}
    assert {user for user, keys in held.items() if not any(calls[key] for key in keys)} == {"demo-kiosk"}


def test_api_tokens_of_a_system_log(written):
    """What an API token changes is told, what happens to it after its end is not; who left and was not deactivated goes on."""
    lines = (written.path / "logs" / "okta" / "system-log.ndjson").read_text(encoding="utf-8").splitlines()
    made, over, used, gone = {}, {}, defaultdict(list), {}
    for event in map(json.loads, lines):
        moment, target = at(event["published"]), event["target"][0]["id"]
        if event["eventType"] == "system.api_token.create":
            made[target] = event["actor"]["id"], moment
        elif event["eventType"] == "system.api_token.revoke":
            over[target] = moment
        elif event["eventType"] == "user.lifecycle.deactivate":
            gone[target] = moment
        elif token := event["transaction"]["detail"].get("requestApiTokenId"):
            assert event["actor"]["id"] == made[token][0]
            used[token].append(moment)
    access = {
        row["client_id"]: row for row in written.truth["grants"] if row["source"] == "okta" and row["client_id"] in made
    }
    assert access.keys() == made.keys()
    for token, (person, moment) in made.items():
        end = min(filter(None, (over.get(token), gone.get(person))), default=None)
        assert (at(access[token]["opened_at"]), at(access[token]["ended_at"])) == (moment, end)
        assert access[token]["use"] == ("seen" if used[token] else "not observable")
        assert all(each < (end or FAR) for each in used[token])
    decided = tomllib.loads((written.path / "decisions.toml").read_text(encoding="utf-8"))["decision"]
    left = {row["subject_id"] for row in decided if row.get("subject_id") in {person for person, _ in made.values()}}
    late = [
        row["subject_id"]
        for row in written.truth["expected"]
        if row["rule"] == "REV-10" and row.get("source") == "okta"
    ]
    assert (len(left), late) == (2, sorted(left - gone.keys()))


def test_secrets_of_applications(written):
    """Each list of keys says what it held before; a sign-in with a secret that was removed is told where it was let in."""
    folder = written.path / "logs" / "microsoft_entra"
    changes, sign_ins = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("audit.ndjson", "signins.ndjson")
    )
    lists, removed = defaultdict(list), {}
    for event in changes:
        target = event["properties"]["targetResources"][0]
        for change in target["modifiedProperties"]:
            if change["displayName"] == "KeyDescription":
                before, after = json.loads(change["oldValue"]), json.loads(change["newValue"])
                assert before == lists[target["id"]]
                lists[target["id"]] = after
                for text in set(before) - set(after):
                    removed[text.split("KeyIdentifier=")[1].split(",")[0]] = at(event["time"])
    late = {}
    for event in sign_ins:
        key = event["properties"].get("servicePrincipalCredentialKeyId")
        if key in removed and at(event["time"]) > removed[key]:
            late[event["properties"]["uniqueTokenIdentifier"]] = event["resultType"]
    told = {
        row["token_id"]
        for row in written.truth["expected"]
        if row["rule"] == "REV-2" and row.get("source") == "microsoft_entra"
    }
    assert {token for token, code in late.items() if code == "0"} == told
    assert len(late) == 2


def test_forbidden_findings_are_not_expected(written):
    for incident in written.truth["incidents"]:
        for forbidden in incident["must_not_fire"]:
            key = {name: value for name, value in forbidden.items() if name not in ("rule", "why")}
            for row in written.expected(forbidden["rule"]):
                assert any(row.get(name) != value for name, value in key.items()), (row, forbidden)


def test_nothing_is_expected_twice(written):
    keys = [tuple(sorted((k, str(v)) for k, v in row.items())) for row in written.truth["expected"]]
    assert len(keys) == len(set(keys))


def test_no_call_on_a_covered_token_is_too_close_to_be_read_one_way(reader):
    """Every call before a revocation lies clearly before it."""
    for revocation, token, *_ in reader.aftermaths():
        moment = at(revocation["revoked_at"])
        before = [at(c["used_at"]) for c in reader.calls[token["token_id"]] if at(c["used_at"]) < moment]
        assert all((moment - used).total_seconds() > 4 * CLOCK_S for used in before)
