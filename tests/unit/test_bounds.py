"""
Bounds: the value of each, and its unit.  Tests of a rule may name its bound; that the bound itself
has the right size is told here.
"""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).resolve().parents[2] / "ssetwist"

#: All bounds, by the module and the name of each.  A change of one that other programs can meet
#: needs a news fragment.
BOUNDS = """
    client.http._connections MAX_HEAD                                256 KiB
    client.http._problems _MAX_SHOWN                                 200 characters
    client.http._redirects MAX_REDIRECTS                              20 redirects
    client.http._sender MAX_COOKIES                                 1000 cookies
    client.http._start_of_body MAX_BYTES                              16 KiB
    client.http._start_of_body MAX_SECONDS                             5 s
    client.mercure._answers _MAX_SHOWN                               300 characters
    client.mercure._bulk MAX_BATCH                                   512 KiB
    client.mercure._bulk MAX_LINES                                  1000 lines
    client.mercure._discovery MAX_RESOURCE                            16 MiB
    client.mercure._discovery _MAX_METADATA                           64 KiB
    client.mercure._link MAX_LINKS                                   256 links
    client.mercure._requests _MAX_ANSWER                              64 KiB
    client.mercure._requests _MAX_LINE_ANSWER                          8 KiB
    commands._lines MAX_LINE                                          16 MiB
    commands._subscribe _MAX_SHOWN                                   300 characters
    commands._token _MAX_LIFETIME                             3153600000 s
    eventstream._event MAX_RETRY                        9007199254740991 ms
    eventstream._parser MAX_EVENT                                     64 MiB
    eventstream._parser MAX_LINE                                      16 MiB
    hub._audience MAX_PREPARED                                         8 events
    hub._fan_out MAX_FLUSH                                          0.01 s
    hub._fan_out MAX_PENDING                                          16 MiB
    hub._fan_out MAX_PENDING_UNHEEDED                                 64 MiB
    hub._hub DEFAULT_LOG_TIMEOUT                                      10 s
    hub._hub MAX_TOPICS                                             1000 topics
    hub._streams DEFAULT_HEARTBEAT                                    15 s
    hub._streams DEFAULT_RECONNECTION_TIME                             3 s
    hub._streams DEFAULT_STALL_TIMEOUT                                20 s
    hub._streams _MAX_PARTS                                           64 parts
    hub._turns MAX_SWEEP                                          0.003 s
    hub._turns MAX_TURN                                            0.003 s
    log._ids MAX_ID                                                  256 characters
    log._memory DEFAULT_MAX_AGE                                     3600 s
    log._memory DEFAULT_MAX_BYTES                                     64 MiB
    log._memory DEFAULT_MAX_COUNT                                  10000 events
    matching._matchers MAX_LENGTH                                  16384 characters
    matching._matchers MAX_PATTERN                                   512 characters
    matching._matchers MAX_REGEXP_PATTERN                           4096 characters
    matching.routes MAX_SEGMENTS                                      20 segments
    matching.routes MAX_TEXT                                         512 characters
    mercure.access._callback MAX_ANSWER_BYTES                         64 KiB
    mercure.access._callback MAX_ASKED                               500 requests
    mercure.access._callback TIMEOUT                                  10 s
    mercure.access._cors _MAX_AGE                                   7200 s
    mercure.access._decision MAX_IDENTITY                            200 characters
    mercure.publishing._idempotency DEFAULT_MAX_ENTRIES            50000 answers
    mercure.publishing._idempotency DEFAULT_TTL                    86400 s
    mercure.publishing._rate DEFAULT_MAX_IDENTITIES                10000 publishers
    mercure.rights._grants MAX_DETAILS                               100 details
    mercure.rights._grants MAX_GRANTED                              1000 topics
    mercure.settings DEFAULT_AUTHORIZE_TIMEOUT                        10 s
    mercure.settings DEFAULT_MAX_BODY                                  1 MiB
    mercure.tokens._jwks MAX_SET_BYTES                                 1 MiB
    mercure.tokens._jwks TIMEOUT                                      10 s
    mercure.tokens._jwt MAX_TOKEN                                  16384 characters
    mercure.tokens._key_set MAX_KEYS                                 100 keys
    mercure.tokens._keys MAX_KEY_BYTES                                64 KiB
    mercure.tokens._mint DEFAULT_LIFETIME                           3600 s
    mercure.topics._pattern MAX_COST                                1800 cost
    mercure.topics._template MAX_EXPRESSIONS                          10 expressions
    mercure.topics._template _MAX_MEMORY                             128 KiB
    mercure.updates._content MAX_ACCEPT                             2000 bytes
    mercure.updates._form MAX_FIELDS                                2000 fields
    mercure.updates._json MAX_LINES                                 1000 lines
    mercure.updates._strict_json MAX_DIGITS                          310 digits
    mercure.updates._strict_json MAX_MARKS                         10000 marks
    mercure.updates._update MAX_TOPIC                                  4 KiB
    mercure.updates._update MAX_TYPE                                 256 characters
    server._assembly _CONNECT_TIMEOUT                                  5 s
    server._line_queue MAX_WAITING                                     1 MiB
    web._response DEFAULT_CLOSE_TIMEOUT                               10 s
    web._start MAX_LAST                                             1000 events
    web._stream DEFAULT_TOPICS_TIMEOUT                                10 s
    web._waiting MAX_WAITING                                         512 KiB
    web.site._access_log MAX_LOGGED                                 2000 bytes
    web.site._body_limits MAX_BODIES                                  64 MiB
    web.site._body_limits MAX_BODY                                    64 KiB
    web.site._connection CLOSE_TIMEOUT                                30 s
    web.site._connection MAX_DISCARDED                                 8 MiB
    web.site._connection_limit MAX_SLOW                               16 connections
    web.site._insides MAX_LENGTH_DIGITS                               20 digits
    web.site._body_limits MAX_FIELDS                                1000 fields
    web.site._body_limits MAX_LINES                                 2000 lines
    web.site._request_head MAX_PARAMETERS                            500 parameters
    web.site._body_limits MAX_PARTS                                  100 parts
    web.site._request_head MAX_SEGMENTS                              100 segments
    web.site._site REQUEST_TIMEOUT                                    30 s
"""

