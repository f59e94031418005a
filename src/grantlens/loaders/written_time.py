"""SQL that reads the ways in which logs write a moment; whatever is written otherwise gives NULL.

Text is a date and a time of day, with `T` or a blank between them. Without an offset it is UTC, as all services
write whose loaders read their times here.
"""


def text_moment(text: str) -> str:
    """Return SQL that reads a moment written as text.

    Examples
    --------
    >>> text_moment("created")[:48]
    "CASE WHEN created LIKE '____-__-_____:__:__%' TH"
    """
    return f"CASE WHEN {text} LIKE {_WRITTEN} THEN {_read(text)} END"


_WRITTEN = "'____-__-_____:__:__%'"


def _read(text: str) -> str:
    # DuckDB would also read 'infinity', 'epoch' and dates alone; the year 0001 is how Go writes "no time"
    return f"CASE WHEN {text} >= '1' AND strpos({text}, '-') = 5 THEN TRY_CAST({text} AS TIMESTAMPTZ) END"


def moment(text: str) -> str:
    """Return SQL that reads a moment written as seconds, as milliseconds or as text.

    Examples
    --------
    >>> "make_timestamptz" in moment("created")
    True
    """
    number = f"TRY_CAST({text} AS DECIMAL(20, 6))"
    # text first: to find out that it is no number costs four times as much
    return f"""CASE WHEN {text} LIKE {_WRITTEN} THEN {_read(text)}
            WHEN {number} BETWEEN 100000000 AND 99999999999 THEN make_timestamptz(({number} * 1000000)::BIGINT)
            WHEN {number} BETWEEN 100000000000 AND 99999999999999 THEN make_timestamptz(({number} * 1000)::BIGINT) END"""
