"""
Authorizers of an application that hang, raise, or answer with nonsense.
"""

from dataclasses import replace
from math import inf, nan
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from ssetwist.errors import InvalidOption, Refused
from ssetwist.mercure import Action, MercureSettings, Rights
from ssetwist.mercure.access import CheckedAuthorizer
from tests.clock import TwoClocks
from tests.memory import Client
from tests.unit.mercure.access.case import request
from tests.unit.mercure.case import ALICE, ResourceCase

TEXT = b"Access cannot be decided now; try again later.\n"


class CheckedTests(ResourceCase):
    """
    Requests to a hub with such an authorizer: subscribing, publishing, and asking who is there.
    """

    settings = MercureSettings(
        url="https://hub.example/hub", has_subscriptions=True, authorize_timeout=3.0
    )

    def everything(self) -> list[Client]:
        """
        Send one request of each kind.
        """
        return [
            self.ask(),
            self.ask(method="HEAD"),
            self.publish(),
            self.ask("subscriptions"),
        ]

    def authorize_with(self, authorize: Any) -> None:
        self.authorizer.authorize = authorize

    def assert_denied(self, clients: list[Client]) -> None:
        """
        Assert that every request got 503, and that nothing has happened.
        """
        for client in clients:
            self.assertEqual(503, self.status(client))
            self.assertIn(client.body, (TEXT, b""))
        self.assertEqual((0, 0), (self.hub.subscriber_count, self.log.head))

    def test_never(self) -> None:
        """
        An authorizer that does not answer in time is cancelled, and the request gets 503.
        """
        self.authorizer.is_slow = True
        clients = self.everything()
        self.clock.advance(2.9)
        self.assertEqual([b""] * 4, [client.received for client in clients])
        self.clock.advance(0.1)
        self.assert_denied(clients)
        self.assertEqual(4, self.authorizer.cancelled)

    def test_never_for_a_browser(self) -> None:
        """
        A browser is told to come back, because its ``EventSource`` would give up after 503.
        """
        self.authorizer.is_slow = True
        browser = self.ask(Sec_Fetch_Mode="cors")
        self.clock.advance(3)
        self.assertEqual(200, self.status(browser))
        self.assertRegex(browser.body, rb"^retry: \d+\n$")

    def test_cannot_be_cancelled(self) -> None:
        """
        An authorizer that goes on after its time, or raises when it is cancelled, keeps nothing.
        """

        async def go_on(request: object, action: Action) -> Rights:
            try:
                await Deferred()
            except CancelledError:
                await Deferred()
            raise AssertionError("it waits for ever")

        def cannot(_: object) -> None:
            raise SystemExit("I will not")

        for authorize in (go_on, lambda request, action: Deferred(cannot)):
            self.authorize_with(authorize)
            clients = self.everything()
            self.clock.advance(3)
            self.assert_denied(clients)
            self.ask().close()
        self.assertEqual(5, len(self.flushLoggedErrors(SystemExit)))

    def test_raises(self) -> None:
        """
        Whatever an authorizer raises, the request gets 503, and the log has the error.
        """
        for problem in (
            ZeroDivisionError,
            SystemExit,
            GeneratorExit,
            StopIteration,
            CancelledError,
        ):

            def authorize(request: object, action: Action, problem: Any = problem) -> Any:
                raise problem("secret")

            for one in (
                authorize,
                lambda request, action, problem=problem: fail(problem("secret")),
            ):
                self.authorize_with(one)
                self.assert_denied(self.everything())
                self.assertEqual(4, len(self.flushLoggedErrors(problem)))

    def test_nonsense(self) -> None:
        """
        An answer that is not rights gets 503, and the log says what it was.
        """
        for answer in (None, True, {"publish": ["*"]}, "news", Rights):
            self.authorize_with(lambda request, action, answer=answer: succeed(answer))
            self.assert_denied(self.everything())
            for logged in self.flushLoggedErrors(TypeError):
                self.assertIn("an authorizer must answer with Rights, not ", str(logged.value))
        self.authorize_with(lambda request, action: ALICE)
        self.assert_denied(self.everything())
        self.assertIn("expected a Deferred or a cor", str(self.flushLoggedErrors(TypeError)[0]))

    def test_senseless_rights(self) -> None:
        """
        Rights with a time that makes no sense cannot be made, so no stream is open for ever.
        """
        for expires in (None, nan, "60"):
            self.authorize_with(
                lambda request, action, expires=expires: succeed(replace(ALICE, expires=expires))
            )
            self.assert_denied(self.everything())
            self.assertEqual(4, len(self.flushLoggedErrors(TypeError, ValueError)))

    def test_over(self) -> None:
        """
        Rights that have ended allow nothing.
        """
        for expires in (self.clock.seconds(), 60.0, 0, -inf):
            self.authorizer.people["alice"] = replace(ALICE, expires=expires)
            for client in self.everything():
                self.assertEqual(403, self.status(client))
        self.assertEqual(0, self.log.head)

    def test_over_by_the_date(self) -> None:
        """
        The end of rights is a date: it counts by the time of day, which somebody may have set.
        """
        clock = TwoClocks(5000.0)
        authorizer = CheckedAuthorizer(self.authorizer, clock, timeout=3.0)
        self.authorizer.people["alice"] = replace(ALICE, expires=6000.0)

        def authorize() -> Deferred[Rights]:
            return authorizer.authorize(request((b"X-Name", b"alice")), Action.SUBSCRIBE)

        self.successResultOf(authorize())
        clock.step(1000.0)
        self.assertEqual(403, self.failureResultOf(authorize(), Refused).value.status)

    def test_refused(self) -> None:
        """
        A refusal is passed on; a coroutine is as good as a Deferred.
        """

        async def authorize(request: object, action: Action) -> Rights:
            if action is Action.PUBLISH:
                raise Refused(403, "No.")
            return ALICE

        self.authorize_with(authorize)
        self.assertEqual([200, 403], [self.status(self.ask()), self.status(self.publish())])

    def test_option(self) -> None:
        """
        The time must be a number of seconds above 0.
        """
        for value in (0, -1, inf, nan):
            self.assertRaises(InvalidOption, MercureSettings, authorize_timeout=value)
