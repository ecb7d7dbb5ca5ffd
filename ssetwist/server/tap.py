"""
The command line: what ``twistd ssetwist`` offers and runs.
"""

import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from getopt import GetoptError, getopt
from typing import Any, ClassVar

from OpenSSL.crypto import Error as NoPEM
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

import twisted

from .. import __version__
from ..errors import CannotListen
from ..eventstream import GAP
from ..hub import (
    DEFAULT_HEARTBEAT,
    DEFAULT_RECONNECTION_TIME,
    DEFAULT_STALL_TIMEOUT,
    MAX_TOPICS,
    UnknownCursor,
    WhenBehind,
)
from ..log import DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, DEFAULT_MAX_COUNT
from ..mercure import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_BODY,
    KEY_OPTIONS,
    NO_LEGACY,
    TokenSettings,
    token_settings,
)
from ._collector import collect_rarely
from ._config import DEFAULT_LISTEN, HubConfig
from ._listening import endpoint as endpoint_of
from ._service import HubService

_log = Logger()

#: Descriptors kept for everything but subscribers: listeners, logs, the page and its polls.
_RESERVED_DESCRIPTORS = 64

#: Options that may be there several times.
_REPEATABLE = ("listen", "cors-origin", "publish-origin")

#: Descriptors to take where there is no limit to how many.
_ENOUGH_DESCRIPTORS = 65536


class CannotStart(SystemExit, Exception):
    """
    Ends the process with a status, and without a traceback.  An ``Exception`` too, because only
    of those a daemon tells the process that started it, which would wait for ever otherwise.
    """


class _TwistdService(HubService):
    """
    The same as the one service of a process, which it may speak for.
    """

    _is_stopping = False

    def privilegedStartService(self) -> None:
        # When the reactor runs it has set handlers of its own, which stop it, too, but make twistd
        # end by the signal it got; a supervisor takes that for a failure.
        self._reactor.callWhenRunning(self._take_signals)
        try:
            super().privilegedStartService()
        except CannotListen:
            raise CannotStart(1) from None  # it has been logged, in one line

    def startService(self) -> None:
        super().startService()
        collect_rarely()

    def _take_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, _: object) -> None:
        self._reactor.callFromThread(self._stop_or_cut, signal.Signals(number).name)

    def _stop_or_cut(self, name: str) -> None:
        if self._is_stopping:
            self.abort()
            return
        self._is_stopping = True
        _log.info("received {name}, stopping; once more cuts who is still connected", name=name)
        self._reactor.stop()


def makeService(options: "Options") -> HubService:
    """
    Make what ``twistd ssetwist`` runs.
    """
    from twisted.internet import reactor

    config = options.config
    descriptors = _raise_descriptor_limit()
    if not config.max_subscribers:
        # One more than the process can have would be refused by the kernel, which answers nobody.
        config = replace(config, max_subscribers=max(1, descriptors - _RESERVED_DESCRIPTORS))
    return _TwistdService(reactor, config)


def _raise_descriptor_limit() -> int:
    """
    Take as many descriptors as the process may have, and return how many.  Each stream is one.
    """
    if sys.platform == "win32":
        return 2**31  # there is no such limit
    import resource as process_limits  # Unix has it

    soft, hard = process_limits.getrlimit(process_limits.RLIMIT_NOFILE)
    wanted = _wanted_descriptors(soft, None if hard == process_limits.RLIM_INFINITY else hard)
    if soft != wanted:
        process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (wanted, wanted))
    return wanted


def _wanted_descriptors(soft: int, hard: int | None) -> int:
    """
    Return how many descriptors to ask for.

    :param hard: How many the process may have; ``None`` for no limit, and then some systems refuse
        to set what they allow.
    """
    return max(soft, _ENOUGH_DESCRIPTORS) if hard is None else hard


def _decimal(option: str, unit: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        # float alone also takes digits of other scripts, underscores, "inf" and "nan".
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9}", text):
            raise UsageError(f"--{option}: {text!r} is not a number of {unit}, such as 2.5")
        return float(text)

    return convert


def _seconds(option: str) -> Callable[[str], float]:
    return _decimal(option, "seconds")


