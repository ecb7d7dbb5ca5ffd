"""
``twistd ssetwist`` on endpoints of plugins, which may fail later than Twisted's own, and may never
close.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.functional.support import ROOT, hub, read_to_end, subscribe
from tests.functional.twistd_process import PROPER_END, SILENT

#: An endpoint that fails as soon as there is a file, and one with a port that never closes.
PLUGIN = """
import os

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(IPlugin, IStreamServerEndpointStringParser)
class Failing:
    prefix = "failing"

    def parseStreamServer(self, reactor, path):
        self.reactor, self.path = reactor, path
        return self

    def listen(self, factory):
        return Deferred.fromCoroutine(self.fail())

    async def fail(self):
        while not os.path.exists(self.path):
            await deferLater(self.reactor, 0.01)
        raise OSError("the other process has gone")


@implementer(IPlugin, IStreamServerEndpointStringParser)
class Stuck:
    prefix = "stuck"

    def parseStreamServer(self, reactor):
        self.endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        return self

    def listen(self, factory):
        return self.endpoint.listen(factory).addCallback(self.glue)

    def glue(self, port):
        stop = port.stopListening
        port.stopListening = lambda: stop().addCallback(lambda _: Deferred())
        return port


failing, stuck = Failing(), Stuck()
"""


class EndpointPluginTests(SynchronousTestCase):
    """
    Endpoints of a plugin.
    """

    def setUp(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.file = Path(folder, "file")
        plugins = Path(folder, "twisted", "plugins")
        plugins.mkdir(parents=True)
        (plugins / "failing_and_stuck.py").write_text(PLUGIN)
        path = os.pathsep.join([folder, str(ROOT)])
        self.launcher = ["env", f"PYTHONPATH={path}"]

    def test_fails_later(self) -> None:
        """
        An endpoint that fails after the start ends the process with status 1, and the log says why
        in one line; clients that are connected get the proper end of their streams.
        """
        failing = f"--listen=failing:{self.file}"
        with hub(*SILENT, failing, launcher=self.launcher) as process:
            with subscribe(process) as stream:
                self.file.touch()
                self.assertRegex(b"\r\n" + read_to_end(stream), PROPER_END)
            self.assertEqual(1, process.wait())
        self.assertEqual(1, process.log.count("#critical] cannot listen on 'failing:"), process.log)
        self.assertNotIn("Traceback", process.log)
        self.assertIn("Server Shut Down.", process.log)

    def test_never_closes(self) -> None:
        """
        A port that does not close delays the end of the process by half of the drain time-out, and
        streams end properly.
        """
        short = ("--drain-timeout", "2")
        with hub(*SILENT, *short, listen="stuck", launcher=self.launcher) as process:
            with subscribe(process) as stream:
                process.process.send_signal(signal.SIGTERM)
                self.assertRegex(b"\r\n" + read_to_end(stream), PROPER_END)
            self.assertEqual(0, process.wait())
        self.assertIn("was not closed within 1 s, and may still listen", process.log)
