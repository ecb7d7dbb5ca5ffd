"""
What ``python -m ssetwist token`` does: explain a token, and make one.
"""

import json
from argparse import Action as Argument
from argparse import ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from .._reactor import AnyReactor
from ..errors import Refused
from ..hub import Everything, Matcher, Matchers, Pattern
from ..mercure.rights import Action, Checks, Rights
from ..mercure.tokens import (
    DEFAULT_LIFETIME,
    KEY_OPTIONS,
    MAX_TOKEN,
    NO_LEGACY,
    Credential,
    CredentialPlace,
    Grant,
    KeyOption,
    SigningKey,
    TokenVerifier,
    algorithms_of,
    hub_url,
    mint_access_token,
    mint_legacy_token,
    moment,
    read_option,
    read_secret,
    token_settings,
)
from ..mercure.topics import MATCHER_TYPES, Template, matcher_of
from ._terminal import Terminal

#: Options of the hub that say nothing of what a token is.
_NOT_OF_TOKENS = {"cookie-name"}

#: For how many seconds a token may be good at most, by a command line: a hundred years.
_MAX_LIFETIME = 100 * 365 * 24 * 3600


def add_check(parser: ArgumentParser) -> None:
    """
    Add what ``token check`` can be told.
    """
    parser.epilog = (
        "The exit status is 0 if it is accepted for one action at least, 1 if it is refused, 2 if "
        "the command line is wrong."
    )
    parser.add_argument(
        "token",
        metavar="TOKEN",
        help="the token; - reads it from the standard input, and keeps it out of the list of "
        "processes",
    )
    parser.add_argument(
        "--action",
        choices=[action.value for action in Action],
        help="for what it is presented; for each for which there is a key unless told otherwise",
    )
    _add(parser, (option for option in KEY_OPTIONS if option.name not in _NOT_OF_TOKENS))
    parser.add_argument(f"--{NO_LEGACY.name}", action="store_true", help=NO_LEGACY.help)


def add_mint(parser: ArgumentParser) -> None:
    """
    Add what ``token mint`` can be told.
    """
    parser.epilog = "The exit status is 0 if it is made, 2 if the command line is wrong."
    _add(
        parser,
        (
            KeyOption(
                "key",
                "where the key is to sign with: env:NAME for an environment variable, file:PATH "
                "or a path for a file; a secret of at least 32 bytes, or a private key as PEM",
            ),
            KeyOption(
                "algorithm",
                "with which algorithm to sign; unless given, HS256 with a secret, and the first "
                "that fits with another key",
            ),
            KeyOption("issuer", "who makes it (iss); the audience unless given; 1.0 only"),
            KeyOption("audience", "the URL of the hub it is for (aud); 1.0 only, which needs it"),
            KeyOption("kid", "what the key is called"),
            KeyOption("subject", "for whom it is (sub); 1.0 only"),
            KeyOption("payload", "what its subscriptions carry, as JSON"),
        ),
    )
    parser.add_argument(
        "--dialect",
        choices=["1.0", "0.x"],
        default="1.0",
        help="for which version of Mercure it is; 1.0 unless told otherwise",
    )
    for action in Action:
        name = action.value
        parser.add_argument(
            f"--{name}",
            action="append",
            metavar="TOPIC",
            help=f"a topic to {name}, to the letter, * for all; with 0.x also a URI template; "
            "repeatable",
        )
        parser.add_argument(
            f"--{name}-urlpattern",
            action="append",
            metavar="PATTERN",
            help=f"a URL pattern of topics to {name}; repeatable; 1.0 only",
        )
    parser.add_argument(
        "--expires-in",
        type=_number_of_seconds,
        default=DEFAULT_LIFETIME,
        metavar="SECONDS",
        help=f"for how long it is good; {DEFAULT_LIFETIME:g} unless told otherwise; 0 for ever, "
        "0.x only",
    )


async def check(arguments: Namespace, reactor: AnyReactor, terminal: Terminal) -> int:
    """
    Explain a token: each check that the hub makes, and what comes of it.

    :param reactor: A clock, and what can connect.  No one interface has both.
    :returns: 0 if it is accepted for something, 1 if it is not.
    :raises ValueError: If the options make no sense.
    """
    settings = token_settings(vars(arguments))
    verifier = settings.verifier(reactor)
    actions = [Action(arguments.action)] if arguments.action else list(Action)
    actions = [action for action in actions if verifier.has_keys(action)]
    if not actions:
        raise ValueError("there is no key to check it with; give --key, for one")
    text = arguments.token
    if text == "-":
        text = terminal.input.read(MAX_TOKEN + 2).strip()
    if not text:
        raise ValueError("TOKEN: it is empty")
    if " " in text:
        raise ValueError("TOKEN: there is a blank in it; give the token alone, without Bearer")
    refused = {}
    verifier.start()
    try:
        for action in actions:
            if why := await _explain(text, action, verifier, terminal):
                refused[action.value] = why
    finally:
        verifier.stop()
    accepted = [action.value for action in actions if action.value not in refused]
    if not refused:
        terminal.say("accepted")
    elif not accepted:
        terminal.say(f"refused: {'; '.join(dict.fromkeys(refused.values()))}")
    else:
        for name in accepted:
            terminal.say(f"accepted to {name}")
        for name, why in refused.items():
            terminal.say(f"refused to {name}: {why}")
    return 0 if accepted else 1


