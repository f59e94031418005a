"""The catalogue tables: which scopes permit which operation, and what each logged call was.

Requirements are kept in disjunctive normal form. For one operation and principal, the rows of one
`alt` must all be held (all-of), and any one `alt` is enough (any-of). An alternative whose one row
has scope_id NULL needs no scope. An operation with rows for other principals but none for this one
is not open to this principal. What an operation without any row means, `cat_operation.security` says.
"""

from grantlens.schema.table import Column, Table

CAT_META = Table(
    "cat_meta",
    "One catalogue in the store, and where it came from.",
    (
        Column("catalogue", "VARCHAR", "Name of the catalogue.", required=True),
        Column("source", "VARCHAR", "What it was built from, as `grantlens catalogue build` calls it.", required=True),
        Column("version", "VARCHAR", "Version, revision or commit that the source states."),
        Column("retrieved", "VARCHAR", "Date of retrieval, if the source or the user states one."),
        Column("licence", "VARCHAR", "Licence of the source, if it states one."),
        Column(
            "sha256",
            "VARCHAR",
            "Hash of the source: of its bytes, or of the sorted hashes of its files.",
            required=True,
        ),
        Column(
            "list_rule",
            "VARCHAR",
            "all or any: how lists of several scopes were read; NULL where that was not reviewed or does not arise.",
        ),
        Column(
            "case_sensitive",
            "BOOLEAN",
            "False where case means nothing in its scopes and paths (Microsoft Graph).",
            required=True,
        ),
        Column("operations", "BIGINT", "Number of operations.", required=True),
        Column("scopes", "BIGINT", "Number of scopes.", required=True),
        Column("notes", "VARCHAR[]", "What the build noticed: hints about lists, skipped parts."),
    ),
)

CAT_OPERATION = Table(
    "cat_operation",
    "One operation of an API.",
    (
        Column("op_id", "INTEGER", "Key inside this store.", required=True),
        Column("catalogue", "VARCHAR", "See cat_meta.", required=True),
        Column("api", "VARCHAR", "The API, as the source names it."),
        Column("api_version", "VARCHAR", "Its version."),
        Column("op_name", "VARCHAR", "Method id, RPC, tool or operation id."),
        Column("kind", "VARCHAR", "http, rpc or tool.", required=True),
        Column("method", "VARCHAR", "HTTP method, upper case; NULL for rpc and tool, and where the log tells none."),
        Column("host", "VARCHAR", "Host or server the operation lives on; NULL means any."),
        Column("base_path", "VARCHAR", "What stands before the template in a real path, '' where nothing does."),
        Column("template", "VARCHAR", "Path template, verbatim from the source."),
        Column("label", "VARCHAR", "METHOD template, or the name: what findings print.", required=True),
        Column("deprecated", "BOOLEAN", "True where the source says so.", required=True),
        Column("complete", "BOOLEAN", "False where the source says that more is needed but not what.", required=True),
        Column(
            "security",
            "VARCHAR",
            "scopes: see cat_requirement; none_required: open to everyone; unknown: the source does not say.",
            required=True,
        ),
        Column("source_ref", "VARCHAR", "Where in the source it stands."),
    ),
)

CAT_REQUIREMENT = Table(
    "cat_requirement",
    "One scope in one alternative of what an operation needs.",
    (
        Column("op_id", "INTEGER", "See cat_operation.", required=True),
        Column("principal", "VARCHAR", "delegated, delegated_personal, application, bot, user or any.", required=True),
        Column("alt", "INTEGER", "Number of the alternative inside the operation, over all principals.", required=True),
        Column("scope_id", "INTEGER", "See cat_scope; NULL means that this alternative needs no scope."),
        Column("is_least", "BOOLEAN", "The source calls this alternative the least privileged one.", required=True),
        Column("condition", "VARCHAR", "When it applies, where that depends on query, body or kind of object."),
        Column(
            "certainty",
            "VARCHAR",
            "declared by the source; parsed_prose: read from its sentences; observed: in a log, a call that worked; "
            "observed_challenge: in a log, a refusal that named it; user: written by hand.",
            required=True,
        ),
        Column(
            "ambiguous_list",
            "BOOLEAN",
            "An OpenAPI list of several scopes that nobody reviewed, read as all-of.",
            required=True,
        ),
    ),
)

