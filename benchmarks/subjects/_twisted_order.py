"""
``POST /publish`` for the subjects on Twisted.
"""

from collections import deque
from collections.abc import Callable, Iterator

from twisted.internet import reactor
from twisted.web.resource import Resource

from ._order import Order, data, topics


class Publish(Resource):
    """
    Publishes the events of an order.  It answers at once; the events follow in later turns.

    :param publish: Called with the topic of each event and its data.
    """

    isLeaf = True

    def __init__(self, publish: Callable[[str, str], object]) -> None:
        super().__init__()
        self._publish = publish

    def render_POST(self, request):
        query = {name.decode(): values[0].decode() for name, values in request.args.items()}
        order = Order.from_query(query)
        reactor.callLater(
            0, self._turn, order, deque(order.turns), topics(order.topics), reactor.seconds()
        )
        return b""

    def _turn(self, order: Order, turns: deque[int], topics: Iterator[str], began: float) -> None:
        for one in data(order.size, turns.popleft()):
            self._publish(next(topics), one)
        if turns:
            due = began + order.pause
            wait = max(0, due - reactor.seconds())
            reactor.callLater(wait, self._turn, order, turns, topics, due)
