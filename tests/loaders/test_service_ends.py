"""What the loaders of services call an end ends the grant in the store, as their joins say: from record to conclusion."""

import json

import pytest

from grantlens.store import Store
from tests.loaders import test_anthropic_compliance as anthropic
from tests.loaders import test_asana as asana
from tests.loaders import test_atlassian as atlassian
from tests.loaders import test_authentik as authentik
from tests.loaders import test_box as box
from tests.loaders import test_dropbox as dropbox
from tests.loaders import test_onepassword as onepassword
from tests.loaders import test_openai_audit as openai
from tests.loaders import test_snyk as snyk
from tests.loaders import test_zendesk as zendesk

LATER = "2026-07-02T10:00:00Z"
PAIRS = {
    "Anthropic, integration of a person": (
        anthropic.activity("integration_user_connected", integration_type="github"),
        anthropic.activity("integration_user_disconnected", number=2, seconds=99, integration_type="github"),
    ),
    "Anthropic, MCP server": (
        anthropic.activity("mcp_server_created", mcp_server_id="m"),
        anthropic.activity("mcp_server_deleted", number=2, seconds=99, mcp_server_id="m"),
    ),
    "Asana, service account": (
        asana.event("service_account_created"),
        asana.event("service_account_deleted", number=2, at=LATER),
    ),
    "Atlassian, app": (
        atlassian.event("app_installed", [atlassian.thing("apps")]),
        atlassian.event("app_uninstalled", [atlassian.thing("apps")], number=2, at=LATER),
    ),
    "authentik, application": (
        authentik.event("authorize_application", authentik.authorisation()),
        authentik.event("model_deleted", authentik.model("application", "app-1"), number=2, at=LATER),
    ),
    "authentik, person": (
        authentik.event("authorize_application", authentik.authorisation()),
        authentik.event("model_deleted", authentik.model("user", "5"), number=2, at=LATER),
    ),
    "Box, support": (box.event("ACCESS_GRANTED"), box.event("ACCESS_REVOKED", number=2, at=LATER)),
    "Box, person": (
        box.event("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", box.SERVICE),
        box.event("DELETE_USER", number=2, at=LATER, source={"id": "7", "type": "user"}),
    ),
    "Dropbox, app of a member": (dropbox.event("app_link_member"), dropbox.event("app_unlink_member", at=LATER)),
    "Dropbox, app of the team": (dropbox.event("app_link_team"), dropbox.event("app_unlink_team", at=LATER)),
    "1Password, service account": (
        onepassword.audit("create", "satoken"),
        onepassword.audit("delete", "sa", number=2, object_uuid="sa-1", at=LATER),
    ),
    "OpenAI, service account": (
        openai.event("service_account.created", {"id": "sa-1"}),
        openai.event("service_account.deleted", {"id": "sa-1"}, number=2, at=openai.START + 60),
    ),
    "Snyk, service account": (
        snyk.event("org.service_account.create", snyk.ACCOUNT),
        snyk.event("org.service_account.delete", snyk.ACCOUNT, at=LATER),
    ),
    "Zendesk, app": (
        zendesk.record("create", "zendesk/app_market/app"),
        zendesk.record("destroy", "zendesk/app_market/app", number=2, at=LATER),
    ),
}


def states(tmp_path, records):
    """Load the records and return when each grant opened and ended, and the moments of the revocations."""
    path = tmp_path / "log.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with Store(":memory:") as store:
        store.load(path)
        grants = store.sql("SELECT opened_at, ended_at FROM grant_state").to_pylist()
        return grants, [row["revoked_at"] for row in store.sql("SELECT revoked_at FROM revocation").to_pylist()]


@pytest.mark.parametrize("case", PAIRS)
def test_the_end_ends_the_grant(tmp_path, case):
    (grant,), (ended,) = states(tmp_path, PAIRS[case])
    assert grant["ended_at"] == ended > grant["opened_at"]


@pytest.mark.parametrize("case", PAIRS)
def test_without_the_end_the_grant_stands(tmp_path, case):
    (grant,), ended = states(tmp_path, PAIRS[case][:1])
    assert (grant["ended_at"], ended) == (None, [])


def test_the_end_of_another_ends_nothing(tmp_path):
    given, _ = PAIRS["Dropbox, app of a member"]
    other = dropbox.event("app_unlink_member", at=LATER, context=dropbox.member())
    (grant,), ended = states(tmp_path, (given, other))
    assert (grant["ended_at"], len(ended)) == (None, 1)
