"""What an organisation says of its logs where these do not say it themselves."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from grantlens.errors import LoadError


@dataclass(frozen=True)
class Settings:
    """What an organisation says of its logs where these do not say it themselves; `store.load` takes it.

    Parameters
    ----------
    time_zone
        IANA name of the zone in which a log without zones was written, such as Europe/Berlin.
    jwks
        JSON Web Key Set (RFC 7517) against which signed records are verified.
    unverified
        Take records whose signature cannot be verified.
    tenant
        Whose the logs are, where they name no tenant: an organisation, an installation, a cluster.

    Raises
    ------
    LoadError
        If the name of the tenant is empty.

    Examples
    --------
    >>> Settings(time_zone="Europe/Berlin").unverified
    False
    """

    time_zone: str | None = None
    jwks: dict[str, Any] | None = None
    unverified: bool = False
    tenant: str | None = None

    def __post_init__(self) -> None:
        if self.tenant is not None and not self.tenant.strip():
            raise LoadError(
                "The tenant has no name.", "Name the organisation, installation or cluster whose logs these are."
            )


def key_set(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON Web Key Set, as an issuer publishes it at its `jwks_uri`.

    Raises
    ------
    LoadError
        If there is no such file, or it holds no key set.
    """
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}.", "Name the file of the key set.") from None
    except (ValueError, RecursionError):
        raise LoadError(f"{path} is no JSON.", "Save the issuer's jwks_uri as it is.") from None
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise LoadError(f"{path} holds no key set: no list `keys`.", "Save the issuer's jwks_uri as it is.")
    return value
