"""
Answers of a hub to a publication.
"""

from twisted.trial.unittest import SynchronousTestCase

from ssetwist.client.http import WholeResponse
from ssetwist.client.mercure._answers import of_line, read_answers, refusal
from ssetwist.errors import NotPublished
from tests.unit.client.mercure.case import URL


def answer(status: int, body: bytes = b"", **headers: str) -> WholeResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return WholeResponse(status, URL, fields, body)


class RefusalTests(SynchronousTestCase):
    """
    Answers that are not 2xx.
    """

    def test_text(self) -> None:
        """
        The hub's own words are shown, in one line and shortened; a web page or a redirect is named.
        """
        for given, text in (
            (answer(400, b" no\ttopic\n"), "no topic"),
            (answer(400, b"x" * 2000), "x" * 300),
            (answer(400), "without an explanation"),
            (answer(302, b"Found"), "a redirect, which is not followed"),
            (
                answer(404, b"<p>", content_type="text/html; charset=utf-8"),
                "a web page; this is probably not the URL of a hub",
            ),
        ):
            problem = refusal(given, 0, is_uncertain=False)
            self.assertEqual((text, given.status), (problem.text, problem.status))
            self.assertIsNone(problem.line)

    def test_uncertain(self) -> None:
        """
        The update may have been published if the hub broke; not if it refused, or said that it
        takes nothing now.  If an earlier attempt was uncertain, it stays so.
        """
        for status, is_uncertain in ((400, False), (429, False), (500, True), (502, True)):
            for before in (False, True):
                problem = refusal(answer(status), 0, is_uncertain=before)
                self.assertEqual(is_uncertain or before, problem.is_uncertain, status)
        self.assertFalse(refusal(answer(503), 0, is_uncertain=False).is_uncertain)

    def test_retry_after(self) -> None:
        """
        A time to try again may be given in seconds, or as a date.
        """
        for value, seconds in (("7", 7.0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0)):
            problem = refusal(answer(503, retry_after=value), 784111740, is_uncertain=False)
            self.assertEqual(seconds, problem.retry_after)

    def test_of_line(self) -> None:
        """
        A refusal of a request may become that of a line, with all that it says.
        """
        given = NotPublished("no", status=413, retry_after=2.0, is_uncertain=True)
        found = of_line(given, 3)
        self.assertEqual(
            ("no", 413, 2.0, True, 3),
            (found.text, found.status, found.retry_after, found.is_uncertain, found.line),
        )


class LinesTests(SynchronousTestCase):
    """
    Answers to several lines.
    """

    def test_results(self) -> None:
        """
        Each answer belongs to a line that was sent: an id, or a refusal with the line's number from
        1 and a time to try again, if that makes sense.
        """
        body = b'{"id": "urn:1"}\n\n' + b"".join(
            b'{"error": "no\\u001b", "status": 429, "retry_after": %b}\n' % seconds
            for seconds in (b"2.5", b"null", b"-1", b"NaN")
        )
        found = read_answers(answer(200, body), [0, 2, 3, 5, 6])
        self.assertEqual("urn:1", found.pop(0))
        refused = [
            (index, one.line, one.status, one.text, one.retry_after, one.is_uncertain)
            for index, one in found.items()
            if isinstance(one, NotPublished)
        ]
        self.assertEqual(
            [
                (2, 3, 429, "no ", 2.5, False),
                (3, 4, 429, "no ", None, False),
                (5, 6, 429, "no ", None, False),
                (6, 7, 429, "no ", None, False),
            ],
            refused,
        )

    def test_unreadable(self) -> None:
        """
        An answer that does not fit the lines is uncertain: they may all have been published.
        """
        for body in (b"", b"{}", b'{"id": 1}', b'{"id": "a"}\n{"id": "b"}', b"[]", b"\xff", b"1"):
            problem = self.assertRaises(NotPublished, read_answers, answer(200, body), [0])
            self.assertEqual((200, True), (problem.status, problem.is_uncertain), body)
