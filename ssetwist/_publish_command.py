"""
What ``python -m ssetwist publish`` does: publish what it is given, or each line of its input.
"""

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue, DeferredSemaphore
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from ._client_options import add_token, positive, token_of
from ._lines import MAX_LINE, Lines
from ._terminal import Input, Output, Terminal, harmless, has_colour
from .client import Interruption
from .client._publisher import MAX_LINES, Publisher
from .client._update import Update
from .errors import InvalidEvent, NotPublished
from .eventstream import DEFAULT_TYPE, Event

#: Seconds between two looks at how far it is.
_PROGRESS_EVERY = 0.25

_EPILOG = """\
Without DATA each line of the standard input is an event, an empty one too. Lines are
sent together, up to 1000 by one request, as fast as the hub takes them; those that come
one by one are sent one by one. A hub that does not take many at once gets them singly.

A request whose answer is lost is sent again with the same Idempotency-Key, and so are
429 and 5xx, after as long as the hub says: nothing is published twice by a hub that
knows these keys, as ssetwist does. For others there is --at-most-once.

The id of DATA is written to the standard output, those of lines with --ids; what was
not published, and why, to the standard error.

exit status:
  0    all is published
  1    some of it is not, or may not be
  2    the command line makes no sense
  130  interrupted from the keyboard, by that very signal; so with other signals, and
       with SIGPIPE (141) if who reads the output has gone
"""


def add_publish(parser: ArgumentParser) -> None:
    """
    Add what ``publish`` can be told.
    """
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("url", metavar="URL", help="a Mercure hub")
    parser.add_argument(
        "data", metavar="DATA", nargs="?", help="the data of one event; else lines are read"
    )
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TOPIC",
        help="what to publish to; repeatable, the first is the canonical one",
    )
    add_token(parser)
    parser.add_argument(
        "--private", action="store_true", help="only for those who were granted one of the topics"
    )
    parser.add_argument("--type", default=DEFAULT_TYPE, help="the type of the events")
    parser.add_argument("--id", help="the id of the event; only with DATA")
    parser.add_argument(
        "--retry",
        type=int,
        metavar="MS",
        help="milliseconds after which who lost the stream comes back",
    )
    parser.add_argument(
        "--key",
        help="what this publication is called (Idempotency-Key): running the command again "
        "with the same key publishes nothing more; only with DATA",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="each line is an object, as subscribe writes them: data, which may be any JSON, and "
        "if they are there type, id, retry, private and topic",
    )
    parser.add_argument("--ids", action="store_true", help="write the id of each line")
    parser.add_argument(
        "--in-flight",
        type=positive,
        default=1,
        metavar="N",
        help="how many requests are on their way at a time; 1, which keeps the order, unless told "
        "otherwise; more are faster if the hub is far",
    )
    parser.add_argument(
        "--attempts",
        type=positive,
        default=6,
        metavar="N",
        help="how often one request is sent at most; 6 unless told otherwise",
    )
    parser.add_argument(
        "--at-most-once",
        action="store_true",
        help="for hubs that do not know Idempotency-Key: do not send again what may have been "
        "published",
    )
    parser.add_argument("--quiet", action="store_true", help="tell only what is not published")


async def run_publish(
    arguments: Namespace, reactor: Any, terminal: Terminal, client: IAgent | None = None
) -> int:
    """
    Publish.

    :param reactor: A clock, and what can connect.  No one interface has both.
    :param client: What makes the requests; its own connections unless there is one.
    :returns: The status of the process.
    :raises ValueError: If the options make no sense.
    :raises BrokenPipeError: If nobody reads what is written any more.
    """
    if not arguments.topic and not (arguments.json and arguments.data is None):
        raise ValueError("--topic: there must be one")
    if arguments.data is None:
        for name in ("id", "key"):
            if getattr(arguments, name) is not None:
                raise ValueError(f"--{name}: there is no DATA, and all lines would have the same")
    elif arguments.json:
        raise ValueError("--json: it is for lines, and there is DATA")
    made = _Maker(arguments)
    telling = _Telling(arguments, terminal)
    publisher = Publisher(
        arguments.url,
        reactor=reactor,
        token=token_of(arguments.token),
        client=client,
        in_flight=arguments.in_flight,
        attempts=arguments.attempts,
        knows_keys=not arguments.at_most_once,
        on_interruption=telling.interrupted,
    )
    output = Output(terminal.output, reactor)
    async with publisher:
        if arguments.data is not None:
            update = made.of_data(arguments.data)
            return await _publish_one(publisher, update, arguments.key, output, telling)
        if terminal.input.isatty():
            telling.tell("each line is an event; Ctrl-D ends them")
        lines = Lines(Input(terminal.input, reactor))
        stream = _Stream(arguments, reactor, publisher, made, output, telling, lines)
        return await stream.publish()


