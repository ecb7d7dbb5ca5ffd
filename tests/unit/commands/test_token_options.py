"""
Every option of ``token check`` and ``token mint``: its effect, and the result without it.
"""

from typing import ClassVar

from ssetwist.__main__ import parse
from ssetwist.mercure import KEY_OPTIONS
from tests.unit.commands.options_case import Effect, OptionsCase
from tests.unit.mercure.fake_tokens import (
    HUB,
    NOW,
    OTHER_SECRET,
    SECRET,
    access_token,
    jwk,
    jwk_set,
    private_key,
    private_pem,
    signed,
)

LONG = SECRET * 2

BOTH = {"mercure": {"publish": ["/a"], "subscribe": ["/a"]}}

KEY, AUDIENCE = "--key=env:KEY", f"--audience={HUB}"


def check(token: str) -> tuple[str, ...]:
    """
    Return the least command line that explains a token.
    """
    return ("token", "check", token)


def granting(*topics: str) -> str:
    """
    Return a token that allows to publish to topics.
    """
    detail = {
        "type": "https://mercure.rocks/authorization-detail",
        "actions": ["publish", "subscribe"],
        "topics": [{"match": topic, "match_type": "exact"} for topic in topics],
    }
    return access_token(authorization_details=[detail])


ANOTHER_KEY = "the signature is made with another key"

CHECK = (
    Effect("token", (KEY,), "status", 2, 1, command=check("x")),
    Effect("token", (KEY,), "status", 2, 0, command=check("-"), input=signed(BOTH)),
    Effect("key", (KEY,), "status", 2, 0),
    Effect(
        "action",
        ("--action=publish",),
        "status",
        0,
        1,
        (KEY,),
        command=check(signed({"mercure": {"subscribe": ["/a"]}})),
    ),
    Effect(
        "action",
        ("--action=subscribe",),
        "last",
        "refused to publish: it says nothing of publishing",
        "accepted",
        (KEY,),
        command=check(signed({"mercure": {"subscribe": ["/a"]}})),
    ),
    *(
        Effect(
            option,
            (f"--{option.replace('_', '-')}=env:OTHER",),
            "status",
            *results,
            beside=(KEY, f"--action={action}"),
            command=check(signed(BOTH, OTHER_SECRET)),
        )
        for option, action, results in (
            ("publisher_key", "publish", (1, 0)),
            ("publisher_key", "subscribe", (1, 1)),
            ("subscriber_key", "publish", (1, 1)),
            ("subscriber_key", "subscribe", (1, 0)),
        )
    ),
    Effect(
        "jwks",
        ("--jwks=env:SET",),
        "status",
        1,
        0,
        (KEY, AUDIENCE),
        command=check(access_token(private_key("P-256"), "ES256")),
    ),
    Effect(
        "algorithm",
        ("--algorithm=HS512",),
        "status",
        1,
        0,
        ("--key=env:LONG",),
        command=check(signed(BOTH, LONG, "HS512")),
    ),
    Effect(
        "issuer",
        ("--issuer=i",),
        "status",
        1,
        0,
        (KEY, AUDIENCE),
        command=check(access_token(iss="i")),
    ),
    Effect("audience", (AUDIENCE,), "status", 1, 0, (KEY,), command=check(access_token())),
    Effect("no_legacy", ("--no-legacy",), "status", 0, 1, (KEY, AUDIENCE)),
    Effect(
        "max_matchers",
        ("--max-matchers=500",),
        "status",
        1,
        0,
        (KEY, AUDIENCE),
        command=check(granting(*(f"/{number}" for number in range(101)))),
    ),
    Effect(
        "max_pattern",
        ("--max-pattern=5000",),
        "status",
        1,
        0,
        (KEY, AUDIENCE),
        command=check(granting("/" + 4096 * "a")),
    ),
)


def details(*rights: tuple[str, str, str], payload: object = None) -> list[dict[str, object]]:
    """
    Return authorization details: one for each action, match type and topic.
    """
    return [
        {
            "type": "https://mercure.rocks/authorization-detail",
            "actions": [action],
            "topics": [{"match": topic, "match_type": kind}],
            **({} if payload is None or action == "publish" else {"payload": payload}),
        }
        for action, kind, topic in rights
    ]


PUBLISH, SUBSCRIBE = ("publish", "exact", "/p"), ("subscribe", "exact", "/s")

#: The least command lines of both dialects.
MINT = ("token", "mint", KEY, AUDIENCE, "--publish=/p", "--subscribe=/s")
LEGACY = ("token", "mint", KEY, "--dialect=0.x", "--publish=/p", "--subscribe=/s")

