"""
Rights that a token's claims grant, in either dialect.  One mistake rejects the whole token (D5).
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import InvalidMatcher, Refused
from ...matching import NOTHING, Matcher, Matchers, Steps, at_once
from ..topics import DEFAULT_LIMITS, MATCHER_TYPES, Limits, matcher_of, selector_of
from ._checks import invalid_token
from ._rights import Action, Rights, can_be_payload

#: The type of Mercure's authorization details; details of other types are ignored (D2).
DETAIL_TYPE = "https://mercure.rocks/authorization-detail"

#: The claim of the 0.x dialect: its name as a URL, which nobody else can use, and its short name.
LEGACY_CLAIMS = ("https://mercure.rocks/", "mercure")

#: Maximum number of Mercure's authorization details in a token.
MAX_DETAILS = 100

#: Maximum number of topics in one list of rights, in a token of 0.x and in an application's answer.
#: A token has little room for more.
MAX_GRANTED = 1000


def rights_of_details(details: object, base_url: str, limits: Limits = DEFAULT_LIMITS) -> Rights:
    """
    Read the claim ``authorization_details`` (RFC 9396, and D1 to D10).

    :param details: The parsed claim; ``None`` if the token lacks it, which grants nothing.
    :param base_url: The hub's own URL, to which patterns are relative.
    :raises Refused: 401, if the claim breaks a rule.
    """
    return at_once(reading_details(details, base_url, limits))


def reading_details(
    details: object, base_url: str, limits: Limits = DEFAULT_LIMITS
) -> Steps[Rights]:
    """
    Do what :func:`rights_of_details` does, in steps: there may be many patterns to compile.
    """
    if details is None:
        return Rights()
    granted: dict[str, set[Matcher]] = {}
    payloads = []
    count = topics = 0
    for index, detail in enumerate(_list("authorization_details", details)):
        where = f"authorization_details[{index}]"
        if not isinstance(detail, dict):
            raise invalid_token(f"{where} is not an object")
        if detail.get("type") != DETAIL_TYPE:
            continue
        count += 1
        _check_count(f"{where} is one too many", count, MAX_DETAILS)
        actions = _texts(f"{where}.actions", detail.get("actions"))
        entries = _filled(f"{where}.topics", detail.get("topics"))
        topics += len(entries)
        _check_count(f"{where}.topics has too many entries", topics, limits.max_matchers)
        matchers = set()
        for number, entry in enumerate(entries):
            matchers.add(_matcher(f"{where}.topics[{number}]", entry, base_url, limits))
            yield
        for action in actions:
            granted.setdefault(action, set()).update(matchers)
        if Action.SUBSCRIBE.value in actions:
            payload = _payload(f"{where}.payload", detail.get("payload"))
            payloads.append((Matchers.of(matchers), payload))
    publish = granted.get(Action.PUBLISH.value)
    return Rights(
        publish=None if publish is None else Matchers.of(publish),
        subscribe=Matchers.of(granted.get(Action.SUBSCRIBE.value, ())),
        payloads=tuple(payloads),
    )


def rights_of_legacy(
    claims: Mapping[str, Any],  # any JSON value
    limits: Limits = DEFAULT_LIMITS,
) -> Rights:
    """
    Read the claim ``mercure`` of the 0.x dialect (Z3 to Z5).

    :param claims: All claims of the token; without ``mercure`` they grant nothing.
    :raises Refused: 401, if that claim breaks a rule.
    """
    return at_once(reading_legacy(claims, limits))


def reading_legacy(
    claims: Mapping[str, Any],  # any JSON value
    limits: Limits = DEFAULT_LIMITS,
) -> Steps[Rights]:
    """
    Do what :func:`rights_of_legacy` does, in steps: there may be many templates to compile.
    """
    for name in LEGACY_CLAIMS:
        if (claim := claims.get(name)) is not None:
            break
    else:
        return Rights(is_legacy=True)
    if not isinstance(claim, dict):
        raise invalid_token(f"the claim {name} is not an object")
    payload = _payload(f"{name}.payload", claim.get("payload"))
    publish = yield from _selectors(f"{name}.publish", claim.get("publish"), limits)
    subscribe = yield from _selectors(f"{name}.subscribe", claim.get("subscribe"), limits)
    return Rights(
        publish=publish,
        subscribe=subscribe or NOTHING,
        payloads=() if payload is None else ((Matchers.of(selector_of("*")), payload),),
        is_legacy=True,
    )


def _matcher(where: str, entry: object, base_url: str, limits: Limits) -> Matcher:
    if not isinstance(entry, dict):
        raise invalid_token(f"{where} is not an object")
    match, match_type = entry.get("match"), entry.get("match_type", "exact")
    if not isinstance(match, str) or not match:
        raise invalid_token(f"{where}.match is not a string, or empty")
    if not isinstance(match_type, str):
        raise invalid_token(f"{where}.match_type is not a string")
    if match_type not in MATCHER_TYPES:  # also with *, which needs a type that is known (X5)
        raise invalid_token(f"{where}.match_type is not one of {', '.join(MATCHER_TYPES)}")
    return _made(where, lambda: matcher_of(match_type, match, base_url, limits=limits))


def _selectors(where: str, claim: object, limits: Limits) -> Steps[Matchers | None]:
    if claim is None:
        return None
    texts = _list(where, claim)
    _check_count(f"{where} has too many entries", len(texts), MAX_GRANTED)
    matchers = []
    for index, text in enumerate(texts):
        matchers.append(_selector(f"{where}[{index}]", text, limits))
        yield
    return Matchers.of(matchers)


def _selector(where: str, text: object, limits: Limits) -> Matcher:
    if not isinstance(text, str):
        raise invalid_token(f"{where} is not a string")
    return _made(where, lambda: selector_of(text, limits=limits))


def _made(where: str, make: Callable[[], Matcher]) -> Matcher:
    try:
        return make()
    except (Refused, InvalidMatcher) as problem:
        raise invalid_token(f"{where}: {problem}") from problem


def _payload(where: str, payload: object) -> object:
    if not can_be_payload(payload):
        raise invalid_token(f"{where} cannot be written as JSON")
    return payload


def _list(where: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise invalid_token(f"{where} is not an array")
    return value


def _filled(where: str, value: object) -> list[object]:
    if not (entries := _list(where, value)):
        raise invalid_token(f"{where} is empty")
    return entries


def _texts(where: str, value: object) -> list[str]:
    texts = [text for text in _filled(where, value) if isinstance(text, str)]
    if len(texts) != len(_list(where, value)):
        raise invalid_token(f"{where} has something that is not a string")
    return texts


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise invalid_token(f"{what}: at most {limit}")
