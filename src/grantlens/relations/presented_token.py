"""The token that calls name, with the source that issues such tokens."""

from collections.abc import Mapping

from grantlens.relations.relation import Relation

ISSUERS: Mapping[str, str] = {"microsoft_365": "microsoft_entra"}
"""Of a source that logs calls, the other source that issued the tokens they are made with, and writes their ids in the same form."""

OF_ANOTHER = ", ".join(f"('{source}', '{issuer}')" for source, issuer in ISSUERS.items())
"""SQL for the rows of ISSUERS."""

RELATION = Relation(
    "presented_token",
    "Each caller whose calls name a token, with the source whose tokens these are: its own, and for calls in Microsoft 365's log Entra beside it, "
    "which issues and ends the tokens that mail and files are read with.",
    f"""
SELECT caller_id, source, tenant, token_id FROM usage_caller WHERE token_id IS NOT NULL
UNION ALL
SELECT c.caller_id, o.issuer, c.tenant, c.token_id
FROM usage_caller c
JOIN (VALUES {OF_ANOTHER}) o(source, issuer) ON o.source = c.source
WHERE c.token_id IS NOT NULL
""",
)