def _filled(option: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if not text:
            raise UsageError(f"--{option}: it is empty")
        return text

    return convert


def _number(option: str) -> Callable[[str], int]:
    def convert(text: str) -> int:
        # str.isdigit and int() alone also take digits of other scripts, signs and underscores.
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise UsageError(f"--{option}: {text!r} is not a whole number from 0 to 999999999")
        return int(text)

    return convert


class Options(UsageOptions):
    """
    The command line of ``twistd ssetwist``.
    """

    synopsis = "[options]"
    longdesc = (
        "A Server-Sent Events hub that speaks Mercure: publish and subscribe at "
        "/.well-known/mercure.  Without a key it is for development: everyone on this machine may "
        "do everything.  Where everyone may read, so or with --anonymous, there is a page at / to "
        "try it, and all public events are at /sse.  The exit status is 0 after it was told to "
        "stop, and 1 if it could not start."
    )
    # fmt: off
    optParameters: ClassVar[list[list[Any]]] = [  # as usage.Options wants them
        ["heartbeat", None, DEFAULT_HEARTBEAT,
         "seconds of silence until a comment is sent; 0 for never", _seconds("heartbeat")],
        ["reconnection-time", None, DEFAULT_RECONNECTION_TIME,
         "seconds after which a client that lost its stream comes back",
         _seconds("reconnection-time")],
        ["tick", None, None,
         "seconds between the events of the demonstration; 0 for none; 1 unless there is a key",
         _seconds("tick")],
        ["max-subscribers", None, 0,
         "how many subscribers there may be; 0 for as many as the limit on open files allows",
         _number("max-subscribers")],
        ["max-per-address", None, 0,
         "how many subscribers there may be from one IP address; 0 for no limit (behind a proxy "
         "all have its address)",
         _number("max-per-address")],
        ["stall-timeout", None, DEFAULT_STALL_TIMEOUT,
         "seconds without progress until a client that does not read is cut",
         _seconds("stall-timeout")],
        ["drain-timeout", None, 10.0,
         "seconds after a stop signal until those who do not read are cut",
         _seconds("drain-timeout")],
        ["lifetime", None, 0.0,
         "seconds after which a stream ends and its client resumes, shortened by up to 20% at "
         "random; 0 for never",
         _seconds("lifetime")],
        ["log-events", None, DEFAULT_MAX_COUNT,
         "how many events are kept for those who come back; 0 for none", _number("log-events")],
        ["log-bytes", None, DEFAULT_MAX_BYTES,
         "how many bytes the events that are kept may have together, as they are sent; in memory "
         "they take at least twice that", _number("log-bytes")],
        ["log-age", None, DEFAULT_MAX_AGE,
         "seconds after which an event is forgotten", _seconds("log-age")],
        ["when-behind", None, WhenBehind.DISCONNECT.value,
         "a client that was behind until the log no longer had what it missed: disconnect (it "
         "comes back and is told of the gap), skip (it is told, and goes on with new events) or "
         "latest (it is told; and whenever it is behind, it gets only the newest event of each "
         "topic)"],
        ["unknown-cursor", None, UnknownCursor.LIVE.value,
         "what a client gets whose Last-Event-ID is unknown or too old, after it has been told of "
         "the gap: live (new events) or all (everything that is kept)"],
        ["gap", None, GAP,
         "the type of the event that tells of a gap; empty for no such event"],
        ["flush-threads", None, 0,
         "how many threads send to many clients; 1 for no others, 0 for as many as there are cores",
         _number("flush-threads")],
        *([option.name, None, None, option.help] for option in KEY_OPTIONS),
        ["authorize-url", None, None,
         "the URL of the application, which is asked what a request may do: it gets its cookies "
         "and headers, and allows with a status of 2xx", _filled("authorize-url")],
        ["max-body", None, DEFAULT_MAX_BODY,
         "bytes that the body of a request may have", _number("max-body")],
        ["max-matchers", None, DEFAULT_LIMITS.max_matchers,
         "how many topics or patterns a client may ask for at a time; a pattern that nobody else "
         "asks for takes some 75 KB of memory", _number("max-matchers")],
        ["max-topics", None, MAX_TOPICS,
         f"how many topics an event may have, {MAX_TOPICS} at most", _number("max-topics")],
        ["max-per-token", None, 0,
         "how many streams there may be with one token; 0 for no limit", _number("max-per-token")],
        ["publish-rate", None, 0.0,
         "events a second that each publisher may publish, on the average; 0 for no limit",
         _decimal("publish-rate", "events a second")],
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        ["anonymous", None, "let everyone read what is public; needs no option without a key"],
        ["subscriptions", None,
         "tell those who may know it who is subscribed, by updates and at "
         "/.well-known/mercure/subscriptions; the log keeps these updates too, two for whatever a "
         "client asks for, so that many who come and go want a larger --log-events"],
        [NO_LEGACY.name, None, NO_LEGACY.help],
    ]
    # fmt: on

    def __init__(self) -> None:
        super().__init__()
        for name in _REPEATABLE:
            self[name] = []
        self.config = HubConfig()

    def opt_listen(self, endpoint: str) -> None:
        """
        a Twisted endpoint string to listen on, repeatable [default: tcp:8080:interface=127.0.0.1]
        """
        from twisted.internet import reactor

        try:
            endpoint_of(reactor, endpoint)
        except NoPEM:
            raise UsageError(
                f"--listen: {endpoint!r} needs a key and a certificate as PEM, such as "
                "'ssl:8443:privateKey=key.pem:certKey=cert.pem'; one of them cannot be read"
            ) from None
        except Exception as problem:  # whatever the parser of that kind of endpoint raises
            raise UsageError(
                f"--listen: {endpoint!r} is no endpoint string, such as "
                f"'tcp:8080:interface=127.0.0.1': {problem}"
            ) from None
        self["listen"].append(endpoint)

    def opt_cors_origin(self, origin: str) -> None:
        self["cors-origin"].append(origin)

    # The help has every blank of it, so it may have no lines.
    opt_cors_origin.__doc__ = (
        "whose pages may read what the hub answers, such as https://example.com; with an asterisk "
        "for all subdomains, or as an asterisk alone, for everybody, but without cookies; "
        "repeatable"
    )

    def opt_publish_origin(self, origin: str) -> None:
        """
        whose pages may publish with a cookie, besides the hub's own; repeatable
        """
        self["publish-origin"].append(origin)

    def opt_version(self) -> None:
        """
        Display the versions of ssetwist and of Twisted and exit.
        """
        print(f"ssetwist {__version__}, Twisted {twisted.__version__}")
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        """
        There are only options.
        """
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; all begin with --")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        As in Twisted, but what is wrong is said in one line, without all the help around it.
        """
        options = sys.argv[1:] if options is None else options
        try:
            self._refuse_twice(options)
            super().parseOptions(options)
        except UsageError as problem:
            raise SystemExit(f"twistd ssetwist: {problem}") from None

    def _refuse_twice(self, options: Sequence[str]) -> None:
        """
        Of two values Twisted takes the second.  Of two keys that would be half of what is meant.
        """
        try:
            given, _ = getopt(options, self.shortOpt, self.longOpt)
        except GetoptError as problem:
            raise UsageError(
                f"{problem}; --help lists what there is" if "recognized" in problem.msg else problem
            ) from None
        names = [name.removeprefix("--") for name, _ in given]
        for name, *_ in self.optParameters:
            if names.count(name) > 1:
                raise UsageError(f"--{name}: it is there {names.count(name)} times; once is all")

    def postOptions(self) -> None:
        """
        Make what was asked for into a :class:`HubConfig`.
        """
        values: dict[str, Any] = dict(self)
        tokens = self._tokens()
        for option in (*KEY_OPTIONS, NO_LEGACY):
            del values[option.name]
        for name in _REPEATABLE:
            values[name] = tuple(values[name])
        values["listen"] = values["listen"] or DEFAULT_LISTEN
        values["authorize-url"] = values["authorize-url"] or ""
        for name, _, _ in self.optFlags:
            if name in values:
                values[name] = bool(values[name])
        try:
            self.config = HubConfig(
                tokens=tokens,
                **{name.replace("-", "_"): value for name, value in values.items()},
            )
        except ValueError as problem:
            name, _, rest = str(problem).partition(" ")
            raise UsageError(f"--{name.replace('_', '-')}: {rest}") from None

    def _tokens(self) -> TokenSettings:
        try:
            return token_settings(self)
        except ValueError as problem:
            raise UsageError(str(problem)) from None
