"""One form for Entra's token ids, so that a sign-in and the calls made with its token meet; and when calls say that it was issued."""

from grantlens.loaders.written_time import text_moment

_NIL = "A" * 22
_ZEROS = "0" * 22
"""Seen in records of Microsoft 365, of whoever it was."""
_GUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


def uti(value: str) -> str:
    """Return SQL that brings a token id to the form of the `uti` claim: 22 characters of base64url.

    Entra writes one and the same request id in four ways: as base64url of its 16 bytes (the claim, Graph
    activity), the same with `==` (Azure AD Graph), as a GUID, and as base64 of the GUID's 36 letters
    (older sign-in logs). The GUID's bytes are in Microsoft's order, the first three groups reversed.
    The nil id is no id, nor are zeros. Anything else stays as it is.

    Parameters
    ----------
    value
        Name of the column that holds the id.

    Examples
    --------
    >>> import duckdb
    >>> sql = "SELECT " + uti("v") + " FROM (VALUES ('0421f9d2-c8cd-934a-bb29-ef97100606aa'), ('nonsense')) t(v)"
    >>> duckdb.sql(sql).fetchall()
    [('0vkhBM3ISpO7Ke-XEAYGqg',), ('nonsense',)]
    """
    return f"""CASE
            WHEN {value} IS NULL OR {value} = '' OR starts_with({value}, '{_NIL}') OR {value} = '{_ZEROS}' THEN NULL
            WHEN strlen({value}) = 22 THEN {value}
            WHEN strlen({value}) = 24 AND ends_with({value}, '==') THEN translate({value}[:22], '+/', '-_')
            WHEN strlen({value}) = 36 THEN {_of_guid(value, value)}
            WHEN strlen({value}) = 48 AND regexp_full_match({value}, '[A-Za-z0-9+/]*')
                THEN {_of_guid(f"decode(from_base64({value}), 'replace')", value)}
            ELSE {value} END"""


def issue_time(text: str) -> str:
    """Return SQL that reads the moment at which a call says that its token was issued.

    The year 1601 is how Windows writes no time.

    Examples
    --------
    >>> import duckdb
    >>> times = "(VALUES ('2026-05-07T13:50:39'), ('1601-01-01T00:00:00'), ('soon')) x(t)"
    >>> duckdb.sql(f"SELECT count({issue_time('t')}) FROM {times}").fetchall()
    [(1,)]
    """
    return f"CASE WHEN {text} >= '2' THEN {text_moment(text)} END"


def _of_guid(guid: str, otherwise: str) -> str:
    """Return SQL that packs a GUID; what is no GUID gives `otherwise`.

    It is looked at before it is unpacked: `TRY` would go through the rows one by one wherever it meets another form.
    """
    pairs = "".join(f"\\{group}" for group in (4, 3, 2, 1, 6, 5, 8, 7, 9))
    pattern = "^(..)(..)(..)(..)-(..)(..)-(..)(..)-(.{17})$"
    packed = f"unhex(replace(regexp_replace({guid}, '{pattern}', '{pairs}'), '-', ''))"
    return f"""nullif(CASE WHEN regexp_full_match({guid}, '{_GUID}')
                THEN rtrim(translate(to_base64({packed}), '+/', '-_'), '=') ELSE {otherwise} END, '{_NIL}')"""
