"""
Whose tokens are believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from ..rights import Action
from ._keys import VerificationKey


class KeySource(Protocol):
    """
    Where the keys of an issuer come from.
    """

    @property
    def keys(self) -> Sequence[VerificationKey]:
        """
        Those there are now.
        """

    @property
    def problem(self) -> str:
        """
        Why there may be others, in a sentence without secrets; ``""`` if these are all.
        """

    def seek(self) -> "Deferred[None]":
        """
        Look for other keys, because those there are do not do; fires, and never fails, once that
        is over, at once if it has been done just now.  Cancelling it harms nobody else.
        """

    def start(self) -> None:
        """
        Begin to keep the keys up to date.
        """

    def stop(self) -> None:
        """
        End that, leaving nothing behind.  May be called at any time.
        """


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """
    Keys that do not change.
    """

    keys: tuple[VerificationKey, ...]

    @property
    def problem(self) -> str:
        """
        None: these are all.
        """
        return ""

    def seek(self) -> "Deferred[None]":
        """
        Find nothing, at once.
        """
        return succeed(None)

    def start(self) -> None:
        """
        Nothing is to do.
        """

    def stop(self) -> None:
        """
        Nothing is to do.
        """


@dataclass(frozen=True, slots=True)
class Trust:
    """
    The keys of one issuer, for each of the two actions; they are never pooled with another's.
    """

    publish: tuple[KeySource, ...] = ()
    subscribe: tuple[KeySource, ...] = ()

    def sources(self, action: Action) -> tuple[KeySource, ...]:
        """
        Return where the keys for an action come from.
        """
        return self.publish if action is Action.PUBLISH else self.subscribe
