"""
A hub that runs as a process: its configuration, its parts, its ports and its stop.

:mod:`ssetwist.server.tap` is the command line of ``twistd ssetwist``.
"""

from ._collector import collect_rarely
from ._config import HubConfig
from ._service import HubService

__all__ = ["HubConfig", "HubService", "collect_rarely"]
