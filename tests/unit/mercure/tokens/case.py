"""
A verifier for tests, and tokens that it must not trust.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.errors import Refused
from ssetwist.mercure.rights._rights import Action, Rights
from ssetwist.mercure.tokens._credentials import Credential, CredentialPlace
from ssetwist.mercure.tokens._keys import VerificationKey, from_bytes
from ssetwist.mercure.tokens._trust import FixedKeys, Trust
from ssetwist.mercure.tokens._verifier import TokenVerifier
from ssetwist.mercure.topics._limits import Limits
from tests.clock import Clock
from tests.unit.mercure.fake_tokens import HUB, NOW, SECRET, access_token

OTHER = "https://issuer.example"


@dataclass(eq=False)
class ChangingKeys:
    """
    Keys that change when the test says so.
    """

    keys: tuple[VerificationKey, ...] = ()
    problem: str = ""
    sought: "list[Deferred[None]]" = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def seek(self) -> "Deferred[None]":
        """
        Fire when the test says so.
        """
        self.sought.append(Deferred(lambda _: self.calls.append("cancel")))
        return self.sought[-1]

    def start(self) -> None:
        """
        Record the call.
        """
        self.calls.append("start")

    def stop(self) -> None:
        """
        Record the call.
        """
        self.calls.append("stop")


def trust(*contents: bytes) -> Trust:
    """
    Return a trust in these keys, for both actions.
    """
    source = FixedKeys(tuple(from_bytes(content) for content in contents))
    return Trust((source,), (source,))


class VerifierCase(SynchronousTestCase):
    """
    A verifier, with checks of its results.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.verifier = self.make({HUB: trust(SECRET)})

    def make(
        self,
        issuers: Mapping[str, Trust],
        *,
        audience: str | None = HUB,
        legacy: Trust | None = None,
        limits: Limits | None = None,
    ) -> TokenVerifier:
        """
        Return a verifier with these keys.
        """
        more = {} if limits is None else {"limits": limits}
        return TokenVerifier(
            clock=self.clock, audience=audience, issuers=issuers, legacy=legacy, **more
        )

    def rights(
        self,
        token: str,
        action: Action = Action.PUBLISH,
        source: CredentialPlace = CredentialPlace.HEADER,
    ) -> Rights:
        """
        Return the rights of a token.
        """
        return self.successResultOf(self.verifier.verify(Credential(token, source), action))

    def refusal(
        self,
        token: str,
        action: Action = Action.PUBLISH,
        source: CredentialPlace = CredentialPlace.HEADER,
    ) -> str:
        """
        Return the reason why a token is refused; its client always gets the same error.
        """
        failure = self.failureResultOf(
            self.verifier.verify(Credential(token, source), action), Refused
        )
        self.assertEqual(
            (401, "invalid_token", "The token is not accepted."),
            (failure.value.status, failure.value.error, failure.value.text),
        )
        for part in (token, *token.split(".")):
            if len(part) > 10:
                self.assertNotIn(part, failure.value.reason)
                self.assertNotIn(part, failure.getTraceback())
        return failure.value.reason


def resigned(token: str) -> str:
    """
    Return a token with an invalid signature.
    """
    return token.rpartition(".")[0] + "." + "A" * 86


def with_header(header: object) -> str:
    """
    Return a signed token with this header, even one that libraries refuse to write.
    """
    _, claims, _ = access_token().split(".")
    text = f"{encoded(json.dumps(header).encode())}.{claims}"
    return f"{text}.{mac_of(SECRET, text)}"


def mac_of(key: bytes, text: str) -> str:
    return encoded(hmac.digest(key, text.encode(), "sha256"))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
