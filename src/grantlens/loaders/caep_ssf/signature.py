"""Compact JWS (RFC 7515) opened against a key set: whoever signed is known, or the record is refused with its reason.

Only signatures with a private and a public part count. `none` is no signature, and one made with a shared secret could be
made by everyone who can verify it: a published key must never serve as that secret.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ALGORITHMS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""Signatures that are taken (RFC 7518 section 3.1, RFC 8037), and the kind of key that makes them."""

_SECRET = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
"""Members of a private key: a key set that holds them still verifies with the public part alone."""


def usable_keys(key_set: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of a key set that can verify a signature, without their private parts.

    Examples
    --------
    >>> usable_keys({"keys": [{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC", "use": "enc"}, {"kty": "OKP", "d": "x"}]})
    [{'kty': 'OKP'}]
    """
    keys = []
    for key in key_set.get("keys", ()):
        if not isinstance(key, dict) or key.get("kty") not in ALGORITHMS.values():
            continue
        if key.get("use", "sig") != "sig" or "verify" not in key.get("key_ops", ["verify"]):
            continue
        if "alg" in key and key["alg"] not in ALGORITHMS:
            continue
        keys.append({name: value for name, value in key.items() if name not in _SECRET})
    return keys


@dataclass(frozen=True)
class Opener:
    """Turns a line into the JSON of its Security Event Token, or says why not; equal for files that are opened alike.

    Parameters
    ----------
    keys
        Keys that can verify, see `usable_keys`.
    unverified
        Take what no key verifies: unsigned JSON, and tokens whose key is not here. A signature that a key shows to be
        wrong is refused all the same.
    """

    keys: Sequence[Mapping[str, Any]]
    unverified: bool

    def __call__(self, line: str) -> str:
        """Return the JSON of the token; a ValueError says why there is none."""
        if line.startswith("{"):
            if not self.unverified:
                raise ValueError("not signed: nothing says who wrote it")
            return line
        header, claims = parts_of(line)
        try:
            self._key_set.verify(line, header, claims)
        except SignatureError:
            raise
        except ValueError:
            if not self.unverified:
                raise
        return json.dumps(claims)

    @cached_property
    def _key_set(self) -> _KeySet:
        return _KeySet(self.keys)


class SignatureError(ValueError):
    """A key shows that the signature is not its own: that is never taken."""


class _KeySet:
    def __init__(self, keys: Sequence[Mapping[str, Any]]) -> None:
        self._keys = keys
        self._ready: dict[tuple[int, str], Any] = {}

    def verify(self, line: str, header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
        """Raise a ValueError that says why nobody known has signed this line."""
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise ValueError("alg is no signature with a public key")
        if "crit" in header:
            raise ValueError("the header holds a critical extension that is not known")
        if str(header.get("typ")).lower().removeprefix("application/") != "secevent+jwt":
            raise ValueError("typ is not secevent+jwt")
        fitting = [
            number
            for number, key in enumerate(self._keys)
            if key["kty"] == ALGORITHMS[algorithm] and key.get("alg", algorithm) == algorithm
        ]
        if "kid" not in header and len(fitting) > 1:
            raise ValueError("kid is missing, and the key set holds several keys that fit")
        if "kid" in header:
            fitting = [number for number in fitting if header["kid"] == self._keys[number].get("kid")]
        if not fitting:
            raise ValueError("signed with a key that is not in the key set")
        signers = [number for number in fitting if _fits(self._key(number, algorithm), line, algorithm)]
        if not signers:
            raise SignatureError("signature is wrong")
        _refuse_stale([self._keys[number] for number in signers], claims)

    def _key(self, number: int, algorithm: str) -> Any:
        """Return a key made ready for an algorithm, None where it is no such key."""
        import jwt

        if (number, algorithm) not in self._ready:
            try:
                self._ready[number, algorithm] = jwt.PyJWK(dict(self._keys[number]), algorithm=algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                self._ready[number, algorithm] = None
        return self._ready[number, algorithm]


def _fits(key: Any, line: str, algorithm: str) -> bool:
    import jwt

    if key is None:
        return False
    try:
        jwt.PyJWS().decode_complete(line, key=key, algorithms=[algorithm])
    except jwt.PyJWTError:
        return False
    return True


def _refuse_stale(keys: Sequence[Mapping[str, Any]], claims: Mapping[str, Any]) -> None:
    """Refuse a key beyond its life, or of another issuer, where the key set says so (OpenID Federation 1.0, section 8.7)."""
    at = claims.get("iat")
    for key in keys:
        issuer = key.get("iss", claims.get("iss"))
        revoked = key.get("revoked")
        end = revoked.get("revoked_at") if isinstance(revoked, Mapping) else key.get("exp")
        over = isinstance(at, int | float) and isinstance(end, int | float) and at >= end
        if issuer == claims.get("iss") and not over:
            return
    if any(key.get("iss", claims.get("iss")) != claims.get("iss") for key in keys):
        raise ValueError("signed with a key of another issuer")
    raise ValueError("signed with a key that was no longer good")


def parts_of(line: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a compact JWS as they stand there, nothing verified.

    Examples
    --------
    >>> parts_of("no token")
    Traceback (most recent call last):
    ValueError: no compact JWS
    """
    pieces = line.split(".")
    if len(pieces) != 3:
        raise ValueError("no compact JWS")
    return _object(pieces[0], "no compact JWS"), _object(pieces[1], "the payload is no JSON object")


def _object(piece: str, fault: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise ValueError(fault) from None
    if not isinstance(value, dict):
        raise ValueError(fault)
    return value
