"""
Insides of Twisted that this room relies on, each with its reason.

Twisted does not document these names.  ``tests/unit/hub/test_insides.py`` has one test for each,
which runs with the oldest Twisted that is supported and with the newest.  When one of them fails,
this is the file to mend.
"""

import sys
from threading import get_ident

from twisted.python import threadable


def installed_reactor() -> object:
    """
    Return the reactor of this process; ``None`` while there is none.  To import it would install
    one.
    """
    return sys.modules.get("twisted.internet.reactor")


def is_reactor_elsewhere() -> bool:
    """
    Tell whether the reactor runs in another thread than this one.  ``isInIOThread()`` does not tell
    that from a reactor that does not run.
    """
    return threadable.ioThread not in (None, get_ident())
