"""
Every error: its base classes, its attributes, and its texts for a person, for the peer and for the
log.
"""

import re

from twisted.trial.unittest import SynchronousTestCase

from ssetwist import errors
from ssetwist.errors import (
    CannotListen,
    Disconnected,
    EventSourceClosed,
    EventTooLarge,
    HeadersUnavailable,
    HubClosed,
    InvalidEvent,
    InvalidMatcher,
    InvalidOption,
    InvalidTopic,
    LogUnavailable,
    NoHub,
    NotAnEventStream,
    NotPublished,
    RedirectRefused,
    Refused,
    SSETwistError,
)

ROOT, FAULT_OF_CALLER = (SSETwistError,), (SSETwistError, ValueError)

ANSWER = {"url": "https://a/", "status": 307, "headers": {"etag": "x"}}

#: An error of each class: what it is, its text, and its attributes.
EXAMPLES: tuple[tuple[SSETwistError, tuple[type, ...], str, dict[str, object]], ...] = (
    (SSETwistError("wrong"), (Exception,), "wrong", {}),
    (
        InvalidEvent("id", "is too long"),
        FAULT_OF_CALLER,
        "id is too long",
        {"field": "id"},
    ),
    (
        InvalidMatcher("/:", "is not a pattern"),
        FAULT_OF_CALLER,
        "'/:' is not a pattern",
        {"matcher": "/:"},
    ),
    (InvalidTopic("a topic is empty"), FAULT_OF_CALLER, "a topic is empty", {}),
    (
        InvalidOption("max_body", "-1 is below 0"),
        FAULT_OF_CALLER,
        "max_body: -1 is below 0",
        {"field": "max_body", "problem": "-1 is below 0"},
    ),
    (
        EventTooLarge("line", 10),
        ROOT,
        "the event stream has a longer line than max_line allows: 10 bytes",
        {"part": "line", "limit": 10},
    ),
    (HubClosed("closed"), ROOT, "closed", {}),
    (
        CannotListen("tcp:80", "it is in use"),
        ROOT,
        "cannot listen on 'tcp:80': it is in use",
        {"endpoint": "tcp:80"},
    ),
    (
        LogUnavailable("the disk is full", retry_after=2.5),
        ROOT,
        "the disk is full",
        {"retry_after": 2.5, "is_uncertain": False},
    ),
    (
        LogUnavailable("late", retry_after=2.5, is_uncertain=True),
        ROOT,
        "late",
        {"retry_after": 2.5, "is_uncertain": True},
    ),
    (
        Refused(400, "too long"),
        ROOT,
        "too long",
        {
            "status": 400,
            "text": "too long",
            "error": None,
            "reason": "too long",
            "retry_after": None,
        },
    ),
    (
        Refused(503, "Later.", error="", reason="the disk is full", retry_after=2.5),
        ROOT,
        "Later.",
        {
            "status": 503,
            "text": "Later.",
            "error": "",
            "reason": "the disk is full",
            "retry_after": 2.5,
        },
    ),
    (Disconnected("lost"), ROOT, "lost", {"is_clean": False}),
    (Disconnected("ended", is_clean=True), ROOT, "ended", {"is_clean": True}),
    (
        NotAnEventStream("has no type", **ANSWER),
        ROOT,
        "https://a/ has no type",
        ANSWER | {"body": b""},
    ),
    (
        NotAnEventStream("has no type", **ANSWER, body=b"x"),
        ROOT,
        "https://a/ has no type",
        ANSWER | {"body": b"x"},
    ),
    (
        RedirectRefused("goes nowhere", **ANSWER, location="/b"),
        (NotAnEventStream,),
        "https://a/ goes nowhere",
        ANSWER | {"body": b"", "location": "/b"},
    ),
    (HeadersUnavailable("failed"), ROOT, "failed", {}),
    (EventSourceClosed("closed"), ROOT, "closed", {}),
    (
        NotPublished("no answer"),
        ROOT,
        "no answer",
        {
            "text": "no answer",
            "status": None,
            "retry_after": None,
            "is_uncertain": False,
            "line": None,
        },
    ),
    (
        NotPublished("later", status=503, retry_after=2.5, is_uncertain=True, line=7),
        ROOT,
        "503 later",
        {
            "text": "later",
            "status": 503,
            "retry_after": 2.5,
            "is_uncertain": True,
            "line": 7,
        },
    ),
    (NoHub("no link", status=200), ROOT, "no link", {"status": 200}),
)


class EveryErrorTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        Each class of errors has an example.
        """
        classes = {one for one in vars(errors).values() if isinstance(one, type)}
        own = {one for one in classes if one.__module__ == errors.__name__}
        self.assertEqual(own, {type(example) for example, *_ in EXAMPLES})

    def test_bases(self) -> None:
        """
        Every error of this package can be caught as one; a fault of the caller is a ``ValueError``
        as well, and no other error is.
        """
        for error, bases, _, _ in EXAMPLES:
            self.assertEqual(bases, type(error).__bases__, error)
            self.assertEqual(ValueError in bases, isinstance(error, ValueError), error)

    def test_attributes(self) -> None:
        """
        An error has a text for a person, and exactly the evidence with which it was made.
        """
        for error, _, text, attributes in EXAMPLES:
            self.assertEqual((text, attributes), (str(error), vars(error)))

    def test_documented(self) -> None:
        """
        Each attribute is described by its class, or by a class from which it is inherited.
        """
        for error, _, _, attributes in EXAMPLES:
            texts = [kind.__doc__ or "" for kind in type(error).__mro__]
            described = re.findall(r":ivar (\w+):", "".join(texts))
            self.assertEqual(set(attributes), set(described), error)


class RefusedTests(SynchronousTestCase):
    def test_reason(self) -> None:
        """
        The log gets the reason, or the text for the peer if there is no other reason.
        """
        self.assertEqual("too long", Refused(400, "too long").reason)
        refused = Refused(401, "The token is not accepted.", reason="it has expired")
        self.assertEqual(("it has expired", 401), (refused.reason, refused.status))
        self.assertEqual("The token is not accepted.", str(refused))


class InvalidOptionTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        An option has its name in Python, and on a command line the one that is typed there.
        """
        problem = InvalidOption("max_body_size", "-1 is not 0 or more")
        self.assertEqual("max_body_size: -1 is not 0 or more", str(problem))
        self.assertEqual("--max-body-size: -1 is not 0 or more", problem.on_command_line)
