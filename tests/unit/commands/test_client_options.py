"""
Every option of ``subscribe`` and ``publish``: its effect, and the result without it.
"""

import json
import re
from itertools import repeat

from twisted.internet.error import ConnectionLost, ConnectionRefusedError

from tests.unit.client.fake_hub import Response, SentRequest
from tests.unit.commands.options_case import Effect, OptionsCase

URL = "https://hub.example/hub"

STREAM = {"Content-Type": "text/event-stream"}

#: Two events, the end of their stream, and the end of all attempts.
EVENTS = (Response(200, b"data: x\n\nid: 7\ndata: y\n\n", STREAM), Response(204))

#: A report of a gap, in a stream that goes on.
GAP = (
    Response(
        200, b'event: gap\ndata: {"asked":"1","oldest":"2","newest":"3"}\n\n', STREAM, end=None
    ),
)

#: Three attempts that fail, and the end of all attempts.
FAILURES = (*repeat(ConnectionRefusedError(), 3), Response(204))

X, Y = (
    '{"type": "message", "id": null, "data": "x"}\n',
    '{"type": "message", "id": "7", "data": "y"}\n',
)
TEXT = "message\nx\n\nmessage  7\ny\n\n"

ON_AND_ON = (
    f"connecting to {URL}\nopen\ninterrupted: the server has ended the stream; next attempt in "
)

SUBSCRIBE = (
    Effect("topic", ("--topic=a", "--topic=b"), "url", URL, f"{URL}?match=a&match=b"),
    Effect("pattern", ("--pattern=/:a",), "url", URL, f"{URL}?match_urlpattern=%2F%3Aa"),
    Effect(
        "pattern",
        ("--pattern=/:a", "--pattern=/:b"),
        "url",
        f"{URL}?match=a",
        f"{URL}?match=a&match_urlpattern=%2F%3Aa&match_urlpattern=%2F%3Ab",
        beside=("--topic=a",),
    ),
    Effect(
        "legacy",
        ("--legacy",),
        "url",
        f"{URL}?match=a",
        f"{URL}?topic=a",
        beside=("--topic=a",),
    ),
    Effect(
        "legacy",
        ("--legacy",),
        "url",
        f"{URL}?match_urlpattern=a",
        f"{URL}?topic=a",
        beside=("--pattern=a",),
    ),
    *(
        effect
        for beside in ((), ("--topic=a",), ("--pattern=a",), ("--topic=a", "--legacy"))
        for effect in (
            Effect("token", ("--token=env:TOKEN",), "authorization", None, "Bearer abc", beside),
            Effect("since", ("--since=7",), "last_event_id", None, "7", beside),
        )
    ),
    Effect("json", ("--json",), "output", TEXT, X + Y, is_terminal=True),
    Effect("text", ("--text",), "output", X + Y, TEXT),
    Effect("count", ("--count=1",), "output", X + Y, X),
    Effect("once", ("--once",), "count", 2, 1),
    Effect("once", ("--once",), "count", 4, 1, answers=FAILURES),
    Effect("attempts", ("--attempts=2",), "count", 4, 2, answers=FAILURES),
    Effect("attempts", ("--attempts=3",), "status", 0, 1, answers=FAILURES),
    Effect("quiet", ("--quiet",), "errors", f"connecting to {URL}\nopen\n", "", ("--count=1",)),
)


def take(sent: SentRequest) -> Response:
    """
    Answer a form with an id, and lines of JSON with an id for each.
    """
    if sent.header("Content-Type") != "application/x-ndjson":
        return Response(200, b"urn:1")
    count = sent.body.count(b"\n")
    body = "".join(json.dumps({"id": f"urn:{number}"}) + "\n" for number in range(count))
    return Response(200, body.encode(), {"Content-Type": "application/x-ndjson"})


TAKEN = (take,) * 20

#: A connection that is lost before the answer, and then an answer.
LOST = (ConnectionLost("gone"), take)

#: Fewer failures than there are attempts at most.
REFUSED = tuple(repeat(ConnectionRefusedError("gone"), 30))

DATA = ("--topic=a", "x")
LINES = ("--topic=a",)

