"""
The plugin that makes ``twistd ssetwist`` available.
"""

import ast
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase

from ssetwist.server import tap
from twisted.plugins import ssetwist_plugin


class PluginTests(SynchronousTestCase):
    """
    The command that ``twistd --help`` lists.
    """

    def test_command(self) -> None:
        """
        The command has its name, a line of help, and the options and the service of the hub.
        """
        (plugin,) = [one for one in vars(ssetwist_plugin).values() if IPlugin.providedBy(one)]
        self.assertTrue(IServiceMaker.providedBy(plugin))
        self.assertEqual(
            ("ssetwist", "A Server-Sent Events hub."), (plugin.tapname, plugin.description)
        )
        self.assertIs(tap.Options, plugin.options)
        self.assertIs(tap.makeService, plugin.makeService)

    def test_imports(self) -> None:
        """
        The file, which each command of twistd loads, imports nothing of ssetwist.
        """
        tree = ast.parse(Path(ssetwist_plugin.__file__).read_text())
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        self.assertEqual(
            ["from twisted.application.service import ServiceMaker"],
            [ast.unparse(node) for node in imports],
        )
