"""Axes that several charts share: names down the side with their heading above them, or across the top, and whole numbers."""

from __future__ import annotations

from typing import Any


def ticks(most: float, about: int = 5) -> list[int]:
    """Return round whole numbers from 0 up to `most`.

    Examples
    --------
    >>> ticks(1), ticks(7), ticks(1964), ticks(0)
    ([0, 1], [0, 2, 4, 6], [0, 500, 1000, 1500], [0, 1])
    """
    most = max(float(most), 1.0)
    step = 1
    while most / step > about:
        # 1, 2, 5, 10, 20, 50 ...
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, int(most) + 1, step))


def names_axis(heading: str) -> dict[str, Any]:
    """Return the settings of a vertical axis of names; a heading on its side would run into long names."""
    return {
        "title": heading,
        "titleAngle": 0,
        "titleAlign": "right",
        "titleBaseline": "bottom",
        "titleX": -8,
        "titleY": -7,
        "labelLimit": 340,
        "labelPadding": 8,
        "domain": False,
        "ticks": False,
        "grid": False,
    }


def columns_axis(heading: str) -> dict[str, Any]:
    """Return the settings of an axis of names across the top."""
    return {
        "title": heading,
        "titleAnchor": "start",
        "orient": "top",
        "labelAngle": -35,
        "labelLimit": 190,
        "labelPadding": 6,
        "domain": False,
        "ticks": False,
    }


def shares_axis() -> dict[str, Any]:
    """Return the settings of a vertical axis from nothing to all, written as in sentences."""
    return {"values": [0, 0.25, 0.5, 0.75, 1], "labelExpr": "format(100 * datum.value, 'd') + ' %'"}


def numbers_axis(most: float) -> dict[str, Any]:
    """Return the settings of a horizontal axis of counts."""
    return {
        "values": ticks(most),
        "labelExpr": (
            "datum.value >= 1e9 ? format(datum.value / 1e9, ',~r') + 'G' : "
            "datum.value >= 1e6 ? format(datum.value / 1e6, ',~r') + 'M' : format(datum.value, ',d')"
        ),
    }
