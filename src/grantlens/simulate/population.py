"""Who exists: people, clients, and the connections between them."""

from dataclasses import dataclass, field
from datetime import datetime

from grantlens.simulate.apis import BY_LABEL, CLOUD, CRM, DESK, FILES, LEDGER, MAIL, METRICS, SCOPES, TOOLS
from grantlens.simulate.ids import guid

TENANT = "brightwater"
TENANTS = {
    "native": TENANT,
    "okta": None,
    "microsoft_entra": guid("tenant", TENANT),
    "google_workspace": "C0brightw",
    "github": TENANT,
    "aws_cloudtrail": "210987654321",
}
"""The organisation, as each log names it."""


@dataclass(frozen=True)
class Person:
    """Somebody who delegates access."""

    subject_id: str
    name: str

    @property
    def mail(self) -> str:
        """The address in the logs of providers that know people by mail."""
        return f"{self.subject_id.rsplit('-', 1)[-1]}@brightwater.example"


_NAMES = (
    "Ada Lindqvist",
    "Tomas Okonjo",
    "Mireille Castaing",
    "Ravi Deshmane",
    "Ingrid Solberg",
    "Kofi Ansah-Mensima",
    "Yuki Hanamori",
    "Beatriz Falconete",
    "Oskar Wielgosz",
    "Leila Farahmandi",
    "Jonas Petterson-Quist",
    "Nomvula Dhlomo",
    "Piotr Zawadowski",
    "Hana Kobayakawa",
    "Declan O'Rourke-Byrne",
    "Sunniva Thorkildsen",
    "Emeka Nwachuku",
    "Clara van der Zandschulp",
    "Matteo Ferrarini",
    "Aylin Karadumanli",
    "Viktor Lazarevski",
    "Paloma Iturrioz",
    "Þórunn Æsa Gunnlaugsdóttir of the Northern Accounts and Reconciliation Office (acting, second term)",
    "李 小梅 (Xiaomei Li)",
)
PEOPLE = tuple(
    Person(f"u-{number:03d}-{''.join(c for c in name.split()[0].lower() if c.isascii() and c.isalpha()) or 'x'}", name)
    for number, name in enumerate(_NAMES, 101)
)


@dataclass(frozen=True)
class Client:
    """An app, agent, tool or service, with what the organisation's register says of it.

    Parameters
    ----------
    approved
        (server, label) of the operations that it is registered for.
    registered
        False where the register has no row.
    tenants
        Other tenants that share with it, None where the register does not say.
    limits
        When and how much it works, by the name under which the register has it.
    """

    client_id: str
    name: str
    kind: str = "integration"
    owner: str = "platform-team@brightwater.example"
    purpose: str = "Everyday work"
    approved: tuple[tuple[str, str], ...] = ()
    status: str = "active"
    registered: bool = True
    tenants: tuple[str, ...] | None = None
    limits: tuple[tuple[str, object], ...] = ()


@dataclass
class Grant:
    """A delegation, with what the generator remembers of it.

    Parameters
    ----------
    uses
        For each granted scope, how many successful calls were made because of it.
    stood
        From when to when consents held it open, None where nothing ended it; empty where there is no consent.
    named
        False where no log names it: it is what the stand-alone keys of a client permit.
    branch
        The part of the organisation that it belongs to, where that has logs and clocks of its own.
    """

    grant_id: str
    client: Client
    subject: Person | None
    scopes: tuple[str, ...]
    server: str
    consented: datetime
    actors: tuple[str, ...] = ()
    home: str = "native"
    ended: datetime | None = None
    uses: dict[str, int] = field(default_factory=dict)
    tokens: list["Token"] = field(default_factory=list)
    stood: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    named: bool = True
    branch: str | None = None
    incident: str | None = None
    states: dict[str, str] = field(default_factory=dict)
    """PRV-1 states that the author of an incident knows better than the bookkeeping."""

    @property
    def parties(self) -> dict[str, str | None]:
        """What names it and its two parties in a finding."""
        return {
            "source": self.home,
            "client_id": self.client.client_id,
            "subject_id": self.subject_id,
            "grant_id": self.grant_id,
        }

    @property
    def tenant(self) -> str | None:
        """The tenant, as its log names it."""
        return self.branch or TENANTS[self.home]

    @property
    def subject_id(self) -> str | None:
        """Id of the subject, None where the client acts for itself."""
        return self.subject.subject_id if self.subject else None

    @property
    def holder(self) -> str:
        """Names it in random numbers: its id would change them for all that comes after whatever is planted before."""
        return f"{self.client.client_id}/{self.subject_id}"


@dataclass
class Token:
    """A token; `ended` is when the authority ended it."""

    token_id: str
    kind: str
    grant: Grant
    scopes: tuple[str, ...]
    issued: datetime
    expires: datetime | None
    parent: "Token | None" = None
    session: str | None = None
    ended: datetime | None = None

    @property
    def ends(self) -> datetime:
        """The expiry of a token that has one."""
        if self.expires is None:
            raise ValueError(f"{self.token_id} never expires")
        return self.expires


