"""
``python -m ssetwist token``: explain a token, or make one.
"""

import json
from argparse import Action as Argument
from argparse import ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from .._reactor import AnyReactor
from ..clock import date_of
from ..errors import Refused
from ..matching import Everything, Matcher, Matchers, Pattern
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
from ..mercure.topics import DEFAULT_LIMITS, MATCHER_TYPES, Limits, Template, matcher_of
from ._options import positive
from ._terminal import Terminal

#: Options of the hub that do not matter to a token itself.
_OTHER_OPTIONS = {"cookie-name"}

#: Seconds that a token may be valid, at most: a hundred years.
_MAX_LIFETIME = 100 * 365 * 24 * 3600


def add_check(parser: ArgumentParser) -> None:
    parser.epilog = (
        "The exit status is 0 if the token is accepted for at least one action, 1 if it is "
        "refused, 2 if the command line is wrong."
    )
    parser.add_argument(
        "token",
        metavar="TOKEN",
        help="the token; - reads it from the standard input, so that it is not in the list of "
        "processes",
    )
    parser.add_argument(
        "--action",
        choices=[action.value for action in Action],
        help="the action that the token is for; by default each action that has a key",
    )
    _add(parser, (option for option in KEY_OPTIONS if option.name not in _OTHER_OPTIONS))
    parser.add_argument(f"--{NO_LEGACY.name}", action="store_true", help=NO_LEGACY.help)
    _add_limits(parser)


def add_mint(parser: ArgumentParser) -> None:
    parser.epilog = "The exit status is 0 if a token is made, 2 if the command line is wrong."
    _add(
        parser,
        (
            KeyOption(
                "key",
                "the place of the signing key: env:NAME for an environment variable, file:PATH or "
                "a path for a file; a secret of at least 32 bytes, or a private key as PEM",
            ),
            KeyOption(
                "algorithm",
                "the algorithm of the signature; by default HS256 with a secret, and the first "
                "that fits another key",
            ),
            KeyOption("issuer", "the issuer (iss); by default the audience; 1.0 only"),
            KeyOption("audience", "the URL of the hub (aud); 1.0 only, and required there"),
            KeyOption("kid", "the name of the key"),
            KeyOption("subject", "the holder (sub), by default ssetwist; 1.0 only"),
            KeyOption("payload", "JSON that its subscriptions carry"),
        ),
    )
    parser.add_argument(
        "--dialect",
        choices=["1.0", "0.x"],
        default="1.0",
        help="the version of Mercure; by default 1.0",
    )
    for action in Action:
        name = action.value
        parser.add_argument(
            f"--{name}",
            action="append",
            metavar="TOPIC",
            help=f"an exact topic to {name}, * for all; with 0.x also a URI template; repeatable",
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
        help=f"seconds of validity; by default {DEFAULT_LIFETIME:g}; 0 for ever, 0.x only",
    )
    _add_limits(parser)


