"""
Insides of Twisted that this package relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/server/test_insides.py`` tests them with the
oldest supported Twisted and with the newest.  If it fails, mend this file.
"""

from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory

from .._reactor import AnyReactor


class _QuietFactory(_HTTP11ClientFactory):
    noisy = False


def quiet_pool(reactor: AnyReactor) -> HTTPConnectionPool:
    """
    Return a pool that does not log its connections: there may be as many as there are visitors.
    """
    pool = HTTPConnectionPool(reactor)
    pool._factory = _QuietFactory
    return pool
