"""`grantlens notebooks copy`: the notebooks, where you can change them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from grantlens.bundled import notebooks
from grantlens.errors import GrantlensError

EXAMPLES = """Examples:
  grantlens notebooks copy ./grantlens-notebooks"""


def copy(directory: Annotated[Path, Parameter(help="Folder to copy them into; made if absent.")], /) -> int:
    """Copy the notebooks into a folder. A file that is there already is never overwritten."""
    found = sorted(notebooks().glob("*.ipynb"))
    taken = [path.name for path in found if (directory / path.name).exists()]
    if taken:
        raise GrantlensError(
            f"{directory} holds {', '.join(taken)} already; nothing was copied.",
            "Name another folder, or move yours away first.",
        )
    directory.mkdir(parents=True, exist_ok=True)
    for path in found:
        print(shutil.copyfile(path, directory / path.name))
    return 0
