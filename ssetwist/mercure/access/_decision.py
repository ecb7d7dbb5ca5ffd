"""
The application's answer to the question what a request may do.

The application is trusted, but its answer is read strictly.  An invalid answer allows nothing.  An
unknown name makes it invalid: the name may be a misspelled restriction.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from ...errors import Refused
from ...matching import EVERYTHING, NOTHING, Matcher, Matchers, Steps
from ..rights import MAX_GRANTED, Action, Rights, can_be_payload, shown
from ..tokens import seconds
from ..topics import DEFAULT_LIMITS, MATCHER_TYPES, Limits, check_name, matcher_of
from ..updates import JSON, read_object

#: Maximum length of an identity, in characters; each stream keeps it, and writes it to the log.
MAX_IDENTITY = 200

#: Names in an answer.
_NAMES = ("topics", "subscribe", "publish", "expires_in", "identity", "payload")

#: Names in a topic that is an object.
_ENTRY_NAMES = ("match", "match_type")


class InvalidDecision(Exception):
    """
    The application's fault: its answer is invalid.  The message says where, and why.
    """


def reading_decision(
    body: bytes,
    media_type: str | None,
    action: Action,
    *,
    base_url: str,
    now: float,
    limits: Limits = DEFAULT_LIMITS,
) -> Steps[Rights]:
    """
    Read the answer to a request that is allowed, in steps: it may have many patterns to compile.

    An empty answer allows the action: all topics to a publisher, public updates to a subscriber.
    Any other answer names its rights; a value of ``null`` counts as missing:

    - ``topics``: topics to subscribe to, instead of those that the client asked for;
    - ``subscribe``: topics with private updates that the client may also see;
    - ``publish``: topics that the client may publish to;
    - ``expires_in``: seconds until the rights end;
    - ``identity``: a name of the client, for limits and logs;
    - ``payload``: data that is shown with the client's active subscriptions.

    :param media_type: ``None`` without one.  A body that should be JSON, but is empty, is an
        error, because some of it was lost.
    :param action: The action that was asked for.
    :param base_url: The hub's own URL, to which patterns are relative.
    :param now: Seconds since 1970.
    :raises InvalidDecision: If the answer breaks a rule.
    """
    if not body and media_type != JSON:
        return Rights(publish=Matchers.of(EVERYTHING) if action is Action.PUBLISH else None)
    if media_type != JSON:
        raise InvalidDecision(f"it is {media_type or 'without a media type'}; expected {JSON}")
    try:
        answer = read_object(body, "it")
    except ValueError as problem:
        raise InvalidDecision(str(problem)) from None
    _check_names("it", answer, _NAMES)
    granted = []
    for name in _NAMES[:3]:
        granted.append((yield from _matchers(name, answer.get(name), base_url, limits)))
    topics, subscribe, publish = granted
    payload = _payload(answer.get("payload"))
    return Rights(
        publish=publish,
        subscribe=NOTHING if subscribe is None else subscribe,
        expires=now + _seconds(answer.get("expires_in")),
        payloads=() if payload is None else ((Matchers.of(EVERYTHING), payload),),
        topics=topics,
        identity=_identity(answer.get("identity")),
    )


def _matchers(name: str, value: object, base_url: str, limits: Limits) -> Steps[Matchers | None]:
    if value is None:
        return None
    if not isinstance(value, list):
        raise InvalidDecision(f"{name} is not an array")
    if len(value) > MAX_GRANTED:
        raise InvalidDecision(f"{name} has {len(value)} entries; at most {MAX_GRANTED}")
    matchers: list[Matcher] = []
    patterns = 0
    for index, entry in enumerate(value):
        where = f"{name}[{index}]"
        match, match_type = _entry(where, entry)
        # Patterns have a lower limit, that of clients, because they cost more.
        patterns += match_type != "exact"
        if patterns > limits.max_matchers:
            raise InvalidDecision(f"{where} is one pattern too many: at most {patterns - 1}")
        try:
            matchers.append(matcher_of(match_type, match, base_url, field=where, limits=limits))
        except Refused as problem:
            raise InvalidDecision(str(problem)) from problem
        yield
    return Matchers.of(matchers)


def _entry(where: str, entry: object) -> tuple[str, str]:
    if isinstance(entry, dict):
        _check_names(where, entry, _ENTRY_NAMES)
        match, match_type = entry.get("match"), entry.get("match_type", "exact")
        where += ".match"
    else:
        match, match_type = entry, "exact"
    if not isinstance(match, str) or not match:
        raise InvalidDecision(f"{where} is not a string, or empty")
    if not isinstance(match_type, str) or match_type not in MATCHER_TYPES:
        raise InvalidDecision(
            f"{where}_type is {shown(match_type)}; expected {' or '.join(MATCHER_TYPES)}"
        )
    return match, match_type


def _seconds(value: object) -> float:
    if value is None:
        return inf
    found = seconds(value)
    if not 0 < found < inf:
        raise InvalidDecision("expires_in is not a number of seconds above 0")
    return found


def _identity(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidDecision("identity is not a string")
    if len(value) > MAX_IDENTITY:
        raise InvalidDecision(f"identity has more than {MAX_IDENTITY} characters")
    try:
        check_name("identity", value)
    except Refused as problem:
        raise InvalidDecision(str(problem)) from problem
    return value


def _payload(payload: Any) -> Any:  # any JSON value
    if not can_be_payload(payload):
        raise InvalidDecision("payload cannot be written as JSON")
    return payload


def _check_names(where: str, value: Mapping[str, object], names: Iterable[str]) -> None:
    for name in value:
        if name not in names:
            raise InvalidDecision(
                f"{where} has {shown(name)}, which is unknown; known are {', '.join(names)}"
            )
