"""
Descriptors of the process: how many it may have and its reactor can watch, and so how many
connections and subscribers it can serve.

A connection beyond them would wait without an answer, or stop the reactor.
"""

import sys
from dataclasses import dataclass, replace
from math import inf

from .._reactor import AnyReactor
from ._config import HubConfig
from ._insides import most_descriptors

#: Descriptors kept for everything but connections: listeners, the log, servers of keys, and
#: connections that were accepted in the turn in which others make room for them.
RESERVED = 64

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

        :returns: The configuration, and a warning if it was bounded by more than is usual.
        """
        # Never 0, which would mean no limit.
        possible = max(2, self.descriptors - RESERVED)
        connections = min(config.max_connections or inf, possible)
        others = min(FOR_REQUESTS, connections // 2)
        subscribers = min(config.max_subscribers or inf, connections - others)
        is_refused = config.max_connections > connections or config.max_subscribers > subscribers
        fitted = replace(config, max_connections=int(connections), max_subscribers=int(subscribers))
        if not is_refused and self.descriptors >= _FEW:
            return fitted, None
        return fitted, (
            f"{connections} connections are possible, {subscribers} of them for subscribers: "
            f"{self.limit}"
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
    if watched is not None and watched < wanted:
        # One more would get a number that the reactor cannot watch.
        process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (watched, hard))
        return by_reactor
    if soft != wanted:
        process_limits.setrlimit(process_limits.RLIMIT_NOFILE, (wanted, wanted))
    return Capacity(
        wanted,
        f"this process may open {wanted} files; allow it more (ulimit -n, LimitNOFILE= of systemd)",
    )


def wanted_descriptors(soft: int, hard: int | None) -> int:
    """
    Return the number of descriptors to ask for.

    :param hard: The number that the process may have; ``None`` for no limit, and then some systems
        refuse to set what they allow.
    """
    return max(soft, ENOUGH) if hard is None else hard
