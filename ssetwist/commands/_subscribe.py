"""
``python -m ssetwist subscribe``: write the events of a stream as they come.
"""

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.web.iweb import IAgent

from .._reactor import AnyReactor
from ..client import EventSource, Interruption, Opened, is_worth_another_try
from ..client.http import shown
from ..client.mercure import Bearer, Loss, loss_in, subscribe
from ..errors import Disconnected, NotAnEventStream, SSETwistError
from ..eventstream import Event
from ._options import add_token, positive, token_of, url_of
from ._status import StatusOutput
from ._terminal import Output, Terminal, escaped, escaped_json, has_colour

#: Seconds between two checks that the output is still read.
_CHECK_EVERY = 1.0

#: Characters of a server's words that are shown.
_MAX_SHOWN = 300

_EPILOG = """\
An interrupted stream is resumed where it was, with as many attempts as that takes;
--once and --attempts limit them. Messages are written to the standard error.

On a terminal events are written as text, with control characters as escapes. In a
pipe, or with --json, each line is an object:
{"type": "message", "id": "...", "data": "..."}; the id of an event without one is null.

exit status:
  0    as many events as --count says have come, the server said that this is the end
       (204), or with --once the stream has ended properly
  1    the server refused, did not answer with an event stream, or could not be reached
       in as many attempts as were allowed
  2    the command line is wrong
  130  interrupted from the keyboard; the process ends by that signal, and likewise by
       others, and by SIGPIPE (141) if nobody reads the output any more
"""


def add_subscribe(parser: ArgumentParser) -> None:
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "url", metavar="URL", help="an event stream; with --topic or --pattern, a Mercure hub"
    )
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TOPIC",
        help="a topic of a Mercure hub, * for all; repeatable",
    )
    parser.add_argument(
        "--pattern",
        action="append",
        default=[],
        metavar="PATTERN",
        help="a URL pattern of topics, such as /rooms/:room; repeatable",
    )
    parser.add_argument(
        "--legacy",
        action="store_true",
        help="for a hub that only speaks Mercure 0.x; patterns are then URI templates",
    )
    add_token(parser)
    parser.add_argument(
        "--since",
        default="",
        metavar="ID",
        help="begin after this event; 'earliest' for all kept ones",
    )
    format = parser.add_mutually_exclusive_group()
    format.add_argument("--json", action="store_true", help="write JSON, also on a terminal")
    format.add_argument("--text", action="store_true", help="write text, also in a pipe")
    parser.add_argument("--count", type=positive, metavar="N", help="end after N events")
    attempts = parser.add_mutually_exclusive_group()
    attempts.add_argument(
        "--once", action="store_true", help="do not reconnect when the stream ends"
    )
    attempts.add_argument(
        "--attempts", type=positive, metavar="N", help="give up after N failed attempts in a row"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="report only the final failure, and missed events"
    )


async def run_subscribe(
    arguments: Namespace, reactor: AnyReactor, terminal: Terminal, client: IAgent | None = None
) -> int:
    """
    Write events as they come.

    :param client: Makes the requests.  By default the command has connections of its own.
    :returns: The status of the process.
    :raises ValueError: If an option is wrong.
    :raises BrokenPipeError: If nobody reads the output any more.
    """
    output = Output(terminal.output, reactor)
    write = _writer(arguments, terminal)
    observer = _Observer(arguments, terminal)
    source = _source(arguments, observer, reactor=reactor, client=client)
    observer.write_status(f"connecting to {shown(arguments.url)}")

    def check() -> None:
        if not output.is_read():
            source.close()

    checking = LoopingCall(check)
    checking.clock = reactor
    checking.start(_CHECK_EVERY)
    left = arguments.count
    try:
        async for event in source:
            observer.see(event)
            await output.write(write(event))
            if left is not None:
                left -= 1
                if not left:
                    return 0
        if not output.is_read():
            raise BrokenPipeError
        return 0
    except SSETwistError as problem:
        return observer.end(problem)
    finally:
        checking.stop()
        await source.close()


