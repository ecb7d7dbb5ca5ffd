"""
Publishing of lines: many in one request, and as fast as the hub takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, DeferredQueue, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from ..client import Publisher
from ..client.mercure import MAX_LINES
from ..errors import NotPublished
from ._lines import MAX_LINE, Lines
from ._status import StatusOutput
from ._terminal import Output, escaped
from ._update_maker import UpdateMaker

#: Seconds between two displays of the progress.
_PROGRESS_EVERY = 0.25


@dataclass(slots=True)
class _Sent:
    """
    Lines that have been sent.

    :ivar wrong: Problems of lines that are not updates, by their numbers.
    :ivar answer: The results of the other lines.
    """

    numbers: list[int]
    wrong: dict[int, NotPublished]
    answer: Deferred[list[str | NotPublished]]


@dataclass
class PublishedLines:
    """
    The publication of all lines of the input.

    :ivar in_flight: Requests that are under way at a time, at most.
    :ivar writes_ids: True to write the id of each line.
    """

    reactor: IReactorTime
    publisher: Publisher
    update_maker: UpdateMaker
    output: Output
    status: StatusOutput
    lines: Lines
    in_flight: int
    writes_ids: bool
    _sent: DeferredQueue[_Sent | Failure | None] = field(default_factory=DeferredQueue)
    _published: int = 0
    _failed: int = 0

    def __post_init__(self) -> None:
        self._turns = DeferredSemaphore(self.in_flight)
        self._began = self.reactor.seconds()

    async def publish(self) -> int:
        """
        Publish all lines.

        :returns: The status of the process.
        """
        progress = LoopingCall(lambda: self.status.progress(self._summary()))
        progress.clock = self.reactor
        if self.status.has_progress:
            progress.start(_PROGRESS_EVERY, now=False)
        sending = Deferred.fromCoroutine(self._send())
        sending.addErrback(self._sent.put)
        last = 0
        is_stopped = leaves_some = False
        try:
            while sent := await self._sent.get():
                if isinstance(sent, Failure):
                    sent.raiseException()
                last = sent.numbers[-1]
                if not await self._finish(sent) and not is_stopped:
                    is_stopped = True
                    leaves_some = self.lines.has_more
                    self.lines.stop()
                # Not before the answer: the hub may refuse the next lines for the same reason.
                self._turns.release()
        finally:
            if progress.running:
                progress.stop()
            self.status.wipe()
            self.lines.stop()
            for left in self._sent.pending:
                if isinstance(left, _Sent):  # its answer is not needed any more
                    left.answer.addErrback(lambda _: None)
        if leaves_some:
            self.status.write(f"the lines after line {last} were not sent", is_urgent=True)
        self.status.write(self._summary())
        return 1 if self._failed else 0

    async def _send(self) -> None:
        while True:
            # Wait for a turn before taking lines: those that come meanwhile are sent together.
            await self._turns.acquire()
            lines = await self.lines.take(MAX_LINES)
            if not lines:
                break
            updates = []
            wrong = {}
            for number, line in lines:
                try:
                    if line is None:
                        raise ValueError(f"it is longer than {MAX_LINE} bytes")
                    updates.append(self.update_maker.of_line(line))
                except ValueError as problem:
                    wrong[number] = NotPublished(str(problem))
            answer = self.publisher.publish_many(updates)
            self._sent.put(_Sent([number for number, _ in lines], wrong, answer))
        self._sent.put(None)

    async def _finish(self, sent: _Sent) -> bool:
        """
        Wait for the answer to some lines, and report it.

        :returns: True if later lines may be published.
        """
        answers = iter(await sent.answer)
        results = [sent.wrong.get(number) or next(answers) for number in sent.numbers]
        ids = [result for result in results if isinstance(result, str)]
        self._published += len(ids)
        self._failed += len(results) - len(ids)
        if self.writes_ids:
            await self.output.write("".join(f"{escaped(id)}\n" for id in ids))
        self._report_failures(list(zip(sent.numbers, results, strict=True)))
        return not any(
            isinstance(result, NotPublished)
            and result.line is None
            and sent.wrong.get(number) is not result
            for number, result in zip(sent.numbers, results, strict=True)
        )

    def _report_failures(self, results: Sequence[tuple[int, str | NotPublished]]) -> None:
        """
        Report lines that were not published; lines that failed together are one report.
        """
        first = 0
        while first < len(results):
            number, problem = results[first]
            last = first
            while last + 1 < len(results) and results[last + 1][1] is problem:
                last += 1
            if isinstance(problem, NotPublished):
                which = (
                    f"line {number}" if last == first else f"lines {number} to {results[last][0]}"
                )
                self.status.write(f"{which}: {reason_of(problem)}", is_urgent=True)
            first = last + 1

    def _summary(self) -> str:
        seconds = self.reactor.seconds() - self._began
        rate = f" ({self._published / seconds:.0f}/s)" if seconds > 0 else ""
        failed = f", {self._failed} were not" if self._failed else ""
        return f"published {self._published} events in {seconds:.1f} s{rate}{failed}"


def reason_of(problem: NotPublished) -> str:
    text = str(problem).rstrip(".")
    if problem.is_uncertain:
        text += "; it may have been published nevertheless"
    return text
