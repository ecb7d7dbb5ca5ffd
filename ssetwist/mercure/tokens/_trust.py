"""
Trust: the keys of an issuer, and the check of a signature with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from ...errors import Refused
from ..rights import Action, Checks, one_of, shown
from ._jwt import Token
from ._keys import PUBLIC_ALGORITHMS, VerificationKey

#: Seconds until a client should come back while there are no keys.
_RETRY_AFTER = 30.0

#: The options that set the keys for an action, for the operator's log.
_OPTIONS = {Action.PUBLISH: "--publisher-key", Action.SUBSCRIBE: "--subscriber-key"}


class KeySource(Protocol):
    """
    A source of an issuer's keys.
    """

    @property
    def keys(self) -> Sequence[VerificationKey]:
        """
        The keys that the source has now.
        """

    @property
    def problem(self) -> str:
        """
        The reason why keys may be missing or outdated, without secrets; otherwise ``""``.
        """

    def seek(self) -> "Deferred[None]":
        """
        Look for newer keys, because the present ones do not fit.  The Deferred fires then, or at
        once after a very recent look, and never fails.  Cancelling it affects no other caller.
        """

    def start(self) -> None:
        """
        Start to keep the keys up to date.
        """

    def stop(self) -> None:
        """
        Stop keeping them up to date, and leave nothing behind.  May be called at any time.
        """


@dataclass(frozen=True, slots=True)
class FixedKeys:
    keys: tuple[VerificationKey, ...]

    @property
    def problem(self) -> str:
        return ""

    def seek(self) -> "Deferred[None]":
        return succeed(None)

    def start(self) -> None:
        """
        Do nothing: these keys are never out of date.
        """

    stop = start


@dataclass(frozen=True, slots=True)
class Trust:
    """
    The keys of one issuer, for each of the two actions; they are never mixed with another issuer's.
    """

    publish: tuple[KeySource, ...] = ()
    subscribe: tuple[KeySource, ...] = ()

    def sources(self, action: Action) -> tuple[KeySource, ...]:
        return self.publish if action is Action.PUBLISH else self.subscribe

    async def check_signature(self, token: Token, action: Action, checks: Checks) -> None:
        """
        Check that a token is signed with a key of this issuer for this action.

        :raises Refused: 401 if it is not; 503 if there are no keys yet.
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
            # The issuer may have new keys, and a client that is refused may never come back.
            for source in sources:
                await source.seek()
            keys = _keys(sources)
            is_verified = _verifies(keys, token)
        if not keys:
            problems = [source.problem for source in sources if source.problem]
            raise Refused(
                503,
                "Tokens cannot be checked now; try again later.",
                reason=f"there are no keys: {'; '.join(problems) or 'their set is empty'}",
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
            f"one made with the hub's {' or '.join(kinds)} for tokens to {action.value}",
        )


def _keys(sources: Iterable[KeySource]) -> list[VerificationKey]:
    return [key for source in sources for key in source.keys]


def _names(keys: Iterable[VerificationKey]) -> set[str | None]:
    return {key.kid for key in keys}


def _may_be_new(token: Token, keys: Iterable[VerificationKey]) -> bool:
    """
    Return true if a newer key could have signed the token.
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
    Return the keys that may have signed a token.  Its ``kid`` is only a hint: if no key has that
    name, all keys may have.
    """
    kid = token.header.get("kid")
    fitting = [key for key in keys if token.header.get("alg") in key.algorithms]
    if kid is None or kid not in _names(fitting):
        return fitting
    return [key for key in fitting if key.kid in (kid, None)]
