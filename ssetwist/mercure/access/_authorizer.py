"""
Authorizers: tokens, the application, or an open door decide what a request may do.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.server import Request

from ...errors import Refused
from ...matching import EVERYTHING, Matchers
from ..rights import Action, Rights
from ..tokens import TokenVerifier, credential_of
from ..updates import read_form

ALL_TOPICS = Matchers.of(EVERYTHING)


class Authorizer(Protocol):
    """
    Decides what a request may do.  An application that knows its own users can write one.
    """

    def can_allow(self, action: Action) -> bool:
        """
        Return true if any client may be allowed an action; otherwise the hub does not offer it.
        """

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        """
        Decide what a request may do, without writing to it or reading its body.

        :returns: The rights, which may cover both actions.  Cancelled if the client goes
            meanwhile, or after ``MercureSettings.authorize_timeout``.  Fails with
            :class:`ssetwist.errors.Refused` if the whole request is refused: 401 if the client is
            unknown, 403 if it is known.  Any other failure, or answer, is logged, and the request
            gets 503.
        """


#: The rights of everyone for development, and of a client without a token.
_EVERYONE, _ANONYMOUS = Rights(publish=ALL_TOPICS), Rights()


class AllowEveryone:
    """
    Lets every client publish and subscribe.  For development, when only this machine can connect.
    """

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        return succeed(_EVERYONE)


@dataclass(frozen=True, slots=True, eq=False)
class TokenAuthorizer:
    """
    Gives clients the rights in their tokens.

    :ivar cookie_names: The names of cookies with tokens, in order of preference.
    :ivar is_legacy_allowed: If true, the token may be in the URL, as in 0.x.
    :ivar is_anonymous_allowed: If true, public updates need no token.
    """

    verifier: TokenVerifier
    _: KW_ONLY
    cookie_names: tuple[str, ...]
    is_legacy_allowed: bool
    is_anonymous_allowed: bool

    def can_allow(self, action: Action) -> bool:
        if self.verifier.has_keys(action):
            return True
        return action is Action.SUBSCRIBE and self.is_anonymous_allowed

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        headers = request.requestHeaders
        try:
            credential = credential_of(
                authorization=headers.getRawHeaders(b"Authorization", ()),
                cookies=headers.getRawHeaders(b"Cookie", ()),
                query=_parameters_of(request) if self.is_legacy_allowed else (),
                cookie_names=self.cookie_names,
            )
        except Refused as refused:
            return fail(refused)
        if credential is not None:
            return self.verifier.verify(credential, action)
        if action is Action.SUBSCRIBE and self.is_anonymous_allowed:
            return succeed(_ANONYMOUS)
        return fail(Refused(401, "A token is needed.", error="", reason="the request has no token"))


def _parameters_of(request: Request) -> list[str]:
    """
    Return the tokens in the URL.  Twisted's parser would also end a value at a semicolon, and so
    accept a token inside another parameter.
    """
    query = request.uri.partition(b"?")[2]
    if b"authorization" not in query and b"%" not in query:  # as in most requests
        return []
    pairs = read_form(query)
    return [value for name, value in pairs if name == "authorization"]


class TokenThenCallback:
    """
    Gives clients with a token in a header the rights in it, and asks the application about all
    others: tokens are for programs, the application's sessions for its visitors.
    """

    def __init__(self, by_token: Authorizer, by_url: Authorizer) -> None:
        self._by_token = by_token
        self._by_url = by_url

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        has_token = request.requestHeaders.hasHeader(b"Authorization")
        if has_token and self._by_token.can_allow(action):
            return self._by_token.authorize(request, action)
        return self._by_url.authorize(request, action)