async def check(arguments: Namespace, reactor: AnyReactor, terminal: Terminal) -> int:
    """
    Explain a token: each check that the hub makes, and its result.

    :returns: 0 if the token is accepted for an action, 1 if it is not.
    :raises ValueError: If an option is wrong.
    """
    settings = token_settings(vars(arguments))
    verifier = settings.verifier(reactor, limits=_limits(arguments))
    actions = [Action(arguments.action)] if arguments.action else list(Action)
    actions = [action for action in actions if verifier.has_keys(action)]
    if not actions:
        raise ValueError("the check needs a key; give --key, for example")
    text = arguments.token
    if text == "-":
        text = terminal.input.read(MAX_TOKEN + 2).strip()
    if not text:
        raise ValueError("TOKEN: it is empty")
    if " " in text:
        raise ValueError("TOKEN: it contains a space; give the token alone, without Bearer")
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

    :raises ValueError: If an option is wrong.
    """
    values = {name.replace("_", "-"): value for name, value in vars(arguments).items()}
    key = _signing_key(values)
    payload = read_option(values, "payload", _json)
    lifetime, limits = arguments.expires_in, _limits(arguments)
    if not 0 <= lifetime <= _MAX_LIFETIME:
        raise ValueError(f"--expires-in: it must be a number of seconds up to {_MAX_LIFETIME}")
    if not any(values[name] for action in Action for name in _option_names(action)):
        raise ValueError("the token would allow nothing; give --publish or --subscribe")
    if arguments.dialect == "0.x":
        if arguments.publish_urlpattern or arguments.subscribe_urlpattern:
            raise ValueError("--dialect: 0.x does not have URL patterns")
        if arguments.subject is not None:
            raise ValueError("--subject: tokens of 0.x do not have one")
        token = mint_legacy_token(
            key,
            publish=arguments.publish,
            subscribe=arguments.subscribe,
            payload=payload,
            now=date_of(reactor)(),
            lifetime=lifetime or None,
            limits=limits,
        )
    else:
        audience = read_option(values, "audience", hub_url)
        if audience is None:
            raise ValueError("--audience: a token of 1.0 needs it, the URL of the hub")
        if not lifetime:
            raise ValueError("--expires-in: a token of 1.0 must end")
        token = mint_access_token(
            key,
            _grants(values, payload, audience, limits),
            issuer=arguments.issuer or audience,
            audience=audience,
            now=date_of(reactor)(),
            lifetime=lifetime,
            limits=limits,
            **({} if arguments.subject is None else {"subject": arguments.subject}),
        )
    terminal.say(token)
    return 0


def _add(parser: ArgumentParser, options: Iterable[KeyOption]) -> None:
    for option in options:
        # % has a meaning in argparse's help.
        help = option.help.replace("%", "%%")
        parser.add_argument(
            f"--{option.name}", action=_Once, help=help, metavar=option.name.upper()
        )


def _add_limits(parser: ArgumentParser) -> None:
    for name, default, what in (
        ("max-matchers", DEFAULT_LIMITS.max_matchers, "topics or patterns in one token"),
        ("max-pattern", DEFAULT_LIMITS.max_pattern, "bytes of one topic or pattern"),
    ):
        parser.add_argument(
            f"--{name}",
            type=positive,
            default=default,
            metavar="N",
            help=f"the --{name} of the hub: {what}; by default {default}, which is always allowed",
        )


def _limits(arguments: Namespace) -> Limits:
    return Limits(arguments.max_matchers, arguments.max_pattern).of_grants()


class _Once(Argument):
    """
    An option that may be given once.  By default argparse takes the last of several.
    """

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[Any] | None,  # argparse's type; here always str
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise ArgumentError(self, "given twice; give it once")
        setattr(namespace, self.dest, values)


def _number_of_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds") from None


async def _explain(text: str, action: Action, verifier: TokenVerifier, terminal: Terminal) -> str:
    """
    Write what a token says; return the reason why it is refused, or ``""``.
    """
    checks = Checks()
    rights = why = None
    try:
        rights = await verifier.verify(Credential(text, CredentialPlace.HEADER), action, checks)
    except Refused as problem:
        why = problem.reason
    if rights is not None and action is Action.PUBLISH and rights.publish is None:
        why = "it says nothing of publishing"  # the hub refuses it in the same words
    terminal.say(f"as a token to {action.value}:")
    for done in checks.done:
        terminal.say(f"  {'ok' if done.is_met else 'WRONG'}: {done}")
    if rights is not None:
        for line in _rights_lines(rights, action):
            terminal.say(f"  {line}")
    return why or ""


def _rights_lines(rights: Rights, action: Action) -> list[str]:
    granted = rights.publish if action is Action.PUBLISH else rights.subscribe
    what = "may publish to" if action is Action.PUBLISH else "may see private updates of"
    return [
        f"dialect: {'0.x' if rights.is_legacy else '1.0'}",
        f"it {what}: {'nothing' if granted is None else _describe_all(granted)}",
        f"it ends: {'never' if rights.expires == inf else moment(rights.expires)}",
        f"name of its holder in the log: {rights.identity}",
    ]


def _describe_all(matchers: Matchers) -> str:
    texts = [*map(ascii, matchers.exact), *map(_describe, matchers.others)]
    return ", ".join(sorted(texts)) or "nothing"


def _describe(matcher: Matcher) -> str:
    if isinstance(matcher, Everything):
        return "every topic"
    if isinstance(matcher, Pattern):
        return f"the URL pattern {matcher.pattern!a}"
    if isinstance(matcher, Template):
        return f"the URI template {matcher.template!a}"
    return repr(matcher)  # pragma: no cover  # not in tokens


def _signing_key(values: dict[str, Any]) -> SigningKey:
    algorithms = read_option(values, "algorithm", algorithms_of)

    def key(source: str) -> SigningKey:
        return SigningKey.of(read_secret(source), algorithms, values["kid"])

    found = read_option(values, "key", key)
    if found is None:
        raise ValueError("--key: the token must be signed; give the key")
    return found


def _grants(values: dict[str, Any], payload: object, audience: str, limits: Limits) -> list[Grant]:
    grants = []
    for action in Action:
        topics = []
        for kind, name in zip(MATCHER_TYPES, _option_names(action), strict=True):
            for topic in values[name] or ():
                _check_topic(name, kind, topic, audience, limits)
                topics.append((kind, topic))
        if topics:
            carried = payload if action is Action.SUBSCRIBE else None
            grants.append(Grant(action, tuple(topics), carried))
    return grants


def _check_topic(option: str, kind: str, topic: str, audience: str, limits: Limits) -> None:
    if not topic:
        raise ValueError(f"--{option}: it is empty")
    try:
        matcher_of(kind, topic, audience, field=f"--{option}", limits=limits)
    except Refused as problem:
        raise ValueError(problem.reason) from None


def _option_names(action: Action) -> tuple[str, str]:
    return action.value, f"{action.value}-urlpattern"


def _json(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    return found
