"""
Keys and rules by which tokens are accepted.  They can be read without a reactor.
"""

from dataclasses import dataclass, field

from treq.client import HTTPClient
from twisted.logger import Logger
from twisted.web.client import Agent

from ..._reactor import AnyReactor
from ..topics import DEFAULT_LIMITS, Limits
from ._credentials import COOKIE, LEGACY_COOKIE
from ._jwks import TIMEOUT, JwkSet
from ._jwks_source import from_file, from_url, is_url, name_of_url
from ._keys import PUBLIC_ALGORITHMS, VerificationKey
from ._trust import FixedKeys, KeySource, Trust
from ._verifier import TokenVerifier

_log = Logger()


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """
    Keys and rules by which tokens are accepted.

    :ivar publish: Keys of tokens to publish.
    :ivar subscribe: Keys of tokens to subscribe.
    :ivar jwks: The source of a JWK set with keys for both; ``None`` for no set.
    :ivar algorithms: The only algorithms for which keys of that set are used.
    :ivar issuer: The issuer of tokens of 1.0; ``None`` to refuse all of them.
    :ivar audience: The hub's own URL.
    :ivar is_legacy_allowed: If true, tokens of 0.x are accepted.
    :ivar cookie_names: The cookies that may have a token.
    """

    publish: tuple[VerificationKey, ...] = ()
    subscribe: tuple[VerificationKey, ...] = ()
    jwks: str | None = field(default=None, repr=False)
    algorithms: tuple[str, ...] = PUBLIC_ALGORITHMS
    issuer: str | None = None
    audience: str | None = None
    is_legacy_allowed: bool = True
    cookie_names: tuple[str, ...] = (COOKIE, LEGACY_COOKIE)

    def verifier(
        self,
        reactor: AnyReactor,
        client: HTTPClient | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> TokenVerifier:
        """
        Make the verifier of tokens; it must be started.

        :param reactor: A clock that can also connect; one interface for both does not exist.
        :param client: Fetches the JWK set, if its source is a URL.
        :param limits: Limits of the matchers in a token.
        """
        sources: list[KeySource] = []
        if self.jwks is not None:
            sources.append(self._jwk_set(self.jwks, reactor, client))

        def with_set(keys: tuple[VerificationKey, ...]) -> tuple[KeySource, ...]:
            return (*((FixedKeys(keys),) if keys else ()), *sources)

        trust = Trust(with_set(self.publish), with_set(self.subscribe))
        return TokenVerifier(
            clock=reactor,
            audience=self.audience,
            issuers={} if self.issuer is None else {self.issuer: trust},
            legacy=trust if self.is_legacy_allowed else None,
            limits=limits,
        )

    def _jwk_set(self, source: str, reactor: AnyReactor, client: HTTPClient | None) -> JwkSet:
        if not is_url(source):
            fetch = from_file(source)
            return JwkSet("the JWK set", fetch, clock=reactor, algorithms=self.algorithms)
        if client is None:
            client = HTTPClient(Agent(reactor, connectTimeout=TIMEOUT))
        name = name_of_url(source)
        if source.lower().startswith("http:"):
            _log.warn("{name}: fetched without TLS; anyone on its way can make tokens", name=name)
        fetch = from_url(source, client, reactor)
        return JwkSet(name, fetch, clock=reactor, algorithms=self.algorithms)
