"""
Finding the token in a request.
"""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.tokens._credentials import (
    COOKIE,
    LEGACY_COOKIE,
    Credential,
    CredentialPlace,
    check_cookie_name,
    credential_of,
)

TOKEN = "header." * 3 + "payload.signature-_~+/42=="
OTHER = "another." + TOKEN


def found(
    *authorization: bytes,
    cookies: Sequence[str] = (),
    query: Sequence[str] = (),
    names: Sequence[str] = (COOKIE, LEGACY_COOKIE),
) -> Credential | None:
    """
    Return the credential of a request.
    """
    return credential_of(
        authorization=authorization,
        cookies=[cookie.encode() for cookie in cookies],
        query=query,
        cookie_names=names,
    )


class CredentialTests(SynchronousTestCase):
    """
    Tokens in requests.
    """

    def refusal(self, *authorization: bytes, query: Sequence[str] = ()) -> str:
        """
        Return the reason of a refusal.
        """
        error = self.assertRaises(Refused, found, *authorization, query=query)
        self.assertEqual((400, "invalid_request"), (error.status, error.error))
        self.assertNotIn("payload", error.reason)
        return error.reason

    def test_no_token(self) -> None:
        """
        A request may be without a token.
        """
        self.assertIsNone(found())
        self.assertIsNone(found(cookies=["a=b", "", ";;", COOKIE, f"{COOKIE}=", "x; =y"]))

    def test_header(self) -> None:
        """
        The header has the scheme in any case, any number of blanks, and the token (A1).
        """
        for scheme in ("Bearer ", "bearer ", "BEARER   ", "  Bearer "):
            self.assertEqual(
                Credential(TOKEN, CredentialPlace.HEADER), found(f"{scheme}{TOKEN} ".encode())
            )

    def test_malformed_header(self) -> None:
        """
        Any other header is refused, even beside a good cookie.
        """
        for value in (
            b"",
            b"Bearer",
            b"Bearer ",
            TOKEN.encode(),
            f"Basic {TOKEN}".encode(),
            f"Bearer{TOKEN}".encode(),
            f"Bearer {TOKEN} x".encode(),
            f"Bearer {TOKEN},{TOKEN}".encode(),
            f"Bearer\t{TOKEN}".encode(),
            f"Bearer {TOKEN}\xff".encode("latin-1"),
            f"Bearer x={TOKEN}".encode(),
        ):
            self.assertIn("Bearer, a blank, and a token", self.refusal(value))
            self.assertRaises(Refused, found, value, cookies=[f"{COOKIE}={TOKEN}"])

    def test_two_headers(self) -> None:
        """
        Two headers are refused, even if they are equal.
        """
        value = f"Bearer {TOKEN}".encode()
        self.assertIn("more than one Authorization header", self.refusal(value, value))

    def test_short(self) -> None:
        """
        A text that is too short for a token is refused.
        """
        self.assertIsNotNone(found(b"Bearer " + b"a" * 41))
        self.assertIn("at least 41", self.refusal(b"Bearer " + b"a" * 40))
        self.assertIn("at least 41", self.refusal(query=["a" * 40]))

    def test_cookie(self) -> None:
        """
        A cookie may have the token; its name is compared exactly (A2).
        """
        for cookies in (
            [f"{COOKIE}={TOKEN}"],
            [f"a=b; {COOKIE}={TOKEN}; c=d"],
            ["a=b", f"{COOKIE}={TOKEN}"],
            [f'  {COOKIE} = "{TOKEN}" ;'],
            [f"{LEGACY_COOKIE}={TOKEN}"],
        ):
            self.assertEqual(Credential(TOKEN, CredentialPlace.COOKIE), found(cookies=cookies))
        self.assertIsNone(found(cookies=[f"{COOKIE.lower()}={TOKEN}; x{COOKIE}={TOKEN}"]))

    def test_cookie_names(self) -> None:
        """
        The chosen cookie names count, in their order; if a name is repeated, the first counts.
        """
        cookies = [f"b={OTHER}", f"a={TOKEN}; a={OTHER}"]
        self.assertEqual(
            Credential(TOKEN, CredentialPlace.COOKIE), found(cookies=cookies, names=["a", "b"])
        )
        self.assertEqual(
            Credential(OTHER, CredentialPlace.COOKIE), found(cookies=cookies, names=["b"])
        )
        self.assertIsNone(found(cookies=cookies, names=["c"]))

    def test_empty_cookie(self) -> None:
        """
        An empty cookie, as a logout leaves it, is ignored.
        """
        self.assertEqual(
            Credential(TOKEN, CredentialPlace.COOKIE),
            found(cookies=[f"{COOKIE}=; {COOKIE}={TOKEN}"]),
        )
        self.assertIsNone(found(cookies=[f'{COOKIE}=""']))

    def test_bytes_of_cookie(self) -> None:
        """
        Any bytes in the cookie count as a token; the verifier checks them later.
        """
        credential = credential_of(authorization=[], cookies=[f"{COOKIE}=\xff".encode("latin-1")])
        self.assertEqual(Credential("\xff", CredentialPlace.COOKIE), credential)

    def test_query(self) -> None:
        """
        The URL may have the token (A4).
        """
        self.assertEqual(Credential(TOKEN, CredentialPlace.QUERY), found(query=[TOKEN]))
        self.assertIn("more than one authorization parameter", self.refusal(query=[TOKEN, TOKEN]))

    def test_precedence(self) -> None:
        """
        The header hides the URL, and the URL hides the cookie (A3).
        """
        cookies, query = [f"{COOKIE}={OTHER}"], [OTHER]
        header = f"Bearer {TOKEN}".encode()
        self.assertEqual(
            Credential(TOKEN, CredentialPlace.HEADER), found(header, cookies=cookies, query=query)
        )
        self.assertEqual(
            Credential(TOKEN, CredentialPlace.QUERY), found(cookies=cookies, query=[TOKEN])
        )

    def test_repr(self) -> None:
        """
        The representation of a credential does not show its token.
        """
        self.assertNotIn("header", repr(Credential(TOKEN, CredentialPlace.COOKIE)))

    @given(
        st.lists(st.binary() | st.sampled_from([f"Bearer {TOKEN}".encode()]), max_size=2),
        st.lists(st.binary() | st.sampled_from([b"0=a", b"x=y; 0=b", b"=c"]), max_size=3),
        st.lists(st.text() | st.sampled_from([TOKEN]), max_size=2),
    )
    def test_anything(
        self, authorization: list[bytes], cookies: list[bytes], query: list[str]
    ) -> None:
        """
        Any request is refused with 400, has the token in the first place that has one, or has no
        token.
        """
        try:
            credential = credential_of(
                authorization=authorization,
                cookies=cookies,
                query=query,
                cookie_names=["", "0"],
            )
        except Refused as problem:
            self.assertEqual(400, problem.status)
            self.assertTrue(authorization or query)
            return
        if authorization:
            self.assertEqual(Credential(TOKEN, CredentialPlace.HEADER), credential)
        elif query:
            self.assertEqual(Credential(query[0], CredentialPlace.QUERY), credential)
        elif credential is None:
            self.assertFalse({b"0=a", b"x=y; 0=b", b"=c"} & set(cookies))
        else:
            self.assertIs(CredentialPlace.COOKIE, credential.place)
            self.assertIn(credential.token, b";".join(cookies).decode("latin-1"))


class CookieNameTests(SynchronousTestCase):
    """
    Names of cookies.
    """

    def test_names(self) -> None:
        """
        A cookie's name consists of characters that RFC 6265 allows.
        """
        for name in (COOKIE, LEGACY_COOKIE, "a.b"):
            self.assertEqual(name, check_cookie_name(name))
        for name in ("", "a b", "a=b", "a;b", "ä", "a" * 101, "a\n"):
            self.assertRaises(ValueError, check_cookie_name, name)
