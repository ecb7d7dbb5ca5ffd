"""
Command line of ``twistd ssetwist``, and the service that it runs.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from getopt import GetoptError, getopt
from time import monotonic
from typing import Any, ClassVar

from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

import twisted

from .. import __version__
from .._reactor import AnyReactor
from ..errors import CannotListen, InvalidOption
from ..mercure import KEY_OPTIONS, NO_LEGACY, token_settings
from ._collector import collect_rarely
from ._config import HubConfig
from ._descriptors import take_descriptors
from ._exit_status import ExitStatus
from ._insides import measure_by
from ._log_output import check_log_file, never_wait_for_readers
from ._options import described, options_of, read_options
from ._service import HubService
from ._short_turns import shorten_turns

_log = Logger()

#: Options of the configuration, with their names on a command line and their help.
_OPTIONS = [
    (one.name.replace("_", "-"), described(one), option) for one, option in options_of(HubConfig)
]


class CannotStart(SystemExit, Exception):
    """
    Error that ends the process with a status, and without a traceback.

    It is also an ``Exception``: a daemon reports only these to the process that started it, which
    would otherwise wait for ever.
    """


class _TwistdService(HubService):
    """
    The service of a process that runs nothing else, and so may handle its signals and end it.

    :param end_with: Called with the status that the process shall end with, if it is not 0.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        config: HubConfig,
        end_with: Callable[[int], object] = lambda status: None,
    ) -> None:
        super().__init__(reactor, config)
        self._end_with = end_with
        self._is_stopping = False

    def _listen(self) -> None:
        # When the reactor runs it has set handlers of its own.  They also stop it, but make twistd
        # end by the signal it got; a supervisor takes that for a failure.
        self._reactor.callWhenRunning(self._take_signals)
        try:
            super()._listen()  # by privilegedStartService; "python -m twisted" does not call that
        except CannotListen:
            raise CannotStart(1) from None  # the error has been logged, in one line

    def _failed_later(self) -> None:
        # Nothing listens any more, so the process is of no use; a supervisor may start another.
        if not self._is_stopping:
            self._is_stopping = True
            self._end_with(1)
            self._reactor.callWhenRunning(self._reactor.stop)

    def startService(self) -> None:
        super().startService()
        collect_rarely()
        if (turns := shorten_turns(self._reactor)) is not None:
            turns.ports = self._ports

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
        _log.info("received {name}, stopping; a second signal disconnects all clients", name=name)
        self._reactor.stop()


def makeService(options: "Options") -> HubService:
    """
    Make the service that ``twistd ssetwist`` runs.  The reactor measures durations by the monotonic
    clock from now on.
    """
    from twisted.internet import reactor

    measure_by(reactor, monotonic)
    status = ExitStatus()  # first, so that it acts last, when the log is written
    never_wait_for_readers()
    config, warning = take_descriptors(reactor).fit(options.config)
    if warning is not None:
        _log.warn("{text}", text=warning)  # trial takes "warning" for its own
    return _TwistdService(reactor, config, status.be)


class Options(UsageOptions):
    """
    Command line of ``twistd ssetwist``: the options of :class:`HubConfig`, and those of its keys.

    Options that are not given are ``None`` here, because their defaults are in the configuration.
    """

    synopsis = "[options]"
    longdesc = (
        "A Server-Sent Events hub that speaks Mercure: publish and subscribe at "
        "/.well-known/mercure.  Without a key it is for development: everyone on this machine may "
        "do everything.  Without a key, or with --anonymous, everyone may read: then there is a "
        "page at / to try the hub, and all public events are at /sse.  The exit status is 0 after "
        "a signal to stop, and 1 if the hub could not start, or an endpoint failed later."
    )
    optParameters: ClassVar[list[list[Any]]] = [  # as usage.Options wants them
        *([option.name, None, None, option.help] for option in KEY_OPTIONS),
        *([name, None, None, help] for name, help, option in _OPTIONS if option.read),
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        [NO_LEGACY.name, None, NO_LEGACY.help],
        *([name, None, help] for name, help, option in _OPTIONS if not option.read),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.config = HubConfig()
        self._texts: dict[str, list[str]] = {}

    def opt_version(self) -> None:
        """
        Display the versions of ssetwist and of Twisted and exit.
        """
        print(f"ssetwist {__version__}, Twisted {twisted.__version__}")
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise UsageError(f"{arguments[0]!r} is not an option; all options begin with --")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse as Twisted does, but report an error in one line, without all the help around it.
        """
        options = sys.argv[1:] if options is None else options
        try:
            self._collect_texts(options)
            super().parseOptions(options)
        except UsageError as problem:
            raise SystemExit(f"twistd ssetwist: {problem}") from None

    def _collect_texts(self, options: Sequence[str]) -> None:
        """
        Collect all texts of each option, because Twisted keeps the last one only.
        """
        try:
            given, _ = getopt(options, self.shortOpt, self.longOpt)
        except GetoptError as problem:
            raise UsageError(
                f"{problem}; --help lists all options" if "recognized" in problem.msg else problem
            ) from None
        for name, text in given:
            self._texts.setdefault(name.removeprefix("--").replace("-", "_"), []).append(text)
        repeatable = [name for name, _, option in _OPTIONS if option.is_repeatable]
        for name, *_ in self.optParameters:
            count = len(self._texts.get(name.replace("-", "_"), ()))
            if count > 1 and name not in repeatable:  # two keys would be half of what is meant
                raise UsageError(f"--{name}: given {count} times; give it once")

    def postOptions(self) -> None:
        try:
            check_log_file((getattr(self, "parent", None) or {}).get("logfile"))
            values = read_options(HubConfig, self._texts)
            self.config = HubConfig(tokens=token_settings(self), **values)
        except InvalidOption as problem:
            raise UsageError(problem.on_command_line) from None
