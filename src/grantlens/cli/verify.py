"""`grantlens verify`: are the loaded files still what they were?"""

from __future__ import annotations

from grantlens.cli.cell import shown
from grantlens.cli.codes import FAILED, FINE
from grantlens.cli.message import complain
from grantlens.cli.opening import existing
from grantlens.cli.parameters import StorePath
from grantlens.given_path import in_shell

EXAMPLES = """Examples:
  grantlens verify acme.duckdb"""


def verify(store: StorePath, /) -> int:
    """Check that each loaded file still has the hash it had when it was loaded last, and that the store holds its rows.

    Evidence points to file and line; it stands only as long as the files do. Exits with 2 if something differs; a log that
    only grew since still holds it. Paths are looked up as they were given at load: relative ones from the current folder.
    The rows of the store are counted and not compared with the files: to be sure of them, load the files into an empty
    store and compare the reports.
    """
    from grantlens.holdings.verification import verified

    with existing(store) as opened:
        found = verified(opened.engine)
    for told in (*found.differences, *found.versions, *found.rows):
        print(shown(told))
    if found.rows:
        complain("The store was changed after the load.", "Load the files into a new store.")
    if found.differences:
        complain(
            "The evidence is not whole.",
            "Put the original files back, run this in the folder in which they were loaded, or treat the evidence of these "
            "files as unproven.",
        )
    if found.differences or found.rows:
        return FAILED
    files = found.files
    if not files:
        complain(
            f"No file is loaded in {store}: nothing was verified.",
            f"Load logs first: grantlens load {in_shell(store)} LOGS",
        )
        return FAILED
    print("The loaded file is what it was." if files == 1 else f"{files} of {files} loaded files are what they were.")
    print("The rows of the store were counted, not compared with the files: load these into an empty store for that.")
    return FINE