CAT_SCOPE = Table(
    "cat_scope",
    "One scope or permission.",
    (
        Column("scope_id", "INTEGER", "Key inside this store.", required=True),
        Column("catalogue", "VARCHAR", "See cat_meta.", required=True),
        Column("scope", "VARCHAR", "The exact string.", required=True),
        Column("display", "VARCHAR", "Short text of the source."),
        Column("description", "VARCHAR", "Longer text of the source."),
        Column("admin_consent", "BOOLEAN", "An administrator must consent."),
        Column("deprecated", "BOOLEAN", "True where the source says so.", required=True),
        Column(
            "is_protocol",
            "BOOLEAN",
            "Authorises no API operation (openid, offline_access, .default): never unused.",
            required=True,
        ),
        Column(
            "resource_limited",
            "BOOLEAN",
            "Opens only some objects (Sites.Selected, drive.file): never made needless by a broader scope.",
            required=True,
        ),
        Column(
            "mappable",
            "BOOLEAN",
            "False where no operation of the catalogue names it: its use cannot be seen.",
            required=True,
        ),
    ),
)

CAT_SCOPE_ALIAS = Table(
    "cat_scope_alias",
    "Another string for a scope.",
    (
        Column("catalogue", "VARCHAR", "See cat_meta.", required=True),
        Column("alias", "VARCHAR", "The other string.", required=True),
        Column("scope_id", "INTEGER", "See cat_scope.", required=True),
        Column("kind", "VARCHAR", "url_form, audience_form, guid, short_form or old_name.", required=True),
    ),
)

CAT_SCOPE_IMPLIES = Table(
    "cat_scope_implies",
    "Who holds the broader scope may do what the narrower one permits. Transitively closed, without loops.",
    (
        Column("broader", "INTEGER", "See cat_scope.", required=True),
        Column("narrower", "INTEGER", "See cat_scope.", required=True),
        Column(
            "evidence",
            "VARCHAR",
            "declared, documented, containment or name_pattern; of a derived row the weakest on its way.",
            required=True,
        ),
        Column("direct", "BOOLEAN", "False where it follows from other rows.", required=True),
    ),
)

CAT_SCOPE_RISK = Table(
    "cat_scope_risk",
    "How risky a scope is, by one source's opinion.",
    (
        Column("scope_id", "INTEGER", "See cat_scope.", required=True),
        Column("principal", "VARCHAR", "As in cat_requirement.", required=True),
        Column("source", "VARCHAR", "Whose opinion: microsoft privilegeLevel, user, name.", required=True),
        Column("class", "VARCHAR", "The source's own label."),
        Column(
            "rank",
            "INTEGER",
            "Neutral rank, 0 identity only to 4 privilege escalation: see grantlens.catalogue.risk.",
            required=True,
        ),
    ),
)

USAGE_OPERATION = Table(
    "usage_operation",
    "Which operation a row of usage_target is. Rows are absent until a catalogue is in the store: join from the left.",
    (
        Column("target_id", "INTEGER", "See usage_target.", required=True),
        Column("operation_id", "INTEGER", "op_id of cat_operation; NULL where no catalogue knows it."),
        Column(
            "label",
            "VARCHAR",
            "METHOD template for HTTP, the name where the log gives one; NULL where nothing is known.",
        ),
        Column(
            "match",
            "VARCHAR",
            "path, name, container (a batch: its parts are not in this row) or unmatched.",
            required=True,
        ),
    ),
)

CATALOGUE_TABLES = (
    CAT_META,
    CAT_OPERATION,
    CAT_REQUIREMENT,
    CAT_SCOPE,
    CAT_SCOPE_ALIAS,
    CAT_SCOPE_IMPLIES,
    CAT_SCOPE_RISK,
    USAGE_OPERATION,
)

SCOPE_NAME_VIEW = """\
SELECT s.catalogue, lower(n.name) AS name, CASE WHEN m.case_sensitive THEN n.name END AS exact, n.scope_id
FROM (SELECT scope_id, scope AS name FROM cat_scope UNION SELECT scope_id, alias FROM cat_scope_alias) n
JOIN cat_scope s USING (scope_id)
JOIN cat_meta m USING (catalogue)"""
"""Every string that means a scope. To look up a granted string g for an operation of catalogue c:
`n.catalogue = c AND n.name = lower(g) AND (n.exact IS NULL OR n.exact = g)`."""

SCOPE_CLOSURE_VIEW = """\
SELECT scope_id, scope_id AS implied_scope_id, 'self' AS evidence FROM cat_scope
UNION ALL
SELECT broader, narrower, evidence FROM cat_scope_implies"""
"""What a held scope stands for: itself, and all it implies."""

CATALOGUE_VIEWS = {"cat_scope_name": SCOPE_NAME_VIEW, "scope_closure": SCOPE_CLOSURE_VIEW}
