"""What makes a finding the same one in two reviews: its rule and what it is about, not its counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_PARTS = ("rule", "source", "client_id", "subject_id", "grant_id", "token_id", "resource_server", "operation")
_DETAILS = ("revocation_event", "scope")


def key(finding: Mapping[str, Any]) -> tuple:
    """Return what is equal for two findings that are the same one."""
    return (*(finding[part] for part in _PARTS), *(finding["detail"].get(part) for part in _DETAILS))


def fingerprint(finding: Mapping[str, Any]) -> str:
    """Return the key as one short text, for those who keep findings elsewhere."""
    return hashlib.sha256(json.dumps(key(finding), ensure_ascii=True).encode()).hexdigest()
