"""How every chart looks: light, calm, readable in print and for colour-blind eyes."""

from __future__ import annotations

from types import MappingProxyType

INK, SOFT, FAINT, PAPER = "#1F2933", "#52606D", "#D9DEE4", "#FFFFFF"

EDGE = "#7A5B00"
"""Around what is amber and thin."""

# Vermilion and blue stay apart in every common colour blindness, and differ from amber and grey in lightness too.
PALETTE = MappingProxyType(
    {
        "violation": "#C2410C",
        "indeterminate": "#E9B949",
        "clear": "#2B6CA3",
        "critical": "#7F1D1D",
        "high": "#C2410C",
        "medium": "#E58E3A",
        "low": "#8FB6D3",
        "info": "#C4CCD4",
        "used": "#2B6CA3",
        "unused": "#C2410C",
        "insufficient_evidence": "#F1D591",
        "not_observable": "#D5DAE0",
        "normal": "#2B6CA3",
        "denied": "#8A949E",
        "narrowed": "#7C3AED",
        "granted": "#9CC3DF",
        "issued": "#5E96BE",
        "decided": "#B8C0C8",
        "revoked": "#111827",
        "bound": "#5E96BE",
    }
)

WORDS = MappingProxyType(
    {
        "violation": "violation",
        "indeterminate": "cannot be decided",
        "clear": "clear",
        "used": "used",
        "unused": "no use seen",
        "insufficient_evidence": "too little evidence",
        "not_observable": "not observable",
        "normal": "in order",
        "denied": "refused or failed",
        "narrowed": "scopes taken away",
    }
)

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

CONFIG = MappingProxyType(
    {
        "aria": False,  # the whole chart has one text alternative; labels on each of 10,000 marks help nobody
        "background": PAPER,
        "font": FONT,
        # Text is measured in the first font; where that is missing another is drawn, up to an eighth wider.
        "padding": {"left": 44, "right": 64, "top": 12, "bottom": 12},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": INK,
            "fontSize": 16,
            "fontWeight": "bold",
            "lineHeight": 20,
            "subtitleColor": SOFT,
            "subtitleFontSize": 12,
            "subtitleLineHeight": 16,
            "subtitlePadding": 4,
            "offset": 14,
        },
        "axis": {
            "labelColor": INK,
            "labelFontSize": 12,
            "titleColor": SOFT,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "gridColor": "#EEF1F4",
            "domainColor": FAINT,
            "tickColor": FAINT,
        },
        "legend": {
            "labelColor": INK,
            "labelFontSize": 12,
            "labelLimit": 260,
            "titleColor": SOFT,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "orient": "top",
            "direction": "horizontal",
            "symbolType": "square",
            "columnPadding": 24,  # room for a label that is drawn wider than it was measured
        },
        "view": {"stroke": None},
        "text": {"fontSize": 11, "color": INK},
    }
)


def blend(colour: str, strength: float) -> str:
    """Mix a colour with white.

    Examples
    --------
    >>> blend("#000000", 0.0), blend("#000000", 1.0)
    ('#ffffff', '#000000')
    """
    strength = min(max(strength, 0.0), 1.0)
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02x}" for part in parts)


def on(colour: str) -> str:
    """Return the text colour that reads best on a fill (WCAG contrast).

    Examples
    --------
    >>> on("#ffffff"), on("#7F1D1D")
    ('#1F2933', '#FFFFFF')
    """
    return max((INK, PAPER), key=lambda text: contrast(text, colour))


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast ratio of two colours, 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
