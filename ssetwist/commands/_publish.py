"""
What ``python -m ssetwist publish`` does: publish what it is given, or each line of its input.
"""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

from twisted.web.iweb import IAgent

from .._reactor import AnyReactor
from ..client import Interruption, Publisher, Update
from ..errors import NotPublished
from ..eventstream import DEFAULT_TYPE
from ._lines import Lines
from ._options import add_token, positive, token_of, url_of
from ._publish_lines import PublishedLines, words
from ._status import StatusOutput
from ._terminal import Input, Output, Terminal, escaped
from ._update_maker import UpdateMaker

_EPILOG = """\
Without DATA each line of the standard input is an event, an empty one too. Lines are
sent together, up to 1000 by one request, as fast as the hub takes them; those that come
one by one are sent one by one. A hub that does not take many at once gets them singly.

A request whose answer is lost is sent again with the same Idempotency-Key, and so are
429 and 5xx, after as long as the hub says: nothing is published twice by a hub that
knows these keys, as ssetwist does, unless it was restarted in between, or has taken
50 000 others. For hubs that know none there is --at-most-once.

The id of DATA is written to the standard output, those of lines with --ids; what was
not published, and why, to the standard error.
A line that can be no event keeps no other back; when a request is refused, or has no
answer, nothing behind its lines is sent, and it is said which was the last.

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
    arguments: Namespace, reactor: AnyReactor, terminal: Terminal, client: IAgent | None = None
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
            status.write("each line is an event; Ctrl-D ends them")
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
        status.write(f"not published: {words(problem)}", is_urgent=True)
        return 1
    await output.write(f"{escaped(id)}\n")
    return 0
