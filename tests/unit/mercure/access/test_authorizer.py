"""
Authorizers: by token, by token and application, and for everyone.
"""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from ssetwist import Refused
from ssetwist.hub import NOTHING
from ssetwist.mercure import (
    ALL_TOPICS,
    Action,
    AllowEveryone,
    Authorizer,
    Rights,
    TokenAuthorizer,
    TokenThenCallback,
)
from ssetwist.mercure.tokens import CredentialPlace
from tests.unit.mercure.access import case

TOKEN = "x" * 41
RIGHTS = Rights(identity="bearer")


class Verifier:
    """
    A verifier with keys for some actions, which accepts every token.

    :ivar asked: The tokens that it was asked about, each with its place and the action.
    """

    def __init__(self, *actions: Action) -> None:
        self.actions = actions
        self.asked: list[tuple[str, CredentialPlace, Action]] = []

    def has_keys(self, action: Action) -> bool:
        return action in self.actions

    def verify(self, credential: Any, action: Action) -> Deferred[Rights]:
        self.asked.append((credential.token, credential.place, action))
        return succeed(RIGHTS)


def request(path: str = "/", **headers: str) -> Request:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return case.request(*pairs, uri=path.encode())


def by_token(verifier: Verifier, **options: Any) -> TokenAuthorizer:
    defaults = {
        "cookie_names": ("auth",),
        "is_legacy_allowed": True,
        "is_anonymous_allowed": False,
    }
    return TokenAuthorizer(verifier, **(defaults | options))  # type: ignore[arg-type]


def allowed(authorizer: Authorizer) -> list[Action]:
    """
    Return the actions that an authorizer can allow.
    """
    return [action for action in Action if authorizer.can_allow(action)]


class ByTokenTests(SynchronousTestCase):
    def assert_refused(self, asking: "Deferred[Rights]", status: int, error: str | None) -> None:
        refused = self.failureResultOf(asking, Refused).value
        self.assertEqual((status, error), (refused.status, refused.error))

    def test_can_allow(self) -> None:
        """
        An action needs keys; only reading can be allowed without them, if it is for everyone.
        """
        both = [Action.PUBLISH, Action.SUBSCRIBE]
        for keys, is_anonymous_allowed, expected in (
            ((), False, []),
            ((), True, [Action.SUBSCRIBE]),
            ((Action.PUBLISH,), False, [Action.PUBLISH]),
            ((Action.PUBLISH,), True, both),
            ((Action.SUBSCRIBE,), False, [Action.SUBSCRIBE]),
            (both, False, both),
        ):
            made = by_token(Verifier(*keys), is_anonymous_allowed=is_anonymous_allowed)
            self.assertEqual(expected, allowed(made), (keys, is_anonymous_allowed))

    def test_places(self) -> None:
        """
        A token is found in the header, in a cookie with the right name and, in 0.x, in the URL.
        """
        verifier = Verifier(*Action)
        for place, path, headers in (
            (CredentialPlace.HEADER, "/", {"Authorization": f"Bearer {TOKEN}"}),
            (CredentialPlace.COOKIE, "/", {"Cookie": f"auth={TOKEN}; other={'y' * 41}"}),
            (CredentialPlace.QUERY, f"/?authorization={TOKEN}", {}),
            (CredentialPlace.QUERY, f"/?a=b&%61uthorization={TOKEN}", {}),
        ):
            for action in Action:
                verifier.asked.clear()
                asking = by_token(verifier).authorize(request(path, **headers), action)
                self.assertEqual(RIGHTS, self.successResultOf(asking))
                self.assertEqual([(TOKEN, place, action)], verifier.asked)

    def test_no_token(self) -> None:
        """
        Without a token only public updates can be had, if that is allowed; a token in the URL does
        not count without 0.x.
        """
        verifier = Verifier(*Action)
        anonymous = by_token(verifier, is_anonymous_allowed=True)
        rights = self.successResultOf(anonymous.authorize(request(), Action.SUBSCRIBE))
        self.assertEqual((None, NOTHING, ""), (rights.publish, rights.subscribe, rights.identity))
        self.assert_refused(anonymous.authorize(request(), Action.PUBLISH), 401, "")
        self.assert_refused(by_token(verifier).authorize(request(), Action.SUBSCRIBE), 401, "")
        strict = by_token(verifier, is_legacy_allowed=False)
        asked = request(f"/?authorization={TOKEN}")
        self.assert_refused(strict.authorize(asked, Action.SUBSCRIBE), 401, "")
        self.assertEqual([], verifier.asked)

    def test_unreadable(self) -> None:
        """
        Credentials that cannot be read are refused, and are not anonymous.
        """
        made = by_token(Verifier(*Action), is_anonymous_allowed=True)
        asked = request(Authorization="Bearer a b")
        self.assert_refused(made.authorize(asked, Action.SUBSCRIBE), 400, "invalid_request")


class Application:
    """
    An application that allows everything.
    """

    def can_allow(self, action: Action) -> bool:
        return True

    def authorize(self, request: object, action: Action) -> Deferred[Rights]:
        return succeed(Rights(identity="visitor"))


class TokenThenCallbackTests(SynchronousTestCase):
    def identity(self, *keys: Action, action: Action, **headers: str) -> str:
        """
        Return the identity of a request, which tells who decided.
        """
        authorizer = TokenThenCallback(by_token(Verifier(*keys)), Application())
        self.assertEqual(list(Action), allowed(authorizer))
        asking = authorizer.authorize(request(**headers), action)
        return self.successResultOf(asking).identity

    def test_who_decides(self) -> None:
        """
        A token in the header decides if there are keys for the action; otherwise, and for a cookie,
        the application does.
        """
        for action, other in (
            (Action.PUBLISH, Action.SUBSCRIBE),
            (Action.SUBSCRIBE, Action.PUBLISH),
        ):
            header = {"Authorization": f"Bearer {TOKEN}"}
            self.assertEqual("bearer", self.identity(action, action=action, **header))
            self.assertEqual("visitor", self.identity(other, action=action, **header))
            self.assertEqual("visitor", self.identity(action, action=action))
            cookie = {"Cookie": f"auth={TOKEN}"}
            self.assertEqual("visitor", self.identity(action, action=action, **cookie))


class AllowEveryoneTests(SynchronousTestCase):
    def test_everything(self) -> None:
        """
        Everyone may publish to every topic, and see public updates.
        """
        authorizer = AllowEveryone()
        self.assertEqual(list(Action), allowed(authorizer))
        for action in Action:
            rights = self.successResultOf(authorizer.authorize(request(), action))
            self.assertEqual((ALL_TOPICS, NOTHING), (rights.publish, rights.subscribe))
