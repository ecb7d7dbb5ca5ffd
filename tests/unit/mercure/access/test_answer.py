"""
Whole answers, and refusals as answers.
"""

from collections.abc import Generator

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from ssetwist.errors import Refused
from ssetwist.hub import Streams
from ssetwist.mercure.access import HttpAnswer, answer_to, json_answer
from ssetwist.web import Site
from tests.clock import Clock
from tests.memory import Client

TEXT = "text/plain; charset=utf-8"


class Answering(Resource):
    """
    A resource with one answer to everything.
    """

    isLeaf = True

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__()
        self.answer = answer

    def render(self, request: Request) -> int:
        self.answer.write(request)
        return NOT_DONE_YET


class AnswerTests(SynchronousTestCase):
    """
    Answers as a client gets them.
    """

    def got(self, answer: HttpAnswer, method: str = "GET") -> tuple[str, dict[str, str], str]:
        """
        Return the status line, the headers and the body of an answer.
        """
        clock = Clock()
        client = Client(Site(Answering(answer), streams=Streams(clock)), clock)
        client.request(method=method)
        clock.pump([0] * 5)
        client.close()
        return client.answer

    def test_text(self) -> None:
        """
        An answer has its status with its usual words, its headers, its media type and length, and
        forbids guesses at its type.
        """
        expected = {
            "X-Content-Type-Options": "nosniff",
            "Content-Type": TEXT,
            "Content-Length": "5",
            "X-One": "1",
        }
        answer = HttpAnswer(422, b"text\n", headers={"X-One": "1"})
        self.assertEqual(
            ("HTTP/1.1 422 Unprocessable Entity", expected, "text\n"), self.got(answer)
        )
        status, headers, body = self.got(answer, "HEAD")
        self.assertEqual(
            ("HTTP/1.1 422 Unprocessable Entity", expected, ""), (status, headers, body)
        )

    def test_without_a_body(self) -> None:
        """
        A 204 and a 304 have neither a body nor fields about one.
        """
        for status, words in ((204, "No Content"), (304, "Not Modified")):
            answer = HttpAnswer(status, headers={"ETag": '"a"'})
            expected = {"X-Content-Type-Options": "nosniff", "ETag": '"a"'}
            self.assertEqual((f"HTTP/1.1 {status} {words}", expected, ""), self.got(answer))

    def test_pieces(self) -> None:
        """
        A body in pieces has its media type, and comes in chunks.
        """

        def pieces() -> Generator[bytes, None, None]:
            yield b"[1,"
            yield b"2]"

        status, headers, body = self.got(HttpAnswer(200, pieces(), "application/json"))
        self.assertEqual(("HTTP/1.1 200 OK", "[1,2]"), (status, body))
        self.assertEqual("application/json", headers["Content-Type"])

    def test_json(self) -> None:
        """
        JSON is written in UTF-8 without blanks, with the media type and the headers that were
        given; by default it is ``application/json``, without more headers.
        """
        answer = json_answer({"a": ["é", 1]}, "application/ld+json", {"X-One": "1"})
        self.assertEqual(
            (200, '{"a":["é",1]}'.encode(), "application/ld+json", {"X-One": "1"}),
            (answer.status, answer.body, answer.media_type, answer.headers),
        )
        plain = json_answer({})
        self.assertEqual(("application/json", {}), (plain.media_type, plain.headers))


class RefusalTests(SynchronousTestCase):
    """
    Answers to refused requests.
    """

    def test_text(self) -> None:
        """
        The client gets the text, and not the reason, which is for the log; no cache keeps it.
        """
        answer = answer_to(
            Refused(404, "There is nothing.", reason="secret"), "https://a.example/m"
        )
        self.assertEqual(
            (404, b"There is nothing.\n", TEXT, {"Cache-Control": "no-store"}),
            (answer.status, answer.body, answer.media_type, answer.headers),
        )

    def test_challenge(self) -> None:
        """
        A refusal for want of a token has a challenge that names the metadata.
        """
        answer = answer_to(Refused(401, "A token is needed.", error=""), "https://a.example/m")
        self.assertEqual(
            'Bearer resource_metadata="https://a.example/m"', answer.headers["WWW-Authenticate"]
        )

    def test_retry_after(self) -> None:
        """
        ``Retry-After`` is in whole seconds, never less than the hub wants, and at least 1.
        """
        for seconds, told in ((0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (10.0, "10")):
            answer = answer_to(Refused(503, "Later.", retry_after=seconds), "")
            self.assertEqual(told, answer.headers["Retry-After"], seconds)
