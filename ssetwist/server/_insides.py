"""
Insides of Twisted that this room relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/server/test_insides.py`` has a test that runs
with the oldest Twisted that is supported and with the newest.  When it fails, this is the file to
mend.
"""

from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory

from .._reactor import AnyReactor


class _QuietFactory(_HTTP11ClientFactory):
    noisy = False


def quiet_pool(reactor: AnyReactor) -> HTTPConnectionPool:
    """
    Return a pool that says nothing of each connection that it makes: there may be as many as there
    are visitors.
    """
    pool = HTTPConnectionPool(reactor)
    pool._factory = _QuietFactory
    return pool
