"""`grantlens verify`: are the loaded files still what they were?"""

from __future__ import annotations

from grantlens.cli.cell import shown
from grantlens.cli.message import complain
from grantlens.cli.opening import existing
from grantlens.cli.parameters import StorePath

EXAMPLES = """Examples:
  grantlens verify acme.duckdb"""


def verify(store: StorePath, /) -> int:
    """Check that each loaded file still has the hash it had when it was loaded.

    Evidence points to file and line; it stands only as long as the files do. Exits with 2 if something differs.
    """
    with existing(store) as opened:
        problems = opened.verify()
        files = opened.engine.value("SELECT count(*) FROM batch")
    for problem in problems:
        print(shown(problem))
    if problems:
        complain(
            "The evidence is not whole.",
            "Put the original files back, or treat the evidence of these files as unproven.",
        )
        return 2
    print("The loaded file is what it was." if files == 1 else f"{files} of {files} loaded files are what they were.")
    return 0
