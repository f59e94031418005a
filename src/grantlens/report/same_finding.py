"""What makes a finding the same one in two reviews: its rule and what it is about, not its counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from grantlens.rules import registry


def key(finding: Mapping[str, Any]) -> tuple:
    """Return what is equal for two findings that are the same one, see `Rule.key`."""
    rule = registry().get(finding["rule"])
    names = rule.key if rule else ("title",)  # of a rule that another version had
    return (
        finding["rule"],
        finding["source"],
        finding.get("tenant"),
        *(finding.get(name, finding["detail"].get(name)) for name in names),
    )


def fingerprint(finding: Mapping[str, Any]) -> str:
    """Return the key as one short text, for those who keep findings elsewhere."""
    return hashlib.sha256(json.dumps(key(finding), ensure_ascii=True).encode()).hexdigest()
