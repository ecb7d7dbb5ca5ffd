"""
Publishing to a hub: one update as a form, many as lines of JSON, and again if the answer was lost.

Asking again is harmless because of the ``Idempotency-Key``: what was published under a key is not
published again, the hub repeats its answer.  It does so for the last 50 000 updates, and until it
is restarted.  That is an extension of this hub; so is taking many updates at once.  From a hub that
refuses many at once it is assumed that it knows no keys either.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from random import random
from typing import Any, TypeVar
from uuid import uuid4

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.iweb import IAgent

from ..._reactor import AnyReactor
from ...errors import NotPublished
from ...eventstream import Event
from ..http import Exchanges, NoAnswer, WholeResponse, normalized
from ..source import Backoff, Interruption, check_backoff, is_temporary
from ._answers import read_answers, refusal
from ._batches import batches_of
from ._token import Bearer, TokenSource
from ._update import Update

_log = Logger()

T = TypeVar("T")
R = TypeVar("R")

#: How many bytes the answer to one update may have, and to a line: an id, or an error.
_MAX_ANSWER = 64 * 1024
_MAX_LINE_ANSWER = 8 * 1024

#: Who publishes wants to know soon whether it worked; six attempts take about eight seconds, or as
#: long as the hub says, up to a minute each time.
DEFAULT_BACKOFF = Backoff(first=0.5, ceiling=15.0, max_server_delay=60.0)

_FORM = "application/x-www-form-urlencoded"
_JSON_LINES = "application/x-ndjson"

_CLOSED = "the publisher has been closed"


class Publisher:
    """
    Publishes to a Mercure hub::

        async with Publisher("https://hub.example/.well-known/mercure", reactor=reactor,
                             token=token) as publisher:
            id = await publisher.publish("https://example.com/books/1", "changed")
    """

    def __init__(
        self,
        hub_url: str,
        *,
        reactor: AnyReactor,
        token: TokenSource | None = None,
        client: HTTPClient | IAgent | None = None,
        timeout: float = 30.0,
        in_flight: int = 8,
        max_waiting: int = 10_000,
        attempts: int = 6,
        backoff: Backoff = DEFAULT_BACKOFF,
        knows_keys: bool = True,
        on_interruption: Callable[[Interruption], object] | None = None,
        jitter: Callable[[], float] = random,
    ) -> None:
        """
        :param token: A token that grants publishing, or what is asked for one before each request.
        :param client: What makes the requests; its own connections unless there is one.
        :param timeout: Seconds within which a request must be answered.
        :param in_flight: How many requests are on their way at a time.
        :param max_waiting: How many wait for their turn behind these; what is more fails at once.
        :param attempts: How often one request is sent at most.
        :param backoff: How long to wait in between, and at most where the hub says how long.
        :param knows_keys: Whether the hub knows ``Idempotency-Key``, as this one does.  If not,
            only what was certainly not published is sent again: where no connection was made, and
            after 429 and 503.
        :param on_interruption: Told before each wait for another attempt.  What it raises is
            logged, and changes nothing.
        :raises ValueError: If the URL is none of HTTP, or has a password in it; if the token can be
            none, or a number is not more than 0.
        """
        self._url = check_url(hub_url)
        for name, value in (("in_flight", in_flight), ("attempts", attempts)):
            if value < 1:
                raise ValueError(f"{name} must be 1 or more")
        check_backoff(backoff)
        self._clock: IReactorTime = reactor
        self._bearer = Bearer(token)
        self._exchanges = Exchanges(reactor, client, timeout=timeout, connections=in_flight)
        self._turns = DeferredSemaphore(in_flight)
        self._max_under_way = in_flight + max_waiting
        self._attempts = attempts
        self._backoff = backoff
        self._knows_keys = knows_keys
        self._takes_lines = True
        self._on_interruption = on_interruption
        self._jitter = jitter
        self._under_way: dict[Deferred[Any], None] = {}
        self._is_closed = False

    def publish(
        self,
        topics: str | Iterable[str],
        event: Event | str = "",
        *,
        private: bool = False,
        key: str | None = None,
    ) -> Deferred[str]:
        """
        Publish one update.  Those that are on their way at the same time may arrive in any order;
        where it matters, wait for one before the next, or use :meth:`publish_many`.

        :param topics: One, or several: the first is the canonical one.
        :param private: Whether only those may see it who were granted one of the topics.
        :param key: What this publication is called, ASCII of at most 255 characters, so that it can
            be asked for again by another process, too.  Chance makes one unless told otherwise.
        :returns: A Deferred that fires with the id once the hub has it safe, and fails with
            :class:`NotPublished`.  Cancelling it closes the connection; the hub may have published
            it nevertheless.
        :raises ValueError: Or ``TypeError``, if it can be no update.
        """
        update = Update(topics, event, private=private)
        return self._start(lambda: self._publish_form(update, key or uuid4().hex))

    def publish_many(self, updates: Iterable[Update]) -> Deferred[list[str | NotPublished]]:
        """
        Publish many updates, in order, up to a thousand by one request.  Those that the hub could
        not take at first (429, 503) come later than those behind them.

        :param updates: Drawn from while others are on their way; what it raises, this fails with.
        :returns: A Deferred that fires with what became of each: its id, or why it was not
            published.  It does not fail because of the hub; when all of a request is refused, the
            rest is not sent.  Cancelling it sends no more.
        """
        return self._start(lambda: self._publish_many(iter(updates)))

    def close(self) -> Deferred[None]:
        """
        Close its connections.  What is under way fails with :class:`NotPublished`.

        :returns: A Deferred that fires when they are closed.
        """
        self._is_closed = True
        while self._under_way:
            self._under_way.popitem()[0].cancel()
        return self._exchanges.close()

    async def __aenter__(self) -> "Publisher":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self, publish: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> Deferred[T]:
        if self._is_closed:
            return fail(NotPublished(_CLOSED))
        if len(self._under_way) >= self._max_under_way:
            return fail(NotPublished("too many publications are waiting for their turn"))

        async def published() -> T:
            was_its_turn = False
            try:
                await self._turns.acquire()
                was_its_turn = True
                try:
                    return await publish()
                finally:
                    self._turns.release()
            except CancelledError:
                if not self._is_closed:
                    raise
                raise NotPublished(_CLOSED, is_uncertain=was_its_turn) from None

        under_way = Deferred.fromCoroutine(published())
        if under_way.called:
            return under_way
        self._under_way[under_way] = None

        def over(result: R) -> R:
            self._under_way.pop(under_way, None)
            return result

        return under_way.addBoth(over)

    async def _publish_form(self, update: Update, key: str) -> str:
        answer = await self._send(update.form(), _FORM, key, _MAX_ANSWER)
        return answer.body.decode("utf-8", "replace")

    async def _publish_many(self, updates: Iterator[Update]) -> list[str | NotPublished]:
        results: list[str | NotPublished] = []
        expected = 0
        batches = batches_of(updates)
        for batch in batches:
            expected += len(batch)
            try:
                await self._publish_batch(batch, results)
            except NotPublished as problem:
                expected += sum(map(len, batches))
                results += [problem] * (expected - len(results))
        return results

    async def _publish_batch(
        self, batch: Sequence[Update], results: list[str | NotPublished]
    ) -> None:
        """
        Publish what fits into one request, and add what becomes of each.

        :raises NotPublished: If all that has no result fails together.
        """
        if self._takes_lines:
            before = len(results)
            try:
                await self._publish_lines(batch, results)
                return
            except NotPublished as problem:
                # Under another key, what may have been published would be published again.
                if problem.is_uncertain or len(results) > before:
                    raise
                if problem.status == 413:
                    await self._publish_less(batch, results, problem)
                    return
                if problem.status not in (400, 415):
                    raise
            # A hub that reads forms alone finds no topic in it, or says that this is no form.
            self._takes_lines = self._knows_keys = False
        await self._publish_forms(batch, results)

    async def _publish_less(
        self, batch: Sequence[Update], results: list[str | NotPublished], problem: NotPublished
    ) -> None:
        """
        Publish what was too much at a time, in halves.
        """
        if len(batch) == 1:
            problem.line = 1
            results.append(problem)
            return
        half = len(batch) // 2
        await self._publish_batch(batch[:half], results)
        await self._publish_batch(batch[half:], results)

    async def _publish_forms(
        self, batch: Sequence[Update], results: list[str | NotPublished]
    ) -> None:
        for number, update in enumerate(batch, 1):
            try:
                results.append(await self._publish_form(update, uuid4().hex))
            except NotPublished as problem:
                if problem.status not in (400, 403, 413):
                    raise
                problem.line = number
                results.append(problem)

    async def _publish_lines(
        self, batch: Sequence[Update], results: list[str | NotPublished]
    ) -> None:
        lines = [update.line() for update in batch]
        answered: dict[int, str | NotPublished] = {}
        key = uuid4().hex
        failures = 0
        while True:
            waiting = [index for index in range(len(lines)) if index not in answered]
            # The hub knows a line by the key and its number: those that are answered stay blank.
            body = b"".join(
                b"\n" if index in answered else line for index, line in enumerate(lines)
            )
            try:
                answer = await self._send(body, _JSON_LINES, key, _MAX_LINE_ANSWER * len(waiting))
                answers = read_answers(answer, waiting)
            except NotPublished as problem:
                if answered:  # which stays so, whatever has become of the others
                    results += [answered.get(index, problem) for index in range(len(lines))]
                raise
            refused = {}
            for index, result in answers.items():
                if isinstance(result, NotPublished) and _is_worth_another_try(result):
                    refused[index] = result
                else:
                    answered[index] = result
            failures = 1 if len(refused) < len(waiting) else failures + 1
            if refused and failures < self._attempts:
                await self._wait(max(refused.values(), key=_asked), failures)
                continue
            answered |= refused
            results += [answered[index] for index in range(len(lines))]
            return

    async def _send(self, body: bytes, media_type: str, key: str, max_bytes: int) -> WholeResponse:
        """
        Send a request until it is answered.

        :raises NotPublished: If that does not come to pass.
        """
        failures = 0
        is_uncertain = False
        while True:
            headers = {"Content-Type": media_type, "Idempotency-Key": key}
            headers |= await self._bearer.headers()
            try:
                answer = await self._exchanges.exchange(
                    "POST", self._url, headers, body, max_bytes=max_bytes
                )
                if 200 <= answer.status <= 299:
                    return answer
                problem = refusal(answer, self._clock.seconds())
            except NoAnswer as lost:
                problem = NotPublished(str(lost), is_uncertain=lost.was_sent)
            failures += 1
            is_uncertain |= problem.is_uncertain
            is_safe = self._knows_keys or not problem.is_uncertain
            if failures >= self._attempts or not (is_safe and _is_worth_another_try(problem)):
                problem.is_uncertain = is_uncertain
                raise problem
            await self._wait(problem, failures)

    async def _wait(self, problem: NotPublished, failures: int) -> None:
        delay = self._backoff.delay(failures, _asked(problem), self._jitter)
        if self._on_interruption is not None:
            try:
                self._on_interruption(Interruption(problem, failures, delay))
            except Exception:
                _log.failure("on_interruption failed")
        await deferLater(self._clock, delay)


def check_url(url: str) -> str:
    """
    Return the URL of a hub, as browsers write it and without its fragment.

    :raises ValueError: If it is none of HTTP, or has a name or a password in it.
    """
    return normalized(url).partition("#")[0]


def _is_worth_another_try(problem: NotPublished) -> bool:
    return problem.status is None or is_temporary(problem.status)


def _asked(problem: NotPublished) -> float:
    return problem.retry_after or 0.0
