"""
A Mercure hub as a process, tokens that it accepts, and a way to publish to it.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ssetwist.mercure import Action
from ssetwist.mercure.tokens._mint import Grant, SigningKey, mint_access_token, mint_legacy_token
from tests.functional.support import PATIENCE, HubProcess, hub

PATH = "/.well-known/mercure"

#: The URL by which the hub knows itself, wherever it listens.
HUB = f"https://hub.example{PATH}"

#: The secret that signs the tokens.
SECRET = "a secret of thirty-two bytes, and a few more"

#: A topic that tokens grant here, and one that they do not grant.
TOPIC, OTHER_TOPIC = "https://example.com/news", "https://example.com/secrets"

_KEY = SigningKey.of(SECRET.encode())


def access_token(topic: str = TOPIC, lifetime: float = 3600.0) -> str:
    """
    Make a token of 1.0.
    """
    grants = [Grant(action, (("exact", topic),)) for action in Action]
    return mint_access_token(
        _KEY, grants, issuer=HUB, audience=HUB, now=time.time(), lifetime=lifetime
    )


def legacy_token(topic: str = TOPIC, lifetime: float = 3600.0) -> str:
    """
    Make a token of 0.x.
    """
    return mint_legacy_token(
        _KEY, publish=[topic], subscribe=[topic], now=time.time(), lifetime=lifetime
    )


@contextmanager
def mercure_hub(*options: str, port: int = 0, launcher: Sequence[str] = ()) -> Iterator[HubProcess]:
    """
    Run a hub that accepts these tokens, and lets everyone read public updates.
    """
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        key.write_text(SECRET)
        with hub(
            *(
                f"--key=file:{key}",
                f"--audience={HUB}",
                "--anonymous",
                "--reconnection-time=0.1",
                *options,
            ),
            listen=f"tcp:{port}:interface=127.0.0.1",
            launcher=launcher,
        ) as process:
            yield process


def publish(process: HubProcess, data: str, *, private: bool = False, id: str = "") -> str:
    """
    Publish, and return the id.
    """
    fields = {"topic": TOPIC, "data": data}
    if private:
        fields["private"] = "on"
    if id:
        fields["id"] = id
    request = Request(
        url_of(process),
        urlencode(fields).encode(),
        {"Authorization": f"Bearer {access_token()}"},
    )
    try:
        with urlopen(request, timeout=PATIENCE) as response:
            answer: str = response.read().decode()
    except HTTPError as error:
        with error:
            raise AssertionError(f"{error.code} {error.read().decode()}") from None
    return answer


def url_of(process: HubProcess) -> str:
    """
    Return the URL of the hub.
    """
    return f"http://{process.host}:{process.port}{PATH}"
