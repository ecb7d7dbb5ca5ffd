"""
Hooks of an event source: functions of the application's that are told what goes on.
"""

from collections.abc import Callable
from typing import TypeVar

from twisted.logger import Logger

from ..http import shown, type_of

_log = Logger()

_T = TypeVar("_T")


def check_hooks(**hooks: object) -> None:
    """
    Check what is to be called, by the names of their options.

    :raises TypeError: If one cannot be.
    """
    for name, hook in hooks.items():
        if hook is not None and not callable(hook):
            raise TypeError(f"{name} must be something to call, not {type_of(hook)}")


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
