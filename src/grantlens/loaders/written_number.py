"""SQL that reads a code that is told as a whole number: a table with blanks holds it as `200.0`, and exports write it so."""


def whole(text: str) -> str:
    """Return SQL that gives the code without its empty fraction, and whatever else as it is.

    Examples
    --------
    >>> whole("code")
    "CASE WHEN code LIKE '%.0' THEN code[:-3] ELSE code END"
    """
    return f"CASE WHEN {text} LIKE '%.0' THEN {text}[:-3] ELSE {text} END"