async def _publish_one(
    publisher: Publisher, update: Update, key: str | None, output: Output, telling: "_Telling"
) -> int:
    try:
        id = await publisher.publish(update.topics, update.event, private=update.private, key=key)
    except NotPublished as problem:
        telling.tell(f"not published: {_words(problem)}", is_urgent=True)
        return 1
    await output.write(f"{harmless(id)}\n")
    return 0


class _Maker:
    """
    Makes updates, by the command line.
    """

    def __init__(self, arguments: Namespace) -> None:
        self._topics: Sequence[str] = arguments.topic
        self._arguments = arguments
        self._check()

    def of_data(self, data: str) -> Update:
        """
        Make one of the argument.
        """
        told = self._arguments
        event = Event(data, type=told.type, id=told.id, retry=told.retry)
        return Update(self._topics, event, private=told.private)

    def of_line(self, line: bytes) -> Update:
        """
        Make one of a line.

        :raises ValueError: If it can be none; the text says why.
        """
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise ValueError("it is not in UTF-8") from None
        return self._of_json(text) if self._arguments.json else self.of_data(text)

    def _check(self) -> None:
        """
        Complain of the command line now, and not of each line.
        """
        told = self._arguments
        try:
            Event(type=told.type, id=told.id, retry=told.retry)
        except InvalidEvent as problem:
            raise ValueError(f"--{problem.field}: {problem}") from None
        if self._topics:
            Update(self._topics)

    def _of_json(self, text: str) -> Update:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON") from None
        if not isinstance(said, dict):
            raise ValueError("it is no JSON object")
        told = self._arguments
        id = said.get("id")
        if isinstance(id, str) and id.startswith("#"):
            id = None  # what another hub called it; no other may use such ids
        fields = {
            "type": told.type if said.get("type") is None else said["type"],
            "id": id,
            "retry": said.get("retry", told.retry),
        }
        data = said.get("data", "")
        try:
            event = (
                Event(data, **fields) if isinstance(data, str) else Event.with_json(data, **fields)
            )
            return Update(
                said.get("topic") or self._topics,
                event,
                private=bool(said.get("private", told.private)),
            )
        except TypeError as problem:
            raise ValueError(str(problem)) from None


class _Telling:
    """
    Tells how far it is, and what went wrong.
    """

    def __init__(self, arguments: Namespace, terminal: Terminal) -> None:
        self._terminal = terminal
        self._is_quiet = arguments.quiet
        self._is_coloured = has_colour(terminal.errors)
        self.has_progress = terminal.errors.isatty() and not arguments.quiet
        self._width = 0

    def tell(self, text: str, *, is_urgent: bool = False) -> None:
        """
        Tell something, unless it was asked to be quiet about it.
        """
        if self._is_quiet and not is_urgent:
            return
        self.wipe()
        text = harmless(text)
        if self._is_coloured:
            text = f"\x1b[{31 if is_urgent else 2}m{text}\x1b[0m"
        self._terminal.tell(text)

    def progress(self, text: str) -> None:
        """
        Tell how far it is, in place of what was told before.
        """
        self._terminal.tell(f"\r{text:<{self._width}}", end="")
        self._width = len(text)

    def interrupted(self, interruption: Interruption) -> None:
        """
        A request has failed, and will be sent again.
        """
        problem = str(interruption.problem).rstrip(".")
        self.tell(f"{problem}; next attempt in {interruption.delay:.1f} s")

    def wipe(self) -> None:
        """
        Take away what was told of how far it is.
        """
        if self._width:
            self._terminal.tell(f"\r{'':<{self._width}}\r", end="")
            self._width = 0


