"""The true answer: what a perfect detector finds in these logs, noted down while the logs are being made.

Nothing here reads a log. The generator says what it plants (`expect`), what must stay silent (`forbid`), and what even
a perfect detector may decide either way (`leave_open`). PRV-1 comes from bookkeeping: each call is made because of a
scope, and the grant counts it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from grantlens.simulate.population import Grant, Token

KEYS = {
    "OOS-1": ("client_id", "subject_id", "grant_id", "operation"),
    "OOS-2": ("client_id", "resource_server", "audience"),
    "OOS-3": ("client_id", "subject_id", "grant_id", "operation"),
    "OOS-4": ("client_id", "subject_id", "grant_id"),
    "OOS-5": ("client_id", "subject_id", "grant_id"),
    "OOS-6": ("client_id", "fault", "actors"),
    "OOS-7": ("client_id", "audience"),
    "OOS-8": ("client_id", "subject_id", "grant_id", "operation"),
    "OOS-9": ("client_id", "own_tenant", "resource_tenant"),
    "OOS-10": ("client_id", "fault", "program"),
    "OOS-11": ("client_id", "subject_id", "operation"),
    "OOS-12": ("client_id", "subject_id", "grant_id", "operation"),
    "OOS-13": ("client_id", "fault"),
    "OOS-14": ("client_id", "limit"),
    "PRV-1": ("client_id", "subject_id", "grant_id", "scope"),
    "PRV-2": ("client_id", "subject_id", "grant_id", "scope"),
    "PRV-3": ("client_id", "subject_id", "grant_id"),
    "PRV-4": ("client_id", "subject_id", "grant_id", "scope"),
    "PRV-5": ("client_id",),
    "PRV-6": ("client_id",),
    "REV-1": ("revocation_event", "token_id", "resource_server"),
    "REV-2": ("token_id",),
    "REV-3": ("revocation_event", "token_id", "resource_server"),
    "REV-4": ("revocation_event", "token_id", "resource_server"),
    "REV-5": ("revocation_event", "token_id", "resource_server"),
    "REV-6": ("revocation_event",),
    "REV-7": ("client_id", "subject_id", "grant_id", "token_id"),
    "REV-9": ("client_id", "subject_id", "grant_id", "revocation_event"),
    "REV-10": ("client_id", "subject_id", "grant_id", "token_id"),
    "REV-11": ("revocation_event", "token_id", "resource_server"),
    "REV-12": ("client_id", "subject_id", "revocation_event"),
    "INT-1": ("client_id", "subject_id", "token_id"),
    "INT-2": ("client_id", "subject_id", "token_id"),
    "INT-3": ("client_id", "token_id"),
    "INT-4": ("token_id",),
    "INT-5": ("source", "log"),
    "INT-6": ("source", "tenant", "log"),
    "INT-7": ("client_id", "subject_id", "operation"),
    "GOV-1": ("client_id",),
    "GOV-2": ("client_id",),
    "GOV-3": ("client_id",),
    "GOV-4": ("client_id",),
}
"""What makes a finding of each rule one finding."""

SHOWS_SOME = frozenset({"okta", "aws_cloudtrail"})
"""Logs that show only calls of some kind: that they show none proves nothing. The trail is as AWS makes it, without data events."""

ENOUGH_DAYS = 45.0
"""Exposure from which nobody can doubt that the evidence floor of 30 days is met."""
TOO_FEW_DAYS = 22.0
"""Exposure below which nobody can doubt that it is not."""
PROTOCOL_SCOPES = ("openid", "offline_access")


def iso(moment: datetime) -> str:
    """Return a UTC time as findings print it.

    Examples
    --------
    >>> from datetime import UTC
    >>> iso(datetime(2026, 7, 1, 8, 0, 0, 120000, tzinfo=UTC))
    '2026-07-01T08:00:00.120Z'
    """
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Incident:
    """A planted story and the facts that an investigator should arrive at."""

    name: str
    title: str
    story: str
    where: str = ""
    facts: dict = field(default_factory=dict)
    must_not_fire: list[dict] = field(default_factory=list)


class Truth:
    """What is expected of each rule."""

    def __init__(self) -> None:
        self.expected: list[dict] = []
        self.open: list[dict] = []
        self.grants: list[dict] = []
        self.incidents: list[Incident] = []

    @property
    def incident(self) -> str | None:
        """Name of the incident that is being told."""
        return self.incidents[-1].name if self.incidents else None

    def begin(self, name: str, title: str, story: str) -> Incident:
        """Start telling an incident: what is expected from here on belongs to it."""
        self.incidents.append(Incident(name, title, story))
        return self.incidents[-1]

    def expect(self, rule: str, verdict: str | None, **key: object) -> dict:
        """Note a finding that must appear. A key part that is not given is null in the finding.

        `verdict` None means that the rule may print any verdict for it.
        """
        detail = key.pop("detail", {})
        explained_by = key.pop("explained_by", None)
        named = {part: key.pop(part, None) for part in KEYS[rule]}
        row = {"rule": rule, "verdict": verdict, "incident": key.pop("incident", self.incident), **named, **key}
        if detail:
            row["detail"] = detail
        if explained_by:
            row["explained_by"] = explained_by
        self.expected.append(row)
        return row

    def forbid(self, rule: str, why: str, **key: object) -> None:
        """Note a finding that must not appear."""
        self.incidents[-1].must_not_fire.append({"rule": rule, "why": why, **key})

    def leave_open(self, rule: str, why: str, **key: object) -> None:
        """Note a finding that may or may not appear: the specification leaves it open, or chance decides."""
        self.open.append({"rule": rule, "why": why, **key})

    def privileges(self, grants: list[Grant], end: datetime) -> None:
        """Note PRV-1 for every granted scope, from the bookkeeping of the calls that were made because of it."""
        for grant in grants:
            key = {"client_id": grant.client.client_id, "subject_id": grant.subject_id, "grant_id": grant.grant_id}
            if grant.home != "native":
                key["source"] = grant.home
            days = ((grant.ended or end) - grant.consented).total_seconds() / 86400
            for scope in grant.scopes:
                row = {**key, "scope": scope, "incident": grant.incident}
                state = grant.states.get(scope)
                if state == "open" or scope in PROTOCOL_SCOPES:
                    why = (
                        "protocol scopes authorise no operation"
                        if scope in PROTOCOL_SCOPES
                        else "left open by the author"
                    )
                    self.leave_open("PRV-1", why, **row)
                elif state is None and grant.uses.get(scope):
                    self.expect("PRV-1", "clear", **row, state="used")
                elif state is None and days <= TOO_FEW_DAYS:
                    self.expect("PRV-1", "indeterminate", **row, state="insufficient_evidence")
                elif state is None and (days < ENOUGH_DAYS or grant.ended):
                    self.leave_open("PRV-1", "exposure near the evidence floor, or the grant is gone", **row)
                else:
                    verdict = "indeterminate" if state and state != "unused" else None
                    self.expect("PRV-1", verdict, **row, state=state or "unused")

    def access(self, grants: Iterable[Grant], calls: Iterable[dict], end: datetime) -> None:
        """Note each life of each grant: from when to when it stood, and how many calls that are in a log were let in with it.

        A consent holds a grant until it is ended. Without one, tokens and keys are all that there is of it: it begins with the first
        and ends with the last of them.
        """
        made: dict[int, list[datetime]] = {}
        watched = set()
        for call in calls:
            if call["home"] not in SHOWS_SOME:
                watched.add(call["home"])
            if call["outcome"] == "success":
                made.setdefault(id(call["made_with"]), []).append(call["used_at"])
        for grant in grants:
            lives = grant.stood or _whole_life(grant)
            for since, until in lives:
                later = [other for other, _ in lives if other > since]
                mine = [used for used in made.get(id(grant), ()) if since <= used and not (later and used >= later[0])]
                unseen = "none seen" if grant.home in watched else "not observable"
                row = {
                    "source": grant.home,
                    "client_id": grant.client.client_id,
                    "subject_id": grant.subject_id,
                    "grant_id": grant.grant_id,
                    "opened_at": iso(since),
                    "ended_at": iso(until) if until and until <= end else None,
                    "use": "seen" if mine else unseen,
                    "calls": len(mine),
                }
                self.grants.append(row)

    def unreviewed(self, grants: list[Grant], reviews: Iterable[date], begin: datetime, end: datetime) -> None:
        """Note PRV-6: the clients with access that came and went between reviews, of which the day is stated.

        Parameters
        ----------
        grants
            All there were.
        reviews
            The days on which the list was read, at a time that nobody knows.
        begin, end
            Between which the logs were kept.
        """
        days = [datetime.combine(day, time(), UTC) for day in sorted(reviews)]
        held: dict[tuple[str, str], dict[str | None, list[Grant]]] = {}
        for grant in grants:
            if grant.stood or grant.tokens:
                held.setdefault((grant.home, grant.client.client_id), {}).setdefault(grant.subject_id, []).append(grant)
        for (home, client_id), of_subjects in held.items():
            told = {_told(of_one, days, begin, end) for of_one in of_subjects.values()}
            for verdict in ("violation", "indeterminate"):
                if verdict in told:
                    incident = next(iter(of_subjects.values()))[0].incident
                    row = {} if home == "native" else {"source": home}
                    self.expect("PRV-6", verdict, client_id=client_id, incident=incident, **row)
                    break

    def to_dict(self) -> dict:
        """Return everything as plain data, sorted."""

        def order(row: dict) -> str:
            return repr([row["rule"], *(str(row.get(part)) for part in KEYS[row["rule"]])])

        return {
            "expected": sorted(self.expected, key=order),
            "open": sorted(self.open, key=order),
            "grants": self.grants,
            "incidents": [vars(incident) for incident in self.incidents],
        }


_DAY = timedelta(days=1)


def _told(grants: list[Grant], days: list[datetime], begin: datetime, end: datetime) -> str | None:
    """Say whether reviews on these days saw what one subject let a client do: None where one did, or the next may."""
    lives = [life for grant in grants for life in (grant.stood or _lives(grant))]
    if any(since < day and (until is None or until > day + _DAY) for since, until in lives for day in days):
        return None
    ended = [(since, until) for since, until in lives if until is not None and until < end]
    if len(ended) < len(lives):
        return None
    on_that_day = any(since <= day + _DAY and until >= day for since, until in ended for day in days)
    before_all = any(until < days[0] for _, until in ended)
    return "indeterminate" if on_that_day or before_all or _may_have_lived(grants, days, begin) else "violation"


def _whole_life(grant: Grant) -> list[tuple[datetime, datetime | None]]:
    """Return from the first to the last token of a grant without a consent, none where it had none."""
    lives = _lives(grant)
    ends = [until for _, until in lives if until is not None]
    return [(lives[0][0], max(ends) if len(ends) == len(lives) else None)] if lives else []


def _lives(grant: Grant) -> list[tuple[datetime, datetime | None]]:
    """Return from when to when a grant without a consent had a token."""
    lives: list[tuple[datetime, datetime | None]] = []
    for token in sorted(grant.tokens, key=lambda token: token.issued):
        until = _until(token)
        if not lives or (lives[-1][1] is not None and token.issued > lives[-1][1]):
            lives.append((token.issued, until))
        elif lives[-1][1] is not None and (until is None or until > lives[-1][1]):
            lives[-1] = (lives[-1][0], until)
    return lives


def _may_have_lived(grants: list[Grant], days: list[datetime], begin: datetime) -> bool:
    """Say whether a token from before the logs may have been alive at the last review before the first that they show."""
    tokens = [token for grant in grants if not grant.stood for token in grant.tokens]
    before = [day for day in days if tokens and day < min(token.issued for token in tokens)]
    if not before or any(token.expires is None for token in tokens):
        return bool(before)  # of one without an expiry nobody can say how long another may have lived
    return before[-1] - max((_until(token) or begin) - token.issued for token in tokens) < begin


def _until(token: Token) -> datetime | None:
    return min(filter(None, (token.expires, token.ended, token.grant.ended)), default=None)
