"""
Selectors of the 0.x dialect: a topic, a URI template, or ``*`` for all topics (Z1, Z2).

A URI template makes URLs from values (RFC 6570).  Here it works backwards: it selects the topics
that it could have made from some values.  As in other hubs of that dialect, each expression may
also have made nothing, and the names of variables and prefixes (``{x:3}``) do not matter.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from ...errors import InvalidMatcher, Refused
from ...matching import Everything, Exact, Matcher
from ...matching.routes import MAX_SEGMENTS, Route, Routed, Wild
from ._limits import DEFAULT_LIMITS, Limits

#: Maximum number of expressions of a template.  With more than a few side by side, the states of a
#: match do not fit into its memory, and it is slow: 0.1 ms each for a topic of 4,000 characters.
MAX_EXPRESSIONS = 10

#: Maximum size of a compiled template in bytes, with its cache of states.
_MAX_MEMORY = 128 * 1024

#: One part of a template: literals or an expression (RFC 6570, 2.1 and 2.2).
_PART = re.compile(
    r"(?P<literals>(?:[^\0-\x20\"'%<>\\^`{|}\x7f-\x9f]|%[0-9A-Fa-f]{2})+)"
    r"|\{(?P<operator>[+#./;?&]?)(?P<variables>[^{}]+)\}"
)

#: A variable in an expression; commas separate several (RFC 6570, 2.3 and 2.4).
_VARIABLE = re.compile(
    r"(?:\w|%[0-9A-Fa-f]{2})(?:\.?(?:\w|%[0-9A-Fa-f]{2}))*(?P<modifier>\*|:[1-9][0-9]{0,3})?",
    re.ASCII,
)

_UNRESERVED = r"\-._~0-9A-Za-z"
_RESERVED = r":/?#\[\]@!$&'()*+,;="

#: By operator (RFC 6570, appendix A): the text before the first value, the text between values, and
#: the characters of values.  The text between values is empty if these may have the same character.
_OPERATORS = {
    "": ("", "", _UNRESERVED + ","),
    "+": ("", "", _UNRESERVED + _RESERVED),
    "#": ("#", "", _UNRESERVED + _RESERVED),
    ".": (r"\.", "", _UNRESERVED + ","),
    "/": ("/", "/", _UNRESERVED + ","),
    ";": (";", ";", _UNRESERVED + ",="),
    "?": (r"\?", "&", _UNRESERVED + ",="),
    "&": ("&", "&", _UNRESERVED + ",="),
}


class NotATemplate(InvalidMatcher):
    """
    Text is not a URI template.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, "is not a URI template")


@dataclass(frozen=True, slots=True)
class Template(Routed):
    """
    The topics that a URI template could make, and the template itself as a topic.

    Matching takes time in proportion to the length of the topic.

    :raises InvalidMatcher: If it is not a URI template, or is too expensive to match.
    """

    template: str
    #: Routes of the template as a topic, and of the topics that it could make; or none, if only the
    #: library can match them.
    routes: tuple[Route, ...] = field(init=False, repr=False, compare=False)
    _compiled: Any = field(init=False, repr=False, compare=False)  # the library has no types

    def __post_init__(self) -> None:
        regexp = _regexp_of(self.template)
        routes = _routes_of(self.template)
        object.__setattr__(self, "routes", routes)
        object.__setattr__(self, "_compiled", None if routes else _compile(self.template, regexp))

    def matches(self, topic: str) -> bool:
        if self.routes:
            return any(route.matches(topic) for route in self.routes)
        # Bytes, because for text the library would also count the characters.
        return topic == self.template or self._compiled.fullmatch(topic.encode()) is not None


def _cut(topic: str) -> tuple[str, ...]:
    return tuple(topic.split("/", MAX_SEGMENTS))


class _Value:
    """
    A segment that an expression without an operator could make.
    """

    _MADE = re.compile(f"[{_UNRESERVED},]*(?:%[0-9A-Fa-f]{{2}}[{_UNRESERVED},]*)*")

    def takes(self, segment: str) -> bool:
        return self._MADE.fullmatch(segment) is not None


_VALUE = _Value()


def _routes_of(template: str) -> tuple[Route, ...]:
    """
    Return the routes of a template whose expressions are whole segments, such as
    ``https://example.com/books/{id}``: that of the template itself as a topic, and that of the
    topics that it could make.  Any other has none.
    """
    texts = template.split("/")
    segments: list[str | Wild] = []
    for text in texts:
        part = _PART.fullmatch(text)
        if not text or (part is not None and part["literals"]):
            segments.append(text)
        elif part is None or part["operator"] or "*" in part["variables"]:
            return ()
        else:
            segments.append(_VALUE)
    # Both are the same without an expression.
    routes = dict.fromkeys(Route(_cut, tuple(one)) for one in (texts, segments))
    return tuple(routes) if all(one.is_short for one in routes) else ()


def selector_of(text: str, *, limits: Limits = DEFAULT_LIMITS) -> Matcher:
    """
    Make a matcher from a selector of the 0.x dialect.  Text that is not a URI template is a topic.

    :raises Refused: 400, if it has characters that topics cannot have, or is too expensive to
        match; the error names the parameter ``topic``.
    """
    limits.check_matcher("topic", text)
    if text == "*":
        return Everything()
    try:
        try:
            return Template(text) if "{" in text else Exact(text)
        except NotATemplate:
            return Exact(text)
    except InvalidMatcher as problem:
        raise Refused(400, f"topic: {problem}") from None


@lru_cache(maxsize=256)
def _compile(template: str, regexp: str) -> Any:
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.never_capture = True
    options.log_errors = False  # the library would write them to stderr
    try:
        return re2.compile(regexp, options)
    except re2.error:
        raise InvalidMatcher(template, "is too complex") from None


def _regexp_of(template: str) -> str:
    """
    Return a regular expression for whole topics.

    :raises NotATemplate: If there is none.
    """
    if template.count("{") > MAX_EXPRESSIONS:
        raise InvalidMatcher(template, f"has more than {MAX_EXPRESSIONS} expressions")
    pieces: list[str] = []
    position = 0
    while part := _PART.match(template, position):
        position = part.end()
        if part["literals"]:
            pieces.append(re2.escape(part["literals"]))
            continue
        variables = [_VARIABLE.fullmatch(variable) for variable in part["variables"].split(",")]
        if not all(variables):
            raise NotATemplate(template)
        are_exploded = any(variable and variable["modifier"] == "*" for variable in variables)
        pieces.append(_expression(part["operator"], len(variables), are_exploded))
    if position < len(template):
        raise NotATemplate(template)
    return "".join(pieces)


def _expression(operator: str, count: int, are_exploded: bool) -> str:
    first, between, characters = _OPERATORS[operator]
    if are_exploded:
        characters += "="  # between a name and its value
    value = f"(?:[{characters}]|%[0-9A-Fa-f][0-9A-Fa-f])*"
    more = ""
    if between and (count > 1 or are_exploded):
        times = "*" if are_exploded else f"{{0,{count - 1}}}"
        more = f"(?:{between}{value}){times}"
    return f"(?:{first}{value}{more})?"
