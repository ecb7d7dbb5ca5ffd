"""
Results as a picture: for each case, one bar per subject with the compared figure.  The SVG is
hand-written, so that nothing needs to be installed.
"""

from html import escape

from ._cases import Case
from ._results import Results
from ._run import Plan

#: Pixels: width of the picture, of the names and of the bars; height of a bar with its margin, and
#: of the heading of a case.
_WIDTH, _NAMES, _BARS, _BAR, _HEAD = 760, 110, 540, 20, 44

_OURS, _OTHERS = "#c2410c", "#64748b"


def svg(results: Results, plan: Plan) -> str:
    """
    Return the picture.
    """
    parts: list[str] = []
    y = 0
    for case in plan.cases:
        y = _add_case(parts, y, results, case, [subject.name for subject in plan.subjects])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 12}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{y + 12}" fill="white"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _add_case(parts: list[str], y: int, results: Results, case: Case, subjects: list[str]) -> int:
    values = {name: results.median(case.name, name, case.compared) for name in subjects}
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return y
    heading, digits = case.compared.value
    title = escape(f"{case.name}, {case.title}: {heading} (less is better)")
    parts.append(f'<text x="12" y="{y + _HEAD - 14}" font-weight="bold">{title}</text>')
    y += _HEAD
    longest = max(max(known.values()), 1e-9)
    for name, value in sorted(known.items(), key=lambda pair: pair[1]):
        colour = _OURS if name == "ssetwist" else _OTHERS
        length = max(1, round(max(value, 0) / longest * _BARS))
        parts += [
            f'<text x="{_NAMES}" y="{y + 12}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_NAMES + 8}" y="{y}" width="{length}" height="{_BAR - 5}"'
            f' fill="{colour}"/>',
            f'<text x="{_NAMES + 14 + length}" y="{y + 12}">{value:.{digits}f}</text>',
        ]
        y += _BAR
    return y
