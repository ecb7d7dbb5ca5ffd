"""
Trust: the keys of an issuer, and whether one of them has made the signature of a token.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from ...errors import Refused
from ..rights import Action, Checks, one_of, shown
from ._jwt import Token
from ._keys import PUBLIC_ALGORITHMS, VerificationKey

#: After how many seconds to come back, while keys cannot be had.
_RETRY_AFTER = 30.0

#: How the keys for an action are given, for who forgot to.
_OPTIONS = {Action.PUBLISH: "--publisher-key", Action.SUBSCRIBE: "--subscriber-key"}


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

    async def check_signature(self, token: Token, action: Action, checks: Checks) -> None:
        """
        Check that a token is signed with a key for this action, and no other.

        :raises Refused: 401 if it is not; 503 if there are no keys yet to tell.
        """
        sources = self.sources(action)
        if not sources:
            checks.fail(
                f"the key of tokens to {action.value}",
                "not set",
                f"set, by --key, {_OPTIONS[action]} or --jwks",
            )
        keys = _keys(sources)
        is_verified = _verifies(keys, token)
        if not is_verified and _may_be_new(token, keys):
            # The issuer may have changed its keys, and who is refused now may never come back.
            for source in sources:
                await source.seek()
            keys = _keys(sources)
            is_verified = _verifies(keys, token)
        if not keys:
            problems = [source.problem for source in sources if source.problem]
            raise Refused(
                503,
                "Tokens cannot be checked now; try again later.",
                reason=f"there are no keys: {'; '.join(problems) or 'their set has none'}",
                retry_after=_RETRY_AFTER,
            )
        allowed = dict.fromkeys(name for key in keys for name in key.algorithms)
        algorithm, kid = token.header.get("alg"), token.header.get("kid")
        checks.expect(
            "alg",
            isinstance(algorithm, str) and algorithm in allowed,
            shown(algorithm),
            one_of(allowed),
        )
        kinds = dict.fromkeys(key.kind for key in _fitting(keys, token))
        named = "" if kid is None else f", named {shown(kid)}"
        known = "" if kid is None or kid in _names(keys) else ", which this hub does not know"
        checks.expect(
            "the signature",
            is_verified,
            f"made with {'the' if is_verified else 'another'} key{named}{known}",
            f"one that is made with the hub's {' or '.join(kinds)} for tokens to {action.value}",
        )


def _keys(sources: Iterable[KeySource]) -> list[VerificationKey]:
    return [key for source in sources for key in source.keys]


def _names(keys: Iterable[VerificationKey]) -> set[str | None]:
    return {key.kid for key in keys}


def _may_be_new(token: Token, keys: Iterable[VerificationKey]) -> bool:
    """
    Tell whether a key that is not here yet could be the one.
    """
    kid = token.header.get("kid")
    if token.header.get("alg") not in PUBLIC_ALGORITHMS:
        return False
    return kid is None or kid not in _names(keys)


def _verifies(keys: Sequence[VerificationKey], token: Token) -> bool:
    return any(
        key.verifies(token.header["alg"], token.signed, token.signature)
        for key in _fitting(keys, token)
    )


def _fitting(keys: Sequence[VerificationKey], token: Token) -> list[VerificationKey]:
    """
    Return the keys that a token may have been signed with.  Its ``kid`` is but a hint: where no key
    has it, all are.
    """
    kid = token.header.get("kid")
    fitting = [key for key in keys if token.header.get("alg") in key.algorithms]
    if kid is None or kid not in _names(fitting):
        return fitting
    return [key for key in fitting if key.kid in (kid, None)]
