"""The pictures of a review are drawn from the same numbers as its words."""

from grantlens.report.figures import review_figures


def test_revocations_of_one_id_in_two_tenants_are_two_in_the_curve_too(document):
    """The page gave an estimate, and its picture said that there were too few revocations for one."""
    value = document()
    (case,) = value["lag"]["intervals"]
    twice = [(event, moment) for event in range(10) for moment in ("08:00", "09:00")]
    value["lag"] |= {
        "n": len(twice),
        "intervals": [
            case | {"revocation_event": f"r{event}", "revoked_at": f"2026-07-01T{moment}:00Z"}
            for event, moment in twice
        ],
    }
    picture = review_figures(value)["lag"]
    assert "Line: the likeliest course" in picture.alt
