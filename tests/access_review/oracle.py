"""The list of grants, told again in plain Python from the records of one client."""

from datetime import UTC, datetime, timedelta

import pytest

ALONE = ("token", "refresh", "exchange", "credential")
REASONS = {
    "client": "a revocation that names no tenant may have ended it, and several have this client",
    "id": "a revocation that names no tenant may have ended it, and several have a token of its id",
    "name": "a revocation that names a token only by its name may have ended it, and several had that name",
    "tenant": "a revocation in one tenant may have ended it, and in which it was the logs do not tell",
    "token": "a token of its client was revoked, and the log does not tell which",
}
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def at(text):
    return datetime.fromisoformat(text)


class Read:
    """The same records as a person reads them."""

    def __init__(self, records):
        self.issued = sorted((row for row in records if row["log"] == "issuance"), key=lambda row: row["issued_at"])
        good = [row for row in records if row["log"] == "revocation" and row["outcome"] == "success"]
        self.ends = [row for row in good if row["kind"] in ("revoke", "disable")]
        self.less = [row for row in good if row["kind"] == "downgrade"]
        self.calls = [row for row in records if row["log"] == "usage" and row["outcome"] == "success"]
        self.grants = {}
        for row in self.issued:
            self.grants.setdefault(self.grant_of(row), []).append(row)
        self.tokens = {}
        for row in self.issued:
            if row.get("token_id"):
                self.tokens.setdefault((row.get("tenant"), row["token_id"]), []).append(row)

    @staticmethod
    def grant_of(row):
        return row.get("tenant"), row["client_id"], row["subject_id"], row.get("grant_id")

    def unsure(self, end):
        """Tell whether it ends a client, or its access for one subject, in one of several tenants that it does not name."""
        if end.get("tenant") or end.get("grant_id") or end["target_kind"] not in ("client", "grant", "policy"):
            return False
        whose = end.get("subject_id") if end["target_kind"] != "client" else None
        return len({row.get("tenant") for row in self.issued if whose in (None, row["subject_id"])} - {None}) > 1

    @staticmethod
    def untold(end, tenant):
        """Tell whether it names a tenant, and nothing tells whether something is in it."""
        return bool(end.get("tenant")) and tenant is None and not end.get("token_id")

    @staticmethod
    def meets(end, grant):
        """Tell whether a revocation of a grant, client or subject is of this grant's."""
        tenant, client, subject, name = grant
        if end["target_kind"] == "grant" and end.get("grant_id"):
            return end["grant_id"] == name
        if end.get("tenant") not in (None, tenant):
            return False
        return {
            "grant": (end.get("client_id"), end.get("subject_id")) == (client, subject),
            "client": end.get("client_id") == client,
            "subject": end.get("subject_id") == subject,
        }.get(end["target_kind"], False)

    def stretches(self, grant):
        """Return each life of a grant as opened, and the revocation that ended it or None; and whether any consent holds it."""
        rows = self.grants[grant]
        first = min((row["issued_at"] for row in rows if row["kind"] == "consent"), default=None)
        turns = [
            (row["issued_at"], row, None)
            for row in rows
            if row["kind"] == "consent" or first is None or row["issued_at"] < first
        ]
        turns += [
            (end["revoked_at"], None, end) for end in self.ends if self.meets(end, grant) and not self.unsure(end)
        ]
        found, living, over = [], False, False
        for moment, row, end in sorted(turns, key=lambda turn: turn[0]):
            if row and not living and (not over or row["kind"] == "consent"):
                found.append([at(moment), None])
                living = True
            elif end and living:
                found[-1][1] = end
                living = False
            # What ends all of a client or person says nothing of a grant that is younger.
            over |= end is not None and (bool(found) or bool(end.get("grant_id")))
        return found, first is not None

    def successors(self, key):
        """Return the ids of the refresh tokens that came of one by rotation."""
        tenant, name = key
        found, new = set(), {name}
        while new:
            found |= new
            new = {
                other for (home, other), rows in self.tokens.items()
                if home == tenant and rows[0].get("parent_token_id") in new and rows[0]["token_kind"] == "refresh" and rows[0]["kind"] != "exchange"
            } - found  # fmt: skip
        return found

    def covers(self, end, key):
        """Tell whether a revocation ends a token: by the table of targets, and never what is younger than it."""
        tenant, name = key
        row = self.tokens[key][0]
        if row["issued_at"] > end["revoked_at"]:
            return False
        mine = end.get("tenant") in (None, tenant)
        if end.get("token_id") and tenant is None:  # an id is that of one token
            end, mine = {**end, "tenant": None}, True
        if (kind := end["target_kind"]) in ("token", "credential"):
            homes = [home for home, other in self.tokens if other == end.get("token_id")]
            if not mine or tenant not in homes:
                return False
            # Of several tenants' tokens of one id none is known to have ended.
            if name == end["token_id"]:
                return bool(end.get("tenant")) or len(homes) == 1
            target = self.tokens[tenant, end["token_id"]][0]
            if (
                row["kind"] == "exchange"
                or not self.refreshes(tenant, end["token_id"])
                or (not end.get("tenant") and len(homes) > 1)
            ):
                return False
            family = self.successors((tenant, end["token_id"]))
            grants = {self.grant_of(self.tokens[tenant, each][0]) for each in family} | {self.grant_of(target)}
            return name in family or (row["token_kind"] == "access" and self.grant_of(row) in grants)
        # What a client got by exchange is its own where the revocation names that client, else somebody's child.
        own = kind in ("client", "grant", "policy") and end.get("client_id") == row["client_id"]
        if (row["kind"] == "exchange" and not own) or self.unsure(end):
            return False
        if kind == "session":
            return end["session_id"] == row.get("session_id")
        if kind == "policy":
            whose = mine and end["client_id"] == row["client_id"] and end.get("subject_id") in (None, row["subject_id"])
            return whose and row["kind"] != "credential" and at(row["issued_at"]) < at(end["issued_before"])
        return self.meets(end, self.grant_of(row))

    def may_be_of(self, end, row):
        """Tell why a revocation may be of a token, though the logs do not tell; None where it is, or is not."""
        tenant, name = row.get("tenant"), row.get("token_id")
        if row["issued_at"] > end["revoked_at"]:
            return None
        of_token = end["target_kind"] in ("token", "credential")
        again = any(
            other["kind"] == "credential" and other["issued_at"] > end["revoked_at"]
            for other in self.tokens.get((tenant, name), ())
        )
        # It would be, if it named this tenant. A key that was issued again is not over, unless several have its id.
        untold = self.untold(end, tenant)
        asked = name and (untold or not end.get("tenant"))
        here = self.covers({**end, "tenant": tenant}, (tenant, name)) if asked else False
        if here and not self.covers(end, (tenant, name)) and (not again or end.get("token_id") == name):
            return "tenant" if untold else "id" if of_token else "client"
        if not of_token or (tenant is not None and end.get("tenant") not in (None, tenant)):
            return None
        if (end.get("client_id"), end.get("subject_id")) != (row["client_id"], row["subject_id"]):
            return None
        key = row["kind"] == "credential"
        if key != (end["target_kind"] == "credential") or end.get("token_id") in {other for _, other in self.tokens}:
            return None
        unnamed = [end.get("token_id") is None, name is None]
        return "token" if (all if key else any)(unnamed) else None

    def doubt(self, row):
        """Return the first revocation that may have ended a token, and why; None where there is none."""
        found = [
            (at(end["revoked_at"]), end["event_id"], why) for end in self.ends if (why := self.may_be_of(end, row))
        ]
        return min(found, default=None)

    def perhaps(self, grant, opened, lives, until):
        """Return from when on all access may have been over, by which revocation, and why; None where there is no doubt.

        A life is when and by what a token ended, or None, and the doubt of it.
        """
        lives = [(life and life[0], doubt) for life, doubt in lives]
        given = [at(row["issued_at"]) for row in self.grants[grant] if row["kind"] == "consent"]
        found = [
            (moment, end["event_id"], "client" if self.unsure(end) else "tenant")
            for end in self.ends
            if self.unsure(end) or self.untold(end, grant[0])
            if self.meets({**end, "tenant": None}, grant)
            and not (end["target_kind"] == "grant" and end.get("grant_id"))
            and opened < (moment := at(end["revoked_at"])) < until
            and not any(moment < again < until for again in given)
        ]
        doubts = [doubt for closed, doubt in lives if doubt and (closed is None or doubt[0] < closed)]
        if doubts and all(closed or doubt for closed, doubt in lives):
            last = max(min(closed or NEVER, doubt[0] if doubt else NEVER) for closed, doubt in lives)
            found.append((last, *max(doubts)[1:]))
        return min(found, default=None)

    def refreshes(self, tenant, name):
        return self.tokens[tenant, name][0]["token_kind"] == "refresh"

    def end_of(self, key, until):
        """Return when a token ended, and by which revocation, if any; None where no end is known.

        A key that is switched on again only after the window is over at its end.
        """
        rows = self.tokens[key]
        keys = [row["issued_at"] for row in rows if row["kind"] == "credential"]
        again = [max(keys, default=""), max((stamp for stamp in keys if at(stamp) < until), default="")]
        dated = [row for row in rows if "expires_at" in row]
        bare = [row["issued_at"] for row in rows if row["kind"] == "credential" and "expires_at" not in row]
        expires = max((at(row["expires_at"]) for row in dated), default=None)
        if dated and bare and max(bare) > max(row["issued_at"] for row in dated):
            expires = None  # given again without a date
        final = [
            end
            for end in self.ends
            if self.covers(end, key) and end["revoked_at"] > again[at(end["revoked_at"]) < until]
        ]
        ends = [(at(end["revoked_at"]), end) for end in final]
        first = min(ends, key=lambda each: each[0], default=(None, None))
        if expires and (first[0] is None or expires < first[0]):
            return expires, None
        return first if first[0] else None

    def credited(self, call):
        """Return the grant that a call was made with, None where it is not known."""
        who = call.get("tenant"), call["client_id"], call["subject_id"]
        if name := call.get("token_id"):
            homes = [home for home, other in self.tokens if other == name]
            home = call.get("tenant") or (homes[0] if len(homes) == 1 else None)
            known = self.tokens.get((home, name)) or (self.tokens.get((None, name)) if homes == [None] else None)
            if not known and not call.get("tenant") and len(homes) > 1:
                grants = {row.get("grant_id") for row in self.issued if row.get("token_id") == name}
                return None if len(grants) > 1 or grants == {None} else next(g for g in self.grants if g[3] in grants)
            return self.grant_of(known[0]) if known else None
        if name := call.get("grant_id"):
            return next(grant for grant in self.grants if grant[3] == name)
        alive = [
            grant
            for grant in self.grants
            if grant[:3] == who
            and any(
                opened <= at(call["used_at"]) and (not end or at(call["used_at"]) < at(end["revoked_at"]))
                for opened, end in self.stretches(grant)[0]
            )
        ]
        return alive[0] if len(alive) == 1 else None

    def scopes(self, grant, opened, end, until):
        """Return what it allowed last in the window; None where that is not told."""
        rows = self.grants[grant]
        first = min((row["issued_at"] for row in rows if row["kind"] == "consent"), default="9")
        turns = [
            (at(row["issued_at"]), row, None) for row in rows if row["kind"] == "consent" or row["issued_at"] < first
        ]
        turns += [
            (at(row["revoked_at"]), None, row)
            for row in self.less
            if self.meets({**row, "tenant": None} if self.untold(row, grant[0]) else row, grant)
        ]
        held = None
        vague = False
        for moment, row, less in sorted(turns, key=lambda turn: turn[0]):
            if moment < opened or moment >= until or (end and moment >= end):
                continue
            if less:
                named = less["target_kind"] == "grant" and less.get("grant_id")
                vague |= self.unsure(less) and less["target_kind"] != "subject"
                vague |= self.untold(less, grant[0]) and not named
                held = held and held - set(less["scopes_removed"])
            elif row.get("scopes") is not None:
                held = (held or set()) | set(row["scopes"])
            elif row["kind"] == "consent" or (first == "9" and row["kind"] != "refresh"):
                vague = True
        return None if vague or held is None else sorted(held)

    def rows(self, since, until, now, covered):
        """Return what the list of grants is to say of each life."""
        found = {}
        calls = [(call, self.credited(call)) for call in self.calls if since <= at(call["used_at"]) < until]
        for grant in self.grants:
            stretches, by_consent = self.stretches(grant)
            for number, (opened, end) in enumerate(stretches):
                following = stretches[number + 1][0] if number + 1 < len(stretches) else NEVER
                keys = [
                    key for key, rows in self.tokens.items()
                    if self.grant_of(rows[0]) == grant and opened <= at(rows[0]["issued_at"]) < min(following, until)
                ]  # fmt: skip
                bare = [
                    row for row in self.grants[grant]
                    if row["kind"] in ALONE and not row.get("token_id") and opened <= at(row["issued_at"]) < min(following, until)
                ]  # fmt: skip
                lives = [(self.end_of(key, until), self.doubt(self.tokens[key][0])) for key in keys]
                lives += [
                    ((at(row["expires_at"]), None) if "expires_at" in row else None, self.doubt(row)) for row in bare
                ]
                lives += [
                    (None, self.doubt({**row, "token_id": None, "kind": "token"}))
                    for row in self.unnamed_refresh(grant, opened, min(following, until))
                ]
                lives = [] if by_consent else lives
                closed, by, how = None, None, None
                if end:
                    closed, by = at(end["revoked_at"]), end
                elif lives and all(life for life, _ in lives):
                    closed, by = max((life for life, _ in lives), key=lambda life: life[0])
                    how = "last token "
                if opened >= until or (closed and closed <= since):
                    continue
                state, unsure = "live", (None, None, None)
                perhaps = self.perhaps(grant, opened, lives, until)
                if closed and closed < until and closed <= now:
                    state = "ended"
                elif perhaps and perhaps[0] < until and perhaps[0] <= now:
                    state, unsure = "indeterminate", perhaps
                over = {"disable": "disabled"}.get(by["kind"], "revoked") if by else "expired"
                told = f"{how or ''}{over}" + (f" by {by['initiator']}" if by and "initiator" in by else "")
                mine = [
                    at(call["used_at"])
                    for call, of in calls
                    if of == grant
                    and (number == 0 or opened <= at(call["used_at"]))
                    and at(call["used_at"]) < following
                ]
                last = min(closed or until, until, now)
                watched = sum(
                    (max(min(b, last) - max(a, opened, since), timedelta(0)) for a, b in covered(grant[0])),
                    timedelta(0),
                )
                use_ = (
                    "seen"
                    if mine
                    else "possible"
                    if self.stray(grant, opened, closed, calls)
                    else "none seen"
                    if watched
                    else "not observable"
                )
                span = last - max(opened, since)
                found[(*grant, opened)] = {
                    "state": state,
                    "ended_at": closed if state == "ended" else None,
                    "ended_how": told if state == "ended" else None,
                    "ended_by": by["event_id"] if by and state == "ended" else None,
                    "perhaps_ended_at": unsure[0],
                    "perhaps_ended_by": unsure[1],
                    "reason": REASONS.get(unsure[2]),
                    "tokens": len(keys),
                    "scopes": self.scopes(grant, opened, end and at(end["revoked_at"]), until),
                    "standing": by_consent,
                    "use": use_,
                    "calls": len(mine),
                    "first_used_at": min(mine, default=None),
                    "last_used_at": max(mine, default=None),
                    "watched": pytest.approx(watched / span) if span > timedelta(0) else None,
                }
        return found

    def unnamed_refresh(self, grant, opened, until):
        """Return what gave a grant offline_access, where the log names no refresh token of it."""
        rows = self.grants[grant]
        if any(row.get("token_kind") == "refresh" for row in rows):
            return []
        return [
            row for row in rows
            if opened <= at(row["issued_at"]) < until and "offline_access" in (row.get("scopes") or ())
        ]  # fmt: skip

    def stray(self, grant, opened, closed, calls):
        """Tell whether calls without a grant may be of it: such calls are looked at from the first to the last of a client and person."""
        whose = {}
        for call, of in calls:
            if of is None:
                whose.setdefault((call.get("tenant"), call["subject_id"]), []).append(at(call["used_at"]))
        return any(
            subject == grant[2]
            and (None in (tenant, grant[0]) or tenant == grant[0])
            and min(times) < (closed or NEVER)
            and max(times) >= opened
            for (tenant, subject), times in whose.items()
        )
