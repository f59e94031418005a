"""The commands, and what their help says in common."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnknownOptionError, UnusedCliTokensError

from grantlens.cli import (
    case,
    catalogue,
    clock,
    coverage,
    decision,
    demo,
    detect,
    export,
    forget,
    grants,
    identities,
    lag,
    load,
    notebooks,
    register,
    report,
    server,
    sql,
    unload,
    verify,
    version,
)
from grantlens.cli.help import Columns
from grantlens.errors import GrantlensError
from grantlens.given_path import in_shell
from grantlens.handwritten import nearest

HELP = """Accountability for delegated OAuth access, from the logs.

Loads issuance, usage and revocation logs into one file, and answers what was done out of scope, which privileges
nobody needed, and how long revoked access went on working."""

EPILOGUE = """Start here:
  grantlens demo
  grantlens load acme.duckdb logs/
  grantlens detect acme.duckdb

Exit codes: 0 fine; 1 findings at or above --fail-on;
2 wrong usage, failure, or data too thin to judge."""

COMMANDS: tuple[tuple[str, Callable[..., int], str], ...] = (
    ("demo", demo.demo, demo.EXAMPLES),
    ("load", load.load, load.EXAMPLES),
    ("coverage", coverage.coverage, coverage.EXAMPLES),
    ("catalogue build", catalogue.build, catalogue.BUILD_EXAMPLES),
    ("catalogue add", catalogue.add, catalogue.ADD_EXAMPLES),
    ("register draft", register.draft, register.DRAFT_EXAMPLES),
    ("register add", register.add, register.ADD_EXAMPLES),
    ("server draft", server.draft, server.DRAFT_EXAMPLES),
    ("server add", server.add, server.ADD_EXAMPLES),
    ("clock add", clock.add, clock.EXAMPLES),
    ("identities add", identities.add, identities.EXAMPLES),
    ("grants", grants.grants, grants.EXAMPLES),
    ("decision add", decision.add, decision.EXAMPLES),
    ("detect", detect.detect, detect.EXAMPLES),
    ("lag", lag.lag, lag.EXAMPLES),
    ("report", report.report, report.EXAMPLES),
    ("case", case.case, case.EXAMPLES),
    ("sql", sql.sql, sql.EXAMPLES),
    ("verify", verify.verify, verify.EXAMPLES),
    ("export", export.export, export.EXAMPLES),
    ("unload", unload.unload, unload.EXAMPLES),
    ("forget", forget.forget, forget.EXAMPLES),
    ("notebooks copy", notebooks.copy, notebooks.EXAMPLES),
    ("version", version.version, version.EXAMPLES),
)
"""Every command: its words, its function, its examples."""

GROUPS = {
    "catalogue": "Scope catalogues: which scopes permit which operation.",
    "register": "The organisation's own list of connections: owner, purpose, approved operations.",
    "server": "How resource servers check tokens, and which scopes they offer.",
    "clock": "How exact the clocks behind the logs are.",
    "decision": "Which access was to be revoked, and since when that is decided.",
    "identities": "Which ids of which logs are one client, one person or one resource server.",
    "notebooks": "The notebooks that come with grantlens.",
}
"""The first word of the commands that have two."""


def build() -> App:
    """Return the application."""
    app = App(
        name="grantlens",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=version.line,
        help_format="plaintext",
        help_formatter=Columns(),
        default_parameter=Parameter(negative=(), show_default=False),
        suppress_keyboard_interrupt=False,
    )
    groups: dict[str, App] = {}
    for order, (words, function, examples) in enumerate(COMMANDS):
        first, _, second = words.partition(" ")
        home = app
        if second:
            if first not in groups:
                groups[first] = App(name=first, help=GROUPS[first], help_epilogue="", sort_key=order, version_flags=[])
                app.command(groups[first])
            home = groups[first]
        home.command(
            function,
            name=second or first,
            sort_key=order,
            help_epilogue=examples,
            help_formatter=Columns(function),
            version_flags=[],
        )
    return app


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if ("--since", "last") in pairwise(arguments):
        raise GrantlensError("A window of several words is one value.", "Put it into quotes: --since 'last 30 days'.")
    app = build()
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise GrantlensError(
            _wrong(error, arguments), f"See: {' '.join(['grantlens', *_known(arguments), '--help'])}"
        ) from None
    return code or 0


def _wrong(error: CycloptsError, arguments: list[str]) -> str:
    """Say what is wrong with the usage, in one sentence."""
    text = " ".join(str(error).split())
    if isinstance(error, MissingArgumentError) and (match := re.search(r"parameter (\S+) requires", text)):
        if error.keyword is None:
            return f"{match[1]} is missing."
        kind = error.argument.parameter.metavar if error.argument else None
        after = dict(pairwise(arguments)).get(error.keyword, "")
        dashed = f" If it is {after}, write {in_shell(f'{error.keyword}={after}')}." if _DASHED.match(after) else ""
        return f"{match[1]} needs a value{f': {kind}' if kind else ''}.{dashed}"
    if isinstance(error, UnknownOptionError):
        given = error.token.keyword or error.token.value
        if given == "-":
            return "- is no file: nothing is read from standard input. Name a file, which can be shown again."
        if os.path.lexists(given):
            return f"{given} is taken for an option. If the file is meant, write {in_shell(f'./{given}')}."
        option = given.removeprefix("--").upper()
        for bare in (each.name for each in error.argument_collection or ()):
            if bare in (option, f"{option}S"):
                return f"{bare} {'are' if bare.endswith('S') else 'is'} named without an option: {given} is none."
        return _unknown(given, [name for each in error.argument_collection or () for name in each.names])
    if isinstance(error, UnusedCliTokensError):
        extra = error.unused_tokens or []
        if error.target is case.case:
            return f"Of what {' '.join(extra)!r} is the id, an option says: --client, --token, --subject or --grant."
        return f"{' '.join(extra)!r} {'is' if len(extra) == 1 else 'are'} more than this command takes."
    return text


_DASHED = re.compile("-[^-].")
"""An id that begins with a dash, as a letter in 64 of base64url is one; an option has two dashes, or one letter."""

_SAME = {
    "--json": ("--format", "--format json"),
    "--format": ("--json", "--json"),
    **dict.fromkeys(("--person", "--user"), ("--subject", "--subject ID")),
    **dict.fromkeys(("--app", "--agent"), ("--client", "--client ID")),
}
"""By an option that a command does not have: the one by which it does the same, and how it is written."""


def _unknown(given: str, known: list[str]) -> str:
    """Say that there is no such option, and which one was meant: one that does the same, or is spelled almost so."""
    instead, written = _SAME.get(given, ("", ""))
    near = nearest(given.lstrip("-"), [name.lstrip("-") for name in known])
    meant = written if instead in known else f"--{near}" if near and given.startswith("--") else ""
    return f"Unknown option: {given}.{f' Did you mean {meant}?' if meant else ''}"


def _known(arguments: list[str]) -> list[str]:
    """Return the words at the start of the arguments that name a command."""
    words = [words.split() for words, _, _ in COMMANDS]
    known: list[str] = []
    for argument in arguments:
        if not any(command[: len(known) + 1] == [*known, argument] for command in words):
            break
        known.append(argument)
    return known
