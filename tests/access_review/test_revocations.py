from functools import cache

import pytest

import grantlens as gl
from grantlens.rule.example import consent, logs_from_to, revoked, token, use
from tests.access_review.conftest import laid

CALL = "GET /v1/messages/7"
HELD = (
    consent("01 08:00", ["mail.read"]),
    token("01 08:01", "t1", ["mail.read"]),
    revoked("10 12:00:00"),
    *logs_from_to("01 08:00", "31 23:00"),
)
CLOSE = (use("10 12:00:08", CALL),)
CLOSE_THEN_REFUSED = (*CLOSE, use("10 12:01", CALL, status=401))
FLAPPING = (use("10 12:00:20", CALL, status=401), use("10 12:01", CALL))
REFUSED = (use("10 12:01", CALL, status=401),)
TRIED = {
    "close": CLOSE,
    "close, then refused": CLOSE_THEN_REFUSED,
    "flapping": FLAPPING,
    "refused": REFUSED,
    "untried": (),
}


@pytest.fixture(scope="module")
def told(world_of_examples, tmp_path_factory):
    """Return a function that gives the review and the lag of a case of `TRIED`, worked out once."""
    folder = tmp_path_factory.mktemp("tried")

    @cache
    def of(name):
        with laid(folder / f"{name}.ndjson", (*HELD, *TRIED[name]), world_of_examples) as store:
            view = store.between("2026-07-01", "2026-08-01")
            return gl.review(view), gl.detect.revocation_lag(view)

    return of


@pytest.mark.parametrize(
    ("tried", "right", "left", "untried", "too_close"),
    [
        ("close", 1, 0, 0, 1),
        ("close, then refused", 0, 0, 0, 1),
        ("flapping", 1, 0, 0, 0),
        ("refused", 0, 1, 0, 0),
        ("untried", 1, 0, 1, 0),
    ],
)
def test_a_share_says_only_what_is_known_of_its_cases(told, tried, right, left, untried, too_close):
    result, found = told(tried)
    lag = result.document["lag"]
    assert (lag["right_share"], lag["left_share"], lag["untried"], lag["too_close"]) == (
        right,
        left,
        untried,
        too_close,
    )
    estimate = found.estimate()
    assert (estimate.right_share, estimate.left_share, estimate.untried_share) == (right, left, untried)


@pytest.mark.parametrize(
    ("tried", "title"),
    [
        ("close", "How long the revoked access went on working cannot be bounded from these logs"),
        ("close, then refused", "The revoked access ended within 71 s"),
        ("flapping", "The revoked access was not denied after its last success, 49 s or more after the revocation"),
        ("refused", "The revoked access ended within 71 s; no success was seen after the revocation"),
        ("untried", "The revoked access was not used again after the revocation, so far as the logs show"),
    ],
)
def test_the_chart_denies_no_logged_call(told, tried, title):
    _, lag = told(tried)
    assert lag.curve().chart().title == title


def test_a_success_too_close_to_tell_is_no_silence(told):
    document = told("close")[0].document
    (row,) = document["revocations"]
    assert (row["effective"], row["last_success_s"]) == ("not_demonstrated", 8.0)
    assert "too close to the revocation to tell" in row["answer"]
    assert "1 not demonstrated." in document["answers"][-1]["lines"][0]


def test_a_refusal_before_the_last_success_is_not_denied(told):
    result, _ = told("flapping")
    assert any(
        "the logs held show no refusal after the last success" in line for line in result.document["limitations"]
    )
    assert (
        "100 % have no refusal of the token after the last success, 0 % were refused with no success"
        in result.to_html()
    )


def test_effective_does_not_speak_for_tokens_that_nobody_tried(world):
    two = (token("01 08:02", "t2", ["mail.read"]), revoked("10 12:00:00", "grant"))
    rows = (*(row for row in HELD if row["log"] != "revocation"), *two, *REFUSED)
    (row,) = gl.review(world(*rows).between("2026-07-01", "2026-08-01")).document["revocations"]
    assert row["answer"] == "yes, by 2026-07-10 12:01:00 UTC (of 2 tokens not known to have expired 1 was tried)"


@pytest.mark.parametrize(
    ("tried", "late"), [(REFUSED, 0), ((use("10 12:01", CALL), use("10 12:02", CALL, status=401)), 1)]
)
def test_what_was_used_before_it_was_refused_is_not_told_as_prompt(world, tried, late):
    document = gl.review(world(*HELD, *tried).between("2026-07-01", "2026-08-01")).document
    after_use = ", 1 of these only after further use" if late else ""
    assert document["answers"][-1]["lines"][0] == f"1 shown to have taken effect{after_use}."


def test_what_was_undone_is_told_beside_what_took_effect(world):
    again = (revoked("10 12:00:00", "grant"), consent("10 15:00:00.5", ["mail.read"], "g2"))
    rows = (*(row for row in HELD if row["log"] != "revocation"), *REFUSED, *again)
    document = gl.review(world(*rows).between("2026-07-01", "2026-08-01")).document
    (row,) = document["revocations"]
    assert row["given_again_at"] == "2026-07-10T15:00:00.500000Z"
    assert row["answer"].endswith("; its holder gave it access again at 2026-07-10 15:00:00.5 UTC")
    assert document["answers"][-1]["lines"][0] == (
        "1 shown to have taken effect; 1 of them undone: the holder gave the access again."
    )


def test_a_log_whose_records_ended_nothing_says_what_they_are(world):
    less = [
        revoked(f"{day} 12:00:00", kind="downgrade", scopes_removed=["mail.read"], event_id=f"d{day}")
        for day in (10, 11)
    ]
    document = gl.review(world(*HELD[:2], *less, *HELD[3:])).document
    said = "No revocation that ended access is recorded in the logs held for this period. "
    assert document["lag"]["why_empty"] == f"{said}They hold other records, which ended none: downgrade 2."
    ended = next(answer for answer in document["answers"] if answer["question"] == "How does access end?")
    assert (ended["headline"], ended["lines"][0]) == ("0 revocations", document["lag"]["why_empty"])