@dataclass(slots=True)
class _Sent:
    """
    Lines that are on their way.

    :ivar numbers: Of the lines; those that are no update have their problem in the results.
    """

    numbers: list[int]
    wrong: dict[int, NotPublished]
    answer: Deferred[list[str | NotPublished]]


class _Stream:
    """
    Publishes lines as long as they come.
    """

    def __init__(
        self,
        arguments: Namespace,
        reactor: Any,  # a clock
        publisher: Publisher,
        made: _Maker,
        output: Output,
        telling: _Telling,
        lines: Lines,
    ) -> None:
        self._writes_ids = arguments.ids
        self._reactor = reactor
        self._publisher = publisher
        self._made = made
        self._output = output
        self._telling = telling
        self._lines = lines
        self._turns = DeferredSemaphore(arguments.in_flight)
        self._sent: DeferredQueue[_Sent | Failure | None] = DeferredQueue()
        self._published = 0
        self._failed = 0
        self._began = reactor.seconds()

    async def publish(self) -> int:
        """
        Publish all lines.

        :returns: The status of the process.
        """
        progress = LoopingCall(self._show_progress)
        progress.clock = self._reactor
        if self._telling.has_progress:
            progress.start(_PROGRESS_EVERY, now=False)
        sending = Deferred.fromCoroutine(self._send())
        sending.addErrback(self._sent.put)
        try:
            while sent := await self._sent.get():
                if isinstance(sent, Failure):
                    sent.raiseException()
                if not await self._finish(sent):
                    self._lines.stop()
                # Not before: what comes next may be in vain.
                self._turns.release()
        finally:
            if progress.running:
                progress.stop()
            self._telling.wipe()
            self._lines.stop()
            sending.cancel()
            for left in self._sent.pending:
                if isinstance(left, _Sent):  # nobody waits for it any more
                    left.answer.addErrback(lambda _: None)
        self._telling.tell(self._summary())
        return 1 if self._failed else 0

    async def _send(self) -> None:
        while True:
            # The turn first: what comes while it is waited for goes together.
            await self._turns.acquire()
            lines = await self._lines.take(MAX_LINES)
            if not lines:
                break
            updates = []
            wrong = {}
            for number, line in lines:
                try:
                    if line is None:
                        raise ValueError(f"it is longer than {MAX_LINE} bytes")
                    updates.append(self._made.of_line(line))
                except ValueError as problem:
                    wrong[number] = NotPublished(str(problem))
            answer = self._publisher.publish_many(updates)
            self._sent.put(_Sent([number for number, _ in lines], wrong, answer))
        self._sent.put(None)

    async def _finish(self, sent: _Sent) -> bool:
        """
        Wait for the answer to some lines, and tell it.

        :returns: Whether others may fare better.
        """
        answers = iter(await sent.answer)
        results = [sent.wrong.get(number) or next(answers) for number in sent.numbers]
        ids = [result for result in results if isinstance(result, str)]
        self._published += len(ids)
        self._failed += len(results) - len(ids)
        if self._writes_ids:
            await self._output.write("".join(f"{harmless(id)}\n" for id in ids))
        self._tell_failures(list(zip(sent.numbers, results, strict=True)))
        return not any(
            isinstance(result, NotPublished)
            and result.line is None
            and sent.wrong.get(number) is not result
            for number, result in zip(sent.numbers, results, strict=True)
        )

    def _tell_failures(self, results: Sequence[tuple[int, str | NotPublished]]) -> None:
        """
        Tell what was not published; neighbours that failed together are told together.
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
                self._telling.tell(f"{which}: {_words(problem)}", is_urgent=True)
            first = last + 1

    def _show_progress(self) -> None:
        self._telling.progress(self._summary())

    def _summary(self) -> str:
        seconds = self._reactor.seconds() - self._began
        rate = f" ({self._published / seconds:.0f}/s)" if seconds > 0 else ""
        failed = f", {self._failed} were not" if self._failed else ""
        return f"published {self._published} events in {seconds:.1f} s{rate}{failed}"


def _words(problem: NotPublished) -> str:
    text = str(problem).rstrip(".")
    if problem.is_uncertain:
        text += "; it may have been published nevertheless"
    return text
