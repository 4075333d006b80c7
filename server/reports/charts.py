"""Charts as SVG: stacked bars whose parts have a pattern and a number beside their colour."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from server.reports.look import GREY, MARKS, Mark, Pattern
from server.reports.sheets import Bar, Chart

# All in units of the picture, which is scaled to the width of the page.
WIDTH, LABEL, ASIDE, ROW, BAR, LEGEND = 1040, 190, 250, 24, 17, 30
FULL = WIDTH - LABEL - ASIDE
# A number needs so much room to stand inside its part.
DIGIT = 8
# The program that sets the pages does not hand the style of the page down into a picture.
FONT = 'font-family="Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, sans-serif" font-size="12.5"'


def svg_of(chart: Chart) -> str:
    """The chart as an ``svg`` element with its legend below; nothing in it needs a script or another file."""
    used = [name for name in MARKS if any(bar.parts.get(name) for bar in chart.bars)]
    longest = max((sum(bar.parts.values()) for bar in chart.bars), default=0)
    height = ROW * len(chart.bars) + LEGEND
    rows = "".join(
        _bar(bar, ROW * number, sum(bar.parts.values()) if chart.shares else longest)
        for number, bar in enumerate(chart.bars)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT} role="img" '
        f'aria-label="{escape(chart.title)}">'
        f"<defs>{''.join(_pattern(name, MARKS[name]) for name in used)}</defs>"
        f"{rows}{_legend(used, ROW * len(chart.bars) + 10)}</svg>"
    )


def _bar(bar: Bar, top: int, whole: int) -> str:
    middle = top + BAR - 4
    parts = "".join(_parts(bar, top, whole))
    return (
        f'<text x="{LABEL - 10}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>{parts}'
        f'<text x="{LABEL + FULL + 10}" y="{middle}" font-size="11" fill="{GREY}">{escape(bar.aside)}</text>'
    )


def _parts(bar: Bar, top: int, whole: int) -> Iterator[str]:
    begun = 0
    for name, mark in MARKS.items():
        number = bar.parts.get(name, 0)
        if not number or not whole:
            continue
        left, right = LABEL + FULL * begun / whole, LABEL + FULL * (begun + number) / whole
        begun += number
        yield _box(name, mark, left, top, right - left, BAR)
        told = str(number)
        room = DIGIT * len(told) + 8
        if right - left >= room:
            centre, y = (left + right) / 2, top + BAR - 4
            if mark.pattern is not Pattern.SOLID:
                yield (
                    f'<rect x="{centre - room / 2 + 1:.1f}" y="{top + 2}" width="{room - 2}" height="{BAR - 4}" '
                    f'fill="#ffffff"/>'
                )
            ink = "#ffffff" if mark.pattern is Pattern.SOLID else mark.colour
            yield f'<text x="{centre:.1f}" y="{y}" text-anchor="middle" fill="{ink}" font-weight="700">{told}</text>'


def _legend(names: list[str], top: int) -> str:
    pieces, left = [], LABEL
    for name in names:
        mark = MARKS[name]
        pieces.append(_box(name, mark, left, top, 22, 12))
        pieces.append(f'<text x="{left + 28}" y="{top + 11}">{escape(mark.word)}</text>')
        left += 28 + 14 * len(mark.word) + 24
    return "".join(pieces)


def _box(name: str, mark: Mark, left: float, top: float, width: float, height: float) -> str:
    fill = {Pattern.SOLID: mark.colour, Pattern.OUTLINE: "#ffffff"}.get(mark.pattern, f"url(#{name})")
    return (
        f'<rect x="{left:.1f}" y="{top + 0.5:.1f}" width="{max(width - 1, 0.8):.1f}" height="{height - 1}" '
        f'fill="{fill}" stroke="{mark.colour}" stroke-width="1"/>'
    )


def _pattern(name: str, mark: Mark) -> str:
    drawn = {
        Pattern.RISING: '<path d="M0,6 L6,0" stroke="{0}" stroke-width="2"/>',
        Pattern.CROSSED: '<path d="M0,6 L6,0 M0,0 L6,6" stroke="{0}" stroke-width="1.3"/>',
        Pattern.DOTTED: '<circle cx="3" cy="3" r="1.5" fill="{0}"/>',
    }.get(mark.pattern)
    if drawn is None:
        return ""
    return (
        f'<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" fill="#ffffff"/>{drawn.format(mark.colour)}</pattern>'
    )
