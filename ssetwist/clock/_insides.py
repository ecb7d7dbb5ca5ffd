"""
Insides of Twisted that this package relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/clock/test_insides.py`` tests them with the
oldest supported Twisted and with the newest.  If it fails, mend this file.
"""

from typing import Any

from twisted.protocols.policies import ProtocolWrapper

from ._steady import reactor_behind


def measure_tls_by(clock: Any, transport: Any) -> None:  # a reactor, or a clock; any transport
    """
    Let a connection with TLS wait by a steady reactor, and not by the one behind.

    TLS collects small writes, and sends them by a timed call of its reactor.  If the time of day is
    set back just before that, they wait for as long, and all that follows them, up to 64 KB.

    Nothing changes without TLS, or if it has another clock.
    """
    while isinstance(transport, ProtocolWrapper):
        collector: Any = getattr(transport, "_aggregator", None)
        if getattr(collector, "_clock", None) is reactor_behind(clock):
            collector._clock = clock
        transport = transport.transport