class _Observer:
    """
    Observer of the stream: it reports what happens, and decides on another attempt.
    """

    def __init__(self, arguments: Namespace, terminal: Terminal) -> None:
        self._arguments = arguments
        self.write_status = StatusOutput(terminal, is_quiet=arguments.quiet).write
        self._is_mercure = bool(arguments.topic or arguments.pattern)
        self._failures = 0

    def opened(self, opened: Opened) -> None:
        self._failures = 0
        self.write_status("open")

    def interrupted(self, interruption: Interruption) -> None:
        self.write_status(
            f"interrupted: {_reason_of(interruption.problem)}; "
            f"next attempt in {interruption.delay:.1f} s"
        )

    def lost(self, loss: Loss) -> None:
        self.write_status(f"events were missed: {loss}", is_urgent=True)

    def see(self, event: Event) -> None:
        """
        Look for the report of a gap.  Our streams without Mercure also report gaps.
        """
        if not self._is_mercure and (loss := loss_in(event)):
            self.lost(loss)

    def may_try_again(self, problem: SSETwistError) -> bool:
        self._failures += 1
        limit = self._arguments.attempts
        is_enough = self._arguments.once or (limit is not None and self._failures >= limit)
        return not is_enough and is_worth_another_try(problem)

    def end(self, problem: SSETwistError) -> int:
        """
        Report the failure that ended the source, and return the status of the process.
        """
        if self._arguments.once and isinstance(problem, Disconnected) and problem.is_clean:
            return 0
        self.write_status(_reason_of(problem), is_urgent=True)
        misses_topic = (
            isinstance(problem, NotAnEventStream)
            and problem.status == 400
            and b"topic" in problem.body
        )
        if misses_topic and self._is_mercure and not self._arguments.legacy:
            self.write_status("(a hub of Mercure 0.x needs --legacy)", is_urgent=True)
        return 1


def _source(arguments: Namespace, observer: _Observer, **options: Any) -> EventSource:
    url = url_of(arguments.url)
    token = token_of(arguments.token)
    options |= {
        "policy": observer.may_try_again,
        "on_open": observer.opened,
        "on_interruption": observer.interrupted,
    }
    if arguments.topic or arguments.pattern:
        return subscribe(
            url,
            arguments.topic,
            patterns=arguments.pattern,
            token=token,
            legacy=arguments.legacy,
            since=arguments.since,
            on_loss=observer.lost,
            **options,
        )
    if arguments.legacy:
        raise ValueError("--legacy: it needs --topic or --pattern")
    if token is not None:
        options["fresh_headers"] = Bearer(token).headers
    return EventSource(url, last_event_id=arguments.since, **options)


def _writer(arguments: Namespace, terminal: Terminal) -> Callable[[Event], str]:
    if arguments.json or not (arguments.text or terminal.output.isatty()):
        return json_line
    is_coloured = has_colour(terminal.output)
    return lambda event: readable(event, is_coloured=is_coloured)


def json_line(event: Event) -> str:
    fields = {"type": event.type, "id": event.id, "data": event.data}
    return escaped_json(json.dumps(fields, ensure_ascii=False)) + "\n"


def readable(event: Event, *, is_coloured: bool = False) -> str:
    """
    Return an event as text: a line with its type and id, its data, and a blank line.
    """
    head = escaped(f"{event.type}  {event.id or ''}".rstrip())
    if is_coloured:
        head = f"\x1b[1;36m{head}\x1b[0m"
    # Only LF: the parser has replaced other line breaks.
    lines = [escaped(line) for line in event.data.split("\n")]
    return "\n".join([head, *lines, "", ""])


def _reason_of(problem: SSETwistError) -> str:
    """
    Return a failure in words, with the server's own if these are text.
    """
    text = str(problem).rstrip(".")
    if not isinstance(problem, NotAnEventStream):
        return text
    is_readable = problem.headers.get("content-type", "").startswith(("text/plain", "application/"))
    said = problem.body[: 4 * _MAX_SHOWN].decode("utf-8", "replace").strip()[:_MAX_SHOWN]
    return f"{text}: {said}" if is_readable and said else text
