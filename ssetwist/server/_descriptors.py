"""
Descriptors of the process: how many it may have and its reactor can watch, and so how many
connections and subscribers it can serve.

A connection beyond them would wait without an answer, or stop the reactor.
"""

import sys
from dataclasses import dataclass, replace
from math import inf

from .._reactor import AnyReactor
from ..mercure.access import MAX_ASKED
from ..web.site import MAX_SLOW
from ._config import HubConfig
from ._insides import most_descriptors
from ._short_turns import ACCEPTS

#: Descriptors kept for the process itself: its log, its reactor and threads, and servers of keys.
#: Half of them are in use.
_OWN = 31

#: Descriptors kept for each endpoint: its own, and those of connections that it accepts in the turn
#: in which others make room for them.
PER_ENDPOINT = 1 + ACCEPTS

#: Connections kept for requests that are not streams: publications, the page and its polls.
FOR_REQUESTS = 32

#: Descriptors to take if the number of them is not limited.
ENOUGH = 65536

#: Fewer descriptors than these are seldom meant: they are the limit of an old shell.
_FEW = 4096


@dataclass(frozen=True, slots=True)
class Capacity:
    """
    Number of descriptors that a process can use.

    :ivar limit: The limit, and what to do about it, for people.
    """

    descriptors: int
    limit: str

    def fit(self, config: HubConfig) -> tuple[HubConfig, str | None]:
        """
        Bound connections and subscribers of a configuration.

        :returns: The configuration, and a warning if it cannot be what was asked for, or can serve
            fewer clients than is usual.
        """
        # Never 0, which would mean no limit.
        possible = max(2, self.descriptors - reserved(len(config.listen)))
        if config.authorize_url:  # each request to the application takes one as well
            possible = max(2, possible * 2 // 3, possible - MAX_ASKED)
        connections = min(config.max_connections or inf, possible)
        others = min(FOR_REQUESTS, connections // 2)
        subscribers = min(config.max_subscribers or inf, connections - others)
        fitted = replace(config, max_connections=int(connections), max_subscribers=int(subscribers))
        is_refused = config.max_subscribers > subscribers
        if connections == config.max_connections:
            return fitted, _clash(config, others) if is_refused else None
        if not (is_refused or config.max_connections or self.descriptors < _FEW):
            return fitted, None
        asked = f", besides {fitted.max_asked} to the application" if config.authorize_url else ""
        return fitted, (
            f"{connections} connections are possible, {subscribers} of them for subscribers"
            f"{asked}: {self.limit}"
        )


def reserved(endpoints: int) -> int:
    """
    Return the number of descriptors that are not for connections of clients.
    """
    return _OWN + MAX_SLOW + PER_ENDPOINT * endpoints


def _clash(config: HubConfig, others: float) -> str:
    needed = config.max_subscribers + min(FOR_REQUESTS, config.max_subscribers - 1)
    return (
        f"--max-connections {config.max_connections} leaves {config.max_connections - others} for "
        f"subscribers, because {others} are kept for other requests; --max-subscribers "
        f"{config.max_subscribers} needs --max-connections {needed}"
    )


def take_descriptors(reactor: AnyReactor) -> Capacity:
    """
    Take as many descriptors as the process may have, but not more than its reactor can watch.
    """
    watched = most_descriptors(reactor)
    most = ENOUGH if watched is None else watched
    by_reactor = Capacity(
        most,
        f"{type(reactor).__name__} can watch {most} descriptors; choose another reactor (twistd "
        "--reactor=epoll, or poll)",
    )
    if sys.platform == "win32":
        return by_reactor  # Windows does not limit them
    import resource as process_limits  # Unix has it

    soft, hard = process_limits.getrlimit(process_limits.RLIMIT_NOFILE)
    wanted = wanted_descriptors(soft, None if hard == process_limits.RLIM_INFINITY else hard)
    # One more than its reactor can watch would get a number that it cannot watch.
    allowed = min(wanted, most) if watched is not None else wanted
    while allowed != soft:
        try:
            process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (allowed, hard))
            break
        except (OSError, ValueError):  # some systems refuse what getrlimit allows
            allowed = max(soft, allowed // 2)
    if watched is not None and watched < wanted and watched <= allowed:
        return by_reactor
    return Capacity(
        allowed,
        f"this process may open {allowed} files; allow it more (ulimit -n, LimitNOFILE= of "
        "systemd)",
    )


def wanted_descriptors(soft: int, hard: int | None) -> int:
    """
    Return the number of descriptors to ask for.

    :param hard: The number that the process may have; ``None`` for no limit.
    """
    return max(soft, ENOUGH) if hard is None else hard
