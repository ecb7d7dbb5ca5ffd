"""
Servers that are measured, each written as its own users would write it.

A subject listens on a port of 127.0.0.1, streams at ``GET /events`` and publishes on ``POST
/publish?count=COUNT&size=BYTES&burst=EVENTS&pause=MICROSECONDS&topics=COUNT``, see ``_order.py``.
A subject that can do topics streams one of them at ``GET /own?topic=TOPIC``.
"""
