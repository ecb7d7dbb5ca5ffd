"""
A figure over time as a picture, in hand-written SVG, so that nothing needs to be installed.
"""

from collections.abc import Sequence
from html import escape

#: Pixels: width and height of the picture, and the margins at the left, the right, the top and the
#: bottom.
_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 44, 34


def svg(points: Sequence[tuple[float, float]], *, title: str, horizontal: str) -> str:
    """
    Return the picture; both scales begin at 0.

    :param points: One or more; the first number of each is on the horizontal scale.
    """
    most_x = max(max(x for x, _ in points), 1e-9)
    most_y = max(max(y for _, y in points), 1e-9) * 1.1
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    floor = _HEIGHT - _BOTTOM
    line = " ".join(
        f"{_LEFT + x / most_x * width:.1f},{floor - y / most_y * height:.1f}" for x, y in points
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" \
font-family="sans-serif" font-size="12">
<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>
<text x="12" y="24" font-weight="bold">{escape(title)}</text>
<path d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" fill="none" stroke="#64748b"/>
<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{most_y:.0f}</text>
<text x="{_LEFT - 6}" y="{floor + 4}" text-anchor="end">0</text>
<text x="{_WIDTH - _RIGHT}" y="{floor + 20}" text-anchor="end">{most_x:.3g}</text>
<text x="{_LEFT + width / 2}" y="{floor + 20}" text-anchor="middle">{escape(horizontal)}</text>
<polyline points="{line}" fill="none" stroke="#c2410c" stroke-width="1.5"/>
</svg>
"""
