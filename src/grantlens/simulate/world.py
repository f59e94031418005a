"""The world: a clock, the three logs as canonical rows, and the truth beside them."""

import random
from datetime import UTC, datetime, timedelta

from grantlens.simulate import ids
from grantlens.simulate.apis import Operation
from grantlens.simulate.enforcement import SERVERS
from grantlens.simulate.population import TENANTS, Client, Grant, Person, Token, closure
from grantlens.simulate.truth import Truth

RUN_IN_DAYS = 30
"""Days of logs before the period, so that a grant can be quiet for longer than the rule asks."""


class World:
    """Everything that happens, in the order it is told.

    Parameters
    ----------
    seed
        Same seed, same world.
    days
        Length of the period, which ends with `end`. The logs begin 30 days before it.
    connections
        How many were asked for.
    end
        End of the logs, exclusive.
    """

    def __init__(self, seed: int, days: int, connections: int, end: datetime) -> None:
        if days < 80:
            raise ValueError(f"days must be at least 80 for the planted incidents to have room, not {days}")
        self.seed = seed
        self.connections = connections
        self.days = days
        self.end = end
        self.begin = end - timedelta(days=days)
        self.start = self.begin - timedelta(days=RUN_IN_DAYS)
        self.truth = Truth()
        self.grants: list[Grant] = []
        self.clients: dict[str, Client] = {}
        self.issuance: list[dict] = []
        self.usage: list[dict] = []
        self.revocation: list[dict] = []
        self.decisions: list[dict] = []
        self.gaps: list[tuple[datetime, datetime]] = []
        self.ahead: dict[str | None, timedelta] = {}
        """How far the clock behind the usage log of a tenant is ahead of the truth; behind it, where less than nothing."""
        self._numbers: dict[str, int] = {}

    def rng(self, *name: object) -> random.Random:
        """Return the random numbers that belong to a name, the same whatever else happens."""
        return random.Random(":".join(map(str, (self.seed, *name))))

    def day(self, share: float, hour: int = 10, minute: int = 0) -> datetime:
        """Return a moment of the period: a share of its days, and a time of day. Shares below 0 lie in the run-in."""
        return self.begin + timedelta(days=int(share * self.days), hours=hour, minutes=minute)

    def next_id(self, prefix: str) -> str:
        """Return the next id of a series."""
        self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{self._numbers[prefix]:04d}"

    def _event_id(self, prefix: str, home: str) -> str:
        number = self.next_id(prefix if home == "native" else f"{home}-{prefix}")
        return number if home == "native" else ids.event_id(home, self.seed, number)

    # -- issuance ---------------------------------------------------------------------------------------------------

    def _party(self, grant: Grant) -> dict:
        subject = grant.subject
        return {
            "client_id": grant.client.client_id,
            "client_name": grant.client.name,
            "subject_id": grant.subject_id,
            "subject_name": subject.name if subject else None,
            "tenant": grant.tenant,
        }

    def _issue(self, grant: Grant, moment: datetime, **row: object) -> dict:
        kind = "agent" if grant.client.kind == "agent" and not grant.subject else "user" if grant.subject else "service"
        named = {}
        if grant.home == "native" and row["kind"] not in ("consent", "exchange") and grant.consented != _ms(moment):
            # The native log names people and clients where they first appear, and has keys elsewhere.
            named = {"client_name": None, "subject_name": None}
        full = {
            "issued_at": _ms(moment),
            "outcome": "success",
            "grant_id": grant.grant_id if grant.named else None,
            **self._party(grant),
            "subject_kind": kind,
            **named,
            **row,
            "event_id": self._event_id("is", grant.home),
            "home": grant.home,
        }
        self.issuance.append(full)
        return full

    def grant(
        self,
        client: Client,
        subject: Person | None,
        server: str,
        scopes: tuple[str, ...],
        moment: datetime,
        *,
        consent: str | None = "user",
        actors: tuple[str, ...] = (),
        home: str = "native",
        grant_id: str | None = None,
    ) -> Grant:
        """Make a grant; with its consent record, unless `consent` is None (client credentials, exchange)."""
        self.clients.setdefault(client.client_id, client)
        new = Grant(grant_id or self.next_id("g"), client, subject, scopes, server, _ms(moment), actors, home)
        new.incident = self.truth.incident
        self.grants.append(new)
        if consent:
            self.consent(new, moment, scopes, consent)
        return new

    def consent(self, grant: Grant, moment: datetime, scopes: tuple[str, ...], kind: str = "user") -> None:
        """Log a consent: it opens the grant or adds to it."""
        if not grant.stood or grant.stood[-1][1]:
            grant.stood.append((_ms(moment), None))
        who = grant.subject_id if kind == "user" else "u-999-admin"
        self._issue(
            grant,
            moment,
            kind="consent",
            scopes=list(scopes),
            audience=[grant.server],
            consent_actor=who,
            consent_kind=kind,
        )

    def token(
        self,
        grant: Grant,
        moment: datetime,
        life_s: float | None,
        *,
        token_kind: str = "access",
        kind: str = "token",
        grant_type: str = "authorization_code",
        parent: Token | None = None,
        scopes: tuple[str, ...] | None = None,
        session: str | None = None,
        ip: str | None = None,
        agent: str | None = None,
    ) -> Token:
        """Mint a token."""
        prefix = {"access": "at", "refresh": "rt"}[token_kind]
        held = grant.scopes if scopes is None else scopes
        expires = None if life_s is None else _ms(moment) + timedelta(seconds=life_s)
        name = self.next_id(prefix if grant.home == "native" else f"{grant.home}-{prefix}")
        if grant.home != "native":
            name = ids.token_id(grant.home, token_kind, self.seed, name)
        token = Token(name, token_kind, grant, held, _ms(moment), expires, parent, session)
        grant.tokens.append(token)
        self._issue(
            grant,
            moment,
            kind=kind,
            grant_type=grant_type,
            token_id=token.token_id,
            token_kind=token_kind,
            parent_token_id=parent.token_id if parent else None,
            scopes=list(held),
            expires_at=expires,
            actor_chain=list(grant.actors) or None,
            session_id=session,
            ip=ip,
            user_agent=agent,
        )
        return token

    def key(
        self, grant: Grant, moment: datetime, by: Token | str, op: Operation | None = None, name: str | None = None
    ) -> Token:
        """Make a stand-alone key, which lives until somebody deletes it: by a call with the key of its maker, or by a person who signed in."""
        moment = moment.replace(microsecond=0)
        name = name or ids.token_id(grant.home, "api_key", self.seed, self.next_id(f"{grant.home}-key"))
        key = Token(name, "api_key", grant, grant.scopes, moment, None)
        grant.tokens.append(key)
        self._credential(key, moment, by, op)
        return key

    def switch_on(self, key: Token, moment: datetime, by: Token, op: Operation) -> None:
        """Switch a stand-alone key on again that was switched off: its id stays."""
        key.ended = None
        self._credential(key, moment.replace(microsecond=0), by, op)

    def _credential(self, key: Token, moment: datetime, by: Token | str, op: Operation | None) -> None:
        own = by.grant is key.grant if isinstance(by, Token) else by == key.grant.subject_id
        self._issue(
            key.grant,
            moment,
            kind="credential",
            token_id=key.token_id,
            token_kind="api_key",
            consent_kind="user" if own else "admin",
            consent_actor=by.grant.client.client_id if isinstance(by, Token) else by,
        )
        if isinstance(by, Token) and op:  # what makes a key with a key is a call as well
            self.call(by, moment, op)["event_id"] = self.issuance[-1]["event_id"]

    def refused_token(
        self,
        grant: Grant,
        moment: datetime,
        parent: Token | None,
        grant_type: str,
        reason: str,
        ip: str | None = None,
    ) -> None:
        """Log a refused request for a token, and why: it creates nothing."""
        self._issue(
            grant,
            moment,
            kind="refresh" if grant_type == "refresh_token" else "token",
            outcome="denied",
            denial_reason=reason,
            grant_type=grant_type,
            parent_token_id=parent.token_id if parent else None,
            scopes=None,
            ip=ip,
        )

    # -- usage ------------------------------------------------------------------------------------------------------

    def call(
        self,
        token: Token,
        moment: datetime,
        op: Operation,
        *,
        outcome: str = "success",
        status: int | None = None,
        denial: str | None = None,
        ip: str | None = None,
        agent: str | None = None,
        took_s: float | None = None,
        response_bytes: int | None = None,
        because: bool = True,
        keys: str = "token",
        path: str | None = None,
        repeat_scopes: bool = False,
    ) -> dict:
        """Log a call.

        Parameters
        ----------
        because
            True where the call is made because of the scopes that the operation needs: the grant counts them as used.
        keys
            What the log names: token (its id), grant, or pair (client and subject only).
        """
        grant = token.grant
        moment = _ms(moment)
        rng = self.rng("call", grant.holder, moment)
        default_status = {"success": 204 if op.method == "DELETE" else 200, "denied": 401, "error": 500}
        row = {
            "used_at": moment,
            "ended_at": moment + timedelta(seconds=took_s) if took_s else None,
            "outcome": outcome,
            "status": status or default_status[outcome],
            "denial_reason": denial,
            "token_id": token.token_id if keys == "token" else None,
            "grant_id": grant.grant_id if keys == "grant" else None,
            "made_with": grant,
            "client_id": grant.client.client_id,
            "subject_id": grant.subject_id,
            "actor_chain": list(grant.actors) or None,
            "token_scopes": list(token.scopes) if repeat_scopes else None,
            "session_id": token.session,
            "resource_server": op.server,
            "method": op.method or None,
            "target": path or op.path(rng),
            "operation": op.label if op.is_tool else None,
            "validation": _logged_validation(op.server),
            "tool_call_id": f"call-{rng.randrange(16**6):06x}" if op.is_tool else None,
            "response_bytes": response_bytes,
            "ip": ip or f"192.0.2.{10 + sum(map(ord, grant.client.client_id)) % 200}",
            "user_agent": agent,
            "tenant": grant.tenant,
            "event_id": self._event_id("us", grant.home),
            "home": grant.home,
        }
        self.usage.append(row)
        if outcome == "success" and because:
            covering = self._credited(grant, op)
            for scope in covering:
                grant.uses[scope] = grant.uses.get(scope, 0) + 1
        return row

    @staticmethod
    def _credited(grant: Grant, op: Operation) -> list[str]:
        """Return the granted scopes that the call is made because of: they are, or include, what it needs."""
        return [held for held in grant.scopes if set(closure((held,))) & set(op.scopes)]

    # -- revocation -------------------------------------------------------------------------------------------------

    def revoke(
        self,
        moment: datetime,
        target_kind: str,
        *,
        grant: Grant | None = None,
        token: Token | None = None,
        client: Client | None = None,
        subject: Person | None = None,
        session: str | None = None,
        kind: str = "revoke",
        outcome: str = "success",
        initiator: str = "admin",
        reason: str | None = None,
        scopes_removed: tuple[str, ...] | None = None,
        decided_min: float | None = None,
        home: str = "native",
    ) -> dict:
        """Log a revocation, stamped in whole seconds as many authorities do."""
        moment = moment.replace(microsecond=0)
        owner = token.grant if token else grant
        home = owner.home if owner else home
        row = {
            "revoked_at": moment,
            "requested_at": moment - timedelta(minutes=1),
            "decided_at": moment - timedelta(minutes=decided_min) if decided_min else None,
            "kind": kind,
            "outcome": outcome,
            "target_kind": target_kind,
            "token_id": token.token_id if token else None,
            "grant_id": owner.grant_id if owner and owner.named else None,
            "client_id": owner.client.client_id if owner else client.client_id if client else None,
            "subject_id": owner.subject_id if owner else subject.subject_id if subject else None,
            "session_id": session,
            "scopes_removed": list(scopes_removed) if scopes_removed else None,
            "initiator": initiator,
            "actor_id": "u-999-admin" if initiator == "admin" else None,
            "reason": reason,
            "tenant": owner.tenant if owner else TENANTS[home],
            "event_id": self._event_id("rv", home),
            "home": home,
        }
        self.revocation.append(row)
        if outcome == "success" and kind in ("revoke", "disable"):
            if token:
                token.ended = token.ended or moment  # what is over already ends no second time
            for held in self.grants:
                if (
                    (target_kind == "grant" and held is grant)
                    or (target_kind == "client" and client and held.client.client_id == client.client_id)
                    or (target_kind == "subject" and subject and held.subject_id == subject.subject_id)
                ):
                    held.ended = moment
                    if held.stood and held.stood[-1][1] is None:
                        held.stood[-1] = (held.stood[-1][0], moment)
        return row

    def decide(self, moment: datetime, cause: str, reference: str, **about: str) -> dict:
        """Decide that the access of a client, a subject, a grant or a token is to be revoked."""
        row = {"decided_at": moment.replace(microsecond=0), "cause": cause, "reference": reference, **about}
        self.decisions.append(row)
        return row

    # -- gaps -------------------------------------------------------------------------------------------------------

    def lose_usage(self, since: datetime, until: datetime) -> None:
        """Let the collector of the usage log be down: what was called then is in no log."""
        self.gaps.append((since, until))

    def kept_usage(self) -> list[dict]:
        """Return the usage rows that reached the log."""
        return [row for row in self.usage if not any(a <= row["used_at"] < b for a, b in self.gaps)]

    def stamped(self, row: dict) -> dict:
        """Return a row of usage as the clock behind its log has it."""
        return row | {"used_at": row["used_at"] + self.ahead.get(row["tenant"], timedelta())}


def _logged_validation(server: str) -> str | None:
    """Return how the token was checked, where the log is the only place that says so."""
    known = SERVERS.get(server)
    return known.validation if known and not known.documented else None


def _ms(moment: datetime) -> datetime:
    """Cut to milliseconds, as the logs show it."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
