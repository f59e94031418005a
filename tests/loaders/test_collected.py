"""Records inside those of a collector are read as bare ones are, by each loader that says so."""

import json

import pytest

from tests.loaders import (
    test_anthropic_compliance,
    test_onepassword,
    test_openai_audit,
    test_slack,
    test_snyk,
    test_terraform_cloud,
)

SNYK, ANTHROPIC, OPENAI = test_snyk.event, test_anthropic_compliance.activity, test_openai_audit.event
ONEPASSWORD, SLACK, TERRAFORM = test_onepassword.audit, test_slack.event, test_terraform_cloud.event
RECORDS = {
    "anthropic_compliance": [
        ANTHROPIC("admin_api_key_created", admin_api_key_id="k1"),
        ANTHROPIC("claude_chat_created", actor=test_anthropic_compliance.key(), number=2),
        ANTHROPIC("platform_service_account_updated", updates=[{"type": "status", "current_value": "inactive"}], number=3),
        ANTHROPIC("user_logged_out", number=4),
    ],
    "onepassword": [ONEPASSWORD("create", "satoken"), ONEPASSWORD("delete", "satoken", number=2), ONEPASSWORD("view", "item", number=3)],
    "openai_audit": [
        OPENAI("api_key.created", {"id": "key-1"}),
        OPENAI("api_key.deleted", {"id": "key-1"}, number=2, actor=test_openai_audit.key()),
        OPENAI("login.succeeded", number=3),
    ],
    "slack": [SLACK("app_installed"), SLACK("app_uninstalled", number=2), SLACK("user_login", number=3)],
    "snyk": [
        SNYK("org.service_account.create", test_snyk.ACCOUNT),
        SNYK("api.access", {"url": "/v1/user/me", "method": "get"}, at="2026-07-01T10:00:01Z"),
        SNYK("org.service_account.delete", test_snyk.ACCOUNT, at="2026-07-01T10:00:02Z"),
        SNYK("org.user.add", {"userPublicId": "u-2"}, at="2026-07-01T10:00:03Z"),
        SNYK("org.user.role.edit", at="2026-07-01T10:00:04Z"),
    ],
    "terraform_cloud": [
        TERRAFORM("authentication_token", "create"),
        TERRAFORM("authentication_token", "destroy", number=2),
        TERRAFORM("workspace", "read", number=3, accessor="team-1"),
        TERRAFORM("run", "apply", number=4),
    ],
}  # fmt: skip
WRAPS = {
    "input": lambda record: {"json": record},
    "message": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "message": json.dumps(record)},
    "stored": lambda record: {"@timestamp": "2026-07-01T10:00:05Z", "event": {"original": json.dumps(record)}},
}


def told(loaded):
    """Leave out the ids that are made of the whole record, where it has none of its own."""
    for row in (row for rows in loaded.rows.values() for row in rows):
        if row["event_id"].startswith("md5:"):
            del row["event_id"]
    return loaded


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("loader", RECORDS)
def test_what_a_collector_puts_around_changes_nothing(load, loader, wrap):
    bare, wrapped = told(load(RECORDS[loader])), told(load([WRAPS[wrap](record) for record in RECORDS[loader]]))
    assert bare.batch["loader"] == wrapped.batch["loader"] == loader
    assert bare.rows["issuance"]
    assert bare.rows["revocation"]
    assert (bare.rows, bare.ignored, bare.rejected) == (wrapped.rows, wrapped.ignored, wrapped.rejected)


@pytest.mark.parametrize("loader", RECORDS)
def test_bare_and_wrapped_records_stand_in_one_file(load, loader):
    first, *others = RECORDS[loader]
    mixed = load([WRAPS["message"](first), *others])
    assert told(mixed).rows == told(load(RECORDS[loader])).rows