@dataclass(frozen=True)
class Archetype:
    """A kind of ordinary connection."""

    slug: str
    name: str
    kind: str
    server: str
    scopes: tuple[str, ...]
    style: str
    """refresh (a person's integration), agent (minutes-long tokens), service (client credentials)."""
    purpose: str
    every_h: float
    calls: int
    spare: tuple[str, ...] = ()
    """Scopes that it was granted and never needs."""


ARCHETYPES = (
    Archetype(
        "mail-copilot",
        "Mail Copilot",
        "agent",
        MAIL,
        ("mail.read", "mail.send"),
        "agent",
        "Summarise and answer mail",
        40,
        3,
    ),
    Archetype(
        "calendar-bridge",
        "Calendar Bridge",
        "integration",
        MAIL,
        ("mail.read", "offline_access"),
        "refresh",
        "Find meeting invitations",
        50,
        2,
        spare=("mail.send",),
    ),
    Archetype(
        "doc-searcher",
        "Doc Searcher",
        "mcp_tool",
        TOOLS,
        ("tools.search",),
        "agent",
        "Search documents for assistants",
        44,
        3,
        spare=("tools.issues",),
    ),
    Archetype(
        "issue-filer",
        "Issue Filer",
        "mcp_tool",
        TOOLS,
        ("tools.search", "tools.issues"),
        "agent",
        "Open issues from conversations",
        60,
        3,
    ),
    Archetype(
        "crm-sync",
        "CRM Sync",
        "integration",
        CRM,
        ("crm.contacts.write", "offline_access"),
        "refresh",
        "Keep contacts in step",
        48,
        3,
        spare=("crm.cases.read", "crm.export"),
    ),
    Archetype(
        "file-shelf",
        "File Shelf",
        "integration",
        FILES,
        ("files.write", "offline_access"),
        "refresh",
        "Keep a copy of team files",
        52,
        2,
        spare=("files.export",),
    ),
    Archetype("ledger-bot", "Ledger Bot", "agent", LEDGER, ("ledger.post",), "agent", "Post supplier invoices", 64, 2),
    Archetype(
        "ticket-triage", "Ticket Triage", "agent", DESK, ("tickets.write",), "agent", "Sort and answer tickets", 46, 3
    ),
    Archetype(
        "dns-keeper", "DNS Keeper", "service", CLOUD, ("domains.manage",), "service", "Keep DNS records right", 72, 2
    ),
    Archetype(
        "inbox-rules",
        "Inbox Rules",
        "integration",
        MAIL,
        ("mail.write", "offline_access"),
        "refresh",
        "Sort mail into folders",
        56,
        2,
    ),
    Archetype(
        "contact-cards",
        "Contact Cards – the integration formerly known as “Business Card Reader & Friends (Beta) 2.0”",
        "integration",
        CRM,
        ("crm.contacts.read", "offline_access"),
        "refresh",
        "Show who is calling",
        58,
        2,
        spare=("crm.export",),
    ),
    Archetype(
        "month-close", "Month Close", "service", LEDGER, ("ledger.read",), "service", "Reconcile the month", 66, 2
    ),
)

HEARTBEAT = Client(
    "pulse-meter",
    "Pulse Meter",
    "service",
    purpose="Send measurements every few hours",
    approved=((METRICS, "POST /v1/points"),),
)


def every_operation_of(server: str, scopes: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return (server, label) of all operations that these scopes are meant for."""
    return tuple(key for key, op in BY_LABEL.items() if op.server == server and op.scopes[0] in scopes)


def ordinary(number: int) -> tuple[Archetype, Client, Person | None]:
    """Return the ordinary connection of this number: its kind, its client and whose it is.

    Examples
    --------
    >>> kind, client, person = ordinary(0)
    >>> client.client_id, client.kind
    ('mail-copilot', 'agent')
    """
    archetype = ARCHETYPES[number % len(ARCHETYPES)]
    copy = number // len(ARCHETYPES)
    client = Client(
        archetype.slug + (f"-{copy + 1}" if copy else ""),
        archetype.name,
        archetype.kind,
        purpose=archetype.purpose,
        owner=PEOPLE[(number * 5) % 22].mail,
        approved=every_operation_of(archetype.server, closure(archetype.scopes)),
    )
    person = None if archetype.style == "service" else PEOPLE[(number * 7 + copy) % len(PEOPLE)]
    return archetype, client, person


def closure(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes with everything that they imply, sorted.

    Examples
    --------
    >>> closure(("mail.write",))
    ('mail.read', 'mail.write')
    """
    implies = {scope.name: scope.implies for scope in SCOPES}
    found: set[str] = set()
    todo = list(scopes)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(implies.get(name, ()))
    return tuple(sorted(found))
