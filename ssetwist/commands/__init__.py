"""
The commands of ``python -m ssetwist``: read options, run, write to a terminal, return a status.

Commands use the client and the rules of tokens; they do not run a hub.
"""

from ._publish import add_publish, run_publish
from ._subscribe import add_subscribe, run_subscribe
from ._terminal import Terminal
from ._token import add_check, add_mint, check, mint

__all__ = [
    "Terminal",
    "add_check",
    "add_mint",
    "add_publish",
    "add_subscribe",
    "check",
    "mint",
    "run_publish",
    "run_subscribe",
]
