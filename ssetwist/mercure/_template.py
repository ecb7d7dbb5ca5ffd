"""
Selectors of the 0.x dialect (Z1, Z2).
"""

from ..hub import Everything, Exact, Matcher


def selector_of(text: str) -> Matcher:
    """
    Return what a selector of the 0.x dialect asks for.

    :raises Refused: 400, if it asks for no topics that there could be, or is too long.
    """
    return Everything() if text == "*" else Exact(text)
