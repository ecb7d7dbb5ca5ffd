"""
``python -m ssetwist publish``: publish an event, or each line of the input.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

from twisted.web.iweb import IAgent

from .._reactor import AnyReactor
from ..client import Interruption, Publisher, Update
from ..errors import NotPublished
from ..eventstream import DEFAULT_TYPE
from ._lines import Lines
from ._options import add_token, positive, token_of, url_of
from ._publish_lines import PublishedLines, reason_of
from ._status import StatusOutput
from ._terminal import Input, Output, Terminal, escaped
from ._update_maker import UpdateMaker

_EPILOG = """\
Without DATA each line of the standard input is an event, also an empty line. Lines are
sent together, up to 1000 in one request, as fast as the hub takes them; lines that come
one by one are sent one by one. A hub that does not take many at once gets single ones.

A request without an answer, or with 429 or 5xx, is sent again with the same
Idempotency-Key, after as long as the hub says. A hub that knows these keys, such as
ssetwist, does not publish the event twice, unless it was restarted in between, or has
taken 50 000 others. For other hubs use --at-most-once.

The id of DATA is written to the standard output, the ids of lines with --ids. Failures
and their reasons are written to the standard error.
A line that cannot be an event does not stop the others. When a request is refused, or
not answered, later lines are not sent, and a message names the last line that was.

exit status:
  0    everything is published
  1    something is not published, or may not be
  2    the command line is wrong
  130  interrupted from the keyboard; the process ends by that signal, and likewise by
       others, and by SIGPIPE (141) if nobody reads the output any more
"""


def add_publish(parser: ArgumentParser) -> None:
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("url", metavar="URL", help="a Mercure hub")
    parser.add_argument(
        "data", metavar="DATA", nargs="?", help="the data of one event; without it lines are read"
    )
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TOPIC",
        help="the topic to publish to; repeatable, the first is the canonical one",
    )
    add_token(parser)
    parser.add_argument(
        "--private", action="store_true", help="only for subscribers with a grant for a topic"
    )
    parser.add_argument("--type", default=DEFAULT_TYPE, help="the type of the events")
    parser.add_argument("--id", help="the id of the event; only with DATA")
    parser.add_argument(
        "--retry", type=int, metavar="MS", help="the client's reconnection time, in milliseconds"
    )
    parser.add_argument(
        "--key",
        help="the Idempotency-Key of this publication: running the command again with the same key "
        "does not publish again; only with DATA",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="each line is an object, as subscribe writes them: data, which may be any JSON, and "
        "optionally type, id, retry, private and topic",
    )
    parser.add_argument("--ids", action="store_true", help="write the id of each line")
    parser.add_argument(
        "--in-flight",
        type=positive,
        default=1,
        metavar="N",
        help="requests under way at a time; the default, 1, keeps the order; more are faster if "
        "the hub is far away",
    )
    parser.add_argument(
        "--attempts",
        type=positive,
        default=6,
        metavar="N",
        help="attempts of one request, at most; by default 6",
    )
    parser.add_argument(
        "--at-most-once", action="store_true", help="do not repeat what may have been published"
    )
    parser.add_argument("--quiet", action="store_true", help="report only failures")


async def run_publish(
    arguments: Namespace, reactor: AnyReactor, terminal: Terminal, client: IAgent | None = None
) -> int:
    """
    Publish as the command line says.

    :param client: Makes the requests.  By default the command has connections of its own.
    :returns: The status of the process.
    :raises ValueError: If an option is wrong.
    :raises BrokenPipeError: If nobody reads the output any more.
    """
    if not arguments.topic and not (arguments.json and arguments.data is None):
        raise ValueError("--topic: it is missing")
    if arguments.data is None:
        for name in ("id", "key"):
            if getattr(arguments, name) is not None:
                raise ValueError(f"--{name}: give DATA with it; all lines would have the same")
    elif arguments.json:
        raise ValueError("--json: it is for lines; leave DATA out")
    update_maker = UpdateMaker(arguments)
    status = StatusOutput(terminal, is_quiet=arguments.quiet)

    def interrupted(interruption: Interruption) -> None:
        problem = str(interruption.problem).rstrip(".")
        status.write(f"{problem}; next attempt in {interruption.delay:.1f} s")

    publisher = Publisher(
        url_of(arguments.url),
        reactor=reactor,
        token=token_of(arguments.token),
        client=client,
        in_flight=arguments.in_flight,
        attempts=arguments.attempts,
        knows_keys=not arguments.at_most_once,
        on_interruption=interrupted,
    )
    output = Output(terminal.output, reactor)
    async with publisher:
        if arguments.data is not None:
            update = update_maker.of_data(arguments.data)
            return await _publish_one(publisher, update, arguments.key, output, status)
        if terminal.input.isatty():
            status.write("each line is an event; end with Ctrl-D")
        lines = Lines(Input(terminal.input, reactor))
        published = PublishedLines(
            reactor,
            publisher,
            update_maker,
            output,
            status,
            lines,
            in_flight=arguments.in_flight,
            writes_ids=arguments.ids,
        )
        return await published.publish()


async def _publish_one(
    publisher: Publisher, update: Update, key: str | None, output: Output, status: StatusOutput
) -> int:
    try:
        id = await publisher.publish(update.topics, update.event, private=update.private, key=key)
    except NotPublished as problem:
        status.write(f"not published: {reason_of(problem)}", is_urgent=True)
        return 1
    await output.write(f"{escaped(id)}\n")
    return 0
