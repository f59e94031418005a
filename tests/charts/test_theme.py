import itertools

import pytest

from grantlens.charts.theme import CONFIG, EDGE, INK, PALETTE, PAPER, WORDS, contrast, on

MATRICES = {
    # Viénot 1999, on linear light.
    "deuteranopia": ((0.29275, 0.70725, -0.02234), (0.29275, 0.70725, -0.02234), (-0.02234, 0.02234, 1.0)),
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
}


def linear(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lab(rgb):
    """CIE L*a*b* of linear RGB."""
    x = (0.4124 * rgb[0] + 0.3576 * rgb[1] + 0.1805 * rgb[2]) / 0.9505
    y = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]
    z = (0.0193 * rgb[0] + 0.1192 * rgb[1] + 0.9505 * rgb[2]) / 1.089
    fx, fy, fz = (max(v, 0) ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


GROUPS = (
    ("violation", "indeterminate", "clear"),
    ("used", "unused", "insufficient_evidence", "not_observable"),
    ("violation", "indeterminate", "narrowed", "denied", "normal"),
)


@pytest.mark.parametrize("kind", [*MATRICES, "none"])
@pytest.mark.parametrize("group", GROUPS)
def test_colours_of_one_legend_stay_apart(group, kind):
    for one, other in itertools.combinations(group, 2):
        seen = []
        for name in (one, other):
            rgb = linear(PALETTE[name])
            if kind != "none":
                rgb = [sum(weight * part for weight, part in zip(row, rgb, strict=True)) for row in MATRICES[kind]]
            seen.append(lab(rgb))
        distance = sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5
        assert distance > 15, (one, other, kind, distance)


def test_severities_get_darker_as_they_get_worse():
    bright = [lab(linear(PALETTE[name]))[0] for name in ("critical", "high", "medium", "low", "info")]
    assert bright == sorted(bright)


@pytest.mark.parametrize("name", sorted(PALETTE))
def test_text_on_every_fill_can_be_read(name):
    assert contrast(on(PALETTE[name]), PALETTE[name]) >= 4.5
    assert on(PALETTE[name]) in (INK, PAPER)


@pytest.mark.parametrize("name", ["violation", "clear", "normal", "denied", "narrowed", "issued", "revoked", "bound"])
def test_what_is_drawn_as_a_thin_line_stands_out_from_the_paper(name):
    """WCAG 1.4.11 asks for 3 to 1; amber has a dark edge where it is thin."""
    assert contrast(PALETTE[name], PAPER) >= 3
    assert contrast(EDGE, PAPER) >= 3


def test_every_state_has_words():
    assert {name for group in GROUPS for name in group} <= set(WORDS)


def test_a_legend_has_room_for_labels_that_are_drawn_an_eighth_wider():
    legend = CONFIG["legend"]
    longest = max(map(len, WORDS.values())) * legend["labelFontSize"] * 0.55
    assert legend["columnPadding"] >= longest / 8 + 6
