"""Writes a bulk world as Microsoft Entra logs it: Graph activity, and the sign-ins that made its tokens."""

import json
from collections.abc import Iterator
from pathlib import Path

from grantlens.simulate import ids
from grantlens.simulate.bulk.drawn import OPS, Drawn, subject_id
from grantlens.simulate.bulk.text import STATUS, Clock, cut, moment, paths, save, stream
from grantlens.simulate.population import TENANTS

GRAPH_TEMPLATES = (
    "/v1.0/me/messages",
    "/v1.0/users/{user}/messages",
    "/v1.0/users/{user}/messages/{message}",
    "/v1.0/users/{user}/calendar/events",
    "/v1.0/users/{user}/drive/items/{item}",
    "/v1.0/groups/{group}/members",
    "/v1.0/sites/{site}/lists",
    "/v1.0/me/drive/root/children",
    "/v1.0/users/{user}",
    "/beta/users/{user}/manager",
)


def graph(folder: Path, drawn: Drawn, files: int) -> None:
    """Write the calls as Microsoft Graph activity, and the tokens as sign-ins; operations are Graph's, in turn."""
    tenant = str(TENANTS["microsoft_entra"])
    names = [ids.token_id("microsoft_entra", "access", "bulk", token) for token in range(drawn.tokens)]
    apps = [ids.guid("app", connection) for connection in range(drawn.connections)]
    people = {subject_id(connection): ids.guid(subject_id(connection)) for connection in range(drawn.connections)}
    scopes = "Calendars.Read Files.Read Group.Read.All Mail.Read User.Read.All"
    head = f'"tenantId":"{tenant}","resourceId":"/tenants/{tenant}/providers/Microsoft.aadiam"'
    save(folder / "signins.ndjson", _sign_ins(drawn, names, apps, people, scopes, tenant))
    pieces: list[tuple[str, ...]] = []
    for number in range(len(OPS)):
        piece = cut(GRAPH_TEMPLATES[number % len(GRAPH_TEMPLATES)])
        piece[0] = f'"requestMethod":"GET","requestUri":"https://graph.microsoft.com{piece[0]}'
        piece[-1] += '"'
        pieces.append(tuple(piece))
    callers = []
    for token in range(drawn.tokens):
        connection = token % drawn.connections
        callers.append(
            f',"appId":"{apps[connection]}","userId":"{people[subject_id(connection)]}","servicePrincipalId":null,'
            f'"scopes":"{scopes}","roles":null,"signInActivityId":"{names[token]}"'
        )
    clock = Clock(drawn.begin, int(drawn.call_time.max()) // 86_400_000 + 1)
    stream(
        folder,
        "graph-activity",
        drawn,
        files,
        lambda calls, stamps: [
            f'{{"time":"{stamp}0000Z","category":"MicrosoftGraphActivityLogs",'
            f'"operationName":"Microsoft Graph Activity",'
            f'"operationVersion":"v1.0","resultSignature":"{STATUS[outcome]}",{head},"properties":{{"timeGenerated":'
            f'"{stamp}0000Z","requestId":"00000000-0000-4000-8000-{number:012x}","apiVersion":"v1.0",{path}'
            f'{callers[token]},"responseStatusCode":{STATUS[outcome]},"responseSizeBytes":912,"tenantId":"{tenant}",'
            f'"ipAddress":"198.51.100.{token % 250}","userAgent":"python-httpx/0.28"}}}}\n'
            for number, stamp, outcome, token, path in zip(
                calls,
                stamps,
                drawn.call_outcome[calls.start : calls.stop].tolist(),
                drawn.call_token[calls.start : calls.stop].tolist(),
                paths(drawn, calls, pieces),
                strict=True,
            )
        ],
        clock,
    )


def _sign_ins(
    drawn: Drawn, names: list[str], apps: list[str], people: dict[str, str], scopes: str, tenant: str
) -> Iterator[dict]:
    for token, name in enumerate(names):
        connection = token % drawn.connections
        time = moment(drawn, int(drawn.token_issued[token]))
        yield {
            "time": time,
            "category": "NonInteractiveUserSignInLogs",
            "operationName": "Sign-in activity",
            "tenantId": tenant,
            "properties": {
                "id": f"10000000-0000-4000-8000-{token:012x}",
                "createdDateTime": time,
                "appId": apps[connection],
                "appDisplayName": f"Connection {connection}",
                "userId": people[subject_id(connection)],
                "uniqueTokenIdentifier": name,
                "incomingTokenType": "refreshToken",
                "status": {"errorCode": 0},
                "authenticationProcessingDetails": [{"key": "Oauth Scope Info", "value": json.dumps(scopes.split())}],
            },
        }
