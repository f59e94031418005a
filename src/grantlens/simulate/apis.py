"""The fictional APIs of the simulated company: operations, the scopes they need, and how scopes imply each other.

This is what the generator knows to be true. `catalogue.toml` is written from it, and so is the truth: an operation is
out of scope because it was picked to be, never because somebody looked it up in the logs afterwards.
"""

import random
import re
from dataclasses import dataclass

MAIL = "mail.brightwater.example"
FILES = "files.brightwater.example"
CRM = "crm.northlake.example"
LEDGER = "ledger.brightwater.example"
CLOUD = "cloud.harborstack.example"
DESK = "desk.brightwater.example"
TOOLS = "tools.brightwater.example"
ARCHIVE = "archive.oldharbour.example"
PAYROLL = "payroll.brightwater.example"
METRICS = "metrics.brightwater.example"
AUTH0 = "auth0"
GRAPH = "graph.microsoft.com"
GITHUB = "api.github.com"
GMAIL = "gmail"
DRIVE = "drive"
GOOGLE = "https://www.googleapis.com/auth/"


@dataclass(frozen=True)
class Scope:
    """A permission string.

    Parameters
    ----------
    name
        The exact string.
    text
        What it allows, in plain words.
    risk
        read, write, delete, export or admin.
    implies
        Narrower scopes that it includes.
    protocol
        True for the scopes that authorise no operation.
    """

    name: str
    text: str
    risk: str = "read"
    implies: tuple[str, ...] = ()
    protocol: bool = False


