"""Where the samples and the notebooks are: in the wheel if installed, in the checkout if not."""

from pathlib import Path

from grantlens.errors import GrantlensError

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


def samples() -> Path:
    """Return the folder of the sample logs.

    Examples
    --------
    >>> samples().is_dir()
    True
    """
    return _folder("samples", "data/samples")


def notebooks() -> Path:
    """Return the folder of the notebooks.

    Examples
    --------
    >>> notebooks().name
    'notebooks'
    """
    return _folder("notebooks", "notebooks")


def _folder(installed: str, checkout: str) -> Path:
    for folder in (_PACKAGE / "_bundled" / installed, _CHECKOUT / checkout):
        if folder.is_dir():
            return folder
    raise GrantlensError(
        f"The bundled {installed} are missing from this installation.",
        "Install it again, in a clone: pip install --force-reinstall .",
    )