MINTED = (
    Effect("key", (KEY,), "status", 2, 0, command=("token", "mint", AUDIENCE, "--publish=/p")),
    Effect(
        "algorithm",
        ("--algorithm=HS512",),
        "alg",
        "HS256",
        "HS512",
        command=("token", "mint", "--key=env:LONG", AUDIENCE, "--publish=/p"),
    ),
    Effect("issuer", ("--issuer=i",), "iss", HUB, "i"),
    Effect("audience", (AUDIENCE,), "status", 2, 0, command=("token", "mint", KEY, "--publish=/p")),
    *(
        effect
        for command in (MINT, LEGACY)
        for effect in (
            Effect("kid", ("--kid=k",), "kid", None, "k", command=command),
            Effect("expires_in", ("--expires-in=5",), "exp", NOW + 3600, NOW + 5, command=command),
        )
    ),
    Effect("expires_in", ("--expires-in=0",), "exp", NOW + 3600, None, command=LEGACY),
    Effect("subject", ("--subject=me",), "sub", "ssetwist", "me"),
    Effect(
        "max_matchers",
        ("--max-matchers=103",),
        "status",
        2,
        0,
        command=(*MINT, *(f"--publish=/{number}" for number in range(101))),
    ),
    *(
        Effect(
            "max_pattern",
            ("--max-pattern=4097",),
            "status",
            2,
            0,
            command=(*command, "--publish=/" + 4096 * "a"),
        )
        for command in (MINT, LEGACY)
    ),
    Effect(
        "payload",
        ('--payload={"a":1}',),
        "authorization_details",
        details(PUBLISH, SUBSCRIBE),
        details(PUBLISH, SUBSCRIBE, payload={"a": 1}),
    ),
    Effect(
        "payload",
        ("--payload=[1]",),
        "mercure",
        {"publish": ["/p"], "subscribe": ["/s"]},
        {"publish": ["/p"], "subscribe": ["/s"], "payload": [1]},
        command=LEGACY,
    ),
    Effect(
        "dialect",
        ("--dialect=0.x",),
        "mercure",
        None,
        {"publish": ["/p"]},
        command=("token", "mint", KEY, AUDIENCE, "--publish=/p"),
    ),
    *(
        Effect(
            option,
            (f"--{option.replace('_', '-')}=/t",),
            "authorization_details",
            details(*without),
            details(*with_it),
            command=("token", "mint", KEY, AUDIENCE, *beside),
        )
        for option, beside, without, with_it in (
            ("publish", ["--subscribe=/s"], [SUBSCRIBE], [("publish", "exact", "/t"), SUBSCRIBE]),
            ("subscribe", ["--publish=/p"], [PUBLISH], [PUBLISH, ("subscribe", "exact", "/t")]),
            (
                "publish_urlpattern",
                ["--subscribe=/s"],
                [SUBSCRIBE],
                [("publish", "urlpattern", "/t"), SUBSCRIBE],
            ),
            (
                "subscribe_urlpattern",
                ["--publish=/p"],
                [PUBLISH],
                [PUBLISH, ("subscribe", "urlpattern", "/t")],
            ),
        )
    ),
    *(
        Effect(
            option,
            (f"--{option}=/t",),
            "mercure",
            {"publish": ["/p"], "subscribe": ["/s"]},
            {"publish": ["/p"], "subscribe": ["/s"], option: [first, "/t"]},
            command=LEGACY,
        )
        for option, first in (("publish", "/p"), ("subscribe", "/s"))
    ),
)


class TokenOptionsTests(OptionsCase):
    """
    Options of ``token check`` and ``token mint``.
    """

    environ: ClassVar[dict[str, str]] = {
        "KEY": SECRET.decode(),
        "OTHER": OTHER_SECRET.decode(),
        "LONG": LONG.decode(),
        "PEM": private_pem("P-256").decode(),
        "SET": jwk_set(jwk("P-256")).decode(),
    }

    def test_check(self) -> None:
        """
        Each option of ``token check`` has its effect, and without the option the result is another.
        """
        self.check(check(signed(BOTH)), CHECK)

    def test_options_of_the_hub(self) -> None:
        """
        ``token check`` has the options of the hub that decide about a token, and no others.
        """
        names = {option.name.replace("-", "_") for option in KEY_OPTIONS} - {"cookie_name"}
        found = set(vars(parse(["token", "check", "x"])))
        limits = {"max_matchers", "max_pattern"}
        others = {"no_legacy", "action", "token", "run", "parser"}
        self.assertEqual(names | limits | others, found)

    def test_mint(self) -> None:
        """
        Each option of ``token mint`` has its effect, and without the option the result is another.
        """
        self.check(MINT, MINTED)

    def test_audience(self) -> None:
        """
        A token is minted for its audience, from now on.
        """
        seen = self.see(*MINT)
        self.assertEqual((HUB, NOW, "at+jwt"), (seen.aud, seen.iat, seen.typ))
        self.assertEqual("JWT", self.see(*LEGACY).typ)

    def test_private_key(self) -> None:
        """
        With a private key the algorithm that fits is used.
        """
        seen = self.see("token", "mint", "--key=env:PEM", AUDIENCE, "--publish=/p")
        self.assertEqual("ES256", seen.alg)