async def mint(arguments: Namespace, reactor: AnyReactor, terminal: Terminal) -> int:
    """
    Make a token, and write it.

    :param reactor: A clock.
    :raises ValueError: If the options make no sense.
    """
    values = {name.replace("_", "-"): value for name, value in vars(arguments).items()}
    key = _signing_key(values)
    payload = read_option(values, "payload", _json)
    lifetime = arguments.expires_in
    if not 0 <= lifetime <= _MAX_LIFETIME:
        raise ValueError(f"--expires-in: it must be a number of seconds up to {_MAX_LIFETIME}")
    if not any(values[name] for action in Action for name in _names(action)):
        raise ValueError("it would allow nothing; give --publish or --subscribe")
    if arguments.dialect == "0.x":
        if arguments.publish_urlpattern or arguments.subscribe_urlpattern:
            raise ValueError("--dialect: 0.x knows no URL patterns")
        if arguments.subject is not None:
            raise ValueError("--subject: a token of 0.x has none")
        token = mint_legacy_token(
            key,
            publish=arguments.publish,
            subscribe=arguments.subscribe,
            payload=payload,
            now=reactor.seconds(),
            lifetime=lifetime or None,
        )
    else:
        audience = read_option(values, "audience", hub_url)
        if audience is None:
            raise ValueError("--audience: a token of 1.0 must have one, the URL of the hub")
        if not lifetime:
            raise ValueError("--expires-in: a token of 1.0 must end")
        token = mint_access_token(
            key,
            _grants(values, payload, audience),
            issuer=arguments.issuer or audience,
            audience=audience,
            now=reactor.seconds(),
            lifetime=lifetime,
            **({} if arguments.subject is None else {"subject": arguments.subject}),
        )
    terminal.say(token)
    return 0


def _add(parser: ArgumentParser, options: Iterable[KeyOption]) -> None:
    for option in options:
        # argparse takes % for a place to fill in.
        help = option.help.replace("%", "%%")
        parser.add_argument(
            f"--{option.name}", action=_Once, help=help, metavar=option.name.upper()
        )


class _Once(Argument):
    """
    An option that has one value.  Of two, argparse takes the second.
    """

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,  # as argparse has it; here always a text
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise ArgumentError(self, "it is there twice; once is all")
        setattr(namespace, self.dest, values)


def _number_of_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds") from None


async def _explain(text: str, action: Action, verifier: TokenVerifier, terminal: Terminal) -> str:
    """
    Write what is found in a token; return why it is refused, or ``""``.
    """
    checks = Checks()
    rights = why = None
    try:
        rights = await verifier.verify(Credential(text, CredentialPlace.HEADER), action, checks)
    except Refused as problem:
        why = problem.reason
    if rights is not None and action is Action.PUBLISH and rights.publish is None:
        why = "it says nothing of publishing"  # as the hub does then
    terminal.say(f"as a token to {action.value}:")
    for done in checks.done:
        terminal.say(f"  {'ok' if done.is_met else 'WRONG'}: {done}")
    if rights is not None:
        for line in _lines(rights, action):
            terminal.say(f"  {line}")
    return why or ""


def _lines(rights: Rights, action: Action) -> list[str]:
    granted = rights.publish if action is Action.PUBLISH else rights.subscribe
    what = "may publish to" if action is Action.PUBLISH else "may see private updates of"
    return [
        f"it is of the {'0.x' if rights.is_legacy else '1.0'} dialect",
        f"it {what}: {'nothing' if granted is None else _texts(granted)}",
        f"it ends: {'never' if rights.expires == inf else moment(rights.expires)}",
        f"its holder is called {rights.identity} in the log",
    ]


def _texts(matchers: Matchers) -> str:
    texts = [ascii(topic) for topic in matchers.exact] + [_text(one) for one in matchers.others]
    return ", ".join(sorted(texts)) or "nothing"


def _text(matcher: Matcher) -> str:
    if isinstance(matcher, Everything):
        return "every topic"
    if isinstance(matcher, Pattern):
        return f"the URL pattern {matcher.pattern!a}"
    if isinstance(matcher, Template):
        return f"the URI template {matcher.template!a}"
    return repr(matcher)  # pragma: no cover  # tokens have no others


def _signing_key(values: dict[str, Any]) -> SigningKey:
    algorithms = read_option(values, "algorithm", algorithms_of)

    def key(source: str) -> SigningKey:
        return SigningKey.of(read_secret(source), algorithms, values["kid"])

    found = read_option(values, "key", key)
    if found is None:
        raise ValueError("--key: a token must be signed; give the key to do it with")
    return found


def _grants(values: dict[str, Any], payload: object, audience: str) -> list[Grant]:
    grants = []
    for action in Action:
        topics = []
        for kind, name in zip(MATCHER_TYPES, _names(action), strict=True):
            for topic in values[name] or ():
                _check_topic(name, kind, topic, audience)
                topics.append((kind, topic))
        if topics:
            carried = payload if action is Action.SUBSCRIBE else None
            grants.append(Grant(action, tuple(topics), carried))
    return grants


def _check_topic(option: str, kind: str, topic: str, audience: str) -> None:
    """
    :raises ValueError: If no hub would take it, with the name of the option.
    """
    if not topic:
        raise ValueError(f"--{option}: it is empty")
    try:
        matcher_of(kind, topic, audience, field=f"--{option}")
    except Refused as problem:
        raise ValueError(problem.reason) from None


def _names(action: Action) -> tuple[str, str]:
    return action.value, f"{action.value}-urlpattern"


def _json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    return found