PUBLISH = (
    Effect(
        "topic",
        ("--topic=b", "--topic=c"),
        "body",
        "topic=a&data=x",
        "topic=a&topic=b&topic=c&data=x",
        DATA,
    ),
    Effect(
        "topic",
        ("--topic=b",),
        "body",
        '{"topic":"a","data":"x"}\n',
        '{"topic":["a","b"],"data":"x"}\n',
        LINES,
        "x",
    ),
    Effect("data", ("y",), "body", '{"topic":"a","data":"x"}\n', "topic=a&data=y", LINES, "x"),
    Effect("token", ("--token=env:TOKEN",), "authorization", None, "Bearer abc", DATA),
    Effect("token", ("--token=env:TOKEN",), "authorization", None, "Bearer abc", LINES, "x"),
    Effect("private", ("--private",), "body", "topic=a&data=x", "topic=a&data=x&private=on", DATA),
    Effect("type", ("--type=t",), "body", "topic=a&data=x", "topic=a&data=x&type=t", DATA),
    Effect("id", ("--id=7",), "body", "topic=a&data=x", "topic=a&data=x&id=7", DATA),
    Effect("retry", ("--retry=5",), "body", "topic=a&data=x", "topic=a&data=x&retry=5", DATA),
    *(
        Effect(
            option,
            (argument,),
            "body",
            '{"topic":"a","data":"x"}\n',
            '{"topic":"a","data":"x",' + fields + "}\n",
            beside,
            input,
        )
        for option, argument, fields in (
            ("private", "--private", '"private":true'),
            ("type", "--type=t", '"type":"t"'),
            ("retry", "--retry=5", '"retry":5'),
        )
        for beside, input in ((LINES, "x"), ((*LINES, "--json"), '{"data":"x"}'))
    ),
    Effect("key", ("--key=other",), "idempotency_key", "mine", "other", (*DATA, "--key=mine")),
    Effect(
        "json",
        ("--json",),
        "body",
        '{"topic":"a","data":"{\\"data\\":\\"x\\"}"}\n',
        '{"topic":"a","data":"x"}\n',
        LINES,
        '{"data":"x"}',
    ),
    Effect("ids", ("--ids",), "output", "", "urn:0\nurn:1\n", LINES, "x\ny\n"),
    # Without an answer no turn becomes free.
    Effect("in_flight", ("--in-flight=9",), "publications", 1, 9, LINES, "x\n" * 12_000, ()),
    Effect("attempts", ("--attempts=9",), "count", 6, 9, DATA, answers=REFUSED),
    Effect("attempts", ("--attempts=9",), "count", 6, 9, LINES, "x", REFUSED),
    Effect("at_most_once", ("--at-most-once",), "count", 2, 1, DATA, answers=LOST),
    Effect("at_most_once", ("--at-most-once",), "status", 0, 1, LINES, "x", LOST),
    Effect("quiet", ("--quiet",), "errors", "published 1 events in 0.0 s\n", "", LINES, "x"),
)


class SubscribeTests(OptionsCase):
    """
    Options of ``subscribe``.
    """

    def test_every_option(self) -> None:
        """
        Each option of ``subscribe`` has its effect, and without the option the result is another.
        """
        other = "http://other.example/"
        for url in (URL, other):
            self.assertEqual(url, self.see("subscribe", url, answers=EVENTS).url)
        url = Effect("url", (), "url", URL, URL)
        self.check(("subscribe", URL), (url, *SUBSCRIBE), EVENTS)

    def test_interruptions(self) -> None:
        """
        The user is told of a stream that has begun, and of one that was interrupted; with --quiet
        of neither.
        """
        for options in ((), ("--topic=a",), ("--pattern=a",)):
            errors = self.see("subscribe", URL, *options, answers=EVENTS).errors
            self.assertRegex(errors, rf"^{re.escape(ON_AND_ON)}[0-9]+\.[0-9] s\n")
            self.assertEqual(
                "", self.see("subscribe", URL, *options, "--quiet", answers=EVENTS).errors
            )

    def test_gaps(self) -> None:
        """
        Missed events are reported once, also with --quiet, for each kind of subscription.
        """
        for options in ((), ("--topic=a",), ("--pattern=a",)):
            errors = self.see("subscribe", URL, *options, "--quiet", answers=GAP).errors
            self.assertEqual(1, errors.count("events were missed: "), options)

    def test_hint_of_legacy(self) -> None:
        """
        A hub that asks for topics in the way of 0.x leads to a hint, also with --quiet, unless
        --legacy is given or the stream is not one of Mercure.
        """
        answer = Response(400, b'Missing "topic" parameter', {"Content-Type": "text/plain"})
        for options, is_told in (
            (("--topic=a",), True),
            (("--pattern=a",), True),
            (("--topic=a", "--legacy"), False),
            ((), False),
        ):
            for quiet in ((), ("--quiet",)):
                errors = self.see("subscribe", URL, *options, *quiet, answers=(answer,)).errors
                self.assertEqual(is_told, "needs --legacy" in errors, options)

    def test_closed(self) -> None:
        """
        After the last wanted event the connection is closed.
        """
        stream = Response(200, b"data: x\n\n", STREAM, end=None)
        self.assertEqual(
            0, self.see("subscribe", URL, "--count=1", answers=(lambda _: stream,)).status
        )
        self.assertTrue(stream.transport.is_lost)


class PublishTests(OptionsCase):
    """
    Options of ``publish``.
    """

    def test_every_option(self) -> None:
        """
        Each option of ``publish`` has its effect, and without the option the result is another.
        """
        other = "http://other.example/"
        for url in (URL, other):
            self.assertEqual(url, self.see("publish", url, *DATA, answers=TAKEN).url)
        url = Effect("url", (), "url", URL, URL, DATA)
        self.check(("publish", URL), (url, *PUBLISH), TAKEN)

    def test_random_key(self) -> None:
        """
        Without --key each run has another key.
        """
        keys = {self.see("publish", URL, *DATA, answers=TAKEN).idempotency_key for _ in range(2)}
        self.assertEqual(2, len(keys - {None}))

    def test_connections(self) -> None:
        """
        One request is under way at a time, although many lines wait.
        """
        seen = self.see("publish", URL, *LINES, input="x\n" * 3000, answers=TAKEN)
        self.assertEqual((0, 3), (seen.status, seen.count))

    def test_repeated(self) -> None:
        """
        The user is told of an attempt that failed, also when lines are published; with --quiet not.
        """
        for beside, input in ((DATA, ""), (LINES, "x")):
            for quiet, count in (((), 1), (("--quiet",), 0)):
                seen = self.see("publish", URL, *beside, *quiet, input=input, answers=LOST)
                found = re.findall(r"; next attempt in [0-9]+\.[0-9] s\n", seen.errors)
                self.assertEqual(count, len(found), beside)