#: Units whose name in a comment is another word, with their size in that word's unit.
UNITS = {
    "KiB": ("bytes", 2**10),
    "MiB": ("bytes", 2**20),
    "s": ("second", 1),
    "ms": ("millisecond", 1),
}

_BOUND = re.compile(r"_?(MAX|DEFAULT)_\w+|(\w+_)?TIMEOUT")


def bounds() -> dict[str, tuple[float, str]]:
    """
    Return all bounds of the package: the value of each, and the comment above it.
    """
    return {
        f"{module.removeprefix('ssetwist.')} {name}": (value, told)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem not in ("__init__", "__main__")
        for module in [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)]
        for name, told in constants(path.read_text(encoding="utf-8"))
        if isinstance(value := getattr(import_module(module), name), int | float)
    }


def constants(source: str) -> Iterator[tuple[str, str]]:
    """
    Yield each name of a bound or a default, and the comment above it, or above the lines that it
    follows.  A second name for the value of another one does not count.
    """
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or isinstance(node.value, ast.Name):
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if not isinstance(target, ast.Name) or not _BOUND.fullmatch(target.id):
            continue
        told: list[str] = []
        above = node.lineno - 2
        while lines[above] and not (told and not lines[above].startswith("#")):
            if lines[above].startswith("#"):
                told.insert(0, lines[above].strip("#: "))
            above -= 1
        yield target.id, " ".join(told)


class BoundTests(SynchronousTestCase):
    """
    Numbers that bound something.
    """

    def setUp(self) -> None:
        self.found = bounds()
        self.listed = {
            f"{module} {name}": (float(number), unit)
            for module, name, number, unit in map(str.split, BOUNDS.strip().splitlines())
        }

    def test_every_bound(self) -> None:
        """
        The list has every bound, and no other name.
        """
        self.assertEqual(set(), self.found.keys() ^ self.listed.keys())

    def test_values(self) -> None:
        """
        Each bound has the value in the list.
        """
        for bound, (number, unit) in self.listed.items():
            size = UNITS.get(unit, (unit, 1))[1]
            self.assertEqual(number * size, self.found[bound][0], bound)

    def test_units(self) -> None:
        """
        The comment above a bound names its unit.
        """
        for bound, (_, unit) in self.listed.items():
            word = UNITS.get(unit, (unit, 1))[0]
            self.assertIn(word, self.found[bound][1].lower(), bound)
