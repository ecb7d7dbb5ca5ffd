"""
The checks of a token.  The two dialects have their own rules, and those of 1.0 are never relaxed
because 0.x has milder ones.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ...clock import date_of, steady
from ...hub import Turns
from ...matching import NOTHING
from ..rights import Action, Checks, Rights, one_of, reading_details, reading_legacy, shown
from ..topics import DEFAULT_LIMITS, Limits
from ._credentials import Credential, CredentialPlace
from ._jwt import ACCESS_TOKEN, Token, moment, seconds
from ._trust import KeySource, Trust

#: Seconds that an issuer's clock may be ahead of ours; otherwise a token that has just been made
#: could be refused.  The end of a token is exact: no stream outlives its token.
CLOCK_SKEW = 5.0

#: Maximum number of a token's audiences in a message.
_SHOWN_AUDIENCES = 5

#: Advice for an operator if an issuer is not trusted.
_ISSUER_ADVICE = "--issuer names the issuer, which is the --audience by default"


class TokenVerifier:
    """
    Checks tokens with the keys, the issuers and the audience of a hub, and reads their rights.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        audience: str | None,
        issuers: Mapping[str, Trust],
        legacy: Trust | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """
        :param audience: The hub's own URL, which tokens of 1.0 must name; without it the hub
            accepts only tokens of 0.x.
        :param issuers: Issuers of tokens of 1.0, with their keys, by the claim ``iss``.
        :param legacy: Keys for tokens of 0.x; ``None`` to refuse all of these.
        :param limits: Limits of the matchers in a token.
        """
        self._now = date_of(clock)
        self._turns = Turns(steady(clock))
        self._audience = audience
        self._issuers = dict(issuers)
        self._legacy = legacy
        self._limits = limits

    def start(self) -> None:
        for source in self._sources():
            source.start()

    def stop(self) -> None:
        for source in self._sources():
            source.stop()

    def has_keys(self, action: Action) -> bool:
        return any(trust.sources(action) for trust in self._trusts())

    def verify(
        self, credential: Credential, action: Action, checks: Checks | None = None
    ) -> "Deferred[Rights]":
        """
        Check a token, and return its rights to one action.  Rights to the other action are dropped,
        because tokens for that may need other keys.

        :param checks: Gets each check that is made.
        :returns: A Deferred that has fired already unless keys must be fetched, or many patterns
            compiled.  It may be cancelled.  It fails with ``Refused``: 401 if the token is not
            accepted, 503 if that cannot be known because there are no keys yet.
        """
        return Deferred.fromCoroutine(self._verify(credential, action, checks))

    async def _verify(
        self, credential: Credential, action: Action, checks: Checks | None
    ) -> Rights:
        checks = Checks() if checks is None else checks
        try:
            token = Token.parse(credential.token)
        except ValueError as problem:
            checks.fail("the token", str(problem), "a signed JWT, in three parts")
        if token.is_access_token:
            rights = await self._access_token(token, credential.place, action, checks)
        else:
            rights = await self._legacy_token(token, action, checks)
        is_ambient = credential.place is CredentialPlace.COOKIE
        rights = replace(rights, identity=token.identity, is_ambient=is_ambient)
        if action is Action.PUBLISH:
            return replace(rights, subscribe=NOTHING, payloads=())
        return replace(rights, publish=None)

    async def _access_token(
        self, token: Token, place: CredentialPlace, action: Action, checks: Checks
    ) -> Rights:
        typ, issuer = token.header.get("typ"), token.claims.get("iss")
        checks.expect("typ", token.typ == ACCESS_TOKEN, shown(typ), repr(ACCESS_TOKEN))
        checks.expect(
            "the token's place",
            place is not CredentialPlace.QUERY,
            place.value,
            f"{CredentialPlace.HEADER.value} or {CredentialPlace.COOKIE.value}",
        )
        if self._audience is None:
            checks.fail(
                "the hub's --audience",
                "not set",
                "the hub's own URL; without it no token of 1.0 is accepted",
            )
        trust = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if trust is None:
            checks.fail("iss", shown(issuer), f"{one_of(self._issuers)}; {_ISSUER_ADVICE}")
        checks.expect("iss", True, shown(issuer), one_of(self._issuers))
        await trust.check_signature(token, action, checks)
        _check_audience(token.claims.get("aud"), self._audience, checks)
        expires = self._check_times(token, checks, must_expire=True)
        details = token.claims.get("authorization_details")
        reading = reading_details(details, self._audience, self._limits)
        return replace(await self._turns.do(reading), expires=expires)

    async def _legacy_token(self, token: Token, action: Action, checks: Checks) -> Rights:
        typ = f"typ is {shown(token.header.get('typ'))}"
        if self._legacy is None:
            checks.fail(
                "the dialect",
                f"0.x, because {typ}",
                f"1.0, with typ {ACCESS_TOKEN!r}; this hub does not accept 0.x (--no-legacy)",
            )
        checks.expect("the dialect", True, f"0.x, because {typ}", "1.0 or 0.x")
        await self._legacy.check_signature(token, action, checks)
        expires = self._check_times(token, checks, must_expire=False)
        reading = reading_legacy(token.claims, self._limits)
        return replace(await self._turns.do(reading), expires=expires)

    def _check_times(self, token: Token, checks: Checks, *, must_expire: bool) -> float:
        """
        Check the times of a token; return when it expires.
        """
        now, expires = self._now(), inf
        if must_expire or token.claims.get("exp") is not None:
            value = token.claims.get("exp")
            expires = seconds(value)
            checks.expect(
                "exp", expires > now, moment(value), f"later than now, which is {moment(now)}"
            )
        if (value := token.claims.get("nbf")) is not None:
            checks.expect(
                "nbf",
                seconds(value) <= now + CLOCK_SKEW,
                moment(value),
                f"at most {CLOCK_SKEW:g} s later than now, which is {moment(now)}",
            )
        return expires

    def _trusts(self) -> tuple[Trust, ...]:
        return (*self._issuers.values(), *(() if self._legacy is None else (self._legacy,)))

    def _sources(self) -> list[KeySource]:
        """
        Return the sources of all keys, each once, because issuers may share them.
        """
        sources = [
            source for trust in self._trusts() for source in (*trust.publish, *trust.subscribe)
        ]
        return list({id(source): source for source in sources}.values())


def _check_audience(value: object, audience: str, checks: Checks) -> None:
    found = value if isinstance(value, list) else [value]
    checks.expect(
        "aud",
        any(one == audience for one in found),
        " and ".join(shown(one) for one in found[:_SHOWN_AUDIENCES]) or "empty",
        shown(audience),
    )
