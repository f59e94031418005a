"""The errors a user can meet; each says what was seen, what was expected and what to do next."""

import errno

DEBUG = "GRANTLENS_DEBUG"
"""Environment variable that lets an unexpected error show where it came from."""

MISTAKE = f"This is a mistake in grantlens; set {DEBUG}=1 and run the command again to see where."
"""The remedy of an error that nobody foresaw."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where nothing more can be written."""


class GrantlensError(Exception):
    """Base of every error that grantlens raises on purpose.

    Parameters
    ----------
    message
        What was seen and what was expected, in one sentence.
    remedy
        What to do or type next, in one sentence.

    Examples
    --------
    >>> import grantlens as gl
    >>> try:
    ...     gl.Register.read("conections.toml")
    ... except gl.GrantlensError as error:
    ...     print(error.message)
    conections.toml does not exist.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class StoreError(GrantlensError):
    """The store cannot be opened, is newer than this version, is locked, or is no store."""


class LoadError(GrantlensError):
    """A log file cannot be read: missing, truncated, binary, unknown, or not what its loader expects."""


class RegisterError(GrantlensError):
    """A file that the organisation brings - register, servers, clocks, identities, decisions - has a mistake; the message names the line."""


class CatalogueError(GrantlensError):
    """A scope catalogue cannot be built or read."""


class RuleError(GrantlensError):
    """A rule or one of its parameters does not exist, or a value does not fit."""


class WindowError(GrantlensError):
    """A window or a time cannot be understood."""


class CaseError(GrantlensError):
    """A case cannot be opened: nothing or several things were named, or the id occurs in no log."""
