"""
Matchers of the application as keys, whatever they do when they are hashed or compared.
"""

from twisted.logger import Logger

from ..matching import EVERYTHING, Matcher
from ..matching.routes import Routed

_log = Logger()


def key_of(matcher: Matcher) -> Matcher:
    """
    Return a matcher that can be looked up, and forgotten, without the application's code.

    :raises Exception: Whatever its hash raises, which is taken once.
    """
    is_own = isinstance(matcher, Routed) or matcher is EVERYTHING
    return matcher if is_own else _Foreign(matcher)


class _Foreign:
    """
    A matcher of the application: its own hash is taken once, because it may fail later; and if it
    cannot be compared, it equals no other.
    """

    __slots__ = ("_hash", "_matcher")

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._hash = hash(matcher)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, _Foreign) and bool(self._matcher == other._matcher)
        except BaseException:
            _log.failure("a matcher could not be compared with another one")
            return False

    def matches(self, topic: str) -> bool:
        return self._matcher.matches(topic)
