"""The loaders of hosted services against damaged records of every kind that they know: all are accounted for.

`test_fuzz` damages real records. Many kinds are in no real record: here each loader's own test records are damaged.
`GRANTLENS_FUZZ` sets the number of damaged files for each loader.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantlens.loaders import loaders
from tests.loaders import test_anthropic_compliance as anthropic
from tests.loaders import test_asana as asana
from tests.loaders import test_atlassian as atlassian
from tests.loaders import test_authentik as authentik
from tests.loaders import test_box as box
from tests.loaders import test_dropbox as dropbox
from tests.loaders import test_notion as notion
from tests.loaders import test_onelogin as onelogin
from tests.loaders import test_onepassword as onepassword
from tests.loaders import test_openai_audit as openai
from tests.loaders import test_salesforce as salesforce
from tests.loaders import test_slack as slack
from tests.loaders import test_snyk as snyk
from tests.loaders import test_teleport as teleport
from tests.loaders import test_terraform_cloud as terraform
from tests.loaders import test_tines as tines
from tests.loaders import test_zendesk as zendesk
from tests.loaders import test_zoom as zoom
from tests.loaders.damage import assert_all_accounted_for, lists_of_damaged

FILES = int(os.environ.get("GRANTLENS_FUZZ", "3"))
RECORDS = {
    "anthropic_compliance": [
        anthropic.activity("admin_api_key_created", admin_api_key_id="admin_api_key_1", scopes=["a"]),
        anthropic.activity("platform_api_key_created", api_key_id="apikey_2", actor=anthropic.key()),
        anthropic.activity("integration_user_connected", integration_type="github"),
        anthropic.activity("mcp_server_deleted", mcp_server_id="mcpsrv_1", mcp_server_name="Wiki"),
        anthropic.activity("org_user_deleted", user_id="user_2"),
        anthropic.activity("session_revoked"),
        anthropic.activity("scoped_api_key_updated", api_key_id="apikey_1", updates=anthropic.updates("inactive")),
        anthropic.activity("service_key_created", service_name="export", service_key_id="k"),
        anthropic.activity("compliance_api_accessed", actor=anthropic.key(), url="/v1/x", status_code=403),
        anthropic.activity("claude_chat_created"),
    ],
    "asana": [
        asana.event("service_account_created"),
        asana.event("task_deleted", context=asana.by_api("oauth", oauth_app_name="Sync")),
        asana.event("user_deprovisioned"),
        asana.event("user_login_failed", category="logins"),
    ],
    "atlassian": [
        atlassian.event("user_api_token_created", [atlassian.thing("apiTokens")]),
        atlassian.event("app_uninstalled", [atlassian.thing("apps")]),
        atlassian.event("policy_created"),
    ],
    "authentik": [
        authentik.event("authorize_application", authentik.authorisation()),
        authentik.event("model_created", authentik.model("token")),
        authentik.event("model_deleted", authentik.model("application")),
        authentik.event("suspicious_request", {"token": authentik.model("refreshtoken")["model"]}),
        authentik.event("login"),
    ],
    "box": [
        box.event("USER_AUTHENTICATE_OAUTH2_ACCESS_TOKEN_CREATE", box.SERVICE),
        box.event("DOWNLOAD", box.SERVICE),
        box.event("ACCESS_REVOKED"),
        box.event("DELETE_USER", source={"id": "8"}),
        box.event("SHARE"),
    ],
    "dropbox": [
        dropbox.event("app_link_member"),
        dropbox.event("app_unlink_team", tag="_tag"),
        dropbox.event("file_delete", actor={".tag": "app", "app": {"app_id": "a"}}, context=dropbox.member()),
        dropbox.event("member_change_status", context=dropbox.member(), details={"new_value": {".tag": "removed"}}),
    ],
    "notion": [
        notion.event("workspace.scim_token_generated"),
        notion.event("workspace.scim_token_revoked"),
        notion.event("page.exported", actor={"id": "b", "type": "bot"}),
        notion.event("user.login"),
    ],
    "onelogin": [onelogin.event(13), onelogin.event("5", client=None)],
    "onepassword": [
        onepassword.audit("create", "satoken"),
        onepassword.audit("delete", "sa"),
        onepassword.audit("suspend", "user"),
        onepassword.audit("create", "vault"),
    ],
    "openai_audit": [
        openai.event("api_key.created", {"id": "k", "data": {"scopes": ["a"]}}, actor=openai.key()),
        openai.event("api_key.updated", {"id": "k", "changes_requested": {"scopes": ["a"]}}, dotted=False),
        openai.event("api_key.deleted", {"id": "k"}),
        openai.event("service_account.deleted", {"id": "sa"}),
        openai.event("login.failed"),
    ],
    "salesforce": [
        salesforce.login(),
        salesforce.stream(),
        salesforce.ended(),
        salesforce.ended(ApiType="REST", Operation="Query"),
        salesforce.line("RestApi", STATUS_CODE="200", URI="/x", METHOD="GET"),
        salesforce.line("Logout", USER_INITIATED_LOGOUT="1"),
        salesforce.setup("changeOauthDefaultScope", "Changed connected app A scopes from null to full"),
        salesforce.setup("deleteApplication", "Deleted Connected App A"),
        salesforce.line("Report"),
    ],
    "slack": [
        slack.event("app_installed"),
        slack.event("app_scopes_expanded", details={"new_scopes": ["a"]}),
        slack.event("app_uninstalled"),
        slack.event("user_session_invalidated", entity=slack.person()),
        slack.event("mcp_slack_read_channel_tool_called"),
        slack.event("user_login"),
    ],
    "snyk": [
        snyk.event("org.service_account.create", snyk.ACCOUNT),
        snyk.event("group.service_account.delete", snyk.ACCOUNT),
        snyk.event("api.access", {"url": "/x", "method": "GET"}),
        snyk.event("org.user.add", {"userPublicId": "u-2"}),
        snyk.event("org.user.role.edit"),
    ],
    "teleport": [
        teleport.certificate("bot-a", "ada"),
        teleport.event("join_token.create", roles=["Node"], expires="2026-07-01T11:00:00Z"),
        teleport.event("lock.created", target={"user": "ada"}),
        teleport.event("auth", success=False, error="expired"),
        teleport.event("session.start"),
    ],
    "terraform_cloud": [
        terraform.event("authentication_token", "create"),
        terraform.event("authentication_token", "destroy"),
        terraform.event("run", "create", accessor="team-1"),
        terraform.event("run", "create"),
    ],
    "tines": [
        tines.record("AuthenticationTokenCreation", {"isServiceToken": True, "name": "x"}),
        tines.record("AuthenticationTokenDeletion", {"authenticationTokenId": 5}),
        tines.record("Login"),
    ],
    "zendesk": [
        zendesk.record("create"),
        zendesk.record("destroy", "oauth_client"),
        zendesk.record("update", "user"),
    ],
    "zoom": [zoom.operation("User"), zoom.operation("Account")],
}


@pytest.mark.parametrize("name", RECORDS)
def test_each_record_is_its_loaders_own(name):
    claimed = [other for other, loader in loaders().items() if loader.recognise(RECORDS[name])]
    assert claimed == [name]


@pytest.mark.parametrize("name", RECORDS)
def test_damaged_records_are_accounted_for(load, name):
    @settings(max_examples=FILES, suppress_health_check=list(HealthCheck))
    @given(lists_of_damaged(RECORDS[name]), st.just(name))
    def check(records, loader):
        assert_all_accounted_for(load, records, loader)

    check()
