"""
Who decides what a request may do: tokens, nobody, or the application.
"""

from typing import Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.server import Request

from ...errors import Refused
from ...hub import EVERYTHING, Matchers
from ..rights import Action, Rights
from ..tokens import TokenVerifier, credential_of
from ..updates import read_form

#: Of an authorizer that grants every topic.
ALL_TOPICS = Matchers.of(EVERYTHING)


class Authorizer(Protocol):
    """
    Decides what a request may do.  An application that knows its own users writes one.
    """

    def can_allow(self, action: Action) -> bool:
        """
        Tell whether anybody at all may be allowed this; where nobody is, the hub has no such thing.
        """

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        """
        Say what a request may do.  It must neither write to the request nor read its body.

        :returns: What is granted, of any action.  It is cancelled if the client goes meanwhile.  It
            fails with :class:`ssetwist.errors.Refused` if the request is refused altogether: 401
            if it is not known who asks, 403 if that is known.
        """


class AllowEveryone:
    """
    Lets everyone publish and subscribe.  For development, where only this machine can connect.
    """

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        return succeed(Rights(publish=ALL_TOPICS))


class TokenAuthorizer:
    """
    Lets those publish and subscribe whose token says so.

    :param cookie_names: The cookies that may have a token, the most wanted first.
    :param is_legacy_allowed: Whether it may be in the URL, as 0.x has it.
    :param is_anonymous_allowed: Whether public updates need no token.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        *,
        cookie_names: tuple[str, ...],
        is_legacy_allowed: bool,
        is_anonymous_allowed: bool,
    ) -> None:
        self._verifier = verifier
        self._cookie_names = cookie_names
        self._is_legacy_allowed = is_legacy_allowed
        self._is_anonymous_allowed = is_anonymous_allowed

    def can_allow(self, action: Action) -> bool:
        if self._verifier.has_keys(action):
            return True
        return action is Action.SUBSCRIBE and self._is_anonymous_allowed

    def authorize(self, request: Request, action: Action) -> Deferred[Rights]:
        headers = request.requestHeaders
        try:
            credential = credential_of(
                authorization=headers.getRawHeaders(b"Authorization", ()),
                cookies=headers.getRawHeaders(b"Cookie", ()),
                query=_parameters_of(request) if self._is_legacy_allowed else (),
                cookie_names=self._cookie_names,
                is_legacy_allowed=self._is_legacy_allowed,
            )
        except Refused as refused:
            return fail(refused)
        if credential is not None:
            return self._verifier.verify(credential, action)
        if action is Action.SUBSCRIBE and self._is_anonymous_allowed:
            return succeed(Rights())
        return fail(Refused(401, "A token is needed.", error="", reason="there is no token in it"))


def _parameters_of(request: Request) -> list[str]:
    """
    Return the tokens in the URL.  They are read as all else in it is: Twisted takes a semicolon for
    the end of a value, too, and a token would be part of what comes before.
    """
    pairs = read_form(request.uri.partition(b"?")[2])
    return [value for name, value in pairs if name == "authorization"]


class TokenThenCallback:
    """
    Lets whoever shows a token in a header do what that says, and asks the application about
    everybody else: tokens are for programs, the sessions of the application for its visitors.
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
