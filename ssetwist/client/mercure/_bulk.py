"""
Publishing of many updates: lines of JSON in few requests, and forms for a hub that reads no lines.

A hub knows a line by the key of its request and the line's number.  So a line that may have been
published under one key is never sent under another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from ...errors import NotPublished
from ._answers import of_line, read_answers
from ._requests import HubRequests, may_succeed_later
from ._update import Update

#: Lines of a batch, at most: our hub does not take more in one request.
MAX_LINES = 1000

#: Bytes of a batch, at most: half of what our hub takes by default.  A larger update goes alone.
MAX_BATCH = 512 * 1024

#: The id of an update, or the reason why it was not published.
Result = str | NotPublished


def batches_of(updates: Iterator[Update]) -> Iterator[list[Update]]:
    """
    Cut updates into batches.

    :raises TypeError: If one is not an :class:`Update`, but a pair, say.
    """
    batch: list[Update] = []
    size = 0
    for update in updates:
        if not isinstance(update, Update):
            raise TypeError(f"each must be an Update, not {type(update).__name__}")
        # Roughly the bytes of its line.
        length = 64 + len(update.event.data.encode()) + sum(map(len, update.topics))
        if batch and (len(batch) >= MAX_LINES or size + length > MAX_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += length
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    Results of some updates, one for each and in their order.

    :ivar refusal: The reason why no more is to be sent, if there is one.  It is also the result of
        each update that it kept from being sent.
    """

    results: list[Result]
    refusal: NotPublished | None = None


class BulkPublisher:
    """
    Publisher of many updates.  It remembers if the hub reads lines.
    """

    def __init__(self, requests: HubRequests) -> None:
        self._requests = requests
        self._takes_lines = True

    async def publish(self, updates: Iterator[Update]) -> list[Result]:
        return (await self._publish_batches(batches_of(updates))).results

    async def _publish_batches(self, batches: Iterator[Sequence[Update]]) -> Outcome:
        results: list[Result] = []
        for batch in batches:
            outcome = await self._publish_batch(batch)
            results += outcome.results
            if outcome.refusal is not None:
                results += [outcome.refusal] * sum(map(len, batches))
                return Outcome(results, outcome.refusal)
        return Outcome(results)

    async def _publish_batch(self, batch: Sequence[Update]) -> Outcome:
        if not self._takes_lines:
            return await self._publish_forms(batch)
        try:
            return await self._publish_lines(batch)
        except NotPublished as problem:
            refusal = problem
        if refusal.status == 413 and not refusal.is_uncertain:
            return await self._publish_halves(batch, refusal)
        if refusal.status in (400, 415) and not refusal.is_uncertain:
            # A hub that reads only forms finds no topic in the lines, or refuses their media type.
            self._takes_lines = self._requests.knows_keys = False
            return await self._publish_forms(batch)
        return Outcome([refusal] * len(batch), refusal)

    async def _publish_halves(self, batch: Sequence[Update], refusal: NotPublished) -> Outcome:
        if len(batch) == 1:
            return Outcome([of_line(refusal, 1)])
        half = len(batch) // 2
        return await self._publish_batches(iter((batch[:half], batch[half:])))

    async def _publish_forms(self, batch: Sequence[Update]) -> Outcome:
        results: list[Result] = []
        for number, update in enumerate(batch, 1):
            try:
                results.append(await self._requests.publish_form(update, uuid4().hex))
            except NotPublished as problem:
                if problem.status not in (400, 403, 413):
                    return Outcome(results + [problem] * (len(batch) - len(results)), problem)
                results.append(of_line(problem, number))
        return Outcome(results)

    async def _publish_lines(self, batch: Sequence[Update]) -> Outcome:
        """
        Publish a batch by one request, and send lines that the hub could not take again.

        :raises NotPublished: If the hub has not answered any line.
        """
        lines = [update.line() for update in batch]
        answered: dict[int, Result] = {}
        key = uuid4().hex
        failures = 0
        while waiting := [index for index in range(len(lines)) if index not in answered]:
            # Answered lines stay blank, so that the others keep their numbers.
            body = b"".join(b"\n" if at in answered else line for at, line in enumerate(lines))
            try:
                answer = await self._requests.publish_lines(body, key, len(waiting))
                answers = read_answers(answer, waiting)
            except NotPublished as problem:
                if not answered:
                    raise
                results = [answered.get(index, problem) for index in range(len(lines))]
                return Outcome(results, problem)
            refused = {
                index: result
                for index, result in answers.items()
                if isinstance(result, NotPublished) and may_succeed_later(result)
            }
            failures = 1 if len(refused) < len(waiting) else failures + 1
            if not refused or failures >= self._requests.attempts:
                answered |= answers
                continue
            answered |= {index: answers[index] for index in waiting if index not in refused}
            longest = max(refused.values(), key=lambda one: one.retry_after or 0.0)
            await self._requests.wait(longest, failures)
        return Outcome([answered[index] for index in range(len(lines))])
