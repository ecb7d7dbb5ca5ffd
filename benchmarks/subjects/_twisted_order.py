"""
``POST /publish`` for the subjects on Twisted.
"""

from collections.abc import Callable

from twisted.internet import reactor
from twisted.web.resource import Resource

from ._order import Order, data


class Publish(Resource):
    """
    Publishes what it is told to.  It answers at once; the events follow, in turns of their own.

    :param publish: Called with the data of each event.
    """

    isLeaf = True

    def __init__(self, publish: Callable[[str], object]) -> None:
        super().__init__()
        self._publish = publish

    def render_POST(self, request):
        query = {name.decode(): values[0].decode() for name, values in request.args.items()}
        order = Order.from_query(query)
        reactor.callLater(0, self._turn, order, order.turns, reactor.seconds())
        return b""

    def _turn(self, order: Order, turns: list[int], began: float) -> None:
        for one in data(order.size, turns.pop(0)):
            self._publish(one)
        if turns:
            due = began + order.pause
            reactor.callLater(max(0, due - reactor.seconds()), self._turn, order, turns, due)
