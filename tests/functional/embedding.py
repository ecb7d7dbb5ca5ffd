"""
An application with a hub in it, on a reactor that is as Twisted made it.  It writes the number of
its port, and ends with its standard input.
"""

import sys

from twisted.application.reactors import installReactor


def main() -> None:
    """
    Run the application on the reactor that the command line names.
    """
    installReactor(sys.argv[1])
    from twisted.internet import reactor

    from ssetwist import HubConfig, HubService

    config = HubConfig(listen=("tcp:0:interface=127.0.0.1",), tick=0, heartbeat=0.3)
    service = HubService(reactor, config)
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    (port,) = service.ports
    print(port.getHost().port, flush=True)
    reactor.callInThread(lambda: sys.stdin.read() or reactor.callFromThread(reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
