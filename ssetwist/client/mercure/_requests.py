"""
Requests that publish to a hub.  Each is sent again until the hub answers 2xx, or another attempt is
not safe, not worth it, or one too many.
"""

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ...clock import date_of
from ...errors import NotPublished
from ..http import Exchanges, NoAnswer, WholeResponse
from ..source import Backoff, Interruption, call_hook, is_temporary
from ._answers import refusal
from ._token import Bearer
from ._update import Update

#: Limits of an answer, in bytes: to one update, and to each line.  An answer is an id, or an error.
_MAX_ANSWER = 64 * 1024
_MAX_LINE_ANSWER = 8 * 1024

_FORM = "application/x-www-form-urlencoded"
_JSON_LINES = "application/x-ndjson"


@dataclass(slots=True)
class HubRequests:
    """
    Requests to one hub.  The options are described in :class:`Publisher`.

    :ivar knows_keys: If false, a request is sent again only if it was certainly not published.
    """

    url: str
    exchanges: Exchanges
    bearer: Bearer
    clock: IReactorTime
    attempts: int
    backoff: Backoff
    jitter: Callable[[], float]
    on_interruption: Callable[[Interruption], object] | None
    knows_keys: bool

    async def publish_form(self, update: Update, key: str) -> str:
        """
        Publish one update, and return its id.

        :raises NotPublished: If the hub has not said that it published the update.
        """
        answer = await self._send(update.form(), _FORM, key, _MAX_ANSWER)
        return answer.body.decode("utf-8", "replace")

    async def publish_lines(self, body: bytes, key: str, count: int) -> WholeResponse:
        """
        Publish lines, and return the answer.

        :param count: Lines that are not blank; each has its line in the answer.
        :raises NotPublished: If the hub refuses the whole request, or does not answer it.
        """
        return await self._send(body, _JSON_LINES, key, _MAX_LINE_ANSWER * count)

    async def wait(self, problem: NotPublished, failures: int) -> None:
        """
        Report the next attempt, and wait until its time has come.

        :param failures: Attempts in a row that have failed.
        """
        delay = self.backoff.delay(failures, problem.retry_after or 0.0, self.jitter)
        call_hook(self.on_interruption, Interruption(problem, failures, delay), url=self.url)
        await deferLater(self.clock, delay)

    async def _send(self, body: bytes, media_type: str, key: str, max_bytes: int) -> WholeResponse:
        failures = 0
        is_uncertain = False
        while True:
            headers = {"Content-Type": media_type, "Idempotency-Key": key}
            try:
                headers |= await self.bearer.headers_for(self.exchanges)
                answer = await self.exchanges.exchange(
                    "POST", self.url, headers, body, max_bytes=max_bytes
                )
                if 200 <= answer.status <= 299:
                    return answer
                problem = refusal(answer, date_of(self.clock)(), is_uncertain=is_uncertain)
            except NoAnswer as lost:
                problem = NotPublished(str(lost), is_uncertain=is_uncertain or lost.was_sent)
            failures += 1
            is_uncertain = problem.is_uncertain
            is_safe = self.knows_keys or not is_uncertain
            if failures >= self.attempts or not (is_safe and may_succeed_later(problem)):
                raise problem
            await self.wait(problem, failures)


def may_succeed_later(problem: NotPublished) -> bool:
    """
    Check whether another attempt may succeed: after a lost answer, and after 429 and 5xx.
    """
    return problem.status is None or is_temporary(problem.status)