@dataclass(frozen=True)
class Operation:
    """Something that can be called.

    Parameters
    ----------
    api
        The API it belongs to.
    server
        Host of the resource server.
    label
        `METHOD template` for HTTP, else the name of the tool.
    needs
        Alternatives, each a tuple of scopes that are needed together.

    Examples
    --------
    >>> op = Operation("mail", MAIL, "GET /v1/users/{user}/messages", (("mail.read",),))
    >>> op.method, op.template
    ('GET', '/v1/users/{user}/messages')
    >>> op.scopes
    ('mail.read',)
    """

    api: str
    server: str
    label: str
    needs: tuple[tuple[str, ...], ...]

    @property
    def is_tool(self) -> bool:
        """True where the operation has a name and no path."""
        return "/" not in self.label

    @property
    def method(self) -> str:
        """The HTTP method, empty for a tool."""
        return "" if self.is_tool else self.label.split(" ", 1)[0]

    @property
    def template(self) -> str:
        """The path template, empty for a tool."""
        return "" if self.is_tool else self.label.split(" ", 1)[1]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the first alternative: those the generator means when it calls this."""
        return self.needs[0]

    def path(self, rng: random.Random) -> str | None:
        """Return a path as a log shows it, with ids in place of the parameters."""
        if self.is_tool:
            return None
        return re.sub(r"\{(\w+)\}", lambda m: f"{m[1][:2]}-{rng.randrange(1000, 99999)}", self.template)


_TABLE = f"""
@postbox {MAIL}
GET /v1/users/{{user}}/messages : mail.read
GET /v1/users/{{user}}/messages/{{message}} : mail.read
PATCH /v1/users/{{user}}/messages/{{message}} : mail.write
DELETE /v1/users/{{user}}/messages/{{message}} : mail.write
POST /v1/users/{{user}}/send : mail.send
@cabinet {FILES}
GET /v1/files : files.read
GET /v1/files/{{file}}/content : files.read
PUT /v1/files/{{file}}/content : files.write
DELETE /v1/files/{{file}} : files.write
POST /v1/exports : files.export & files.read
PUT /v1/folders/{{folder}}/owner : files.admin
@northlake {CRM}
GET /v1/contacts/{{contact}} : crm.contacts.read
GET /v1/contacts : crm.contacts.read
POST /v1/contacts/{{contact}}/notes : crm.contacts.write
GET /v1/objects/{{object}}/describe : crm.cases.read
GET /v1/cases/count : crm.cases.read
GET /v1/cases : crm.cases.read
POST /v1/bulk/jobs : crm.export
GET /v1/bulk/jobs/{{job}}/results : crm.export
DELETE /v1/bulk/jobs/{{job}} : crm.export
@ledger {LEDGER}
GET /v1/accounts/{{account}}/entries : ledger.read
GET /v1/balances : ledger.read
POST /v1/entries : ledger.post
@harborstack {CLOUD}
GET /v2/domains : domains.manage
POST /v2/domains/{{domain}}/records : domains.manage
GET /v2/volumes : volumes.manage
DELETE /v2/volumes/{{volume}} : volumes.manage
DELETE /v2/backups/{{backup}} : volumes.manage
POST /v2/invoices/{{invoice}}/payments : account.all
@deskline {DESK}
GET /v1/tickets : tickets.read
GET /v1/tickets/{{ticket}} : tickets.read
POST /v1/tickets/{{ticket}}/comments : tickets.write
@toolbox {TOOLS}
search_documents : tools.search
summarise_thread : tools.search
create_issue : tools.issues
@archive {ARCHIVE}
GET /a/{{box}}/items : archive.read
GET /a/{{box}}/items/{{item}} : archive.read
@payroll {PAYROLL}
GET /v1/payslips/{{person}} : payroll.read
@metrics {METRICS}
POST /v1/points : metrics.write
@auth0 {AUTH0}
GET /api/v2/users : read:users
DELETE /api/v2/log-streams/{{id}} : delete:log_streams
@graph {GRAPH}
GET /v1.0/me/messages : Mail.Read
GET /v1.0/me/drive/root/children : Files.Read
GET /v1.0/me/events : Calendars.Read
GET /v1.0/users : User.Read.All
@github {GITHUB}
GET /repos/{{owner}}/{{repo}}/pulls : repo
POST /repos/{{owner}}/{{repo}}/releases : repo
@gmail {GMAIL}
gmail.users.messages.list : {GOOGLE}gmail.readonly
gmail.users.messages.get : {GOOGLE}gmail.readonly
gmail.users.messages.send : {GOOGLE}gmail.send
@drive {DRIVE}
drive.files.list : {GOOGLE}drive.readonly
drive.files.update : {GOOGLE}drive
"""


def _read(table: str) -> tuple[Operation, ...]:
    """Read lines of `label : scope & scope | scope` below `@api server`."""
    found, api, server = [], "", ""
    for line in table.strip().splitlines():
        if line.startswith("@"):
            api, server = line[1:].split()
            continue
        label, needs = line.rsplit(" : ", 1)
        alternatives = tuple(tuple(s.strip() for s in alt.split("&")) for alt in needs.split("|"))
        found.append(Operation(api, server, label, alternatives))
    return tuple(found)


OPERATIONS = _read(_TABLE)

SCOPES = (
    Scope("mail.read", "Read mail", "read"),
    Scope("mail.write", "Change and delete mail", "write", ("mail.read",)),
    Scope("mail.send", "Send mail", "write"),
    Scope("files.read", "Read files", "read"),
    Scope("files.write", "Change and delete files", "write", ("files.read",)),
    Scope("files.admin", "Give files to others", "admin", ("files.write",)),
    Scope("files.export", "Export files in bulk", "export"),
    Scope("crm.contacts.read", "Read contacts", "read"),
    Scope("crm.contacts.write", "Change contacts", "write", ("crm.contacts.read",)),
    Scope("crm.cases.read", "Read support cases", "read"),
    Scope("crm.export", "Run bulk exports", "export"),
    Scope("ledger.read", "Read the books", "read"),
    Scope("ledger.post", "Post to the books", "write", ("ledger.read",)),
    Scope("domains.manage", "Manage domains", "write"),
    Scope("volumes.manage", "Manage volumes and backups", "delete"),
    Scope("infra.manage", "Manage all infrastructure", "admin", ("domains.manage", "volumes.manage")),
    Scope("account.all", "Everything the account may do", "admin", ("infra.manage",)),
    Scope("tickets.read", "Read tickets", "read"),
    Scope("tickets.write", "Comment on tickets", "write", ("tickets.read",)),
    Scope("tools.search", "Search with tools", "read"),
    Scope("tools.issues", "Open issues with tools", "write"),
    Scope("archive.read", "Read the archive", "read"),
    Scope("payroll.read", "Read payslips", "read"),
    Scope("metrics.write", "Send measurements", "write"),
    Scope("read:users", "Read accounts (Auth0)", "read"),
    Scope("delete:log_streams", "Delete log streams (Auth0)", "delete"),
    Scope("Mail.Read", "Read mail (Microsoft Graph)", "read"),
    Scope("Files.Read", "Read files (Microsoft Graph)", "read"),
    Scope("Calendars.Read", "Read calendars (Microsoft Graph)", "read"),
    Scope("repo", "Repositories (GitHub)", "write"),
    Scope(f"{GOOGLE}gmail.readonly", "Read mail (Google)", "read"),
    Scope(f"{GOOGLE}gmail.send", "Send mail (Google)", "write"),
    Scope(f"{GOOGLE}drive.readonly", "Read files (Google)", "read"),
    Scope(f"{GOOGLE}drive", "All files (Google)", "write", (f"{GOOGLE}drive.readonly",)),
    Scope("openid", "Sign in", protocol=True),
    Scope("offline_access", "Stay signed in", protocol=True),
)

BY_LABEL = {(op.server, op.label): op for op in OPERATIONS}


def operation(server: str, label: str) -> Operation:
    """Return the operation of a server by its label.

    Examples
    --------
    >>> operation(TOOLS, "create_issue").scopes
    ('tools.issues',)
    """
    return BY_LABEL[server, label]


def operations_for(server: str, scope: str) -> tuple[Operation, ...]:
    """Return the operations of a server that need exactly this scope, so that a call is proof of its use.

    Examples
    --------
    >>> [op.label for op in operations_for(MAIL, "mail.send")]
    ['POST /v1/users/{user}/send']
    """
    return tuple(op for op in OPERATIONS if op.server == server and op.scopes[0] == scope)
