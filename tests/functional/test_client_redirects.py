"""
The event source and redirects, which it follows as ``fetch`` does.
"""

from ssetwist.errors import NotAnEventStream, SSETwistError
from ssetwist.eventstream import Event
from tests.functional.client_case import ClientCase
from tests.functional.scripted_server import (
    HEAD,
    Connection,
    ReceivedRequest,
    Script,
    ScriptedServer,
    answers,
    answers_and_stays,
    head,
)

#: Number of redirects that ``fetch`` follows.
MOST = 20

SECRETS = {"Authorization": "Bearer secret", "Cookie": "session=secret", "X-Mine": "mine"}


def redirects(status: str, location: str) -> bytes:
    return head(status, location=location)


class Paths:
    """
    A server that has an answer for each path, on any connection, and 404 for all others.
    """

    def __init__(self, **answers: bytes) -> None:
        self.answers = answers

    async def __call__(self, connection: Connection) -> None:
        while True:
            request = await connection.request()
            name = request.target.strip("/") or "start"
            connection.send(self.answers.get(name, head("404 Not Found")))


class RedirectTests(ClientCase):
    """
    Redirects within one origin, or between two.
    """

    stream = HEAD + b"data: here\n\n"

    async def follow(self, script: Script, **options: object) -> list[ReceivedRequest]:
        """
        Request ``/``, wait for the event, and return the requests so far.
        """
        self.server = await self.serve(script)
        source = self.open(self.server.url(), **options)
        self.assertEqual(Event("here"), await source.next())
        self.opened = await source.when_open()
        return self.server.requests

    async def test_all_statuses(self) -> None:
        """
        All redirects are followed in turn; the location may be relative.
        """
        requests = await self.follow(
            Paths(
                start=redirects("301 Moved Permanently", "/a"),
                a=redirects("302 Found", "b"),
                b=redirects("303 See Other", "./c"),
                c=redirects("307 Temporary Redirect", "d"),
                d=redirects("308 Permanent Redirect", "/e"),
                e=self.stream,
            ),
            headers=SECRETS,
        )
        self.assertEqual(["/", "/a", "/b", "/c", "/d", "/e"], [one.target for one in requests])
        self.assertEqual(self.server.url("/e"), self.opened.url)
        for request in requests:
            self.assertEqual(
                SECRETS, {name: request.headers[name] for name in SECRETS}, request.target
            )

    async def test_post(self) -> None:
        """
        After 303 a POST becomes a GET without a body; 307 keeps both.
        """
        for status, expected in (
            ("301 Moved Permanently", ("GET", b"", None)),
            ("302 Found", ("GET", b"", None)),
            ("303 See Other", ("GET", b"", None)),
            ("307 Temporary Redirect", ("POST", b"ask", "text/plain")),
            ("308 Permanent Redirect", ("POST", b"ask", "text/plain")),
        ):
            first, second = await self.follow(
                Paths(start=redirects(status, "/there"), there=self.stream),
                method="POST",
                body=b"ask",
                headers={"Content-Type": "text/plain"},
            )
            self.assertEqual("POST", first.method)
            self.assertEqual(
                expected, (second.method, second.body, second.headers["Content-Type"]), status
            )

    async def test_other_origin(self) -> None:
        """
        Another origin gets no credentials, and neither does the first origin after a redirect back.
        """
        paths, other_paths = Paths(there=self.stream), Paths()
        first, other = await self.serve(paths), await self.serve(other_paths)
        paths.answers["start"] = redirects("307 Temporary Redirect", other.url("/away"))
        other_paths.answers["away"] = redirects("307 Temporary Redirect", first.url("/there"))
        source = self.open(first.url(), headers=SECRETS)
        self.assertEqual(Event("here"), await source.next())
        sent = [*first.requests, *other.requests]
        self.assertEqual(["/", "/there", "/away"], [one.target for one in sent])
        self.assertEqual(
            ["Bearer secret", None, None], [one.headers["Authorization"] for one in sent]
        )
        self.assertEqual(["session=secret", None, None], [one.headers["Cookie"] for one in sent])
        self.assertEqual(["mine"] * 3, [one.headers["X-Mine"] for one in sent])

    async def assert_fails(self, script: Script) -> tuple[SSETwistError, ScriptedServer]:
        server = await self.serve(script)
        problem = await self.assertFailure(self.open(server.url()).next(), SSETwistError)
        for connection in server.connections:
            await self.until(lambda one=connection: one.is_lost, "all connections are closed")
        return problem, server

    async def test_circle(self) -> None:
        """
        A circle of redirects is an error that names it.
        """
        problem, server = await self.assert_fails(
            Paths(start=redirects("302 Found", "/a"), a=redirects("302 Found", "/"))
        )
        self.assertIn("redirect", str(problem))
        self.assertLessEqual(len(server.requests), MOST + 1)

    async def test_too_many(self) -> None:
        """
        More than twenty redirects are an error even without a circle; twenty are followed.
        """

        def chain(length: int) -> Paths:
            paths = {f"p{n}": redirects("302 Found", f"/p{n + 1}") for n in range(length)}
            return Paths(start=paths.pop("p0"), **paths, **{f"p{length}": self.stream})

        self.assertEqual(MOST + 1, len(await self.follow(chain(MOST))))
        _, server = await self.assert_fails(chain(MOST + 1))
        self.assertEqual(MOST + 1, len(server.requests))

    async def test_no_location(self) -> None:
        """
        A redirect to an impossible address is not followed.
        """
        problem, _ = await self.assert_fails(answers_and_stays(head("302 Found")))
        self.assertIsInstance(problem, NotAnEventStream)
        self.assertEqual(302, problem.status)

    async def test_other_scheme(self) -> None:
        """
        A redirect to another scheme than HTTP is not followed.
        """
        for location in ("ftp://127.0.0.1/", "file:///etc/passwd", "data:,x", "http://[", "//"):
            _, server = await self.assert_fails(answers(redirects("302 Found", location)))
            self.assertEqual(1, len(server.requests), location)

    async def test_next_attempt_begins_at_first_url(self) -> None:
        """
        After a permanent redirect the next attempt also begins at the first URL.
        """
        server = await self.serve(
            Paths(
                start=redirects("301 Moved Permanently", "/there"),
                there=HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 12\r\n\r\n")
                + b"data: here\n\n",
            )
        )
        source = self.open(server.url())
        for _ in range(2):
            self.assertEqual(Event("here"), await source.next())
        self.assertEqual(["/", "/there"] * 2, [one.target for one in server.requests][:4])
