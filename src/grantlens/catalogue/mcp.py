"""Build a catalogue of the tools of MCP servers, from what was captured of them.

Two kinds of records are read, from one file or a folder, and may be mixed:

- **An answer to `tools/list`**: the whole message, its `result`, or `{"server": ..., "tools": [...]}`; several are pages
  or servers. An event stream, as servers answer over HTTP, is read as it is; its other messages are passed over. What a
  tool needs stands in its `securitySchemes`, or in the copy of them in `_meta`. One of the schemes is enough, and all
  scopes of that one are needed; `noauth`, or `oauth2` without scopes, needs no scope. A tool without schemes follows
  the policy of its server, which nobody told us: unknown.
- **A refusal**: `{"server": ..., "tool": ..., "www_authenticate": ...}` with `error="insufficient_scope"` (RFC 6750,
  section 3.1; MCP authorization, scope challenges). What the server really asked for beats what the tool declares.
  Servers may add scopes that the client held already, so of several refusals only the scopes that all of them
  name are needed; where they have none in common, each is another case, and any one is enough.

A tool belongs to its server: the same name on another server is another tool. The server is named as the logs name it.
Hints such as `readOnlyHint` are the server's word about itself and are not read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grantlens.catalogue.challenge import needed_scopes
from grantlens.catalogue.draft import Alternative, Draft
from grantlens.catalogue.frozen import freeze
from grantlens.catalogue.json_source import record_files, records, sha256
from grantlens.catalogue.model import Catalogue
from grantlens.catalogue.servers import server_key
from grantlens.errors import CatalogueError

_REMEDY = "Give an answer to tools/list, or refusals as {server, tool, www_authenticate}, as JSON or NDJSON."
Tool = tuple[str, str]
"""Server and name."""


@dataclass
class _Seen:
    """What was captured of one tool."""

    declared: list[frozenset[str]] = field(default_factory=list)
    refused: set[frozenset[str]] = field(default_factory=set)
    reference: str = "a refusal"


def build(path: Path, *, name: str | None = None, server: str | None = None) -> Catalogue:
    """Read captures from a file, or from each file of a folder."""
    files = record_files(path)
    seen: dict[Tool, _Seen] = {}
    silent = other = 0
    for file in files:
        for place, record in _messages(file):
            if "www_authenticate" in record:
                tool, asked = _refusal(place, record, server)
                if asked:
                    seen.setdefault(tool, _Seen()).refused.add(asked)
                silent += asked == frozenset()
                other += asked is None
            else:
                for tool, said in _listed(place, record, server):
                    _declare(place, seen.setdefault(tool, _Seen()), said)
    if not seen:
        raise CatalogueError(f"{path} holds no tool of an MCP server.", _REMEDY)
    servers = sorted({where for where, _ in seen})
    draft = Draft(name or _name(servers), "mcp", sha256(files), list_rule="all")
    disagreeing = 0
    for (where, called), one in sorted(seen.items()):
        needed = _needed(one)
        disagreeing += bool(one.refused) and bool(one.declared) and set(needed) != set(one.declared)
        certainty = "observed_challenge" if one.refused else "declared"
        draft.operation(
            [Alternative(group, certainty=certainty) for group in needed],
            kind="tool",
            op_name=called,
            host=where,
            api=where,
            source_ref=one.reference,
        )
    if disagreeing:
        draft.notes.append(f"{disagreeing} tools were refused for other scopes than they declare: the refusals count.")
    if silent:
        draft.notes.append(f"{silent} refusals name no scope: nothing can be learned of them.")
    if other:
        draft.notes.append(f"{other} refusals are not about scopes: nothing can be learned of them.")
    return freeze(draft)


def _messages(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the records of a file; of an event stream those that list tools."""
    with file.open("rb") as stream:
        first = next((line for line in stream if line.strip()), b"")
    if not re.match(rb"\s*(event|data|id|retry)?:", first):
        yield from records(file)
        return
    event: list[bytes] = []
    for number, line in enumerate([*file.read_bytes().splitlines(), b""], 1):
        if line.startswith(b"data:"):
            event.append(line[5:])
        elif not line.strip() and event:
            text, event = b"\n".join(event), []
            try:
                message = json.loads(text)
            except ValueError as bad:
                raise CatalogueError(f"{file} line {number - 1}: {bad}.", "Capture the whole answer.") from None
            result = message.get("result") if isinstance(message, Mapping) else None
            if isinstance(result, Mapping) and "tools" in result:
                yield f"{file} line {number - 1}", message


def _needed(one: _Seen) -> list[frozenset[str]]:
    """Return the alternatives: what all refusals name, else each of them, else what is declared."""
    if not one.refused:
        return one.declared
    common = frozenset.intersection(*one.refused)
    return [common] if common else sorted(one.refused, key=sorted)


def _refusal(place: str, record: Mapping[str, Any], server: str | None) -> tuple[Tool, frozenset[str] | None]:
    header = record["www_authenticate"]
    text = ", ".join(header) if isinstance(header, list) else header
    if not isinstance(text, str):
        raise CatalogueError(f"{place}: 'www_authenticate' must be the text of the header.", _REMEDY)
    tool = record.get("tool")
    if not isinstance(tool, str) or not tool:
        raise CatalogueError(f"{place} names no tool.", "Say which tool was called: {server, tool, www_authenticate}.")
    return (_server(place, record, server), tool), needed_scopes(text)


def _listed(place: str, record: Mapping[str, Any], server: str | None) -> Iterator[tuple[Tool, Mapping[str, Any]]]:
    result = record.get("result")
    tools = record.get("tools", result.get("tools") if isinstance(result, Mapping) else None)
    if not isinstance(tools, list):
        raise CatalogueError(f"{place} is neither an answer to tools/list nor a refusal.", _REMEDY)
    where = _server(place, record, server)
    for number, said in enumerate(tools, 1):
        if not isinstance(said, Mapping) or not isinstance(said.get("name"), str) or not said["name"]:
            raise CatalogueError(f"{place}: tool {number} has no name.", _REMEDY)
        yield (where, said["name"]), said


def _server(place: str, record: Mapping[str, Any], server: str | None) -> str:
    named = record.get("server") or server
    key = server_key(named) if isinstance(named, str) else None
    if key is None:
        raise CatalogueError(
            f"{place} names no server.", "Give --server as your logs name it, or a key 'server' in each record."
        )
    return key


def _declare(place: str, seen: _Seen, said: Mapping[str, Any]) -> None:
    meta = said.get("_meta")
    schemes = said.get("securitySchemes") or (meta.get("securitySchemes") if isinstance(meta, Mapping) else None) or []
    seen.declared = []
    for scheme in schemes:
        scopes = scheme.get("scopes") or []
        if not isinstance(scopes, list) or not all(isinstance(scope, str) and scope for scope in scopes):
            raise CatalogueError(
                f"{place}: the scopes of tool {said['name']!r} must be a list of texts.",
                "Correct securitySchemes there.",
            )
        if scheme["type"] in ("oauth2", "noauth"):
            seen.declared.append(frozenset(scopes if scheme["type"] == "oauth2" else ()))
    # a tool may change under its name: this tells one state of it from another
    seen.reference = "tool " + hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _name(servers: list[str]) -> str:
    return "mcp" if len(servers) > 1 else "mcp-" + re.sub(r"[^a-z0-9.]+", "-", servers[0]).strip("-.")[:60]
