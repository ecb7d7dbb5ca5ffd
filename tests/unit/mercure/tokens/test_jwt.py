"""
The form of tokens.
"""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.mercure.rights._checks import one_of, shown
from ssetwist.mercure.tokens._jwt import MAX_TOKEN, Token, moment, seconds
from tests.unit.mercure.fake_tokens import SECRET, signed

HEADER = b'{"alg":"HS256"}'


def written(header: bytes = HEADER, payload: bytes = b"{}", signature: bytes = b"x") -> str:
    """
    Return a token of these three parts.
    """
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (header, payload, signature)
    )


class TokenTests(SynchronousTestCase):
    """
    Parsing tokens.
    """

    def test_parts(self) -> None:
        """
        A token has a header, claims and a signature.
        """
        token = Token.parse(written(b'{"alg":"HS256","typ":"JWT"}', b'{"a":1.5}', b"sig"))
        self.assertEqual({"alg": "HS256", "typ": "JWT"}, token.header)
        self.assertEqual({"a": 1.5}, token.claims)
        self.assertEqual(b'{"a":1.5}', token.payload)
        self.assertEqual(b"sig", token.signature)
        self.assertTrue(written(b'{"alg":"HS256","typ":"JWT"}').startswith("eyJ"))

    def test_refused(self) -> None:
        """
        A text that is not a token is refused with a reason that does not repeat it.
        """
        for text, expected in (
            ("", "in 1 part"),
            ("s3cret", "in 1 part"),
            ("a.b", "in 2 parts"),
            ("a.b.c.d.e", "in 5 parts"),
            ("s3cretä.b.c", "not in ASCII"),
            ("s3cret.b.c", "not in base64url"),
            ("..", "not in base64url"),
            (written(b"5"), "its header is not a JSON object"),
            (written(b"[" * 6000), "its header is not a JSON object"),
            (written(b'{"alg":"HS256","crit":["s3cret"],"s3cret":1}'), "extensions (crit)"),
            (written(b'{"alg":"HS256","b64":false,"crit":["b64"]}'), "extensions (crit)"),
            (written(b'{"alg":"HS256","kid":5}'), "not in base64url"),
            (written(payload=b"s3cret"), "without claims"),
            (written(payload=b"[5]"), "without claims"),
            (written(payload=b"[" * 10000), "without claims"),
            (written(payload=b'{"a":"\xff"}'), "without claims"),
            (written(payload='{"a":1}'.encode("utf-16")), "without claims"),
            (written(payload=b'{"exp":Infinity}'), "without claims"),
            (written(payload=b'{"exp":NaN}'), "without claims"),
            (written(payload=b'{"exp":1e999}'), "without claims"),
            (written(payload=b'{"exp":%b}' % (b"9" * 9000)), "without claims"),
            ("." * MAX_TOKEN + ".", "longer than 16384 characters"),
        ):
            error = self.assertRaises(ValueError, Token.parse, text)
            self.assertIn(expected, str(error))
            self.assertNotIn("s3cret", str(error))

    def test_types(self) -> None:
        """
        Types are compared as media types are.
        """
        for typ, expected in (
            ("at+jwt", "at+jwt"),
            ("AT+JWT", "at+jwt"),
            ("application/at+jwt", "at+jwt"),
            ("Application/At+JWT", "at+jwt"),
            ("JWT", "jwt"),
            ("", ""),
            (5, ""),
            (None, ""),
        ):
            header = json.dumps({"alg": "HS256", "typ": typ}).encode()
            self.assertEqual(expected, Token.parse(written(header)).typ)

    def test_dialect(self) -> None:
        """
        A token is of 1.0 if it has the type of 1.0, or a claim that only 1.0 has.
        """
        for typ, payload, expected in (
            ("at+jwt", b"{}", True),
            ("at+jwt", b'{"mercure":{}}', True),
            ("JWT", b'{"authorization_details":[]}', True),
            ("JWT", b'{"authorization_details":null,"mercure":{}}', True),
            ("JWT", b'{"mercure":{}}', False),
            ("JWT", b"{}", False),
        ):
            header = json.dumps({"alg": "HS256", "typ": typ}).encode()
            self.assertEqual(expected, Token.parse(written(header, payload)).is_access_token)

    def test_identity(self) -> None:
        """
        All tokens of an issuer for a subject share an identity; a token without a subject has its
        own.
        """

        def identity(**claims: object) -> str:
            return Token.parse(signed(claims)).identity

        self.assertEqual(
            identity(iss="a", sub="b", exp=1), identity(iss="a", sub="b", exp=2, jti="x")
        )
        self.assertEqual(identity(exp=1), identity(exp=1))
        names = [
            identity(iss="a", sub="b"),
            identity(iss="ab", sub=""),
            identity(iss="a", sub="c"),
            identity(iss="c", sub="b"),
            identity(sub="b"),
            identity(sub=5),
            identity(exp=1),
            identity(exp=2),
            identity(iss="a", sub="b", authorization_details=[]),
        ]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({32}, {len(name) for name in names})

    def test_repr(self) -> None:
        """
        The representation of a token does not show its parts.
        """
        self.assertEqual("Token()", repr(Token.parse(signed({"sub": "s3cret"}, SECRET))))

    @given(st.text(st.sampled_from("abcABC012.-_=ey{}")) | st.text())
    def test_any_text(self, text: str) -> None:
        """
        Any text is a token or refused.
        """
        try:
            Token.parse(text)
        except ValueError:
            return
        self.assertEqual(2, text.count("."))

    @given(st.binary(), st.binary(), st.binary())
    def test_any_parts(self, header: bytes, payload: bytes, signature: bytes) -> None:
        """
        Any three parts are a token or refused.
        """
        try:
            token = Token.parse(written(header, payload, signature))
        except ValueError:
            return
        self.assertEqual(signature, token.signature)


class NumericDateTests(SynchronousTestCase):
    """
    Times in tokens.
    """

    def test_seconds(self) -> None:
        """
        A time is a number; anything else is NaN.
        """
        self.assertEqual(5.0, seconds(5))
        self.assertEqual(5.5, seconds(5.5))
        for value in (None, True, "5", [5], 10**400):
            self.assertNotEqual(seconds(value), seconds(value), value)

    def test_moment(self) -> None:
        """
        A time is shown in the log in a form that people can read.
        """
        for value, expected in (
            (0, "1970-01-01 00:00:00 UTC"),
            (1_800_000_000.5, "2027-01-15 08:00:00 UTC"),
            (None, "missing"),
            ("s3cret", "not a number of seconds"),
            (1e300, "not in the years 1 to 9999"),
            (-1e12, "not in the years 1 to 9999"),
        ):
            self.assertEqual(expected, moment(value))


class ShownTests(SynchronousTestCase):
    """
    Claims in log lines.
    """

    def test_shown(self) -> None:
        """
        A log line shows a claim in ASCII and with a limited length, and only if it is a string.
        """
        for value, expected in (
            ("a", "'a'"),
            ("a\n\x1b\u202e", r"'a\n\x1b\u202e'"),
            ("a" * 100, f"'{'a' * 100}'"),
            ("a" * 101, f"'{'a' * 100}...'"),
            (None, "missing"),
            (5, "a number"),
            (True, "a boolean"),
            (["s3cret"], "an array"),
            ({"s3cret": 1}, "an object"),
        ):
            self.assertEqual(expected, shown(value))

    def test_one_of(self) -> None:
        """
        If many values are expected, the message names only some of them.
        """
        self.assertEqual("'a' or 'b'", one_of(["a", "b"]))
        self.assertTrue(one_of(["a"] * 20).endswith("'a' or 5 others"))
