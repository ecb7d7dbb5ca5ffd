"""
Hooks of an event source: functions of the application's that are told what goes on.
"""

from collections.abc import Callable
from typing import TypeVar

from twisted.logger import Logger

from ..http import shown

_log = Logger()

_T = TypeVar("_T")


def call_hook(hook: Callable[[_T], object] | None, value: _T, *, url: str) -> None:
    """
    Call a hook, if there is one.  What it raises is logged, and changes nothing.

    :param url: Of the event source, for the log.
    """
    if hook is None:
        return
    try:
        hook(value)
    except Exception:
        _log.failure("{url}: a hook failed", url=shown(url))
