"""Whatever a file holds: a catalogue, or one sentence that says what is wrong with it."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantlens.catalogue.model import SOURCES, Catalogue
from grantlens.errors import CatalogueError

NEW = sorted(set(SOURCES) - {"openapi", "msgraph", "google", "toml"})
KEYS = {
    "slack": ("scope", "bot", "user", "args", "no_scope_required", "http_method"),
    "github": ("paths", "permissions", "/x", "GET", "access", "permission", "verb", "requestPath", "read"),
    "okta": ("openapi", "paths", "/x", "get", "security", "servers", "url"),
    "aws": ("prefix", "privileges", "privilege", "resource_types", "dependent_actions", "access_level", "x"),
    "mcp": ("server", "tools", "result", "name", "securitySchemes", "type", "scopes", "www_authenticate", "tool"),
    "gcp": (
        "protoPayload",
        "serviceName",
        "methodName",
        "authorizationInfo",
        "permission",
        "granted",
        "status",
        "code",
    ),
    "kubernetes": (
        "kind",
        "items",
        "rules",
        "verbs",
        "apiGroups",
        "resources",
        "metadata",
        "name",
        "objectRef",
        "verb",
    ),
}
WORDS = st.sampled_from(["read", "oauth2", "ClusterRole", "List", "Bearer", "storage", "/x", "", "*"])


def odd(keys):
    """Return a strategy for values that look a little like the source."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner, max_size=6),
        max_leaves=25,
    )


@pytest.mark.parametrize("source", NEW)
@settings(max_examples=60)
@given(data=st.data())
def test_no_file_ends_in_a_traceback(source, data):
    document = data.draw(odd(KEYS[source]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "odd.name.json")
        path.write_text(json.dumps(document))
        with suppress(CatalogueError):
            assert Catalogue.build(source, path).meta["source"] == source


@pytest.mark.parametrize("source", NEW)
@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"\x1f\x8b\x08 cut", b'"text"'])
def test_no_bytes_end_in_a_traceback(tmp_path, source, raw):
    for name in ("odd.name.json", "odd.gz"):
        path = tmp_path / name
        path.write_bytes(raw)
        with pytest.raises(CatalogueError):
            Catalogue.build(source, path)
