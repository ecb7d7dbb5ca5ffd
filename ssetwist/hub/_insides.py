"""
Undocumented names of Twisted that this package relies on, each with its reason.

``tests/unit/hub/test_insides.py`` has one test for each, and runs with the oldest supported Twisted
and with the newest.  When one of them fails, mend this file.
"""

import sys
from threading import get_ident

from twisted.python import threadable


def installed_reactor() -> object:
    """
    Return the reactor of this process; ``None`` if none is: an import would install one.
    """
    return sys.modules.get("twisted.internet.reactor")


def is_reactor_elsewhere() -> bool:
    """
    Return true if the reactor runs in another thread than this one.  ``isInIOThread()`` returns the
    same if the reactor does not run at all.
    """
    return threadable.ioThread not in (None, get_ident())
