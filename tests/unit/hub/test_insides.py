"""
Assumptions of :mod:`ssetwist.hub._insides` about Twisted, checked with Twisted itself.
"""

import sys
from threading import Thread, get_ident

from twisted.python import threadable
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.hub._insides import installed_reactor, is_reactor_elsewhere


class ThreadTests(SynchronousTestCase):
    """
    The thread of the reactor.
    """

    def test_no_reactor_runs(self) -> None:
        """
        ``ioThread`` is ``None`` until a reactor runs; no thread counts as another one then.
        """
        self.patch(threadable, "ioThread", None)
        self.assertFalse(is_reactor_elsewhere())

    def test_registered(self) -> None:
        """
        The thread in which a reactor begins to run is the one that ``registerAsIOThread`` notes,
        numbered like ``get_ident``.
        """
        self.patch(threadable, "ioThread", None)
        threadable.registerAsIOThread()
        self.assertEqual(get_ident(), threadable.ioThread)
        self.assertFalse(is_reactor_elsewhere())
        seen: list[bool] = []
        thread = Thread(target=lambda: seen.append(is_reactor_elsewhere()))
        thread.start()
        thread.join()
        self.assertEqual([True], seen)


class ReactorTests(SynchronousTestCase):
    """
    The reactor of the process.
    """

    def test_installed(self) -> None:
        """
        The module that ``import`` finds under the reactor's name is the reactor.
        """
        from twisted.internet import reactor

        self.assertIs(reactor, installed_reactor())

    def test_looking_installs_nothing(self) -> None:
        """
        A process that has looked for its reactor can still choose one.
        """
        self.patch(sys, "modules", {"sys": sys})
        self.assertIsNone(installed_reactor())
        self.assertNotIn("twisted.internet.reactor", sys.modules)
